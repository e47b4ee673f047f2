//! Numbers, names, and what is called for a message.

use bytes::Bytes;
use serde_json::json;

use crate::Blame;
use crate::custom::{
    DispatchError, Json, MsgPackValue, Protocol, ProtocolId, Raw, RegisterError, Registry,
    UnpackError, Untyped, payload,
};

const FREE: ProtocolId = ProtocolId::FIRST_FREE;

fn counting() -> Registry<u32, usize> {
    let mut registry = Registry::new();
    let count = |calls: &mut u32, message: Bytes| {
        *calls += 1;
        message.len()
    };
    registry.register(Protocol::new(FREE, "mine", Raw).unwrap(), count).unwrap();
    registry.register(Protocol::raw(), count).unwrap();
    registry
}

/// WIRE P2.
#[test]
fn ids_below_16_are_reserved() {
    for id in 0..16 {
        let id = ProtocolId(id);
        let refused = Protocol::new(id, "mine", Raw).unwrap_err();
        assert_eq!(refused, RegisterError::IdReserved { id });
        assert_eq!(refused.blame(), Blame::Caller);
    }
    assert_eq!(Protocol::new(FREE, "mine", Raw).unwrap().id(), ProtocolId(16));
    let ids = [
        Protocol::raw().id(),
        Protocol::<crate::custom::MsgPack<()>>::msgpack().id(),
        Protocol::<Json<()>>::json().id(),
    ];
    assert_eq!(ids, [ProtocolId(0), ProtocolId(1), ProtocolId(2)]);
    assert_eq!(ProtocolId::SPROTO, ProtocolId(3));
}

#[test]
fn a_number_and_a_name_are_each_there_once() {
    let mut registry = counting();
    let again = registry.register(Protocol::new(FREE, "other", Raw).unwrap(), |_, _| 0);
    assert_eq!(again, Err(RegisterError::IdTaken { id: FREE, name: "mine".into() }));
    let other = Protocol::new(ProtocolId(17), "mine", Raw).unwrap();
    let again = registry.register(other, |_, _| 0);
    assert_eq!(again, Err(RegisterError::NameTaken { name: "mine".into(), id: FREE }));
    assert!(registry.register(Protocol::raw(), |_, _| 0).is_err());
    let all: Vec<_> = registry.protocols().collect();
    assert_eq!(all, [(FREE, "mine"), (ProtocolId::RAW, "raw")], "nothing changed");
    assert_eq!((registry.id_of("mine"), registry.id_of("other")), (Some(FREE), None));
    assert_eq!((registry.name_of(FREE), registry.name_of(ProtocolId(17))), (Some("mine"), None));
    assert_eq!(format!("{registry:?}"), r#"{16: "mine", 0: "raw"}"#);
}

#[test]
fn every_number_can_be_had() {
    let mut registry = Registry::<(), u8>::new();
    registry.register(Protocol::raw(), |(), _| 0).unwrap();
    for id in 16..=255 {
        let protocol = Protocol::new(ProtocolId(id), format!("p{id}"), Raw).unwrap();
        registry.register(protocol, move |(), _| id).unwrap();
    }
    for id in 16..=255 {
        assert_eq!(registry.dispatch(&mut (), ProtocolId(id), &Bytes::new()).unwrap(), id);
    }
}

/// WIRE P2: the sender is told, nothing is called, and what follows is not disturbed.
#[test]
fn an_unknown_number_is_a_clear_error() {
    let (registry, mut calls) = (counting(), 0);
    let id = ProtocolId(200);
    let refused = registry.dispatch(&mut calls, id, &Bytes::from_static(b"x")).unwrap_err();
    assert!(matches!(refused, DispatchError::Unknown { id: ProtocolId(200) }));
    assert_eq!(refused.to_string(), "protocol 200 is unknown");
    assert_eq!((refused.blame(), calls), (Blame::Peer, 0));
    let answer = registry.dispatch(&mut calls, FREE, &Bytes::from_static(b"four"));
    assert_eq!((answer.unwrap(), calls), (4, 1));
}

/// WIRE P2.
#[test]
fn content_of_another_protocol_is_a_clear_error() {
    let mut registry = Registry::<(), u32>::new();
    let numbers = Protocol::<Json<u32>>::json();
    registry.register(numbers.clone(), |(), number| number + 1).unwrap();
    let refused = registry.dispatch(&mut (), ProtocolId::JSON, &Bytes::from_static(b"[]"));
    let refused = refused.unwrap_err();
    let DispatchError::Unpack { id, name, why } = &refused else { panic!("{refused:?}") };
    assert_eq!((*id, &**name), (ProtocolId::JSON, "json"));
    assert!(matches!(why, UnpackError::Json(_)));
    assert!(refused.to_string().starts_with("protocol 2 (json): not such JSON: invalid type"));
    assert_eq!(refused.blame(), Blame::Peer);
    let content = numbers.pack(&41).unwrap();
    assert_eq!(registry.dispatch(&mut (), ProtocolId::JSON, &content).unwrap(), 42);
}

/// WIRE P1.
#[test]
fn a_payload_is_a_number_and_content() {
    let mut out = vec![9];
    payload::encode(&Protocol::raw(), &Bytes::from_static(b"abc"), &mut out).unwrap();
    assert_eq!(out, b"\x09\x00abc");
    payload::encode_content(ProtocolId(255), b"", &mut out);
    assert_eq!(out, b"\x09\x00abc\xff");
    assert_eq!(payload::decode(b"\x10").unwrap(), (FREE, &b""[..]));
    assert_eq!(payload::decode(b"\x02[]").unwrap(), (ProtocolId::JSON, &b"[]"[..]));
    let whole = Bytes::from_static(b"\x10abc");
    let (id, content) = payload::split(&whole).unwrap();
    assert_eq!((id, content.as_ptr()), (FREE, whole[1..].as_ptr()), "nothing is copied");
    assert!(matches!(payload::decode(&[]), Err(DispatchError::Empty)));
    let (registry, mut calls) = (counting(), 0);
    assert_eq!(registry.dispatch_payload(&mut calls, &whole).unwrap(), 3);
    let refused = registry.dispatch_payload(&mut calls, &Bytes::new()).unwrap_err();
    assert_eq!((refused.to_string().as_str(), calls), ("an empty payload", 1));
}

/// A message that cannot be packed leaves no half of itself behind, not even its number.
#[test]
fn what_cannot_be_packed_is_not_begun() {
    let mut out = vec![9];
    let badly = Protocol::<Json<std::collections::BTreeMap<Vec<u8>, u8>>>::json();
    let message = [(vec![1], 1)].into();
    let refused = payload::encode(&badly, &message, &mut out).unwrap_err();
    assert_eq!((refused.blame(), out), (Blame::Caller, vec![9]));
    assert!(badly.pack(&message).is_err());
}

#[test]
fn defaults_are_raw_msgpack_and_json_of_any_kind() {
    let registry = Registry::with_defaults(|all: &mut Vec<Untyped>, it| all.push(it));
    let mut all = Vec::new();
    let map = MsgPackValue::Map(vec![(1.into(), MsgPackValue::Binary(vec![0xff]))]);
    registry.dispatch(&mut all, ProtocolId::RAW, &Bytes::from_static(b"\xff")).unwrap();
    let content = Protocol::msgpack().pack(&map).unwrap();
    registry.dispatch(&mut all, ProtocolId::MSGPACK, &content).unwrap();
    let content = Bytes::from_static(b" {\"a\" : [1, 2.5, null]} ");
    registry.dispatch(&mut all, ProtocolId::JSON, &content).unwrap();
    let json = json!({ "a": [1, 2.5, null] });
    let raw = Bytes::from_static(b"\xff");
    assert_eq!(all, [Untyped::Raw(raw), Untyped::MsgPack(map), Untyped::Json(json)]);
    assert_eq!(registry.id_of("sproto"), None);
    assert!(registry.dispatch(&mut all, ProtocolId::SPROTO, &content).is_err());
}

/// The state may be borrowed, and the output be anything.
#[test]
fn functions_may_be_any() {
    let mut registry = Registry::<str, Box<dyn Future<Output = usize>>>::default();
    registry
        .register(Protocol::raw(), |state: &mut str, message| {
            state.make_ascii_uppercase();
            Box::new(async move { message.len() })
        })
        .unwrap();
    let mut state = String::from("state");
    drop(registry.dispatch(&mut state, ProtocolId::RAW, &Bytes::new()).unwrap());
    assert_eq!(state, "STATE");
}
