//! UTF-8 that comes in pieces (WIRE W9): refused at the first byte that cannot be part of any text.
//!
//! A text is kept while it grows, so nothing but the length of its part that was found good has to
//! be remembered: what is behind it is at most the first three bytes of a character.

/// Bytes that are no UTF-8, whatever follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

/// How much of a growing text was found good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    checked_bytes: usize,
}

impl Progress {
    /// Looks at what `text` has grown by since the last call.
    ///
    /// # Errors
    /// No text begins like this.
    pub fn advance(&mut self, text: &[u8]) -> Result<(), Invalid> {
        match std::str::from_utf8(&text[self.checked_bytes..]) {
            Ok(_) => self.checked_bytes = text.len(),
            Err(error) if error.error_len().is_some() => return Err(Invalid),
            Err(error) => self.checked_bytes += error.valid_up_to(),
        }
        Ok(())
    }

    /// Whether the text may end here, which it has been looked at to.
    #[must_use]
    pub fn is_whole(&self, text: &[u8]) -> bool {
        self.checked_bytes == text.len()
    }
}

/// Whether the bytes are UTF-8, all of them.
#[inline]
#[must_use]
pub fn is_valid(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes looked at until it is refused, and whether it may end there.
    fn bytewise(text: &[u8]) -> Result<bool, usize> {
        let mut progress = Progress::default();
        for end in 1..=text.len() {
            progress.advance(&text[..end]).map_err(|Invalid| end)?;
        }
        Ok(progress.is_whole(text))
    }

    /// WIRE W9: the byte that makes it hopeless is the one that is refused.
    #[test]
    fn refused_at_once() {
        for (text, outcome) in [
            (&b""[..], Ok(true)),
            (b"a\x7f\0", Ok(true)),
            ("κόσμε".as_bytes(), Ok(true)),
            (b"\xf4\x8f\xbf\xbf", Ok(true)),
            (b"\xce", Ok(false)),
            (b"\xe1\xbf", Ok(false)),
            (b"\xf0\x90\x80", Ok(false)),
            (b"\x80", Err(1)),
            (b"\xc0\x80", Err(1)),
            (b"\xc1\xbf", Err(1)),
            (b"\xe0\x9f\xbf", Err(2)),
            (b"\xed\xa0\x80", Err(2)),
            (b"\xf0\x8f\xbf\xbf", Err(2)),
            (b"\xf4\x90\x80\x80", Err(2)),
            (b"\xf5\x80", Err(1)),
            (b"\xff", Err(1)),
            (b"\xcea", Err(2)),
            (b"\xe1\xbfa", Err(3)),
            (b"ab\xf0\x90\x80\xc0", Err(6)),
        ] {
            assert_eq!(bytewise(text), outcome, "{text:x?}");
        }
    }

    proptest! {
        /// WIRE W9, W15.
        #[test]
        fn cuts_do_not_matter(text: String, noise: Vec<u8>) {
            prop_assert_eq!(bytewise(text.as_bytes()), Ok(true));
            let joined = [text.as_bytes(), &noise].concat();
            prop_assert_eq!(bytewise(&joined) == Ok(true), is_valid(&joined));
        }
    }
}
