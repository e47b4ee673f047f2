//! Each way to misbehave has its error. Where it is not the deadline, the deadline is far away.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use skyring::dns::ResolverSettings;
use skyring::http::client::{Error, Phase, Request, Settings};
use skyring::net::ConnectError;

use super::support::PATIENCE;
use super::support::hostile::{Conversation, Hostile};
use super::{call, get};

/// What a server does.
type Script = fn(&mut Conversation);

/// What a call ends with when its request is heard and then this is played.
fn after_request(script: impl Fn(&mut Conversation) + Send + Sync + 'static) -> Error {
    let server = Hostile::start(move |talk| {
        talk.request().expect("a request");
        script(talk);
    });
    get(server.url("/")).expect_err("the server misbehaves")
}

#[test]
fn truncation_is_told() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
    ] {
        let error = after_request(move |talk| {
            talk.say(text);
            talk.cut();
        });
        assert!(matches!(error, Error::Truncated { .. }), "{text:?}: {error:?}");
    }
    let error = after_request(Conversation::cut);
    assert!(matches!(error, Error::NoAnswer), "{error:?}");
}

#[test]
fn endless_heads_are_cut() {
    let scripts: [Script; 3] = [
        |talk| talk.say_for_ever(&"x".repeat(1000)),
        |talk| {
            talk.say("HTTP/1.1 200 OK\r\n");
            talk.say_for_ever(&"A: b\r\n".repeat(100));
        },
        |talk| {
            talk.say("HTTP/1.1 200 OK\r\nA: ");
            talk.say_for_ever(&"x".repeat(1000));
        },
    ];
    let errors = scripts.map(after_request);
    assert!(matches!(errors[0], Error::Protocol(_) | Error::HeadTooLarge(_)), "{:?}", errors[0]);
    for error in &errors[1..] {
        assert!(matches!(error, Error::HeadTooLarge(_)), "{error:?}");
    }
}

#[test]
fn endless_chunk_lines_trailers_and_bodies_are_cut() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let line = after_request(|talk| {
        talk.say(CHUNKED);
        talk.say("1;");
        talk.say_for_ever(&"x".repeat(1000));
    });
    assert!(matches!(line, Error::HeadTooLarge(_)), "{line:?}");
    let trailers = after_request(|talk| {
        talk.say(CHUNKED);
        talk.say("0\r\n");
        talk.say_for_ever(&"A: b\r\n".repeat(100));
    });
    assert!(matches!(trailers, Error::HeadTooLarge(_)), "{trailers:?}");
    let chunks = after_request(|talk| {
        talk.say(CHUNKED);
        talk.say_for_ever(&format!("8000\r\n{}\r\n", "x".repeat(0x8000)));
    });
    assert!(matches!(chunks, Error::BodyTooLarge { .. }), "{chunks:?}");
    let close_delimited = after_request(|talk| {
        talk.say("HTTP/1.1 200 OK\r\n\r\n");
        talk.say_for_ever(&"x".repeat(0x8000));
    });
    assert!(matches!(close_delimited, Error::BodyTooLarge { .. }), "{close_delimited:?}");
}

#[test]
fn wrong_lengths_are_refused() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n",
    ] {
        let error = after_request(move |talk| {
            talk.say(text);
            talk.be_silent();
        });
        let told = matches!(error, Error::Protocol(_) | Error::BodyTooLarge { .. });
        assert!(told, "{text:?}: {error:?}");
    }
}

#[test]
fn a_reset_is_told() {
    let server = Hostile::start(Conversation::reset);
    let error = get(server.url("/")).expect_err("a reset");
    assert!(matches!(error, Error::Reset), "{error:?}");
}

#[test]
fn slowness_ends_at_the_deadline() {
    let scripts: [(Script, Phase); 4] = [
        (Conversation::be_silent, Phase::Wait),
        (|talk| talk.drip("H"), Phase::Wait),
        (
            |talk| {
                talk.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
                talk.drip("x");
            },
            Phase::Receive,
        ),
        (
            |talk| {
                talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                talk.drip("1\r\nx\r\n");
            },
            Phase::Receive,
        ),
    ];
    for (index, (script, expected)) in scripts.into_iter().enumerate() {
        let server = Hostile::start(script);
        let url = server.url("/");
        let timeout = Duration::from_millis(300);
        let error = call(Settings::default(), move || Request::get(&url).timeout(timeout));
        match (index, error) {
            // A drip of the wrong letters may be noticed before the deadline.
            (1, Err(Error::Protocol(_))) => {}
            (_, Err(Error::Deadline { phase, after })) => {
                assert_eq!((phase, after), (expected, timeout), "script {index}");
            }
            (_, other) => panic!("script {index}: {other:?}"),
        }
    }
}

#[test]
fn a_server_that_does_not_read_stalls_nobody_for_ever() {
    let server = Hostile::start(|talk| {
        std::thread::sleep(Duration::from_secs(2));
        talk.be_silent();
    });
    let url = server.url("/");
    let timeout = Duration::from_millis(300);
    let error = call(Settings::default(), move || {
        Request::put(&url).body(vec![0; 32 << 20]).timeout(timeout)
    });
    assert!(matches!(error, Err(Error::Deadline { phase: Phase::Send, .. })), "{error:?}");
}

#[test]
fn redirects_without_end_end() {
    let server = Hostile::start(|talk| {
        while let Some(heard) = talk.request() {
            let number: u32 = heard.head[5..].split(' ').next().unwrap().parse().unwrap_or(0);
            let next = if heard.head.starts_with("GET /loop") {
                "/loop".to_owned()
            } else {
                format!("/{}", number + 1)
            };
            talk.say(&format!(
                "HTTP/1.1 302 Found\r\nLocation: {next}\r\nContent-Length: 0\r\n\r\n"
            ));
        }
    });
    let follow = |path: &str| {
        let url = server.url(path);
        call(Settings { redirects_max: 5, ..Settings::default() }, move || Request::get(&url))
    };
    let circle = follow("/loop");
    assert!(matches!(circle, Err(Error::RedirectLoop { .. })), "{circle:?}");
    let endless = follow("/1");
    assert!(matches!(endless, Err(Error::TooManyRedirects { redirects_max: 5 })), "{endless:?}");
    assert_eq!(server.accepted(), 2, "each chain on one connection");
}

#[test]
fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    let error = get(url);
    assert!(
        matches!(error, Err(Error::Connect { source: ConnectError::Refused, .. })),
        "{error:?}"
    );
}

#[test]
fn a_dead_dns_server_ends_at_the_deadline() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dns = Some(ResolverSettings::with_server(silent.local_addr().unwrap()));
    let settings = Settings { dns, ..Settings::default() };
    let error = call(settings, || {
        Request::get("http://nobody.example/").timeout(Duration::from_millis(300))
    });
    assert!(matches!(error, Err(Error::Deadline { phase: Phase::Dns, .. })), "{error:?}");
}

#[test]
fn names_of_the_hosts_file_work() {
    let server = Hostile::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let url = format!("http://localhost:{}/", server.address.port());
    let answer = call(Settings::default(), move || Request::get(&url).timeout(PATIENCE));
    assert_eq!(answer.unwrap(), (200, b"hello".to_vec()));
}
