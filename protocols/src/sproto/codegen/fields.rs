//! How a field is declared, written and read.

use super::Generator;
use super::text::Text;
use crate::sproto::schema::{Kind, Shape, TypeField, TypeId};

/// The Rust of a field.
pub(super) struct FieldCode {
    pub(super) tag: u16,
    pub(super) name: String,
    /// What is in the `Option`.
    rust_type: String,
    /// As schema text has it.
    notation: String,
    /// An expression that writes the reference `value`, by lines.
    pub(super) write: Vec<String>,
    /// An expression that reads it from `field`, by lines.
    pub(super) read: Vec<String>,
}

impl FieldCode {
    /// The field in its struct.
    pub(super) fn declare(&self, schema_name: &str, has_serde: bool, text: &mut Text) {
        let Self { tag, name, rust_type, notation, .. } = self;
        text.line(&format!("/// `{schema_name} {tag} : {notation}`"));
        if has_serde {
            let is_same = name.trim_start_matches("r#") == schema_name;
            let rename =
                if is_same { String::new() } else { format!("rename = \"{schema_name}\", ") };
            text.line(&format!("#[serde({rename}skip_serializing_if = \"Option::is_none\")]"));
        }
        text.line(&format!("pub {name}: Option<{rust_type}>,"));
    }
}

/// A field of the type of an entry.
struct Part {
    name: String,
    rust_type: String,
    kind: Kind,
    shape: Shape,
}

impl Generator<'_> {
    pub(super) fn field_code(&self, number: usize, place: usize) -> FieldCode {
        let field = &self.schema.types()[number].fields()[place];
        let rust_type = self.rust_type(number, field);
        let (write, read) = match (field.kind(), field.shape()) {
            (Kind::Struct(id), Shape::Keyed { key }) => self.keyed(id, field.tag(), key, None),
            (Kind::Struct(id), Shape::Map { key, value }) => {
                let is_map = matches!(self.part(id, value).shape, Shape::Map { .. });
                if is_map {
                    self.keyed(id, field.tag(), key, Some(value))
                } else {
                    self.map(id, field.tag(), key, value)
                }
            }
            (kind, shape) => {
                let write = self.write_plain(kind, shape, field.tag(), "value");
                (vec![write], vec![self.read_plain(kind, shape)])
            }
        };
        let name = self.names.of_field(number, place).to_owned();
        let notation = self.schema.kind_text(field);
        FieldCode { tag: field.tag(), name, rust_type, notation, write, read }
    }

    /// What is in the `Option` of a field.
    fn rust_type(&self, number: usize, field: &TypeField) -> String {
        let one = match field.kind() {
            Kind::Integer => "i64",
            Kind::Fixed { .. } | Kind::Double => "f64",
            Kind::Boolean => "bool",
            Kind::String if !self.options.strings_as_bytes => "String",
            Kind::String | Kind::Binary => "Vec<u8>",
            Kind::Struct(id) => self.names.of_type(id.index()),
        };
        let Kind::Struct(id) = field.kind() else {
            return if field.shape() == Shape::One {
                one.to_owned()
            } else {
                format!("Vec<{one}>")
            };
        };
        match field.shape() {
            Shape::One if self.boxed[number].binary_search(&field.tag()).is_ok() => {
                format!("Box<{one}>")
            }
            Shape::One => one.to_owned(),
            Shape::Array => format!("Vec<{one}>"),
            Shape::Keyed { key } => format!("BTreeMap<{}, {one}>", self.key_type(id, key)),
            Shape::Map { key, value } => {
                let value = self.part(id, value);
                let is_map = matches!(value.shape, Shape::Map { .. });
                let value = if is_map { one } else { &value.rust_type };
                format!("BTreeMap<{}, {value}>", self.key_type(id, key))
            }
        }
    }

    /// The type of a map's keys, which are this field of the type.
    fn key_type(&self, id: TypeId, key: u16) -> String {
        let part = self.part(id, key);
        match part.kind {
            Kind::Double | Kind::Fixed { .. } => String::from("DoubleKey"),
            _ => part.rust_type,
        }
    }

    fn part(&self, id: TypeId, tag: u16) -> Part {
        let fields = self.schema.type_of(id).fields();
        let place = fields.binary_search_by_key(&tag, TypeField::tag).expect("schemas are checked");
        let (kind, shape) = (fields[place].kind(), fields[place].shape());
        let name = self.names.of_field(id.index(), place).to_owned();
        // A map's type does not end if it is in itself.
        let is_map = matches!(shape, Shape::Map { .. });
        let rust_type = (!is_map).then(|| self.rust_type(id.index(), &fields[place]));
        Part { name, rust_type: rust_type.unwrap_or_default(), kind, shape }
    }

    /// Structs by a key, which are written and read whole. Those of a map need a value, too.
    fn keyed(
        &self,
        id: TypeId,
        tag: u16,
        key: u16,
        value: Option<u16>,
    ) -> (Vec<String>, Vec<String>) {
        let (key, one) = (self.part(id, key).name, self.names.of_type(id.index()));
        let Some(value) = value else {
            let write = format!("encoder.keyed({tag}, value, |item| item.{key}.as_ref())");
            let read = format!("field.keyed(|item: &{one}| item.{key}.as_ref())?");
            return (vec![write], vec![read]);
        };
        let value = self.part(id, value).name;
        let lines = |head: String, end: &str| {
            let inside = [
                format!("let key = item.{key}.as_ref()?;"),
                format!("item.{value}.as_ref().map(|_| key)"),
            ];
            [head].into_iter().chain(inside).chain([format!("}}){end}")]).collect()
        };
        let write = lines(format!("encoder.keyed({tag}, value, |item| {{"), "");
        (write, lines(format!("field.keyed(|item: &{one}| {{"), "?"))
    }

    /// Values by keys.
    fn map(
        &self,
        id: TypeId,
        tag: u16,
        key_tag: u16,
        value_tag: u16,
    ) -> (Vec<String>, Vec<String>) {
        let (key, value) = (self.part(id, key_tag), self.part(id, value_tag));
        let write_value = match (value.kind, value.shape) {
            (Kind::Struct(inside), Shape::Keyed { key }) => {
                let key = self.part(inside, key).name;
                format!("encoder.keyed({value_tag}, value, |item| item.{key}.as_ref())")
            }
            (kind, shape) => self.write_plain(kind, shape, value_tag, "value"),
        };
        let write = [
            format!("encoder.map({tag}, value, |encoder, key, value| {{"),
            format!("{}?;", self.write_key(key.kind, key_tag)),
            write_value,
            String::from("})"),
        ];
        let one = self.names.of_type(id.index());
        let read = format!("field.map(|item: {one}| (item.{}, item.{}))?", key.name, value.name);
        (write.to_vec(), vec![read])
    }

    fn write_key(&self, kind: Kind, tag: u16) -> String {
        match kind {
            Kind::Fixed { decimals } => format!("encoder.fixed({tag}, key.get(), {decimals})"),
            Kind::Double => format!("encoder.double({tag}, key.get())"),
            kind => self.write_plain(kind, Shape::One, tag, "key"),
        }
    }

    /// Writes what is no map, from a reference of this name.
    fn write_plain(&self, kind: Kind, shape: Shape, tag: u16, from: &str) -> String {
        let items = format!("{from}.iter().copied()");
        let is_text = kind == Kind::String && !self.options.strings_as_bytes;
        match (kind, shape == Shape::One) {
            (Kind::Integer, true) => format!("encoder.integer({tag}, *{from})"),
            (Kind::Integer, false) => format!("encoder.integers({tag}, {items})"),
            (Kind::Fixed { decimals: n }, true) => format!("encoder.fixed({tag}, *{from}, {n})"),
            (Kind::Fixed { decimals: n }, false) => format!("encoder.fixeds({tag}, {items}, {n})"),
            (Kind::Boolean, true) => format!("encoder.boolean({tag}, *{from})"),
            (Kind::Boolean, false) => format!("encoder.booleans({tag}, {items})"),
            (Kind::Double, true) => format!("encoder.double({tag}, *{from})"),
            (Kind::Double, false) => format!("encoder.doubles({tag}, {items})"),
            (Kind::String, true) if is_text => format!("encoder.bytes({tag}, {from}.as_bytes())"),
            (Kind::String | Kind::Binary, true) => format!("encoder.bytes({tag}, {from})"),
            (Kind::String | Kind::Binary, false) => format!("encoder.strings({tag}, {from})"),
            (Kind::Struct(_), true) => format!("encoder.structure({tag}, {from})"),
            (Kind::Struct(_), false) => format!("encoder.structures({tag}, {from})"),
        }
    }

    /// Reads what is no map.
    fn read_plain(&self, kind: Kind, shape: Shape) -> String {
        let is_text = kind == Kind::String && !self.options.strings_as_bytes;
        let read = match (kind, shape == Shape::One) {
            (Kind::Integer, true) => "field.integer()?",
            (Kind::Integer, false) => "field.integers()?.collect()",
            (Kind::Fixed { decimals }, true) => return format!("field.fixed({decimals})?"),
            (Kind::Fixed { decimals }, false) => {
                return format!("field.fixeds({decimals})?.collect()");
            }
            (Kind::Boolean, true) => "field.boolean()?",
            (Kind::Boolean, false) => "field.booleans()?.collect()",
            (Kind::Double, true) => "field.double()?",
            (Kind::Double, false) => "field.doubles()?.collect()",
            (Kind::String, true) if is_text => "field.text()?.to_owned()",
            (Kind::String, false) if is_text => "field.string_vec()?",
            (Kind::String | Kind::Binary, true) => "field.bytes()?.to_vec()",
            (Kind::String | Kind::Binary, false) => "field.binary_vec()?",
            (Kind::Struct(_), true) => "field.structure()?",
            (Kind::Struct(_), false) => "field.structure_vec()?",
        };
        read.to_owned()
    }
}
