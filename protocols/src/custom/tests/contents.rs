//! The formats: round trips, and what others write.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::custom::fuzz::Typed;
use crate::custom::{
    Codec, ContentLimits, Json, JsonValue, MsgPack, MsgPackValue, PackError, Raw, Sproto, SprotoOf,
    UnpackError,
};
use crate::sproto::{DecodeError, Decoder, EncodeError, Encoder, FromFields, Schema, Struct};
use crate::sproto::{ToFields, Value};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Move {
    x: i64,
    name: String,
}

impl ToFields for Move {
    fn words(&self) -> usize {
        2
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        encoder.integer(0, self.x)?;
        encoder.bytes(1, self.name.as_bytes())
    }
}

impl<'i> FromFields<'i> for Move {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.x = field.integer()?,
                1 => read.name = field.text()?.to_owned(),
                _ => {}
            }
        }
        Ok(read)
    }
}

fn moved() -> Move {
    Move { x: 3, name: "a".into() }
}

fn packed<C: Codec>(codec: &C, message: &C::Message) -> Bytes {
    let mut out = Vec::new();
    codec.pack(message, &mut out).unwrap();
    out.into()
}

fn unpacked<C: Codec>(codec: &C, content: &[u8]) -> Result<C::Message, UnpackError> {
    codec.unpack(&Bytes::copy_from_slice(content))
}

/// WIRE P3: by name, and read in order too.
#[test]
fn msgpack_of_a_struct_is_a_map() {
    let codec = MsgPack::<Move>::default();
    assert_eq!(packed(&codec, &moved()), &b"\x82\xa1x\x03\xa4name\xa1a"[..]);
    for content in [&b"\x82\xa4name\xa1a\xa1x\x03"[..], b"\x92\x03\xa1a"] {
        assert_eq!(unpacked(&codec, content).unwrap(), moved());
    }
    let behind = unpacked(&codec, b"\x92\x03\xa1a\x00\x00");
    assert!(matches!(behind, Err(UnpackError::Trailing { bytes: 2 })));
}

/// Lua's strings need not be text. As a value of any kind they are bytes then.
#[test]
fn msgpack_that_is_no_text_is_bytes() {
    let read = unpacked(&MsgPack::<MsgPackValue>::default(), b"\xa2\xff\xfe");
    assert_eq!(read.unwrap(), MsgPackValue::Binary(vec![0xff, 0xfe]));
    assert!(unpacked(&MsgPack::<String>::default(), b"\xa2\xff\xfe").is_err());
}

/// WIRE P4.
#[test]
fn json_is_one_value() {
    let codec = Json::<Move>::default();
    assert_eq!(packed(&codec, &moved()), &br#"{"x":3,"name":"a"}"#[..]);
    assert_eq!(unpacked(&codec, b"\n{ \"name\": \"\\u0061\", \"x\": 3 }\t").unwrap(), moved());
    for bad in [&b"{\"x\":3,\"name\":\"a\"} 1"[..], b"", b"{\"x\":3,\"name\":\"\xff\"}", b"{}"] {
        assert!(matches!(unpacked(&codec, bad), Err(UnpackError::Json(_))));
    }
}

/// WIRE P5: by a schema and by a type, the same bytes.
#[test]
fn sproto_is_a_packed_struct() {
    let schema = Schema::parse(".Move { x 0 : integer name 1 : string }").unwrap();
    let limits = ContentLimits::default();
    let by_schema = Sproto::new(Arc::new(schema), "Move", limits).unwrap();
    let by_type = SprotoOf::<Move>::default();
    let value = Value::Struct(Struct::new().with("x", 3).with("name", "a"));
    let content = packed(&by_schema, &value);
    // 02 00 08 00 00 00 01 00 | 00 00 61, in words of eight.
    assert_eq!(content, &b"\x45\x02\x08\x01\x04\x61"[..]);
    assert_eq!(packed(&by_type, &moved()), content);
    assert_eq!(unpacked(&by_schema, &content).unwrap(), value);
    assert_eq!(unpacked(&by_type, &content).unwrap(), moved());
    assert!(matches!(unpacked(&by_type, &content[..5]), Err(UnpackError::Packing(_))));
    assert!(matches!(unpacked(&by_type, b"\x01\x09"), Err(UnpackError::Sproto(_))));
    let refused = by_schema.pack(&Value::Integer(1), &mut Vec::new());
    assert!(matches!(refused, Err(PackError::Sproto(EncodeError::Message))));
    let schema = Schema::parse(".Move {}").unwrap();
    assert!(Sproto::new(Arc::new(schema), "Gone", limits).is_none());
}

#[test]
fn raw_is_not_copied() {
    let content = Bytes::from(vec![1, 2, 3]);
    assert_eq!(Raw.unpack(&content).unwrap().as_ptr(), content.as_ptr());
    assert_eq!(packed(&Raw, &content), content);
}

/// Any value of JSON.
fn json() -> impl Strategy<Value = JsonValue> {
    let leaf = prop_oneof![
        Just(JsonValue::Null),
        any::<bool>().prop_map(JsonValue::from),
        any::<i64>().prop_map(JsonValue::from),
        any::<f64>().prop_map(JsonValue::from),
        any::<String>().prop_map(JsonValue::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(JsonValue::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|entries| JsonValue::Object(entries.into_iter().collect())),
        ]
    })
}

/// Any value of MessagePack, but numbers that are none.
pub(super) fn msgpack() -> impl Strategy<Value = MsgPackValue> {
    let leaf = prop_oneof![
        Just(MsgPackValue::Nil),
        any::<bool>().prop_map(MsgPackValue::from),
        any::<i64>().prop_map(MsgPackValue::from),
        any::<u64>().prop_map(MsgPackValue::from),
        any::<i8>().prop_map(MsgPackValue::from),
        prop::num::f64::NORMAL.prop_map(MsgPackValue::from),
        prop::num::f32::NORMAL.prop_map(MsgPackValue::from),
        "\\PC{0,300}".prop_map(MsgPackValue::from),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(MsgPackValue::Binary),
        (any::<i8>(), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(kind, bytes)| MsgPackValue::Ext(kind, bytes)),
    ];
    leaf.prop_recursive(5, 60, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(MsgPackValue::Array),
            prop::collection::vec((inner.clone(), inner), 0..20).prop_map(MsgPackValue::Map),
        ]
    })
}

/// Any message of a typed protocol.
fn typed() -> impl Strategy<Value = Typed> {
    let leaf = prop_oneof![
        Just(Typed::Unit),
        any::<String>().prop_map(Typed::Text),
        any::<(u8, Option<bool>)>().prop_map(|(number, flag)| Typed::Pair(number, flag)),
    ];
    leaf.prop_recursive(8, 20, 1, |inner| {
        let inner = prop::option::of(inner.prop_map(Box::new));
        (any::<String>(), any::<Vec<i32>>(), inner, 0..4_usize).prop_map(
            |(name, numbers, inner, nothing)| Typed::Fields {
                name,
                numbers,
                inner,
                nothing: vec![(); nothing],
            },
        )
    })
}

proptest! {
    /// WIRE P3.
    #[test]
    fn msgpack_comes_back(value in msgpack(), message in typed()) {
        let codec = MsgPack::default();
        prop_assert_eq!(codec.unpack(&packed(&codec, &value)).unwrap(), value);
        let codec = MsgPack::default();
        prop_assert_eq!(codec.unpack(&packed(&codec, &message)).unwrap(), message);
    }

    /// WIRE P4.
    #[test]
    fn json_comes_back(value in json(), message in typed()) {
        let codec = Json::default();
        prop_assert_eq!(codec.unpack(&packed(&codec, &value)).unwrap(), value);
        let codec = Json::default();
        prop_assert_eq!(codec.unpack(&packed(&codec, &message)).unwrap(), message);
    }

    /// WIRE P5.
    #[test]
    fn sproto_comes_back(x: i64, name: String) {
        let (codec, message) = (SprotoOf::default(), Move { x, name });
        prop_assert_eq!(codec.unpack(&packed(&codec, &message)).unwrap(), message);
    }
}
