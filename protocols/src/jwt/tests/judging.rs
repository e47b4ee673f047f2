//! Claims.

use super::super::{Granted, JwtError, Rules};

/// Now, in all of these.
const NOW: u64 = 1_000_000;

fn judge(rules: &Rules, claims: &str) -> Result<Granted, JwtError> {
    rules.judge(claims.as_bytes(), NOW)
}

/// With the rules that nobody has changed.
fn plain(claims: &str) -> Result<Granted, JwtError> {
    judge(&Rules::default(), claims)
}

#[test]
fn a_good_token_grants_what_it_says() {
    let granted = plain(r#"{"sub":"mary","exp":1000060,"iat":999999,"server":"sample"}"#);
    let (uid, server) = (String::from("mary"), Some(String::from("sample")));
    assert_eq!(granted, Ok(Granted { uid, server, expires_seconds: 1_000_060 }));
    assert_eq!(plain(r#"{"sub":"mary","exp":1000060}"#).unwrap().server, None);
}

#[test]
fn times_are_judged_with_leeway() {
    let at = |claims: String| plain(&format!(r#"{{"sub":"a",{claims}}}"#)).map(|_| ());
    assert_eq!(at(format!(r#""exp":{}"#, NOW - 29)), Ok(()));
    assert_eq!(at(format!(r#""exp":{}"#, NOW - 30)), Err(JwtError::Expired));
    assert_eq!(at(format!(r#""exp":{}.9"#, NOW - 30)), Err(JwtError::Expired));
    assert_eq!(at(format!(r#""exp":{}"#, u64::MAX)), Ok(()));
    assert_eq!(at(String::from(r#""exp":1e300"#)), Ok(()));
    for name in ["nbf", "iat"] {
        assert_eq!(at(format!(r#""exp":2000000,"{name}":{}"#, NOW + 30)), Ok(()));
        let early = at(format!(r#""exp":2000000,"{name}":{}"#, NOW + 31));
        assert_eq!(early, Err(JwtError::NotYet));
    }
    assert_eq!(at(String::from(r#""x":1"#)), Err(JwtError::Missing("exp")));
    for wrong in [r#""1000060""#, "-1", "null", "[]", "-0.5", "true"] {
        assert_eq!(at(format!(r#""exp":{wrong}"#)), Err(JwtError::WrongType("exp")), "{wrong}");
    }
}

#[test]
fn issuer_and_audience_are_compared() {
    let rules = Rules {
        issuer: Some(String::from("https://studio")),
        audience: Some(String::from("game")),
        ..Rules::default()
    };
    let with = |claims: &str| {
        judge(&rules, &format!(r#"{{"sub":"a","exp":2000000,{claims}}}"#)).map(|_| ())
    };
    assert_eq!(with(r#""iss":"https://studio","aud":"game""#), Ok(()));
    assert_eq!(with(r#""iss":"https://studio","aud":["x","game"]"#), Ok(()));
    assert_eq!(with(r#""iss":"https://studio/","aud":"game""#), Err(JwtError::Issuer));
    assert_eq!(with(r#""aud":"game""#), Err(JwtError::Issuer));
    assert_eq!(with(r#""iss":7,"aud":"game""#), Err(JwtError::WrongType("iss")));
    for aud in [r#""Game""#, "[]", r#"[["game"]]"#, "7", r#"{"game":"game"}"#] {
        let claims = format!(r#""iss":"https://studio","aud":{aud}"#);
        assert_eq!(with(&claims), Err(JwtError::Audience), "{aud}");
    }
    assert_eq!(with(r#""iss":"https://studio""#), Err(JwtError::Audience));
}

#[test]
fn the_user_has_a_name_of_bounded_length() {
    let rules = Rules { uid_claim: String::from("account"), uid_bytes_max: 4, ..Rules::default() };
    let uid = |value: &str| {
        let claims = format!(r#"{{"exp":2000000,"account":{value}}}"#);
        judge(&rules, &claims).map(|granted| granted.uid)
    };
    assert_eq!(uid(r#""mary""#), Ok(String::from("mary")));
    assert_eq!(uid("1234"), Ok(String::from("1234")));
    assert_eq!(uid("12345"), Err(JwtError::Uid));
    assert_eq!(uid(r#""""#), Err(JwtError::Uid));
    assert_eq!(uid(r#""maryx""#), Err(JwtError::Uid));
    for wrong in ["-1", "1.5", "true", "[]", "null"] {
        assert_eq!(uid(wrong), Err(JwtError::WrongType("the claim of the user")), "{wrong}");
    }
    let absent = judge(&rules, r#"{"exp":2000000,"sub":"mary"}"#);
    assert_eq!(absent, Err(JwtError::Missing("of the user")));
}

#[test]
fn claims_are_an_object_with_every_name_once() {
    for claims in [r#"{"sub":"a","sub":"b","exp":2000000}"#, "[]", "", "\u{feff}{}"] {
        assert_eq!(plain(claims), Err(JwtError::Json), "{claims}");
    }
    let server = plain(r#"{"sub":"a","exp":2000000,"server":1}"#);
    assert_eq!(server, Err(JwtError::WrongType("the claim of the server")));
}
