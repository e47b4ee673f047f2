//! Writing a bundle (WIRE S4).
//!
//! Not by the encoder: in bundles each item that is absent has a word of its own, where a message
//! would have one word for the whole gap.

use super::{Kind, Protocol, Response, Schema, Shape, Type, TypeField};

/// The word of an absent item.
const ABSENT: u16 = 1;

/// The word of an item that is in the data.
const IN_DATA: u16 = 0;

pub(super) fn save(schema: &Schema) -> Vec<u8> {
    let types = joined(schema.types.iter().map(type_bytes));
    let protocols = joined(schema.protocols.iter().map(protocol_bytes));
    match (schema.types.is_empty(), schema.protocols.is_empty()) {
        (true, _) => structure(&[], &[]),
        (false, true) => structure(&[IN_DATA], &[&types]),
        (false, false) => structure(&[IN_DATA, IN_DATA], &[&types, &protocols]),
    }
}

fn type_bytes(item: &Type) -> Vec<u8> {
    let name = item.name.as_bytes();
    if item.fields.is_empty() {
        return structure(&[IN_DATA], &[name]);
    }
    structure(&[IN_DATA, IN_DATA], &[name, &joined(item.fields.iter().map(field_bytes))])
}

fn field_bytes(field: &TypeField) -> Vec<u8> {
    let (builtin, number) = match field.kind {
        Kind::Integer => (word(0), ABSENT),
        Kind::Fixed { decimals } => (word(0), word(u16::from(decimals))),
        Kind::Boolean => (word(1), ABSENT),
        Kind::String => (word(2), ABSENT),
        Kind::Binary => (word(2), word(1)),
        Kind::Double => (word(3), ABSENT),
        Kind::Struct(id) => (ABSENT, word(id.0)),
    };
    let mut words = vec![IN_DATA, builtin, number, word(field.tag)];
    match field.shape {
        Shape::One => {}
        Shape::Array => words.push(word(1)),
        Shape::Keyed { key } => words.extend([word(1), word(key)]),
        Shape::Map { key, .. } => words.extend([word(1), word(key), word(1)]),
    }
    structure(&words, &[field.name.as_bytes()])
}

fn protocol_bytes(protocol: &Protocol) -> Vec<u8> {
    let request = protocol.request.map(|id| word(id.0));
    let mut words = vec![IN_DATA, word(protocol.tag)];
    match (request, protocol.response) {
        (None, Response::None) => {}
        (Some(request), Response::None) => words.push(request),
        (request, Response::Struct(id)) => words.extend([request.unwrap_or(ABSENT), word(id.0)]),
        (request, Response::Confirm) => {
            words.extend([request.unwrap_or(ABSENT), ABSENT, word(1)]);
        }
    }
    structure(&words, &[protocol.name.as_bytes()])
}

/// The word of a number that a schema may hold, up to 32,766.
fn word(number: u16) -> u16 {
    (number + 1) * 2
}

fn structure(words: &[u16], data: &[&[u8]]) -> Vec<u8> {
    let mut out = (words.len() as u16).to_le_bytes().to_vec();
    out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    for block in data {
        put_measured(block, &mut out);
    }
    out
}

fn joined(items: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        put_measured(&item, &mut out);
    }
    out
}

fn put_measured(bytes: &[u8], out: &mut Vec<u8>) {
    // The text or bundle that all this came from was far shorter than 4 GiB.
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}
