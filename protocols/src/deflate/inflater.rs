//! Inflating, with a bound on what comes out (WIRE W37, W38).
//!
//! Memory is made step by step and never beyond the bound, so a message that would inflate without
//! end stops at the bound, having cost no more than a good one.

use flate2::{Decompress, FlushDecompress, Status};

use super::deflater::TAIL;
use super::{InflateError, WINDOW_BITS_MAX};

/// Streams in one message that say they are at their end. More are no sender's way to write one.
const ENDS_MAX: u32 = 64;

/// The least memory made for what comes out, in bytes.
const ROOM_BYTES_MIN: usize = 64;

/// How many times its length a message is expected to have when inflated.
const EXPECTED_RATIO: usize = 4;

/// A decompressor. It has the largest window, whatever was agreed on: the library makes none that is
/// smaller in memory.
pub(crate) fn inflater() -> Decompress {
    Decompress::new_with_window_bits(false, WINDOW_BITS_MAX)
}

/// Appends a whole message, given without the tail of its last fragment. Nothing is appended on an
/// error.
pub(crate) fn inflate(
    inflater: &mut Decompress,
    data: &[u8],
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), InflateError> {
    let start = out.len();
    let bound = start.saturating_add(bytes_max);
    let mut room = Room { out, start, bound, next: data.len().saturating_mul(EXPECTED_RATIO) };
    let inflated = message(inflater, data, &mut room);
    if inflated.is_err() {
        out.truncate(start);
    }
    inflated
}

/// Appends what one stream holds, which is all of the data and says itself where it ends. Nothing is
/// appended on an error.
pub(crate) fn inflate_whole(
    inflater: &mut Decompress,
    data: &[u8],
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), InflateError> {
    let start = out.len();
    let bound = start.saturating_add(bytes_max);
    let mut room = Room { out, start, bound, next: data.len().saturating_mul(EXPECTED_RATIO) };
    let inflated = match stream(inflater, data, &mut room) {
        Ok(Some([])) => Ok(()),
        Ok(_) => Err(InflateError::Malformed),
        Err(error) => Err(error),
    };
    if inflated.is_err() {
        out.truncate(start);
    }
    inflated
}

fn message(
    inflater: &mut Decompress,
    data: &[u8],
    room: &mut Room<'_>,
) -> Result<(), InflateError> {
    let mut rest = data;
    for _ in 0..ENDS_MAX {
        let Some(behind) = stream(inflater, rest, room)? else {
            return match stream(inflater, &TAIL, room)? {
                None => Ok(()),
                Some(_) => Err(InflateError::Malformed),
            };
        };
        // Senders that end their stream with a message begin the next one anew.
        inflater.reset(false);
        if behind.is_empty() {
            return Ok(());
        }
        rest = behind;
    }
    Err(InflateError::Malformed)
}

/// Inflates until the data or the stream ends; what is left behind the stream's end, if that came.
fn stream<'d>(
    inflater: &mut Decompress,
    data: &'d [u8],
    room: &mut Room<'_>,
) -> Result<Option<&'d [u8]>, InflateError> {
    let mut rest = data;
    loop {
        room.make();
        let before = (inflater.total_in(), room.out.len());
        let status = inflater
            .decompress_vec(rest, room.out, FlushDecompress::Sync)
            .map_err(|_| InflateError::Malformed)?;
        let consumed = (inflater.total_in() - before.0) as usize;
        rest = &rest[consumed..];
        if room.out.len() > room.bound {
            return Err(InflateError::TooLong);
        }
        if status == Status::StreamEnd {
            return Ok(Some(rest));
        }
        if room.out.len() < room.out.capacity() {
            // The library stops for want of data or of room only.
            return if rest.is_empty() { Ok(None) } else { Err(InflateError::Malformed) };
        }
        if consumed == 0 && room.out.len() == before.1 {
            return Err(InflateError::Malformed);
        }
    }
}

/// Where to inflate to.
struct Room<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    /// The longest `out` that is allowed.
    bound: usize,
    /// Bytes to make room for first.
    next: usize,
}

impl Room<'_> {
    /// Makes room for at least one byte. One above the bound may be written, to see that there is
    /// more than allowed.
    fn make(&mut self) {
        if self.out.len() < self.out.capacity() {
            return;
        }
        let left = self.bound.saturating_sub(self.out.len()).saturating_add(1);
        let inflated = self.out.len() - self.start;
        let wanted = self.next.max(inflated).max(ROOM_BYTES_MIN);
        self.next = 0;
        self.out.reserve_exact(wanted.min(left));
    }
}
