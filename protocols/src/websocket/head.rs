//! The head of a frame: what it is, how long, and how it is masked (WIRE W1, W3, W5, W7).
//!
//! Two bytes tell kind and length, or how long the length is; then the length, 0, 2 or 8 bytes, and
//! the key, 4 bytes if the frame is masked. Source: RFC 6455 section 5.2. What a head may say at
//! this place of a connection is [`super::Connection`]'s to judge.

use super::Kind;
use super::error::ReadError;
use crate::Decode;

/// The longest head in bytes.
pub const HEAD_BYTES_MAX: usize = 14;

/// The longest payload of a control frame in bytes (WIRE W7).
pub const CONTROL_BYTES_MAX: usize = 125;

/// The bit that says a message is compressed (RFC 7692 section 6), in [`Flags::reserved`].
pub const COMPRESSED: u8 = 0x40;

const LAST: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
/// The longest payload whose length is in the second byte.
const SHORT_BYTES_MAX: usize = 125;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// A further piece of a message.
    Continuation = 0,
    /// A message of text, or its first piece.
    Text = 1,
    /// A message of bytes, or its first piece.
    Binary = 2,
    /// The sender closes.
    Close = 8,
    /// Asks for a pong.
    Ping = 9,
    /// Answers a ping.
    Pong = 10,
}

impl Opcode {
    /// The opcode of this number; none for those that mean nothing.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Whether a frame of it may stand between the pieces of a message.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 & 8 != 0
    }
}

/// What the first two bytes of a head tell, the length aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flags {
    /// Whether its message ends with it.
    pub is_last: bool,
    /// The three reserved bits, where they stand in the first byte.
    pub reserved: u8,
    /// What it is.
    pub opcode: Opcode,
    /// Whether a key follows.
    pub is_masked: bool,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Head {
    /// Whether its message ends with it.
    pub is_last: bool,
    /// The three reserved bits, where they stand in the first byte.
    pub reserved: u8,
    /// What it is.
    pub opcode: Opcode,
    /// What the payload is masked with, if it is.
    pub key: Option<[u8; 4]>,
    /// Bytes of payload that follow.
    pub length: u64,
}

impl Flags {
    /// Takes the first two bytes of a head apart.
    ///
    /// # Errors
    /// An opcode that means nothing; a control frame that is too long or in fragments.
    #[inline]
    pub fn decode(start: [u8; 2]) -> Result<Self, ReadError> {
        let number = start[0] & 0x0f;
        let opcode = Opcode::new(number).ok_or(ReadError::Opcode(number))?;
        let is_last = start[0] & LAST != 0;
        if opcode.is_control() {
            if !is_last {
                return Err(ReadError::ControlFragmented);
            }
            if usize::from(start[1] & !MASKED) > CONTROL_BYTES_MAX {
                return Err(ReadError::ControlTooLong);
            }
        }
        let reserved = start[0] & RESERVED;
        Ok(Self { is_last, reserved, opcode, is_masked: start[1] & MASKED != 0 })
    }
}

/// The head at the front of the input (WIRE W1).
///
/// # Errors
/// Those of [`Flags::decode`], as soon as two bytes are there; a length of 64 bits, or one that is
/// not in its shortest form.
pub fn decode(input: &[u8]) -> Result<Decode<Head>, ReadError> {
    match input.first_chunk() {
        Some(start) => decode_behind(Flags::decode(*start)?, input),
        None => Ok(Decode::NeedMore { at_least: 2 - input.len() }),
    }
}

/// The rest of a head of which the first two bytes have been taken apart. They are still in the
/// input.
#[inline]
pub(super) fn decode_behind(flags: Flags, input: &[u8]) -> Result<Decode<Head>, ReadError> {
    let Flags { is_last, reserved, opcode, is_masked } = flags;
    let short = input[1] & !MASKED;
    let length_bytes = match short {
        LENGTH_16 => 2,
        LENGTH_64 => 8,
        _ => 0,
    };
    let consumed = 2 + length_bytes + if is_masked { 4 } else { 0 };
    if input.len() < consumed {
        return Ok(Decode::NeedMore { at_least: consumed - input.len() });
    }
    let rest = &input[2..];
    let length = if length_bytes == 0 { u64::from(short) } else { long_length(rest, short)? };
    let key = rest.get(length_bytes..).and_then(<[u8]>::first_chunk).filter(|_| is_masked);
    let value = Head { is_last, reserved, opcode, key: key.copied(), length };
    Ok(Decode::Done { value, consumed })
}

/// A length behind the first two bytes, of which there are enough (WIRE W5).
fn long_length(rest: &[u8], short: u8) -> Result<u64, ReadError> {
    let (length, shorter_max) = if short == LENGTH_16 {
        let bytes = rest.first_chunk().expect("the length is there");
        (u64::from(u16::from_be_bytes(*bytes)), u64::from(LENGTH_16 - 1))
    } else {
        let bytes = rest.first_chunk().expect("the length is there");
        (u64::from_be_bytes(*bytes), u64::from(u16::MAX))
    };
    if length > u64::MAX >> 1 {
        return Err(ReadError::LengthTopBit);
    }
    if length <= shorter_max {
        return Err(ReadError::LengthNotShortest);
    }
    Ok(length)
}

/// Appends a head, its length in the shortest form (WIRE W5).
#[inline]
pub fn encode(head: &Head, out: &mut Vec<u8>) {
    let first = if head.is_last { LAST } else { 0 } | head.reserved | head.opcode as u8;
    let masked = if head.key.is_some() { MASKED } else { 0 };
    match head.length {
        0..=125 => out.extend_from_slice(&[first, masked | head.length as u8]),
        126..=0xffff => {
            let [a, b] = (head.length as u16).to_be_bytes();
            out.extend_from_slice(&[first, masked | LENGTH_16, a, b]);
        }
        _ => {
            out.extend_from_slice(&[first, masked | LENGTH_64]);
            out.extend_from_slice(&head.length.to_be_bytes());
        }
    }
    if let Some(key) = head.key {
        out.extend_from_slice(&key);
    }
}

/// Kind, key and payload of a message at the front of the input, if it is a short one as clients
/// send them: in one frame, masked, up to 125 bytes, not compressed, and all there.
#[inline]
pub(super) fn short_message(input: &[u8]) -> Option<(Kind, [u8; 4], &[u8])> {
    const TEXT: u8 = LAST | Opcode::Text as u8;
    const BINARY: u8 = LAST | Opcode::Binary as u8;
    let (&[first, second, a, b, c, d], rest) = input.split_first_chunk()?;
    let kind = match first {
        TEXT => Kind::Text,
        BINARY => Kind::Binary,
        _ => return None,
    };
    let length = usize::from(second.checked_sub(MASKED)?);
    if length > SHORT_BYTES_MAX {
        return None;
    }
    Some((kind, [a, b, c, d], rest.get(..length)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// Any head that may be written.
    fn head() -> impl Strategy<Value = Head> {
        use Opcode::{Binary, Close, Continuation, Ping, Pong, Text};
        let opcode = select(vec![Continuation, Text, Binary, Close, Ping, Pong]);
        let length = prop_oneof![0..300_u64, 65_000..66_000_u64, 0..=u64::MAX >> 1];
        (opcode, any::<bool>(), 0..8_u8, option::of(any::<[u8; 4]>()), length).prop_map(
            |(opcode, is_last, reserved, key, length)| {
                let is_last = is_last || opcode.is_control();
                let length = if opcode.is_control() { length % 126 } else { length };
                Head { is_last, reserved: reserved << 4, opcode, key, length }
            },
        )
    }

    proptest! {
        /// WIRE W1, W5: what is written is read, with what is missing told for every cut.
        #[test]
        fn round_trip(value in head(), behind: Vec<u8>) {
            let mut stream = Vec::new();
            encode(&value, &mut stream);
            let consumed = stream.len();
            prop_assert!(consumed <= HEAD_BYTES_MAX);
            for cut in 0..consumed {
                let Ok(Decode::NeedMore { at_least }) = decode(&stream[..cut]) else {
                    return Err(TestCaseError::fail("a cut head is not refused"));
                };
                prop_assert!(at_least >= 1 && cut + at_least <= consumed);
            }
            stream.extend_from_slice(&behind);
            prop_assert_eq!(decode(&stream), Ok(Decode::Done { value, consumed }));
        }

        /// WIRE W5: nothing is read that would be written otherwise.
        #[test]
        fn one_form_only(input in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Ok(Decode::Done { value, consumed }) = decode(&input) {
                let mut again = Vec::new();
                encode(&value, &mut again);
                prop_assert_eq!(&again, &input[..consumed]);
            }
        }
    }
}
