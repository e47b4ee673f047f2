//! A schema whose parts were read, one by one, and are now checked as a whole (WIRE S2, S3, S5).
//!
//! Text and bundle come to this, so neither lets anything pass that the other would refuse.

use super::error::{Flaw, SchemaError};
use super::{Kind, Protocol, Response, Schema, Shape, Type, TypeField, TypeId};

/// Types in the order of their numbers, protocols by tag.
pub(super) struct Draft {
    pub(super) types: Vec<DraftType>,
    pub(super) protocols: Vec<DraftProtocol>,
}

/// A type, and the line where it is defined; 0 in bundles.
pub(super) struct DraftType {
    pub(super) line: u32,
    pub(super) name: Box<str>,
    /// By tag.
    pub(super) fields: Vec<DraftField>,
}

pub(super) struct DraftField {
    pub(super) line: u32,
    pub(super) name: Box<str>,
    pub(super) tag: u16,
    /// Of a type that is there.
    pub(super) kind: Kind,
    pub(super) is_array: bool,
    pub(super) key: DraftKey,
}

/// What an array's structs are found by.
pub(super) enum DraftKey {
    None,
    /// A field of this name.
    Name(Box<str>),
    /// A field of this tag.
    Tag(u16),
    /// The first of two fields: a map.
    First,
    /// The same; and it is said to have this tag.
    FirstOfTag(u16),
}

pub(super) struct DraftProtocol {
    pub(super) line: u32,
    pub(super) name: Box<str>,
    pub(super) tag: u16,
    pub(super) request: Option<TypeId>,
    pub(super) response: Response,
}

pub(super) fn finish(draft: Draft) -> Result<Schema, SchemaError> {
    if let ([], [protocol, ..]) = (&draft.types[..], &draft.protocols[..]) {
        return Err(SchemaError { line: protocol.line, flaw: Flaw::ProtocolsAlone });
    }
    check_protocol_tags(&draft.protocols)?;
    let types_by_name = by_name(draft.types.iter().map(|it| &*it.name)).map_err(|place| {
        let DraftType { line, name, .. } = &draft.types[usize::from(place)];
        SchemaError { line: *line, flaw: Flaw::TypeRepeated { name: name.clone() } }
    })?;
    let protocols_by_name =
        by_name(draft.protocols.iter().map(|it| &*it.name)).map_err(|place| {
            let DraftProtocol { line, name, .. } = &draft.protocols[usize::from(place)];
            SchemaError { line: *line, flaw: Flaw::ProtocolRepeated { name: name.clone() } }
        })?;
    let fields_by_name = draft.types.iter().map(check_fields).collect::<Result<Vec<_>, _>>()?;
    let keys = Keys { types: &draft.types, fields_by_name: &fields_by_name };
    let types = draft.types.iter().map(|it| finished_type(it, &keys));
    let types = types.collect::<Result<_, _>>()?;
    let protocols = draft.protocols.into_iter().map(|it| {
        let DraftProtocol { line: _, name, tag, request, response } = it;
        Protocol { name, tag, request, response }
    });
    let protocols = protocols.collect();
    let types_by_name = types_by_name.into_iter().map(TypeId).collect();
    Ok(Schema { types, protocols, types_by_name, protocols_by_name })
}

/// Places in the order of the names that stand there, which are not more than numbers are; the
/// place of a name that was there before is an error.
fn by_name<'n>(names: impl Iterator<Item = &'n str>) -> Result<Vec<u16>, u16> {
    let mut places: Vec<(&str, u16)> = names.zip(0..).collect();
    places.sort_unstable();
    let repeated = places.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1);
    match repeated.min() {
        Some(place) => Err(place),
        None => Ok(places.into_iter().map(|(_, place)| place).collect()),
    }
}

/// Places of the fields in the order of their names. Tags rise, so there are no more fields than
/// tags.
fn check_fields(draft: &DraftType) -> Result<Vec<u16>, SchemaError> {
    let mut tag_next = 0;
    for &DraftField { line, tag, .. } in &draft.fields {
        if tag < tag_next {
            return Err(SchemaError { line, flaw: Flaw::FieldTag { tag } });
        }
        tag_next = tag + 1;
    }
    by_name(draft.fields.iter().map(|it| &*it.name)).map_err(|place| {
        let DraftField { line, name, .. } = &draft.fields[usize::from(place)];
        SchemaError { line: *line, flaw: Flaw::FieldRepeated { name: name.clone() } }
    })
}

/// Types whose fields are checked, to find keys in. A schema may have many keys and types of many
/// fields, so none is looked for from field to field.
struct Keys<'d> {
    types: &'d [DraftType],
    /// For each type, the places of its fields in the order of their names.
    fields_by_name: &'d [Vec<u16>],
}

impl<'d> Keys<'d> {
    fn named(&self, type_place: usize, name: &str) -> Option<&'d DraftField> {
        let fields = &self.types[type_place].fields;
        let of = |place: u16| &fields[usize::from(place)];
        let places = &self.fields_by_name[type_place];
        let found = places.binary_search_by(|&place| (*of(place).name).cmp(name)).ok()?;
        Some(of(places[found]))
    }

    fn tagged(&self, type_place: usize, tag: u16) -> Option<&'d DraftField> {
        let fields = &self.types[type_place].fields;
        Some(&fields[fields.binary_search_by_key(&tag, |it| it.tag).ok()?])
    }
}

fn finished_type(draft: &DraftType, keys: &Keys<'_>) -> Result<Type, SchemaError> {
    let mut tag_next = 0;
    let mut words = 0;
    let mut fields = Vec::with_capacity(draft.fields.len());
    for field in &draft.fields {
        words += 1 + usize::from(field.tag > tag_next);
        tag_next = field.tag + 1;
        let shape = shape_of(field, keys);
        let shape = shape.map_err(|flaw| SchemaError { line: field.line, flaw })?;
        let (name, tag, kind) = (field.name.clone(), field.tag, field.kind);
        fields.push(TypeField { name, tag, kind, shape });
    }
    Ok(Type { name: draft.name.clone(), fields, words })
}

fn shape_of(field: &DraftField, keys: &Keys<'_>) -> Result<Shape, Flaw> {
    let key = match (&field.key, field.is_array) {
        (DraftKey::None, false) => return Ok(Shape::One),
        (DraftKey::None, true) => return Ok(Shape::Array),
        (_, false) => return Err(Flaw::KeyOfNone),
        (key, true) => key,
    };
    let Kind::Struct(TypeId(number)) = field.kind else { return Err(Flaw::KeyOfNone) };
    let place = usize::from(number);
    let found = match key {
        DraftKey::Name(name) => keys.named(place, name),
        DraftKey::Tag(tag) => keys.tagged(place, *tag),
        DraftKey::None | DraftKey::First | DraftKey::FirstOfTag(_) => {
            let [first, second] = &keys.types[place].fields[..] else {
                return Err(Flaw::MapFields);
            };
            check_key(first)?;
            if matches!(key, DraftKey::FirstOfTag(tag) if *tag != first.tag) {
                return Err(Flaw::Key);
            }
            return Ok(Shape::Map { key: first.tag, value: second.tag });
        }
    };
    let found = found.ok_or(Flaw::Key)?;
    check_key(found)?;
    Ok(Shape::Keyed { key: found.tag })
}

/// Structs and arrays are no keys.
fn check_key(field: &DraftField) -> Result<(), Flaw> {
    let is_key = !field.is_array && !matches!(field.kind, Kind::Struct(_));
    if is_key { Ok(()) } else { Err(Flaw::Key) }
}

/// Tags rise, so there are no more protocols than tags.
fn check_protocol_tags(protocols: &[DraftProtocol]) -> Result<(), SchemaError> {
    let mut tag_next = 0;
    for &DraftProtocol { line, tag, .. } in protocols {
        if tag < tag_next {
            return Err(SchemaError { line, flaw: Flaw::ProtocolTag { tag } });
        }
        tag_next = tag + 1;
    }
    Ok(())
}
