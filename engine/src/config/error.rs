//! Why a configuration is refused: which file, which key, what for.
//!
//! A key is written as a path from the top of the file. Entries of a list count from 0, so
//! `listener[1].maxclient` is the key `maxclient` of the second `[[listener]]`.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;

use skyring_protocols::Blame;
use thiserror::Error;

use super::ListenerKind;

/// A configuration that is refused.
#[derive(Clone, Debug, PartialEq, Error)]
pub struct ConfigError {
    /// The file. None: the configuration was put together by the program.
    pub file: Option<String>,
    /// The path of the key, such as `listener[1].maxclient`. Empty: the file as a whole.
    pub key: String,
    /// What is wrong with it.
    pub reason: ConfigFault,
}

impl ConfigError {
    /// An error about one key.
    pub(super) fn at(key: impl Into<String>, reason: ConfigFault) -> ConfigError {
        ConfigError { file: None, key: key.into(), reason }
    }

    /// An error about the file as a whole.
    pub(super) fn whole(reason: ConfigFault) -> ConfigError {
        ConfigError::at("", reason)
    }

    /// The same error with the file's name.
    pub(super) fn in_file(mut self, file: &str) -> ConfigError {
        self.file = Some(file.to_owned());
        self
    }

    /// Who must change something. A peer never can.
    pub fn blame(&self) -> Blame {
        match self.reason {
            ConfigFault::BelowMinimum { .. } | ConfigFault::AboveMaximum { .. } => Blame::Limit,
            _ => Blame::Caller,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file.as_deref().unwrap_or("configuration"))?;
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// What is wrong with a key or a file.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ConfigFault {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(ErrorKind),
    /// The text is no TOML.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What the TOML parser says.
        message: String,
    },
    /// No such key; a wrong one is never skipped, because its author meant something by it.
    #[error("no such key; the keys here are {}", known.join(", "))]
    UnknownKey {
        /// The keys that exist at this place.
        known: &'static [&'static str],
    },
    /// A key without which the rest means nothing.
    #[error("missing; it must be {expected}")]
    Missing {
        /// What belongs there.
        expected: &'static str,
    },
    /// A value of the wrong type, or outside what its type can hold.
    #[error("must be {expected}, not {found}")]
    WrongType {
        /// What belongs there.
        expected: &'static str,
        /// What stands there, as TOML.
        found: String,
    },
    /// A number that is too small to work with.
    #[error("must be at least {minimum}, not {value}: {why}")]
    BelowMinimum {
        /// The number, in the key's unit.
        value: u64,
        /// The smallest that works, in the key's unit.
        minimum: u64,
        /// What would happen.
        why: &'static str,
    },
    /// A number that is too large to work with.
    #[error("must be at most {maximum}, not {value}: {why}")]
    AboveMaximum {
        /// The number, in the key's unit.
        value: u64,
        /// The largest that works, in the key's unit.
        maximum: u64,
        /// What would happen.
        why: &'static str,
    },
    /// A key that this kind of listener has no use for.
    #[error("means nothing on a {kind} listener")]
    NotOnKind {
        /// The listener's kind.
        kind: ListenerKind,
    },
    /// A text that cannot be what the key names.
    #[error("must be {expected}, not {found:?}")]
    WrongText {
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A certificate is either read from files or made at start.
    #[error("cannot be true where certificates are named")]
    CertificatesNamed,
    /// A server without listeners would serve nobody.
    #[error("at least one listener is needed")]
    NoListeners,
    /// Two sockets cannot share an address and port.
    #[error("{address} is taken by {other}")]
    AddressTaken {
        /// The address of this key.
        address: SocketAddr,
        /// The key that has it already.
        other: String,
    },
    /// Every msg listener needs a server name of its own: it is part of every username.
    #[error("server name {server:?} is taken by {other}")]
    ServerTaken {
        /// The name.
        server: String,
        /// The key that has it already.
        other: String,
    },
    /// A processor that does not exist or that the process may not run on.
    #[error("processor {processor} is not among those the process may run on, {allowed:?}")]
    NoSuchProcessor {
        /// The processor's number.
        processor: usize,
        /// The numbers that would do.
        allowed: Vec<usize>,
    },
    /// A processor named twice.
    #[error("processor {processor} is named twice; set `shards` for more shards than cores")]
    ProcessorTwice {
        /// The processor's number.
        processor: usize,
    },
}
