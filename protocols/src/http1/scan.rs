//! Reading a head that is not all there yet, or not well formed (WIRE H2 to H5).
//!
//! A head that has come complete is read in one pass by [`parse`](super::parse). Everything else
//! goes through a [`Scan`]: it looks at every byte once, however the bytes are cut, and judges a
//! line when it has its end. So a head is refused for the same reason and at the same byte whether
//! it came whole or byte by byte, and bytes that are no text are refused without waiting for more.
//!
//! Invariants: `line <= seen <= input length`; `lines` counts complete lines.

use httparse::Error;

use super::error::ReadError;
use super::limits::{HEAD_BYTES_CAP, Limits};

const RETURN: u8 = b'\r';
const FEED: u8 = b'\n';

/// What is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Request,
    Response,
    Trailers,
}

impl Part {
    fn bytes_max(self, limits: &Limits) -> usize {
        match self {
            Self::Request | Self::Response => limits.head_bytes_max.min(HEAD_BYTES_CAP),
            Self::Trailers => limits.trailer_bytes_max.min(HEAD_BYTES_CAP),
        }
    }

    fn too_long(self, max: usize) -> ReadError {
        match self {
            Self::Request | Self::Response => ReadError::HeadTooLong { max },
            Self::Trailers => ReadError::TrailersTooLong { max },
        }
    }

    /// Lines in front of the header lines.
    fn start_lines(self) -> usize {
        usize::from(self != Self::Trailers)
    }

    /// The error for what a parser refuses although every line passed.
    fn malformed(self) -> ReadError {
        match self {
            Self::Request => ReadError::RequestLine,
            Self::Response => ReadError::StatusLine,
            Self::Trailers => ReadError::HeaderLine,
        }
    }
}

/// How far an incomplete head has been looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    seen: u32,
    line: u32,
    lines: u16,
}

impl Scan {
    /// Whether nothing of a head has been seen.
    pub(super) fn is_fresh(&self) -> bool {
        self.seen == 0
    }

    /// Reads one head from the front of the input; none while it is incomplete. `parse` reads a
    /// complete, well-formed head and has none for anything else; it gets what is there at the
    /// start, and the head when it is complete.
    pub(super) fn read<T>(
        &mut self,
        input: &[u8],
        part: Part,
        limits: &Limits,
        parse: impl Fn(&[u8]) -> Result<Option<T>, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        if self.is_fresh() {
            let read = parse(input);
            if !matches!(read, Ok(None)) {
                return read;
            }
        }
        let Some(end) = self.advance(input, part, limits)? else { return Ok(None) };
        *self = Self::default();
        let read = parse(&input[..end]);
        if matches!(read, Ok(None)) { Err(part.malformed()) } else { read }
    }

    /// Looks at the bytes not seen before. The length of the head, once its empty line is there.
    fn advance(
        &mut self,
        input: &[u8],
        part: Part,
        limits: &Limits,
    ) -> Result<Option<usize>, ReadError> {
        let bytes_max = part.bytes_max(limits);
        for index in self.seen as usize..input.len() {
            if index >= bytes_max {
                return Err(part.too_long(bytes_max));
            }
            if self.on_byte(input, index, part, limits)? {
                return Ok(Some(index + 1));
            }
            self.seen += 1;
        }
        Ok(None)
    }

    /// Whether this byte ends the head.
    fn on_byte(
        &mut self,
        input: &[u8],
        index: usize,
        part: Part,
        limits: &Limits,
    ) -> Result<bool, ReadError> {
        let (byte, start) = (input[index], self.line as usize);
        let after_return = index > start && input[index - 1] == RETURN;
        match byte {
            FEED if after_return => return self.end_line(&input[start..=index], part, limits),
            FEED => return Err(ReadError::BareLineFeed),
            _ if after_return => return Err(ReadError::BareCarriageReturn),
            RETURN => {}
            b'\t' => {}
            0..=0x1f | 0x7f => return Err(ReadError::ControlByte(byte)),
            _ => {}
        }
        if byte != RETURN && index - start >= limits.line_bytes_max {
            return Err(self.line_too_long(part, limits));
        }
        Ok(false)
    }

    fn line_too_long(&self, part: Part, limits: &Limits) -> ReadError {
        let max = limits.line_bytes_max;
        match part {
            Part::Request if self.lines == 0 => ReadError::TargetTooLong { max },
            _ => ReadError::LineTooLong { max },
        }
    }

    /// Judges a line, given with its CR LF. Whether it is the empty one behind all others.
    fn end_line(&mut self, line: &[u8], part: Part, limits: &Limits) -> Result<bool, ReadError> {
        let headers = usize::from(self.lines).checked_sub(part.start_lines());
        match (headers, line.len()) {
            (None, _) => start_line(line, part)?,
            (Some(_), 2) => return Ok(true),
            (Some(headers), _) if headers >= limits.header_count_max() => {
                return Err(ReadError::TooManyHeaders { max: limits.header_count_max() });
            }
            (Some(_), _) => header_line(line)?,
        }
        self.lines += 1;
        self.line += line.len() as u32;
        Ok(false)
    }
}

fn start_line(line: &[u8], part: Part) -> Result<(), ReadError> {
    let (read, malformed) = match part {
        Part::Request => (httparse::Request::new(&mut []).parse(line), ReadError::RequestLine),
        _ => (httparse::Response::new(&mut []).parse(line), ReadError::StatusLine),
    };
    match read {
        Ok(_) if line.len() > 2 => Ok(()),
        Err(Error::Version) if names_other_version(line, part) => Err(ReadError::Version),
        _ => Err(malformed),
    }
}

/// Whether the version is well formed: then its numbers are the problem.
fn names_other_version(line: &[u8], part: Part) -> bool {
    let mut words = line[..line.len() - 2].split(|&byte| byte == b' ');
    let word = match part {
        Part::Request => words.next_back(),
        _ => words.next(),
    };
    let Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor]) = word else { return false };
    let are_digits = major.is_ascii_digit() && minor.is_ascii_digit();
    are_digits && !(*major == b'1' && matches!(minor, b'0' | b'1'))
}

fn header_line(line: &[u8]) -> Result<(), ReadError> {
    if httparse::parse_headers(line, &mut [httparse::EMPTY_HEADER; 1]).is_ok() {
        return Ok(());
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    if line.first().is_some_and(is_blank) {
        return Err(ReadError::FoldedLine);
    }
    let colon = line.iter().position(|&byte| byte == b':');
    let before = colon.and_then(|colon| line[..colon].last());
    Err(if before.is_some_and(is_blank) {
        ReadError::SpaceBeforeColon
    } else {
        ReadError::HeaderLine
    })
}
