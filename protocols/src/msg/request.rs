//! Requests: content and, behind it, the id that the client chose (WIRE M9).
//!
//! Payload: `content ‖ id` with the id as four bytes, big-endian. Every id is ordinary, 0 and
//! 2^32-1 included, and every content, the empty one included.

use super::error::MsgError;
use crate::frame::{self, PAYLOAD_BYTES_MAX};

/// Bytes of the id at the end of a request.
pub const TAIL_BYTES: usize = 4;

/// The longest content of a request.
pub const CONTENT_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - TAIL_BYTES;

/// One request, borrowed from its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The client's number for it.
    pub id: u32,
    /// What the application gets.
    pub content: &'a [u8],
}

/// Reads the payload of one frame (WIRE M9).
///
/// # Errors
/// [`MsgError::RequestTooShort`]: the connection closes, nothing is answered.
pub fn decode(payload: &[u8]) -> Result<Request<'_>, MsgError> {
    let (content, id) = payload
        .split_last_chunk::<TAIL_BYTES>()
        .ok_or(MsgError::RequestTooShort { bytes: payload.len() })?;
    Ok(Request { id: u32::from_be_bytes(*id), content })
}

/// Appends a whole request frame, its length included, to `out` (WIRE F1, M9).
///
/// # Errors
/// [`MsgError::ContentTooLong`]; nothing is appended then.
pub fn encode(content: &[u8], id: u32, out: &mut Vec<u8>) -> Result<(), MsgError> {
    let (bytes, bytes_max) = (content.len(), CONTENT_BYTES_MAX);
    frame::encode_parts(content, id.to_be_bytes(), out)
        .map_err(|_| MsgError::ContentTooLong { bytes, bytes_max })
}

/// Appends the payload of a request alone, for a carrier that tells where it ends itself (WIRE M9).
pub fn encode_payload(content: &[u8], id: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(content);
    out.extend_from_slice(&id.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Decode;
    use crate::frame::HEAD_BYTES;
    use proptest::prelude::*;

    /// WIRE M9.
    #[test]
    fn the_id_stands_last_and_big_endian() {
        let mut out = Vec::new();
        encode(b"echo", 0x0102_0304, &mut out).unwrap();
        assert_eq!(out, b"\x00\x08echo\x01\x02\x03\x04");
        let framed = out.split_off(HEAD_BYTES);
        out.clear();
        encode_payload(b"echo", 0x0102_0304, &mut out);
        assert_eq!(out, framed);
    }

    /// WIRE M9.
    #[test]
    fn under_four_bytes_there_is_no_id() {
        for bytes in 0..TAIL_BYTES {
            assert_eq!(decode(&[0; TAIL_BYTES][..bytes]), Err(MsgError::RequestTooShort { bytes }));
        }
        assert_eq!(decode(&[255; 4]), Ok(Request { id: u32::MAX, content: b"" }));
    }

    #[test]
    fn the_longest_content_fills_the_frame() {
        let mut out = Vec::new();
        let bytes = CONTENT_BYTES_MAX + 1;
        let refused = encode(&vec![0; bytes], 1, &mut out);
        assert_eq!(refused, Err(MsgError::ContentTooLong { bytes, bytes_max: CONTENT_BYTES_MAX }));
        assert!(out.is_empty());
        encode(&vec![7; CONTENT_BYTES_MAX], 1, &mut out).unwrap();
        assert_eq!(out.len(), HEAD_BYTES + PAYLOAD_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(content: Vec<u8>, id: u32) {
            let mut out = Vec::new();
            encode(&content, id, &mut out).unwrap();
            let Decode::Done { value, consumed } = frame::decode(&out) else {
                return Err(TestCaseError::fail("one whole frame was written"));
            };
            prop_assert_eq!(consumed, out.len());
            prop_assert_eq!(decode(value), Ok(Request { id, content: &content }));
        }
    }
}
