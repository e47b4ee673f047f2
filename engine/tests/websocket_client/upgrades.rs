//! How a connection comes about, and how it does not: each refusal has its error.

use std::time::Duration;

use skyring::http::client::{Error as CallError, Phase};
use skyring::net::ConnectError;
use skyring::protocols::blame::Blame;
use skyring::transport::tls::{ClientTls, ClientTlsSettings, Trust};
use skyring::websocket::client::{AnswerError, ConnectOptions, Error};

use super::peer::{UPGRADE, answer, frame, heard, key, upgrading, url};
use super::support::PATIENCE;
use super::support::certificates::{Authority, Validity};
use super::support::hostile::{Conversation, Hostile};
use super::with_socket;

/// What a connection ends with whose request is answered by this.
fn refused(script: impl Fn(&mut Conversation, &str) + Send + Sync + 'static) -> Error {
    let server = Hostile::start(move |talk| {
        let key = key(talk).expect("a request");
        script(talk, &key);
    });
    let options = ConnectOptions::new(&url(&server)).subprotocol("a").timeout(PATIENCE);
    let error = with_socket(options, |_, _| async { Ok(()) });
    error.expect_err("the server misbehaves")
}

/// As [`refused`], with these fields in an answer of 101.
fn refused_by_fields(fields: &'static str) -> Error {
    refused(move |talk, _| {
        talk.say(&format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n"));
        talk.be_silent();
    })
}

#[test]
fn a_wrong_accept_value_is_told() {
    let wrong = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let error = refused_by_fields(wrong);
    assert!(matches!(error, Error::Upgrade(AnswerError::Accept)), "{error:?}");
    assert_eq!(error.blame(), Blame::Peer);
    let error = refused_by_fields("Upgrade: websocket\r\nConnection: Upgrade\r\n");
    assert!(matches!(error, Error::Upgrade(AnswerError::AcceptMissing)), "{error:?}");
}

#[test]
fn what_was_not_offered_is_told() {
    let chosen = |more: &'static str| {
        refused(move |talk, key| {
            answer(talk, key, more);
            talk.be_silent();
        })
    };
    let error = chosen("Sec-WebSocket-Protocol: b\r\n");
    assert!(matches!(error, Error::Upgrade(AnswerError::Subprotocol)), "{error:?}");
    let error = chosen("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    assert!(matches!(error, Error::Upgrade(AnswerError::Extensions)), "{error:?}");
}

#[test]
fn another_protocol_is_no_websocket() {
    let error = refused_by_fields("Upgrade: other\r\nConnection: Upgrade\r\n");
    assert!(matches!(error, Error::Upgrade(AnswerError::Upgrade)), "{error:?}");
}

#[test]
fn another_status_is_told() {
    for (status, more) in [(200, ""), (302, "Location: /there\r\n"), (401, ""), (503, "")] {
        let error = refused(move |talk, _| {
            talk.say(&format!("HTTP/1.1 {status} X\r\n{more}{UPGRADE}Content-Length: 0\r\n\r\n"));
            talk.be_silent();
        });
        match error {
            Error::Refused(head) => assert_eq!(head.status(), status),
            error => panic!("{status}: {error:?}"),
        }
    }
}

#[test]
fn what_is_no_http_is_told() {
    let error = refused(|talk, _| {
        talk.say("SSH-2.0-nothing\r\n");
        talk.be_silent();
    });
    assert!(matches!(error, Error::Call(CallError::Protocol(_))), "{error:?}");
    let error = refused(|talk, _| {
        talk.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso");
        talk.cut();
    });
    assert!(matches!(error, Error::Call(CallError::Truncated { .. })), "{error:?}");
    let error = refused(|talk, _| talk.cut());
    assert!(matches!(error, Error::Call(CallError::NoAnswer)), "{error:?}");
    let error = refused(|talk, _| {
        talk.say("HTTP/1.1 101 Switching Protocols\r\nA: ");
        talk.say_for_ever(&"x".repeat(1000));
    });
    assert!(matches!(error, Error::Call(CallError::HeadTooLarge(_))), "{error:?}");
}

#[test]
fn a_slow_answer_ends_at_the_deadline() {
    let scripts: [fn(&mut Conversation); 2] = [Conversation::be_silent, |talk| {
        talk.say("HTTP/1.1 101 Switching Protocols\r\nA: ");
        talk.drip("x");
    }];
    for script in scripts {
        let server = Hostile::start(script);
        let timeout = Duration::from_secs(2);
        let options = ConnectOptions::new(&url(&server)).timeout(timeout);
        let error = with_socket(options, |_, _| async { Ok(()) }).expect_err("nothing comes");
        let Error::Call(CallError::Deadline { phase, after }) = error else { panic!("{error:?}") };
        assert_eq!((phase, after), (Phase::Wait, timeout));
    }
}

#[test]
fn nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = ConnectOptions::new(&format!("ws://{}/", free.local_addr().unwrap()));
    drop(free);
    let error = with_socket(options, |_, _| async { Ok(()) }).expect_err("nobody listens");
    let told =
        matches!(error, Error::Call(CallError::Connect { source: ConnectError::Refused, .. }));
    assert!(told, "{error:?}");
}

#[test]
fn what_cannot_be_asked_for_is_not_sent() {
    let server = Hostile::start(Conversation::be_silent);
    let ask = |change: fn(ConnectOptions) -> ConnectOptions| {
        let options = change(ConnectOptions::new(&url(&server)));
        with_socket(options, |_, _| async { Ok(()) }).expect_err("the caller is wrong")
    };
    let error = ask(|options| options.header("Sec-WebSocket-Key", "x"));
    assert!(matches!(&error, Error::ReservedHeader { name } if name == "Sec-WebSocket-Key"));
    let error = ask(|options| options.header("A", "b\r\nC: d"));
    assert!(matches!(error, Error::Call(CallError::Request(_))), "{error:?}");
    let error = ask(|options| options.subprotocol("a b"));
    assert!(matches!(error, Error::Upgrade(AnswerError::Offer)), "{error:?}");
    assert_eq!(error.blame(), Blame::Caller);
    let error = ask(|options| ConnectOptions { url: "http://a/".to_owned(), ..options });
    assert!(matches!(error, Error::Scheme), "{error:?}");
}

#[test]
fn headers_and_subprotocols_reach_the_server() {
    let server = Hostile::start(|talk| {
        let head = talk.request().expect("a request").head;
        let value = |name: &str| {
            let lower = head.to_ascii_lowercase();
            let at = lower.find(&format!("\r\n{name}: ")).expect("the field is there");
            let line = head[at + 2..].lines().next().expect("a line");
            line.split_once(": ").expect("a field").1.to_owned()
        };
        assert_eq!(value("authorization"), "Bearer x");
        assert_eq!(value("sec-websocket-protocol"), "a, b");
        answer(talk, &value("sec-websocket-key"), "Sec-WebSocket-Protocol: b\r\nX-Y: z\r\n");
        // The first frame may come with the answer.
        talk.say_bytes(&frame(0x81, b"at once"));
        assert_eq!(heard(talk), Some((0x88, vec![3, 232])));
        talk.say_bytes(&frame(0x88, &[3, 232]));
    });
    let options = ConnectOptions::new(&url(&server))
        .header("Authorization", "Bearer x")
        .subprotocol("a")
        .subprotocol("b");
    let seen = with_socket(options, |_, mut socket| async move {
        let first = socket.next().await.expect("a message")?;
        assert_eq!(first.as_bytes(), b"at once");
        let subprotocol = socket.subprotocol().map(str::to_owned);
        let field = socket.response().headers().get("x-y").map(<[u8]>::to_vec);
        let end = socket.finish(skyring::websocket::CloseCode::NORMAL, "").await?;
        Ok((subprotocol, field, end.is_clean))
    });
    assert_eq!(seen.unwrap(), (Some("b".to_owned()), Some(b"z".to_vec()), true));
}

#[test]
fn a_secure_server_must_be_known() {
    let authority = Authority::new();
    let shown = authority.vouch("localhost", Validity::Now);
    let server = Hostile::start_tls(shown.server(), |talk| {
        if let Some(key) = key(talk) {
            answer(talk, &key, "");
            talk.say_bytes(&frame(0x82, b"secret"));
            talk.be_silent();
        }
    });
    let ask = |trust| {
        let settings = ClientTlsSettings { trust, ..ClientTlsSettings::default() };
        let mut options =
            ConnectOptions::new(&format!("wss://localhost:{}/", server.address.port()));
        options.tls = Some(ClientTls::load(&settings).unwrap());
        with_socket(options, |_, mut socket| async move {
            let message = socket.next().await.expect("a message")?;
            Ok(message.as_bytes().to_vec())
        })
    };
    let known = ask(Trust::Authorities(authority.file("websocket-known")));
    assert_eq!(known.unwrap(), b"secret");
    let unknown = ask(Trust::Authorities(Authority::new().file("websocket-unknown")));
    assert!(matches!(unknown, Err(Error::Call(CallError::Tls { .. }))), "{unknown:?}");
}

#[test]
fn an_upgrade_leaves_the_clients_connections_alone() {
    let server = upgrading(Conversation::be_silent);
    let options = ConnectOptions::new(&url(&server));
    let counts = crate::support::shard::on_a_shard(move |context| {
        let options = options.clone();
        async move {
            let client = skyring::http::Client::new(&context);
            let socket = skyring::websocket::client::connect_with(&client, &options).await;
            assert!(socket.is_ok(), "{socket:?}");
            (client.idle_connections(), client.open_connections())
        }
    });
    assert_eq!(counts, (0, 0), "it counts no more once it is a WebSocket");
}
