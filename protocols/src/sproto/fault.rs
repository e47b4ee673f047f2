//! Where in a message an error is, for people who look at captures.
//!
//! Decoding says what is wrong and names the innermost tag, and keeps no path, which would cost
//! every message. So whoever wants to know reads the message again, here.

use std::fmt;

use super::decoder::{Decoder, Field, Raw, decode_with};
use super::error::DecodeError;
use super::limits::Limits;
use super::schema::{Kind, Schema, Shape, Type, TypeField, TypeId};

/// An error and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The names of the fields from the outermost struct to the place, `items[2].name`; empty if it
    /// is in no field that the schema has.
    pub path: String,
    /// Where the field's block begins, or the struct that is cut off, in bytes from the start.
    pub offset: usize,
    /// What is wrong.
    pub error: DecodeError,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at byte {}", self.offset)?;
        if !self.path.is_empty() {
            write!(formatter, ", in {}", self.path)?;
        }
        write!(formatter, ": {}", self.error)
    }
}

impl Schema {
    /// Why the bytes are no struct of this type, and where; none if they are.
    ///
    /// # Panics
    /// The type is of another schema.
    #[must_use]
    pub fn find_fault(&self, message_type: TypeId, input: &[u8], limits: &Limits) -> Option<Fault> {
        let error = self.decode(message_type, input, limits).err()?;
        // Some fields are read twice here.
        let limits = Limits { values_max: limits.values_max.saturating_mul(2), ..*limits };
        let mut walk = Walk { schema: self, input, path: String::new(), offset: 0 };
        let definition = self.type_of(message_type);
        let found = decode_with(input, &limits, |decoder| walk.structure(definition, decoder));
        match found {
            Err(same) if same == error => {
                Some(Fault { path: walk.path, offset: walk.offset, error })
            }
            _ => Some(Fault { path: String::new(), offset: 0, error }),
        }
    }
}

/// The place that is being read. It stays where an error is.
struct Walk<'v> {
    schema: &'v Schema,
    input: &'v [u8],
    path: String,
    offset: usize,
}

impl<'v> Walk<'v> {
    fn structure(
        &mut self,
        definition: &'v Type,
        decoder: &mut Decoder<'v, '_>,
    ) -> Result<(), DecodeError> {
        let (length, offset) = (self.path.len(), self.offset);
        while let Some(field) = decoder.next()? {
            let Some(known) = definition.field_of_tag(field.tag()) else { continue };
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(known.name());
            self.field(known, &field)?;
            self.path.truncate(length);
            self.offset = offset;
        }
        Ok(())
    }

    fn field(
        &mut self,
        definition: &'v TypeField,
        field: &Field<'v, '_>,
    ) -> Result<(), DecodeError> {
        if let Raw::Block(block) = field.raw() {
            self.offset = self.offset_of(block);
        }
        match (definition.kind(), definition.shape()) {
            (Kind::Struct(id), Shape::One) => {
                let definition = self.schema.type_of(id);
                field.structure_with(|decoder| self.structure(definition, decoder))
            }
            (Kind::Struct(id), Shape::Array) => self.items(id, field),
            (Kind::Struct(id), _) => {
                self.items(id, field)?;
                // What is left may be wrong with keys.
                self.schema.decode_field(definition, field).map(drop)
            }
            _ => self.schema.decode_field(definition, field).map(drop),
        }
    }

    fn items(&mut self, id: TypeId, field: &Field<'v, '_>) -> Result<(), DecodeError> {
        let (length, offset) = (self.path.len(), self.offset);
        let definition = self.schema.type_of(id);
        for (index, item) in field.items()?.enumerate() {
            self.path.push_str(&format!("[{index}]"));
            self.offset = self.offset_of(item);
            field.inside(item, |decoder| self.structure(definition, decoder))?;
            self.path.truncate(length);
            self.offset = offset;
        }
        Ok(())
    }

    /// Where a part of the input is.
    fn offset_of(&self, part: &[u8]) -> usize {
        part.as_ptr().addr().saturating_sub(self.input.as_ptr().addr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
    .Item { id 0 : integer name 1 : string inner 2 : Item }
    .All { items 0 : *Item by_id 1 : *Item(id) text 5 : string }";

    fn fault(message: &[u8]) -> Option<String> {
        let schema = Schema::parse(TEXT).expect("the text is a schema");
        let id = schema.type_id("All").expect("it is there");
        schema.find_fault(id, message, &Limits::default()).map(|fault| fault.to_string())
    }

    /// WIRE S11.
    #[test]
    fn errors_have_a_place() {
        let good = [1, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(fault(&good), None);
        assert_eq!(
            fault(&[1]).as_deref(),
            Some("at byte 0: a struct is cut off in its field words")
        );
        let word = [2, 0, 9, 0, 4, 0];
        let expected = "at byte 0, in text: field 5: a small number where data belong";
        assert_eq!(fault(&word).as_deref(), Some(expected));
        // Two items; the second has a struct with a name that is a number.
        let inner = [2, 0, 1, 0, 4, 0];
        let item = [&[2, 0, 3, 0, 0, 0, 6, 0, 0, 0][..], &inner].concat();
        let items = [&[2, 0, 0, 0, 0, 0, 16, 0, 0, 0][..], &item].concat();
        let message = [&[1, 0, 0, 0, items.len() as u8, 0, 0, 0][..], &items].concat();
        let expected =
            "at byte 28, in items[1].inner.name: field 1: a small number where data belong";
        assert_eq!(fault(&message).as_deref(), Some(expected));
        // One item without its key.
        let message = [2, 0, 1, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0, 0, 0, 0];
        let expected = "at byte 10, in by_id: field 1: an entry without its key";
        assert_eq!(fault(&message).as_deref(), Some(expected));
    }
}
