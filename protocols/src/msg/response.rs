//! Responses: content, a flag, and the id of the request they answer (WIRE M10, M22).
//!
//! Payload: `content ‖ flag ‖ id` with the flag as one byte and the id as four, big-endian. A push
//! has the shape of a response with flag 2 and id 0: it is this project's extension, and only a
//! session whose application turned pushes on may be sent one.

use super::error::MsgError;
use crate::frame::{self, PAYLOAD_BYTES_MAX};

/// Bytes of flag and id at the end of a response.
pub const TAIL_BYTES: usize = 5;

/// The longest content of a response.
pub const CONTENT_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - TAIL_BYTES;

/// The request id of every push (WIRE M22).
pub const PUSH_ID: u32 = 0;

/// What kind of answer a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Flag {
    /// The handler failed; the content is empty.
    Error = 0,
    /// The handler's result.
    Ok = 1,
    /// Sent without being asked for (WIRE M22).
    Push = 2,
}

impl Flag {
    fn from_byte(flag: u8) -> Result<Flag, MsgError> {
        match flag {
            0 => Ok(Flag::Error),
            1 => Ok(Flag::Ok),
            2 => Ok(Flag::Push),
            _ => Err(MsgError::UnknownFlag { flag }),
        }
    }
}

/// One response, borrowed from its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// What kind of answer it is.
    pub flag: Flag,
    /// The request it answers; [`PUSH_ID`] for a push.
    pub id: u32,
    /// The handler's result.
    pub content: &'a [u8],
}

/// Reads the payload of one frame (WIRE M10, M22).
///
/// # Errors
/// [`MsgError::ResponseTooShort`], [`MsgError::UnknownFlag`], [`MsgError::PushWithId`].
pub fn decode(payload: &[u8]) -> Result<Response<'_>, MsgError> {
    let (content, tail) = payload
        .split_last_chunk::<TAIL_BYTES>()
        .ok_or(MsgError::ResponseTooShort { bytes: payload.len() })?;
    let [flag, id @ ..] = *tail;
    let (flag, id) = (Flag::from_byte(flag)?, u32::from_be_bytes(id));
    if flag == Flag::Push && id != PUSH_ID {
        return Err(MsgError::PushWithId { id });
    }
    Ok(Response { flag, id, content })
}

/// Appends a whole response frame, its length included, to `out` (WIRE F1, M10).
///
/// # Errors
/// [`MsgError::ContentTooLong`], which no answer of a [`Session`](super::Session) can cause, and
/// [`MsgError::PushWithId`]. Nothing is appended then.
pub fn encode(content: &[u8], flag: Flag, id: u32, out: &mut Vec<u8>) -> Result<(), MsgError> {
    if flag == Flag::Push && id != PUSH_ID {
        return Err(MsgError::PushWithId { id });
    }
    let (bytes, bytes_max) = (content.len(), CONTENT_BYTES_MAX);
    let [id0, id1, id2, id3] = id.to_be_bytes();
    frame::encode_parts(content, [flag as u8, id0, id1, id2, id3], out)
        .map_err(|_| MsgError::ContentTooLong { bytes, bytes_max })
}

/// Appends the payload of a response alone, for a carrier that tells where it ends itself and whose
/// messages have no limit in the protocol (WIRE M10). The id of a push is [`PUSH_ID`].
pub fn encode_payload(content: &[u8], flag: Flag, id: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(content);
    out.push(flag as u8);
    out.extend_from_slice(&id.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Decode;
    use crate::frame::HEAD_BYTES;
    use proptest::prelude::*;

    /// WIRE M10.
    #[test]
    fn flag_and_id_stand_last() {
        let mut out = Vec::new();
        encode(b"echo", Flag::Ok, 0x0102_0304, &mut out).unwrap();
        assert_eq!(out, b"\x00\x09echo\x01\x01\x02\x03\x04");
        let framed = out.split_off(HEAD_BYTES);
        out.clear();
        encode_payload(b"echo", Flag::Ok, 0x0102_0304, &mut out);
        assert_eq!(out, framed);
        out.clear();
        encode(b"", Flag::Error, u32::MAX, &mut out).unwrap();
        assert_eq!(out, b"\x00\x05\x00\xff\xff\xff\xff");
    }

    /// WIRE M22.
    #[test]
    fn a_push_answers_nothing() {
        let mut out = Vec::new();
        encode(b"hi", Flag::Push, PUSH_ID, &mut out).unwrap();
        assert_eq!(out, b"\x00\x07hi\x02\x00\x00\x00\x00");
        assert_eq!(
            encode(b"hi", Flag::Push, 7, &mut Vec::new()),
            Err(MsgError::PushWithId { id: 7 })
        );
        assert_eq!(decode(b"hi\x02\x00\x00\x00\x07"), Err(MsgError::PushWithId { id: 7 }));
    }

    #[test]
    fn what_a_server_never_sends_is_an_error() {
        assert_eq!(decode(b"\x01\x00\x00\x00"), Err(MsgError::ResponseTooShort { bytes: 4 }));
        assert_eq!(decode(b"\x03\x00\x00\x00\x00"), Err(MsgError::UnknownFlag { flag: 3 }));
    }

    /// WIRE M10.
    #[test]
    fn the_longest_content_fills_the_frame() {
        let mut out = Vec::new();
        let bytes = CONTENT_BYTES_MAX + 1;
        let refused = encode(&vec![0; bytes], Flag::Ok, 1, &mut out);
        assert_eq!(refused, Err(MsgError::ContentTooLong { bytes, bytes_max: CONTENT_BYTES_MAX }));
        assert!(out.is_empty());
        encode(&vec![7; CONTENT_BYTES_MAX], Flag::Ok, 1, &mut out).unwrap();
        assert_eq!(out.len(), HEAD_BYTES + PAYLOAD_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(content: Vec<u8>, id: u32, ok: bool) {
            let flag = if ok { Flag::Ok } else { Flag::Error };
            let mut out = Vec::new();
            encode(&content, flag, id, &mut out).unwrap();
            let Decode::Done { value, consumed } = frame::decode(&out) else {
                return Err(TestCaseError::fail("one whole frame was written"));
            };
            prop_assert_eq!(consumed, out.len());
            prop_assert_eq!(decode(value), Ok(Response { flag, id, content: &content }));
        }

        /// WIRE M10. Without a frame it may be of any length.
        #[test]
        fn a_payload_alone_is_read_like_a_frames(content: Vec<u8>, id: u32) {
            let mut out = Vec::new();
            encode_payload(&content, Flag::Ok, id, &mut out);
            let flag = Flag::Ok;
            prop_assert_eq!(decode(&out), Ok(Response { flag, id, content: &content }));
        }

        #[test]
        fn garbage_never_panics(payload: Vec<u8>) {
            if let Ok(response) = decode(&payload) {
                prop_assert_eq!(response.content.len() + TAIL_BYTES, payload.len());
            }
        }
    }
}
