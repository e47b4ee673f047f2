//! The client's end of one WebSocket: it upgrades, writes its frames in pieces of the seed's choosing,
//! and complains of a server that breaks the protocol.
//!
//! Whoever does not compress may speak before the answer to its upgrade is there: what stands behind
//! the request is WebSocket all the same.

use std::collections::VecDeque;

use bytes::Bytes;
use skyring_protocols::http1::client::{Client, Event as HttpEvent, RequestParts};
use skyring_protocols::http1::{BodySize, Limits as HttpLimits};
use skyring_protocols::websocket::deflate::{Terms, Tool};
use skyring_protocols::websocket::head::{self, Head, Opcode};
use skyring_protocols::websocket::upgrade::Offer;
use skyring_protocols::websocket::{
    Aid, CloseCode, Connection, Event, Kind, Limits, Role, WriteError, mask,
};
use skyring_protocols::{Compat, websocket};

use crate::driver::sim::{SimClient, SimRandom, StreamEnd};

/// Frames of one message, at most: no listener of the seeds allows fewer.
pub(super) const PIECES_MAX: usize = 4;
/// What is read of a message: more than any server here says.
const LIMITS: Limits =
    Limits { message_bytes_max: 1 << 20, frame_bytes_max: 1 << 20, fragments_max: 1 };

/// The answer to an upgrade that has not come.
struct Asked {
    http: Client,
    offer: Offer,
    /// Frames that wait for it.
    held: Vec<u8>,
    is_eager: bool,
    /// It asked for compression, too.
    compresses: bool,
}

pub(super) struct Socket {
    wire: SimClient,
    asked: Option<Box<Asked>>,
    /// The server answered something else.
    is_refused: bool,
    machine: Connection,
    tool: Tool,
    random: SimRandom,
    unread: Vec<u8>,
    /// Frames that are still to be written.
    unsent: VecDeque<u8>,
    /// Pings whose pongs have not come.
    pings: VecDeque<u32>,
    pinged: u32,
    /// A close was written, so nothing follows it.
    is_over: bool,
}

impl Socket {
    /// Asks for a WebSocket.
    pub(super) fn open(
        wire: SimClient,
        target: &str,
        compression: Option<Terms>,
        mut random: SimRandom,
    ) -> Socket {
        let nonce = [random.word(), random.word()].map(u64::to_le_bytes);
        let nonce = nonce.concat().try_into().expect("two words are 16 bytes");
        let offer = Offer::new(nonce, &[], compression).expect("no sub-protocols");
        let (mut http, mut request) = (Client::new(), Vec::new());
        let parts = RequestParts { method: "GET", target, host: "game", body: BodySize::Empty };
        http.request(&parts, offer.headers(), &mut request).expect("a plain request");
        // A broken connection shows at the next look.
        let _ = wire.write(&request);
        let compresses = compression.is_some();
        let is_eager = !compresses && random.chance(1 << 15);
        let held = Vec::new();
        Socket {
            wire,
            asked: Some(Box::new(Asked { http, offer, held, is_eager, compresses })),
            is_refused: false,
            machine: Connection::new(Role::Client, Compat::Strict, None),
            tool: Tool::default(),
            random,
            unread: Vec::new(),
            unsent: VecDeque::new(),
            pings: VecDeque::new(),
            pinged: 0,
            is_over: false,
        }
    }

    pub(super) fn wire(&self) -> &SimClient {
        &self.wire
    }

    pub(super) fn into_wire(self) -> SimClient {
        self.wire
    }

    /// Whether something may be said: who compresses waits for what is agreed.
    pub(super) fn may_speak(&self) -> bool {
        self.asked.as_ref().map_or(!self.is_refused, |asked| !asked.compresses)
    }

    /// Whether the server has agreed.
    fn is_open(&self) -> bool {
        self.asked.is_none() && !self.is_refused
    }

    /// How it has ended, once everything that came before was read.
    pub(super) fn end(&self) -> Option<StreamEnd> {
        if self.is_refused { Some(StreamEnd::Refused) } else { self.wire.end() }
    }

    /// Says a message, in as many frames as the seed wants, with pings between them.
    pub(super) fn say(&mut self, kind: Kind, data: &[u8]) {
        let pieces = 1 + self.random.index(PIECES_MAX);
        let pieces = if self.random.chance(1 << 15) { 1 } else { pieces };
        let mut rest = data;
        for left in (0..pieces).rev() {
            let bytes = if left == 0 { rest.len() } else { self.random.index(rest.len() + 1) };
            let (piece, behind) = rest.split_at(bytes);
            rest = behind;
            self.write_with(|machine, aid, out| {
                machine.send_fragment(kind, piece, left == 0, aid, out)
            });
            if self.random.chance(6_000) {
                self.ping();
            }
        }
    }

    fn ping(&mut self) {
        self.pinged += 1;
        self.pings.push_back(self.pinged);
        let data = self.pinged.to_be_bytes();
        self.write_with(|machine, aid, out| machine.ping(&data, aid, out));
    }

    /// Says a close, between two frames of a message or not, and nothing behind it. What the server
    /// says before it has read that is still heard.
    pub(super) fn say_close(&mut self, code: u16) {
        let close = self.frame(Opcode::Close, true, &code.to_be_bytes());
        self.push(&close);
        self.is_over = true;
    }

    /// Writes the first of several frames, and never the others.
    pub(super) fn begin(&mut self) {
        let frame = self.frame(Opcode::Text, false, b"never ends");
        self.push(&frame);
    }

    /// Writes what is no sound frame, or none that may come here; nothing follows.
    pub(super) fn say_wrongly(&mut self, bytes: &[u8]) {
        self.push(bytes);
        self.is_over = true;
    }

    /// A frame of a client.
    pub(super) fn frame(&mut self, opcode: Opcode, is_last: bool, payload: &[u8]) -> Vec<u8> {
        let key = key(&mut self.random);
        let length = payload.len() as u64;
        let head = Head { is_last, reserved: 0, opcode, key: Some(key), length };
        let mut frame = Vec::new();
        head::encode(&head, &mut frame);
        mask::copy_masked(key, 0, payload, &mut frame);
        frame
    }

    fn write_with(
        &mut self,
        write: impl FnOnce(&mut Connection, &mut Aid<'_>, &mut Vec<u8>) -> Result<(), WriteError>,
    ) {
        let mut out = Vec::new();
        let mut keys = || key(&mut self.random);
        let mut aid = Aid { limits: &LIMITS, keys: &mut keys, tool: &mut self.tool };
        // The server may have closed.
        let _ = write(&mut self.machine, &mut aid, &mut out);
        self.push(&out);
    }

    /// Puts bytes behind what is to be written.
    fn push(&mut self, bytes: &[u8]) {
        if self.is_over {
            return;
        }
        match &mut self.asked {
            Some(asked) if !asked.is_eager => asked.held.extend_from_slice(bytes),
            _ => self.unsent.extend(bytes),
        }
    }

    /// Writes so many bytes of what is to be written.
    pub(super) fn flush(&mut self, bytes_max: usize) {
        let bytes = self.unsent.len().min(bytes_max);
        let piece: Vec<u8> = self.unsent.drain(..bytes).collect();
        if !piece.is_empty() {
            // A broken connection shows at the next look.
            let _ = self.wire.write(&piece);
        }
    }

    /// Whether a pong is still to come.
    pub(super) fn awaits_pong(&self) -> bool {
        !self.pings.is_empty()
    }

    /// Bytes that are still to be written.
    pub(super) fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// Takes the next that has come, and checks that it may come.
    pub(super) fn hear(&mut self) -> Option<Event> {
        self.unread.extend(self.wire.read());
        if self.asked.is_some() {
            self.take_answer();
        }
        if !self.is_open() {
            return None;
        }
        loop {
            let event = self.receive()?;
            match event {
                Event::Pong(data) => self.take_pong(&data),
                Event::Ping(_) => {}
                Event::Message { .. } | Event::Close { .. } => return Some(event),
            }
        }
    }

    fn receive(&mut self) -> Option<Event> {
        let mut answers = Vec::new();
        let mut keys = || key(&mut self.random);
        let mut aid = Aid { limits: &LIMITS, keys: &mut keys, tool: &mut self.tool };
        let received = self.machine.receive(&self.unread, &mut aid, &mut answers);
        let websocket::Received { consumed, event } = received.expect("a sound frame");
        self.unread.drain(..consumed);
        let is_closed = self.machine.is_closed();
        assert!(!is_closed || self.unread.is_empty(), "nothing follows the server's close");
        self.push(&answers);
        event
    }

    /// Pongs come in the order of their pings.
    fn take_pong(&mut self, data: &Bytes) {
        let expected = self.pings.pop_front().map(u32::to_be_bytes);
        assert_eq!(Some(&data[..]), expected.as_ref().map(|it| &it[..]), "a strange pong");
    }

    /// Reads the answer to the upgrade, if all of it is there.
    fn take_answer(&mut self) {
        let Some(asked) = &mut self.asked else { return };
        let received = asked.http.receive(&self.unread, &HttpLimits::default());
        let received = received.expect("a sound answer");
        let Some(HttpEvent::Response(head)) = received.event else { return };
        self.unread.drain(..received.consumed);
        let Some(asked) = self.asked.take() else { return };
        if head.status() != 101 {
            assert!(matches!(head.status(), 408 | 503), "a good upgrade got {}", head.status());
            self.is_refused = true;
            return;
        }
        let agreement = asked.offer.check(&head).expect("it was asked for");
        if agreement.deflate.is_some() {
            self.machine = Connection::new(Role::Client, Compat::Strict, agreement.deflate);
        }
        self.unsent.extend(asked.held);
    }

    /// Leaves, with or without a word.
    pub(super) fn leave(mut self) {
        if self.random.chance(1 << 15) && !self.machine.is_closing() && self.is_open() {
            self.say_close(CloseCode::NORMAL.get());
        }
        let bytes_max =
            if self.random.chance(1 << 15) { usize::MAX } else { self.random.index(1_000) };
        self.flush(bytes_max);
        self.wire.close();
    }
}

fn key(random: &mut SimRandom) -> [u8; 4] {
    (random.word() as u32).to_ne_bytes()
}
