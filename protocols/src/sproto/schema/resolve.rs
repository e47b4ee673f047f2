//! What the names in schema text mean (WIRE S2, S3).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::draft::{self, Draft, DraftField, DraftKey, DraftProtocol, DraftType};
use super::error::{Flaw, SchemaError};
use super::grammar::{FieldText, Index, ProtocolText, Side, Tree, TypeText};
use super::{Kind, Response, Schema, TYPES_MAX, TypeId};

/// Numbers of types by their full names.
type Numbers<'n> = BTreeMap<&'n str, TypeId>;

pub(super) fn resolve(mut tree: Tree<'_>) -> Result<Schema, SchemaError> {
    if let Some(type_text) = tree.types.get(TYPES_MAX) {
        return Err(SchemaError { line: type_text.line, flaw: Flaw::TooManyTypes });
    }
    // Stable, so of two types of one name the second is the one that is refused.
    tree.types.sort_by(|one, other| one.name.cmp(&other.name));
    tree.protocols.sort_by_key(|it| it.tag);
    let numbers: Numbers<'_> = (0..)
        .zip(&tree.types)
        .map(|(number, type_text)| (type_text.name.as_str(), TypeId(number)))
        .collect();
    let types = tree.types.iter().map(|it| type_draft(it, &numbers));
    let protocols = tree.protocols.iter().map(|it| protocol_draft(it, &numbers));
    let types = types.collect::<Result<_, _>>()?;
    let protocols = protocols.collect::<Result<_, _>>()?;
    draft::finish(Draft { types, protocols })
}

fn type_draft(text: &TypeText<'_>, numbers: &Numbers<'_>) -> Result<DraftType, SchemaError> {
    let mut fields: Vec<_> = text.fields.iter().collect();
    fields.sort_by_key(|it| it.tag);
    // What a name means inside this type is found out once, scope by scope.
    let mut kinds = BTreeMap::new();
    let fields = fields.into_iter().map(|field| {
        let kind = match kinds.entry(field.type_name) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(vacant) => {
                kind_of(field.type_name, &text.name, numbers).map(|it| *vacant.insert(it))
            }
        };
        let draft = kind.and_then(|kind| field_draft(field, kind));
        draft.map_err(|flaw| SchemaError { line: field.line, flaw })
    });
    let fields = fields.collect::<Result<_, _>>()?;
    Ok(DraftType { line: text.line, name: text.name.as_str().into(), fields })
}

fn field_draft(text: &FieldText<'_>, kind: Kind) -> Result<DraftField, Flaw> {
    let kind = match (kind, text.index) {
        (Kind::Integer, Index::Decimals(decimals)) => {
            Kind::Fixed { decimals: decimals.ok_or(Flaw::Decimals)? }
        }
        (Kind::Integer, Index::Name(_)) if text.is_array => return Err(Flaw::Decimals),
        (_, Index::Decimals(_)) => return Err(Flaw::KeyOfNone),
        (kind, _) => kind,
    };
    let key = match text.index {
        // Parentheses with a name in them mean nothing on what is no array.
        Index::Name("") if text.is_array => DraftKey::First,
        Index::Name(name) if text.is_array => DraftKey::Name(name.into()),
        _ => DraftKey::None,
    };
    let (line, name, tag, is_array) = (text.line, text.name.into(), text.tag, text.is_array);
    Ok(DraftField { line, name, tag, kind, is_array, key })
}

/// What a name means inside a type: the built-in kinds first, then the types from there outwards.
fn kind_of(name: &str, inside: &str, numbers: &Numbers<'_>) -> Result<Kind, Flaw> {
    let builtin = match name {
        "integer" => Kind::Integer,
        "boolean" => Kind::Boolean,
        "string" => Kind::String,
        "binary" => Kind::Binary,
        "double" => Kind::Double,
        _ => {
            let found = lookup(name, inside, numbers);
            return found.map(Kind::Struct).ok_or(Flaw::TypeUnknown { name: name.into() });
        }
    };
    Ok(builtin)
}

fn lookup(name: &str, inside: &str, numbers: &Numbers<'_>) -> Option<TypeId> {
    let mut scope = Some(inside);
    while let Some(outside) = scope {
        if let Some(&id) = numbers.get(format!("{outside}.{name}").as_str()) {
            return Some(id);
        }
        scope = outside.rsplit_once('.').map(|(outside, _)| outside);
    }
    numbers.get(name).copied()
}

fn protocol_draft(
    text: &ProtocolText<'_>,
    numbers: &Numbers<'_>,
) -> Result<DraftProtocol, SchemaError> {
    let of = |side: &Side| match side.type_name.as_str() {
        "nil" => Ok(None),
        name => numbers.get(name).copied().map(Some).ok_or_else(|| {
            let flaw = Flaw::TypeUnknown { name: name.into() };
            SchemaError { line: side.line, flaw }
        }),
    };
    let request = text.request.as_ref().map(of).transpose()?.flatten();
    let response = match text.response.as_ref().map(of).transpose()? {
        None => Response::None,
        Some(None) => Response::Confirm,
        Some(Some(id)) => Response::Struct(id),
    };
    Ok(DraftProtocol { line: text.line, name: text.name.into(), tag: text.tag, request, response })
}
