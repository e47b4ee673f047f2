//! What comes back, whole and broken.

use std::rc::Rc;

use super::rig::Rig;
use crate::http::client::{Error, Request, Settings};

const URL: &str = "http://a.example/";

/// What a call ends with when the server says this in one piece, and ends.
fn answered(text: &str) -> Result<(u16, String), Error> {
    answered_by(|rig| {
        rig.peer(0).say(rig, text);
        rig.peer(0).end(rig);
    })
}

fn answered_by(server: impl FnOnce(&Rig)) -> Result<(u16, String), Error> {
    let rig = Rig::new();
    let call = rig.get(URL);
    server(&rig);
    let response = call.result()?;
    let body = String::from_utf8(response.body().to_vec()).unwrap();
    Ok((response.status(), body))
}

#[test]
fn an_answer_may_come_in_any_pieces() {
    let texts = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: 1\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhello",
    ];
    for text in texts {
        let expected = (200, "hello".to_owned());
        assert_eq!(answered(text).unwrap(), expected, "{text:?}");
        let spelled = answered_by(|rig| {
            rig.peer(0).spell(rig, text);
            rig.peer(0).end(rig);
        });
        assert_eq!(spelled.unwrap(), expected, "{text:?} byte by byte");
    }
}

#[test]
fn head_and_trailers_are_there() {
    let rig = Rig::new();
    let call = rig.get(URL);
    let head = "HTTP/1.1 404 Gone Fishing\r\nX-a: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    rig.peer(0).say(&rig, head);
    rig.peer(0).say(&rig, "1\r\nx\r\n0\r\nX-End: 2\r\n\r\n");
    let response = call.result().unwrap();
    assert_eq!((response.status(), response.head().reason()), (404, "Gone Fishing"));
    assert_eq!(response.header("x-A"), Some(&b"1"[..]));
    assert_eq!(response.trailers().get("x-end"), Some(&b"2"[..]));
    assert_eq!(response.url().to_string(), URL);
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    for (method, head) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"),
    ] {
        let rig = Rig::new();
        let call = rig.request(Request::new(method, URL));
        rig.peer(0).say(&rig, head);
        assert!(call.result().unwrap().body().is_empty(), "{method} {head}");
        assert_eq!(rig.client.idle_connections(), 1, "{method} {head}");
    }
}

#[test]
fn whatever_is_cut_short_is_an_error() {
    let cut = |text: &str| match answered(text) {
        Err(Error::Truncated { body_bytes }) => Some(body_bytes),
        _ => None,
    };
    assert_eq!(cut("HTTP/1.1 200"), Some(0));
    assert_eq!(cut("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), Some(0));
    assert_eq!(cut("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"), Some(4));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (rest, body_bytes) in [("", 0), ("5\r\nhell", 4), ("1\r\nx\r\n", 1), ("0\r\n", 0)] {
        assert_eq!(cut(&format!("{chunked}{rest}")), Some(body_bytes), "{rest:?}");
    }
    assert!(matches!(answered(""), Err(Error::NoAnswer)));
}

#[test]
fn the_end_of_a_connection_ends_a_body_only_if_it_is_an_honest_one() {
    let text = "HTTP/1.1 200 OK\r\n\r\nhello";
    assert!(answered(text).is_ok());
    let cut = answered_by(|rig| {
        rig.peer(0).say(rig, text);
        rig.peer(0).cut(rig);
    });
    assert!(matches!(cut, Err(Error::Truncated { body_bytes: 5 })), "{cut:?}");
    let reset = answered_by(|rig| {
        rig.peer(0).say(rig, text);
        rig.peer(0).reset(rig);
    });
    assert!(matches!(reset, Err(Error::Reset)), "{reset:?}");
}

#[test]
fn what_is_not_http_is_refused() {
    for text in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    ] {
        let broken = answered(text);
        assert!(matches!(broken, Err(Error::Protocol(_))), "{text:?}: {broken:?}");
    }
    let switched = answered("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    assert!(matches!(switched, Err(Error::Upgraded | Error::Protocol(_))), "{switched:?}");
}

#[test]
fn limits_hold() {
    let settings = Settings { body_bytes_max: 4, head_bytes_max: 100, ..Settings::default() };
    let said = |text: &str| {
        let rig = Rig::with(settings.clone());
        let call = rig.get(URL);
        rig.peer(0).say(&rig, text);
        let result = call.result().map(|response| response.status());
        assert!(result.is_ok() || rig.peer(0).is_closed());
        result
    };
    assert!(said("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour").is_ok());
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello",
    ] {
        let result = said(text);
        assert!(matches!(result, Err(Error::BodyTooLarge { bytes_max: 4 })), "{text:?} {result:?}");
    }
    let endless_line = format!("HTTP/1.1 200 {}", "x".repeat(200));
    let endless_head = format!("HTTP/1.1 200 OK\r\n{}", "A: b\r\n".repeat(30));
    let endless_chunk_line =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;{}", "x".repeat(1000));
    for text in [endless_line, endless_head, endless_chunk_line] {
        let result = said(&text);
        assert!(matches!(result, Err(Error::HeadTooLarge(_))), "{text:?} {result:?}");
    }
}

#[test]
fn a_stream_brings_each_piece_as_it_comes() {
    let rig = Rig::new();
    let client = rig.client.clone();
    let call = rig.start(async move { client.request_stream(Request::get(URL)).await });
    rig.peer(0).say(&rig, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let stream = Rc::new(std::cell::RefCell::new(Some(call.result().unwrap())));
    let next = || {
        let stream = Rc::clone(&stream);
        rig.start(async move {
            let mut taken = stream.borrow_mut().take().unwrap();
            let piece = taken.next().await;
            *stream.borrow_mut() = Some(taken);
            piece.map(|piece| piece.unwrap())
        })
    };
    let first = next();
    assert!(first.is_pending());
    rig.peer(0).say(&rig, "3\r\none\r\n");
    assert_eq!(first.result().as_deref(), Some(&b"one"[..]));
    let second = next();
    rig.peer(0).say(&rig, "3\r\nt");
    assert_eq!(second.result().as_deref(), Some(&b"t"[..]));
    rig.peer(0).say(&rig, "wo\r\n0\r\n\r\n");
    assert_eq!(next().result().as_deref(), Some(&b"wo"[..]));
    assert_eq!(rig.client.idle_connections(), 0);
    assert_eq!(next().result(), None);
    assert_eq!(rig.client.idle_connections(), 1);
    assert_eq!(next().result(), None, "and again");
}

#[test]
fn a_stream_that_is_dropped_gives_its_connection_free() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    for (said, pooled) in [("hello", 1), ("hell", 0), ("", 0)] {
        let rig = Rig::new();
        let client = rig.client.clone();
        let call = rig.start(async move { client.request_stream(Request::get(URL)).await });
        rig.peer(0).say(&rig, head);
        rig.peer(0).say(&rig, said);
        call.result().unwrap().close();
        rig.run();
        assert_eq!(rig.client.idle_connections(), pooled, "{said:?}");
        assert_eq!(rig.client.open_connections(), pooled, "{said:?}");
        assert_eq!(rig.peer(0).is_closed(), pooled == 0, "{said:?}");
    }
}
