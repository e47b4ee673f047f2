//! WebSocket on a connection: the upgrade that is asked for, then messages.
//!
//! The machine is the client half of the protocol crate. What all connections of a shard share is in
//! a [`Kit`]. Masking keys come from the seed: they keep proxies from being deceived by what a page
//! in a browser makes it send, and no page decides what this program sends.
//!
//! A text message carries a content like any other: each byte of it is the character of that number,
//! so half of them take two bytes of UTF-8, and the server has something to check.
//!
//! A connection that is lost inside a frame says nothing more ([`Web::cut`]): what would be sent behind
//! it, a pong, would be taken for the rest of the frame.

use bytes::Bytes;
use skyring_protocols::Compat;
use skyring_protocols::http1::{self, BodySize, Client, client};
use skyring_protocols::websocket::upgrade::{AnswerError, Offer};
use skyring_protocols::websocket::{
    Aid, CloseCode, Connection, Event, Kind, Limits, ReadError, Role, deflate,
};
use thiserror::Error;

use crate::options::WebServer;
use crate::random::{Purpose, Random, choice};

/// The longest content of a message that is to be echoed: as text at most twice as long, which is
/// what the demo server takes.
pub const ECHO_BYTES_MAX: usize = 8 << 20;

/// The longest content of a request of a session that never goes over TCP: with what surrounds it, a
/// message of the length that servers take by default.
pub const SESSION_BYTES_MAX: usize = (1 << 20) - 64;

/// What is read of the server.
const LIMITS: Limits =
    Limits { message_bytes_max: 17 << 20, frame_bytes_max: u64::MAX, fragments_max: 1 << 20 };

/// What connections of a shard share.
pub struct Kit {
    random: Random,
    tool: deflate::Tool,
    deflates: bool,
}

/// What came over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The server has agreed; messages may be sent.
    Upgraded {
        /// Whether it has agreed to compress them, too.
        deflates: bool,
    },
    /// A message.
    Message {
        /// Text or binary.
        kind: Kind,
        /// What it says.
        data: Bytes,
    },
    /// The server closes, with this code if it gave one.
    Closed(Option<u16>),
}

/// Why a connection is of no use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WebError {
    /// The answer to the request is no HTTP.
    #[error("{0}")]
    Http(#[from] http1::ReadError),
    /// The server does not agree, or not to what was asked.
    #[error("{0}")]
    Upgrade(#[from] AnswerError),
    /// The server breaks the protocol.
    #[error("{0}")]
    Read(#[from] ReadError),
}

/// One connection.
#[derive(Debug)]
pub struct Web {
    stage: Stage,
    /// What the machines have not taken: a part of a head.
    unread: Vec<u8>,
    is_cut: bool,
}

#[derive(Debug)]
enum Stage {
    Asking(Box<(Client, Offer)>),
    Open(Connection),
}

impl Kit {
    /// For a shard of a run with this seed.
    pub fn new(seed: u64, shard: u32, deflates: bool) -> Kit {
        let random = choice(seed, shard, 0, Purpose::Mask);
        Kit { random, tool: deflate::Tool::default(), deflates }
    }

    fn aid<T>(&mut self, work: impl FnOnce(&mut Aid<'_>) -> T) -> T {
        let Kit { random, tool, .. } = self;
        let mut keys = || (random.bits() as u32).to_le_bytes();
        work(&mut Aid { limits: &LIMITS, keys: &mut keys, tool })
    }
}

impl Web {
    /// Asks a server, with what is to be sent to it.
    pub fn ask(server: &WebServer, kit: &mut Kit) -> (Web, Vec<u8>) {
        let nonce = [kit.random.bits(), kit.random.bits()].map(u64::to_le_bytes);
        let mode = if kit.deflates { deflate::Mode::Dedicated } else { deflate::Mode::Off };
        let nonce = nonce.concat().try_into().expect("twice eight bytes");
        let offer = Offer::new(nonce, &[], mode.terms()).expect("it has no sub-protocols");
        let (mut client, mut request) = (Client::new(), Vec::new());
        let written = client.request(&parts(server), offer.headers(), &mut request);
        written.expect("the plan has tried it");
        let stage = Stage::Asking(Box::new((client, offer)));
        (Web { stage, unread: Vec::new(), is_cut: false }, request)
    }

    /// Takes what came; appends what it means to `heard`, and what is to be answered to `out`.
    ///
    /// # Errors
    /// The connection is of no use. What was heard before is in `heard`.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        kit: &mut Kit,
        heard: &mut Vec<Heard>,
        out: &mut Vec<u8>,
    ) -> Result<(), WebError> {
        let (kept, said) = (std::mem::take(&mut self.unread), out.len());
        let joined;
        let input = match kept.is_empty() {
            true => bytes,
            false => {
                joined = [&kept[..], bytes].concat();
                &joined
            }
        };
        let taken = self.take(input, kit, heard, out);
        if self.is_cut {
            out.truncate(said);
        }
        self.unread.extend_from_slice(&input[taken?..]);
        Ok(())
    }

    fn take(
        &mut self,
        input: &[u8],
        kit: &mut Kit,
        heard: &mut Vec<Heard>,
        out: &mut Vec<u8>,
    ) -> Result<usize, WebError> {
        let mut used = 0;
        if let Stage::Asking(asked) = &mut self.stage {
            let (client, offer) = &mut **asked;
            let received = client.receive(input, &http1::Limits::default())?;
            used = received.consumed;
            let Some(client::Event::Response(head)) = received.event else { return Ok(used) };
            let deflate = offer.check(&head)?.deflate;
            self.stage = Stage::Open(Connection::new(Role::Client, Compat::Strict, deflate));
            heard.push(Heard::Upgraded { deflates: deflate.is_some() });
        }
        let Stage::Open(connection) = &mut self.stage else { return Ok(used) };
        loop {
            let received = kit.aid(|aid| connection.receive(&input[used..], aid, out))?;
            used += received.consumed;
            match received.event {
                None => return Ok(used),
                Some(Event::Message { kind, data }) => heard.push(Heard::Message { kind, data }),
                Some(Event::Close { code, .. }) => {
                    heard.push(Heard::Closed(code.map(CloseCode::get)));
                }
                Some(Event::Ping(_) | Event::Pong(_)) => {}
            }
        }
    }

    /// Whether messages may be sent.
    pub fn is_open(&self) -> bool {
        matches!(&self.stage, Stage::Open(connection) if !connection.is_closing())
    }

    /// Appends a message. Nothing, when the server has closed meanwhile: then it is told by its close.
    pub fn say(&mut self, kind: Kind, data: &[u8], kit: &mut Kit, out: &mut Vec<u8>) {
        if let Stage::Open(connection) = &mut self.stage {
            // The only way to fail is a connection that is closing.
            let _ = kit.aid(|aid| connection.send(kind, data, aid, out));
        }
    }

    /// The frame that was sent last will not be completed: nothing is said any more.
    pub fn cut(&mut self) {
        self.is_cut = true;
    }

    /// Appends a close frame, if one may be sent.
    pub fn close(&mut self, kit: &mut Kit, out: &mut Vec<u8>) {
        if let Stage::Open(connection) = &mut self.stage
            && !self.is_cut
        {
            // The only way to fail is a connection that is closed already.
            let _ = kit.aid(|aid| connection.close(Some(CloseCode::NORMAL), "", aid, out));
        }
    }
}

/// Whether a server can be asked for its path.
///
/// # Errors
/// It cannot.
pub(crate) fn check(server: &WebServer) -> Result<(), http1::WriteError> {
    Client::new().request(&parts(server), http1::NO_HEADERS, &mut Vec::new())
}

fn parts(server: &WebServer) -> client::RequestParts<'_> {
    let (target, host) = (&*server.path, &*server.host);
    client::RequestParts { method: "GET", target, host, body: BodySize::Empty }
}

/// A content as text.
pub fn to_text(content: &[u8], out: &mut String) {
    out.extend(content.iter().map(|byte| char::from(*byte)));
}

/// The content that a text carries; none: it carries none.
pub fn from_text(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    text.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(path: &str) -> WebServer {
        let address = "127.0.0.1:1".parse().expect("an address");
        WebServer { address, host: String::from("a.example:1"), path: path.to_owned() }
    }

    #[test]
    fn a_content_survives_as_text() {
        let content: Vec<u8> = (0..=255).collect();
        let mut text = String::new();
        to_text(&content, &mut text);
        assert_eq!((text.chars().count(), text.len()), (256, 384));
        assert_eq!(from_text(text.as_bytes()), Some(content));
        assert_eq!(from_text("\u{100}".as_bytes()), None);
        assert_eq!(from_text(b"\xff"), None);
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        assert!(check(&server("/ws?a=b")).is_ok());
        assert!(check(&server("/w s")).is_err());
    }

    #[test]
    fn what_was_cut_is_followed_by_nothing() {
        let mut kit = Kit::new(1, 0, false);
        let open = |web: &mut Web| {
            web.stage = Stage::Open(Connection::new(Role::Client, Compat::Strict, None));
        };
        let ping = [0x89, 1, b'?'];
        for (is_cut, answers) in [(false, true), (true, false)] {
            let (mut web, request) = Web::ask(&server("/ws"), &mut kit);
            assert!(request.starts_with(b"GET /ws HTTP/1.1\r\n"));
            open(&mut web);
            if is_cut {
                web.cut();
            }
            let (mut heard, mut out) = (Vec::new(), Vec::new());
            // In pieces, so that a part of a head is kept.
            for piece in ping.chunks(1) {
                web.receive(piece, &mut kit, &mut heard, &mut out).expect("a right frame");
            }
            assert_eq!((heard.len(), !out.is_empty()), (0, answers));
            let said = out.len();
            web.close(&mut kit, &mut out);
            assert_eq!(out.len() > said, answers);
        }
    }
}
