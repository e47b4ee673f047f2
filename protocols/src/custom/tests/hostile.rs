//! Content that claims more than it has, goes deeper than it may, or is anything at all.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::select;
use serde::{Deserialize, Serialize};

use super::contents::msgpack;
use crate::Blame;
use crate::custom::{
    Codec, ContentLimits, Json, JsonValue, MsgPack, MsgPackValue, PackError, Sproto, UnpackError,
    fuzz, scan,
};
use crate::sproto::{DecodeError, Schema, UnpackError as PackingError};

/// Takes no room, however many there are.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nothing {}

fn of_msgpack<T: Serialize + serde::de::DeserializeOwned>(
    content: &[u8],
) -> Result<T, UnpackError> {
    MsgPack::default().unpack(&Bytes::copy_from_slice(content))
}

fn of_json(content: &str) -> Result<JsonValue, UnpackError> {
    Json::default().unpack(&Bytes::copy_from_slice(content.as_bytes()))
}

/// WIRE P6: four gigabytes are announced, five bytes are there.
#[test]
fn a_length_is_not_believed() {
    for marker in [0xc6, 0xc9, 0xdb] {
        let huge = [marker, 0xff, 0xff, 0xff, 0xff, 1];
        assert!(matches!(of_msgpack::<MsgPackValue>(&huge), Err(UnpackError::Cut)));
        assert!(matches!(of_msgpack::<String>(&huge), Err(UnpackError::Cut)));
        assert!(matches!(of_msgpack::<Vec<u8>>(&huge), Err(UnpackError::Cut)));
    }
    for marker in [0xdd, 0xdf] {
        let huge = [marker, 0xff, 0xff, 0xff, 0xff, 0xc0];
        let many = of_msgpack::<MsgPackValue>(&huge);
        assert!(matches!(many, Err(UnpackError::TooManyValues { max: 65_536 })));
        let many = of_msgpack::<Vec<[u64; 32]>>(&huge);
        assert!(matches!(many, Err(UnpackError::TooManyValues { .. })));
        assert!(of_msgpack::<Vec<Nothing>>(&huge).is_err());
    }
    let few = [0xdd, 0, 0, 0xff, 0, 0xc0];
    assert!(matches!(of_msgpack::<Vec<Option<[u64; 32]>>>(&few), Err(UnpackError::Cut)));
}

/// WIRE P6: an array of arrays without end, a hundred thousand deep.
#[test]
fn nothing_goes_deeper_than_it_may() {
    for marker in [0x91, 0x81] {
        let deep = of_msgpack::<MsgPackValue>(&[marker].repeat(100_000));
        assert!(matches!(deep, Err(UnpackError::TooDeep { max: 64 })));
        assert_eq!(deep.unwrap_err().blame(), Blame::Limit);
    }
    let nested = |levels| [&vec![0x91; levels][..], &[0xc0]].concat();
    assert!(
        of_msgpack::<MsgPackValue>(&nested(64)).is_ok(),
        "both bounds are where they should be"
    );
    assert!(matches!(
        of_msgpack::<MsgPackValue>(&nested(65)),
        Err(UnpackError::TooDeep { max: 64 })
    ));
    // Innermost something that the reader counts as a level of its own.
    let with_extension = [&vec![0x91; 64][..], &[0xd4, 1, 1]].concat();
    assert!(of_msgpack::<MsgPackValue>(&with_extension).is_ok());
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        assert!(matches!(of_json(&open.repeat(100_000)), Err(UnpackError::TooDeep { max: 64 })));
    }
    assert!(of_json(&["[".repeat(64), "]".repeat(64)].concat()).is_ok());
    assert!(of_json(&["[".repeat(65), "]".repeat(65)].concat()).is_err());
    assert!(of_json(&format!("{:?}", "[".repeat(100_000))).is_ok(), "brackets in a text are text");
    assert!(of_json(&format!("\"\\\"{}\"", "[".repeat(100_000))).is_ok(), "also behind a quote");
}

/// Whatever the limits say: the stack is not as deep.
#[test]
fn no_limit_goes_deeper_than_the_stack() {
    let limits = ContentLimits { depth_max: u32::MAX, values_max: u32::MAX, ..Default::default() };
    let (json, msgpack) = (Json::<JsonValue>::new(limits), MsgPack::<MsgPackValue>::new(limits));
    for (levels, is_read) in [(127, true), (128, false), (500_000, false)] {
        let texts = Bytes::from(["[".repeat(levels), "]".repeat(levels)].concat());
        assert_eq!(json.unpack(&texts).is_ok(), is_read, "{levels}");
        let values = Bytes::from([&vec![0x91; levels][..], &[0xd4, 1, 1]].concat());
        assert_eq!(msgpack.unpack(&values).is_ok(), is_read, "{levels}");
    }
}

/// WIRE P6.
#[test]
fn values_are_counted_before_they_are_made() {
    let nils = |count: u16| [&[0xdc][..], &count.to_be_bytes(), &vec![0xc0; count.into()]].concat();
    let limits = ContentLimits { values_max: 1000, ..ContentLimits::default() };
    let codec = MsgPack::<MsgPackValue>::new(limits);
    assert!(codec.unpack(&nils(999).into()).is_ok(), "the array is a value too");
    let refused = codec.unpack(&nils(1000).into());
    assert!(matches!(refused, Err(UnpackError::TooManyValues { max: 1000 })));
    let codec = Json::<JsonValue>::new(limits);
    let zeros = |count: usize| Bytes::from(format!("[{}]", vec!["0"; count].join(",")));
    assert!(codec.unpack(&zeros(999)).is_ok());
    let refused = codec.unpack(&zeros(1000));
    assert!(matches!(refused, Err(UnpackError::TooManyValues { max: 1000 })));
    assert_eq!(refused.unwrap_err().blame(), Blame::Limit);
}

/// WIRE P6.
#[test]
fn bytes_are_bounded_both_ways() {
    let limits = ContentLimits { bytes_max: 10, ..ContentLimits::default() };
    let (msgpack, json) = (MsgPack::<String>::new(limits), Json::<String>::new(limits));
    let (fits, long) = (String::from("12345678"), String::from("1234567890"));
    let mut out = vec![9];
    json.pack(&fits, &mut out).unwrap();
    assert_eq!(json.unpack(&out[1..].to_vec().into()).unwrap(), fits);
    for refused in [msgpack.pack(&long, &mut out), json.pack(&long, &mut out)] {
        assert!(matches!(refused, Err(PackError::TooLong { max: 10, .. })));
        assert_eq!((refused.unwrap_err().blame(), out.len()), (Blame::Limit, 11));
    }
    let content = Bytes::from_static(b"\"1234567890\"");
    let refused = json.unpack(&content);
    assert!(matches!(refused, Err(UnpackError::TooLong { bytes: 12, max: 10 })));
    assert!(matches!(msgpack.unpack(&content), Err(UnpackError::TooLong { .. })));
}

/// WIRE P6: packed zeros are short, and sproto has items of one byte.
#[test]
fn sproto_is_bounded_too() {
    let schema = Arc::new(Schema::parse(".All { flags 0 : *boolean all 1 : All }").unwrap());
    let limits = ContentLimits { bytes_max: 4096, depth_max: 3, values_max: 100 };
    let codec = Sproto::new(schema, "All", limits).unwrap();
    let refused = codec.unpack(&Bytes::from(vec![0; 4000]));
    let Err(UnpackError::Packing(why)) = refused else { panic!("{refused:?}") };
    assert_eq!(why, PackingError::TooLong { max: 4096 });
    let packed = |message: &[u8]| {
        let mut out = Vec::new();
        crate::sproto::pack(message, &mut out);
        Bytes::from(out)
    };
    let flags = [&[1, 0, 0, 0, 200, 0, 0, 0][..], &[1; 200]].concat();
    let refused = codec.unpack(&packed(&flags));
    let Err(UnpackError::Sproto(why)) = refused else { panic!("{refused:?}") };
    assert_eq!(why, DecodeError::TooManyValues { max: 100 });
    let mut deep = vec![0, 0];
    for _ in 0..3 {
        let length = u32::try_from(deep.len()).unwrap().to_le_bytes();
        deep = [&[2, 0, 1, 0, 0, 0], &length[..], &deep].concat();
    }
    let refused = codec.unpack(&packed(&deep));
    let Err(error @ UnpackError::Sproto(DecodeError::TooDeep { max: 3 })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(error.blame(), Blame::Limit);
}

/// Pieces of MessagePack and JSON, good and bad.
const PIECES: &[&[u8]] = &[
    b"\xc0",
    b"\xc1",
    b"\xc2",
    b"\x07",
    b"\xe0",
    b"\x91",
    b"\x92",
    b"\x81",
    b"\x82",
    b"\xa1a",
    b"\xa4name",
    b"\xa6Fields",
    b"\xa4Text",
    b"\xa4Pair",
    b"\xa4Unit",
    b"\xa5inner",
    b"\xa7numbers",
    b"\xa7nothing",
    b"\xc4\x01a",
    b"\xd4\x01a",
    b"\xc7\x02\x01ab",
    b"\xcb\x7f\xf8\0\0\0\0\0\0",
    b"\xca\0\0\0\0",
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xd3\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xdc\0\x01",
    b"\xde\0\x01",
    b"\xdd\xff\xff\xff\xff",
    b"\xd9\x01a",
    b"[",
    b"]",
    b"{",
    b"}",
    b":",
    b",",
    b" ",
    b"\"a\"",
    b"\"\\\"\"",
    b"\"Fields\"",
    b"\"Text\"",
    b"\"Pair\"",
    b"\"Unit\"",
    b"1",
    b"-0.0",
    b"1e300",
    b"null",
    b"true",
    b"\"",
    b"\\",
];

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(PIECES), 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// WIRE P2, P6: what the fuzzer holds for any bytes.
    #[test]
    fn of_any_payload(limits: [u8; 4], id in 0..19_u8, content in content(), noise: Vec<u8>) {
        fuzz::custom(&[&limits[..], &[id], &content].concat());
        fuzz::custom(&[&[0, 1, 255, 255, id][..], &content].concat());
        fuzz::custom(&noise);
    }

    /// Limits may let more levels through than the default; what they let through comes back too.
    #[test]
    fn of_any_depth(levels in 0..200_usize, deepest: u8) {
        let nested = [&vec![0x91; levels][..], &[0xc0]].concat();
        fuzz::custom(&[&[0xff, 0xff, deepest, 255, 1], &nested[..]].concat());
        let nested = ["[".repeat(levels), "]".repeat(levels)].concat();
        fuzz::custom(&[&[0xff, 0xff, deepest, 255, 2], nested.as_bytes()].concat());
    }

    /// The look at MessagePack finds where a value ends: exactly what is written passes, and
    /// nothing shorter.
    #[test]
    fn the_look_finds_the_end(value in msgpack(), cut: prop::sample::Index) {
        let mut content = Vec::new();
        MsgPack::default().pack(&value, &mut content).unwrap();
        let limits = ContentLimits::default();
        prop_assert!(scan::msgpack(&content, &limits).is_ok());
        let cut = scan::msgpack(&content[..cut.index(content.len())], &limits);
        prop_assert!(matches!(cut, Err(UnpackError::Cut)));
        content.push(0);
        let behind = scan::msgpack(&content, &limits);
        prop_assert!(matches!(behind, Err(UnpackError::Trailing { bytes: 1 })), "{:?}", behind);
    }
}
