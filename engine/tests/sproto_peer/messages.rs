//! The recorded values, encoded, packed and read by both.

use serde::Deserialize;
use serde_json::{Value as Json, json};
use skyring::protocols::sproto::schema::{Kind, Shape, Type, TypeField, TypeId};
use skyring::protocols::sproto::{Limits, Schema, Struct, Value, pack};

use crate::sproto_values::Written;
use crate::{hex, peer, source};

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
    value: Written,
    decoded: Option<Written>,
}

/// A value as the script reads it; none if the package has no such values.
fn struct_json(schema: &Schema, id: TypeId, value: &Struct<'_>) -> Option<Json> {
    let fields = value.iter().map(|(name, field)| {
        let definition = schema.type_of(id).field(name).unwrap();
        Some((name.to_owned(), field_json(schema, definition, field)?))
    });
    let fields = fields.collect::<Option<serde_json::Map<_, _>>>()?;
    Some(json!({ "o": fields }))
}

fn field_json(schema: &Schema, field: &TypeField, value: &Value<'_>) -> Option<Json> {
    let kind = field.kind();
    match (field.shape(), value) {
        (Shape::One, value) => one_json(schema, kind, value),
        // Its maps are arrays of whole entries in Lua's binding only.
        (Shape::Map { .. }, _) => None,
        (Shape::Keyed { key }, Value::Map(entries)) => {
            let Kind::Struct(id) = kind else { unreachable!("keyed arrays are of structs") };
            let key_kind = schema.type_of(id).field_of_tag(key).unwrap().kind();
            let entries = entries.iter().map(|(key, item)| {
                Some(json!([
                    one_json(schema, key_kind, &key.to_value())?,
                    one_json(schema, kind, item)?
                ]))
            });
            Some(json!({ "m": entries.collect::<Option<Vec<_>>>()? }))
        }
        (_, value) => {
            let items = value.as_array().unwrap().iter();
            let items = items.map(|item| one_json(schema, kind, item));
            Some(json!({ "a": items.collect::<Option<Vec<_>>>()? }))
        }
    }
}

fn one_json(schema: &Schema, kind: Kind, value: &Value<'_>) -> Option<Json> {
    Some(match (kind, value) {
        (Kind::Integer, value) => json!({ "i": value.as_integer().unwrap().to_string() }),
        (Kind::Fixed { .. } | Kind::Double, value) => {
            let bits = value.as_number().unwrap().to_bits();
            json!({ "d": format!("{bits:016x}") })
        }
        (Kind::Boolean, value) => json!({ "b": value.as_boolean().unwrap() }),
        // Its strings are text.
        (Kind::String, value) => json!({ "t": str::from_utf8(value.as_bytes().unwrap()).ok()? }),
        (Kind::Binary, value) => json!({ "s": hex(value.as_bytes().unwrap()) }),
        (Kind::Struct(id), value) => struct_json(schema, id, value.as_struct().unwrap())?,
    })
}

/// Whether the package rounds another way. It adds a half and cuts, also below zero.
fn is_rounded_otherwise(schema: &Schema, id: TypeId, value: &Struct<'_>) -> bool {
    value.iter().any(|(name, field)| {
        let kind = schema.type_of(id).field(name).unwrap().kind();
        let one = |value: &Value<'_>| match (kind, value) {
            (Kind::Fixed { decimals }, value) => {
                let scaled = value.as_number().unwrap() * 10_f64.powi(i32::from(decimals));
                (scaled + 0.5).trunc() != scaled.round()
            }
            (Kind::Struct(id), Value::Struct(value)) => is_rounded_otherwise(schema, id, value),
            _ => false,
        };
        match field {
            Value::Array(items) => items.iter().any(one),
            Value::Map(entries) => entries.values().any(one),
            field => one(field),
        }
    })
}

/// A struct around one of this type.
fn outer_name(name: &str) -> String {
    format!("Around_{}", name.replace('.', "_"))
}

/// The schema, and a struct around each of its types: what the package reads outermost may have no
/// keyed arrays, for it does not say then that it looks for no key itself.
fn with_outer(text: &str) -> Schema {
    let schema = Schema::parse(text).unwrap();
    let names = schema.types().iter().map(Type::name);
    let outer = |name| format!(".{} {{ it 0 : {name} }}\n", outer_name(name));
    Schema::parse(format!("{text}\n{}", names.map(outer).collect::<String>())).unwrap()
}

/// A line for the script; none if the package has no such values.
fn line(schema: &Schema, name: &str, case: &Case) -> Option<String> {
    let id = schema.type_id(&case.r#type).unwrap();
    let value = case.value.value();
    let decoded = case.decoded.as_ref().unwrap_or(&case.value).value();
    let mut encoded = Vec::new();
    schema.encode(id, &value, &Limits::default(), &mut encoded).unwrap();
    let mut packed = Vec::new();
    pack(&encoded, &mut packed);
    let line = json!({
        "name": name,
        "bundle": hex(&schema.to_bundle()),
        "type": case.r#type,
        "outer": outer_name(&case.r#type),
        "value": struct_json(schema, id, value.as_struct().unwrap())?,
        "decoded": struct_json(schema, id, decoded.as_struct().unwrap())?,
        "encoded": hex(&encoded),
        "packed": hex(&packed),
    });
    Some(format!("{line}\n"))
}

/// WIRE S4, S6 to S8, S9, S13, S14. But for what is told here, there is no other disagreement:
///
/// - it has no maps, which are left out;
/// - its strings are text, so those that are not are compared as binaries;
/// - it rounds fixed-point numbers below zero upwards, where Skynet, and so we, round away from it.
#[test]
fn messages_of_python_are_ours() {
    let Sets { sets } = source::read("sproto", "encode");
    let (mut lines, mut expected) = (String::new(), Vec::new());
    let (mut tried, mut left_out) = (0, 0);
    for set in &sets {
        let schema = with_outer(&set.schema);
        // The same on the wire.
        let text = set.schema.replace(": string", ": binary").replace(": *string", ": *binary");
        let of_bytes = with_outer(&text);
        for (number, case) in set.cases.iter().enumerate() {
            let name = format!("{} {number}", set.name);
            let Some(line) = line(&schema, &name, case).or_else(|| line(&of_bytes, &name, case))
            else {
                left_out += 1;
                continue;
            };
            lines.push_str(&line);
            tried += 1;
            let (id, value) = (schema.type_id(&case.r#type).unwrap(), case.value.value());
            if is_rounded_otherwise(&schema, id, value.as_struct().unwrap()) {
                expected.push(format!("{name} encode"));
            }
        }
    }
    expected.push(format!("compared {tried}"));
    let (said, output) = peer(&["messages"], lines.into_bytes());
    assert_eq!(said, expected, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && tried > 0);
    assert!(!source::is_committed() || left_out < tried / 4, "{left_out} are left out");
}
