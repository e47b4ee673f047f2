//! A struct for each type, which writes and reads its fields.

use super::Generator;
use super::fields::FieldCode;
use super::text::Text;
use crate::sproto::schema::{Kind, Shape, Type, TypeField};

/// Columns of a line, as rustfmt has them.
const COLUMNS: usize = 100;

/// Columns of a call's arguments in one line, as rustfmt has them.
const ARGUMENT_COLUMNS: usize = 60;

impl Generator<'_> {
    /// What is used of other modules.
    pub(super) fn imports(&self, text: &mut Text) {
        let (mut has_map, mut has_number) = (false, false);
        for field in self.schema.types().iter().flat_map(Type::fields) {
            let key = match field.shape() {
                Shape::One | Shape::Array => continue,
                Shape::Keyed { key } | Shape::Map { key, .. } => key,
            };
            has_map = true;
            let Kind::Struct(id) = field.kind() else { continue };
            let key = self.schema.type_of(id).field_of_tag(key).map(TypeField::kind);
            has_number |= matches!(key, Some(Kind::Double | Kind::Fixed { .. }));
        }
        if has_map {
            text.line("");
            text.line("use std::collections::BTreeMap;");
        }
        let number = has_number.then_some("DoubleKey");
        let all = ["DecodeError", "Decoder"].into_iter().chain(number);
        let more = ["EncodeError", "Encoder", "FromFields", "Schema", "ToFields", "Words"];
        let all: Vec<_> = all.chain(more).collect();
        text.line("");
        import(&self.options.path, &all, text);
    }

    /// A type of this number.
    pub(super) fn type_definition(&self, number: usize, text: &mut Text) {
        let definition = &self.schema.types()[number];
        let places = 0..definition.fields().len();
        let fields: Vec<_> = places.map(|place| self.field_code(number, place)).collect();
        let name = self.names.of_type(number);
        text.line("");
        text.line(&format!("/// `{}`", definition.name()));
        let serde = if self.options.serde { ", serde::Serialize, serde::Deserialize" } else { "" };
        text.line(&format!("#[derive(Clone, Debug, Default, PartialEq{serde})]"));
        if self.options.serde {
            text.line("#[serde(default)]");
        }
        if fields.is_empty() {
            text.line(&format!("pub struct {name} {{}}"));
        } else {
            text.line(&format!("pub struct {name} {{"));
            for (field, known) in fields.iter().zip(definition.fields()) {
                field.declare(known.name(), self.options.serde, text);
            }
            text.line("}");
        }
        text.line("");
        to_fields(name, &fields, text);
        text.line("");
        from_fields(name, &fields, text);
    }
}

/// An import, over several lines if it is long.
pub(super) fn import(path: &str, names: &[&str], text: &mut Text) {
    let line = format!("use {path}::{{{}}};", names.join(", "));
    if text.columns(&line) <= COLUMNS {
        return text.line(&line);
    }
    text.line(&format!("use {path}::{{"));
    let mut line = String::new();
    for name in names {
        if 4 + text.columns(&line) + name.len() > COLUMNS {
            text.line(line.trim_end());
            line.clear();
        }
        line.push_str(&format!("{name}, "));
    }
    text.line(line.trim_end());
    text.line("};");
}

fn to_fields(name: &str, fields: &[FieldCode], text: &mut Text) {
    text.line(&format!("impl ToFields for {name} {{"));
    text.line("fn words(&self) -> usize {");
    if fields.is_empty() {
        text.line("Words::default().count()");
    } else {
        text.line("let mut words = Words::default();");
        for FieldCode { tag, name, .. } in fields {
            text.line(&format!("words.field({tag}, self.{name}.is_some());"));
        }
        text.line("words.count()");
    }
    text.line("}");
    text.line("");
    let encoder = if fields.is_empty() { "_" } else { "encoder" };
    text.line(&format!(
        "fn write_fields(&self, {encoder}: &mut Encoder<'_>) -> Result<(), EncodeError> {{"
    ));
    for field in fields {
        text.line(&format!("if let Some(value) = &self.{} {{", field.name));
        let (last, lines) = field.write.split_last().expect("a field is written");
        for line in lines {
            text.line(line);
        }
        text.line(&format!("{last}?;"));
        text.line("}");
    }
    text.line("Ok(())");
    text.line("}");
    text.line("}");
}

fn from_fields(name: &str, fields: &[FieldCode], text: &mut Text) {
    text.line(&format!("impl<'i> FromFields<'i> for {name} {{"));
    if fields.is_empty() {
        text.line("fn read_fields(_: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {");
        text.line("Ok(Self::default())");
    } else {
        text.line("fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {");
        text.line("let mut read = Self::default();");
        text.line("while let Some(field) = decoder.next()? {");
        match fields {
            [field] => {
                text.line(&format!("if field.tag() == {} {{", field.tag));
                read(field, text);
                text.line("}");
            }
            _ => {
                text.line("match field.tag() {");
                fields.iter().for_each(|field| read_arm(field, text));
                text.line("_ => {}");
                text.line("}");
            }
        }
        text.line("}");
        text.line("Ok(read)");
    }
    text.line("}");
    text.line("}");
}

fn read_arm(field: &FieldCode, text: &mut Text) {
    if let [line] = &field.read[..]
        && line.len() <= ARGUMENT_COLUMNS
    {
        let line = format!("{} => read.{} = Some({line}),", field.tag, field.name);
        if text.columns(&line) <= COLUMNS {
            return text.line(&line);
        }
    }
    text.line(&format!("{} => {{", field.tag));
    read(field, text);
    text.line("}");
}

/// The assignment of a field that was read.
fn read(field: &FieldCode, text: &mut Text) {
    if let [line] = &field.read[..]
        && line.len() <= ARGUMENT_COLUMNS
    {
        let line = format!("read.{} = Some({line});", field.name);
        if text.columns(&line) <= COLUMNS {
            return text.line(&line);
        }
    }
    let (first, more) = field.read.split_first().expect("a field is read");
    let end = |last: bool| if last { ";" } else { "" };
    text.line(&format!("let value = {first}{}", end(more.is_empty())));
    for (place, line) in more.iter().enumerate() {
        text.line(&format!("{line}{}", end(place + 1 == more.len())));
    }
    text.line(&format!("read.{} = Some(value);", field.name));
}
