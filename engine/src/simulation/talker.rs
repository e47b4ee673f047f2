//! Those who talk to the game's parrot.
//!
//! A talker knows what must come back: every echo once, whole and in order, those that take their time
//! in any order. What a talk ends with is known too where the talker ends it: with a close of its own, by
//! asking the game for one, or by a frame that is wrong. The server's answer to that says that it has
//! read everything before, so by then no echo may be missing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use skyring_protocols::Compat;
use skyring_protocols::websocket::deflate::Mode;
use skyring_protocols::websocket::head::Opcode;
use skyring_protocols::websocket::{CloseCode, Event, Kind};

use super::game::Ledger;
use super::parrot::{BYE, MORE, MORE_COUNT};
use super::rooms::{Name, RoomLedger};
use super::socket::Socket;
use crate::config::{Listener, PushOverBudget};
use crate::driver::sim::{SimNet, SimRandom};

/// Messages that one talker sends, at most.
const MESSAGES_MAX: u32 = 60;
/// Messages whose echoes have not come, at most.
const OPEN_MAX: usize = 8;
/// Bytes of what fills a message, at most.
const FILL_BYTES_MAX: u64 = 2_000;
/// The first of the codes that talkers close with.
const GOODBYE: u16 = 3000;

const KINDS: [&str; 12] = [
    "echo", "echo", "echo", "echo", "echo", "late", "late", "more", "join", "join", "leave",
    "shout",
];

/// What a talker has to know of the listener.
#[derive(Clone, Copy, Debug)]
struct Terms {
    address: SocketAddr,
    message_bytes_max: usize,
    fragments_max: u32,
    compat: Compat,
    compression: Mode,
    /// It may miss broadcasts that it does not read in time.
    may_miss: bool,
}

/// One connection of a talker.
struct Talk {
    socket: Socket,
    /// Echoes to come, in this order.
    open: VecDeque<(Kind, Vec<u8>)>,
    /// Echoes to come whenever they like.
    late: Vec<(Kind, Vec<u8>)>,
    /// The code of the server's close, if this side has given cause for it.
    goodbye: Option<u16>,
    /// The server has closed.
    is_closed: bool,
}

pub(super) struct Talker {
    terms: Terms,
    ledger: Rc<RefCell<Ledger>>,
    talk: Option<Talk>,
    next: u32,
    /// Times that it does not read.
    deaf: u64,
    /// Echoes taken.
    pub(super) echoes: u64,
    /// Times that the server closed with the code that it was to close with.
    pub(super) goodbyes: u64,
}

impl Talker {
    pub(super) fn new(listener: &Listener, ledger: &Rc<RefCell<Ledger>>) -> Talker {
        let &Listener { address, message_bytes_max, fragments_max, compat, compression, .. } =
            listener;
        let may_miss = listener.push_over_budget == PushOverBudget::Drop;
        let terms =
            Terms { address, message_bytes_max, fragments_max, compat, compression, may_miss };
        let ledger = Rc::clone(ledger);
        Talker { terms, ledger, talk: None, next: 0, deaf: 0, echoes: 0, goodbyes: 0 }
    }

    /// Nothing is unanswered.
    pub(super) fn is_content(&self) -> bool {
        self.talk.as_ref().is_none_or(|talk| {
            let has_all = talk.open.is_empty() && talk.late.is_empty();
            has_all && talk.goodbye.is_none() && !talk.socket.awaits_pong()
        }) && self.unheard().is_empty()
    }

    /// Broadcasts of its rooms that it must have heard and has not.
    fn unheard(&self) -> Vec<usize> {
        match &self.talk {
            Some(talk) if !self.terms.may_miss => {
                self.ledger.borrow().rooms.missing(&talk.name(), 0)
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn describe(&self) -> String {
        let told = self.talk.as_ref().map(|talk| {
            let wire = (talk.socket.wire().address(), talk.socket.end());
            (wire, talk.socket.unsent(), talk.open.len(), talk.late.len(), talk.goodbye)
        });
        let unheard = self.unheard();
        format!("talker, not heard {unheard:?}, with what is unsent and not echoed: {told:?}")
    }

    pub(super) fn leave(self) {
        if let Some(talk) = self.talk {
            talk.socket.leave();
        }
    }

    /// One thing, chosen by the seed. `calm`: only what leads to contentment.
    pub(super) fn act(&mut self, net: &SimNet, random: &mut SimRandom, calm: bool) {
        let Some(mut talk) = self.talk.take() else {
            if !calm && self.next < MESSAGES_MAX {
                self.talk = Some(self.begin(net, random));
            }
            return;
        };
        if !calm && random.chance(600) {
            self.deaf = random.between(5, 60);
        }
        self.deaf = if calm { 0 } else { self.deaf.saturating_sub(1) };
        if self.deaf == 0 {
            self.hear(&mut talk);
        }
        if talk.socket.end().is_some() {
            self.hear(&mut talk);
            return talk.socket.into_wire().close();
        }
        if !calm {
            match random.below(100) {
                0 => return talk.socket.leave(),
                1 => return talk.socket.into_wire().reset(),
                2 => {
                    talk.socket.flush(usize::MAX);
                    talk.socket.wire().shut_down();
                    talk.goodbye = talk.goodbye.or(Some(CloseCode::NORMAL.get()));
                }
                3..5 => self.end(&mut talk, random),
                5..50 => self.say(&mut talk, random),
                _ => {}
            }
        }
        let whole = calm || random.chance(1 << 15);
        talk.socket.flush(if whole { usize::MAX } else { random.index(1_000) });
        self.talk = Some(talk);
    }

    fn begin(&self, net: &SimNet, random: &mut SimRandom) -> Talk {
        let wire = net.connect(self.terms.address);
        // Compressing takes most of the time that a seed has.
        let compression = self.terms.compression.terms().filter(|_| random.chance(1 << 14));
        let target = if random.chance(1 << 14) { "/parrot/slow" } else { "/parrot" };
        let socket = Socket::open(wire, target, compression, random.fork());
        let (open, late) = (VecDeque::new(), Vec::new());
        Talk { socket, open, late, goodbye: None, is_closed: false }
    }

    /// Says something that is echoed.
    fn say(&mut self, talk: &mut Talk, random: &mut SimRandom) {
        let waiting = talk.open.len() + talk.late.len();
        if !talk.is_listening() || waiting >= OPEN_MAX || self.next >= MESSAGES_MAX {
            return;
        }
        let kind = KINDS[random.index(KINDS.len())];
        let message = self.message(kind, random);
        talk.socket.say(message.0, &message.1);
        if kind == "late" {
            return talk.late.push(message);
        }
        talk.open.push_back(message);
        if kind == "more" {
            let more = (Kind::Binary, MORE.to_vec());
            talk.open.extend(std::iter::repeat_n(more, MORE_COUNT));
        }
    }

    fn message(&mut self, kind: &str, random: &mut SimRandom) -> (Kind, Vec<u8>) {
        let mut data = format!("{kind}:{}:", self.next);
        self.next += 1;
        let room = self.terms.message_bytes_max.saturating_sub(data.len()) as u64;
        let bytes = random.below(1 + FILL_BYTES_MAX.min(room)) as usize;
        if random.chance(1 << 15) {
            data.push_str(&"\u{fc}".repeat(bytes / 2));
            return (Kind::Text, data.into_bytes());
        }
        let mut data = data.into_bytes();
        data.resize(data.len() + bytes, random.below(256) as u8);
        (Kind::Binary, data)
    }

    /// Ends a talk in one of the ways there are.
    fn end(&mut self, talk: &mut Talk, random: &mut SimRandom) {
        if !talk.is_listening() {
            return;
        }
        match random.below(4) {
            0 => {
                let code = GOODBYE + random.below(100) as u16;
                if random.chance(1 << 14) {
                    talk.socket.begin();
                }
                talk.socket.say_close(code);
                talk.goodbye = Some(code);
            }
            1 => {
                let message = self.message("bye", random);
                talk.socket.say(message.0, &message.1);
                talk.open.push_back(message);
                talk.goodbye = Some(BYE);
                if random.chance(1 << 14) {
                    // The server has closed when it meets that, and says nothing more.
                    talk.socket.begin();
                    if random.chance(1 << 15) {
                        talk.socket.begin();
                    } else {
                        talk.socket.say_close(BYE);
                    }
                }
            }
            _ => {
                let (frames, code) = self.wrong(talk, random);
                talk.socket.say_wrongly(&frames);
                talk.goodbye = Some(code.get());
            }
        }
    }

    /// What no server puts up with, and what it says to that.
    fn wrong(&self, talk: &mut Talk, random: &mut SimRandom) -> (Vec<u8>, CloseCode) {
        let Terms { message_bytes_max, fragments_max, compat, .. } = self.terms;
        let mut frame =
            |opcode, is_last, payload: &[u8]| talk.socket.frame(opcode, is_last, payload);
        match random.below(8) {
            0 => (frame(Opcode::Continuation, true, b"of nothing"), CloseCode::PROTOCOL_ERROR),
            1 => (frame(Opcode::Text, true, b"\xff"), CloseCode::INVALID_PAYLOAD),
            2 => (frame(Opcode::Close, true, &1005_u16.to_be_bytes()), CloseCode::PROTOCOL_ERROR),
            3 => (frame(Opcode::Ping, false, b""), CloseCode::PROTOCOL_ERROR),
            4 if fragments_max < 100 => {
                let first = frame(Opcode::Binary, false, b"");
                let rest = frame(Opcode::Continuation, false, b"").repeat(fragments_max as usize);
                ([first, rest].concat(), CloseCode::TOO_BIG)
            }
            5 if message_bytes_max < 10_000 => {
                let content = vec![b'x'; message_bytes_max + 1];
                (frame(Opcode::Binary, true, &content), CloseCode::TOO_BIG)
            }
            6 if compat == Compat::Strict => {
                // Without a mask.
                (vec![0x81, 2, b'h', b'o'], CloseCode::PROTOCOL_ERROR)
            }
            _ => (vec![0x83, 0x80, 0, 0, 0, 0], CloseCode::PROTOCOL_ERROR),
        }
    }

    /// Takes what has come.
    fn hear(&mut self, talk: &mut Talk) {
        while let Some(event) = talk.socket.hear() {
            match event {
                Event::Message { data, .. } if RoomLedger::is_broadcast(&data) => {
                    self.ledger.borrow_mut().rooms.hear(&talk.name(), &data);
                }
                Event::Message { kind, data } => {
                    talk.take(kind, &data);
                    self.echoes += 1;
                }
                Event::Close { code, .. } => self.goodbyes += u64::from(talk.take_close(code)),
                Event::Ping(_) | Event::Pong(_) => {}
            }
        }
    }
}

impl Talk {
    fn name(&self) -> Name {
        Name::Connection(self.socket.wire().address())
    }

    /// Whether what is said now is heard.
    fn is_listening(&self) -> bool {
        self.socket.may_speak() && self.goodbye.is_none() && !self.is_closed
    }

    /// Checks an echo.
    fn take(&mut self, kind: Kind, data: &Bytes) {
        let is_it = |message: &(Kind, Vec<u8>)| message.0 == kind && message.1 == *data;
        if self.open.front().is_some_and(is_it) {
            self.open.pop_front();
        } else if let Some(at) = self.late.iter().position(is_it) {
            self.late.swap_remove(at);
        } else {
            let start = String::from_utf8_lossy(&data[..data.len().min(12)]).into_owned();
            panic!("a foreign message of {} bytes: {kind:?}, {start}", data.len());
        }
    }

    /// Checks the server's close; whether it is the one that was to come.
    fn take_close(&mut self, code: Option<CloseCode>) -> bool {
        let code = code.expect("the server has a reason").get();
        self.is_closed = true;
        if self.goodbye == Some(code) {
            let open = self.open.len();
            assert_eq!(open, 0, "echoes are missing when the server says goodbye");
            return true;
        }
        // The server drains, or found the peer silent, or not speaking any more.
        let is_its_own = [CloseCode::NORMAL, CloseCode::GOING_AWAY].map(CloseCode::get);
        assert!(is_its_own.contains(&code), "instead of {:?} it closes with {code}", self.goodbye);
        false
    }
}
