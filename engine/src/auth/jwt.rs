//! Lets in whoever shows a JSON Web Token that a known key has signed.
//!
//! What a client sends as its login token is the JWT, as it is, or the JWT behind the server that the
//! user wants: `base64(server)@JWT`. No `@` stands in a JWT. The server is the one in front; or the one of
//! the token's claim; or that of the settings. If the claim is there, what is in front must agree: the
//! issuer has the last word.
//!
//! A JWT is good as often as it is shown until it expires; so let it expire soon. Users of different
//! issuers are different users only if the issuer sees to it: the uid is the claim's value and nothing
//! more.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use skyring_protocols::crypt::base64decode_canonical;
use skyring_protocols::jwt::{
    Jws, JwtError, KEY_SET_BYTES_MAX, KeySet, Rules, SECRET_BYTES_MIN, verify,
};
use zeroize::Zeroizing;

use super::AuthError;
use super::signature::Signatures;
use crate::handler::{Credentials, Denied, Identity};

/// Where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file that holds a shared secret, for HS256, of at least 32 bytes. Line ends behind it do not
    /// belong to it.
    Secret(PathBuf),
    /// A file that holds a JWK Set (RFC 7517), for all algorithms.
    KeySet(PathBuf),
}

/// Whom to let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSettings {
    /// Who may have signed.
    pub keys: KeySource,
    /// What a token must say.
    pub rules: Rules,
    /// The server of a user whose token names none. None: such a login is refused.
    pub server: Option<String>,
}

impl JwtSettings {
    /// These keys, the usual rules, and no server but the one that is named.
    pub fn new(keys: KeySource) -> JwtSettings {
        JwtSettings { keys, rules: Rules::default(), server: None }
    }
}

/// Judges tokens. Its keys are those that the file held when it was made.
#[derive(Debug)]
pub struct Jwt {
    keys: KeySet,
    rules: Rules,
    server: Option<String>,
}

impl Jwt {
    /// Reads the keys, which blocks for a moment: make it with the application, or before.
    ///
    /// # Errors
    /// When there are none to judge with.
    pub fn load(settings: &JwtSettings) -> Result<Jwt, AuthError> {
        let keys = read_keys(&settings.keys)?;
        let (rules, server) = (settings.rules.clone(), settings.server.clone());
        Ok(Jwt { keys, rules, server })
    }

    /// Whose token this is, now.
    ///
    /// # Errors
    /// [`Denied`], whatever the reason: [`Jwt::judge`] tells it.
    pub fn authenticate(&self, shown: &Credentials) -> Result<Identity, Denied> {
        self.judge(&shown.token, now_seconds()).map_err(|_| Denied)
    }

    /// Whose token this is at a time, in seconds since 1970.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn judge(&self, token: &[u8], now_seconds: u64) -> Result<Identity, JwtError> {
        judge(&self.keys, &self.rules, self.server.as_deref(), token, now_seconds)
    }
}

/// Seconds since 1970. Before that no token is valid yet.
pub(super) fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whose token this is by these keys, at a time in seconds since 1970. `server`: whose user it is if it
/// names none.
pub(super) fn judge(
    keys: &KeySet,
    rules: &Rules,
    server: Option<&str>,
    token: &[u8],
    now_seconds: u64,
) -> Result<Identity, JwtError> {
    let (wanted, token) = match token.iter().position(|&byte| byte == b'@') {
        None => (None, token),
        Some(at) => {
            let server = base64decode_canonical(&token[..at]).map_err(|_| JwtError::Base64)?;
            (Some(server), &token[at + 1..])
        }
    };
    let jws = Jws::parse(token)?;
    verify(&jws, keys, &Signatures)?;
    let granted = rules.judge(jws.payload(), now_seconds)?;
    let claimed = granted.server.map(String::into_bytes);
    let server = match (claimed, wanted) {
        (Some(claimed), Some(wanted)) if claimed != wanted => return Err(JwtError::Audience),
        (Some(server), _) | (None, Some(server)) => server,
        (None, None) => server.ok_or(JwtError::Missing("of the server"))?.as_bytes().to_vec(),
    };
    Ok(Identity { uid: granted.uid.into_bytes(), server })
}

/// The keys that a source holds now.
pub(super) fn read_keys(source: &KeySource) -> Result<KeySet, AuthError> {
    match source {
        KeySource::Secret(path) => {
            let mut secret = read(path)?;
            let end = secret.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
            secret.truncate(end.map_or(0, |last| last + 1));
            KeySet::of_secret(secret).ok_or_else(|| AuthError::ShortSecret(path.clone()))
        }
        KeySource::KeySet(path) => {
            let keys = KeySet::parse(&read(path)?)
                .map_err(|reason| AuthError::KeySet { path: path.clone(), reason })?;
            if keys.is_empty() { Err(AuthError::NoKeys(path.clone())) } else { Ok(keys) }
        }
    }
}

/// A file's content, and of a file that is too long as much as shows that it is.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, AuthError> {
    let unreadable = |source| AuthError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let bytes_max = KEY_SET_BYTES_MAX as u64 + 1;
    // All of the room at once: a buffer that grows leaves copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(KEY_SET_BYTES_MAX + 1 + SECRET_BYTES_MIN));
    file.take(bytes_max).read_to_end(&mut content).map_err(unreadable)?;
    Ok(content)
}
