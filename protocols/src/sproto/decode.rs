//! Reading dynamic values by their schema (WIRE S7 to S12).
//!
//! Memory grows with what was read, never with what a length claims, and each value is charged to
//! [`Limits::values_max`] before it is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::decoder::{Decoder, Field, decode_with};
use super::error::DecodeError;
use super::limits::Limits;
use super::schema::{Kind, Schema, Shape, Type, TypeField, TypeId};
use super::value::{Key, Struct, Value};

impl Schema {
    /// Reads the struct at the front of the input; and how many bytes it took up. Fields that the
    /// type does not have are passed over, whatever they hold, and so is what is behind the struct
    /// (WIRE S11).
    ///
    /// # Errors
    /// The bytes are no such struct, or a limit was passed.
    ///
    /// # Panics
    /// The type is of another schema.
    pub fn decode<'v>(
        &'v self,
        message_type: TypeId,
        input: &'v [u8],
        limits: &Limits,
    ) -> Result<(Struct<'v>, usize), DecodeError> {
        let definition = self.type_of(message_type);
        decode_with(input, limits, |decoder| read_struct(self, definition, decoder))
    }

    /// Reads a field that is known to be this one of a type of this schema.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_field<'v>(
        &'v self,
        definition: &'v TypeField,
        field: &Field<'v, '_>,
    ) -> Result<Value<'v>, DecodeError> {
        read_field(self, definition, field)
    }
}

fn read_struct<'v>(
    schema: &'v Schema,
    definition: &'v Type,
    decoder: &mut Decoder<'v, '_>,
) -> Result<Struct<'v>, DecodeError> {
    // Exactly as many as come, where all are known: most structs are small, and there may be many.
    let mut value = Struct::with_room(decoder.fields_left().min(definition.fields().len()));
    // Both sides rise.
    let mut definitions = definition.fields().iter().peekable();
    while let Some(field) = decoder.next()? {
        while definitions.next_if(|it| it.tag() < field.tag()).is_some() {}
        if let Some(known) = definitions.next_if(|it| it.tag() == field.tag()) {
            value.push(known.name(), read_field(schema, known, &field)?);
        }
    }
    Ok(value)
}

fn read_field<'v>(
    schema: &'v Schema,
    definition: &'v TypeField,
    field: &Field<'v, '_>,
) -> Result<Value<'v>, DecodeError> {
    match (definition.shape(), definition.kind()) {
        (Shape::One, kind) => read_one(schema, kind, field),
        (Shape::Keyed { key }, Kind::Struct(id)) => read_keyed(schema, id, key, field),
        (Shape::Map { key, value }, Kind::Struct(id)) => read_map(schema, id, key, value, field),
        (_, kind) => read_array(schema, kind, field),
    }
}

fn read_one<'v>(
    schema: &'v Schema,
    kind: Kind,
    field: &Field<'v, '_>,
) -> Result<Value<'v>, DecodeError> {
    Ok(match kind {
        Kind::Integer => Value::Integer(field.integer()?),
        Kind::Fixed { decimals } => Value::Double(field.fixed(decimals)?),
        Kind::Boolean => Value::Boolean(field.boolean()?),
        Kind::String | Kind::Binary => Value::Bytes(Cow::Borrowed(field.bytes()?)),
        Kind::Double => Value::Double(field.double()?),
        Kind::Struct(id) => {
            let definition = schema.type_of(id);
            let read = |decoder: &mut Decoder<'v, '_>| read_struct(schema, definition, decoder);
            Value::Struct(field.structure_with(read)?)
        }
    })
}

fn read_array<'v>(
    schema: &'v Schema,
    kind: Kind,
    field: &Field<'v, '_>,
) -> Result<Value<'v>, DecodeError> {
    Ok(Value::Array(match kind {
        Kind::Integer => field.integers()?.map(Value::Integer).collect(),
        Kind::Fixed { decimals } => field.fixeds(decimals)?.map(Value::Double).collect(),
        Kind::Boolean => field.booleans()?.map(Value::Boolean).collect(),
        Kind::String | Kind::Binary => {
            field.items()?.map(|item| Value::Bytes(Cow::Borrowed(item))).collect()
        }
        Kind::Double => field.doubles()?.map(Value::Double).collect(),
        Kind::Struct(id) => {
            let items = structs(schema, id, field)?.map(|item| item.map(Value::Struct));
            items.collect::<Result<_, _>>()?
        }
    }))
}

/// The structs of an array, one after the other.
fn structs<'v>(
    schema: &'v Schema,
    id: TypeId,
    field: &Field<'v, '_>,
) -> Result<impl Iterator<Item = Result<Struct<'v>, DecodeError>>, DecodeError> {
    let definition = schema.type_of(id);
    let items = field.items()?;
    Ok(items
        .map(move |item| field.inside(item, |decoder| read_struct(schema, definition, decoder))))
}

/// Of two structs with one key the later stays (WIRE S12).
fn read_keyed<'v>(
    schema: &'v Schema,
    id: TypeId,
    key: u16,
    field: &Field<'v, '_>,
) -> Result<Value<'v>, DecodeError> {
    let tag = field.tag();
    let key_name = schema.type_of(id).field_of_tag(key).map_or("", TypeField::name);
    let mut entries = BTreeMap::new();
    for item in structs(schema, id, field)? {
        let item = item?;
        let key = item.get(key_name).ok_or(DecodeError::KeyMissing { tag })?;
        let key = Key::of(key).ok_or(DecodeError::KeyNan { tag })?;
        entries.insert(key, Value::Struct(item));
    }
    Ok(Value::Map(entries))
}

/// Of two entries with one key the later stays (WIRE S12).
fn read_map<'v>(
    schema: &'v Schema,
    id: TypeId,
    key: u16,
    value: u16,
    field: &Field<'v, '_>,
) -> Result<Value<'v>, DecodeError> {
    let definition = schema.type_of(id);
    let items = field.items()?;
    let mut entries = BTreeMap::new();
    for item in items {
        let (key, value) = field.inside(item, |decoder| {
            read_entry(schema, definition, (key, value), decoder, field.tag())
        })?;
        entries.insert(key, value);
    }
    Ok(Value::Map(entries))
}

/// The two fields of an entry of the map that is field `tag`.
fn read_entry<'v>(
    schema: &'v Schema,
    definition: &'v Type,
    (key_tag, value_tag): (u16, u16),
    decoder: &mut Decoder<'v, '_>,
    tag: u16,
) -> Result<(Key<'v>, Value<'v>), DecodeError> {
    let (mut key, mut value) = (None, None);
    while let Some(field) = decoder.next()? {
        let Some(known) = definition.field_of_tag(field.tag()) else { continue };
        let read = read_field(schema, known, &field)?;
        if field.tag() == key_tag {
            key = Some(Key::of(&read).ok_or(DecodeError::KeyNan { tag })?);
        } else if field.tag() == value_tag {
            value = Some(read);
        }
    }
    let key = key.ok_or(DecodeError::KeyMissing { tag })?;
    Ok((key, value.ok_or(DecodeError::ValueMissing { tag })?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WIRE S10: what values take follows from how many came, also where each struct has only one
    /// field of many, or words for none.
    #[test]
    fn a_struct_takes_no_more_room_than_its_fields() {
        let schema = Schema::parse(".A { a 0 : integer b 1 : A c 2 : A d 4 : *A }").unwrap();
        let id = schema.type_id("A").unwrap();
        let skips = [3, 0, 1, 0, 1, 0, 1, 0];
        for (message, fields) in [
            (&[1, 0, 2, 0][..], 1),
            (&[2, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0], 1),
            (&[1, 0, 1, 0], 0),
            (&skips, 0),
            // An unknown field counts, since it may have been a known one.
            (&[3, 0, 2, 0, 9, 0, 2, 0], 2),
        ] {
            let (value, _) = schema.decode(id, message, &Limits::default()).unwrap();
            assert_eq!(value.room(), fields, "{message:?}");
        }
    }
}
