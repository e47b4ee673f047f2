//! Who a server is in the secure handshake: an Ed25519 key in a file (WIRE V2).
//!
//! The file holds the base64 of the 32 bytes that the key is made of, on one line, and nobody but its owner may read
//! it. `skyring keygen` makes one; `skyring public-key` shows what clients must know.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use skyring_protocols::crypt::{base64decode_canonical, base64encode};
use skyring_protocols::secure::SigningKey;
use zeroize::Zeroizing;

/// Bytes of a file of which no more is read: it holds one short line.
const FILE_BYTES_MAX: u64 = 4_096;
/// Permissions of anybody but the owner.
const OTHERS: u32 = 0o077;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read the file.
    #[error("{}: others may read it (mode {mode:o}); chmod 600 it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds something else.
    #[error("{}: not the base64 of the 32 bytes of an Ed25519 key", path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
}

/// The identity of a listener.
pub struct ServerIdentity {
    path: PathBuf,
    now: RwLock<Arc<SigningKey>>,
}

impl std::fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerIdentity({})", self.path.display())
    }
}

impl ServerIdentity {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(path: &Path) -> Result<ServerIdentity, IdentityError> {
        let now = RwLock::new(Arc::new(read(path)?));
        Ok(ServerIdentity { path: path.to_owned(), now })
    }

    /// The identity of a simulated server, which reads no files.
    #[cfg(test)]
    pub(crate) fn of(key: SigningKey) -> ServerIdentity {
        ServerIdentity { path: PathBuf::new(), now: RwLock::new(Arc::new(key)) }
    }

    /// Reads the file again; a bad one leaves what there is.
    ///
    /// # Errors
    /// As [`ServerIdentity::load`].
    pub fn reload(&self) -> Result<(), IdentityError> {
        let key = Arc::new(read(&self.path)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(())
    }

    /// The key of the moment.
    pub fn key(&self) -> Arc<SigningKey> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What clients must know of it, in base64.
    pub fn public_text(&self) -> String {
        base64encode(&self.key().public().to_bytes())
    }

    /// Makes a new key and writes it to a file that must not exist; what clients must know of it, in base64.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn generate(path: &Path) -> Result<String, IdentityError> {
        let failed = |source| IdentityError::File { path: path.to_owned(), source };
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| failed(io::Error::other(error.to_string())))?;
        let text = Zeroizing::new(base64encode(&*seed));
        // Written in two parts: a line made of both might leave a copy behind where it grew.
        let parts = [text.as_bytes(), b"\n"];
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
        let written = parts.iter().try_for_each(|part| file.write_all(part));
        written.and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(base64encode(&SigningKey::new(&seed).public().to_bytes()))
    }
}

fn read(path: &Path) -> Result<SigningKey, IdentityError> {
    let failed = |source| IdentityError::File { path: path.to_owned(), source };
    let content = || IdentityError::Content { path: path.to_owned() };
    let about = fs::metadata(path).map_err(failed)?;
    let mode = about.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(IdentityError::Open { path: path.to_owned(), mode });
    }
    if about.len() > FILE_BYTES_MAX {
        return Err(content());
    }
    let text = Zeroizing::new(fs::read(path).map_err(failed)?);
    let line = text.strip_suffix(b"\n").unwrap_or(&text);
    let seed = Zeroizing::new(base64decode_canonical(line).map_err(|_| content())?);
    let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| content())?;
    Ok(SigningKey::new(seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("skyring-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn what_was_made_is_read_again_and_stays_secret() {
        let path = place("identity");
        let public = ServerIdentity::generate(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let identity = ServerIdentity::load(&path).unwrap();
        assert_eq!(identity.public_text(), public);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!format!("{identity:?}").contains(text.trim()));
        assert!(
            matches!(ServerIdentity::generate(&path), Err(IdentityError::File { .. })),
            "it exists"
        );
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(identity.reload(), Err(IdentityError::Open { mode: 0o640, .. })));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "nonsense\n").unwrap();
        assert!(matches!(identity.reload(), Err(IdentityError::Content { .. })));
        assert_eq!(identity.public_text(), public, "a bad file changes nothing");
        fs::remove_file(&path).unwrap();
        assert!(ServerIdentity::load(&path).unwrap_err().to_string().contains("No such file"));
    }
}
