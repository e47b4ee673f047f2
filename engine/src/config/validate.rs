//! What a well-formed configuration may still get wrong.
//!
//! Every bound has its reason beside it, because the reason is what the operator reads. Checks run
//! from the top of the file down; the first failure ends them.

use std::net::{IpAddr, SocketAddr};

use skyring_protocols::msg::{response, session};

use super::error::{ConfigError, ConfigFault};
use super::{
    BODY_BYTES_DEFAULT, BODY_TIMEOUT_MS_DEFAULT, Config, DuplicateRequest, HEAD_BYTES_DEFAULT,
    HEAD_TIMEOUT_MS_DEFAULT, Listener, ListenerKind, OUTPUT_BYTES_DEFAULT,
    PENDING_REQUESTS_DEFAULT, PushOverBudget, SHARDS_MAX, auth, capacity, limits, secure, tls,
    websocket,
};
use crate::cores;
use crate::driver::uring::limits::SLOTS_MAX;

const LISTENERS_MAX: u64 = 256;
/// Thirty days: nobody waits longer, and instants plus durations stay far from overflow.
const DURATION_MS_MAX: u64 = 30 * 24 * 3600 * 1000;
const OUTPUT_BYTES_MIN: u64 = 1024;
/// What the plainest browsers send.
const HEAD_BYTES_MIN: u64 = 512;
/// Places in a head are kept in 16 bits.
const HEAD_BYTES_MAX: u64 = 64 << 10;
/// The largest answer, and what any answer costs beyond its content (WIRE.md, msg).
const CACHE_BYTES_MIN: u64 = (response::CONTENT_BYTES_MAX + session::ANSWER_OVERHEAD_BYTES) as u64;
/// More would be cut to this.
const CACHE_BYTES_MAX: u64 = session::CACHE_BYTES_MAX as u64;
pub(super) const BYTES_MAX: u64 = 1 << 40;
/// Twice what the receive buffers of a shard bring in one turn.
const MEMORY_BYTES_MIN: u64 = 4 << 20;
const EXPIRED_NUMBER_MAX: u64 = 1 << 20;
/// listen(2) takes a signed number.
const BACKLOG_MAX: u64 = i32::MAX as u64;
/// A username holds the name in base64 and must leave room for the uid in one frame.
const SERVER_BYTES_MAX: usize = 255;
/// The kernel keeps names of congestion controls in 16 bytes, the last one zero.
const CONGESTION_BYTES_MAX: usize = 15;

/// See [`Config::validate`].
pub(super) fn validate(config: &Config) -> Result<(), ConfigError> {
    at_most(
        "shards",
        config.shards as u64,
        u64::from(SHARDS_MAX),
        "shards keep a queue for each other",
    )?;
    cores_exist(&config.cores, &cores::allowed())?;
    duration("drain_timeout_ms", config.drain_timeout_ms)?;
    at_most(
        "connections_per_shard_max",
        config.connections_per_shard_max.into(),
        SLOTS_MAX.into(),
        "a ring's descriptor table ends there; use more shards",
    )?;
    let cache_bytes = config.cache_bytes_per_shard_max;
    at_most("cache_bytes_per_shard_max", cache_bytes, BYTES_MAX, "no machine has that much")?;
    let memory_bytes = config.memory_bytes_per_shard_max;
    if memory_bytes > 0 {
        let why = "a shard could not hold the input of one turn";
        at_least("memory_bytes_per_shard_max", memory_bytes, MEMORY_BYTES_MIN, why)?;
    }
    at_most("memory_bytes_per_shard_max", memory_bytes, BYTES_MAX, "no machine has that much")?;
    let why = "nobody could log in";
    at_least(
        "logins_in_progress_per_shard_max",
        config.logins_in_progress_per_shard_max.into(),
        1,
        why,
    )?;
    auth::validate(&config.auth)?;
    duration("demo.delay_ms", config.demo.delay_ms)?;
    at_most(
        "listener",
        config.listeners.len() as u64,
        LISTENERS_MAX,
        "every shard opens every listener",
    )?;
    if config.connections_per_shard_max > 0 {
        table(config, config.connections_per_shard_max)?;
    }
    for (index, one) in config.listeners.iter().enumerate() {
        listener(one, &|key| format!("listener[{index}].{key}"))?;
    }
    addresses(config)?;
    servers(&config.listeners)
}

/// See [`Config::check_table`].
pub(super) fn table(config: &Config, slots: u32) -> Result<(), ConfigError> {
    at_least(
        "connections_per_shard_max",
        slots.into(),
        capacity::slots_min(config.listeners.len()).into(),
        "some listener would never accept: each holds a place, and some are kept for hand-overs",
    )
}

fn cores_exist(cores: &[usize], allowed: &[usize]) -> Result<(), ConfigError> {
    for (index, &processor) in cores.iter().enumerate() {
        let key = format!("cores[{index}]");
        if !allowed.contains(&processor) {
            let allowed = allowed.to_vec();
            return Err(ConfigError::at(key, ConfigFault::NoSuchProcessor { processor, allowed }));
        }
        if cores[..index].contains(&processor) {
            return Err(ConfigError::at(key, ConfigFault::ProcessorTwice { processor }));
        }
    }
    Ok(())
}

/// Names one of a listener's keys by its whole path.
pub(super) type Path<'a> = &'a dyn Fn(&str) -> String;

fn listener(listener: &Listener, path: Path<'_>) -> Result<(), ConfigError> {
    kind(listener, path)?;
    secure::validate(listener, path)?;
    if let Some(name) = &listener.congestion {
        congestion(name, path)?;
    }
    if let Some(settings) = &listener.tls {
        tls::validate(settings, &path("tls"))?;
    }
    let why = "nothing could ever wait to be accepted";
    at_least(path("backlog"), listener.backlog.into(), 1, why)?;
    at_most(path("backlog"), listener.backlog.into(), BACKLOG_MAX, "the kernel takes no more")?;
    let why = "a silent peer would hold its slot for ever";
    at_least(path("handshake_timeout_ms"), listener.handshake_timeout_ms, 1, why)?;
    let why = "a peer that never reads would hold its memory for ever";
    at_least(path("write_timeout_ms"), listener.write_timeout_ms, 1, why)?;
    duration(path("handshake_timeout_ms"), listener.handshake_timeout_ms)?;
    duration(path("idle_timeout_ms"), listener.idle_timeout_ms)?;
    duration(path("write_timeout_ms"), listener.write_timeout_ms)?;
    let output_bytes = listener.output_bytes_max as u64;
    let why = "reading would pause after every answer";
    at_least(path("output_bytes_max"), output_bytes, OUTPUT_BYTES_MIN, why)?;
    at_most(path("output_bytes_max"), output_bytes, BYTES_MAX, "no machine has that much")?;
    if matches!(listener.kind, ListenerKind::Msg | ListenerKind::Gate) {
        let pending = listener.pending_requests_max.into();
        at_least(path("pending_requests_max"), pending, 1, "no request could run")?;
    }
    match listener.kind {
        ListenerKind::Msg => msg(listener, path),
        ListenerKind::Http => http(listener, path),
        ListenerKind::Login | ListenerKind::Gate => Ok(()),
    }
}

/// Settings that have no effect on the listener's kind. Fields at their defaults pass: a typed
/// listener always has them all.
fn kind(listener: &Listener, path: Path<'_>) -> Result<(), ConfigError> {
    let kind = listener.kind;
    let idle = listener.idle_timeout_ms != 0;
    let replay = listener.duplicate_request == DuplicateRequest::Replay;
    let output = listener.output_bytes_max != OUTPUT_BYTES_DEFAULT;
    let pending = listener.pending_requests_max != PENDING_REQUESTS_DEFAULT;
    let drops = listener.push_over_budget != PushOverBudget::Close;
    let frames = matches!(kind, ListenerKind::Msg | ListenerKind::Gate);
    let http = kind == ListenerKind::Http;
    let misplaced = [
        ("output_bytes_max", output && kind == ListenerKind::Login),
        ("push_over_budget", drops && kind == ListenerKind::Login),
        ("pending_requests_max", pending && !frames),
        ("head_timeout_ms", listener.head_timeout_ms != HEAD_TIMEOUT_MS_DEFAULT && !http),
        ("body_timeout_ms", listener.body_timeout_ms != BODY_TIMEOUT_MS_DEFAULT && !http),
        ("head_bytes_max", listener.head_bytes_max != HEAD_BYTES_DEFAULT && !http),
        ("body_bytes_max", listener.body_bytes_max != BODY_BYTES_DEFAULT && !http),
        ("multilogin", listener.multilogin && kind != ListenerKind::Login && !http),
        ("idle_timeout_ms", idle && kind == ListenerKind::Login),
        ("duplicate_request", replay && kind != ListenerKind::Msg),
    ];
    let misplaced = misplaced.iter().find(|(_, misplaced)| *misplaced).map(|(key, _)| *key);
    let misplaced =
        misplaced.or_else(|| limits::misplaced(listener)).or_else(|| secure::misplaced(listener));
    match misplaced.or_else(|| websocket::misplaced(listener)) {
        Some(key) => Err(ConfigError::at(path(key), ConfigFault::NotOnKind { kind })),
        None => Ok(()),
    }
}

fn msg(listener: &Listener, path: Path<'_>) -> Result<(), ConfigError> {
    if listener.server.is_empty() || listener.server.len() > SERVER_BYTES_MAX {
        let expected = "a name of 1 to 255 bytes";
        let found = listener.server.clone();
        return Err(ConfigError::at(path("server"), ConfigFault::WrongText { expected, found }));
    }
    let cache_bytes = listener.cache_bytes_max as u64;
    let why = "one largest answer must fit";
    at_least(path("cache_bytes_max"), cache_bytes, CACHE_BYTES_MIN, why)?;
    let why = "a session's store of answers holds no more";
    at_most(path("cache_bytes_max"), cache_bytes, CACHE_BYTES_MAX, why)?;
    let expired = listener.expired_number.into();
    let why = "no answer would be kept, and a re-attach could run a request twice";
    at_least(path("expired_number"), expired, 1, why)?;
    at_most(path("expired_number"), expired, EXPIRED_NUMBER_MAX, "set cache_bytes_max instead")
}

fn http(listener: &Listener, path: Path<'_>) -> Result<(), ConfigError> {
    let why = "a peer that sends no request would hold its slot for ever";
    at_least(path("head_timeout_ms"), listener.head_timeout_ms, 1, why)?;
    let why = "a peer that sends no body would hold its memory for ever";
    at_least(path("body_timeout_ms"), listener.body_timeout_ms, 1, why)?;
    duration(path("head_timeout_ms"), listener.head_timeout_ms)?;
    duration(path("body_timeout_ms"), listener.body_timeout_ms)?;
    let head_bytes = listener.head_bytes_max as u64;
    at_least(path("head_bytes_max"), head_bytes, HEAD_BYTES_MIN, "no browser could ask")?;
    at_most(path("head_bytes_max"), head_bytes, HEAD_BYTES_MAX, "no head is read beyond that")?;
    at_most(
        path("body_bytes_max"),
        listener.body_bytes_max,
        BYTES_MAX,
        "no machine has that much",
    )?;
    websocket::validate(listener, path)
}

fn congestion(name: &str, path: Path<'_>) -> Result<(), ConfigError> {
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if named && (1..=CONGESTION_BYTES_MAX).contains(&name.len()) {
        return Ok(());
    }
    let expected = "the name of a congestion control, such as \"cubic\"";
    let found = name.to_owned();
    Err(ConfigError::at(path("congestion"), ConfigFault::WrongText { expected, found }))
}

/// Two sockets of one server must not meet, the admin port included.
fn addresses(config: &Config) -> Result<(), ConfigError> {
    let admin = config.admin.iter().map(|&address| (String::from("admin"), address));
    let listeners = config.listeners.iter().enumerate();
    let listeners =
        listeners.map(|(index, listener)| (format!("listener[{index}].address"), listener.address));
    let mut taken: Vec<(String, SocketAddr)> = Vec::new();
    for (key, address) in admin.chain(listeners) {
        if let Some((other, _)) = taken.iter().find(|(_, earlier)| meet(*earlier, address)) {
            let other = other.clone();
            return Err(ConfigError::at(key, ConfigFault::AddressTaken { address, other }));
        }
        taken.push((key, address));
    }
    Ok(())
}

/// Whether a connection could mean either address: the unspecified one covers its family, and only
/// that, because listeners of IPv6 take no IPv4. Port 0 never meets anything.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let covers =
        |wide: IpAddr, narrow: IpAddr| wide.is_unspecified() && wide.is_ipv4() == narrow.is_ipv4();
    let (left, right) = (one.ip(), other.ip());
    one.port() != 0
        && one.port() == other.port()
        && (left == right || covers(left, right) || covers(right, left))
}

fn servers(listeners: &[Listener]) -> Result<(), ConfigError> {
    let named = |index: usize| {
        let listener = &listeners[index];
        (listener.kind == ListenerKind::Msg).then_some(&listener.server)
    };
    for index in 0..listeners.len() {
        let Some(server) = named(index) else { continue };
        if let Some(earlier) = (0..index).find(|&earlier| named(earlier) == Some(server)) {
            let key = format!("listener[{index}].server");
            let other = format!("listener[{earlier}].server");
            let server = server.clone();
            return Err(ConfigError::at(key, ConfigFault::ServerTaken { server, other }));
        }
    }
    Ok(())
}

pub(super) fn duration(key: impl Into<String>, value: u64) -> Result<(), ConfigError> {
    at_most(key, value, DURATION_MS_MAX, "that is thirty days")
}

pub(super) fn at_least(
    key: impl Into<String>,
    value: u64,
    minimum: u64,
    why: &'static str,
) -> Result<(), ConfigError> {
    if value >= minimum {
        return Ok(());
    }
    Err(ConfigError::at(key, ConfigFault::BelowMinimum { value, minimum, why }))
}

pub(super) fn at_most(
    key: impl Into<String>,
    value: u64,
    maximum: u64,
    why: &'static str,
) -> Result<(), ConfigError> {
    if value <= maximum {
        return Ok(());
    }
    Err(ConfigError::at(key, ConfigFault::AboveMaximum { value, maximum, why }))
}
