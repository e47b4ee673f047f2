//! What holds for any payload: the body of a fuzz target in `protocols/fuzz`.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Codec, ContentLimits, DispatchError, Json, JsonValue, MsgPack, MsgPackValue, Protocol,
    ProtocolId, Registry, Sproto,
};
use crate::sproto::Schema;

/// A message of a typed protocol, with everything that serde treats by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields mean nothing")]
pub enum Typed {
    Unit,
    Text(String),
    Pair(u8, Option<bool>),
    Fields { name: String, numbers: Vec<i32>, inner: Option<Box<Typed>>, nothing: Vec<()> },
}

/// Numbers of the typed protocols.
const TYPED_MSGPACK: ProtocolId = ProtocolId(16);
const TYPED_JSON: ProtocolId = ProtocolId(17);

/// What was read under any limits is within these.
const WIDEST: ContentLimits =
    ContentLimits { bytes_max: usize::MAX, depth_max: u32::MAX, values_max: u32::MAX };

fn schema() -> Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    let text = ".All { integer 0 : integer text 1 : string all 2 : *All numbers 3 : *double }";
    let parse = || Arc::new(Schema::parse(text).expect("the text is a schema"));
    Arc::clone(SCHEMA.get_or_init(parse))
}

/// Reads the bytes as a client's payload under limits that the first bytes choose. What is read is
/// within them, and comes back when it is written and read again.
pub fn custom(data: &[u8]) {
    let Some((&[low, high, depth, values], payload)) = data.split_first_chunk() else { return };
    let limits = ContentLimits {
        bytes_max: usize::from(u16::from_le_bytes([low, high])),
        depth_max: u32::from(depth),
        values_max: u32::from(values),
    };
    let mut called = 0;
    let payload = Bytes::copy_from_slice(payload);
    let id = payload.first().copied().map(ProtocolId);
    match (registry(limits).dispatch_payload(&mut called, &payload), id) {
        (Ok(()), Some(_)) => assert_eq!(called, 1, "one message, one call"),
        (Err(DispatchError::Empty), None) => assert_eq!(called, 0),
        (Err(DispatchError::Unknown { id: unknown }), Some(id)) => {
            assert!(unknown == id && called == 0);
            assert!((4..16).contains(&id.0) || id.0 > 17, "the others are registered");
        }
        (Err(error @ DispatchError::Unpack { .. }), Some(id)) => {
            assert!(id != ProtocolId::RAW && called == 0);
            assert!(error.to_string().starts_with(&format!("{id} (")));
        }
        (result, id) => panic!("{result:?} of {id:?}"),
    }
}

fn registry(limits: ContentLimits) -> Registry<u32, ()> {
    let mut registry = Registry::new();
    let sproto = Sproto::new(schema(), "All", limits).expect("the schema has it");
    let (values, depth) = (u64::from(limits.values_max), limits.depth_max);
    let registered = [
        registry.register(Protocol::raw(), |called: &mut u32, _| *called += 1),
        registry.register(Protocol::msgpack_with(MsgPack::new(limits)), move |called, it| {
            *called += 1;
            assert!(within_msgpack(&it, depth) <= values);
            comes_back(&MsgPack::new(WIDEST), &it);
        }),
        registry.register(Protocol::json_with(Json::new(limits)), move |called, it| {
            *called += 1;
            assert!(within_json(&it, depth) <= values);
            comes_back(&Json::new(WIDEST), &it);
        }),
        registry.register(Protocol::sproto(sproto.clone()), move |called, it| {
            *called += 1;
            let wide = Sproto::new(schema(), "All", WIDEST);
            comes_back(&wide.expect("the schema has it"), &it);
        }),
        Protocol::new(TYPED_MSGPACK, "typed", MsgPack::<Typed>::new(limits)).and_then(|typed| {
            registry.register(typed, |called, it| {
                *called += 1;
                comes_back(&MsgPack::new(WIDEST), &it);
            })
        }),
        Protocol::new(TYPED_JSON, "typed json", Json::<Typed>::new(limits)).and_then(|typed| {
            registry.register(typed, |called, it| {
                *called += 1;
                comes_back(&Json::new(WIDEST), &it);
            })
        }),
    ];
    assert!(registered.iter().all(Result::is_ok), "{registered:?}");
    registry
}

/// Bytes are compared, since numbers that are none are not equal to themselves.
fn comes_back<C: Codec>(codec: &C, message: &C::Message) {
    let mut packed = vec![1];
    codec.pack(message, &mut packed).expect("what was read is written");
    let content = Bytes::from(packed).slice(1..);
    let read = codec.unpack(&content).expect("what was written is read");
    let mut again = Vec::new();
    codec.pack(&read, &mut again).expect("what was read is written");
    assert_eq!(content, again);
}

/// How many values there are; none too deep.
fn within_msgpack(value: &MsgPackValue, depth_left: u32) -> u64 {
    match value {
        MsgPackValue::Array(items) => {
            assert!(depth_left > 0, "too deep");
            1 + items.iter().map(|it| within_msgpack(it, depth_left - 1)).sum::<u64>()
        }
        MsgPackValue::Map(entries) => {
            assert!(depth_left > 0, "too deep");
            let of = |it| within_msgpack(it, depth_left - 1);
            1 + entries.iter().map(|(key, value)| of(key) + of(value)).sum::<u64>()
        }
        _ => 1,
    }
}

/// The same for JSON.
fn within_json(value: &JsonValue, depth_left: u32) -> u64 {
    match value {
        JsonValue::Array(items) => {
            assert!(depth_left > 0, "too deep");
            1 + items.iter().map(|it| within_json(it, depth_left - 1)).sum::<u64>()
        }
        JsonValue::Object(entries) => {
            assert!(depth_left > 0, "too deep");
            1 + entries.values().map(|it| 1 + within_json(it, depth_left - 1)).sum::<u64>()
        }
        _ => 1,
    }
}
