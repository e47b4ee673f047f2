//! The standard algorithms under the protocol, beside openssl's.

use skyring::protocols::crypt::{
    Padding, base64decode, base64encode, desdecode, desencode, hmac_sha1, hmac64_md5, sha1,
};

use crate::run;

/// Bytes that look like none in particular.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run("openssl", arguments, input);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
    output.stdout
}

#[test]
fn des_is_theirs() {
    const DES: [&str; 6] = ["enc", "-des-ecb", "-provider", "legacy", "-provider", "default"];
    for length in 0..25 {
        let (key, text) = (noise(length, 8), noise(100 + length, length as usize));
        let key_hex = hex(&key);
        let key: [u8; 8] = key.try_into().unwrap();
        let pkcs7 = openssl(&[&DES[..], &["-K", &key_hex]].concat(), &text);
        assert_eq!(desencode(&key, &text, Padding::Pkcs7), pkcs7, "{length} bytes");
        assert_eq!(desdecode(&key, &pkcs7, Padding::Pkcs7).unwrap(), text);
        let zeros = 7 - text.len() % 8;
        let padded = [&text[..], &[0x80], &vec![0; zeros]].concat();
        let iso7816 = openssl(&[&DES[..], &["-nopad", "-K", &key_hex]].concat(), &padded);
        assert_eq!(desencode(&key, &text, Padding::Iso7816), iso7816, "{length} bytes");
        assert_eq!(desdecode(&key, &iso7816, Padding::Iso7816).unwrap(), text);
    }
}

#[test]
fn the_digests_are_theirs() {
    for length in [0, 1, 55, 56, 63, 64, 65, 1000] {
        let text = noise(7, length);
        assert_eq!(openssl(&["dgst", "-sha1", "-binary"], &text), sha1(&text), "{length} bytes");
        for key_length in [1, 20, 64, 65, 200] {
            let key = noise(9, key_length);
            let key_option = format!("hexkey:{}", hex(&key));
            let arguments = ["dgst", "-sha1", "-mac", "HMAC", "-macopt", &key_option, "-binary"];
            assert_eq!(openssl(&arguments, &text), hmac_sha1(&key, &text));
        }
    }
}

/// MD5 of sixteen bytes three times over, folded.
#[test]
fn the_folded_md5_is_theirs() {
    for seed in 0..10 {
        let (x, y) = (noise(seed, 8), noise(50 + seed, 8));
        let text = [&x[..], &y].concat().repeat(3);
        let digest = openssl(&["dgst", "-md5", "-binary"], &text);
        let folded: Vec<u8> = (0..8).map(|at| digest[at] ^ digest[at + 8]).collect();
        let (x, y) = (x.try_into().unwrap(), y.try_into().unwrap());
        assert_eq!(hmac64_md5(&x, &y).to_vec(), folded);
    }
}

#[test]
fn base64_is_theirs() {
    for length in 0..60 {
        let text = noise(length, length as usize);
        let encoded = openssl(&["base64", "-A"], &text);
        assert_eq!(base64encode(&text).as_bytes(), encoded);
        assert_eq!(base64decode(&encoded).unwrap(), text);
    }
}
