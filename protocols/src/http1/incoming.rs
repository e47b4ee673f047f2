//! A body as it comes in (WIRE H10, H18 to H20).
//!
//! Invariants: no piece of data is empty; of a body that has an end, the end comes once, behind all
//! data; `received` counts data alone and stays within the limit.

use super::chunked::{self, ChunkLine, EXTENSION_BYTES_MAX};
use super::error::ReadError;
use super::framing::BodyLength;
use super::head::Headers;
use super::limits::Limits;
use super::parse;
use super::scan::{Part, Scan};
use super::{Reading, Received};
use crate::decode::Decode;

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Data: all of it, or a chunk's.
    Data,
    ChunkLine,
    ChunkEnd,
    Trailers,
    /// Data until the connection ends.
    UntilClose,
    /// Nothing.
    #[default]
    Complete,
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'i> {
    Data(&'i [u8]),
    End(Headers),
}

/// How far a body has been read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Incoming {
    stage: Stage,
    is_chunked: bool,
    extension_bytes: u16,
    /// Bytes of data that are still to come, of the body or of this chunk.
    left: u64,
    /// Bytes of data so far, with all of a chunk that has begun.
    received: u64,
}

impl Incoming {
    /// A body that is about to come. It is refused at once if it says that it is too long.
    pub(super) fn new(length: BodyLength, limits: &Limits) -> Result<Self, ReadError> {
        let (stage, left) = match length {
            BodyLength::None => (Stage::Complete, 0),
            BodyLength::Known(left) => (Stage::Data, left),
            BodyLength::Chunked => (Stage::ChunkLine, 0),
            BodyLength::UntilClose => (Stage::UntilClose, 0),
        };
        let is_chunked = length == BodyLength::Chunked;
        let mut body = Self { stage, is_chunked, left, ..Self::default() };
        body.count(left, limits)?;
        Ok(body)
    }

    /// Whether the peer's end is this body's end.
    pub(super) fn ends_with_connection(&self) -> bool {
        self.stage == Stage::UntilClose
    }

    /// The next piece at the front of the input. `scan` must be fresh when the body begins.
    pub(super) fn receive<'i>(
        &mut self,
        input: &'i [u8],
        limits: &Limits,
        scan: &mut Scan,
    ) -> Result<Received<Piece<'i>>, ReadError> {
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            match self.stage {
                Stage::ChunkLine => match chunked::decode(rest, limits.chunk_line_bytes_max)? {
                    Decode::Done { value, consumed: line } => {
                        consumed += line;
                        self.on_chunk(value, limits)?;
                    }
                    Decode::NeedMore { .. } => break,
                },
                Stage::ChunkEnd => match chunk_end(rest)? {
                    Some(end) => {
                        consumed += end;
                        self.stage = Stage::ChunkLine;
                    }
                    None => break,
                },
                Stage::Data | Stage::UntilClose => return self.data(input, consumed, limits),
                Stage::Trailers => return self.trailers(input, consumed, limits, scan),
                Stage::Complete => break,
            }
        }
        Ok(Received::nothing(consumed))
    }

    fn on_chunk(&mut self, line: ChunkLine, limits: &Limits) -> Result<(), ReadError> {
        let extensions =
            u32::from(self.extension_bytes).saturating_add(line.extension_bytes as u32);
        if extensions > EXTENSION_BYTES_MAX {
            return Err(ReadError::ChunkExtensions);
        }
        self.extension_bytes = extensions as u16;
        self.count(line.size, limits)?;
        self.left = line.size;
        self.stage = if line.size == 0 { Stage::Trailers } else { Stage::Data };
        Ok(())
    }

    fn count(&mut self, bytes: u64, limits: &Limits) -> Result<(), ReadError> {
        self.received = self.received.saturating_add(bytes);
        let max = limits.body_bytes_max;
        if self.received > max { Err(ReadError::BodyTooLong { max }) } else { Ok(()) }
    }

    /// What is there of the data, or the end where all of a known length has been.
    fn data<'i>(
        &mut self,
        input: &'i [u8],
        consumed: usize,
        limits: &Limits,
    ) -> Result<Received<Piece<'i>>, ReadError> {
        let rest = &input[consumed..];
        if self.stage == Stage::Data && self.left == 0 {
            self.stage = Stage::Complete;
            return Ok(Received { consumed, event: Some(Piece::End(Headers::default())) });
        }
        if rest.is_empty() {
            return Ok(Received::nothing(consumed));
        }
        let length = if self.stage == Stage::UntilClose {
            self.room(rest.len(), limits)?
        } else {
            self.take(rest.len())
        };
        let event = Some(Piece::Data(&rest[..length]));
        Ok(Received { consumed: consumed + length, event })
    }

    /// How many of these bytes the limit has room for; an error when for none.
    fn room(&mut self, bytes: usize, limits: &Limits) -> Result<usize, ReadError> {
        let max = limits.body_bytes_max;
        let room = max.saturating_sub(self.received);
        let length = usize::try_from(room).map_or(bytes, |room| room.min(bytes));
        self.received += length as u64;
        if length == 0 { Err(ReadError::BodyTooLong { max }) } else { Ok(length) }
    }

    /// How many of these bytes belong to the body or the chunk.
    fn take(&mut self, bytes: usize) -> usize {
        let length = usize::try_from(self.left).map_or(bytes, |left| left.min(bytes));
        self.left -= length as u64;
        if self.left == 0 && self.is_chunked {
            self.stage = Stage::ChunkEnd;
        }
        length
    }

    fn trailers<'i>(
        &mut self,
        input: &[u8],
        consumed: usize,
        limits: &Limits,
        scan: &mut Scan,
    ) -> Result<Received<Piece<'i>>, ReadError> {
        let parse = |input: &[u8]| parse::trailers(input, limits);
        match scan.read(&input[consumed..], Part::Trailers, limits, parse)? {
            Some((trailers, length)) => {
                self.stage = Stage::Complete;
                let event = Some(Piece::End(trailers));
                Ok(Received { consumed: consumed + length, event })
            }
            None => Ok(Received::nothing(consumed)),
        }
    }

    /// Where the message is, of which this is the body.
    pub(super) fn reading(&self) -> Reading {
        if self.stage == Stage::Complete { Reading::Done } else { Reading::Body }
    }
}

/// The CR LF behind a chunk's data.
fn chunk_end(input: &[u8]) -> Result<Option<usize>, ReadError> {
    match input {
        [b'\r', b'\n', ..] => Ok(Some(2)),
        [] | [b'\r'] => Ok(None),
        _ => Err(ReadError::ChunkEnd),
    }
}
