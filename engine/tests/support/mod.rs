//! A blocking client of the login and message servers, made of the client halves in `protocols`.
#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod arena;
pub(crate) mod certificates;
pub(crate) mod game;
pub(crate) mod held;
pub(crate) mod hostile;
pub(crate) mod served;
pub(crate) mod shard;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Once;
use std::time::{Duration, Instant};

use skyring::config::{Config, Listener, ListenerKind};
use skyring::context::Target;
use skyring::protocols::crypt::Secret;
use skyring::protocols::login::client::{LoginClient, LoginClientOutput};
use skyring::protocols::login::token::SampleToken;
use skyring::protocols::msg::client::{ClientEvent, MsgClient};
use skyring::protocols::msg::response::Flag;
use skyring::protocols::msg::username::Username;
use skyring::server::ServerHandle;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The default listeners on free loopback ports: login, msg and gate first.
pub(crate) fn config(shards: usize) -> Config {
    let mut config = Config { shards, ..Config::default() };
    for listener in &mut config.listeners {
        listener.address.set_port(0);
    }
    config
}

/// The first listener of a kind.
pub(crate) fn listener(config: &mut Config, kind: ListenerKind) -> &mut Listener {
    config.listeners.iter_mut().find(|listener| listener.kind == kind).expect("a default listener")
}

/// Panics on purpose are not printed.
pub(crate) fn expect_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.to_string().contains("on purpose") {
                print(panic);
            }
        }));
    });
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the owner shard of a user has taken everything that reached it before.
pub(crate) fn settle(server: &ServerHandle, uid: &[u8]) {
    // The first answer may come from the start of a turn, the second follows a whole one, and what
    // that turn asked the kernel for is back by the third.
    for _ in 0..3 {
        server.online(Target::uid(uid));
    }
}

/// A connection that fails a test instead of waiting for ever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream.set_nodelay(true).expect("nodelay can be set");
    stream
}

/// A successful login: secret and username.
#[derive(Clone, Debug)]
pub(crate) struct LoggedIn {
    pub(crate) secret: Secret,
    pub(crate) username: Vec<u8>,
}

/// Logs a user in at the demo; an error is the status of the refusal, 0 when the connection ended.
pub(crate) fn login(address: SocketAddr, uid: &str) -> Result<LoggedIn, u16> {
    login_with(address, &token(uid), usize::MAX)
}

/// What the demo wants to be shown.
pub(crate) fn token(uid: &str) -> SampleToken {
    SampleToken { user: uid.into(), server: "sample".into(), password: b"password".to_vec().into() }
}

/// Logs in with this token, in writes of at most so many bytes.
pub(crate) fn login_with(
    address: SocketAddr,
    token: &SampleToken,
    piece_bytes: usize,
) -> Result<LoggedIn, u16> {
    let mut conversation = Conversation::start(connect(address), token);
    conversation.piece_bytes = piece_bytes;
    conversation.finish()
}

/// A login that a test may interrupt.
pub(crate) struct Conversation<S = TcpStream> {
    pub(crate) stream: S,
    client: LoginClient,
    token: SampleToken,
    piece_bytes: usize,
    lines_sent: usize,
}

impl<S: Read + Write> Conversation<S> {
    pub(crate) fn start(stream: S, token: &SampleToken) -> Conversation<S> {
        let key = [9, 8, 7, 6, 5, 4, 3, token.user.len() as u8 | 1];
        let client = LoginClient::new(token.format(), key);
        let (token, piece_bytes) = (token.clone(), usize::MAX);
        Conversation { stream, client, token, piece_bytes, lines_sent: 0 }
    }

    /// Goes on until the token is sent and only the result line is missing.
    pub(crate) fn send_token(&mut self) {
        // Three lines: a public value, a proof, the token.
        while self.lines_sent < 3 {
            self.receive();
            assert!(self.step().is_none(), "no result without a token");
        }
    }

    /// Goes on to the end; an error is the status of the refusal, 0 when the connection ended.
    pub(crate) fn finish(&mut self) -> Result<LoggedIn, u16> {
        loop {
            if let Some(result) = self.step() {
                return result;
            }
            self.receive();
        }
    }

    /// Does what the machine wants done.
    fn step(&mut self) -> Option<Result<LoggedIn, u16>> {
        while let Some(output) = self.client.poll_output() {
            match output {
                LoginClientOutput::Send(bytes) => {
                    self.lines_sent += bytes.iter().filter(|byte| **byte == b'\n').count();
                    for piece in bytes.chunks(self.piece_bytes) {
                        self.stream.write_all(piece).expect("it is read");
                    }
                }
                LoginClientOutput::Granted { subid } => {
                    let secret = self.client.secret().expect("it is agreed on").clone();
                    let (uid, server) = (self.token.user.clone(), self.token.server.clone());
                    let username = Username { uid, server, subid }.format();
                    return Some(Ok(LoggedIn { secret, username }));
                }
                LoginClientOutput::Refused(code) => return Some(Err(code)),
                LoginClientOutput::Broken(_) => return Some(Err(0)),
            }
        }
        None
    }

    fn receive(&mut self) {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.client.on_disconnect(),
            Ok(count) => self.client.on_bytes(&buffer[..count]),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::ConnectionReset => self.client.on_disconnect(),
                _ => panic!("login: {error}"),
            },
        }
    }
}

/// A message-server connection.
pub(crate) struct Player<S = TcpStream> {
    pub(crate) stream: S,
    client: MsgClient,
    buffer: Vec<u8>,
    /// Bytes a write, at most.
    pub(crate) piece_bytes: usize,
}

impl Player {
    /// Connects and attaches; an error is the status of the refusal.
    pub(crate) fn attach(address: SocketAddr, user: &LoggedIn, index: u64) -> Result<Player, u16> {
        Player::attach_with(address, user, index, usize::MAX)
    }

    /// As [`Player::attach`], in writes of at most so many bytes.
    pub(crate) fn attach_with(
        address: SocketAddr,
        user: &LoggedIn,
        index: u64,
        piece_bytes: usize,
    ) -> Result<Player, u16> {
        Player::attach_over(connect(address), user, index, piece_bytes)
    }
}

impl<S: Read + Write> Player<S> {
    /// As [`Player::attach_with`], over a connection that is already open.
    pub(crate) fn attach_over(
        stream: S,
        user: &LoggedIn,
        index: u64,
        piece_bytes: usize,
    ) -> Result<Player<S>, u16> {
        let client = MsgClient::new(user.username.clone(), user.secret.clone());
        let buffer = vec![0; 1 << 17];
        let mut player = Player { stream, client, buffer, piece_bytes };
        let frame = player.client.attach(index);
        player.write(&frame);
        match player.next_event() {
            Some(ClientEvent::Attached) => Ok(player),
            Some(ClientEvent::Refused(code)) => Err(code),
            other => panic!("attach: {other:?}"),
        }
    }

    pub(crate) fn send(&mut self, id: u32, content: &[u8]) {
        let mut frame = Vec::new();
        self.client.request(id, content, &mut frame).expect("a request fits a frame");
        self.write(&frame);
    }

    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(self.piece_bytes) {
            self.stream.write_all(piece).expect("it is read");
        }
    }

    /// The next response; None when the connection has ended.
    pub(crate) fn receive(&mut self) -> Option<(Flag, u32, Vec<u8>)> {
        match self.next_event()? {
            ClientEvent::Response { flag, id, content } => Some((flag, id, content)),
            other => panic!("a response was expected, not {other:?}"),
        }
    }

    /// Asks and takes the answer, which must be to this request and good.
    pub(crate) fn ask(&mut self, id: u32, content: &[u8]) -> Vec<u8> {
        self.send(id, content);
        let (flag, answered, content) = self.receive().expect("an answer");
        assert_eq!((flag, answered), (Flag::Ok, id));
        content
    }

    /// Asks and sees the request fail.
    pub(crate) fn ask_failing(&mut self, id: u32, content: &[u8]) {
        self.send(id, content);
        assert_eq!(self.receive(), Some((Flag::Error, id, Vec::new())));
    }

    pub(crate) fn next_event(&mut self) -> Option<ClientEvent> {
        loop {
            if let Some(event) = self.client.poll_event() {
                return Some(event);
            }
            match self.stream.read(&mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    panic!("nothing came in {PATIENCE:?}")
                }
                Ok(0) | Err(_) => return None,
                Ok(count) => self.client.on_bytes(&self.buffer[..count]),
            }
        }
    }
}

/// Appends what comes next; false at the end. A reset is an end too.
pub(crate) fn read_more(stream: &mut impl Read, unread: &mut Vec<u8>) -> bool {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer) {
            Ok(count) => {
                unread.extend_from_slice(&buffer[..count]);
                return count > 0;
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => panic!("nothing came in {PATIENCE:?}"),
                _ => return false,
            },
        }
    }
}

/// Reads to the end of a connection; what came before it. A reset is an end too.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return all,
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => panic!("the connection did not end in {PATIENCE:?}"),
                _ => return all,
            },
        }
    }
}

/// Whether a connection is open and nothing has come for a moment.
pub(crate) fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(30))).expect("a timeout can be set");
    let seen = loop {
        match stream.peek(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            seen => break seen,
        }
    };
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    seen.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Closes a connection so that the peer sees a reset: what has come in is thrown away unread.
pub(crate) fn reset(stream: TcpStream) {
    while let Err(error) = stream.peek(&mut [0]) {
        assert_eq!(error.kind(), ErrorKind::Interrupted, "something has come in");
    }
    drop(stream);
}
