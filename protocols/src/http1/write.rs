//! Writing heads (WIRE H3, H21, H22).
//!
//! Names and values come from callers, who may have them from strangers: what could end a line is
//! refused, so no header becomes two and no response becomes two.

use super::error::WriteError;
use super::framing::Fields;

/// The longest number in decimal digits.
const DECIMAL_DIGITS_MAX: usize = 20;

/// Characters of a token (RFC 9110 section 5.6.2).
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric()
            || matches!(
                byte as u8,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        byte += 1;
    }
    table
};

/// Whether some bytes are a token: a method or a header's name.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| TOKEN[usize::from(byte)])
}

/// Whether some bytes may be a header's value: no control byte but TAB.
pub(super) fn is_value(bytes: &[u8]) -> bool {
    // Eight bytes at a time, the last eight once more where some are left over; what is short, or
    // looks bad, is judged byte by byte.
    let (words, rest) = bytes.as_chunks();
    let last = bytes.last_chunk().filter(|_| !rest.is_empty());
    let is_plain = |word: &[u8; 8]| has_no_control(u64::from_le_bytes(*word));
    let all_plain = words.iter().chain(last).all(is_plain);
    (all_plain && bytes.len() >= 8)
        || bytes.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control())
}

/// Whether none of eight bytes is a control byte; a TAB is one here.
fn has_no_control(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let other = word ^ (ONES * 0x7f);
    // The top bit of a byte is set where a subtraction went below zero. The borrow may set more of
    // them, but only above a byte that is a control byte itself.
    let below_blank = word.wrapping_sub(ONES * 0x20) & !word;
    let deleted = other.wrapping_sub(ONES) & !other;
    (below_blank | deleted) & (ONES * 0x80) == 0
}

/// Takes back what was appended to `out` when `write` fails half way.
pub(super) fn undone_on_error(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let start = out.len();
    let written = write(out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Appends a header line of the caller's.
pub(super) fn header(name: &str, value: &[u8], out: &mut Vec<u8>) -> Result<(), WriteError> {
    if !is_token(name.as_bytes()) {
        return Err(WriteError::HeaderName);
    }
    if !is_value(value) {
        return Err(WriteError::HeaderValue);
    }
    line(name.as_bytes(), value, out);
    Ok(())
}

/// Appends a header line with a good name and the caller's value.
#[inline]
pub(super) fn value(name: &'static str, value: &[u8], out: &mut Vec<u8>) -> Result<(), WriteError> {
    if !is_value(value) {
        return Err(WriteError::HeaderValue);
    }
    line(name.as_bytes(), value, out);
    Ok(())
}

/// What the caller's own headers say, taken note of while they are written.
#[derive(Default)]
pub(super) struct Given {
    /// Options of `Connection`, and `Expect`.
    pub(super) fields: Fields,
    pub(super) connection: bool,
    pub(super) date: bool,
    pub(super) upgrade: bool,
}

impl Given {
    /// Appends the caller's headers.
    pub(super) fn write<'h>(
        &mut self,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        for (name, value) in headers {
            header(name, value, out)?;
            self.note(name, value)?;
        }
        Ok(())
    }

    /// Appends the caller's headers of a request. Whom it is for is said by its parts.
    pub(super) fn write_request<'h>(
        &mut self,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        for (name, value) in headers {
            if name.eq_ignore_ascii_case("host") {
                return Err(WriteError::FramingHeader);
            }
            self.write([(name, value)], out)?;
        }
        Ok(())
    }

    /// The machines alone say where a body ends.
    fn note(&mut self, name: &str, value: &[u8]) -> Result<(), WriteError> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is("date") => self.date = true,
            7 if is("upgrade") => self.upgrade = true,
            10 if is("connection") => {
                self.connection = true;
                self.fields.note_connection(value);
            }
            6 if is("expect") => {
                self.fields.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
            }
            14 if is("content-length") => return Err(WriteError::FramingHeader),
            17 if is("transfer-encoding") => return Err(WriteError::FramingHeader),
            _ => {}
        }
        Ok(())
    }

    /// Appends what `Connection` must say beyond what the caller's says.
    pub(super) fn write_connection(&self, close: bool, keep_alive: bool, out: &mut Vec<u8>) {
        let close = close && !self.fields.close;
        let keep_alive = keep_alive && !self.connection;
        let upgrade = self.upgrade && !self.fields.upgrade_option;
        let value: &[u8] = match (close, keep_alive, upgrade) {
            (true, _, true) => b"close, upgrade",
            (true, _, false) => b"close",
            (_, true, true) => b"keep-alive, upgrade",
            (_, true, false) => b"keep-alive",
            (_, _, true) => b"upgrade",
            _ => return,
        };
        line(b"connection", value, out);
    }
}

/// Appends a header line that is known to be good.
#[inline]
pub(super) fn line(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal digits.
pub(super) fn decimal(number: u64, out: &mut Vec<u8>) {
    if number < 10 {
        return out.push(b'0' + number as u8);
    }
    let mut digits = [0; DECIMAL_DIGITS_MAX];
    let mut at = digits.len();
    let mut rest = number;
    while rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a `content-length` line.
pub(super) fn content_length(length: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"content-length: ");
    decimal(length, out);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WIRE H22.
    #[test]
    fn what_could_end_a_line_is_not_written() {
        let mut out = Vec::new();
        for name in ["", " a", "a ", "a:", "a\r\nb", "a\0", "\u{e9}", "a b", "(a)"] {
            assert_eq!(header(name, b"b", &mut out), Err(WriteError::HeaderName), "{name:?}");
        }
        for value in [&b"\r"[..], b"\n", b"a\r\nb: c", b"\0", b"a\x7f", b"\x0b", b"\x1b[0m"] {
            assert_eq!(header("a", value, &mut out), Err(WriteError::HeaderValue), "{value:?}");
        }
        assert!(out.is_empty());
        header("a", b"", &mut out).unwrap();
        header("X-b", b" \tc\xff", &mut out).unwrap();
        assert_eq!(out, b"a: \r\nX-b:  \tc\xff\r\n");
    }

    /// WIRE H22: wherever a byte stands, and whatever stands beside it.
    #[test]
    fn a_value_is_judged_byte_by_byte() {
        let others = [b' ', b'\t', b'a', 0x7e, 0x80, 0xff];
        for length in 1..=20 {
            for (at, byte) in (0..length).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
                for other in others {
                    let mut value = vec![other; length];
                    value[at] = byte;
                    let is_good = byte == b'\t' || !byte.is_ascii_control();
                    assert_eq!(is_value(&value), is_good, "{value:?}");
                }
            }
        }
        assert!(is_value(b""));
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 1, 9, 10, 1234567890, u64::MAX] {
            let mut out = Vec::new();
            decimal(number, &mut out);
            assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
