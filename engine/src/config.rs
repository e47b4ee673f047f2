//! What a server is told: the typed form of the configuration file, with every default.
//!
//! Durations are milliseconds, sizes bytes, both named so. A value that cannot work is refused
//! before anything starts, with the file, the key and the reason: [`Config::from_file`] and
//! [`Config::parse`] read TOML and validate, [`Config::validate`] judges a configuration that a
//! program has put together itself. `skyring.toml` beside this crate shows every key.

mod auth;
pub mod capacity;
mod error;
mod limits;
mod parse;
mod proxy;
mod section;
mod secure;
mod tls;
mod validate;
mod websocket;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use skyring_protocols::Compat;

use crate::auth::AuthSettings;

pub use error::{ConfigError, ConfigFault};
pub use limits::Limits;
pub use proxy::{Network, NotANetwork};
pub use secure::Handshake;
pub use skyring_protocols::websocket::deflate::Mode as Compression;
pub use tls::{CertificateFiles, CertificateSource, TlsSettings};

/// Shards of one server, at most: they keep a queue for each other.
pub const SHARDS_MAX: u16 = 1024;

/// [`Config::logins_in_progress_per_shard_max`], unless it is set: far above what an application that
/// answers in a second needs.
const LOGINS_IN_PROGRESS_DEFAULT: u32 = 16_384;

/// What [`Config::cache_bytes_per_shard_max`] stands for when it is 0.
pub const CACHE_BYTES_PER_SHARD_DEFAULT: u64 = 1 << 30;

/// Everything a server is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Shards to run; more than cores is allowed. 0: one a core.
    pub shards: usize,
    /// Processor numbers that shards are pinned to, in turn. Empty: every processor the process may
    /// run on.
    pub cores: Vec<usize>,
    /// Address of the admin port, which answers every connection with the counters as text. None:
    /// no admin port.
    pub admin: Option<SocketAddr>,
    /// Milliseconds that a drain may take before connections are closed with requests unanswered.
    pub drain_timeout_ms: u64,
    /// Connections that one shard's table holds at most. 0: what the descriptor limit allows.
    pub connections_per_shard_max: u32,
    /// Bytes of stored answers that all sessions of one shard keep together. Above it a session that
    /// stores an answer retires its own oldest ones to make room, and stores none that does not fit.
    /// 0: [`CACHE_BYTES_PER_SHARD_DEFAULT`].
    pub cache_bytes_per_shard_max: u64,
    /// Bytes of memory that one shard uses for its connections, sessions, stored answers, services and
    /// rooms. Above it somebody makes room, in the order that `MEMORY.md` tells. 0: its part of four
    /// fifths of the memory that the process may use ([`capacity::memory_bytes`]).
    pub memory_bytes_per_shard_max: u64,
    /// Users of one shard that may be logged in; more are answered 503. 0: one for every
    /// [`capacity::BYTES_A_SESSION`] of its memory.
    pub sessions_per_shard_max: u32,
    /// Logins of one shard that may wait for the application, in
    /// [`Application::authenticate`](crate::handler::Application::authenticate) and
    /// [`login`](crate::handler::Application::login) together; more are answered 503. The
    /// application's methods outlive the connections they were called for, so this bounds their memory.
    pub logins_in_progress_per_shard_max: u32,
    /// Connections of one shard that have not shown who they are: before their login or attach, TLS
    /// handshake included, before their first HTTP request, before the application opened them. When
    /// there are more, the oldest of them is closed. 0: half of what the shard's table accepts.
    pub unauthenticated_per_shard_max: u32,
    /// Who judges login tokens.
    pub auth: AuthSettings,
    /// The demo application's settings.
    pub demo: Demo,
    /// The listeners, in the order of the file. A program may do without, if its applications only
    /// dial.
    pub listeners: Vec<Listener>,
}

/// Settings of the demo application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demo {
    /// Milliseconds that the demo waits before it echoes.
    pub delay_ms: u64,
    /// Whether it pushes each request's content to its user before it answers.
    pub pushes: bool,
}

/// What a listener does with its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListenerKind {
    /// Login conversations (WIRE.md, login).
    Login,
    /// Message-server connections: attach, then requests.
    Msg,
    /// Plain frames for the application.
    Gate,
    /// HTTP/1.1 requests for the application.
    Http,
}

impl ListenerKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [ListenerKind; 4] =
        [ListenerKind::Login, ListenerKind::Msg, ListenerKind::Gate, ListenerKind::Http];

    /// The kind as the configuration file writes it.
    pub fn name(self) -> &'static str {
        match self {
            ListenerKind::Login => "login",
            ListenerKind::Msg => "msg",
            ListenerKind::Gate => "gate",
            ListenerKind::Http => "http",
        }
    }
}

impl fmt::Display for ListenerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a repeated request id on the same attach does once it has been answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DuplicateRequest {
    /// The handler runs again, as in Skynet.
    #[default]
    Run,
    /// The stored answer is sent again.
    Replay,
}

/// What becomes of a connection whose output has no room for a push or a gate frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PushOverBudget {
    /// It is closed; what was not sent is lost.
    #[default]
    Close,
    /// It stays, and misses what was to be sent.
    Drop,
}

/// One listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// What it does with its connections.
    pub kind: ListenerKind,
    /// Where it listens; port 0 lets the kernel choose.
    pub address: SocketAddr,
    /// msg: the server name that is part of every username.
    pub server: String,
    /// How leniently it reads.
    pub compat: Compat,
    /// login, http (logins over WebSocket): whether two logins of one uid may be in progress at once.
    pub multilogin: bool,
    /// msg: what a repeat of an answered request does.
    pub duplicate_request: DuplicateRequest,
    /// msg: one answer, 401, for every refused attach.
    pub uniform_errors: bool,
    /// Connections at once, over all shards. 0: as many as the tables hold.
    pub maxclient: u32,
    /// Whether accepted sockets send at once (TCP_NODELAY).
    pub nodelay: bool,
    /// Connections the kernel may hold before they are accepted.
    pub backlog: u32,
    /// Congestion control of accepted sockets. None: the system's.
    pub congestion: Option<String>,
    /// Milliseconds from accept to the finished login or attach; gate: until the application opens
    /// the connection; http: of a WebSocket that carries a login or a session, from the upgrade.
    pub handshake_timeout_ms: u64,
    /// msg, gate: milliseconds without a byte received after which a connection is closed. http:
    /// milliseconds from an answer to the first byte of the next request. 0: never.
    pub idle_timeout_ms: u64,
    /// http: milliseconds in which the head of a request must come, from accept or from its first
    /// byte.
    pub head_timeout_ms: u64,
    /// http: milliseconds in which the body of a request must come; the time in which the
    /// application lets it wait does not count.
    pub body_timeout_ms: u64,
    /// Milliseconds without progress on unsent output after which a connection is closed.
    pub write_timeout_ms: u64,
    /// http: bytes of a request's head.
    pub head_bytes_max: usize,
    /// http: bytes of a request's body.
    pub body_bytes_max: u64,
    /// msg, gate: unsent bytes above which reading from a connection pauses and pushes find no room,
    /// and bytes of requests that wait for their handlers above which reading pauses. http: unsent
    /// bytes above which no further request is read and no more of an answer is taken; a WebSocket is
    /// as a gate connection in this, but a session over one is cut off, for answers it does not read,
    /// at twice `message_bytes_max` if that is more.
    pub output_bytes_max: usize,
    /// msg, gate, http (WebSockets): what becomes of a connection with no room for a push or message.
    pub push_over_budget: PushOverBudget,
    /// msg: bytes of stored answers a session keeps at most. A longer answer, which only a WebSocket
    /// carries, is sent and not kept: its request runs again when it is repeated.
    pub cache_bytes_max: usize,
    /// msg: answers a session keeps at least, if the bytes allow; up to twice as many.
    pub expired_number: u32,
    /// msg: requests of one session that may wait for their handlers at once; more are refused.
    /// gate: frames of one connection that may; then it is not read.
    pub pending_requests_max: u32,
    /// http: bytes of a WebSocket message; of a session's answers and pushes too, but what fits a frame
    /// of TCP always passes.
    pub message_bytes_max: usize,
    /// http: frames that one WebSocket message may be made of.
    pub fragments_max: u32,
    /// http: milliseconds without a byte received after which a WebSocket is pinged, and without an
    /// answer closed after as many more. 0: never.
    pub ping_interval_ms: u64,
    /// http: milliseconds that the peer of a WebSocket has to answer a close of the application or of a
    /// drain. One that broke the protocol, or was silent, is not waited for.
    pub close_timeout_ms: u64,
    /// http: whether WebSocket messages may be compressed, and at what price in memory. Those of logins
    /// and sessions never are.
    pub compression: Compression,
    /// http: origins whose pages may open WebSockets. Empty: all.
    pub origins: Vec<String>,
    /// http: WebSocket sub-protocols, the favourite first. Empty: none.
    pub subprotocols: Vec<String>,
    /// How often its peers may do something.
    pub limits: Limits,
    /// login, msg, http: which versions of the handshake it takes.
    pub handshake: Handshake,
    /// login, http: file of the key that the secure handshake proves the server by
    /// ([`identity`](crate::identity)). None: it has no secure handshake.
    pub identity: Option<PathBuf>,
    /// The proxies whose connections begin with a header that says for whom they are, and are
    /// believed (WIRE.md, PROXY protocol). Empty: none.
    pub proxy_from: Vec<Network>,
    /// TLS, with these certificates. None: the wire carries plaintext.
    pub tls: Option<TlsSettings>,
}

const OUTPUT_BYTES_DEFAULT: usize = 1 << 20;
const HEAD_TIMEOUT_MS_DEFAULT: u64 = 10_000;
const BODY_TIMEOUT_MS_DEFAULT: u64 = 30_000;
const HEAD_BYTES_DEFAULT: usize = 32 << 10;
const BODY_BYTES_DEFAULT: u64 = 1 << 20;
/// Milliseconds that an idle HTTP connection is kept. Other kinds keep theirs for ever.
const HTTP_IDLE_TIMEOUT_MS_DEFAULT: u64 = 60_000;
const PENDING_REQUESTS_DEFAULT: u32 = 4096;

impl Listener {
    /// A listener of this kind with every default, on loopback at the kind's usual port.
    pub fn new(kind: ListenerKind) -> Listener {
        let port = match kind {
            ListenerKind::Login => 8001,
            ListenerKind::Msg => 8888,
            ListenerKind::Gate => 8889,
            ListenerKind::Http => 8080,
        };
        let is_http = kind == ListenerKind::Http;
        Listener {
            kind,
            address: (Ipv4Addr::LOCALHOST, port).into(),
            server: String::from("sample"),
            compat: Compat::Strict,
            multilogin: false,
            duplicate_request: DuplicateRequest::Run,
            uniform_errors: true,
            maxclient: 0,
            nodelay: true,
            backlog: 4096,
            congestion: None,
            handshake_timeout_ms: 10_000,
            idle_timeout_ms: if is_http { HTTP_IDLE_TIMEOUT_MS_DEFAULT } else { 0 },
            head_timeout_ms: HEAD_TIMEOUT_MS_DEFAULT,
            body_timeout_ms: BODY_TIMEOUT_MS_DEFAULT,
            write_timeout_ms: 30_000,
            head_bytes_max: HEAD_BYTES_DEFAULT,
            body_bytes_max: BODY_BYTES_DEFAULT,
            output_bytes_max: OUTPUT_BYTES_DEFAULT,
            push_over_budget: PushOverBudget::Close,
            cache_bytes_max: 1 << 20,
            expired_number: 128,
            pending_requests_max: PENDING_REQUESTS_DEFAULT,
            message_bytes_max: websocket::MESSAGE_BYTES_DEFAULT,
            fragments_max: websocket::FRAGMENTS_DEFAULT,
            ping_interval_ms: websocket::PING_INTERVAL_MS_DEFAULT,
            close_timeout_ms: websocket::CLOSE_TIMEOUT_MS_DEFAULT,
            compression: Compression::Off,
            origins: Vec::new(),
            subprotocols: Vec::new(),
            limits: Limits::default(),
            handshake: Handshake::Both,
            identity: None,
            proxy_from: Vec::new(),
            tls: None,
        }
    }
}

impl Default for Config {
    /// What `skyring serve` runs without a file: a demo listener of each kind on loopback, and
    /// https with a certificate made at start. The last two take larger messages than other
    /// listeners do, for those who come to try the demo's WebSockets out.
    fn default() -> Config {
        let https = Listener {
            address: (Ipv4Addr::LOCALHOST, 8443).into(),
            tls: Some(TlsSettings::self_signed()),
            ..websocket::of_demo(ListenerKind::Http)
        };
        Config {
            shards: 0,
            cores: Vec::new(),
            admin: None,
            drain_timeout_ms: 10_000,
            connections_per_shard_max: 0,
            cache_bytes_per_shard_max: 0,
            memory_bytes_per_shard_max: 0,
            sessions_per_shard_max: 0,
            logins_in_progress_per_shard_max: LOGINS_IN_PROGRESS_DEFAULT,
            unauthenticated_per_shard_max: 0,
            auth: AuthSettings::default(),
            demo: Demo::default(),
            listeners: ListenerKind::ALL
                .map(websocket::of_demo)
                .into_iter()
                .chain([https])
                .collect(),
        }
    }
}

impl Config {
    /// Reads a configuration file and validates it.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with the file's path, the key and the reason.
    pub fn from_file(path: &Path) -> Result<Config, ConfigError> {
        Config::read(path, Listener::new)
    }

    /// As [`Config::from_file`], for the demo: an http listener of the file takes messages as large as
    /// those of [`Config::default`] do, unless it says otherwise.
    ///
    /// # Errors
    ///
    /// As [`Config::from_file`].
    pub fn from_file_for_demo(path: &Path) -> Result<Config, ConfigError> {
        Config::read(path, websocket::of_demo)
    }

    fn read(path: &Path, fresh: parse::Fresh) -> Result<Config, ConfigError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Config::parse_with(&text, &file, fresh),
            Err(error) => {
                Err(ConfigError::whole(ConfigFault::Unreadable(error.kind())).in_file(&file))
            }
        }
    }

    /// Reads a configuration from TOML text and validates it. Keys that are absent keep their
    /// defaults; without a `[[listener]]` the default listeners stay. `file_name` appears in
    /// errors only.
    ///
    /// # Errors
    ///
    /// As [`Config::from_file`].
    pub fn parse(text: &str, file_name: &str) -> Result<Config, ConfigError> {
        Config::parse_with(text, file_name, Listener::new)
    }

    fn parse_with(text: &str, file_name: &str, fresh: parse::Fresh) -> Result<Config, ConfigError> {
        let parsed =
            parse::parse(text, fresh).and_then(|config| config.validate().map(|()| config));
        parsed.map_err(|error| error.in_file(file_name))
    }

    /// Refuses what cannot work: limits that leave no room, processors that the process may not
    /// use, listeners that contradict each other, and settings on a kind that has no use for them.
    ///
    /// Whether a port is free and a congestion control exists is for the kernel to say at start;
    /// `skyring doctor` asks beforehand.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong; its `file` is `None`.
    pub fn validate(&self) -> Result<(), ConfigError> {
        validate::validate(self)
    }

    /// Whether a table of so many slots, the one that the process's limits allow, is large enough for
    /// every listener to accept.
    ///
    /// # Errors
    ///
    /// It is not: raise the descriptor limit.
    pub fn check_table(&self, slots: u32) -> Result<(), ConfigError> {
        validate::table(self, slots)
    }

    /// Bytes of stored answers that one shard keeps.
    pub fn cache_bytes_a_shard(&self) -> u64 {
        match self.cache_bytes_per_shard_max {
            0 => CACHE_BYTES_PER_SHARD_DEFAULT,
            bytes => bytes,
        }
    }
}
