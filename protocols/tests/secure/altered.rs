//! What holds for any text and any key: it comes back, and what was altered does not.

use std::fmt::Debug;

use proptest::prelude::*;
use skyring_protocols::Blame;
use skyring_protocols::secure::{
    CbcKey, ExchangeKey, GcmKey, Key, Mac, SecureError, Signature, SigningKey, aesdecode,
    aesdecode_cbc, aesencode, aesencode_cbc, dhkeypair, hkdf_sha256, hmac_sha256,
};
use zeroize::ZeroizeOnDrop;

use crate::fixed::Fixed;

/// A key of either length.
fn key_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 16), prop::collection::vec(any::<u8>(), 32),]
}

/// The bytes with one bit changed.
fn with_a_bit_changed(bytes: &[u8], bit: prop::sample::Index) -> Vec<u8> {
    let bit = bit.index(bytes.len() * 8);
    let mut changed = bytes.to_vec();
    changed[bit / 8] ^= 1 << (bit % 8);
    changed
}

const REFUSED: Result<Vec<u8>, SecureError> = Err(SecureError::Undecipherable);

proptest! {
    #[test]
    fn gcm_gives_the_text_back_and_nothing_else(
        key in key_bytes(),
        nonce: [u8; 12],
        text: Vec<u8>,
        associated: Vec<u8>,
        bit: prop::sample::Index,
        cut: prop::sample::Index,
        more: u8,
    ) {
        let made = GcmKey::new(&key).unwrap();
        let mut random = Fixed::new(&nonce);
        let message = aesencode(&made, &text, &associated, &mut random).unwrap();
        prop_assert_eq!(message.len(), 12 + text.len() + 16);
        prop_assert_eq!(aesdecode(&made, &message, &associated), Ok(text));

        let changed = with_a_bit_changed(&message, bit);
        prop_assert_eq!(aesdecode(&made, &changed, &associated), REFUSED);
        let shorter = &message[..cut.index(message.len())];
        prop_assert_eq!(aesdecode(&made, shorter, &associated), REFUSED);
        let longer = [&message[..], &[more]].concat();
        prop_assert_eq!(aesdecode(&made, &longer, &associated), REFUSED);
        let other = GcmKey::new(&with_a_bit_changed(&key, bit)).unwrap();
        prop_assert_eq!(aesdecode(&other, &message, &associated), REFUSED);
        let about = [&associated[..], &[more]].concat();
        prop_assert_eq!(aesdecode(&made, &message, &about), REFUSED);
    }

    #[test]
    fn cbc_gives_the_text_back(key in key_bytes(), iv: [u8; 16], text: Vec<u8>) {
        let key = CbcKey::new(&key).unwrap();
        let message = aesencode_cbc(&key, &iv, &text);
        prop_assert!(message.len() > text.len() && message.len() <= text.len() + 16);
        prop_assert_eq!(message.len() % 16, 0);
        prop_assert_eq!(aesdecode_cbc(&key, &iv, &message), Ok(text));
        for cut in 1..16 {
            prop_assert_eq!(aesdecode_cbc(&key, &iv, &message[cut..]), REFUSED);
        }
        prop_assert_eq!(aesdecode_cbc(&key, &iv, &[]), REFUSED);
    }

    /// What CBC does not do, and its documentation says so: a bit of the IV is a bit of the text.
    #[test]
    fn cbc_does_not_notice_a_change(key: [u8; 32], iv: [u8; 16], text: [u8; 16], bit: prop::sample::Index) {
        let key = CbcKey::new(&key).unwrap();
        let message = aesencode_cbc(&key, &iv, &text);
        let other_iv = with_a_bit_changed(&iv, bit).try_into().unwrap();
        let read = aesdecode_cbc(&key, &other_iv, &message);
        prop_assert_eq!(read, Ok(with_a_bit_changed(&text, bit)));
    }

    /// A wrong padding and a wrong length are one error; nothing panics.
    #[test]
    fn cbc_of_any_bytes(key in key_bytes(), iv: [u8; 16], message: Vec<u8>) {
        match aesdecode_cbc(&CbcKey::new(&key).unwrap(), &iv, &message) {
            Ok(text) => prop_assert!(text.len() < message.len()),
            Err(error) => prop_assert_eq!(error, SecureError::Undecipherable),
        }
    }

    #[test]
    fn a_mac_is_of_its_text_and_key(
        key in prop::collection::vec(any::<u8>(), 1..64),
        text in prop::collection::vec(any::<u8>(), 1..200),
        bit: prop::sample::Index,
    ) {
        let mac = hmac_sha256(&key, &text);
        prop_assert!(mac.matches(mac.as_bytes()));
        prop_assert!(!mac.matches(&with_a_bit_changed(mac.as_bytes(), bit)));
        prop_assert_ne!(&hmac_sha256(&key, &with_a_bit_changed(&text, bit)), &mac);
        prop_assert_ne!(&hmac_sha256(&with_a_bit_changed(&key, bit), &text), &mac);
        prop_assert!(!mac.matches(&mac.as_bytes()[..31]));
    }

    #[test]
    fn keys_for_two_purposes_differ(secret: [u8; 32], salt: Vec<u8>, info: Vec<u8>, more: u8) {
        let key: Key<32> = hkdf_sha256(&secret, &salt, &info);
        let other: Key<32> = hkdf_sha256(&secret, &salt, &[&info[..], &[more]].concat());
        prop_assert_ne!(key.expose(), other.expose());
        let short: Key<16> = hkdf_sha256(&secret, &salt, &info);
        prop_assert_eq!(&short.expose()[..], &key.expose()[..16]);
    }

    #[test]
    fn any_two_agree(one: [u8; 32], other: [u8; 32]) {
        let (one, from_one) = dhkeypair(&mut Fixed::new(&one));
        let (other, from_other) = dhkeypair(&mut Fixed::new(&other));
        let (left, right) = (one.agree(&from_other).unwrap(), other.agree(&from_one).unwrap());
        prop_assert_eq!(left.expose(), right.expose());
    }

    #[test]
    fn a_signature_is_of_its_text_and_key(
        seed: [u8; 32],
        text in prop::collection::vec(any::<u8>(), 1..200),
        bit: prop::sample::Index,
    ) {
        let key = SigningKey::new(&seed);
        let signature = key.sign(&text);
        let wrong = Err(SecureError::Signature);
        prop_assert_eq!(key.public().verify(&text, &signature), Ok(()));
        prop_assert_eq!(key.public().verify(&with_a_bit_changed(&text, bit), &signature), wrong);
        let changed: Signature = with_a_bit_changed(&signature, bit).try_into().unwrap();
        prop_assert_eq!(key.public().verify(&text, &changed), wrong);
        let other = SigningKey::new(&with_a_bit_changed(&seed, bit).try_into().unwrap());
        prop_assert_eq!(other.public().verify(&text, &signature), wrong);
    }
}

#[test]
fn other_lengths_are_no_keys() {
    for bytes in (0..=40).filter(|bytes| ![16, 32].contains(bytes)) {
        let wanted = SecureError::KeyBytes { bytes };
        assert_eq!(GcmKey::new(&vec![1; bytes]).unwrap_err(), wanted);
        assert_eq!(CbcKey::new(&vec![1; bytes]).unwrap_err(), wanted);
        assert_eq!(wanted.blame(), Blame::Caller);
    }
    assert_eq!(SecureError::Undecipherable.blame(), Blame::Peer);
}

/// Each message has a nonce of its own, which is what the generator gave.
#[test]
fn nonces_are_drawn() {
    let key = GcmKey::new(&[1; 16]).unwrap();
    let mut random = Fixed::new(&(0..24).collect::<Vec<u8>>());
    let one = aesencode(&key, b"text", b"", &mut random).unwrap();
    let other = aesencode(&key, b"text", b"", &mut random).unwrap();
    assert_eq!(one[..12], (0..12).collect::<Vec<u8>>());
    assert_eq!(other[..12], (12..24).collect::<Vec<u8>>());
    assert_ne!(one[12..], other[12..]);
}

/// That dropping overwrites is the libraries' promise, made by this trait.
#[test]
fn secrets_are_neither_printed_nor_left_behind() {
    fn of<T: ZeroizeOnDrop + Debug>(secret: &T, wanted: &str) {
        assert_eq!(format!("{secret:?}"), wanted);
    }
    of(&Key::new(&[0x41; 16]), "Key(..)");
    of(&GcmKey::new(&[0x41; 16]).unwrap(), "GcmKey(..)");
    of(&CbcKey::new(&[0x41; 32]).unwrap(), "CbcKey(..)");
    of(&ExchangeKey::new(&[0x41; 32]), "ExchangeKey(..)");
    of(&SigningKey::new(&[0x41; 32]), "SigningKey(..)");
    of::<Mac>(&hmac_sha256(b"key", b"text"), "Mac(..)");
    fn is_wiped_on_drop<T: ZeroizeOnDrop>() {}
    is_wiped_on_drop::<aes::Aes128>();
    is_wiped_on_drop::<aes::Aes256>();
    is_wiped_on_drop::<aes_gcm::Aes256Gcm>();
    is_wiped_on_drop::<ed25519_dalek::SigningKey>();
    is_wiped_on_drop::<x25519_dalek::StaticSecret>();
}
