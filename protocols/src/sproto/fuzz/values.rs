//! Messages, packed bytes and schemas.

use std::sync::OnceLock;

use super::source;
use crate::sproto::schema::{Schema, TypeId};
use crate::sproto::{DecodeError, Limits, Struct, Value, decode_with, pack, unpacked_bytes};

/// Every kind in every shape, with low tags, so that few bytes reach all.
const TEXT: &str = "
.Pair { key 0 : string value 1 : *Pair() }
.Item { id 0 : integer name 1 : string fixed 2 : integer(2) all 3 : All }
.By { d 0 : double x 1 : boolean }
.All {
    integer 0 : integer integers 1 : *integer fixed 2 : integer(3) fixeds 3 : *integer(3)
    boolean 4 : boolean booleans 5 : *boolean string 6 : string strings 7 : *string
    double 8 : double doubles 9 : *double item 10 : Item items 11 : *Item by_id 12 : *Item(id)
    map 13 : *Pair() by_double 14 : *By(d) choice 15 : *By()
}";

/// A message of any type of the schema above, and limits in front of it.
pub fn decode(data: &[u8]) {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| Schema::parse(TEXT).expect("the text is a schema"));
    let &[kind, bytes, depth, values, ref message @ ..] = data else { return };
    let limits = Limits {
        message_bytes_max: usize::from(bytes) * 8,
        depth_max: u32::from(depth % 16),
        values_max: u32::from(values) * 2,
    };
    let name = schema.types()[usize::from(kind) % schema.types().len()].name();
    let id = schema.type_id(name).expect("it has this name");
    read(schema, id, message, &limits);
    read(schema, id, message, &Limits::default());
}

/// Reads a message within limits, and writes it again.
fn read(schema: &Schema, id: TypeId, message: &[u8], limits: &Limits) {
    let fault = schema.find_fault(id, message, limits);
    let (value, consumed) = match schema.decode(id, message, limits) {
        Err(error) => {
            let fault = fault.expect("it has a place");
            assert!(fault.error == error && fault.offset <= message.len());
            return;
        }
        Ok(read) => read,
    };
    assert_eq!(fault, None);
    assert!(consumed <= message.len() && consumed <= limits.message_bytes_max);
    let (count, depth) = size(&value);
    assert!(count <= limits.values_max && depth <= limits.depth_max);
    assert_eq!(walk(message, limits), Ok(consumed));

    let is_exact = is_exact(&value);
    let mut first = Vec::new();
    if schema.encode(id, &value.into(), &Limits::default(), &mut first).is_err() {
        assert!(!is_exact, "what was read can be written");
        return;
    }
    // Every block that is kept stood in the message, and no word takes more than a number there.
    assert!(first.len() <= 4 * message.len());
    let (again, consumed) = schema.decode(id, &first, &Limits::default()).expect("it was written");
    assert_eq!(consumed, first.len());
    let mut second = Vec::new();
    let written = schema.encode(id, &again.into(), &Limits::default(), &mut second);
    assert!(!is_exact || (written.is_ok() && first == second));
}

/// Values, that is fields and items, and levels of structs.
fn size(value: &Struct<'_>) -> (u32, u32) {
    let sizes = value.iter().map(|(_, field)| size_of_field(field));
    let (count, depth) =
        sizes.fold((0, 0), |(count, depth), (more, deep)| (count + 1 + more, depth.max(deep)));
    (count, depth + 1)
}

fn size_of_field(value: &Value<'_>) -> (u32, u32) {
    let of_items = |items: &mut dyn Iterator<Item = &Value<'_>>| {
        items.fold((0, 0), |(count, depth), item| {
            let (more, deep) = size_of_field(item);
            (count + 1 + more, depth.max(deep))
        })
    };
    match value {
        Value::Struct(value) => size(value),
        Value::Array(items) => of_items(&mut items.iter()),
        Value::Map(entries) => of_items(&mut entries.values()),
        _ => (0, 0),
    }
}

/// Whether fixed-point numbers are so small that they come back as they were.
fn is_exact(value: &Struct<'_>) -> bool {
    value.iter().all(|(_, field)| is_exact_field(field))
}

fn is_exact_field(value: &Value<'_>) -> bool {
    match value {
        Value::Double(number) => number.is_finite() && number.abs() < 1e5,
        Value::Struct(value) => is_exact(value),
        Value::Array(items) => items.iter().all(is_exact_field),
        Value::Map(entries) => {
            entries.iter().all(|(key, it)| is_exact_field(&key.to_value()) && is_exact_field(it))
        }
        _ => true,
    }
}

/// Reads a message without a schema.
fn walk(message: &[u8], limits: &Limits) -> Result<usize, DecodeError> {
    let walked = decode_with(message, limits, |decoder| {
        let mut tag_next = 0;
        while let Some(field) = decoder.next()? {
            assert!(u32::from(field.tag()) >= tag_next, "tags rise");
            tag_next = u32::from(field.tag()) + 1;
        }
        Ok::<_, DecodeError>(())
    });
    walked.map(|((), consumed)| consumed)
}

/// Packed bytes, and a bound in front of them.
pub fn unpack(data: &[u8]) {
    let &[low, high, ref input @ ..] = data else { return };
    let bytes_max = usize::from(u16::from_le_bytes([low, high]));
    let mut out = Vec::new();
    let unpacked = crate::sproto::unpack(input, bytes_max, &mut out);
    assert!(out.capacity() <= bytes_max);
    match unpacked {
        Ok(()) => assert_eq!(unpacked_bytes(input), Ok(out.len())),
        Err(_) => assert!(out.is_empty()),
    }
    pack_and_back(&out);
    pack_and_back(input);
}

fn pack_and_back(input: &[u8]) {
    let mut packed = Vec::new();
    pack(input, &mut packed);
    let bytes = input.len().next_multiple_of(8);
    assert!(packed.len() <= bytes / 8 * 10);
    let mut back = Vec::new();
    crate::sproto::unpack(&packed, bytes, &mut back).expect("it was packed");
    assert!(back.starts_with(input) && back.len() == bytes);
    assert!(back[input.len()..].iter().all(|&byte| byte == 0));
}

/// A bundle, or schema text and behind a zero a message of each of its types.
pub fn schema(data: &[u8]) {
    if let Ok(schema) = Schema::from_bundle(data) {
        assert_eq!(Schema::from_bundle(&schema.to_bundle()), Ok(schema));
    }
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (text, message) = data.split_at(end);
    let warned = Schema::parse_with_warnings(text).map(|(schema, _)| schema);
    assert_eq!(warned, Schema::parse(text));
    let message = message.get(1..).unwrap_or_default();
    match Schema::parse(text) {
        Err(error) => {
            let lines = text.iter().filter(|&&byte| byte == b'\n').count() + 1;
            assert!((1..=lines).contains(&(error.line as usize)));
        }
        Ok(schema) => {
            source::generated(&schema);
            let loaded = Schema::from_bundle(&schema.to_bundle());
            assert_eq!(loaded.ok().as_ref(), Some(&schema).filter(|it| !it.types().is_empty()));
            for definition in schema.types() {
                let id = schema.type_id(definition.name()).expect("it has this name");
                assert_eq!(schema.type_of(id), definition);
                read(&schema, id, message, &Limits::default());
            }
        }
    }
}
