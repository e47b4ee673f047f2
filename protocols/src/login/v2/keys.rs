//! What both sides compute (WIRE V1, V5, V6).

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::login::secret::SessionKey;
use crate::secure::{Key, PublicValue, hkdf_sha256};

/// A key that seals one text (WIRE V1).
pub(super) struct OnceKey(Key<32>);

impl OnceKey {
    /// Uses the key up.
    pub(super) fn seal(self, aad: &[u8], text: &[u8]) -> Vec<u8> {
        let sealed = self.cipher().encrypt(&Nonce::default(), Payload { msg: text, aad });
        sealed.expect("no text of a login is as long as AES-GCM allows")
    }

    /// Uses the key up; none: the text was not sealed with it, or not for this.
    pub(super) fn open(self, aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let opened = self.cipher().decrypt(&Nonce::default(), Payload { msg: sealed, aad });
        opened.ok().map(Zeroizing::new)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(self.0.expose().into())
    }
}

/// The keys of one login.
pub(super) struct Keys {
    /// What the lines so far are.
    pub(super) transcript: [u8; 32],
    pub(super) token: OnceKey,
    pub(super) result: OnceKey,
    pub(super) session: SessionKey,
}

impl Keys {
    /// Of the secret that X25519 agreed on, and lines 1 to 3 without their line feeds.
    pub(super) fn derive(secret: &Key<32>, lines: [&[u8]; 3]) -> Keys {
        let mut hash = Sha256::new_with_prefix(b"skyring login v2");
        for line in lines {
            hash.update(line);
            hash.update(b"\n");
        }
        let transcript: [u8; 32] = hash.finalize().into();
        let key = |info: &[u8]| hkdf_sha256::<32>(secret.expose(), &transcript, info);
        Keys {
            token: OnceKey(key(b"skyring login v2 token")),
            result: OnceKey(key(b"skyring login v2 result")),
            session: key(b"skyring login v2 session").into(),
            transcript,
        }
    }
}

/// What the server signs (WIRE V5), of lines 1 and 2 without their line feeds.
pub(super) fn signed(challenge: &[u8], hello: &[u8], public: &PublicValue) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [challenge, b"\n", hello, b"\n", public] {
        hash.update(part);
    }
    [&b"skyring login v2 server"[..], &hash.finalize()[..]].concat()
}
