//! What a compressed connection keeps.

use core::fmt;

use flate2::{Compress, Decompress};

use super::{Agreed, InflateError, Tool, WINDOW_BITS_MIN};
use crate::deflate::{deflate, deflater, inflate, inflater};
use crate::websocket::Role;

/// The shortest message that is compressed, in bytes. Alone, short ones get hardly shorter; but who
/// agreed on compression is to see it, and decides by the mode what it may cost.
const BYTES_MIN: usize = 16;

/// What a compressor of the largest window takes, and what a decompressor takes, rounded up: together the
/// 400 KiB that a connection with both was seen to take.
const DEFLATER_BYTES: usize = 352 << 10;
const INFLATER_BYTES: usize = 48 << 10;

/// Both directions of one connection.
pub(in crate::websocket) struct Context {
    role: Role,
    agreed: Agreed,
    /// Ours, if we may look into earlier messages and have sent one.
    pub(super) deflater: Option<Box<Compress>>,
    /// For the peer's messages, if they may look into earlier ones and one has come.
    pub(super) inflater: Option<Box<Decompress>>,
    /// Ours does not know what was sent last.
    is_behind: bool,
}

/// One direction of an agreement.
#[derive(Clone, Copy)]
struct Direction {
    no_takeover: bool,
    window_bits: u8,
}

impl Agreed {
    fn sent_by(&self, role: Role) -> Direction {
        match role {
            Role::Server => Direction {
                no_takeover: self.server_no_context_takeover,
                window_bits: self.server_max_window_bits,
            },
            Role::Client => Direction {
                no_takeover: self.client_no_context_takeover,
                window_bits: self.client_max_window_bits,
            },
        }
    }
}

impl Context {
    /// Nothing sent, nothing received.
    pub(in crate::websocket) fn new(role: Role, agreed: Agreed) -> Self {
        Self { role, agreed, deflater: None, inflater: None, is_behind: false }
    }

    /// Bytes of memory for what earlier messages were.
    pub(in crate::websocket) fn memory_bytes(&self) -> usize {
        let deflater = self.deflater.as_ref().map_or(0, |_| DEFLATER_BYTES);
        deflater + self.inflater.as_ref().map_or(0, |_| INFLATER_BYTES)
    }

    /// Whether a message of so many bytes is to be compressed (WIRE W39).
    pub(in crate::websocket) fn pays(&self, length: usize) -> bool {
        length >= BYTES_MIN && self.ours().window_bits > WINDOW_BITS_MIN
    }

    /// One fragment of a message: blocks that end on a whole byte, of the last one without the tail
    /// (WIRE W35). It lies in the tool until the tool is used again, which others may do between two
    /// fragments.
    pub(in crate::websocket) fn compress<'t>(
        &mut self,
        data: &[u8],
        is_last: bool,
        tool: &'t mut Tool,
    ) -> &'t [u8] {
        let ours = self.ours();
        let scratch = tool.begin();
        if ours.no_takeover {
            let (deflater, scratch) = tool.deflater(ours.window_bits);
            deflate(deflater, data, is_last, scratch);
        } else {
            let make = || Box::new(deflater(ours.window_bits));
            let deflater = self.deflater.get_or_insert_with(make);
            if core::mem::take(&mut self.is_behind) {
                deflater.reset();
            }
            deflate(deflater, data, is_last, scratch);
        }
        tool.scratch()
    }

    /// Appends a whole message, given without the tail of its last fragment (WIRE W37).
    ///
    /// # Errors
    /// It is malformed, or longer than `bytes_max` when inflated; `out` is as it was. Earlier
    /// messages may be forgotten, so nothing that follows can be inflated.
    pub(in crate::websocket) fn inflate(
        &mut self,
        data: &[u8],
        bytes_max: usize,
        tool: &mut Tool,
        out: &mut Vec<u8>,
    ) -> Result<(), InflateError> {
        if self.theirs().no_takeover {
            return inflate(tool.inflater(), data, bytes_max, out);
        }
        let inflater = self.inflater.get_or_insert_with(|| Box::new(inflater()));
        inflate(inflater, data, bytes_max, out)
    }

    /// Our window, as a power of two.
    pub(in crate::websocket) fn window_bits(&self) -> u8 {
        self.ours().window_bits
    }

    /// A message was sent that our compressor has not seen: it begins anew.
    pub(in crate::websocket) fn forget(&mut self) {
        self.is_behind = true;
    }

    fn ours(&self) -> Direction {
        self.agreed.sent_by(self.role)
    }

    fn theirs(&self) -> Direction {
        self.agreed.sent_by(match self.role {
            Role::Server => Role::Client,
            Role::Client => Role::Server,
        })
    }
}

/// A whole message that looks into none before it. It lies in the tool until the tool is used again.
pub(in crate::websocket) fn compress_alone<'t>(
    data: &[u8],
    window_bits: u8,
    tool: &'t mut Tool,
) -> &'t [u8] {
    tool.begin();
    let (deflater, scratch) = tool.deflater(window_bits);
    deflate(deflater, data, true, scratch);
    tool.scratch()
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Context");
        debug.field("role", &self.role).field("agreed", &self.agreed);
        debug.field("deflater", &self.deflater.is_some());
        debug.field("inflater", &self.inflater.is_some()).finish()
    }
}
