//! The keys of a listener about the secure handshake.

use std::path::PathBuf;

use super::error::{ConfigError, ConfigFault};
use super::section::Section;
use super::validate::Path;
use super::{Listener, ListenerKind};

/// Which versions of the handshake a listener takes (WIRE.md, V10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Handshake {
    /// Only Skynet's.
    V1,
    /// Only the secure one.
    V2,
    /// Either, as the client begins; without an identity a login listener speaks version 1 only.
    #[default]
    Both,
}

/// The keys, and the kinds of listeners that have a use for them.
pub(super) const KEYS_OF_KINDS: [(&str, &[ListenerKind]); 2] = [
    ("handshake", &[ListenerKind::Login, ListenerKind::Msg, ListenerKind::Http]),
    ("identity", &[ListenerKind::Login, ListenerKind::Http]),
];

/// Reads the keys that are there.
pub(super) fn parse(section: &Section<'_>, listener: &mut Listener) -> Result<(), ConfigError> {
    section.set("handshake", &mut listener.handshake)?;
    listener.identity = section.optional::<String>("identity")?.map(PathBuf::from);
    Ok(())
}

/// The first of these keys that was set on a listener of a kind that has no use for it.
pub(super) fn misplaced(listener: &Listener) -> Option<&'static str> {
    let is_set = [listener.handshake != Handshake::Both, listener.identity.is_some()];
    let mut keys = KEYS_OF_KINDS.iter().zip(is_set);
    let found = keys.find(|((_, kinds), is_set)| *is_set && !kinds.contains(&listener.kind));
    found.map(|((key, _), _)| *key)
}

/// Refuses what cannot work.
pub(super) fn validate(listener: &Listener, path: Path<'_>) -> Result<(), ConfigError> {
    let logs_in = matches!(listener.kind, ListenerKind::Login | ListenerKind::Http);
    if logs_in && listener.handshake == Handshake::V2 && listener.identity.is_none() {
        let expected = "the path of a key file, because handshake is \"v2\"";
        return Err(ConfigError::at(path("identity"), ConfigFault::Missing { expected }));
    }
    Ok(())
}
