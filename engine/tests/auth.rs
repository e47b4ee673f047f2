//! Logins by JSON Web Token, on real sockets; and what keys are refused before anything starts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "auth/configured.rs"]
mod configured;
#[path = "tls/material.rs"]
#[allow(dead_code, reason = "another test file uses the rest")]
mod material;
#[path = "auth/studio.rs"]
mod studio;
mod support;

use std::cell::Cell;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use skyring::auth::{AuthError, Jwt, JwtError, JwtSettings, KeySource};
use skyring::config::ListenerKind;
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Identity, Login, Subid,
};
use skyring::protocols::Blame;
use skyring::protocols::crypt::base64encode;
use skyring::protocols::login::client::{LoginClient, LoginClientOutput};
use skyring::server::Server;

use support::{config, connect, read_more};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Lets in whom the tokens let in. The subid is a number, because no two logins of a user may have the
/// same, and the uid, so that a client sees who it is.
struct Door {
    jwt: Jwt,
    logins: Cell<u64>,
}

impl Application for Door {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        Ok(self.jwt.authenticate(&shown)?)
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        self.logins.set(self.logins.get() + 1);
        let uid = String::from_utf8(login.uid).unwrap();
        Ok(Subid(format!("{}:{uid}", self.logins.get()).into_bytes()))
    }
}

fn base64url(bytes: &[u8]) -> String {
    base64encode(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// A token of these claims, which ends so many seconds from now.
fn token(header: &str, claims: &str, seconds: i64, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = format!(r#"{{{claims},"exp":{}}}"#, now.checked_add_signed(seconds).unwrap());
    let message = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
    let signature = base64url(&sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn shared(message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), message).as_ref().to_vec()
}

/// A good token of the shared secret.
fn good(claims: &str) -> String {
    token(r#"{"alg":"HS256"}"#, claims, 60, shared)
}

fn file(name: &str, content: &[u8]) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("auth-{name}"));
    std::fs::write(&file, content).unwrap();
    file
}

fn settings(keys: KeySource) -> JwtSettings {
    JwtSettings { server: Some(String::from("sample")), ..JwtSettings::new(keys) }
}

/// A server with this door, and where it takes logins.
fn start(settings: &JwtSettings) -> (Server, SocketAddr) {
    let settings = settings.clone();
    let config = config(2);
    let make = move |_context| Door {
        jwt: Jwt::load(&settings).expect("the keys are there"),
        logins: Cell::new(0),
    };
    let server = Server::start(&config, make).unwrap();
    let login = config.listeners.iter().position(|it| it.kind == ListenerKind::Login).unwrap();
    let address = server.addresses()[login];
    (server, address)
}

/// Whom a login with this token lets in, or the status of the refusal.
fn login(address: SocketAddr, token: &str) -> Result<String, u16> {
    let mut stream = connect(address);
    let mut client = LoginClient::new(token.as_bytes().to_vec(), [1, 2, 3, 4, 5, 6, 7, 9]);
    let mut heard = Vec::new();
    loop {
        while let Some(output) = client.poll_output() {
            match output {
                LoginClientOutput::Send(bytes) => stream.write_all(&bytes).unwrap(),
                LoginClientOutput::Granted { subid } => {
                    let subid = String::from_utf8(subid).unwrap();
                    return Ok(subid.split_once(':').unwrap().1.to_owned());
                }
                LoginClientOutput::Refused(status) => return Err(status),
                LoginClientOutput::Broken(error) => panic!("{error:?}"),
            }
        }
        assert!(read_more(&mut stream, &mut heard), "no answer to a token");
        client.on_bytes(&std::mem::take(&mut heard));
    }
}

#[test]
fn a_shared_secret_lets_in_whom_it_signed() {
    let line = [SECRET, b"\r\n"].concat();
    let (server, at) = start(&settings(KeySource::Secret(file("secret", &line))));
    let mary = good(r#""sub":"mary""#);
    assert_eq!(login(at, &mary), Ok(String::from("mary")));
    assert_eq!(login(at, &good(r#""sub":1234"#)), Ok(String::from("1234")));
    let expired = token(r#"{"alg":"HS256"}"#, r#""sub":"mary""#, -60, shared);
    assert_eq!(login(at, &expired), Err(401));
    let unsigned = token(r#"{"alg":"none"}"#, r#""sub":"mary""#, 60, |_| Vec::new());
    assert_eq!(login(at, &unsigned), Err(401));
    let foreign = token(r#"{"alg":"HS256"}"#, r#""sub":"mary""#, 60, |_| vec![0; 32]);
    assert_eq!(login(at, &foreign), Err(401));
    for token in ["", "mary", "@", "a.b.c"] {
        assert_eq!(login(at, token), Err(401), "{token}");
    }
    server.handle().stop();
    server.join().unwrap();
}

#[test]
fn the_server_is_the_tokens_or_the_clients_or_the_usual_one() {
    let (server, at) = start(&settings(KeySource::Secret(file("server-secret", SECRET))));
    let wanting = |server: &str, token: &str| {
        let server = base64encode(server.as_bytes());
        login(at, &format!("{server}@{token}"))
    };
    let ann = good(r#""sub":"ann""#);
    assert_eq!(wanting("sample", &ann), Ok(String::from("ann")));
    assert_eq!(wanting("nowhere", &ann), Err(403), "no listener has that name");
    let bound = good(r#""sub":"ben","server":"sample""#);
    assert_eq!(login(at, &bound), Ok(String::from("ben")));
    assert_eq!(wanting("sample", &bound), Ok(String::from("ben")));
    assert_eq!(wanting("nowhere", &bound), Err(401), "the issuer said where");
    assert_eq!(login(at, &good(r#""sub":"cid","server":"nowhere""#)), Err(403));
    assert_eq!(login(at, &format!("c2FtcGxl=@{ann}")), Err(401), "another spelling");
    server.handle().stop();
    server.join().unwrap();
}

#[test]
fn published_keys_let_in_whom_they_signed() {
    let edwards = Ed25519KeyPair::generate().unwrap();
    let curve = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = curve.public_key().as_ref();
    let set = format!(
        r#"{{"keys":[{{"kty":"future"}},
            {{"kty":"OKP","crv":"Ed25519","kid":"e","x":"{}"}},
            {{"kty":"EC","crv":"P-256","kid":"p","use":"sig","x":"{}","y":"{}"}}]}}"#,
        base64url(edwards.public_key().as_ref()),
        base64url(&point[1..33]),
        base64url(&point[33..]),
    );
    let (server, at) = start(&settings(KeySource::KeySet(file("keys.json", set.as_bytes()))));
    let by_edwards = |message: &[u8]| edwards.sign(message).as_ref().to_vec();
    let by_curve =
        |message: &[u8]| curve.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
    let claims = r#""sub":"dan""#;
    let dan = Ok(String::from("dan"));
    assert_eq!(login(at, &token(r#"{"alg":"EdDSA","kid":"e"}"#, claims, 60, by_edwards)), dan);
    assert_eq!(login(at, &token(r#"{"alg":"ES256","kid":"p"}"#, claims, 60, by_curve)), dan);
    assert_eq!(login(at, &token(r#"{"alg":"ES256"}"#, claims, 60, by_curve)), dan);
    let other = login(at, &token(r#"{"alg":"ES256","kid":"e"}"#, claims, 60, by_curve));
    assert_eq!(other, Err(401), "the key of that name is of another algorithm");
    let public = edwards.public_key().as_ref().to_vec();
    let as_secret = |message: &[u8]| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &public), message).as_ref().to_vec()
    };
    let forged = login(at, &token(r#"{"alg":"HS256","kid":"e"}"#, claims, 60, as_secret));
    assert_eq!(forged, Err(401), "a public key is no secret");
    server.handle().stop();
    server.join().unwrap();
}

#[test]
fn a_token_without_a_server_needs_a_usual_one() {
    let keys = KeySource::Secret(file("lonely-secret", SECRET));
    let jwt = Jwt::load(&JwtSettings::new(keys)).unwrap();
    let judged = jwt.judge(good(r#""sub":"mary""#).as_bytes(), 0);
    assert_eq!(judged, Err(JwtError::Missing("of the server")));
}

#[test]
fn keys_that_let_nobody_in_or_anybody_are_refused() {
    let refused = |keys| Jwt::load(&JwtSettings::new(keys)).unwrap_err();
    let absent = refused(KeySource::Secret("/nowhere/secret".into()));
    assert!(absent.to_string().starts_with("/nowhere/secret: "), "{absent}");
    let short = file("short-secret", &[&SECRET[1..], b"\n"].concat());
    let short = refused(KeySource::Secret(short));
    assert!(matches!(short, AuthError::ShortSecret(_)));
    assert_eq!(short.blame(), Blame::Limit);
    assert!(!short.to_string().contains("1234"), "the secret is not told");
    let text = refused(KeySource::KeySet(file("text.json", b"keys")));
    assert!(matches!(text, AuthError::KeySet { reason: JwtError::Json, .. }));
    let empty = file("empty.json", br#"{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}"#);
    assert!(matches!(refused(KeySource::KeySet(empty)), AuthError::NoKeys(_)));
    let long = file("long.json", &vec![b' '; 300 << 10]);
    let long = refused(KeySource::KeySet(long));
    assert!(matches!(long, AuthError::KeySet { reason: JwtError::TooLong { .. }, .. }));
}
