//! Attach v2: a challenge, proofs of both sides, and the next key (WIRE V11 to V17).
//!
//! The server keeps the hello and its challenge until the proof comes ([`Challenged`]); the session
//! judges ([`Session::prove`](super::Session::prove)). The client does the same with [`Proving`].

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use super::attach::{AttachAnswer, AttachLine, LINE_BYTES_MAX};
use super::username;
use crate::crypt::{base64decode_canonical, base64encode_to};
use crate::decode::Compat;
use crate::login::SessionKey;
use crate::secure::{Mac, hkdf_sha256, hmac_sha256};

/// What the texts of this version begin with. No username does (WIRE V11).
const PREFIX: &[u8] = b"v2:";
/// What an accepted attach is answered with, in front of the server's proof (WIRE V11).
const ACCEPTED: &[u8] = b"200 OK:";

/// Random bytes that a side contributes (WIRE V12, V13).
pub type AttachNonce = [u8; 16];

/// Whether a connection's first payload begins an attach of this version.
#[must_use]
pub fn is_hello(payload: &[u8]) -> bool {
    payload.starts_with(PREFIX)
}

/// The fields of frame 1, borrowed from its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttachHello<'a> {
    /// Whose session it is for, as sent.
    pub username: &'a [u8],
    /// The attach index (WIRE M4).
    pub index: u64,
}

impl<'a> AttachHello<'a> {
    /// Reads frame 1 (WIRE V12).
    ///
    /// # Errors
    /// What to answer: [`AttachAnswer::UserNotFound`] where the username is none, else
    /// [`AttachAnswer::BadRequest`].
    pub fn parse(payload: &'a [u8]) -> Result<AttachHello<'a>, AttachAnswer> {
        let text = payload.strip_prefix(PREFIX).ok_or(AttachAnswer::BadRequest)?;
        let line = AttachLine::parse(text);
        let is_shaped = payload.len() <= LINE_BYTES_MAX && !line.has_extra_fields;
        let username = line.username.filter(|_| is_shaped).ok_or(AttachAnswer::BadRequest)?;
        username::uid(username, Compat::Strict).ok_or(AttachAnswer::UserNotFound)?;
        let index = line.index_number(Compat::Strict).ok_or(AttachAnswer::BadRequest)?;
        let nonce = base64decode_canonical(line.mac).map_err(|_| AttachAnswer::BadRequest)?;
        AttachNonce::try_from(nonce).map_err(|_| AttachAnswer::BadRequest)?;
        Ok(AttachHello { username, index })
    }
}

/// Frame 1, as a client sends it.
#[must_use]
pub fn hello(username: &[u8], index: u64, nonce: &AttachNonce) -> Vec<u8> {
    let mut text = PREFIX.to_vec();
    text.extend_from_slice(username);
    text.extend_from_slice(format!(":{index}:").as_bytes());
    base64encode_to(nonce, &mut text);
    text
}

fn text(prefix: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut text = prefix.to_vec();
    base64encode_to(bytes, &mut text);
    text
}

fn bytes<const COUNT: usize>(prefix: &[u8], payload: &[u8]) -> Option<[u8; COUNT]> {
    base64decode_canonical(payload.strip_prefix(prefix)?).ok()?.try_into().ok()
}

/// What both sides have seen of an attach (WIRE V14).
struct Transcript([u8; 32]);

impl Transcript {
    fn new(hello: &[u8], challenge: &[u8]) -> Transcript {
        let mut hash = Sha256::new_with_prefix(b"skyring attach v2");
        for payload in [hello, challenge] {
            let length = u16::try_from(payload.len()).expect("neither is as long as a frame");
            hash.update(length.to_be_bytes());
            hash.update(payload);
        }
        Transcript(hash.finalize().into())
    }

    fn proof(&self, key: &SessionKey, whose: &[u8]) -> Mac {
        hmac_sha256(key.expose(), &[whose, &self.0].concat())
    }

    fn client_proof(&self, key: &SessionKey) -> Mac {
        self.proof(key, b"skyring attach v2 client")
    }

    fn server_proof(&self, key: &SessionKey) -> Mac {
        self.proof(key, b"skyring attach v2 server")
    }

    /// The key after this attach (WIRE V16).
    fn next(&self, key: &SessionKey) -> SessionKey {
        hkdf_sha256::<32>(key.expose(), &self.0, b"skyring attach v2 session").into()
    }
}

/// A connection that was challenged, on the server's side.
pub struct Challenged {
    hello: Vec<u8>,
    challenge: Vec<u8>,
}

impl Challenged {
    /// Challenges whoever sent this frame 1, which was parsed before. The nonce is new for each
    /// connection (WIRE V13).
    #[must_use]
    pub fn new(hello: Vec<u8>, nonce: &AttachNonce) -> Challenged {
        Challenged { hello, challenge: text(PREFIX, nonce) }
    }

    /// Frame 2.
    #[must_use]
    pub fn challenge(&self) -> &[u8] {
        &self.challenge
    }

    /// Frame 1.
    #[must_use]
    pub fn hello(&self) -> &[u8] {
        &self.hello
    }

    /// Bytes of memory that it takes up.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.hello.capacity() + self.challenge.capacity()
    }

    /// Does as much work for a user that there is not as for one that there is and whose proof is wrong (WIRE
    /// V15): what it is compared with is no secret, so nothing follows from it.
    pub fn pretend(&self, proof: &[u8]) {
        let keys = Ratchet::new(SessionKey::new(&[0; 32]));
        let _ = std::hint::black_box(keys.proved(self, proof));
    }
}

/// The shape, and nothing of the contents.
impl fmt::Debug for Challenged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Challenged({} bytes)", self.hello.len())
    }
}

/// The keys of a session on the server: the one that the client should have, and the one before it, in case
/// that the last answer was lost (WIRE V16).
pub(super) struct Ratchet {
    current: SessionKey,
    earlier: Option<SessionKey>,
}

impl ZeroizeOnDrop for Ratchet {}

/// A proof was right.
pub(super) struct Proved {
    /// Frame 4.
    pub(super) answer: Vec<u8>,
    pub(super) keys: Ratchet,
}

impl Ratchet {
    pub(super) fn new(current: SessionKey) -> Ratchet {
        Ratchet { current, earlier: None }
    }

    /// Judges frame 3; none: it is of another shape or proves neither key. The time is the same whichever
    /// key it is for.
    pub(super) fn judge(&self, challenged: &Challenged, proof: &[u8]) -> Option<Proved> {
        let (transcript, proved) = self.proved(challenged, proof)?;
        let answer = text(ACCEPTED, transcript.server_proof(proved).as_bytes());
        let keys = Ratchet { current: transcript.next(proved), earlier: Some(proved.clone()) };
        Some(Proved { answer, keys })
    }

    /// Which key frame 3 proves, and what was seen.
    fn proved(&self, challenged: &Challenged, proof: &[u8]) -> Option<(Transcript, &SessionKey)> {
        let given: [u8; 32] = bytes(PREFIX, proof)?;
        let transcript = Transcript::new(&challenged.hello, &challenged.challenge);
        let earlier = self.earlier.as_ref().unwrap_or(&self.current);
        let proves =
            |key: &SessionKey| transcript.client_proof(key).as_bytes().as_slice().ct_eq(&given);
        let (is_current, is_earlier) = (proves(&self.current), proves(earlier));
        if is_current.into() {
            Some((transcript, &self.current))
        } else if is_earlier.into() {
            Some((transcript, earlier))
        } else {
            None
        }
    }
}

/// An attach of the client's side, from frame 1 to frame 4.
pub struct Proving {
    hello: Vec<u8>,
    transcript: Option<Transcript>,
}

impl Proving {
    /// Frame 1 was sent.
    #[must_use]
    pub fn new(hello: Vec<u8>) -> Proving {
        Proving { hello, transcript: None }
    }

    /// Whether the proof was sent, so that frame 4 is what comes next.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.transcript.is_some()
    }

    /// Frame 3, in answer to frame 2; none: that is no challenge.
    pub fn prove(&mut self, challenge: &[u8], key: &SessionKey) -> Option<Vec<u8>> {
        bytes::<16>(PREFIX, challenge)?;
        let transcript = Transcript::new(&self.hello, challenge);
        let proof = text(PREFIX, transcript.client_proof(key).as_bytes());
        self.transcript = Some(transcript);
        Some(proof)
    }

    /// The session's next key, if frame 4 says that the attach was accepted by who knows this one. None:
    /// it does not (WIRE V17).
    #[must_use]
    pub fn accept(&self, answer: &[u8], key: &SessionKey) -> Option<SessionKey> {
        let given: [u8; 32] = bytes(ACCEPTED, answer)?;
        let transcript = self.transcript.as_ref()?;
        transcript.server_proof(key).matches(&given).then(|| transcript.next(key))
    }
}

/// How far it is, and nothing of the contents.
impl fmt::Debug for Proving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proving {{ is_proved: {} }}", self.is_proved())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &[u8] = b"YW5u@c2FtcGxl#MQ==";

    /// WIRE V12.
    #[test]
    fn a_hello_has_one_shape() {
        let good = hello(NAME, 7, &[1; 16]);
        let read = AttachHello::parse(&good).unwrap();
        assert_eq!((read.username, read.index), (NAME, 7));
        let bad = |text: &str| AttachHello::parse(text.as_bytes()).unwrap_err();
        let nonce = "AQEBAQEBAQEBAQEBAQEBAQ==";
        let name = "YW5u@c2FtcGxl#MQ==";
        assert_eq!(bad(&format!("v2:nobody:7:{nonce}")), AttachAnswer::UserNotFound);
        for text in [
            format!("v3:{name}:7:{nonce}"),
            format!("v2:{name}:7"),
            format!("v2:{name}:07:{nonce}"),
            format!("v2:{name}:-1:{nonce}"),
            format!("v2:{name}:7:{nonce}:"),
            format!("v2:{name}:7:AQEB"),
            format!("v2:{name}:7:AQEBAQEBAQEBAQEBAQEBAR=="),
        ] {
            assert_eq!(bad(&text), AttachAnswer::BadRequest, "{text}");
        }
    }

    /// WIRE V14, V16, V17.
    #[test]
    fn both_sides_prove_themselves_and_have_the_next_key() {
        let key = SessionKey::new(&[9; 32]);
        let mut client = Proving::new(hello(NAME, 1, &[1; 16]));
        let challenged = Challenged::new(client.hello.clone(), &[2; 16]);
        let proof = client.prove(challenged.challenge(), &key).unwrap();
        let Proved { answer, keys } = Ratchet::new(key.clone()).judge(&challenged, &proof).unwrap();
        let next = client.accept(&answer, &key).unwrap();
        assert!(next == keys.current && next != key && keys.earlier.unwrap() == key);
        assert!(client.accept(&answer, &SessionKey::new(&[8; 32])).is_none());
        for at in 0..proof.len() {
            let mut touched = proof.clone();
            touched[at] ^= 1;
            assert!(Ratchet::new(key.clone()).judge(&challenged, &touched).is_none());
        }
        for at in 0..answer.len() {
            let mut touched = answer.clone();
            touched[at] ^= 1;
            assert!(client.accept(&touched, &key).is_none());
        }
    }

    /// WIRE V16. The answer was lost: the client proves the old key, and then the new one.
    #[test]
    fn a_lost_answer_does_no_harm() {
        let attach = |keys: &Ratchet, key: &SessionKey, index: u64| {
            let mut client = Proving::new(hello(NAME, index, &[3; 16]));
            let challenged = Challenged::new(client.hello.clone(), &[4; 16]);
            let proof = client.prove(challenged.challenge(), key).unwrap();
            let proved = keys.judge(&challenged, &proof)?;
            let next = client.accept(&proved.answer, key)?;
            Some((proved.keys, next))
        };
        let first = SessionKey::new(&[9; 32]);
        let (keys, lost) = attach(&Ratchet::new(first.clone()), &first, 1).unwrap();
        let (keys, second) = attach(&keys, &first, 2).unwrap();
        assert!(attach(&keys, &lost, 3).is_none(), "nobody has this key any more");
        let (keys, third) = attach(&keys, &second, 3).unwrap();
        assert!(attach(&keys, &first, 4).is_none(), "the first is forgotten");
        assert!(attach(&keys, &third, 4).is_some());
    }
}
