//! Sets of keys.

use zeroize::Zeroizing;

use super::super::{Jws, JwtError, KEY_SET_BYTES_MAX, KEYS_MAX, KeySet, TRIED_MAX};
use super::{A1, A1_KEYS, ED25519_KEYS, base64url, judge, token};

fn count(entry: &str) -> usize {
    KeySet::parse(format!(r#"{{"keys":[{entry}]}}"#).as_bytes()).unwrap().len()
}

fn secret(bytes: &[u8], more: &str) -> String {
    format!(r#"{{"kty":"oct","k":"{}"{more}}}"#, base64url(bytes))
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> String {
    format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, base64url(modulus), base64url(exponent))
}

fn keys(entries: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, entries.join(","))
}

#[test]
fn keys_for_other_uses_are_skipped() {
    let bytes = [1; 32];
    for more in ["", r#","use":"sig""#, r#","alg":"HS256""#, r#","key_ops":["sign","verify"]"#] {
        assert_eq!(count(&secret(&bytes, more)), 1, "{more}");
    }
    for more in [
        r#","use":"enc""#,
        r#","use":1"#,
        r#","alg":"HS512""#,
        r#","alg":"RS256""#,
        r#","key_ops":["sign"]"#,
        r#","key_ops":"verify""#,
        r#","kid":7"#,
        r#","crv":"P-256""#,
    ] {
        assert_eq!(count(&secret(&bytes, more)), 0, "{more}");
    }
}

#[test]
fn weak_and_broken_keys_are_skipped() {
    assert_eq!(count(&secret(&[1; 31], "")), 0);
    assert_eq!(count(&rsa(&[0xff; 256], &[1, 0, 1])), 1);
    assert_eq!(count(&rsa(&[&[0][..], &[0xff; 256]].concat(), &[0, 1, 0, 1])), 1, "zeros in front");
    assert_eq!(count(&rsa(&[0x7f; 256], &[1, 0, 1])), 0, "2047 bits");
    assert_eq!(count(&rsa(&[0xff; 1024], &[3])), 1);
    assert_eq!(count(&rsa(&[0xff; 1025], &[3])), 0);
    for exponent in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 0, 1]] {
        assert_eq!(count(&rsa(&[0xff; 256], exponent)), 0, "{exponent:?}");
    }
    let point = |crv: &str, x: &[u8], y: &[u8]| {
        let (x, y) = (base64url(x), base64url(y));
        format!(r#"{{"kty":"EC","crv":"{crv}","x":"{x}","y":"{y}"}}"#)
    };
    assert_eq!(count(&point("P-256", &[1; 32], &[1; 32])), 1);
    assert_eq!(count(&point("P-256", &[1; 31], &[1; 32])), 0);
    assert_eq!(count(&point("P-384", &[1; 32], &[1; 32])), 0);
    let edwards =
        |crv: &str| format!(r#"{{"kty":"OKP","crv":"{crv}","x":"{}"}}"#, base64url([1; 32]));
    assert_eq!((count(&edwards("Ed25519")), count(&edwards("X25519"))), (1, 0));
    assert_eq!((count("{}"), count("7"), count(r#"{"kty":"new"}"#)), (0, 0, 0));
}

#[test]
fn one_bad_key_leaves_the_others() {
    let good = secret(&[1; 32], "");
    assert_eq!(count(&format!(r#"{{"kty":"oct","k":"+"}},{good},null"#)), 1);
}

#[test]
fn what_is_no_set_is_refused() {
    let parse = |text: &str| KeySet::parse(text.as_bytes());
    assert_eq!(parse("{}"), Err(JwtError::WrongType("keys")));
    assert_eq!(parse(r#"{"keys":{}}"#), Err(JwtError::WrongType("keys")));
    assert_eq!(parse("[]"), Err(JwtError::Json));
    assert_eq!(parse(r#"{"keys":[],"keys":[]}"#), Err(JwtError::Json));
    assert_eq!(parse(r#"{"keys":[{"kty":"oct","kty":"oct"}]}"#), Err(JwtError::Json));
    assert_eq!(parse(&"[".repeat(10_000)), Err(JwtError::Json), "depth is bounded");
    assert!(parse(r#"{"keys":[]}"#).unwrap().is_empty());
}

#[test]
fn a_set_is_bounded() {
    let one = secret(&[1; 32], "");
    assert_eq!(count(&vec![one.clone(); KEYS_MAX].join(",")), KEYS_MAX);
    let many = keys(&vec![one; KEYS_MAX + 1]);
    assert_eq!(KeySet::parse(many.as_bytes()), Err(JwtError::TooManyKeys(KEYS_MAX)));
    let long = format!("{}{}", " ".repeat(KEY_SET_BYTES_MAX), r#"{"keys":[]}"#);
    let (bytes, bytes_max) = (long.len(), KEY_SET_BYTES_MAX);
    assert_eq!(KeySet::parse(long.as_bytes()), Err(JwtError::TooLong { bytes, bytes_max }));
}

#[test]
fn a_token_that_names_its_key_is_checked_with_that() {
    let named = |byte: u8, name: &str| secret(&[byte; 32], &format!(r#","kid":"{name}""#));
    let signed = |byte: u8, name: &str| {
        token(&format!(r#"{{"alg":"HS256","kid":"{name}"}}"#), "{}", &[byte; 32])
    };
    let set = keys(&[named(1, "one"), named(2, "two")]);
    assert_eq!(judge(&signed(2, "two"), &set), Ok(()));
    assert_eq!(judge(&signed(2, "one"), &set), Err(JwtError::Signature));
    assert_eq!(judge(&signed(2, "three"), &set), Err(JwtError::UnknownKey));
    assert_eq!(judge(&token(r#"{"alg":"HS256"}"#, "{}", &[2; 32]), &set), Ok(()), "any of them");
    let unnamed = keys(&[secret(&[2; 32], "")]);
    assert_eq!(judge(&signed(2, "three"), &unnamed), Ok(()), "a key without a name");
}

#[test]
fn a_token_costs_a_few_keys_at_most() {
    let nameless: Vec<_> = (0..=TRIED_MAX).map(|at| secret(&[at as u8; 32], "")).collect();
    let signed = |byte: usize| token(r#"{"alg":"HS256"}"#, "{}", &[byte as u8; 32]);
    assert_eq!(judge(&signed(TRIED_MAX - 1), &keys(&nameless)), Ok(()));
    assert_eq!(judge(&signed(TRIED_MAX), &keys(&nameless)), Err(JwtError::Signature));
    // The one that the token names is tried first, wherever it stands.
    let named = secret(&[99; 32], r#","kid":"mine""#);
    let all = keys(&[nameless, vec![named]].concat());
    let of_name = token(r#"{"alg":"HS256","kid":"mine"}"#, "{}", &[99; 32]);
    assert_eq!(judge(&of_name, &all), Ok(()));
}

#[test]
fn published_keys_hold_no_secrets() {
    let set = KeySet::parse(A1_KEYS.as_bytes()).unwrap();
    assert!(set.without_secrets().is_empty());
    assert_eq!(KeySet::parse(ED25519_KEYS.as_bytes()).unwrap().without_secrets().len(), 1);
}

#[test]
fn a_secret_is_a_set_if_it_is_long_enough() {
    assert!(KeySet::of_secret(Zeroizing::new(vec![1; 31])).is_none());
    let set = KeySet::of_secret(Zeroizing::new(vec![1; 32])).unwrap();
    assert_eq!(format!("{set:?}"), "KeySet(1 keys)", "and is not shown");
    let jws = Jws::parse(A1.as_bytes()).unwrap();
    assert_eq!(set.candidates(&jws).count(), 1);
}
