//! Frames that no WebSocket may send, and the code with which the server closes.

use skyring_protocols::Compat;
use skyring_protocols::websocket::head::Opcode;
use skyring_protocols::websocket::{CloseCode, Event, Kind};

use super::{Progress, Terms};
use crate::driver::sim::{SimNet, SimRandom, StreamEnd};
use crate::simulation::socket::Socket;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frames {
    Unmasked,
    BadCode,
    Reserved,
    LongPing,
    BadText,
    /// A message that is small, and large once it is inflated.
    Bomb,
}

pub(super) struct WebBout {
    frames: Frames,
    socket: Socket,
    is_sent: bool,
    is_closed: bool,
}

impl WebBout {
    /// None: this server does not give the occasion.
    pub(super) fn begin(
        frames: Frames,
        terms: &Terms,
        net: &SimNet,
        random: &mut SimRandom,
    ) -> Option<WebBout> {
        if frames == Frames::Unmasked && terms.http_compat == Compat::Skynet {
            return None;
        }
        let is_bomb = frames == Frames::Bomb;
        let compression = terms.compression.filter(|_| is_bomb);
        if is_bomb && (compression.is_none() || terms.message_bytes_max > 10_000) {
            return None;
        }
        let socket = Socket::open(net.connect(terms.http), "/parrot", compression, random.fork());
        Some(WebBout { frames, socket, is_sent: false, is_closed: false })
    }

    pub(super) fn act(&mut self, name: &str, terms: &Terms) -> Progress {
        let code = self.heard();
        if !self.is_sent && self.socket.may_speak() {
            self.is_sent = true;
            self.send(terms);
        }
        self.socket.flush(usize::MAX);
        if let Some(code) = code {
            self.is_closed = true;
            let is_its_own = [CloseCode::NORMAL, CloseCode::GOING_AWAY].contains(&code);
            let may_come = code == self.expected() || (is_its_own && !terms.is_undisturbed);
            assert!(may_come, "{name} was answered {code:?}");
        }
        match self.socket.end() {
            None => Progress::Going,
            Some(StreamEnd::Finished) if self.is_closed => Progress::Met,
            Some(end) => {
                assert!(!terms.is_undisturbed, "{name}: {end:?} without a close");
                Progress::Over
            }
        }
    }

    fn expected(&self) -> CloseCode {
        match self.frames {
            Frames::Unmasked | Frames::BadCode | Frames::Reserved | Frames::LongPing => {
                CloseCode::PROTOCOL_ERROR
            }
            Frames::BadText => CloseCode::INVALID_PAYLOAD,
            Frames::Bomb => CloseCode::TOO_BIG,
        }
    }

    fn send(&mut self, terms: &Terms) {
        let socket = &mut self.socket;
        let frames = match self.frames {
            Frames::Unmasked => vec![0x81, 2, b'h', b'o'],
            Frames::BadCode => socket.frame(Opcode::Close, true, &1005_u16.to_be_bytes()),
            Frames::Reserved => {
                let mut frame = socket.frame(Opcode::Text, true, b"hey");
                frame[0] |= 0x30;
                frame
            }
            Frames::LongPing => socket.frame(Opcode::Ping, true, &[b'p'; 126]),
            Frames::BadText => {
                let first = socket.frame(Opcode::Text, false, b"\xc3");
                [first, socket.frame(Opcode::Continuation, true, b"\xc3")].concat()
            }
            Frames::Bomb => {
                let bomb = vec![b'b'; 20 * terms.message_bytes_max];
                return socket.say(Kind::Binary, &bomb);
            }
        };
        socket.say_wrongly(&frames);
    }

    /// The code of the server's close, if it has come. There is nothing else to hear.
    fn heard(&mut self) -> Option<CloseCode> {
        while let Some(event) = self.socket.hear() {
            match event {
                Event::Close { code, .. } => return Some(code.expect("the server has a reason")),
                Event::Message { data, .. } => {
                    panic!("an attacker heard {} bytes that are not for it", data.len())
                }
                Event::Ping(_) | Event::Pong(_) => {}
            }
        }
        None
    }

    pub(super) fn leave(self) {
        self.socket.into_wire().close();
    }
}
