//! JSON of any type that serde knows (WIRE P4).

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::Codec;
use super::error::{PackError, UnpackError};
use super::limits::ContentLimits;
use super::scan;

/// Messages of a type, as JSON.
pub struct Json<T> {
    limits: ContentLimits,
    message: PhantomData<fn() -> T>,
}

impl<T> Json<T> {
    /// With limits other than the default.
    #[must_use]
    pub fn new(limits: ContentLimits) -> Self {
        Self { limits, message: PhantomData }
    }
}

impl<T> Default for Json<T> {
    fn default() -> Self {
        Self::new(ContentLimits::default())
    }
}

impl<T> Clone for Json<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Json<T> {}

impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Json").field("limits", &self.limits).finish()
    }
}

impl<T: Serialize + DeserializeOwned> Codec for Json<T> {
    type Message = T;

    fn pack(&self, message: &T, out: &mut Vec<u8>) -> Result<(), PackError> {
        let begin = out.len();
        let written = serde_json::to_writer(&mut *out, message).map_err(PackError::Json);
        let written = written.and_then(|()| self.limits.check_written(out.len() - begin));
        if written.is_err() {
            out.truncate(begin);
        }
        written
    }

    fn unpack(&self, content: &Bytes) -> Result<T, UnpackError> {
        self.limits.check_read(content.len())?;
        scan::json(content, &self.limits)?;
        serde_json::from_slice(content).map_err(UnpackError::Json)
    }
}
