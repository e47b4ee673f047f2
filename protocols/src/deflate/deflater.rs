//! Compressing: a fragment of a message (WIRE W35), or all there is.

use flate2::{Compress, Compression, FlushCompress, Status};

use super::{WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// How hard is tried, from 1 to 9. Above this, messages of games get hardly shorter for half as much
/// time again; at 1 they are half as long again.
const LEVEL: u32 = 3;

/// The smallest window that the library compresses into, as a power of two.
pub(crate) const DEFLATER_BITS_MIN: u8 = 9;

/// What ends every flushed piece: the end of an empty stored block. The last fragment of a message
/// leaves it out, and the receiver puts it back.
pub(crate) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// An empty last fragment: the beginning of the block that [`TAIL`] ends.
const EMPTY: [u8; 1] = [0x00];

/// A compressor for windows of so many bits. One for [`WINDOW_BITS_MIN`] only stores: the library
/// has no such window, and stored data looks back nowhere.
pub(crate) fn deflater(window_bits: u8) -> Compress {
    let level = if window_bits <= WINDOW_BITS_MIN { 0 } else { LEVEL };
    let bits = window_bits.clamp(DEFLATER_BITS_MIN, WINDOW_BITS_MAX);
    Compress::new_with_window_bits(Compression::new(level), false, bits)
}

/// Appends one fragment of a message.
pub(crate) fn deflate(deflater: &mut Compress, data: &[u8], is_last: bool, out: &mut Vec<u8>) {
    if data.is_empty() {
        // The library writes nothing when it is flushed twice.
        out.extend_from_slice(if is_last { &EMPTY } else { &[] });
        return;
    }
    let mut rest = data;
    // Room for data that does not compress, so that one call does it.
    out.reserve(data.len() + data.len() / 8 + data.len() / 64 + 64);
    loop {
        let before = deflater.total_in();
        deflater
            .compress_vec(rest, out, FlushCompress::Sync)
            .expect("a compressor that is never finished takes any data");
        rest = &rest[(deflater.total_in() - before) as usize..];
        if rest.is_empty() && out.len() < out.capacity() {
            break;
        }
        out.reserve(rest.len() + 64);
    }
    debug_assert!(out.ends_with(&TAIL), "a flush ends with an empty stored block");
    if is_last {
        out.truncate(out.len() - TAIL.len());
    }
}

/// Appends the data as one stream that says where it ends, if that takes at most `bytes_max` bytes;
/// whether it did. Else nothing is appended, and no more was written than fits.
pub(crate) fn deflate_whole(
    deflater: &mut Compress,
    data: &[u8],
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    // The library says that it is at the end only where there is room for more.
    out.resize(start.saturating_add(bytes_max).saturating_add(1), 0);
    let status = deflater.compress(data, &mut out[start..], FlushCompress::Finish);
    let fits = matches!(status, Ok(Status::StreamEnd));
    let written = if fits { deflater.total_out() as usize } else { 0 };
    out.truncate(start + written);
    fits
}
