//! Authenticators that the configuration chooses.

use std::net::SocketAddr;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use skyring::auth::{AuthError, AuthSettings, CallbackSettings, JwtUrlSettings, KeySource};
use skyring::config::{Config, ListenerKind, TlsSettings};
use skyring::context::Context;
use skyring::error::StartError;
use skyring::handler::{Application, AuthenticateError, Credentials, Identity, Login, Subid};
use skyring::http;
use skyring::protocols::crypt::base64encode;
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::studio::{Mood, Studio};
use crate::support::{config, eventually, listener};
use crate::{SECRET, base64url, file, good, login, settings, token};

/// A game that would believe anybody.
#[derive(Default)]
struct Naive {
    logins: std::cell::Cell<u64>,
}

impl Application for Naive {
    async fn authenticate(
        self: std::rc::Rc<Self>,
        _: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        Ok(Identity { uid: b"anybody".into(), server: b"sample".into() })
    }

    async fn login(
        self: std::rc::Rc<Self>,
        login: Login,
    ) -> Result<Subid, skyring::handler::Denied> {
        self.logins.set(self.logins.get() + 1);
        let uid = String::from_utf8(login.uid).unwrap();
        Ok(Subid(format!("{}:{uid}", self.logins.get()).into_bytes()))
    }
}

struct Served {
    server: Server,
    at: SocketAddr,
}

impl Served {
    fn start(auth: AuthSettings) -> Served {
        let config = Config { auth, ..config(1) };
        let server = Server::start(&config, |_: Context| Naive::default()).unwrap();
        let index = config.listeners.iter().position(|it| it.kind == ListenerKind::Login).unwrap();
        let at = server.addresses()[index];
        Served { server, at }
    }

    fn count(&self, counter: Counter) -> u64 {
        self.server.handle().counters().iter().map(|shard| shard.read(counter)).sum()
    }

    /// Ends it; none of what it waits for may keep it.
    fn end(self) {
        self.server.handle().drain();
        self.server.join().unwrap();
    }
}

fn callback(studio: &Studio) -> CallbackSettings {
    CallbackSettings {
        timeout: Duration::from_millis(300),
        server: Some("sample".into()),
        ..CallbackSettings::new(studio.url())
    }
}

fn uid(name: &str) -> Mood {
    Mood::Answers(200, format!(r#"{{"uid":"{name}"}}"#).into_bytes())
}

#[test]
fn a_service_is_asked_about_every_token() {
    let studio = Studio::open(uid("ann"));
    let bearer = Some(file("bearer", b"s3cret\n"));
    let served =
        Served::start(AuthSettings::Callback(CallbackSettings { bearer, ..callback(&studio) }));
    assert_eq!(login(served.at, "any \u{7f} token"), Ok(String::from("ann")));
    let heard = studio.heard();
    assert!(heard[0].contains("authorization: bearer s3cret\r\n"), "{heard:?}");
    assert!(heard[0].contains(&base64encode("any \u{7f} token".as_bytes())), "{heard:?}");
    assert!(heard[0].contains(r#""peer":"127.0.0.1""#), "{heard:?}");
    for status in [401, 403] {
        studio.set(Mood::Answers(status, Vec::new()));
        assert_eq!(login(served.at, "x"), Err(401));
    }
    studio.set(Mood::Answers(200, br#"{"uid":"ben","server":"nowhere"}"#.into()));
    assert_eq!(login(served.at, "x"), Err(403), "believed, but there is no such server");
    assert_eq!(served.count(Counter::AuthGranted), 2);
    assert_eq!(served.count(Counter::AuthDenied), 2);
    served.end();
}

/// Whatever goes wrong there lets nobody in, refuses nobody for good, and is over when it is over.
#[test]
fn an_outage_is_answered_with_a_time_to_come_back() {
    let studio = Studio::open(uid("ann"));
    let served = Served::start(AuthSettings::Callback(callback(&studio)));
    let outages = [
        Mood::Silent,
        Mood::Answers(500, Vec::new()),
        Mood::Answers(302, Vec::new()),
        Mood::Answers(200, b"ann".into()),
        Mood::Answers(200, br#"{"uid":""}"#.into()),
        Mood::Answers(200, vec![b' '; 17 << 10]),
    ];
    let count = outages.len() as u64;
    for outage in outages {
        studio.set(outage.clone());
        assert_eq!(login(served.at, "x"), Err(503), "{outage:?}");
    }
    assert_eq!(served.count(Counter::AuthUnavailable), count);
    assert_eq!(served.count(Counter::LoginsRefused), count);
    studio.set(uid("ann"));
    assert_eq!(login(served.at, "x"), Ok(String::from("ann")));
    served.end();

    let nobody = CallbackSettings::new("http://127.0.0.1:1/ask");
    let served = Served::start(AuthSettings::Callback(nobody));
    assert_eq!(login(served.at, "x"), Err(503), "nobody listens there");
    served.end();
}

/// One connection, one that waits for it: the third is told at once.
#[test]
fn those_who_wait_for_a_slow_service_are_bounded() {
    let studio = Studio::open(Mood::Silent);
    let slow = CallbackSettings {
        timeout: Duration::from_secs(600),
        connections_max: 1,
        waiting_max: 1,
        ..callback(&studio)
    };
    let served = Served::start(AuthSettings::Callback(slow));
    let at = served.at;
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let (sender, receiver) = std::sync::mpsc::channel();
            std::thread::spawn(move || sender.send(std::panic::catch_unwind(|| login(at, "x"))));
            receiver
        })
        .collect();
    eventually("one is told", || served.count(Counter::LoginsRefused) == 1);
    eventually("one is asked about", || studio.heard().len() == 1);
    served.server.handle().stop();
    served.server.join().unwrap();
    drop(waiting);
}

/// The same over TLS, from a server that only a certain authority vouches for.
#[test]
fn a_service_must_be_who_it_says() {
    struct Site;
    impl Application for Site {
        async fn http(self: std::rc::Rc<Self>, _: http::Request) -> http::Response {
            http::Response::new(200).body(r#"{"uid":"ann","server":"sample"}"#)
        }
    }
    let authority = crate::material::Authority::new("auth callback");
    let files = authority.issue("server", &["localhost"]);
    let mut secure = config(1);
    let tls = TlsSettings::files(&files.cert, &files.key);
    listener(&mut secure, ListenerKind::Http).tls = Some(tls);
    let index = secure.listeners.iter().position(|it| it.kind == ListenerKind::Http).unwrap();
    let site = Server::start(&secure, |_: Context| Site).unwrap();
    let url = format!("https://localhost:{}/ask", site.addresses()[index].port());
    let stranger = CallbackSettings::new(&url);
    let known = CallbackSettings { ca: Some(authority.file()), ..stranger.clone() };
    for (settings, expected) in [(stranger, Err(503)), (known, Ok(String::from("ann")))] {
        let served = Served::start(AuthSettings::Callback(settings));
        assert_eq!(login(served.at, "x"), expected);
        served.end();
    }
    site.handle().stop();
    site.join().unwrap();
}

#[test]
fn keys_of_a_file_are_read_again() {
    let path = file("turned-secret", SECRET);
    let served = Served::start(AuthSettings::Jwt(settings(KeySource::Secret(path.clone()))));
    let mary = good(r#""sub":"mary""#);
    assert_eq!(login(served.at, &mary), Ok(String::from("mary")));
    std::fs::write(&path, b"short").unwrap();
    let refused = served.server.handle().reload_auth().unwrap();
    assert!(matches!(refused, Err(AuthError::ShortSecret(_))));
    assert_eq!(login(served.at, &mary), Ok(String::from("mary")), "the old one stays");
    std::fs::write(&path, [b'k'; 32]).unwrap();
    served.server.handle().reload_auth().unwrap().unwrap();
    assert_eq!(login(served.at, &mary), Err(401));
    served.end();

    let plain = Served::start(AuthSettings::Application);
    assert!(plain.server.handle().reload_auth().is_none());
    assert_eq!(login(plain.at, "x"), Ok(String::from("anybody")), "the game is asked");
    plain.end();
}

#[test]
fn a_server_whose_keys_cannot_be_read_does_not_start() {
    let jwt = settings(KeySource::KeySet("/nowhere/keys.json".into()));
    let bearer = Some(file("two-words", b"two words"));
    let callback = CallbackSettings { bearer, ..CallbackSettings::new("http://localhost/") };
    for auth in [AuthSettings::Jwt(jwt), AuthSettings::Callback(callback)] {
        let config = Config { auth, ..config(1) };
        let refused = Server::start(&config, |_: Context| Naive::default()).unwrap_err();
        assert!(matches!(refused, StartError::Auth(_)), "{refused}");
    }
}

/// A key with its name, if it has one, as a set of one, and a token that it has signed.
fn signed(name: &str) -> (Mood, String) {
    let pair = Ed25519KeyPair::generate().unwrap();
    let public = base64url(pair.public_key().as_ref());
    let kid = if name.is_empty() { String::new() } else { format!(r#","kid":"{name}""#) };
    let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519"{kid},"x":"{public}"}}]}}"#);
    let header = format!(r#"{{"alg":"EdDSA"{kid}}}"#);
    let sign = |message: &[u8]| pair.sign(message).as_ref().to_vec();
    let token = token(&header, r#""sub":"dan","server":"sample""#, 60, sign);
    (Mood::Answers(200, set.into_bytes()), token)
}

fn by_url(studio: &Studio) -> JwtUrlSettings {
    let (refresh, retry) = (Duration::from_secs(600), Duration::from_millis(20));
    JwtUrlSettings { refresh, retry, ..JwtUrlSettings::new(studio.url()) }
}

#[test]
fn fetched_keys_follow_those_who_change_them() {
    let (first, by_first) = signed("first");
    let (second, by_second) = signed("second");
    let (_, by_nobody) = signed("third");
    let studio = Studio::open(first);
    let served = Served::start(AuthSettings::JwtByUrl(by_url(&studio)));
    eventually("keys have come", || served.count(Counter::AuthKeysFetched) > 0);
    let dan = Ok(String::from("dan"));
    assert_eq!(login(served.at, &by_first), dan);
    studio.set(second);
    // One that asks too soon is refused.
    eventually("the new key is known", || login(served.at, &by_second) == dan);
    assert_eq!(login(served.at, &by_first), Err(401), "its key is gone");
    assert_eq!(login(served.at, &by_nobody), Err(401));
    let asked = studio.heard().len();
    assert!(studio.heard()[0].starts_with("get /ask http/1.1"));
    assert!(asked >= 2, "{asked}");
    served.end();
}

/// A new key while nobody can fetch it: whoever shows it comes back, and whoever shows the old one is let in.
#[test]
fn what_cannot_be_judged_during_an_outage_is_not_refused() {
    for name in ["new", ""] {
        let (first, by_first) = signed(name.replace("new", "old").as_str());
        let (second, by_second) = signed(name);
        let studio = Studio::open(first);
        let served = Served::start(AuthSettings::JwtByUrl(by_url(&studio)));
        let dan = Ok(String::from("dan"));
        eventually("keys have come", || login(served.at, &by_first) == dan);
        studio.set(Mood::Answers(500, Vec::new()));
        eventually("nobody knows", || login(served.at, &by_second) == Err(503));
        assert_eq!(login(served.at, &by_second), Err(503), "nor a moment later");
        assert_eq!(login(served.at, &by_first), dan);
        studio.set(second);
        eventually("the outage is over", || login(served.at, &by_second) == dan);
        served.end();
    }
}

#[test]
fn without_keys_nobody_is_judged() {
    let (set, token) = signed("only");
    let studio = Studio::open(Mood::Answers(503, Vec::new()));
    let served = Served::start(AuthSettings::JwtByUrl(by_url(&studio)));
    assert_eq!(login(served.at, &token), Err(503), "none have ever come");
    for nothing in [Mood::Answers(200, b"{}".into()), Mood::Answers(200, vec![b' '; 300 << 10])] {
        studio.set(nothing);
        let failed = served.count(Counter::AuthKeysFailed);
        eventually("that was no key set", || served.count(Counter::AuthKeysFailed) > failed + 1);
    }
    studio.set(set);
    eventually("it is back", || login(served.at, &token) == Ok(String::from("dan")));
    served.end();
}

/// Keys that cannot be fetched any more are good for a while, and then no more.
#[test]
fn old_keys_are_good_for_a_while() {
    let (set, token) = signed("old");
    let studio = Studio::open(set);
    let short = JwtUrlSettings {
        refresh: Duration::from_millis(50),
        stale_max: Duration::from_secs(2),
        ..by_url(&studio)
    };
    let served = Served::start(AuthSettings::JwtByUrl(short));
    eventually("keys have come", || login(served.at, &token) == Ok(String::from("dan")));
    studio.set(Mood::Silent);
    eventually("they are too old", || login(served.at, &token) == Err(503));
    assert!(served.count(Counter::AuthUnavailable) > 0);
    served.server.handle().stop();
    served.server.join().unwrap();
}
