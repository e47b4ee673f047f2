//! Skynet's crypt library.

use std::hint::black_box;

use skyring_protocols::crypt::{
    self, Padding, base64decode_canonical, base64encode_to, desdecode, desencode, dhexchange,
    dhsecret,
};
use skyring_protocols::login::SampleToken;

const KEY: [u8; 8] = [0x1f, 0x2e, 0x3d, 0x4c, 0x5b, 0x6a, 0x79, 0x88];

pub(super) fn base64_encode(repetitions: u32) {
    let mut out = Vec::with_capacity(16);
    for _ in 0..repetitions {
        out.clear();
        base64encode_to(black_box(&KEY), &mut out);
        assert_eq!(black_box(&out).len(), 12);
    }
}

pub(super) fn base64_decode(repetitions: u32) {
    let mut text = Vec::new();
    base64encode_to(&KEY, &mut text);
    for _ in 0..repetitions {
        let found = base64decode_canonical(black_box(&text)).expect("it was encoded here");
        assert_eq!(black_box(found), KEY);
    }
}

pub(super) fn hmac64(repetitions: u32) {
    let mut proof = KEY;
    for _ in 0..repetitions {
        proof = crypt::hmac64(black_box(&proof), black_box(&KEY));
    }
    assert!(repetitions == 0 || proof != KEY);
}

pub(super) fn hmac_hash(repetitions: u32) {
    let text = b"YmVuY2gxMjM=@c2FtcGxl#MQ==:1";
    let mut proof = KEY;
    for _ in 0..repetitions {
        proof = crypt::hmac_hash(black_box(&proof), black_box(text));
    }
    assert!(repetitions == 0 || proof != KEY);
}

pub(super) fn dh_exchange(repetitions: u32) {
    for _ in 0..repetitions {
        let public = dhexchange(black_box(&KEY)).expect("the key is not zero");
        assert_ne!(black_box(public), KEY);
    }
}

pub(super) fn dh_secret(repetitions: u32) {
    let public = dhexchange(&[9; 8]).expect("the key is not zero");
    for _ in 0..repetitions {
        let secret = dhsecret(black_box(&public), black_box(&KEY)).expect("no value is zero");
        assert_ne!(black_box(secret), KEY);
    }
}

/// The token that the floor's users show.
pub(super) fn token() -> Vec<u8> {
    SampleToken {
        user: b"bench123".to_vec(),
        server: b"sample".to_vec(),
        password: b"password".to_vec().into(),
    }
    .format()
}

pub(super) fn des_encode(repetitions: u32) {
    let token = token();
    for _ in 0..repetitions {
        let encrypted = desencode(black_box(&KEY), black_box(&token), Padding::Iso7816);
        assert!(black_box(encrypted).len() > token.len());
    }
}

pub(super) fn des_decode(repetitions: u32) {
    let token = token();
    let encrypted = desencode(&KEY, &token, Padding::Iso7816);
    for _ in 0..repetitions {
        let found = desdecode(black_box(&KEY), black_box(&encrypted), Padding::Iso7816);
        assert_eq!(black_box(found).as_deref(), Ok(token.as_slice()));
    }
}
