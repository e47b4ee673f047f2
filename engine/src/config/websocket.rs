//! The keys of an http listener that are about WebSockets.

use super::error::{ConfigError, ConfigFault};
use super::section::Section;
use super::validate::{BYTES_MAX, Path, at_least, at_most, duration};
use super::{Listener, ListenerKind};

/// Bytes of a message, unless the listener says otherwise.
pub(super) const MESSAGE_BYTES_DEFAULT: usize = 1 << 20;
/// Frames of a message, likewise.
pub(super) const FRAGMENTS_DEFAULT: u32 = 1024;
/// Below what the usual proxies take for a dead connection.
pub(super) const PING_INTERVAL_MS_DEFAULT: u64 = 30_000;
pub(super) const CLOSE_TIMEOUT_MS_DEFAULT: u64 = 5_000;

/// What the demo's listeners take: as much as suites of test cases send.
const LARGE_MESSAGE_BYTES: usize = 16 << 20;
const LARGE_MESSAGE_FRAGMENTS: u32 = 1 << 17;

/// What every frame that is no part of a message may hold (RFC 6455, section 5.5).
const MESSAGE_BYTES_MIN: u64 = 125;

/// Keys of an http listener, and of no other.
pub(super) const KEYS: [&str; 7] = [
    "message_bytes_max",
    "fragments_max",
    "ping_interval_ms",
    "close_timeout_ms",
    "compression",
    "origins",
    "subprotocols",
];

/// A listener of the demo: one for http takes messages of any size that somebody might try.
pub(super) fn of_demo(kind: ListenerKind) -> Listener {
    let listener = Listener::new(kind);
    if kind != ListenerKind::Http {
        return listener;
    }
    let (message_bytes_max, fragments_max) = (LARGE_MESSAGE_BYTES, LARGE_MESSAGE_FRAGMENTS);
    Listener { message_bytes_max, fragments_max, ..listener }
}

/// Reads the keys that are there.
pub(super) fn parse(section: &Section<'_>, listener: &mut Listener) -> Result<(), ConfigError> {
    section.set("message_bytes_max", &mut listener.message_bytes_max)?;
    section.set("fragments_max", &mut listener.fragments_max)?;
    section.set("ping_interval_ms", &mut listener.ping_interval_ms)?;
    section.set("close_timeout_ms", &mut listener.close_timeout_ms)?;
    section.set("compression", &mut listener.compression)?;
    section.set("origins", &mut listener.origins)?;
    section.set("subprotocols", &mut listener.subprotocols)
}

/// The first of these keys that was set on a listener of another kind.
pub(super) fn misplaced(listener: &Listener) -> Option<&'static str> {
    let fresh = Listener::new(listener.kind);
    let changed = [
        listener.message_bytes_max != fresh.message_bytes_max,
        listener.fragments_max != fresh.fragments_max,
        listener.ping_interval_ms != fresh.ping_interval_ms,
        listener.close_timeout_ms != fresh.close_timeout_ms,
        listener.compression != fresh.compression,
        listener.origins != fresh.origins,
        listener.subprotocols != fresh.subprotocols,
    ];
    let first = changed.iter().position(|changed| *changed)?;
    (listener.kind != ListenerKind::Http).then_some(KEYS[first])
}

/// Refuses what cannot work on an http listener.
pub(super) fn validate(listener: &Listener, path: Path<'_>) -> Result<(), ConfigError> {
    let message_bytes = listener.message_bytes_max as u64;
    let why = "even a ping may hold so much";
    at_least(path("message_bytes_max"), message_bytes, MESSAGE_BYTES_MIN, why)?;
    at_most(path("message_bytes_max"), message_bytes, BYTES_MAX, "no machine has that much")?;
    let why = "no message could be sent";
    at_least(path("fragments_max"), listener.fragments_max.into(), 1, why)?;
    duration(path("ping_interval_ms"), listener.ping_interval_ms)?;
    let why = "no peer could answer a close";
    at_least(path("close_timeout_ms"), listener.close_timeout_ms, 1, why)?;
    duration(path("close_timeout_ms"), listener.close_timeout_ms)?;
    for origin in &listener.origins {
        if !is_origin(origin) {
            let expected = "origins as browsers write them, such as \"https://game.example\"";
            let found = origin.clone();
            return Err(ConfigError::at(
                path("origins"),
                ConfigFault::WrongText { expected, found },
            ));
        }
    }
    for name in &listener.subprotocols {
        if !is_token(name) {
            let expected = "names of sub-protocols, without spaces and separators";
            let found = name.clone();
            let fault = ConfigFault::WrongText { expected, found };
            return Err(ConfigError::at(path("subprotocols"), fault));
        }
    }
    Ok(())
}

/// Whether it is a scheme, a host and perhaps a port, or `null` (RFC 6454, section 7).
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return text == "null" };
    let is_host_byte = |byte: u8| byte.is_ascii_graphic() && !b"/?#@".contains(&byte);
    is_token(scheme) && !host.is_empty() && host.bytes().all(is_host_byte)
}

/// Whether it is a token (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_byte)
}
