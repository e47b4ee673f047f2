//! The table `[auth]`: who judges login tokens.

use std::path::PathBuf;
use std::time::Duration;

use skyring_protocols::http1::host::Host;
use skyring_protocols::http1::url::{Scheme, Url};
use skyring_protocols::jwt::Rules;
use toml::Table;

use super::error::{ConfigError, ConfigFault};
use super::section::{FromValue, Section};
use super::validate::{at_least, at_most, duration};
use crate::auth::{AuthSettings, CallbackSettings, JwtSettings, JwtUrlSettings, KeySource};

/// Seconds by which an issuer's clock may be allowed to differ.
const LEEWAY_SECONDS_MAX: u64 = 3600;

/// Which of the settings a table is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Application,
    Jwt,
    Callback,
}

impl FromValue for Kind {
    const EXPECTED: &'static str = "\"application\", \"jwt\" or \"callback\"";

    fn from_value(value: &toml::Value) -> Option<Kind> {
        match value.as_str()? {
            "application" => Some(Kind::Application),
            "jwt" => Some(Kind::Jwt),
            "callback" => Some(Kind::Callback),
            _ => None,
        }
    }
}

const APPLICATION_KEYS: &[&str] = &["kind"];
const JWT_KEYS: &[&str] = &[
    "kind",
    "secret",
    "keys",
    "keys_url",
    "ca",
    "refresh_ms",
    "retry_ms",
    "stale_ms_max",
    "issuer",
    "audience",
    "uid_claim",
    "uid_bytes_max",
    "server_claim",
    "leeway_seconds",
    "server",
];
const CALLBACK_KEYS: &[&str] = &[
    "kind",
    "url",
    "bearer",
    "ca",
    "timeout_ms",
    "connections_per_shard_max",
    "waiting_per_shard_max",
    "server",
];
/// Keys of tokens by URL only.
const URL_KEYS: [&str; 4] = ["ca", "refresh_ms", "retry_ms", "stale_ms_max"];

/// Reads the table.
pub(super) fn parse(table: &Table) -> Result<AuthSettings, ConfigError> {
    let every = match table.get("kind").and_then(Kind::from_value) {
        Some(Kind::Jwt) => JWT_KEYS,
        Some(Kind::Callback) => CALLBACK_KEYS,
        // Without a kind, or with a wrong one, that is what is told.
        Some(Kind::Application) => APPLICATION_KEYS,
        None => return Err(kind_missing(table)),
    };
    let section = Section::new("auth", table, every)?;
    match section.required("kind")? {
        Kind::Application => Ok(AuthSettings::Application),
        Kind::Jwt => jwt(&section),
        Kind::Callback => callback(&section).map(AuthSettings::Callback),
    }
}

fn kind_missing(table: &Table) -> ConfigError {
    let expected = Kind::EXPECTED;
    let fault = match table.get("kind") {
        None => ConfigFault::Missing { expected },
        Some(found) => ConfigFault::WrongType { expected, found: found.to_string() },
    };
    ConfigError::at("auth.kind", fault)
}

fn jwt(section: &Section<'_>) -> Result<AuthSettings, ConfigError> {
    let (rules, server) = (rules(section)?, section.optional("server")?);
    let path = |key| Ok(section.optional::<String>(key)?.map(PathBuf::from));
    let (secret, keys) = (path("secret")?, path("keys")?);
    let url: Option<String> = section.optional("keys_url")?;
    let source = match (secret, keys, url) {
        (Some(path), None, None) => KeySource::Secret(path),
        (None, Some(path), None) => KeySource::KeySet(path),
        (None, None, Some(url)) => {
            let mut settings = JwtUrlSettings { rules, server, ..JwtUrlSettings::new(url) };
            settings.ca = path("ca")?;
            milliseconds(section, "refresh_ms", &mut settings.refresh)?;
            milliseconds(section, "retry_ms", &mut settings.retry)?;
            milliseconds(section, "stale_ms_max", &mut settings.stale_max)?;
            return Ok(AuthSettings::JwtByUrl(settings));
        }
        _ => {
            let expected = "exactly one of secret, keys and keys_url";
            return Err(ConfigError::at("auth", ConfigFault::Missing { expected }));
        }
    };
    if let Some(key) = URL_KEYS.into_iter().find(|key| section.has(key)) {
        let (expected, found) = ("absent, where there is no keys_url", String::from("a value"));
        let fault = ConfigFault::WrongText { expected, found };
        return Err(ConfigError::at(section.key(key), fault));
    }
    Ok(AuthSettings::Jwt(JwtSettings { keys: source, rules, server }))
}

fn rules(section: &Section<'_>) -> Result<Rules, ConfigError> {
    let (issuer, audience) = (section.optional("issuer")?, section.optional("audience")?);
    let mut rules = Rules { issuer, audience, ..Rules::default() };
    section.set("uid_claim", &mut rules.uid_claim)?;
    section.set("uid_bytes_max", &mut rules.uid_bytes_max)?;
    section.set("server_claim", &mut rules.server_claim)?;
    section.set("leeway_seconds", &mut rules.leeway_seconds)?;
    Ok(rules)
}

fn callback(section: &Section<'_>) -> Result<CallbackSettings, ConfigError> {
    let mut settings = CallbackSettings::new(section.required::<String>("url")?);
    settings.bearer = section.optional::<String>("bearer")?.map(PathBuf::from);
    settings.ca = section.optional::<String>("ca")?.map(PathBuf::from);
    settings.server = section.optional("server")?;
    milliseconds(section, "timeout_ms", &mut settings.timeout)?;
    section.set("connections_per_shard_max", &mut settings.connections_max)?;
    section.set("waiting_per_shard_max", &mut settings.waiting_max)?;
    Ok(settings)
}

fn milliseconds(section: &Section<'_>, key: &str, field: &mut Duration) -> Result<(), ConfigError> {
    if let Some(milliseconds) = section.optional(key)? {
        *field = Duration::from_millis(milliseconds);
    }
    Ok(())
}

/// Refuses what cannot work.
pub(super) fn validate(auth: &AuthSettings) -> Result<(), ConfigError> {
    match auth {
        AuthSettings::Application => Ok(()),
        AuthSettings::Jwt(settings) => sensible(&settings.rules),
        AuthSettings::JwtByUrl(settings) => {
            safe("auth.keys_url", &settings.url)?;
            lasts("auth.refresh_ms", settings.refresh)?;
            lasts("auth.retry_ms", settings.retry)?;
            lasts("auth.stale_ms_max", settings.stale_max)?;
            let least_ms = (settings.refresh + settings.retry).as_millis() as u64;
            let why =
                "refresh_ms and retry_ms: keys would be too old before they are fetched again";
            at_least("auth.stale_ms_max", settings.stale_max.as_millis() as u64, least_ms, why)?;
            sensible(&settings.rules)
        }
        AuthSettings::Callback(settings) => {
            safe("auth.url", &settings.url)?;
            lasts("auth.timeout_ms", settings.timeout)?;
            let (connections, waiting) = (settings.connections_max, settings.waiting_max);
            let why = "nobody could ask";
            at_least("auth.connections_per_shard_max", connections as u64, 1, why)?;
            at_least("auth.waiting_per_shard_max", waiting as u64, 1, why)
        }
    }
}

/// A duration that is some time and not for ever.
fn lasts(key: &str, value: Duration) -> Result<(), ConfigError> {
    let milliseconds = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    at_least(key, milliseconds, 1, "no time is too little")?;
    duration(key, milliseconds)
}

fn sensible(rules: &Rules) -> Result<(), ConfigError> {
    let leeway_seconds = rules.leeway_seconds.into();
    at_most("auth.leeway_seconds", leeway_seconds, LEEWAY_SECONDS_MAX, "tokens must expire")?;
    let name = &rules.uid_claim;
    wrong_text(!name.is_empty(), "auth.uid_claim", "the name of a claim", name)
}

/// Tokens and keys travel there: whoever can read or change them lets in whom he likes.
fn safe(key: &str, url: &str) -> Result<(), ConfigError> {
    let is_safe = Url::parse(url).is_ok_and(|url| url.scheme() == Scheme::Https || is_here(&url));
    let expected = "an https URL, or an http URL of this machine (localhost, 127.0.0.1, [::1])";
    wrong_text(is_safe, key, expected, url)
}

/// Refuses a text unless it is right.
fn wrong_text(
    is_right: bool,
    key: &str,
    expected: &'static str,
    found: &str,
) -> Result<(), ConfigError> {
    let fault = || ConfigFault::WrongText { expected, found: found.to_owned() };
    if is_right { Ok(()) } else { Err(ConfigError::at(key, fault())) }
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Host::Name(name) => name == "localhost",
        Host::V4(address) => address.is_loopback(),
        Host::V6(address) => address.is_loopback(),
    }
}
