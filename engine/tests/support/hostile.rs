//! HTTP servers that misbehave: blocking, a thread a connection, and a script for each.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::PATIENCE;

/// A server on a free port of loopback. It lives until the test's process ends.
pub(crate) struct Hostile {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    open_max: Arc<AtomicUsize>,
}

/// A connection, in the hands of a script.
pub(crate) struct Conversation {
    stream: Wire,
    /// How many connections came before.
    pub(crate) index: usize,
    /// What came behind the last request.
    rest: Vec<u8>,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// A request as it came: its head, and its body if it had a length.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Hostile {
    /// A server that plays this to everyone who connects.
    pub(crate) fn start(script: impl Fn(&mut Conversation) + Send + Sync + 'static) -> Hostile {
        Hostile::start_with(None, script)
    }

    /// As [`Hostile::start`], over TLS.
    pub(crate) fn start_tls(
        config: ServerConfig,
        script: impl Fn(&mut Conversation) + Send + Sync + 'static,
    ) -> Hostile {
        Hostile::start_with(Some(Arc::new(config)), script)
    }

    /// A server that answers every request with this text.
    pub(crate) fn answering(text: impl Into<String>) -> Hostile {
        let text = text.into();
        Hostile::start(move |talk| {
            while talk.request().is_some() {
                talk.say(&text);
            }
        })
    }

    fn start_with(
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&mut Conversation) + Send + Sync + 'static,
    ) -> Hostile {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (accepted, open, open_max) = (Arc::default(), Arc::default(), Arc::default());
        let hostile = Hostile { address, accepted, open, open_max };
        let counters = [&hostile.accepted, &hostile.open, &hostile.open_max].map(Arc::clone);
        let script = Arc::new(script);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                let [accepted, open, open_max] = counters.each_ref().map(Arc::clone);
                let index = accepted.fetch_add(1, Ordering::SeqCst);
                let now = open.fetch_add(1, Ordering::SeqCst) + 1;
                open_max.fetch_max(now, Ordering::SeqCst);
                let (script, tls) = (Arc::clone(&script), tls.clone());
                thread::spawn(move || {
                    let stream = Wire::new(stream, tls);
                    script(&mut Conversation { stream, index, rest: Vec::new() });
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        hostile
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Connections that came.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Connections that are being played to.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Most of them at once.
    pub(crate) fn open_max(&self) -> usize {
        self.open_max.load(Ordering::SeqCst)
    }
}

impl Wire {
    fn new(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> Wire {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.set_nodelay(true).expect("nodelay can be set");
        match tls {
            None => Wire::Plain(stream),
            Some(config) => {
                let connection = ServerConnection::new(config).expect("a configuration that works");
                Wire::Tls(Box::new(StreamOwned::new(connection, stream)))
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.read(buffer),
            Wire::Tls(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Wire::Plain(stream) => stream.write_all(bytes),
            Wire::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(stream) => stream,
            Wire::Tls(stream) => &stream.sock,
        }
    }
}

impl Conversation {
    /// The next request; None when the client has left.
    pub(crate) fn request(&mut self) -> Option<Heard> {
        let head = loop {
            if let Some(at) = find(&self.rest, b"\r\n\r\n") {
                let body = self.rest.split_off(at + 4);
                let head = std::mem::replace(&mut self.rest, body);
                break String::from_utf8(head).expect("a head is text");
            }
            self.fill()?;
        };
        let lower = head.to_ascii_lowercase();
        let length = lower.split_once("\r\ncontent-length:").map_or(0, |(_, rest)| {
            let digits = rest.split("\r\n").next().unwrap_or_default();
            digits.trim().parse().expect("a length is a number")
        });
        while self.rest.len() < length {
            self.fill()?;
        }
        let rest = self.rest.split_off(length);
        let body = std::mem::replace(&mut self.rest, rest);
        Some(Heard { head, body })
    }

    /// Waits for more bytes. None: the client has left.
    fn fill(&mut self) -> Option<()> {
        let mut buffer = [0; 16384];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => {
                    self.rest.extend_from_slice(&buffer[..count]);
                    return Some(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// Everything that came and was not taken as a request, and what comes until it has this many
    /// bytes, or the client leaves.
    pub(crate) fn raw(&mut self, bytes: usize) -> Vec<u8> {
        while self.rest.len() < bytes && self.fill().is_some() {}
        std::mem::take(&mut self.rest)
    }

    /// So many bytes, exactly. None: the client has left before.
    pub(crate) fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        while self.rest.len() < bytes {
            self.fill()?;
        }
        let rest = self.rest.split_off(bytes);
        Some(std::mem::replace(&mut self.rest, rest))
    }

    /// Writes. False: the client has left.
    pub(crate) fn say(&mut self, text: &str) -> bool {
        self.say_bytes(text.as_bytes())
    }

    /// As [`Conversation::say`], for what is no text.
    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write(bytes).is_ok()
    }

    /// Writes the same again and again until the client leaves.
    pub(crate) fn say_for_ever(&mut self, text: &str) {
        self.say_for_ever_bytes(text.as_bytes());
    }

    /// As [`Conversation::say_for_ever`], for what is no text.
    pub(crate) fn say_for_ever_bytes(&mut self, bytes: &[u8]) {
        while self.say_bytes(bytes) {}
    }

    /// As [`Conversation::say_for_ever`], with pauses.
    pub(crate) fn drip(&mut self, text: &str) {
        while self.say(text) {
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Says nothing until the client leaves.
    pub(crate) fn be_silent(&mut self) {
        while self.fill().is_some() {}
    }

    /// Ends the sending side and waits for the client to leave. Over TLS, without a word.
    pub(crate) fn cut(&mut self) {
        let _ = self.stream.socket().shutdown(std::net::Shutdown::Write);
        self.be_silent();
    }

    /// Ends the TLS session and the sending side as it should be.
    pub(crate) fn finish(&mut self) {
        if let Wire::Tls(stream) = &mut self.stream {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
        self.cut();
    }

    /// Waits for a request and leaves it unread, which makes the script's end a reset.
    pub(crate) fn reset(&mut self) {
        while let Err(error) = self.stream.socket().peek(&mut [0]) {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "something has come in");
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
