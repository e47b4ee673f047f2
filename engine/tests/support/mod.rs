//! A blocking client of the login and message servers, made of the client halves in `protocols`.
#![allow(dead_code)] // every test file uses a part of it

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use skyring::config::{Config, Listener, ListenerKind};
use skyring::protocols::crypt::Secret;
use skyring::protocols::login::client::{LoginClient, LoginClientOutput};
use skyring::protocols::login::token::SampleToken;
use skyring::protocols::msg::client::{ClientEvent, MsgClient};
use skyring::protocols::msg::response::Flag;
use skyring::protocols::msg::username::Username;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Login, msg and gate listeners on free loopback ports.
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
    let token =
        SampleToken { user: uid.into(), server: "sample".into(), password: "password".into() };
    login_with(address, &token, [9, 8, 7, 6, 5, 4, 3, uid.len() as u8 | 1])
}

pub(crate) fn login_with(
    address: SocketAddr,
    token: &SampleToken,
    key: [u8; 8],
) -> Result<LoggedIn, u16> {
    let mut stream = connect(address);
    let mut client = LoginClient::new(token.format(), key);
    let mut buffer = [0; 4096];
    loop {
        while let Some(output) = client.poll_output() {
            match output {
                LoginClientOutput::Send(bytes) => stream.write_all(&bytes).expect("it is read"),
                LoginClientOutput::Granted { secret, subid } => {
                    let server = token.server.clone();
                    let name = Username { uid: token.user.clone(), server, subid };
                    return Ok(LoggedIn { secret, username: name.format() });
                }
                LoginClientOutput::Refused(code) => return Err(code),
                LoginClientOutput::Broken(_) => return Err(0),
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) => client.on_disconnect(),
            Ok(count) => client.on_bytes(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("login: {error}"),
        }
    }
}

/// A message-server connection.
pub(crate) struct Player {
    pub(crate) stream: TcpStream,
    client: MsgClient,
    buffer: Vec<u8>,
}

impl Player {
    /// Connects and attaches; an error is the status of the refusal.
    pub(crate) fn attach(address: SocketAddr, user: &LoggedIn, index: u64) -> Result<Player, u16> {
        let client = MsgClient::new(user.username.clone(), user.secret.clone());
        let mut player = Player { stream: connect(address), client, buffer: vec![0; 1 << 17] };
        let frame = player.client.attach(index);
        player.stream.write_all(&frame).expect("it is read");
        match player.next_event() {
            Some(ClientEvent::Attached) => Ok(player),
            Some(ClientEvent::Refused(code)) => Err(code),
            other => panic!("attach: {other:?}"),
        }
    }

    pub(crate) fn send(&mut self, id: u32, content: &[u8]) {
        let mut frame = Vec::new();
        self.client.request(id, content, &mut frame).expect("a request fits a frame");
        self.stream.write_all(&frame).expect("it is read");
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

    pub(crate) fn next_event(&mut self) -> Option<ClientEvent> {
        loop {
            if let Some(event) = self.client.poll_event() {
                return Some(event);
            }
            match self.stream.read(&mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return None,
                Ok(count) => self.client.on_bytes(&self.buffer[..count]),
            }
        }
    }
}
