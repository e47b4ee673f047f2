//! Bytes that arrived and make no line yet, at most [`UNREAD_BYTES_MAX`] of them (WIRE L11).
//!
//! The limit is Skynet's and counts as Skynet does: when bytes arrive, all that is unread counts,
//! lines that are complete included. So it bounds memory before anything is parsed. A search for
//! the line feed never looks at a byte twice, however small the pieces.

use crate::decode::Decode;
use crate::line;

/// The most bytes that may wait to be read (WIRE L11): a line of 8191 bytes and its line feed.
pub const UNREAD_BYTES_MAX: usize = 8192;

/// The limit was passed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Received bytes, taken out line by line.
#[derive(Default)]
pub(super) struct Unread {
    bytes: Vec<u8>,
    /// Bytes already given out as lines.
    start: usize,
    /// Bytes in which no further line feed is; at least `start`.
    searched: usize,
}

impl Unread {
    /// Adds bytes behind those that wait.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        if bytes.len() > UNREAD_BYTES_MAX - self.bytes.len() {
            return Err(TooLong);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes the next whole line, without its line feed.
    pub(super) fn next_line(&mut self) -> Option<&[u8]> {
        match line::decode(&self.bytes[self.searched..]) {
            Decode::Done { consumed, .. } => {
                let line_start = self.start;
                self.searched += consumed;
                self.start = self.searched;
                Some(&self.bytes[line_start..self.start - 1])
            }
            Decode::NeedMore { .. } => {
                self.searched = self.bytes.len();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// WIRE N3, L11.
    #[test]
    fn complete_lines_count_until_they_are_taken() {
        let mut unread = Unread::default();
        unread.push(&[b'\n'; UNREAD_BYTES_MAX]).unwrap();
        assert_eq!(unread.push(b"x"), Err(TooLong));
        assert_eq!(unread.next_line(), Some(&b""[..]));
        unread.push(b"x").unwrap();
        assert_eq!(unread.push(b"y"), Err(TooLong));
    }

    /// WIRE N3, L11.
    #[test]
    fn the_longest_line_fits() {
        let mut unread = Unread::default();
        unread.push(&[b'a'; UNREAD_BYTES_MAX - 1]).unwrap();
        assert_eq!(unread.next_line(), None);
        unread.push(b"\n").unwrap();
        assert_eq!(unread.next_line().map(<[u8]>::len), Some(UNREAD_BYTES_MAX - 1));
        assert_eq!(unread.next_line(), None);
    }

    #[test]
    fn no_byte_is_searched_twice() {
        let mut unread = Unread::default();
        for length in [3, 6] {
            unread.push(b"abc").unwrap();
            assert_eq!(unread.next_line(), None);
            assert_eq!(unread.searched, length);
        }
        unread.push(b"\nde").unwrap();
        assert_eq!(unread.searched, 6);
        assert_eq!(unread.next_line(), Some(&b"abcabc"[..]));
        assert_eq!(unread.next_line(), None);
        unread.push(b"f").unwrap();
        assert_eq!((unread.start, unread.searched), (0, 2));
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same_lines(pieces: Vec<Vec<u8>>) {
            let whole = pieces.concat();
            let mut unread = Unread::default();
            let mut lines = Vec::new();
            for piece in &pieces {
                unread.push(piece).unwrap();
                while let Some(line) = unread.next_line() {
                    lines.push(line.to_vec());
                }
            }
            let mut expected: Vec<&[u8]> = whole.split(|&byte| byte == b'\n').collect();
            expected.pop();
            prop_assert_eq!(lines, expected);
        }
    }
}
