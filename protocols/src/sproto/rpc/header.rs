//! The header of a package (WIRE S15).
//!
//! Its type is one of the schema's own, so its tags may be any. Fields other than the three that
//! mean something are passed over.

use super::Rpc;
use super::error::SetupError;
use crate::sproto::decode_with;
use crate::sproto::encode::write_field;
use crate::sproto::encoder::{Encoder, ToFields};
use crate::sproto::error::{DecodeError, EncodeError};
use crate::sproto::schema::{Kind, Schema, Shape, TypeField};
use crate::sproto::value::Value;

/// Where the fields of the header are.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// By rising tags.
    fields: Vec<(Role, TypeField)>,
}

/// What a field of the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Protocol,
    Session,
    Ud,
}

impl Layout {
    pub(super) fn of(schema: &Schema, package: &str) -> Result<Self, SetupError> {
        let id = schema.type_id(package).ok_or(SetupError::PackageMissing)?;
        let roles = schema.type_of(id).fields().iter().filter_map(|field| {
            let role = match field.name() {
                "type" => Role::Protocol,
                "session" => Role::Session,
                "ud" => Role::Ud,
                _ => return None,
            };
            Some((role, field.clone()))
        });
        let fields: Vec<_> = roles.collect();
        for role in [Role::Protocol, Role::Session] {
            let field = fields.iter().find(|(it, _)| *it == role).map(|(_, field)| field);
            let is_right =
                field.is_some_and(|it| (it.kind(), it.shape()) == (Kind::Integer, Shape::One));
            if !is_right {
                return Err(SetupError::HeaderField);
            }
        }
        Ok(Self { fields })
    }
}

/// A header that is to be written.
pub(super) struct Header<'h> {
    pub(super) rpc: &'h Rpc,
    pub(super) protocol: Option<u16>,
    pub(super) session: Option<i64>,
    pub(super) ud: Option<&'h Value<'h>>,
}

impl ToFields for Header<'_> {
    fn words(&self) -> usize {
        // Right if the tags are 0, 1 and 2, and a word too many for an answer without a gap.
        let there = [self.protocol.is_some(), self.session.is_some(), self.ud.is_some()];
        there.into_iter().filter(|&it| it).count() + usize::from(self.protocol.is_none())
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let mut ud = self.ud;
        for (role, field) in &self.rpc.layout.fields {
            match role {
                Role::Protocol => {
                    let number = self.protocol.map(i64::from);
                    number.map_or(Ok(()), |number| encoder.integer(field.tag(), number))?;
                }
                Role::Session => {
                    self.session.map_or(Ok(()), |session| encoder.integer(field.tag(), session))?;
                }
                Role::Ud => {
                    if let Some(ud) = ud.take() {
                        write_field(&self.rpc.local, field, ud, encoder)?;
                    }
                }
            }
        }
        ud.map_or(Ok(()), |_| Err(EncodeError::Field { name: "ud".into() }))
    }
}

/// A header that was read.
#[derive(Default)]
pub(super) struct Said<'r> {
    pub(super) protocol: Option<i64>,
    pub(super) session: Option<i64>,
    pub(super) ud: Option<Value<'r>>,
}

/// The header at the front of an unpacked package, and its length in bytes.
pub(super) fn read<'r>(rpc: &'r Rpc, unpacked: &'r [u8]) -> Result<(Said<'r>, usize), DecodeError> {
    decode_with(unpacked, &rpc.limits, |decoder| {
        let mut said = Said::default();
        while let Some(field) = decoder.next()? {
            let known = rpc.layout.fields.iter().find(|(_, it)| it.tag() == field.tag());
            match known {
                None => {}
                Some((Role::Protocol, _)) => said.protocol = Some(field.integer()?),
                Some((Role::Session, _)) => said.session = Some(field.integer()?),
                Some((Role::Ud, known)) => said.ud = Some(rpc.local.decode_field(known, &field)?),
            }
        }
        Ok(said)
    })
}
