//! Dynamic values: round trips, limits, and what Skynet would let pass.

use std::collections::BTreeMap;

use proptest::prelude::*;
use skyring_protocols::Blame;
use skyring_protocols::sproto::{
    DecodeError, EncodeError, Key, Limits, Schema, Struct, Value, Wanted,
};

/// Every kind in every shape.
const TEXT: &str = "
.Pair { key 0 : string value 3 : *Pair() }
.Item { id 2 : integer name 1 : string price 4 : integer(2) inner 9 : All }
.By { d 0 : double x 1 : boolean }
.All {
    integer 0 : integer integers 1 : *integer
    fixed 3 : integer(3) fixeds 4 : *integer(3)
    boolean 5 : boolean booleans 8 : *boolean
    string 10 : string strings 11 : *string
    binary 12 : binary
    double 100 : double doubles 101 : *double
    item 102 : Item items 200 : *Item
    by_id 201 : *Item(id) by_price 202 : *Item(price) map 300 : *Pair()
    by_double 301 : *By(d) by_boolean 302 : *By(x) choice 303 : *By()
    last 32766 : boolean
}";

fn schema() -> Schema {
    Schema::parse(TEXT).unwrap()
}

fn encode(schema: &Schema, name: &str, value: &Value<'_>) -> Result<Vec<u8>, EncodeError> {
    encode_within(schema, name, value, &Limits::default())
}

fn encode_within(
    schema: &Schema,
    name: &str,
    value: &Value<'_>,
    limits: &Limits,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    let encoded = schema.encode(schema.type_id(name).unwrap(), value, limits, &mut out);
    assert!(encoded.is_ok() || out.is_empty());
    encoded.map(|()| out)
}

/// The message as a struct of this type.
fn decode(name: &str, message: &[u8], limits: &Limits) -> Result<Struct<'static>, DecodeError> {
    let schema = schema();
    let decoded = schema.decode(schema.type_id(name).unwrap(), message, limits);
    decoded.map(|(value, _)| value.into_owned())
}

fn fixed() -> impl Strategy<Value = i64> {
    prop_oneof![-3..3_i64, -100_000..100_000_i64, -1_000_000_000_000..1_000_000_000_000_i64]
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![-2..3_i64, 32_760..32_770_i64, Just(1 << 31), Just(-(1 << 31) - 1), any::<i64>()]
}

fn some<V: Into<Value<'static>> + std::fmt::Debug>(
    value: impl Strategy<Value = V>,
) -> impl Strategy<Value = Option<Value<'static>>> {
    prop::option::of(value.prop_map(Into::into))
}

fn many<V: Into<Value<'static>> + std::fmt::Debug>(
    value: impl Strategy<Value = V>,
) -> impl Strategy<Value = Option<Value<'static>>> {
    prop::option::of(prop::collection::vec(value, 0..5).prop_map(|it| it.into_iter().collect()))
}

/// Fields that are there, in any order.
fn fields(names: Vec<&'static str>, values: Vec<Option<Value<'static>>>) -> Struct<'static> {
    let mut value = Struct::new();
    for (name, field) in names.into_iter().zip(values).rev() {
        if let Some(field) = field {
            value.push(name, field);
        }
    }
    value
}

fn item(all: impl Strategy<Value = Struct<'static>> + 'static) -> BoxedStrategy<Struct<'static>> {
    let price = fixed().prop_map(|it| it as f64 / 100.0);
    (some(number()), some("[a-c]{0,3}"), some(price), some(all))
        .prop_map(|(id, name, price, inner)| {
            fields(vec!["id", "name", "price", "inner"], vec![id, name, price, inner])
        })
        .boxed()
}

/// Those of the items that have this field, by it.
fn keyed(items: &[Struct<'static>], by: &str) -> Value<'static> {
    let key = |it: &Struct<'static>| it.get(by).and_then(Key::of);
    Value::Map(items.iter().filter_map(|it| Some((key(it)?, it.clone().into()))).collect())
}

fn all() -> impl Strategy<Value = Struct<'static>> {
    let leaf = Just(Struct::new()).boxed();
    leaf.prop_recursive(3, 30, 5, |inner| {
        let fixed = || fixed().prop_map(|it| it as f64 / 1000.0);
        let double = || prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::INFINITE;
        let bytes = || prop::collection::vec(any::<u8>(), 0..20);
        let items = prop::collection::vec(item(inner.clone()), 0..4);
        let map =
            prop::collection::btree_map("[a-c]{0,2}", Just(Value::Map(BTreeMap::new())), 0..3);
        let map = map.prop_map(|it| {
            let entries = it.into_iter().map(|(key, it)| (Key::Bytes(key.into_bytes().into()), it));
            Value::Map(entries.collect())
        });
        let by = prop::collection::vec((double(), any::<bool>()), 0..4).prop_map(|pairs| {
            let by = |(d, x): (f64, bool)| Struct::new().with("x", x).with("d", d);
            pairs.into_iter().map(by).collect::<Vec<_>>()
        });
        let numbers = (some(number()), many(number()), some(fixed()), many(fixed()));
        let small = (some(any::<bool>()), many(any::<bool>()), some(double()), many(double()));
        let texts = (some("\\PC{0,9}"), many("\\PC{0,3}"), some(bytes()));
        let structs = (some(item(inner)), items, some(map), by);
        (numbers, small, texts, structs).prop_map(|(numbers, small, texts, structs)| {
            let ((one, two, three, four), (five, six, seven, eight)) = (numbers, small);
            let ((nine, ten, eleven), (item, items, map, by)) = (texts, structs);
            let of_doubles =
                by.iter().filter_map(|it| Some((Key::of(it.get("d")?)?, it.get("x")?.clone())));
            let mut value = fields(
                vec![
                    "integer", "integers", "fixed", "fixeds", "boolean", "booleans", "double",
                    "doubles", "string", "strings", "binary", "item", "map",
                ],
                vec![one, two, three, four, five, six, seven, eight, nine, ten, eleven, item, map],
            );
            value.push("choice", Value::Map(of_doubles.collect()));
            value.push("by_double", keyed(&by, "d"));
            value.push("by_boolean", keyed(&by, "x"));
            value.push("by_id", keyed(&items, "id"));
            value.push("by_price", keyed(&items, "price"));
            value.push("items", items.into_iter().collect::<Value<'_>>());
            value
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// WIRE S6 to S8, S9, S12: what is written comes back, and every cut of it is refused.
    #[test]
    fn round_trip(value in all(), behind: Vec<u8>, cut: prop::sample::Index) {
        let schema = schema();
        let id = schema.type_id("All").unwrap();
        let value = value.into();
        let mut message = encode(&schema, "All", &value).unwrap();
        let length = message.len();
        let cut = decode("All", &message[..cut.index(length)], &Limits::default());
        prop_assert!(matches!(cut, Err(DecodeError::WordsCut | DecodeError::DataCut)));
        message.extend(behind);
        let (back, consumed) = schema.decode(id, &message, &Limits::default()).unwrap();
        prop_assert_eq!(consumed, length);
        prop_assert_eq!(Value::from(back), value);
    }

    /// WIRE S11: any bytes are refused, or are a value that is written shorter or as it was.
    #[test]
    fn noise_is_refused_or_read(value in all(), bent: Vec<(prop::sample::Index, u8)>) {
        let schema = schema();
        let mut message = encode(&schema, "All", &value.into()).unwrap();
        for (at, byte) in bent {
            let at = at.index(message.len());
            message[at] = byte;
        }
        if let Ok(value) = decode("All", &message, &Limits::default()) {
            let again = encode(&schema, "All", &value.clone().into());
            // Fixed point of more than 2⁵³ does not always come back.
            if let Ok(again) = again {
                prop_assert!(decode("All", &again, &Limits::default()).is_ok());
            }
        }
    }
}

/// A struct of type `All` with one field, whose word and block are these.
fn only(tag: u16, word: u16, block: Option<&[u8]>) -> Vec<u8> {
    let mut message = if tag == 0 { vec![1, 0] } else { vec![2, 0] };
    if tag > 0 {
        message.extend((2 * tag - 1).to_le_bytes());
    }
    message.extend(word.to_le_bytes());
    if let Some(block) = block {
        message.extend((block.len() as u32).to_le_bytes());
        message.extend(block);
    }
    message
}

/// WIRE S7, S9.
#[test]
fn kinds_are_told_apart() {
    let read = |message: &[u8]| decode("All", message, &Limits::default());
    for tag in [1, 4, 8, 10, 11, 12, 100, 101, 102, 200, 201, 300] {
        assert_eq!(read(&only(tag, 2, None)), Err(DecodeError::Word { tag }), "{tag}");
    }
    assert_eq!(read(&only(5, 0, Some(&[1]))), Err(DecodeError::Block { tag: 5 }));
    for (tag, bytes) in [(0, 0), (0, 3), (0, 5), (0, 9), (3, 2), (100, 0), (100, 4), (100, 9)] {
        let error = DecodeError::NumberBytes { tag, bytes };
        assert_eq!(read(&only(tag, 0, Some(&vec![0; bytes]))), Err(error));
    }
    for (tag, block, error) in [
        (1, &[5_u8, 0, 0, 0, 0][..], DecodeError::Width { tag: 1, bytes: 5 }),
        (1, &[0], DecodeError::Width { tag: 1, bytes: 0 }),
        (1, &[4, 0, 0, 0], DecodeError::ArrayCut { tag: 1 }),
        (4, &[8, 0, 0, 0, 0, 0, 0, 0, 0, 1], DecodeError::ArrayCut { tag: 4 }),
        (101, &[4, 0, 0, 0, 0], DecodeError::Width { tag: 101, bytes: 4 }),
        (11, &[1, 0, 0, 0], DecodeError::ItemCut { tag: 11 }),
        (11, &[0, 0, 0, 0, 0], DecodeError::ItemCut { tag: 11 }),
        (102, &[0], DecodeError::WordsCut),
        (102, &[0, 0, 1], DecodeError::Trailing { bytes: 1 }),
        (200, &[2, 0, 0, 0, 1, 0], DecodeError::WordsCut),
        (200, &[1, 0, 0, 0, 0], DecodeError::WordsCut),
    ] {
        assert_eq!(read(&only(tag, 0, Some(block))), Err(error), "{tag} {block:?}");
    }
    for (tag, block) in [(1, &[][..]), (1, &[4]), (4, &[8]), (101, &[8]), (101, &[4]), (8, &[])] {
        let value = read(&only(tag, 0, Some(block))).unwrap();
        assert_eq!(value.iter().next().unwrap().1, &Value::Array(Vec::new()));
    }
    assert_eq!(read(&only(5, 6, None)).unwrap(), Struct::new().with("boolean", true));
    let truth: Value<'_> = [true, false].into_iter().collect();
    assert_eq!(read(&only(8, 0, Some(&[9, 0]))).unwrap(), Struct::new().with("booleans", truth));
}

/// WIRE S11: the last lengths of 32 bits do not wrap around, on known and unknown fields.
#[test]
fn lengths_do_not_wrap_around() {
    for length in [u32::MAX, 0xffff_fffc, 0xffff_fffd, 0x8000_0000, 5] {
        for tag in [10, 13] {
            let mut message = only(tag, 0, None);
            message.extend(length.to_le_bytes());
            message.extend([0; 4]);
            assert_eq!(decode("All", &message, &Limits::default()), Err(DecodeError::DataCut));
        }
        let mut block = length.to_le_bytes().to_vec();
        block.extend([0; 4]);
        for tag in [11, 200, 300] {
            let message = only(tag, 0, Some(&block));
            let refused = decode("All", &message, &Limits::default());
            assert_eq!(refused, Err(DecodeError::ItemCut { tag }));
        }
    }
}

/// WIRE S12: each entry for itself.
#[test]
fn entries_inherit_nothing() {
    let refused = |tag, block: &[u8]| {
        decode("All", &only(tag, 0, Some(block)), &Limits::default()).unwrap_err()
    };
    let whole = [16, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let map = decode("All", &only(300, 0, Some(&whole)), &Limits::default()).unwrap();
    assert_eq!(map.get("map").unwrap().as_map().unwrap().len(), 1);
    let keyless = [&whole[..], &[10, 0, 0, 0, 2, 0, 5, 0, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!(refused(300, &keyless), DecodeError::KeyMissing { tag: 300 });
    let valueless = [&whole[..], &[8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!(refused(300, &valueless), DecodeError::ValueMissing { tag: 300 });
    assert_eq!(refused(201, &[2, 0, 0, 0, 0, 0]), DecodeError::KeyMissing { tag: 201 });
    let nan = [&[16, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0][..], &f64::NAN.to_le_bytes()].concat();
    assert_eq!(refused(301, &nan), DecodeError::KeyNan { tag: 301 });
    assert_eq!(refused(303, &nan), DecodeError::KeyNan { tag: 303 });
}

/// WIRE S12.
#[test]
fn of_two_entries_the_later_counts() {
    let schema = schema();
    let item = |id, name| Struct::new().with("id", id).with("name", name);
    let items: Value<'_> = [item(1, "a"), item(2, "b"), item(1, "c")].into_iter().collect();
    let message = encode(&schema, "All", &Struct::new().with("by_id", items).into()).unwrap();
    let value = decode("All", &message, &Limits::default()).unwrap();
    let left = value.get("by_id").unwrap().as_map().unwrap().clone();
    let names: Vec<_> =
        left.values().map(|it| it.as_struct().unwrap().get("name").unwrap()).collect();
    assert_eq!(names, [&Value::from("c"), &Value::from("b")]);
}

/// WIRE S10.
#[test]
fn limits_hold_in_both_directions() {
    let schema = schema();
    let deep = |levels: u32| {
        let mut value = Struct::new();
        for level in 1..levels {
            let name = if level % 2 == levels % 2 { "inner" } else { "item" };
            value = Struct::new().with(name, value);
        }
        Value::from(value)
    };
    let limits = Limits { message_bytes_max: 1000, depth_max: 7, values_max: 20 };
    let message = encode_within(&schema, "All", &deep(7), &limits).unwrap();
    assert!(decode("All", &message, &limits).is_ok());
    let too_deep = EncodeError::TooDeep { max: 7 };
    assert_eq!(encode_within(&schema, "All", &deep(9), &limits), Err(too_deep.clone()));
    let message = encode(&schema, "All", &deep(9)).unwrap();
    let refused = decode("All", &message, &limits).unwrap_err();
    assert_eq!((refused, refused.blame()), (DecodeError::TooDeep { max: 7 }, Blame::Limit));
    assert_eq!(too_deep.blame(), Blame::Limit);

    let long = |bytes: usize| Value::from(Struct::new().with("string", "x".repeat(bytes)));
    assert_eq!(encode_within(&schema, "All", &long(990), &limits).unwrap().len(), 1000);
    let too_long = Err(EncodeError::TooLong { max: 1000 });
    assert_eq!(encode_within(&schema, "All", &long(991), &limits), too_long);
    let message = encode(&schema, "All", &long(991)).unwrap();
    assert_eq!(decode("All", &message, &limits), Err(DecodeError::TooLong { max: 1000 }));

    let many = |count: usize| {
        Struct::new().with("booleans", (0..count).map(|_| true).collect::<Value<'_>>())
    };
    let message = encode(&schema, "All", &many(19).into()).unwrap();
    assert!(decode("All", &message, &limits).is_ok());
    let message = encode(&schema, "All", &many(20).into()).unwrap();
    assert_eq!(decode("All", &message, &limits), Err(DecodeError::TooManyValues { max: 20 }));
}

/// WIRE S7, S9.
#[test]
fn what_the_schema_does_not_say_is_not_written() {
    let schema = schema();
    let refused = |name: &'static str, value: Value<'static>| {
        let value = Struct::new().with(name, value).into();
        encode(&schema, "All", &value).unwrap_err()
    };
    let array = || Value::Array(vec![Value::Map(BTreeMap::new())]);
    for (name, tag, value, wanted) in [
        ("integer", 0, Value::from(1.0), Wanted::Integer),
        ("integer", 0, Value::from("1"), Wanted::Integer),
        ("integers", 1, Value::from(1), Wanted::Array),
        ("integers", 1, array(), Wanted::Integer),
        ("fixed", 3, Value::from("1"), Wanted::Number),
        ("fixeds", 4, array(), Wanted::Number),
        ("boolean", 5, Value::from(1), Wanted::Boolean),
        ("booleans", 8, array(), Wanted::Boolean),
        ("string", 10, Value::from(1), Wanted::Bytes),
        ("strings", 11, array(), Wanted::Bytes),
        ("double", 100, Value::from(false), Wanted::Number),
        ("doubles", 101, array(), Wanted::Number),
        ("item", 102, Value::from(1), Wanted::Struct),
        ("items", 200, array(), Wanted::Struct),
        ("items", 200, Value::Map(BTreeMap::new()), Wanted::Array),
        ("by_id", 201, Value::from(1), Wanted::Map),
        ("map", 300, array(), Wanted::Map),
    ] {
        let error = refused(name, value.clone());
        assert_eq!(error, EncodeError::Kind { tag, wanted }, "{name} {value:?}");
        assert_eq!(error.blame(), Blame::Caller);
    }
    let stray = |name: &str| EncodeError::Field { name: name.into() };
    assert_eq!(refused("intege", Value::from(1)), stray("intege"));
    let twice = Struct::new().with("double", 1.0).with("integer", 1).with("integer", 2);
    assert_eq!(encode(&schema, "All", &twice.into()), Err(stray("integer")));
    assert_eq!(encode(&schema, "All", &Value::from(1)), Err(EncodeError::Message));
    for item in [Struct::new(), Struct::new().with("id", 2)] {
        let entries = BTreeMap::from([(Key::Integer(1), Value::from(item))]);
        assert_eq!(refused("by_id", Value::Map(entries)), EncodeError::Key { tag: 201 });
    }
    // Nobody could read these.
    for (name, tag, entry) in [
        ("by_id", 201, Struct::new().with("name", "keyless")),
        ("by_double", 301, Struct::new().with("d", f64::NAN)),
    ] {
        let entries = [entry].into_iter().collect();
        assert_eq!(refused(name, entries), EncodeError::Key { tag });
    }
    let entries = BTreeMap::from([(Key::Double(f64::NAN), Value::from(true))]);
    assert_eq!(refused("choice", Value::Map(entries)), EncodeError::Key { tag: 303 });
}

/// An integer stands for the number that it is.
#[test]
fn integers_are_numbers() {
    let schema = schema();
    let value = Struct::new().with("double", 2).with("fixed", -3);
    let message = encode(&schema, "All", &value.into()).unwrap();
    let value = decode("All", &message, &Limits::default()).unwrap();
    assert_eq!(value, Struct::new().with("fixed", -3.0).with("double", 2.0));
}
