//! CRC-32C (RFC 9260, appendix A), a bit at a time: a connection has one at most, of a few hundred bytes.

/// Bytes of a checksum.
pub(super) const BYTES: usize = 4;

/// The polynomial with its bits reversed, since they come lowest first.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The checksum of some bytes that lie in pieces.
pub(super) fn crc32c<const PIECES: usize>(pieces: [&[u8]; PIECES]) -> u32 {
    let mut state = u32::MAX;
    for byte in pieces.into_iter().flatten() {
        state ^= u32::from(*byte);
        for _ in 0..u8::BITS {
            state = state >> 1 ^ if state & 1 == 1 { POLYNOMIAL } else { 0 };
        }
    }
    !state
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of the parameters, and two examples of RFC 3720, appendix B.4.
    #[test]
    fn it_is_that_of_the_published_examples() {
        assert_eq!(crc32c([b"123456789"]), 0xe306_9283);
        assert_eq!(crc32c([&[0; 32]]), 0x8a91_36aa);
        assert_eq!(crc32c([&[0xff; 32]]), 0x62a8_ab43);
        assert_eq!(crc32c([]), 0);
    }

    #[test]
    fn pieces_are_as_the_whole() {
        assert_eq!(crc32c([b"1234", b"", b"56789"]), crc32c([b"123456789"]));
    }
}
