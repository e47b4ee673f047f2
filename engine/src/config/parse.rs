//! From TOML text to the typed configuration: which key sets which field.
//!
//! One default depends on another key: `uniform_errors` is true on a strict listener and false
//! where `compat = "skynet"`, because telling the refusals apart is what Skynet does. A key that
//! the listener's kind has no use for is refused, even at its default value: whoever wrote it
//! expects it to do something.

use skyring_protocols::Compat;
use toml::Table;

use super::error::{ConfigError, ConfigFault};
use super::section::Section;
use super::{Config, Demo, Listener, ListenerKind, auth, limits, proxy, secure, tls, websocket};

const TOP_KEYS: &[&str] = &[
    "shards",
    "cores",
    "admin",
    "drain_timeout_ms",
    "connections_per_shard_max",
    "cache_bytes_per_shard_max",
    "memory_bytes_per_shard_max",
    "sessions_per_shard_max",
    "logins_in_progress_per_shard_max",
    "unauthenticated_per_shard_max",
    "auth",
    "demo",
    "listener",
];

const DEMO_KEYS: &[&str] = &["delay_ms", "pushes"];

const LISTENER_KEYS: &[&str] = &[
    "kind",
    "address",
    "server",
    "compat",
    "multilogin",
    "duplicate_request",
    "uniform_errors",
    "maxclient",
    "nodelay",
    "backlog",
    "congestion",
    "handshake_timeout_ms",
    "idle_timeout_ms",
    "head_timeout_ms",
    "body_timeout_ms",
    "write_timeout_ms",
    "head_bytes_max",
    "body_bytes_max",
    "output_bytes_max",
    "push_over_budget",
    "cache_bytes_max",
    "expired_number",
    "pending_requests_max",
    "message_bytes_max",
    "fragments_max",
    "ping_interval_ms",
    "close_timeout_ms",
    "compression",
    "origins",
    "subprotocols",
    "connections_per_second_per_address",
    "accepts_per_second",
    "logins_per_minute_per_address",
    "logins_per_minute_per_user",
    "messages_per_second",
    "bytes_per_second",
    "handshake",
    "identity",
    "proxy_from",
    "tls",
];

/// The keys that not every kind has, and the kinds that have them. `compat` is every kind's: a gate
/// reads alike in both, and three listeners of one server should be able to say the same.
const KEYS_OF_KINDS: &[(&str, &[ListenerKind])] = &[
    ("server", &[ListenerKind::Msg]),
    ("multilogin", &[ListenerKind::Login, ListenerKind::Http]),
    ("duplicate_request", &[ListenerKind::Msg]),
    ("uniform_errors", &[ListenerKind::Msg]),
    ("idle_timeout_ms", &[ListenerKind::Msg, ListenerKind::Gate, ListenerKind::Http]),
    ("head_timeout_ms", &[ListenerKind::Http]),
    ("body_timeout_ms", &[ListenerKind::Http]),
    ("head_bytes_max", &[ListenerKind::Http]),
    ("body_bytes_max", &[ListenerKind::Http]),
    ("cache_bytes_max", &[ListenerKind::Msg]),
    ("expired_number", &[ListenerKind::Msg]),
    ("output_bytes_max", &[ListenerKind::Msg, ListenerKind::Gate, ListenerKind::Http]),
    ("push_over_budget", &[ListenerKind::Msg, ListenerKind::Gate, ListenerKind::Http]),
    ("pending_requests_max", &[ListenerKind::Msg, ListenerKind::Gate]),
];

/// A listener of a kind with every default.
pub(super) type Fresh = fn(ListenerKind) -> Listener;

/// Reads a whole file's text; the values are not judged beyond their types. `fresh`: what listeners are
/// whose keys are absent.
pub(super) fn parse(text: &str, fresh: Fresh) -> Result<Config, ConfigError> {
    let table: Table = text.parse().map_err(|error| syntax(text, &error))?;
    let top = Section::new("", &table, TOP_KEYS)?;
    let mut config = Config::default();
    top.set("shards", &mut config.shards)?;
    top.set("cores", &mut config.cores)?;
    config.admin = top.optional("admin")?;
    top.set("drain_timeout_ms", &mut config.drain_timeout_ms)?;
    top.set("connections_per_shard_max", &mut config.connections_per_shard_max)?;
    top.set("cache_bytes_per_shard_max", &mut config.cache_bytes_per_shard_max)?;
    top.set("memory_bytes_per_shard_max", &mut config.memory_bytes_per_shard_max)?;
    top.set("sessions_per_shard_max", &mut config.sessions_per_shard_max)?;
    top.set("logins_in_progress_per_shard_max", &mut config.logins_in_progress_per_shard_max)?;
    top.set("unauthenticated_per_shard_max", &mut config.unauthenticated_per_shard_max)?;
    if let Some(table) = top.table("auth")? {
        config.auth = auth::parse(table)?;
    }
    if let Some(table) = top.table("demo")? {
        config.demo = demo(table)?;
    }
    if let Some(tables) = top.tables("listener")? {
        let listeners = tables.into_iter().enumerate();
        config.listeners = listeners
            .map(|(index, table)| listener(index, table, fresh))
            .collect::<Result<_, _>>()?;
    }
    if config.listeners.is_empty() {
        return Err(ConfigError::at("listener", ConfigFault::NoListeners));
    }
    Ok(config)
}

fn demo(table: &Table) -> Result<Demo, ConfigError> {
    let section = Section::new("demo", table, DEMO_KEYS)?;
    let mut demo = Demo::default();
    section.set("delay_ms", &mut demo.delay_ms)?;
    section.set("pushes", &mut demo.pushes)?;
    Ok(demo)
}

fn listener(index: usize, table: &Table, fresh: Fresh) -> Result<Listener, ConfigError> {
    let section = Section::new(&format!("listener[{index}]"), table, LISTENER_KEYS)?;
    let mut listener = fresh(section.required("kind")?);
    refuse_keys_of_other_kinds(&section, listener.kind)?;
    section.set("address", &mut listener.address)?;
    section.set("server", &mut listener.server)?;
    section.set("compat", &mut listener.compat)?;
    listener.uniform_errors = listener.compat == Compat::Strict;
    section.set("multilogin", &mut listener.multilogin)?;
    section.set("duplicate_request", &mut listener.duplicate_request)?;
    section.set("uniform_errors", &mut listener.uniform_errors)?;
    section.set("nodelay", &mut listener.nodelay)?;
    section.set("backlog", &mut listener.backlog)?;
    listener.congestion = section.optional("congestion")?;
    section.set("handshake_timeout_ms", &mut listener.handshake_timeout_ms)?;
    section.set("idle_timeout_ms", &mut listener.idle_timeout_ms)?;
    section.set("head_timeout_ms", &mut listener.head_timeout_ms)?;
    section.set("body_timeout_ms", &mut listener.body_timeout_ms)?;
    section.set("write_timeout_ms", &mut listener.write_timeout_ms)?;
    section.set("head_bytes_max", &mut listener.head_bytes_max)?;
    section.set("body_bytes_max", &mut listener.body_bytes_max)?;
    section.set("maxclient", &mut listener.maxclient)?;
    section.set("output_bytes_max", &mut listener.output_bytes_max)?;
    section.set("push_over_budget", &mut listener.push_over_budget)?;
    section.set("cache_bytes_max", &mut listener.cache_bytes_max)?;
    section.set("expired_number", &mut listener.expired_number)?;
    section.set("pending_requests_max", &mut listener.pending_requests_max)?;
    websocket::parse(&section, &mut listener)?;
    limits::parse(&section, &mut listener.limits)?;
    secure::parse(&section, &mut listener)?;
    proxy::parse(&section, &mut listener.proxy_from)?;
    let tls = section.table("tls")?;
    listener.tls = tls.map(|table| tls::parse(&section.key("tls"), table)).transpose()?;
    Ok(listener)
}

fn refuse_keys_of_other_kinds(
    section: &Section<'_>,
    kind: ListenerKind,
) -> Result<(), ConfigError> {
    let websocket = websocket::KEYS.iter().map(|key| (*key, &[ListenerKind::Http][..]));
    let mut keys = KEYS_OF_KINDS
        .iter()
        .copied()
        .chain(limits::KEYS_OF_KINDS)
        .chain(secure::KEYS_OF_KINDS)
        .chain(websocket);
    match keys.find(|(key, kinds)| section.has(key) && !kinds.contains(&kind)) {
        Some((key, _)) => Err(ConfigError::at(section.key(key), ConfigFault::NotOnKind { kind })),
        None => Ok(()),
    }
}

/// The TOML parser's error with the place as line and column.
fn syntax(text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = &text.as_bytes()[..start];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    ConfigError::whole(ConfigFault::Syntax {
        line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
        column: String::from_utf8_lossy(&before[line_start..]).chars().count() + 1,
        message: error.message().to_owned(),
    })
}
