//! What a token that is genuine says, and whether that lets its bearer in (RFC 7519, section 4.1).
//!
//! Times are seconds since 1970. `exp` must be there: a token that never ends cannot be taken back.

use serde_json::{Map, Value};

use super::{JwtError, json};

/// What a token must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Who must have issued it (`iss`). None: anybody whose key is known.
    pub issuer: Option<String>,
    /// For whom it must be (`aud`, which may be a list). None: for anybody, and then a token that was
    /// made for another service of the same issuer is good here too.
    pub audience: Option<String>,
    /// The claim that holds the user's name: a text or a whole number.
    pub uid_claim: String,
    /// Bytes of that name, at most.
    pub uid_bytes_max: usize,
    /// The claim that names the msg listener's server that the user wants.
    pub server_claim: String,
    /// Seconds that the issuer's clock may differ from ours.
    pub leeway_seconds: u32,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            issuer: None,
            audience: None,
            uid_claim: String::from("sub"),
            uid_bytes_max: 128,
            server_claim: String::from("server"),
            leeway_seconds: 30,
        }
    }
}

/// What a token grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The user's name.
    pub uid: String,
    /// The server that it names, if it does.
    pub server: Option<String>,
    /// When it ends, in seconds since 1970.
    pub expires_seconds: u64,
}

impl Rules {
    /// Judges the claims of a token whose signature is good. `now_seconds`: since 1970.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn judge(&self, payload: &[u8], now_seconds: u64) -> Result<Granted, JwtError> {
        let claims = json::object(payload)?;
        let leeway = u64::from(self.leeway_seconds);
        let expires_seconds = time(&claims, "exp")?.ok_or(JwtError::Missing("exp"))?;
        if now_seconds >= expires_seconds.saturating_add(leeway) {
            return Err(JwtError::Expired);
        }
        for name in ["nbf", "iat"] {
            if time(&claims, name)?.is_some_and(|at| at > now_seconds.saturating_add(leeway)) {
                return Err(JwtError::NotYet);
            }
        }
        self.judge_parties(&claims)?;
        let uid = self.uid(&claims)?;
        let server = match claims.get(&self.server_claim) {
            None => None,
            Some(Value::String(server)) => Some(server.clone()),
            Some(_) => return Err(JwtError::WrongType("the claim of the server")),
        };
        Ok(Granted { uid, server, expires_seconds })
    }

    fn judge_parties(&self, claims: &Map<String, Value>) -> Result<(), JwtError> {
        let issuer = json::text(claims, "iss")?;
        if self.issuer.as_deref().is_some_and(|expected| issuer != Some(expected)) {
            return Err(JwtError::Issuer);
        }
        let Some(expected) = self.audience.as_deref() else { return Ok(()) };
        let meant = match claims.get("aud") {
            Some(Value::String(one)) => one == expected,
            Some(Value::Array(several)) => several.iter().any(|one| one == expected),
            _ => false,
        };
        if meant { Ok(()) } else { Err(JwtError::Audience) }
    }

    fn uid(&self, claims: &Map<String, Value>) -> Result<String, JwtError> {
        let uid = match claims.get(&self.uid_claim) {
            Some(Value::String(uid)) => uid.clone(),
            Some(Value::Number(number)) if number.is_u64() => number.to_string(),
            Some(_) => return Err(JwtError::WrongType("the claim of the user")),
            None => return Err(JwtError::Missing("of the user")),
        };
        if uid.is_empty() || uid.len() > self.uid_bytes_max {
            return Err(JwtError::Uid);
        }
        Ok(uid)
    }
}

/// A time in whole seconds; part of a second is dropped.
fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, JwtError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    if let Some(seconds) = value.as_u64() {
        return Ok(Some(seconds));
    }
    match value.as_f64() {
        // The conversion stops at the largest number; a number from JSON is finite.
        Some(seconds) if seconds >= 0.0 => Ok(Some(seconds as u64)),
        _ => Err(JwtError::WrongType(name)),
    }
}
