//! An HTTP server on blocking sockets, a thread a connection, that can be wrong in one way. It reads
//! and writes with the protocol crate's server half.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::serve_all;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use skyring_protocols::http1::server::{Event, Server};
use skyring_protocols::http1::{Limits, Next, RequestHead};

/// A fault happens once in so many requests.
const EVERY: u64 = 50;

/// One way to be wrong, or unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Oddity {
    None,
    /// Another user's content is answered, if the request before was another user's.
    Swap,
    /// A bit of the content is wrong.
    Alter,
    /// The answer comes twice.
    Double,
    /// The answer does not come.
    Lose,
    /// The answer is 503.
    Fail,
    /// The answer is no HTTP.
    Garble,
    /// The answer has half of its content, and then the connection ends.
    Cut,
    /// The connection ends without an answer.
    Hang,
    /// The answer says that it is the last, and is. Right.
    Close,
    /// The content ends with the connection. Right.
    UntilClose,
    /// The answer comes behind a preliminary one, and in chunks. Right, and always.
    Chunk,
}

/// A running server; it ends with the test program.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    oddity: Oddity,
    requests: AtomicU64,
    odd: AtomicU64,
    last: Mutex<Vec<u8>>,
}

impl Web {
    pub(crate) fn start(oddity: Oddity) -> Web {
        Web::of(oddity, |state, mut stream| state.serve(&mut stream))
    }

    /// Over TLS, by rustls's own buffered interface. It says that it is done before it closes a
    /// connection, unless it is `rude`.
    pub(crate) fn start_secure(oddity: Oddity, tls: Arc<ServerConfig>, rude: bool) -> Web {
        Web::of(oddity, move |state, stream| {
            let connection = ServerConnection::new(Arc::clone(&tls)).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(connection, stream);
            state.serve(&mut stream)?;
            if !rude {
                stream.conn.send_close_notify();
            }
            stream.flush()
        })
    }

    fn of(
        oddity: Oddity,
        serve: impl Fn(&State, TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Web {
        let state = Arc::new(State {
            oddity,
            requests: AtomicU64::new(0),
            odd: AtomicU64::new(0),
            last: Mutex::default(),
        });
        let served = Arc::clone(&state);
        let address = serve_all(move |stream| serve(&served, stream));
        Web { address, state }
    }

    /// How often it was odd.
    pub(crate) fn odd(&self) -> u64 {
        self.state.odd.load(Ordering::SeqCst)
    }
}

impl State {
    fn serve(&self, stream: &mut (impl Read + Write)) -> io::Result<()> {
        let (mut machine, limits) = (Server::new(), Limits::default());
        let (mut unread, mut bytes) = (Vec::new(), [0; 16 << 10]);
        let (mut head, mut content) = (None, Vec::new());
        loop {
            let received = machine.receive(&unread, &limits).map_err(io::Error::other)?;
            let (consumed, mut is_whole, is_stuck) =
                (received.consumed, false, received.event.is_none());
            match received.event {
                Some(Event::Request(request)) => {
                    is_whole = !request.has_body();
                    head = Some(request);
                }
                Some(Event::Data(data)) => content.extend_from_slice(data),
                Some(Event::End(_)) => is_whole = true,
                None => {}
            }
            unread.drain(..consumed);
            if let Some(request) = head.take_if(|_| is_whole) {
                let goes_on = self.answer(&mut machine, &request, &content, stream)?;
                content.clear();
                if !goes_on {
                    return Ok(());
                }
                machine.next_exchange();
            }
            if is_stuck {
                match stream.read(&mut bytes)? {
                    0 => return Ok(()),
                    count => unread.extend_from_slice(&bytes[..count]),
                }
            }
        }
    }

    /// Answers a request; whether another may follow.
    fn answer(
        &self,
        machine: &mut Server,
        request: &RequestHead,
        content: &[u8],
        stream: &mut impl Write,
    ) -> io::Result<bool> {
        let oddity = self.oddity_now();
        let (status, mut content) = answered(request, content);
        let last =
            std::mem::replace(&mut *self.last.lock().expect("nobody panics"), content.clone());
        let mut out = Vec::new();
        match oddity {
            Oddity::Swap if last[..4] != content[..4] => content = last,
            Oddity::Swap => _ = self.odd.fetch_sub(1, Ordering::SeqCst),
            Oddity::Alter => content[30] ^= 1,
            Oddity::Close => machine.close_after(),
            Oddity::Cut => {
                write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", content.len())?;
                out.extend_from_slice(&content[..content.len() / 2]);
                return stream.write_all(&out).map(|()| false);
            }
            Oddity::UntilClose => {
                out.extend_from_slice(b"HTTP/1.0 200 OK\r\n\r\n");
                out.extend_from_slice(&content);
                return stream.write_all(&out).map(|()| false);
            }
            Oddity::Garble => return stream.write_all(b"220 smtp\r\n\r\n").map(|()| false),
            Oddity::Hang => return Ok(false),
            Oddity::Chunk => return chunked(machine, &content, stream),
            _ => {}
        }
        let status = if oddity == Oddity::Fail { 503 } else { status };
        let given = [("x-filler", &b"1"[..])];
        let written = machine.respond_whole(status, given, None, &content, &mut out);
        written.map_err(io::Error::other)?;
        match oddity {
            Oddity::Double => out.extend_from_within(..),
            Oddity::Lose => out.clear(),
            _ => {}
        }
        stream.write_all(&out)?;
        Ok(machine.next() == Next::Reuse)
    }

    /// Counts a request, and says what is odd about it.
    fn oddity_now(&self) -> Oddity {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let is_odd = self.oddity == Oddity::Chunk || number.is_multiple_of(EVERY);
        if self.oddity == Oddity::None || !is_odd {
            return Oddity::None;
        }
        self.odd.fetch_add(1, Ordering::SeqCst);
        self.oddity
    }
}

/// Status and content: those of `/echo`, `/bytes/N`, or of nothing.
fn answered(request: &RequestHead, content: &[u8]) -> (u16, Vec<u8>) {
    match request.path().strip_prefix("/bytes/").map(str::parse) {
        Some(Ok(bytes)) => (200, vec![b'x'; bytes]),
        _ if request.path() == "/echo" => (200, content.to_vec()),
        _ => (404, b"nothing here".to_vec()),
    }
}

/// Head, and every seven bytes of the content, in a send of their own.
fn chunked(machine: &mut Server, content: &[u8], stream: &mut impl Write) -> io::Result<bool> {
    use skyring_protocols::http1::server::ResponseParts;
    use skyring_protocols::http1::{BodySize, NO_HEADERS};
    let mut out = Vec::new();
    let parts = ResponseParts { status: 200, body: BodySize::Unknown, date: None };
    machine.inform(102, NO_HEADERS, &mut out).map_err(io::Error::other)?;
    machine.respond(&parts, NO_HEADERS, &mut out).map_err(io::Error::other)?;
    for piece in content.chunks(7) {
        stream.write_all(&std::mem::take(&mut out))?;
        machine.send_data(piece, &mut out).map_err(io::Error::other)?;
    }
    machine.finish(NO_HEADERS, &mut out).map_err(io::Error::other)?;
    stream.write_all(&out)?;
    Ok(machine.next() == Next::Reuse)
}
