//! A WebSocket server on blocking sockets, a thread a connection, that sends messages back and can be
//! wrong in one way. It reads and writes with the protocol crate's server half.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::serve_all;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use skyring_protocols::Compat;
use skyring_protocols::http1::server::{Event as HttpEvent, Server};
use skyring_protocols::websocket::upgrade::{self, Policy};
use skyring_protocols::websocket::{
    Aid, CloseCode, Connection, Event, Kind, Limits, Role, deflate,
};

/// A fault happens once in so many messages.
const EVERY: u64 = 50;

/// One way to be wrong, or unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Plain,
    /// A bit of the message is wrong.
    Alter,
    /// The message comes twice.
    Double,
    /// The message does not come.
    Lose,
    /// The message comes back as the other kind.
    OtherKind,
    /// The message does not come, and the next one comes back as the other kind, which is what counts
    /// as odd.
    OtherKindBehindLoss,
    /// The server closes with 1001.
    Close,
    /// The connection ends without a word.
    Hang,
    /// What comes is no frame.
    Garble,
    /// The upgrade is refused, always.
    Refuse,
    /// The message comes back in three fragments with a ping between. Right, and always.
    Fragment,
}

/// A running server; it ends with the test program.
pub(crate) struct Socket {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    manner: Manner,
    messages: AtomicU64,
    odd: AtomicU64,
    pongs: AtomicU64,
    compressed: AtomicU64,
}

impl Socket {
    pub(crate) fn start(manner: Manner) -> Socket {
        Socket::of(manner, |state, mut stream| state.serve(&mut stream))
    }

    /// Over TLS, by rustls's own buffered interface.
    pub(crate) fn start_secure(manner: Manner, tls: Arc<ServerConfig>) -> Socket {
        Socket::of(manner, move |state, stream| {
            let connection = ServerConnection::new(Arc::clone(&tls)).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(connection, stream);
            state.serve(&mut stream)?;
            stream.conn.send_close_notify();
            stream.flush()
        })
    }

    fn of(
        manner: Manner,
        serve: impl Fn(&State, TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Socket {
        let zero = AtomicU64::default;
        let (messages, odd, pongs, compressed) = (zero(), zero(), zero(), zero());
        let state = Arc::new(State { manner, messages, odd, pongs, compressed });
        let served = Arc::clone(&state);
        let address = serve_all(move |stream| serve(&served, stream));
        Socket { address, state }
    }

    /// How often it was odd.
    pub(crate) fn odd(&self) -> u64 {
        self.state.odd.load(Ordering::SeqCst)
    }

    /// Pongs that came.
    pub(crate) fn pongs(&self) -> u64 {
        self.state.pongs.load(Ordering::SeqCst)
    }

    /// Connections that were agreed to be compressed.
    pub(crate) fn compressed(&self) -> u64 {
        self.state.compressed.load(Ordering::SeqCst)
    }
}

impl State {
    fn serve(&self, stream: &mut (impl Read + Write)) -> io::Result<()> {
        let mut unread = Vec::new();
        let mut connection = self.upgrade(stream, &mut unread)?;
        let limits = Limits { message_bytes_max: 16 << 20, ..Limits::default() };
        let mut tool = deflate::Tool::default();
        let mut aid = Aid { limits: &limits, keys: &mut || [0; 4], tool: &mut tool };
        let mut bytes = [0; 16 << 10];
        loop {
            let mut out = Vec::new();
            let received = connection.receive(&unread, &mut aid, &mut out);
            let received = received.map_err(io::Error::other)?;
            unread.drain(..received.consumed);
            let goes_on = match &received.event {
                Some(Event::Message { kind, data }) => {
                    self.answer(&mut connection, (*kind, data), &mut aid, &mut out)
                }
                Some(Event::Close { .. }) => false,
                Some(Event::Pong(_)) => self.pongs.fetch_add(1, Ordering::SeqCst) < u64::MAX,
                _ => true,
            };
            stream.write_all(&out)?;
            if !goes_on {
                return Ok(());
            }
            if received.event.is_none() {
                match stream.read(&mut bytes)? {
                    0 => return Ok(()),
                    count => unread.extend_from_slice(&bytes[..count]),
                }
            }
        }
    }

    /// Answers the request for the upgrade; what came behind it is in `unread`.
    fn upgrade(
        &self,
        stream: &mut (impl Read + Write),
        unread: &mut Vec<u8>,
    ) -> io::Result<Connection> {
        let (mut machine, mut bytes) = (Server::new(), [0; 4096]);
        let policy = Policy {
            compat: Compat::Strict,
            subprotocols: &[],
            requires_subprotocol: false,
            origins: &[],
            compression: deflate::Mode::Dedicated,
        };
        loop {
            let received = machine.receive(unread, &skyring_protocols::http1::Limits::default());
            let received = received.map_err(io::Error::other)?;
            let head = match received.event {
                Some(HttpEvent::Request(head)) => Some(head),
                _ => None,
            };
            let consumed = received.consumed;
            unread.drain(..consumed);
            if let Some(head) = head {
                let mut out = Vec::new();
                if self.manner == Manner::Refuse || head.path() != "/ws" {
                    stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?;
                    return Err(io::ErrorKind::NotFound.into());
                }
                let accepted = upgrade::accept(&head, &policy).map_err(io::Error::other)?;
                let switched = machine.switch(accepted.headers(), &mut out);
                switched.map_err(io::Error::other)?;
                stream.write_all(&out)?;
                let agreed = accepted.deflate();
                self.compressed.fetch_add(u64::from(agreed.is_some()), Ordering::SeqCst);
                return Ok(Connection::new(Role::Server, Compat::Strict, agreed));
            }
            match stream.read(&mut bytes)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => unread.extend_from_slice(&bytes[..count]),
            }
        }
    }

    /// Sends a message back; whether the connection goes on.
    fn answer(
        &self,
        connection: &mut Connection,
        (kind, data): (Kind, &[u8]),
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let manner = self.manner_now();
        let other = if kind == Kind::Text { Kind::Binary } else { Kind::Text };
        let mut send = |kind, data: &[u8]| {
            connection.send(kind, data, aid, out).expect("it is open");
            true
        };
        match manner {
            Manner::Alter => {
                let mut altered = data.to_vec();
                altered[30] ^= 1;
                send(kind, &altered)
            }
            Manner::Double => send(kind, data) && send(kind, data),
            Manner::Lose => true,
            Manner::OtherKind => send(other, data),
            Manner::Hang => false,
            Manner::Garble => {
                out.extend_from_slice(&[0xf3, 0]);
                true
            }
            Manner::Close => {
                let closed = connection.close(Some(CloseCode::GOING_AWAY), "", aid, out);
                closed.expect("it is open");
                true
            }
            Manner::Fragment => {
                let (first, rest) = data.split_at(data.len() / 3);
                for (index, piece) in [first, rest, &[]].into_iter().enumerate() {
                    let sent = connection.send_fragment(kind, piece, index == 2, aid, out);
                    sent.and_then(|()| connection.ping(b"?", aid, out)).expect("it is open");
                }
                true
            }
            Manner::Plain | Manner::Refuse | Manner::OtherKindBehindLoss => send(kind, data),
        }
    }

    /// Counts a message, and says what is odd about it.
    fn manner_now(&self) -> Manner {
        let number = self.messages.fetch_add(1, Ordering::SeqCst) + 1;
        let is_odd = self.manner == Manner::Fragment || number.is_multiple_of(EVERY);
        if self.manner == Manner::OtherKindBehindLoss {
            let is_next = number > EVERY && number % EVERY == 1;
            self.odd.fetch_add(u64::from(is_next), Ordering::SeqCst);
            return match (is_odd, is_next) {
                (true, _) => Manner::Lose,
                (_, true) => Manner::OtherKind,
                _ => Manner::Plain,
            };
        }
        if self.manner == Manner::Plain || !is_odd {
            return Manner::Plain;
        }
        self.odd.fetch_add(1, Ordering::SeqCst);
        self.manner
    }
}
