//! Payloads of clients: the protocol's number in front of the content (WIRE P1).
//!
//! Between services the number travels beside the content and costs no byte; on a connection there is
//! no other place for it. Frames, message server contents and WebSocket messages carry payloads
//! alike.

use bytes::Bytes;

use super::ProtocolId;
use super::codec::Codec;
use super::error::{DispatchError, PackError};
use super::protocol::Protocol;

/// Appends a message with its protocol's number in front to `out`.
///
/// # Errors
/// Those of the codec. `out` is as it was.
pub fn encode<C: Codec>(
    protocol: &Protocol<C>,
    message: &C::Message,
    out: &mut Vec<u8>,
) -> Result<(), PackError> {
    out.push(protocol.id().0);
    let packed = protocol.pack_to(message, out);
    if packed.is_err() {
        out.pop();
    }
    packed
}

/// Appends content that is packed already, with its protocol's number in front, to `out`.
pub fn encode_content(id: ProtocolId, content: &[u8], out: &mut Vec<u8>) {
    out.reserve(1 + content.len());
    out.push(id.0);
    out.extend_from_slice(content);
}

/// The number and the content of a payload.
///
/// # Errors
/// [`DispatchError::Empty`].
pub fn decode(payload: &[u8]) -> Result<(ProtocolId, &[u8]), DispatchError> {
    let (&id, content) = payload.split_first().ok_or(DispatchError::Empty)?;
    Ok((ProtocolId(id), content))
}

/// As [`decode`]; the content shares the payload's memory.
///
/// # Errors
/// [`DispatchError::Empty`].
pub fn split(payload: &Bytes) -> Result<(ProtocolId, Bytes), DispatchError> {
    let (id, _) = decode(payload)?;
    Ok((id, payload.slice(1..)))
}
