//! What packs and unpacks the messages of one protocol.

use bytes::Bytes;

use super::error::{PackError, UnpackError};

/// A format of messages. It keeps nothing between calls.
pub trait Codec {
    /// What is packed and unpacked: a value that borrows nothing, for it may be worked on later.
    type Message;

    /// Appends the message to `out`.
    ///
    /// # Errors
    /// It cannot be packed. `out` is as it was, which [`Protocol::pack`](super::Protocol::pack) sees to
    /// where a codec does not.
    fn pack(&self, message: &Self::Message, out: &mut Vec<u8>) -> Result<(), PackError>;

    /// The message that the content is, all of it. Content comes from peers: it may be anything, and
    /// may cost no more than a fair message.
    ///
    /// # Errors
    /// It is none, or passes a limit.
    fn unpack(&self, content: &Bytes) -> Result<Self::Message, UnpackError>;
}

/// Content that is left as it is, and not copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raw;

impl Codec for Raw {
    type Message = Bytes;

    fn pack(&self, message: &Bytes, out: &mut Vec<u8>) -> Result<(), PackError> {
        out.extend_from_slice(message);
        Ok(())
    }

    fn unpack(&self, content: &Bytes) -> Result<Bytes, UnpackError> {
        Ok(content.clone())
    }
}
