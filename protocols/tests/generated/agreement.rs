//! Generated types against dynamic values, and against what Skynet has sent.

use proptest::prelude::*;
use serde::Deserialize;
use skyring_protocols::sproto::schema::Type;
use skyring_protocols::sproto::{
    DecodeError, EncodeError, FromFields, Limits, Schema, Struct, ToFields, Value, decode, encode,
};

use crate::random::{self, Dice};
use crate::{calls, crew, gaps, keys, maps, names, source};

/// Reads a message as a type, and writes it again.
type Reread = fn(&[u8]) -> Result<(Result<Vec<u8>, EncodeError>, usize), DecodeError>;

fn reread<T: ToFields + for<'i> FromFields<'i>>(
    message: &[u8],
) -> Result<(Result<Vec<u8>, EncodeError>, usize), DecodeError> {
    let (value, consumed) = decode::<T>(message, &Limits::default())?;
    let mut out = Vec::new();
    let written = encode(&value, &Limits::default(), &mut out);
    if written.is_ok() {
        assert_eq!(usize::from(u16::from_le_bytes([out[0], out[1]])), value.words());
    }
    Ok((written.map(|()| out), consumed))
}

/// Schemas, and types of them by name.
fn generated() -> [(Schema, Vec<(&'static str, Reread)>); 6] {
    [
        (
            crew::schema(),
            vec![
                ("Member", reread::<crew::Member>),
                ("Member.Radio", reread::<crew::MemberRadio>),
                ("Ship", reread::<crew::Ship>),
                ("Mix", reread::<crew::Mix>),
                ("Tree", reread::<crew::Tree>),
            ],
        ),
        (
            gaps::schema(),
            vec![
                ("Inner", reread::<gaps::Inner>),
                ("Gap", reread::<gaps::Gap>),
                ("One", reread::<gaps::One>),
                ("Late", reread::<gaps::Late>),
                ("Empty", reread::<gaps::Empty>),
            ],
        ),
        (
            maps::schema(),
            vec![
                ("Item", reread::<maps::Item>),
                ("Named", reread::<maps::Named>),
                ("KV", reread::<maps::Kv>),
                ("SV", reread::<maps::Sv>),
                ("Flag", reread::<maps::Flag>),
                ("Bag", reread::<maps::Bag>),
            ],
        ),
        (keys::schema(), vec![("Keys", reread::<keys::Keys>), ("ToMap", reread::<keys::ToMap>)]),
        (
            names::schema(),
            vec![
                ("Option", reread::<names::OptionType>),
                ("Option.Vec", reread::<names::OptionVec>),
                ("OptionVec", reread::<names::OptionVec2>),
                ("Chain", reread::<names::Chain>),
                ("chain", reread::<names::Chain2>),
            ],
        ),
        (calls::schema(), vec![("Point", reread::<calls::Point>)]),
    ]
}

fn dynamic(
    schema: &Schema,
    name: &str,
    message: &[u8],
) -> Result<(Struct<'static>, usize), DecodeError> {
    let read = schema.decode(schema.type_id(name).unwrap(), message, &Limits::default());
    read.map(|(value, consumed)| (value.into_owned(), consumed))
}

fn written(schema: &Schema, name: &str, value: &Value<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    schema.encode(schema.type_id(name).unwrap(), value, &Limits::default(), &mut out)?;
    Ok(out)
}

/// Whether all strings are text. To a dynamic value, they are bytes.
fn is_text(value: &Value<'_>) -> bool {
    match value {
        Value::Bytes(bytes) => str::from_utf8(bytes).is_ok(),
        Value::Struct(fields) => fields.iter().all(|(_, it)| is_text(it)),
        Value::Array(items) => items.iter().all(is_text),
        Value::Map(entries) => {
            entries.iter().all(|(key, it)| is_text(&key.to_value()) && is_text(it))
        }
        _ => true,
    }
}

/// The type and the value make the same of a message.
fn agree(schema: &Schema, name: &str, reread: Reread, message: &[u8]) -> Result<(), String> {
    let value = dynamic(schema, name, message);
    let expected = value.map(|(value, consumed)| (Value::from(value), consumed));
    match (reread(message), expected) {
        (Ok((typed, consumed)), Ok((value, other))) => {
            let expected = written(schema, name, &value);
            let is_same = typed == expected && consumed == other;
            if is_same { Ok(()) } else { Err(format!("{typed:?}, not {expected:?}")) }
        }
        (Err(DecodeError::Text { .. }), Ok((value, _))) if !is_text(&value) => Ok(()),
        (Err(error), Err(other)) if error == other => Ok(()),
        // Of two faults, another may be met first: a dynamic value does not ask whether strings are
        // text, and looks for keys before an entry is read to its end.
        (Err(DecodeError::Text { .. }), Err(_)) => Ok(()),
        (Err(_), Err(DecodeError::KeyMissing { .. } | DecodeError::KeyNan { .. })) => Ok(()),
        (Err(_), Err(DecodeError::ValueMissing { .. })) => Ok(()),
        (typed, expected) => Err(format!("{typed:?}, not {expected:?}")),
    }
}

#[derive(Deserialize)]
struct Sets {
    sets: Vec<Set>,
}

#[derive(Deserialize)]
struct Set {
    name: String,
    schema: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    r#type: String,
    encoded: Option<String>,
    bytes: Option<String>,
}

/// Fields and what they are.
fn fields_text(schema: &Schema, definition: &Type) -> Vec<String> {
    let fields = definition.fields().iter();
    fields.map(|it| format!("{} {} : {}", it.name(), it.tag(), schema.kind_text(it))).collect()
}

/// The generated schema that has all types of another.
fn same_schema(schema: &Schema) -> Option<(Schema, Vec<(&'static str, Reread)>)> {
    let is_same = |other: &Schema| {
        schema.types().iter().all(|definition| {
            let found = other.type_id(definition.name()).map(|id| other.type_of(id));
            found.is_some_and(|it| fields_text(other, it) == fields_text(schema, definition))
        })
    };
    generated().into_iter().find(|(other, _)| is_same(other))
}

/// WIRE S6 to S8, S9, S11, S12: what Skynet encodes is read and written the same, and what it sends
/// otherwise is as to dynamic values. Schemas that are not generated are left to those.
#[test]
fn recorded_messages_are_read_and_written() {
    let mut tried = Vec::new();
    let mut wrong = Vec::new();
    for file in ["encode", "decode"] {
        let Sets { sets } = source::read("sproto", file);
        for Set { name, schema, cases } in sets {
            let Some((schema, types)) = same_schema(&Schema::parse(schema).unwrap()) else {
                continue;
            };
            tried.push(format!("{file} {name}"));
            for (number, case) in cases.iter().enumerate() {
                let message = case.encoded.as_ref().or(case.bytes.as_ref()).unwrap();
                let message = source::bytes(message);
                let (_, reread) = types.iter().find(|(it, _)| *it == case.r#type).unwrap();
                let agreed = agree(&schema, &case.r#type, *reread, &message);
                wrong.extend(agreed.err().map(|it| format!("{file} {name} {number}: {it}")));
                if case.encoded.is_some()
                    && let Ok((again, consumed)) = reread(&message)
                    && (again.as_ref() != Ok(&message) || consumed != message.len())
                {
                    wrong.push(format!("{file} {name} {number} is written otherwise: {again:?}"));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    let known = ["crew", "mix", "gaps", "maps"];
    let all = ["encode", "decode"].map(|file| known.map(|name| format!("{file} {name}")));
    assert!(!source::is_committed() || tried == all.concat(), "{tried:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// WIRE S6 to S8, S9, S12: random values, also bent by a byte.
    #[test]
    fn random_messages_are_read_and_written(seed: u64, at: prop::sample::Index, by: u8) {
        let mut dice = Dice::new(seed);
        for (schema, types) in generated() {
            for (name, reread) in types {
                let value = random::value(&schema, schema.type_id(name).unwrap(), 4, &mut dice);
                let mut message = written(&schema, name, &value.into()).unwrap();
                let typed = reread(&message);
                prop_assert_eq!(typed, Ok((Ok(message.clone()), message.len())));
                let at = at.index(message.len());
                message[at] ^= by;
                prop_assert_eq!(agree(&schema, name, reread, &message), Ok(()));
            }
        }
    }
}

/// Types that are found by a key have that key.
#[test]
fn entries_are_of_their_keys() {
    let write = |bag: &maps::Bag| encode(bag, &Limits::default(), &mut Vec::new());
    let item = |id| maps::Item { id, ..maps::Item::default() };
    let bag = |id| maps::Bag { items: Some([(7, item(id))].into()), ..maps::Bag::default() };
    assert_eq!(write(&bag(Some(7))), Ok(()));
    assert_eq!(write(&bag(Some(8))), Err(EncodeError::Key { tag: 0 }));
    assert_eq!(write(&bag(None)), Err(EncodeError::Key { tag: 0 }));
}

/// WIRE S8: rounded as it is written, halves away from zero.
#[test]
fn fixed_point_is_rounded_when_it_is_written() {
    let member = crew::Member { mass: Some(-0.125), ..crew::Member::default() };
    let mut message = Vec::new();
    encode(&member, &Limits::default(), &mut message).unwrap();
    let (back, _) = decode::<crew::Member>(&message, &Limits::default()).unwrap();
    assert_eq!(back.mass, Some(-0.13));
}

/// Absent and empty are two things, and both come back.
#[test]
fn types_go_through_json() {
    let gap = gaps::Gap {
        s7: Some(String::from("\u{e9}")),
        ai100: Some(Vec::new()),
        ast1000: Some(vec![gaps::Inner { a: Some(-1), b: None }]),
        ..gaps::Gap::default()
    };
    let text = serde_json::to_string(&gap).unwrap();
    assert_eq!(text, "{\"s7\":\"\u{e9}\",\"ai100\":[],\"ast1000\":[{\"a\":-1}]}");
    assert_eq!(serde_json::from_str::<gaps::Gap>(&text).unwrap(), gap);
    let mut message = Vec::new();
    encode(&gap, &Limits::default(), &mut message).unwrap();
    let (value, _) = dynamic(&gaps::schema(), "Gap", &message).unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap(), text);
    let options =
        names::OptionType { r#type: Some(String::new()), self_: Some(1), ..Default::default() };
    assert_eq!(serde_json::to_string(&options).unwrap(), "{\"type\":\"\",\"self\":1}");
}
