//! What the configuration says about who judges tokens.

use std::path::PathBuf;
use std::time::Duration;

use skyring_protocols::jwt::Rules;

use super::JwtSettings;

/// Connections of one shard to a service, and logins that wait for one, unless it is set.
const CONNECTIONS_MAX: usize = 16;
const WAITING_MAX: usize = 1_024;

/// Who judges tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuthSettings {
    /// The application.
    #[default]
    Application,
    /// Keys in a file, read at start and again at SIGHUP
    /// ([`ServerHandle::reload_auth`](crate::server::ServerHandle::reload_auth)).
    Jwt(JwtSettings),
    /// Keys that are fetched.
    JwtByUrl(JwtUrlSettings),
    /// A service.
    Callback(CallbackSettings),
}

/// Keys that are fetched by HTTP, as a JWK Set of at most 256 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtUrlSettings {
    /// Where they are: `https`, or `http` on this machine.
    pub url: String,
    /// Authorities of its certificate, PEM. None: the system's.
    pub ca: Option<PathBuf>,
    /// From one fetch to the next.
    pub refresh: Duration,
    /// From one fetch that failed to the next, and the least time from any to one that a token of an unknown key
    /// asks for.
    pub retry: Duration,
    /// How old keys may become when they cannot be fetched; then nobody can log in.
    pub stale_max: Duration,
    /// What a token must say.
    pub rules: Rules,
    /// The server of a user whose token names none. None: such a login is refused.
    pub server: Option<String>,
}

/// A service that is asked about every token, with `POST` and a JSON object:
///
/// ```json
/// { "token": "base64 of the token", "peer": "192.0.2.7" }
/// ```
///
/// `200` with `{ "uid": "ann", "server": "sample" }` lets in; the server may be left out if `server` is set. 401 and
/// 403 refuse. Whatever else comes, or nothing in time, is an outage: the login is answered 503. The copy of the token
/// that goes out is not wiped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackSettings {
    /// Where it is: `https`, or `http` on this machine.
    pub url: String,
    /// A file with a secret of one line that goes along as `Authorization: Bearer`. None: nothing does.
    pub bearer: Option<PathBuf>,
    /// Authorities of its certificate, PEM. None: the system's.
    pub ca: Option<PathBuf>,
    /// Time for an answer, waiting for a connection included.
    pub timeout: Duration,
    /// Connections of one shard to it at once.
    pub connections_max: usize,
    /// Logins of one shard that wait for one of these; more are answered 503 at once.
    pub waiting_max: usize,
    /// The server of a user whose answer names none. None: such an answer is an outage.
    pub server: Option<String>,
}

impl JwtUrlSettings {
    /// Keys from there, fetched every 5 minutes and good for a day, tried again after 5 s, and the usual rules.
    pub fn new(url: impl Into<String>) -> JwtUrlSettings {
        JwtUrlSettings {
            url: url.into(),
            ca: None,
            refresh: Duration::from_secs(300),
            retry: Duration::from_secs(5),
            stale_max: Duration::from_secs(86_400),
            rules: Rules::default(),
            server: None,
        }
    }
}

impl CallbackSettings {
    /// This service, with 3 s for an answer, 16 connections a shard and 1024 that wait for one.
    pub fn new(url: impl Into<String>) -> CallbackSettings {
        CallbackSettings {
            url: url.into(),
            bearer: None,
            ca: None,
            timeout: Duration::from_secs(3),
            connections_max: CONNECTIONS_MAX,
            waiting_max: WAITING_MAX,
            server: None,
        }
    }
}
