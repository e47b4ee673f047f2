//! What the attackers have: addresses to come from, users of their own, and chance.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use skyring_loadgen::random::Random;
use skyring_protocols::crypt::{Secret, randomkey};
use skyring_protocols::frame;
use skyring_protocols::login::client::{LoginClient, LoginClientOutput};
use skyring_protocols::login::token::SampleToken;
use skyring_protocols::msg::attach;
use skyring_protocols::msg::username::Username;

/// The server that everybody plays on, honest or not.
pub const SERVER: &str = "sample";
/// Addresses that each kind comes from in turn.
const SOURCES: u32 = 100;
/// Users of each role.
const SPIES: usize = 5;
/// The index of the attach that stale ones are older than.
const STALE_BELOW: u64 = 1 << 20;
/// How long the server may take for an attacker's login or attach before it all begins.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the server listens.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    /// Logins.
    pub login: SocketAddr,
    /// Sessions.
    pub msg: SocketAddr,
    /// Plain frames.
    pub gate: SocketAddr,
    /// HTTP and WebSockets.
    pub http: SocketAddr,
    /// The same over TLS.
    pub https: SocketAddr,
}

/// What the users of the attackers are for: each kind has its own, since an attach ends the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Their attach is recorded and sent again.
    Replay,
    /// They attach with indices that are over.
    Stale,
    /// They send too many requests.
    Flood,
    /// They send requests that are none.
    Broken,
    /// They do not read.
    Deaf,
}

const ROLES: [Role; 5] = [Role::Replay, Role::Stale, Role::Flood, Role::Broken, Role::Deaf];

/// A user of the attackers, logged in.
struct Spy {
    username: Vec<u8>,
    secret: Secret,
    index: u64,
}

/// Everything that a sortie is made from.
pub struct Muster {
    /// Whom it goes to.
    pub targets: Targets,
    /// Chance, from the seed.
    pub random: Random,
    spies: Vec<Spy>,
    recorded: Vec<Bytes>,
    calls: usize,
    sources: u32,
}

impl Muster {
    /// Logs the attackers' users in, and has attached those whose attach is recorded.
    ///
    /// # Errors
    /// When the server does not let them in, or the network fails.
    pub fn gather(targets: Targets, seed: u64) -> io::Result<Muster> {
        let mut muster = Muster {
            targets,
            random: Random::new(seed, 0),
            spies: Vec::new(),
            recorded: Vec::new(),
            calls: 0,
            sources: 0,
        };
        for number in 0..ROLES.len() * SPIES {
            let key = muster.random.bits().to_le_bytes();
            let spy = Spy::enlist(targets.login, number, key)?;
            muster.spies.push(spy);
        }
        for number in 0..SPIES {
            let recorded = muster.attach(Role::Replay);
            show(targets.msg, number, &recorded)?;
            muster.recorded.push(recorded);
            let spy = &mut muster.spies[Role::Stale as usize * SPIES + number];
            spy.index = STALE_BELOW;
            show(targets.msg, number, &framed(&spy.line()))?;
            spy.index = 0;
        }
        Ok(muster)
    }

    /// Where the next sortie of the kind with this number comes from: each kind has its own addresses, or its
    /// own address.
    pub fn source(&mut self, kind: usize, has_one_address: bool) -> Ipv4Addr {
        if !has_one_address {
            self.sources += 1;
        }
        let first = u32::from(Ipv4Addr::new(127, 66, 0, 1)) + (kind as u32) * 256;
        Ipv4Addr::from(first + if has_one_address { 0 } else { self.sources % SOURCES })
    }

    /// A frame with a fresh attach of somebody of this role.
    pub fn attach(&mut self, role: Role) -> Bytes {
        self.calls += 1;
        let spy = &mut self.spies[role as usize * SPIES + self.calls % SPIES];
        spy.index += 1;
        framed(&spy.line())
    }

    /// An attach that the server has accepted once.
    pub fn recorded(&mut self) -> Bytes {
        self.calls += 1;
        self.recorded[self.calls % SPIES].clone()
    }

    /// A login of a user of the attackers who is there for nothing else.
    pub fn login(&mut self, uid: &str, password: &str) -> Box<LoginClient> {
        let token = SampleToken {
            user: uid.into(),
            server: SERVER.into(),
            password: password.as_bytes().to_vec().into(),
        };
        Box::new(LoginClient::new(token.format(), randomkey(self.random.bits().to_le_bytes())))
    }

    /// So many bytes of noise.
    pub fn noise(&mut self, bytes: usize) -> Vec<u8> {
        (0..bytes).map(|_| self.random.bits() as u8).collect()
    }
}

impl Spy {
    /// Logs a user in.
    fn enlist(login: SocketAddr, number: usize, key: [u8; 8]) -> io::Result<Spy> {
        let uid = format!("mallory{number}");
        let token = SampleToken {
            user: uid.clone().into(),
            server: SERVER.into(),
            password: b"password".to_vec().into(),
        };
        let mut client = LoginClient::new(token.format(), randomkey(key));
        let mut stream = connect(login, number)?;
        let mut piece = [0; 1024];
        loop {
            while let Some(output) = client.poll_output() {
                match output {
                    LoginClientOutput::Send(bytes) => stream.write_all(&bytes)?,
                    LoginClientOutput::Granted { subid } => {
                        let name = Username { uid: uid.into(), server: SERVER.into(), subid };
                        let secret = client.secret().expect("a granted login has agreed on one");
                        let secret = Secret::new(*secret.expose());
                        return Ok(Spy { username: name.format(), secret, index: 0 });
                    }
                    refused => return Err(refusal(&format!("{refused:?}"))),
                }
            }
            match stream.read(&mut piece)? {
                0 => client.on_disconnect(),
                count => client.on_bytes(&piece[..count]),
            }
        }
    }

    fn line(&self) -> Vec<u8> {
        attach::format(&self.username, self.index, &self.secret)
    }
}

/// A payload in its frame.
///
/// # Panics
/// A payload longer than 65535 bytes.
pub fn framed(payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(payload.len() + 2);
    frame::encode(payload, &mut frame).expect("payloads of attacks are short");
    frame.into()
}

/// Attaches once, as it should be.
fn show(msg: SocketAddr, number: usize, attach: &[u8]) -> io::Result<()> {
    let mut stream = connect(msg, number)?;
    stream.write_all(attach)?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer)?;
    let is_accepted = answer.ends_with(b"200 OK");
    if is_accepted { Ok(()) } else { Err(refusal("its attach")) }
}

fn connect(to: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let socket = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 65, 0, 1)) + number as u32);
    rustix::net::bind(&socket, &SocketAddr::from((from, 0)))?;
    rustix::net::connect(&socket, &to)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn refusal(what: &str) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, format!("an attacker was refused: {what}"))
}
