//! sproto, by a schema or by a generated type (WIRE P5).

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;

use super::codec::Codec;
use super::error::{PackError, UnpackError};
use super::limits::ContentLimits;
use crate::sproto::schema::TypeId;
use crate::sproto::{FromFields, Schema, ToFields, Value, decode, encode, pack, unpack};

/// Structs of one type of a schema, as values by field name.
#[derive(Clone, Debug)]
pub struct Sproto {
    schema: Arc<Schema>,
    message_type: TypeId,
    limits: ContentLimits,
}

impl Sproto {
    /// The type of this full name, if the schema has it.
    #[must_use]
    pub fn new(schema: Arc<Schema>, type_name: &str, limits: ContentLimits) -> Option<Self> {
        let message_type = schema.type_id(type_name)?;
        Some(Self { schema, message_type, limits })
    }
}

impl Codec for Sproto {
    /// Always a [`Value::Struct`] when it was unpacked.
    type Message = Value<'static>;

    fn pack(&self, message: &Value<'static>, out: &mut Vec<u8>) -> Result<(), PackError> {
        write(&self.schema.typed(self.message_type, message)?, &self.limits, out)
    }

    fn unpack(&self, content: &Bytes) -> Result<Value<'static>, UnpackError> {
        let encoded = unpacked(content, &self.limits)?;
        let limits = self.limits.of_sproto();
        let (value, _) = self.schema.decode(self.message_type, &encoded, &limits)?;
        Ok(Value::Struct(value.into_owned()))
    }
}

/// Structs of a generated type, which borrows nothing.
pub struct SprotoOf<T> {
    limits: ContentLimits,
    message: PhantomData<fn() -> T>,
}

impl<T> SprotoOf<T> {
    /// With limits other than the default.
    #[must_use]
    pub fn new(limits: ContentLimits) -> Self {
        Self { limits, message: PhantomData }
    }
}

impl<T> Default for SprotoOf<T> {
    fn default() -> Self {
        Self::new(ContentLimits::default())
    }
}

impl<T> Clone for SprotoOf<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SprotoOf<T> {}

impl<T> fmt::Debug for SprotoOf<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SprotoOf").field("limits", &self.limits).finish()
    }
}

impl<T: ToFields + for<'i> FromFields<'i>> Codec for SprotoOf<T> {
    type Message = T;

    fn pack(&self, message: &T, out: &mut Vec<u8>) -> Result<(), PackError> {
        write(message, &self.limits, out)
    }

    fn unpack(&self, content: &Bytes) -> Result<T, UnpackError> {
        let encoded = unpacked(content, &self.limits)?;
        let (message, _) = decode(&encoded, &self.limits.of_sproto())?;
        Ok(message)
    }
}

fn write(
    message: &impl ToFields,
    limits: &ContentLimits,
    out: &mut Vec<u8>,
) -> Result<(), PackError> {
    let (begin, mut encoded) = (out.len(), Vec::new());
    encode(message, &limits.of_sproto(), &mut encoded)?;
    pack(&encoded, out);
    let written = limits.check_written(out.len() - begin);
    if written.is_err() {
        out.truncate(begin);
    }
    written
}

fn unpacked(content: &[u8], limits: &ContentLimits) -> Result<Vec<u8>, UnpackError> {
    limits.check_read(content.len())?;
    let mut encoded = Vec::new();
    unpack(content, limits.bytes_max, &mut encoded)?;
    Ok(encoded)
}
