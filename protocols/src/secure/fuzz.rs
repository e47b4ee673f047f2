//! What holds for whatever a peer sends: the body of a fuzz target in `protocols/fuzz`.

use super::{
    CbcKey, ExchangeKey, GcmKey, SecureError, SigningKey, VerifyingKey, aesdecode, aesdecode_cbc,
    aesencode_cbc, hmac_sha256,
};

/// Takes the bytes for each thing that comes from a peer. What nobody with the key has made is
/// refused; what CBC cannot tell is written as it was read.
pub fn secure(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let key = vec![*choice; if choice % 2 == 0 { 16 } else { 32 }];
    let gcm = GcmKey::new(&key).expect("a length that is allowed");
    assert_eq!(aesdecode(&gcm, rest, b""), Err(SecureError::Undecipherable));
    assert_eq!(aesdecode(&gcm, rest, rest), Err(SecureError::Undecipherable));
    cbc(&CbcKey::new(&key).expect("a length that is allowed"), rest);
    assert!(!hmac_sha256(&key, rest).matches(rest));
    if let Some((public, rest)) = rest.split_first_chunk::<32>() {
        public_values(public, rest);
    }
}

fn cbc(key: &CbcKey, message: &[u8]) {
    let iv = [7; 16];
    match aesdecode_cbc(key, &iv, message) {
        Ok(text) => assert_eq!(aesencode_cbc(key, &iv, &text), message),
        Err(error) => assert_eq!(error, SecureError::Undecipherable),
    }
}

fn public_values(public: &[u8; 32], rest: &[u8]) {
    match ExchangeKey::new(&[7; 32]).agree(public) {
        Ok(secret) => assert_ne!(secret.expose(), &[0; 32]),
        Err(error) => assert_eq!(error, SecureError::WeakPublicValue),
    }
    let Some((signature, text)) = rest.split_first_chunk::<64>() else { return };
    let ours = SigningKey::new(&[7; 32]).public();
    assert_eq!(ours.verify(text, signature), Err(SecureError::Signature));
    if let Ok(key) = VerifyingKey::new(public) {
        assert_eq!(&key.to_bytes(), public);
        assert!(matches!(key.verify(text, signature), Ok(()) | Err(SecureError::Signature)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn of_any_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
            super::secure(&data);
        }
    }
}
