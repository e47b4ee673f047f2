//! Writing dynamic values by their schema (WIRE S6 to S9).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::encoder::{self, Encoder, ToFields};
use super::error::{EncodeError, Wanted};
use super::fixed;
use super::limits::Limits;
use super::schema::{Kind, Schema, Shape, Type, TypeField, TypeId};
use super::value::{Key, Struct, Value};

impl Schema {
    /// Appends the encoded struct to `out`. Fields of [`Kind::Fixed`] and [`Kind::Double`] may be
    /// integers, and a keyed array may be an array of its structs; all else is as the schema says.
    /// Entries of maps are written by rising keys.
    ///
    /// # Errors
    /// The value is not as the schema says, or a limit was passed. `out` is as it was.
    ///
    /// # Panics
    /// The type is of another schema.
    pub fn encode(
        &self,
        message_type: TypeId,
        value: &Value<'_>,
        limits: &Limits,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        encoder::encode(&self.typed(message_type, value)?, limits, out)
    }

    /// A struct with its type, as a thing that writes its fields.
    ///
    /// # Errors
    /// [`EncodeError::Message`]: the value is no struct.
    ///
    /// # Panics
    /// The type is of another schema.
    pub fn typed<'t>(
        &'t self,
        message_type: TypeId,
        value: &'t Value<'_>,
    ) -> Result<Typed<'t>, EncodeError> {
        let value = value.as_struct().ok_or(EncodeError::Message)?;
        Ok(Typed { schema: self, definition: self.type_of(message_type), value })
    }
}

/// A struct and its type: it writes its fields.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'t> {
    schema: &'t Schema,
    definition: &'t Type,
    value: &'t Struct<'t>,
}

impl ToFields for Typed<'_> {
    fn words(&self) -> usize {
        let (there, all) = (self.value.len(), self.definition.fields().len());
        if there == all { self.definition.words() } else { self.definition.words().min(2 * there) }
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let mut written = 0;
        // The next field is looked for behind the last one, where it mostly is.
        let mut from = 0;
        for field in self.definition.fields() {
            if written == self.value.len() {
                return Ok(());
            }
            if let Some((index, value)) = self.find(field.name(), from) {
                write_field(self.schema, field, value, encoder)?;
                written += 1;
                from = index + 1;
            }
        }
        if written == self.value.len() { Ok(()) } else { Err(self.stray()) }
    }
}

impl<'t> Typed<'t> {
    fn find(&self, name: &str, from: usize) -> Option<(usize, &'t Value<'t>)> {
        let count = self.value.len();
        (from..count).chain(0..from.min(count)).find_map(|index| {
            let (it, value) = self.value.at(index)?;
            (it == name).then_some((index, value))
        })
    }

    /// The error of a field that was not written, of which there is one.
    fn stray(&self) -> EncodeError {
        let mut fields = self.value.iter().enumerate();
        let stray = fields.find(|&(index, (name, _))| {
            self.definition.field(name).is_none()
                || self.find(name, 0).is_some_and(|(first, _)| first < index)
        });
        let name = stray.map_or("", |(_, (name, _))| name);
        EncodeError::Field { name: name.into() }
    }
}

pub(super) fn write_field(
    schema: &Schema,
    field: &TypeField,
    value: &Value<'_>,
    encoder: &mut Encoder<'_>,
) -> Result<(), EncodeError> {
    let tag = field.tag();
    match (field.shape(), value) {
        (Shape::One, value) => write_one(schema, field, value, encoder),
        (Shape::Array, Value::Array(items)) => write_array(schema, field, items, encoder),
        (Shape::Array, _) => Err(EncodeError::Kind { tag, wanted: Wanted::Array }),
        (Shape::Keyed { key }, Value::Array(items)) => {
            write_keyed(schema, field, key, items.iter().map(|item| (None, item)), encoder)
        }
        (Shape::Keyed { key }, Value::Map(entries)) => {
            let entries = entries.iter().map(|(found_by, item)| (Some(found_by), item));
            write_keyed(schema, field, key, entries, encoder)
        }
        (Shape::Map { .. }, Value::Map(entries)) => write_map(schema, field, entries, encoder),
        (Shape::Keyed { .. } | Shape::Map { .. }, _) => {
            Err(EncodeError::Kind { tag, wanted: Wanted::Map })
        }
    }
}

fn write_one(
    schema: &Schema,
    field: &TypeField,
    value: &Value<'_>,
    encoder: &mut Encoder<'_>,
) -> Result<(), EncodeError> {
    let tag = field.tag();
    match field.kind() {
        Kind::Integer => encoder.integer(tag, integer(tag, value)?),
        Kind::Fixed { decimals } => encoder.fixed(tag, number(tag, value)?, decimals),
        Kind::Boolean => encoder.boolean(tag, boolean(tag, value)?),
        Kind::String | Kind::Binary => encoder.bytes(tag, bytes(tag, value)?),
        Kind::Double => encoder.double(tag, number(tag, value)?),
        Kind::Struct(id) => encoder.structure(tag, &structure(schema, tag, id, value)?),
    }
}

fn write_array(
    schema: &Schema,
    field: &TypeField,
    items: &[Value<'_>],
    encoder: &mut Encoder<'_>,
) -> Result<(), EncodeError> {
    let tag = field.tag();
    let items = items.iter();
    match field.kind() {
        Kind::Integer => encoder.try_integers(tag, items.map(|item| integer(tag, item))),
        Kind::Fixed { decimals } => encoder.try_integers(
            tag,
            items.map(|item| fixed::to_fixed(tag, number(tag, item)?, decimals)),
        ),
        Kind::Boolean => encoder.try_booleans(tag, items.map(|item| boolean(tag, item))),
        Kind::String | Kind::Binary => encoder.try_strings(tag, items.map(|item| bytes(tag, item))),
        Kind::Double => encoder.try_doubles(tag, items.map(|item| number(tag, item))),
        Kind::Struct(id) => {
            encoder.try_structures(tag, items.map(|item| structure(schema, tag, id, item)))
        }
    }
}

/// Each struct is to have its key, and the one that it is found by, if that is given.
fn write_keyed<'t>(
    schema: &'t Schema,
    field: &TypeField,
    key: u16,
    entries: impl Iterator<Item = (Option<&'t Key<'t>>, &'t Value<'t>)>,
    encoder: &mut Encoder<'_>,
) -> Result<(), EncodeError> {
    let tag = field.tag();
    let Kind::Struct(id) = field.kind() else {
        return Err(EncodeError::Kind { tag, wanted: Wanted::Struct });
    };
    let key = schema.type_of(id).field_of_tag(key);
    let structs = entries.map(|(found_by, item)| {
        let item = structure(schema, tag, id, item)?;
        let own = key.and_then(|key| item.value.get(key.name())).and_then(Key::of);
        let own = own.ok_or(EncodeError::Key { tag })?;
        let is_own = found_by.is_none_or(|found_by| *found_by == own);
        if is_own { Ok(item) } else { Err(EncodeError::Key { tag }) }
    });
    encoder.try_structures(tag, structs)
}

fn write_map(
    schema: &Schema,
    field: &TypeField,
    entries: &BTreeMap<Key<'_>, Value<'_>>,
    encoder: &mut Encoder<'_>,
) -> Result<(), EncodeError> {
    let tag = field.tag();
    let Kind::Struct(id) = field.kind() else {
        return Err(EncodeError::Kind { tag, wanted: Wanted::Struct });
    };
    let [first, second] = schema.type_of(id).fields() else {
        return Err(EncodeError::Kind { tag, wanted: Wanted::Struct });
    };
    let entries = entries.iter().map(|(key, value)| match key {
        Key::Double(number) if number.is_nan() => Err(EncodeError::Key { tag }),
        key => Ok(Entry { schema, first, second, key, value }),
    });
    encoder.try_structures(tag, entries)
}

/// An entry of a map, which is sent as a struct of two fields.
struct Entry<'t> {
    schema: &'t Schema,
    first: &'t TypeField,
    second: &'t TypeField,
    key: &'t Key<'t>,
    value: &'t Value<'t>,
}

impl ToFields for Entry<'_> {
    fn words(&self) -> usize {
        let first = self.first.tag();
        2 + usize::from(first > 0) + usize::from(self.second.tag() > first + 1)
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let key = match self.key {
            Key::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            key => key.to_value(),
        };
        write_one(self.schema, self.first, &key, encoder)?;
        write_field(self.schema, self.second, self.value, encoder)
    }
}

fn integer(tag: u16, value: &Value<'_>) -> Result<i64, EncodeError> {
    value.as_integer().ok_or(EncodeError::Kind { tag, wanted: Wanted::Integer })
}

fn number(tag: u16, value: &Value<'_>) -> Result<f64, EncodeError> {
    value.as_number().ok_or(EncodeError::Kind { tag, wanted: Wanted::Number })
}

fn boolean(tag: u16, value: &Value<'_>) -> Result<bool, EncodeError> {
    value.as_boolean().ok_or(EncodeError::Kind { tag, wanted: Wanted::Boolean })
}

fn bytes<'v>(tag: u16, value: &'v Value<'_>) -> Result<&'v [u8], EncodeError> {
    value.as_bytes().ok_or(EncodeError::Kind { tag, wanted: Wanted::Bytes })
}

fn structure<'t>(
    schema: &'t Schema,
    tag: u16,
    id: TypeId,
    value: &'t Value<'_>,
) -> Result<Typed<'t>, EncodeError> {
    let wanted = EncodeError::Kind { tag, wanted: Wanted::Struct };
    let value = value.as_struct().ok_or(wanted)?;
    Ok(Typed { schema, definition: schema.type_of(id), value })
}
