//! The compact form and the signature.

use proptest::prelude::*;

use super::super::{Algorithm, Jws, JwtError, TOKEN_BYTES_MAX};
use super::{A1, A1_KEYS, ED25519, ED25519_KEYS, base64url, judge, token};

const SECRET: &[u8] = &[7; 32];

#[test]
fn the_examples_of_the_rfcs_are_genuine() {
    assert_eq!(judge(A1, A1_KEYS), Ok(()));
    assert_eq!(judge(ED25519, ED25519_KEYS), Ok(()));
    let jws = Jws::parse(A1.as_bytes()).unwrap();
    assert_eq!((jws.algorithm(), jws.key_id()), (Algorithm::Hs256, None));
    assert!(jws.payload().starts_with(b"{\"iss\":\"joe\""));
}

/// RFC 7515, appendix A.4 is ES512, A.5 is `none`.
#[test]
fn other_algorithms_are_refused() {
    for header in [
        r#"{"alg":"ES512"}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS256 "}"#,
        r#"{"alg":""}"#,
        r#"{"typ":"JWT"}"#,
    ] {
        assert_eq!(judge(&token(header, "{}", SECRET), A1_KEYS), Err(JwtError::Algorithm));
    }
    let a5 = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ.";
    assert_eq!(judge(a5, A1_KEYS), Err(JwtError::Algorithm));
    let number = token(r#"{"alg":256}"#, "{}", SECRET);
    assert_eq!(judge(&number, A1_KEYS), Err(JwtError::WrongType("alg")));
}

/// RFC 8725, section 2.1: the public key as the secret of a token that says HS256.
#[test]
fn a_public_key_is_no_secret() {
    let public = base64::Engine::decode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    );
    let forged = token(r#"{"alg":"HS256"}"#, "{}", &public.unwrap());
    assert_eq!(judge(&forged, ED25519_KEYS), Err(JwtError::UnknownKey));
    let forged = token(r#"{"alg":"HS256"}"#, "{}", ED25519_KEYS.as_bytes());
    assert_eq!(judge(&forged, ED25519_KEYS), Err(JwtError::UnknownKey));
}

#[test]
fn what_is_critical_is_refused() {
    for header in [r#"{"alg":"HS256","crit":[]}"#, r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#]
    {
        assert_eq!(judge(&token(header, "{}", SECRET), A1_KEYS), Err(JwtError::Critical));
    }
}

#[test]
fn a_name_stands_once() {
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","x":[{"a":1,"a":1}]}"#,
        "{\"alg\":\"HS256\",\"a\\u006cg\":\"none\"}",
        r#"["HS256"]"#,
        r#"{"alg":"HS256"} x"#,
        "",
    ] {
        assert_eq!(judge(&token(header, "{}", SECRET), A1_KEYS), Err(JwtError::Json), "{header}");
    }
}

#[test]
fn a_token_is_three_parts_of_one_spelling() {
    for parts in ["", ".", "a.b", "a.b.c.d", "a.b.c.d.e"] {
        assert_eq!(judge(parts, A1_KEYS), Err(JwtError::Parts), "{parts}");
    }
    let [header, payload, signature] = A1.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let padded = format!("{header}.{payload}.{signature}=");
    let other_alphabet = A1.replace('-', "+").replace('_', "/");
    // The last letter of 32 bytes has two bits that say nothing: `k` and `l` would both be read.
    let bits_left_over = format!("{}l", A1.strip_suffix('k').unwrap());
    let with_a_break = format!("{header}.{payload}.{signature}\n");
    for other in [padded, other_alphabet, bits_left_over, with_a_break] {
        assert_eq!(judge(&other, A1_KEYS), Err(JwtError::Base64), "{other}");
    }
}

#[test]
fn a_token_that_is_too_long_is_not_read() {
    let bytes_max = TOKEN_BYTES_MAX;
    let long = "a".repeat(bytes_max + 1);
    let refused = JwtError::TooLong { bytes: bytes_max + 1, bytes_max };
    assert_eq!(judge(&long, A1_KEYS), Err(refused));
    assert_eq!(judge(&long[1..], A1_KEYS), Err(JwtError::Parts));
}

#[test]
fn the_debug_form_tells_nothing() {
    let jws = Jws::parse(A1.as_bytes()).unwrap();
    assert_eq!(format!("{jws:?}"), "Jws(..)");
}

proptest! {
    /// No other text is genuine, whichever letter differs.
    #[test]
    fn a_changed_token_is_refused(at in 0..A1.len(), letter in "[A-Za-z0-9_.-]") {
        let mut changed = A1.to_owned();
        changed.replace_range(at..=at, &letter);
        prop_assert_eq!(judge(&changed, A1_KEYS).is_ok(), changed == A1);
    }

    #[test]
    fn a_cut_token_is_refused(at in 0..A1.len()) {
        prop_assert!(judge(&A1[..at], A1_KEYS).is_err());
    }

    #[test]
    fn whatever_is_signed_is_read(payload in "\\PC{0,40}", secret in prop::array::uniform32(0u8..)) {
        let keys = format!(r#"{{"keys":[{{"kty":"oct","k":"{}"}}]}}"#, base64url(secret));
        let signed = token(r#"{"alg":"HS256"}"#, &payload, &secret);
        prop_assert_eq!(judge(&signed, &keys), Ok(()));
        let jws = Jws::parse(signed.as_bytes()).unwrap();
        prop_assert_eq!(jws.payload(), payload.as_bytes());
    }

    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        crate::jwt::fuzz::jwt(&bytes);
    }
}
