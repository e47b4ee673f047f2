//! MessagePack of any type that serde knows (WIRE P3).

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::Codec;
use super::error::{PackError, UnpackError};
use super::limits::ContentLimits;
use super::scan;

/// Messages of a type, as MessagePack. Structs are maps by the names of their fields, so that a
/// field may be added and a peer in another language can read them.
pub struct MsgPack<T> {
    limits: ContentLimits,
    message: PhantomData<fn() -> T>,
}

impl<T> MsgPack<T> {
    /// With limits other than the default.
    #[must_use]
    pub fn new(limits: ContentLimits) -> Self {
        Self { limits, message: PhantomData }
    }
}

impl<T> Default for MsgPack<T> {
    fn default() -> Self {
        Self::new(ContentLimits::default())
    }
}

impl<T> Clone for MsgPack<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for MsgPack<T> {}

impl<T> fmt::Debug for MsgPack<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MsgPack").field("limits", &self.limits).finish()
    }
}

impl<T: Serialize + DeserializeOwned> Codec for MsgPack<T> {
    type Message = T;

    fn pack(&self, message: &T, out: &mut Vec<u8>) -> Result<(), PackError> {
        let begin = out.len();
        let mut writer = rmp_serde::Serializer::new(&mut *out).with_struct_map();
        let written = message.serialize(&mut writer).map_err(PackError::MsgPack);
        let written = written.and_then(|()| self.limits.check_written(out.len() - begin));
        if written.is_err() {
            out.truncate(begin);
        }
        written
    }

    fn unpack(&self, content: &Bytes) -> Result<T, UnpackError> {
        self.limits.check_read(content.len())?;
        scan::msgpack(content, &self.limits)?;
        let mut reader = rmp_serde::Deserializer::from_read_ref(&content[..]);
        // It counts an extension type as a level of its own.
        reader.set_max_depth(self.limits.depth() as usize + 2);
        T::deserialize(&mut reader).map_err(UnpackError::MsgPack)
    }
}
