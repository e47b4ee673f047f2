//! What holds for any token, any set of keys and any claims: the body of a fuzz target in
//! `protocols/fuzz`.

use super::{Jws, KEYS_MAX, KeySet, Material, Rules, TRIED_MAX, Verifier, verify};

/// Believes every signature, so that everything behind it is reached, and checks what it is asked.
struct Credulous<'a>(&'a Jws<'a>);

impl Verifier for Credulous<'_> {
    fn verify(&self, key: &Material, message: &[u8], signature: &[u8]) -> bool {
        assert_eq!(key.algorithm(), self.0.algorithm(), "a key is tried for its algorithm only");
        assert_eq!((message, signature), (self.0.message(), self.0.signature()));
        true
    }
}

/// The bytes up to the first line feed are a token, those behind it a set of keys; all of them are
/// claims too.
pub fn jwt(data: &[u8]) {
    let (token, keys) = match data.iter().position(|&byte| byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, data),
    };
    let keys = KeySet::parse(keys).unwrap_or_default();
    assert!(keys.len() <= KEYS_MAX);
    assert!(keys.clone().without_secrets().len() <= keys.len());
    judge(data);
    let Ok(jws) = Jws::parse(token) else { return };
    assert!(token.starts_with(jws.message()), "what is signed is what came");
    assert!(jws.payload().len() + jws.signature().len() < token.len(), "nothing grows");
    let tried = keys.candidates(&jws).count();
    assert!(tried <= TRIED_MAX);
    assert_eq!(verify(&jws, &keys, &Credulous(&jws)).is_ok(), tried > 0);
    judge(jws.payload());
}

fn judge(claims: &[u8]) {
    let rules = Rules::default();
    let now_seconds = 1_700_000_000;
    let Ok(granted) = rules.judge(claims, now_seconds) else { return };
    assert!((1..=rules.uid_bytes_max).contains(&granted.uid.len()));
    let ends = granted.expires_seconds.saturating_add(rules.leeway_seconds.into());
    assert!(ends > now_seconds, "nothing is granted whose time is over");
}
