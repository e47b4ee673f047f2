//! The characters of schema text: blanks, names and numbers (WIRE S1).

use super::NAME_BYTES_MAX;
use super::error::{Flaw, SchemaError};
use crate::sproto::TAG_MAX;

/// A place in a text. It only goes on.
pub(super) struct Scanner<'t> {
    rest: &'t [u8],
    /// The line of the place.
    line: u32,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { rest: text, line: 1 }
    }

    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// An error in this line.
    pub(super) fn flaw(&self, flaw: Flaw) -> SchemaError {
        SchemaError { line: self.line, flaw }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Passes over blanks and comments; whether there were any.
    pub(super) fn blanks(&mut self) -> bool {
        let before = self.rest.len();
        loop {
            self.rest = match self.rest {
                [b' ' | b'\t', rest @ ..] => rest,
                [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => {
                    self.line += 1;
                    rest
                }
                [b'#', rest @ ..] => {
                    let end = rest.iter().position(|&byte| byte == b'\n');
                    &rest[end.unwrap_or(rest.len())..]
                }
                rest => return rest.len() < before,
            };
        }
    }

    /// Blanks that must be there.
    pub(super) fn need_blanks(&mut self) -> Result<(), SchemaError> {
        if self.blanks() { Ok(()) } else { Err(self.flaw(Flaw::Syntax)) }
    }

    /// Passes over this character if it is next.
    pub(super) fn take(&mut self, character: u8) -> bool {
        let is_next = self.peek() == Some(character);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    /// A character that must be next.
    pub(super) fn need(&mut self, character: u8) -> Result<(), SchemaError> {
        if self.take(character) { Ok(()) } else { Err(self.flaw(Flaw::Syntax)) }
    }

    /// A name, if one begins here; it may be empty otherwise.
    pub(super) fn word(&mut self) -> Result<&'t str, SchemaError> {
        self.name(word_bytes(self.rest))
    }

    /// A name that must be here.
    pub(super) fn need_word(&mut self) -> Result<&'t str, SchemaError> {
        match self.word()? {
            "" => Err(self.flaw(Flaw::Syntax)),
            word => Ok(word),
        }
    }

    /// The name of a type that must be here, with dots.
    pub(super) fn need_type_name(&mut self) -> Result<&'t str, SchemaError> {
        match self.name(type_name_bytes(self.rest))? {
            "" => Err(self.flaw(Flaw::Syntax)),
            name => Ok(name),
        }
    }

    fn name(&mut self, bytes: usize) -> Result<&'t str, SchemaError> {
        if bytes > NAME_BYTES_MAX {
            return Err(self.flaw(Flaw::NameTooLong));
        }
        let (name, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        str::from_utf8(name).map_err(|_| self.flaw(Flaw::Syntax))
    }

    /// A tag that must be here.
    pub(super) fn need_tag(&mut self) -> Result<u16, SchemaError> {
        self.number(TAG_MAX)?.ok_or_else(|| self.flaw(Flaw::Tag))
    }

    /// Digits that must be here; none if they say more than this.
    pub(super) fn number(&mut self, max: u16) -> Result<Option<u16>, SchemaError> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.flaw(Flaw::Syntax));
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        let mut number = 0_u16;
        for digit in digits {
            let longer =
                number.checked_mul(10).and_then(|it| it.checked_add(u16::from(digit - b'0')));
            match longer.filter(|&it| it <= max) {
                Some(longer) => number = longer,
                None => return Ok(None),
            }
        }
        Ok(Some(number))
    }
}

/// Bytes of the name at the front: a letter or `_`, then also digits.
fn word_bytes(text: &[u8]) -> usize {
    let is_letter = |byte: u8| byte == b'_' || byte.is_ascii_alphabetic();
    if !text.first().is_some_and(|&byte| is_letter(byte)) {
        return 0;
    }
    text.iter().take_while(|&&byte| is_letter(byte) || byte.is_ascii_digit()).count()
}

/// Bytes of the names at the front that are joined by dots.
fn type_name_bytes(text: &[u8]) -> usize {
    let mut end = word_bytes(text);
    while end > 0 && text.get(end) == Some(&b'.') {
        match word_bytes(&text[end + 1..]) {
            0 => break,
            more => end += 1 + more,
        }
    }
    end
}

/// Whether a text could have this name for a field or protocol.
pub(super) fn is_word(name: &str) -> bool {
    !name.is_empty() && word_bytes(name.as_bytes()) == name.len()
}

/// Whether a text could have this name for a type.
pub(super) fn is_type_name(name: &str) -> bool {
    !name.is_empty() && type_name_bytes(name.as_bytes()) == name.len()
}
