//! The compact form of a signed token, taken apart (RFC 7515, section 7.1).
//!
//! Nothing in here is believed: the header says which key to check with, and a token is its sender's
//! until [`verify`](super::verify) has said otherwise.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{JwtError, TOKEN_BYTES_MAX, json};

/// How a token is signed. No others are spoken: the four cover what issuers offer, and each more would
/// be one more to get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256 and a shared secret (RFC 7518, section 3.2).
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3).
    Rs256,
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    Es256,
    /// Ed25519 (RFC 8037, section 3.1).
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 4] =
        [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

    /// The name in headers and keys.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Hs256 => "HS256",
            Algorithm::Rs256 => "RS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name. Names are compared letter by letter (RFC 7515, section 5.3).
    pub fn named(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// A token in its parts. Its `Debug` is empty: tokens do not belong in logs.
pub struct Jws<'a> {
    algorithm: Algorithm,
    key_id: Option<String>,
    message: &'a [u8],
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl std::fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jws(..)")
    }
}

impl<'a> Jws<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// What the module's header says is refused.
    pub fn parse(token: &'a [u8]) -> Result<Jws<'a>, JwtError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwtError::TooLong { bytes: token.len(), bytes_max: TOKEN_BYTES_MAX });
        }
        let mut parts = token.split(|&byte| byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwtError::Parts);
        };
        let message = &token[..header.len() + 1 + payload.len()];
        let header = json::object(&base64url(header)?)?;
        // An unencoded payload (RFC 7797) would have to be critical, so it is refused here too.
        if header.contains_key("crit") {
            return Err(JwtError::Critical);
        }
        let name = json::text(&header, "alg")?.ok_or(JwtError::Algorithm)?;
        let algorithm = Algorithm::named(name).ok_or(JwtError::Algorithm)?;
        let key_id = json::text(&header, "kid")?.map(str::to_owned);
        let (payload, signature) = (base64url(payload)?, base64url(signature)?);
        Ok(Jws { algorithm, key_id, message, payload, signature })
    }

    /// How it says that it is signed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of the key that it says it is signed with.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What is signed: header and payload as they came.
    pub fn message(&self) -> &'a [u8] {
        self.message
    }

    /// The payload, decoded.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature, decoded; of any length.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// Decodes base64url: no padding, no other letters, no bits left over.
pub(super) fn base64url(text: &[u8]) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwtError::Base64)
}
