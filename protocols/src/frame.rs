//! Frames: a 2-byte big-endian length and that many bytes of payload (WIRE F1 to F4).
//!
//! The length does not count itself. Every length is legal, zero included, so no input can break
//! this codec: [`decode`] has no error, and an incomplete frame is a value. The payload is borrowed
//! from the input, nothing is copied. What an ended stream leaves incomplete is nobody's (WIRE F4).

use crate::blame::Blame;
use crate::decode::Decode;

/// Bytes of the length in front of a payload (WIRE F1).
pub const HEAD_BYTES: usize = 2;

/// The longest payload that the length can tell (WIRE F3).
pub const PAYLOAD_BYTES_MAX: usize = 65_535;

/// Why a payload cannot be framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The payload is longer than [`PAYLOAD_BYTES_MAX`] (WIRE F3).
    #[error("a payload of {bytes} bytes: a frame holds at most {PAYLOAD_BYTES_MAX}")]
    PayloadTooLong {
        /// Length of the payload.
        bytes: usize,
    },
}

impl FrameError {
    /// Always the caller: a peer cannot cause it.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::PayloadTooLong { .. } => Blame::Caller,
        }
    }
}

/// The payload of the first frame of the input (WIRE F1, F2). What follows it is left alone.
#[must_use]
pub fn decode(input: &[u8]) -> Decode<&[u8]> {
    let Some((head, rest)) = input.split_first_chunk::<HEAD_BYTES>() else {
        return Decode::NeedMore { at_least: HEAD_BYTES - input.len() };
    };
    let length = usize::from(u16::from_be_bytes(*head));
    match rest.get(..length) {
        Some(value) => Decode::Done { value, consumed: HEAD_BYTES + length },
        None => Decode::NeedMore { at_least: length - rest.len() },
    }
}

/// Appends the frame of a payload to `out` (WIRE F1).
///
/// # Errors
/// [`FrameError::PayloadTooLong`]; nothing is appended then.
pub fn encode(payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    encode_parts(payload, [], out)
}

/// Appends the frame of a payload that ends in a few more bytes to `out`, as [`encode`] does of one
/// that lies in one piece.
///
/// # Errors
/// [`FrameError::PayloadTooLong`]; nothing is appended then.
pub fn encode_parts<const TAIL: usize>(
    content: &[u8],
    tail: [u8; TAIL],
    out: &mut Vec<u8>,
) -> Result<(), FrameError> {
    let bytes = content.len().saturating_add(TAIL);
    let length = u16::try_from(bytes).map_err(|_| FrameError::PayloadTooLong { bytes })?;
    out.reserve(HEAD_BYTES + bytes);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(content);
    out.extend_from_slice(&tail);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_length_is_big_endian_and_does_not_count_itself() {
        let mut out = Vec::new();
        encode(&[7; 258], &mut out).unwrap();
        assert_eq!(out[..3], [1, 2, 7]);
        assert_eq!(out.len(), 260);
    }

    /// WIRE F2.
    #[test]
    fn an_empty_payload_is_a_frame() {
        assert_eq!(decode(&[0, 0, 9]), Decode::Done { value: &[][..], consumed: 2 });
    }

    /// WIRE F3.
    #[test]
    fn the_longest_payload_fits_and_one_byte_more_does_not() {
        let mut out = Vec::new();
        let bytes = PAYLOAD_BYTES_MAX + 1;
        let refused = encode(&vec![0; bytes], &mut out);
        assert_eq!(refused, Err(FrameError::PayloadTooLong { bytes }));
        assert_eq!(refused.unwrap_err().blame(), Blame::Caller);
        assert!(out.is_empty());
        encode(&vec![1; PAYLOAD_BYTES_MAX], &mut out).unwrap();
        let value = &out[HEAD_BYTES..];
        assert_eq!(decode(&out), Decode::Done { value, consumed: out.len() });
    }

    proptest! {
        /// WIRE F1.
        #[test]
        fn a_payload_in_two_parts_is_one(content: Vec<u8>, tail: [u8; 5]) {
            let (mut parts, mut whole) = (Vec::new(), Vec::new());
            encode_parts(&content, tail, &mut parts).unwrap();
            encode(&[content.as_slice(), &tail].concat(), &mut whole).unwrap();
            prop_assert_eq!(parts, whole);
        }

        /// Whole, cut anywhere, and with the next frame behind it: the same payload (WIRE F1, F4).
        #[test]
        fn every_cut_asks_for_what_is_missing(payload: Vec<u8>, behind: Vec<u8>) {
            let mut stream = Vec::new();
            encode(&payload, &mut stream).unwrap();
            let consumed = stream.len();
            for cut in 0..consumed {
                let missing = if cut < HEAD_BYTES { HEAD_BYTES - cut } else { consumed - cut };
                prop_assert_eq!(decode(&stream[..cut]), Decode::NeedMore { at_least: missing });
            }
            stream.extend_from_slice(&behind);
            prop_assert_eq!(decode(&stream), Decode::Done { value: payload.as_slice(), consumed });
        }

        #[test]
        fn garbage_is_never_overrun(input: Vec<u8>) {
            match decode(&input) {
                Decode::Done { value, consumed } => {
                    prop_assert!(consumed <= input.len());
                    prop_assert_eq!(value.len() + HEAD_BYTES, consumed);
                }
                Decode::NeedMore { at_least } => prop_assert!(at_least >= 1),
            }
        }
    }
}
