//! Why an authenticator cannot be made.

use std::io;
use std::path::PathBuf;

use skyring_protocols::Blame;
use skyring_protocols::jwt::{JwtError, SECRET_BYTES_MIN};

use crate::transport::tls::SetupError;

/// Why an authenticator cannot be made. No text of a key is in it.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The file cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no key set.
    #[error("{path} is no key set: {reason}", path = .path.display())]
    KeySet {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: JwtError,
    },
    /// Nobody could ever log in.
    #[error("{path} has no key for HS256, RS256, ES256 or EdDSA that is strong enough", path = .0.display())]
    NoKeys(PathBuf),
    /// A secret that can be guessed.
    #[error("{path} must hold at least {SECRET_BYTES_MIN} bytes", path = .0.display())]
    ShortSecret(PathBuf),
    /// A secret that cannot go along in a header.
    #[error("{path} must hold one word of printable ASCII", path = .0.display())]
    Bearer(PathBuf),
    /// The authorities cannot be used.
    #[error(transparent)]
    Authorities(#[from] SetupError),
}

impl AuthError {
    /// Who must change something.
    pub fn blame(&self) -> Blame {
        match self {
            AuthError::ShortSecret(_) => Blame::Limit,
            AuthError::Unreadable { .. }
            | AuthError::KeySet { .. }
            | AuthError::NoKeys(_)
            | AuthError::Bearer(_)
            | AuthError::Authorities(_) => Blame::Caller,
        }
    }
}
