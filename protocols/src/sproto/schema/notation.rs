//! A schema in the words of schema text, for people.

use super::{Kind, Protocol, Response, Schema, Shape, TypeField};

impl Schema {
    /// What schema text has behind the colon of a field, with full names of types.
    #[must_use]
    pub fn kind_text(&self, field: &TypeField) -> String {
        let kind = match field.kind() {
            Kind::Integer => String::from("integer"),
            Kind::Fixed { decimals } => format!("integer({decimals})"),
            Kind::Boolean => String::from("boolean"),
            Kind::String => String::from("string"),
            Kind::Binary => String::from("binary"),
            Kind::Double => String::from("double"),
            Kind::Struct(id) => self.type_of(id).name().to_owned(),
        };
        match field.shape() {
            Shape::One => kind,
            Shape::Array => format!("*{kind}"),
            Shape::Keyed { key } => format!("*{kind}({})", self.key_name(field.kind(), key)),
            Shape::Map { .. } => format!("*{kind}()"),
        }
    }

    /// The name of the field that structs are found by.
    fn key_name(&self, kind: Kind, key: u16) -> &str {
        let Kind::Struct(id) = kind else { return "" };
        self.type_of(id).field_of_tag(key).map_or("", TypeField::name)
    }

    /// What schema text has inside the braces of a protocol, with full names of types.
    #[must_use]
    pub fn sides_text(&self, protocol: &Protocol) -> String {
        let name = |id| self.type_of(id).name();
        let request = protocol.request().map(|id| format!("request {}", name(id)));
        let response = match protocol.response() {
            Response::None => None,
            Response::Confirm => Some(String::from("response nil")),
            Response::Struct(id) => Some(format!("response {}", name(id))),
        };
        let sides: Vec<_> = [request, response].into_iter().flatten().collect();
        sides.join(" ")
    }
}
