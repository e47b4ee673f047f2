//! A body as it goes out (WIRE H21).
//!
//! Invariant: what is written behind a head is what the head announced, or the message is known to
//! be broken.

use super::chunked;
use super::error::WriteError;
use super::parse::is_forbidden_trailer;
use super::write;

/// How long a body will be, as far as its sender knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodySize {
    /// There is none.
    Empty,
    /// This many bytes.
    Known(u64),
    /// It is not known: chunked, or to an HTTP/1.0 client until the close.
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coding {
    /// There may be none: what is given is thrown away.
    #[default]
    Nothing,
    Known,
    Chunked,
    UntilClose,
}

/// How far a body has been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outgoing {
    coding: Coding,
    /// Bytes that are still announced.
    left: u64,
}

impl Outgoing {
    /// No body, whatever is given.
    pub(super) const NOTHING: Self = Self { coding: Coding::Nothing, left: 0 };
    /// Chunks.
    pub(super) const CHUNKED: Self = Self { coding: Coding::Chunked, left: 0 };
    /// The bytes as they are, ended by the close.
    pub(super) const UNTIL_CLOSE: Self = Self { coding: Coding::UntilClose, left: 0 };

    /// This many bytes.
    pub(super) fn known(left: u64) -> Self {
        Self { coding: Coding::Known, left }
    }

    /// Whether any bytes will go out.
    pub(super) fn sends(&self) -> bool {
        match self.coding {
            Coding::Nothing => false,
            Coding::Known => self.left > 0,
            Coding::Chunked | Coding::UntilClose => true,
        }
    }

    /// Appends a piece of the body.
    pub(super) fn data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), WriteError> {
        let length = data.len() as u64;
        match self.coding {
            Coding::Nothing => {}
            Coding::Known => {
                let surplus = length.saturating_sub(self.left);
                if surplus > 0 {
                    return Err(WriteError::BodyTooLong { surplus });
                }
                self.left -= length;
                out.extend_from_slice(data);
            }
            Coding::UntilClose => out.extend_from_slice(data),
            Coding::Chunked if data.is_empty() => {}
            Coding::Chunked => {
                chunked::encode_line(length, out);
                out.reserve(data.len() + 2);
                out.extend_from_slice(data);
                out.extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }

    /// Appends the end of the body. Trailers go only behind chunks.
    pub(super) fn finish<'h>(
        &mut self,
        trailers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let start = out.len();
        let chunked = self.coding == Coding::Chunked;
        if chunked {
            out.extend_from_slice(b"0\r\n");
        }
        let written = trailers.into_iter().try_for_each(|(name, value)| trailer(name, value, out));
        if chunked {
            out.extend_from_slice(b"\r\n");
        }
        if !chunked || written.is_err() {
            out.truncate(start);
        }
        written?;
        if self.left > 0 { Err(WriteError::BodyTooShort { missing: self.left }) } else { Ok(()) }
    }
}

fn trailer(name: &str, value: &[u8], out: &mut Vec<u8>) -> Result<(), WriteError> {
    if is_forbidden_trailer(name) {
        return Err(WriteError::ForbiddenTrailer);
    }
    write::header(name, value, out)
}
