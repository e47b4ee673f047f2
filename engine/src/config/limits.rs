//! How often peers of a listener may do something.

use super::error::ConfigError;
use super::section::Section;
use super::{Listener, ListenerKind};

/// The rates of a listener. All are off (0) by default: what is much for one game is little for
/// another, and behind one address may be a whole town. A bucket holds as much as one period gives, so
/// that much may come at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// New connections a second from one address (IPv6: one /64); more are closed at once. 0: unlimited.
    pub connections_per_second_per_address: u32,
    /// New connections a second that are taken in, over all shards, each of which has its part and at
    /// least one; more wait in the kernel's queue. 0: as many as come.
    pub accepts_per_second: u32,
    /// login, http (logins over WebSocket): logins a minute from one address (IPv6: one /64); more are
    /// answered 429 (WIRE.md, L17). 0: unlimited.
    pub logins_per_minute_per_address: u32,
    /// login, http: logins a minute of one user whose token is believed; more are answered 429.
    /// 0: unlimited.
    pub logins_per_minute_per_user: u32,
    /// msg, gate, http (WebSockets): messages a second of one session, gate connection or WebSocket.
    /// One that has sent more is not read until its time has come. 0: unlimited.
    pub messages_per_second: u32,
    /// msg, gate, http (WebSockets): bytes of messages a second, likewise. One message of any length
    /// passes, and is waited for afterwards. 0: unlimited.
    pub bytes_per_second: u64,
}

/// The keys of these limits, and the kinds of listeners that have a use for them; none: all kinds.
pub(super) const KEYS_OF_KINDS: [(&str, &[ListenerKind]); 4] = [
    ("logins_per_minute_per_address", &[ListenerKind::Login, ListenerKind::Http]),
    ("logins_per_minute_per_user", &[ListenerKind::Login, ListenerKind::Http]),
    ("messages_per_second", &[ListenerKind::Msg, ListenerKind::Gate, ListenerKind::Http]),
    ("bytes_per_second", &[ListenerKind::Msg, ListenerKind::Gate, ListenerKind::Http]),
];

/// Reads the keys that are there.
pub(super) fn parse(section: &Section<'_>, limits: &mut Limits) -> Result<(), ConfigError> {
    section.set(
        "connections_per_second_per_address",
        &mut limits.connections_per_second_per_address,
    )?;
    section.set("accepts_per_second", &mut limits.accepts_per_second)?;
    section.set("logins_per_minute_per_address", &mut limits.logins_per_minute_per_address)?;
    section.set("logins_per_minute_per_user", &mut limits.logins_per_minute_per_user)?;
    section.set("messages_per_second", &mut limits.messages_per_second)?;
    section.set("bytes_per_second", &mut limits.bytes_per_second)
}

/// The first limit that was set on a listener of a kind that has no use for it.
pub(super) fn misplaced(listener: &Listener) -> Option<&'static str> {
    let limits = &listener.limits;
    let is_set = [
        limits.logins_per_minute_per_address > 0,
        limits.logins_per_minute_per_user > 0,
        limits.messages_per_second > 0,
        limits.bytes_per_second > 0,
    ];
    let mut keys = KEYS_OF_KINDS.iter().zip(is_set);
    let found = keys.find(|((_, kinds), is_set)| *is_set && !kinds.contains(&listener.kind));
    found.map(|((key, _), _)| *key)
}
