//! Reading a bundle (WIRE S4, S5).

use super::draft::{self, Draft, DraftField, DraftKey, DraftProtocol, DraftType};
use super::error::{BundleError, Flaw};
use super::scan::{is_type_name, is_word};
use super::{
    BUNDLE_BYTES_MAX, DECIMALS_MAX, Kind, NAME_BYTES_MAX, Response, Schema, TYPES_MAX, TypeId,
};
use crate::sproto::decoder::{Decoder, Field, decode_with};
use crate::sproto::{Limits, TAG_MAX};

pub(super) fn load(bundle: &[u8]) -> Result<Schema, BundleError> {
    if bundle.len() > BUNDLE_BYTES_MAX {
        return Err(BundleError::TooLong);
    }
    let limits = Limits { message_bytes_max: BUNDLE_BYTES_MAX, depth_max: 3, values_max: u32::MAX };
    let (draft, consumed) = decode_with(bundle, &limits, |decoder| read_group(decoder))?;
    if consumed < bundle.len() {
        return Err(BundleError::Trailing { bytes: bundle.len() - consumed });
    }
    if draft.types.is_empty() {
        return Err(BundleError::Empty);
    }
    Ok(draft::finish(draft).map_err(|error| error.flaw)?)
}

fn read_group(decoder: &mut Decoder<'_, '_>) -> Result<Draft, BundleError> {
    let mut draft = Draft { types: Vec::new(), protocols: Vec::new() };
    // How many types there are is known before the first is read, since they name each other.
    let mut types = 0;
    while let Some(field) = decoder.next()? {
        match field.tag() {
            0 => {
                types = field.items()?.len();
                if types > TYPES_MAX {
                    return Err(Flaw::TooManyTypes.into());
                }
                draft.types = read_all(&field, |decoder| read_type(decoder, types))?;
            }
            1 => draft.protocols = read_all(&field, |decoder| read_protocol(decoder, types))?,
            tag => return Err(BundleError::Unknown { tag }),
        }
    }
    Ok(draft)
}

/// Reads each struct of an array.
fn read_all<'i, 'b, T>(
    field: &Field<'i, 'b>,
    read: impl Fn(&mut Decoder<'i, 'b>) -> Result<T, BundleError>,
) -> Result<Vec<T>, BundleError> {
    field.items()?.map(|item| field.inside(item, &read)).collect()
}

fn read_type(decoder: &mut Decoder<'_, '_>, types: usize) -> Result<DraftType, BundleError> {
    let mut name = None;
    let mut fields = Vec::new();
    while let Some(field) = decoder.next()? {
        match field.tag() {
            0 => name = Some(read_name(&field, is_type_name)?),
            1 => fields = read_all(&field, |decoder| read_field(decoder, types))?,
            tag => return Err(BundleError::Unknown { tag }),
        }
    }
    Ok(DraftType { line: 0, name: name.ok_or(BundleError::Missing)?, fields })
}

fn read_field(decoder: &mut Decoder<'_, '_>, types: usize) -> Result<DraftField, BundleError> {
    let (mut name, mut builtin, mut number, mut tag) = (None, None, None, None);
    let (mut is_array, mut key, mut is_map) = (false, None, false);
    while let Some(field) = decoder.next()? {
        match field.tag() {
            0 => name = Some(read_name(&field, is_word)?),
            1 => builtin = Some(read_number(&field)?),
            2 => number = Some(read_number(&field)?),
            3 => tag = Some(read_number(&field)?),
            4 => is_array = field.boolean()?,
            5 => key = Some(read_number(&field)?),
            6 => is_map = field.boolean()?,
            tag => return Err(BundleError::Unknown { tag }),
        }
    }
    let key = match (key, is_map) {
        (None, false) => DraftKey::None,
        (None, true) => return Err(BundleError::Missing),
        (Some(tag), false) => DraftKey::Tag(tag),
        (Some(tag), true) => DraftKey::FirstOfTag(tag),
    };
    Ok(DraftField {
        line: 0,
        name: name.ok_or(BundleError::Missing)?,
        tag: tag.ok_or(BundleError::Missing)?,
        kind: kind_of(builtin, number, types)?,
        is_array,
        key,
    })
}

/// What a field is: one of the built-in kinds and what belongs to it, or the number of a type.
fn kind_of(builtin: Option<u16>, number: Option<u16>, types: usize) -> Result<Kind, BundleError> {
    Ok(match (builtin, number) {
        (Some(0), None) => Kind::Integer,
        (Some(0), Some(decimals)) => {
            let decimals = u8::try_from(decimals).ok().filter(|&it| it <= DECIMALS_MAX);
            Kind::Fixed { decimals: decimals.ok_or(Flaw::Decimals)? }
        }
        (Some(1), None) => Kind::Boolean,
        (Some(2), None | Some(0)) => Kind::String,
        (Some(2), Some(1)) => Kind::Binary,
        (Some(3), None) => Kind::Double,
        (None, Some(number)) => Kind::Struct(type_id(number, types)?),
        (None, None) => return Err(BundleError::Missing),
        (Some(_), _) => return Err(BundleError::Number),
    })
}

fn read_protocol(
    decoder: &mut Decoder<'_, '_>,
    types: usize,
) -> Result<DraftProtocol, BundleError> {
    let (mut name, mut tag, mut request, mut response) = (None, None, None, None);
    let mut is_confirm = false;
    while let Some(field) = decoder.next()? {
        match field.tag() {
            0 => name = Some(read_name(&field, is_word)?),
            1 => tag = Some(read_number(&field)?),
            2 => request = Some(type_id(read_number(&field)?, types)?),
            3 => response = Some(type_id(read_number(&field)?, types)?),
            4 => is_confirm = field.boolean()?,
            tag => return Err(BundleError::Unknown { tag }),
        }
    }
    let response = match (response, is_confirm) {
        (None, false) => Response::None,
        (None, true) => Response::Confirm,
        (Some(id), false) => Response::Struct(id),
        (Some(_), true) => return Err(Flaw::SideRepeated.into()),
    };
    let name = name.ok_or(BundleError::Missing)?;
    Ok(DraftProtocol { line: 0, name, tag: tag.ok_or(BundleError::Missing)?, request, response })
}

fn read_name(field: &Field<'_, '_>, is_name: fn(&str) -> bool) -> Result<Box<str>, BundleError> {
    let name = field.bytes()?;
    if name.len() > NAME_BYTES_MAX {
        return Err(Flaw::NameTooLong.into());
    }
    let name = str::from_utf8(name).ok().filter(|name| is_name(name));
    name.map(Box::from).ok_or(BundleError::Name)
}

/// A number as they all are in bundles: none is above the highest tag.
fn read_number(field: &Field<'_, '_>) -> Result<u16, BundleError> {
    let number = u16::try_from(field.integer()?).ok().filter(|&it| it <= TAG_MAX);
    number.ok_or(BundleError::Number)
}

fn type_id(number: u16, types: usize) -> Result<TypeId, BundleError> {
    let is_there = usize::from(number) < types;
    if is_there { Ok(TypeId(number)) } else { Err(BundleError::Number) }
}
