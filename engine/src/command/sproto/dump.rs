//! A schema as a table.

use std::fmt::Write;

use skyring::protocols::sproto::Schema;
use skyring::protocols::sproto::schema::Type;

/// All types and protocols, or one type; None: there is no such type.
pub(super) fn table(schema: &Schema, type_name: Option<&str>) -> Option<String> {
    let mut out = String::new();
    if let Some(name) = type_name {
        let id = schema.type_id(name)?;
        put_type(schema, id.index(), schema.type_of(id), &mut out);
        return Some(out);
    }
    for (number, definition) in schema.types().iter().enumerate() {
        put_type(schema, number, definition, &mut out);
    }
    for protocol in schema.protocols() {
        let line = format!("protocol {} {}", protocol.tag(), protocol.name());
        put(&mut out, format_args!("{line} {}", schema.sides_text(protocol)));
    }
    Some(out)
}

fn put_type(schema: &Schema, number: usize, definition: &Type, out: &mut String) {
    put(out, format_args!("type {number} {}", definition.name()));
    let width = definition.fields().iter().map(|it| it.name().len()).max().unwrap_or_default();
    for field in definition.fields() {
        let (tag, name, kind) = (field.tag(), field.name(), schema.kind_text(field));
        put(out, format_args!("{tag:>7} {name:<width$} {kind}"));
    }
}

fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    let start = out.len();
    // A string takes everything.
    let _ = write!(out, "{line}");
    out.truncate(start + out[start..].trim_end().len());
    out.push('\n');
}
