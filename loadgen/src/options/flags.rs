//! The flags of a command line, before they mean anything: which there are, and which take a value.

use std::ffi::OsString;

use lexopt::prelude::*;

use super::Options;

/// A flag of a command line.
pub(super) struct Flag {
    pub(super) name: String,
    pub(super) value: Option<String>,
}

/// The flags of a command line. None: it asks for help.
pub(super) fn read_flags(arguments: Vec<OsString>) -> Result<Option<Vec<Flag>>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut flags = Vec::new();
    while let Some(argument) = parser.next()? {
        let name = match argument {
            Short('h') | Long("help") => return Ok(None),
            Short('V') => String::from("version"),
            Long(name) => String::from(name),
            other => return Err(other.unexpected()),
        };
        let is_switch = name == "version" || Options::default().switch_on(&name);
        if !is_switch && !VALUED.contains(&name.as_str()) {
            return Err(format!("unknown flag --{name}; see --help").into());
        }
        let value = if is_switch { None } else { Some(parser.value()?.string()?) };
        flags.push(Flag { name, value });
    }
    Ok(Some(flags))
}

/// Flags of a load, which a scenario describes itself.
pub(super) const OF_THE_LOAD: [&str; 9] =
    ["http-get", "ws-text", "rate", "seconds", "warm", "think", "payload", "churn", "storm"];

/// Flags that `[connect]` of a scenario may give, and the number of users.
pub(super) const OF_A_FILE: [&str; 31] = [
    "login",
    "msg",
    "gate",
    "http",
    "http-close",
    "ws",
    "ws-login",
    "ws-msg",
    "ws-share",
    "ws-deflate",
    "tls",
    "tls-ca",
    "tls-pin",
    "tls-name",
    "tls-full",
    "v2",
    "sources",
    "server",
    "user-prefix",
    "password",
    "users",
    "subset",
    "depth",
    "drop",
    "hold",
    "drain",
    "connects-per-second",
    "connecting",
    "shards",
    "skynet",
    "spin",
];

/// Flags that take a value. Known before the value is asked for, so that a misspelt flag is named
/// as such.
pub(crate) const VALUED: [&str; 41] = [
    "login",
    "msg",
    "gate",
    "http",
    "http-get",
    "ws",
    "ws-login",
    "ws-msg",
    "ws-share",
    "tls-ca",
    "tls-pin",
    "tls-name",
    "v2",
    "sources",
    "server",
    "user-prefix",
    "password",
    "scenario",
    "threshold",
    "json",
    "html",
    "hlog",
    "payload",
    "seconds",
    "warm",
    "hold",
    "think",
    "storm",
    "drain",
    "late-ms",
    "subset",
    "drop",
    "churn",
    "users",
    "rate",
    "depth",
    "connects-per-second",
    "connecting",
    "shards",
    "pid",
    "seed",
];
