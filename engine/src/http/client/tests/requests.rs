//! What is sent.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use futures_core::Stream;

use super::rig::Rig;
use crate::http::client::{Error, Request};

const URL: &str = "http://a.example/x?y";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A body that the test gives piece by piece; without any it ends at once.
#[derive(Clone, Default)]
pub(super) struct Pieces(Rc<RefCell<Given>>);

#[derive(Default)]
struct Given {
    pieces: VecDeque<Option<io::Result<Bytes>>>,
    waits: bool,
    waker: Option<Waker>,
}

impl Pieces {
    pub(super) fn waiting() -> Pieces {
        let pieces = Pieces::default();
        pieces.0.borrow_mut().waits = true;
        pieces
    }

    fn give(&self, rig: &Rig, piece: Option<io::Result<&'static str>>) {
        let mut given = self.0.borrow_mut();
        given.pieces.push_back(piece.map(|piece| piece.map(Bytes::from)));
        let waker = given.waker.take();
        drop(given);
        waker.into_iter().for_each(Waker::wake);
        rig.run();
    }
}

impl Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let mut given = self.0.borrow_mut();
        match given.pieces.pop_front() {
            Some(piece) => Poll::Ready(piece),
            None if !given.waits => Poll::Ready(None),
            None => {
                given.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// What a request is on the wire, without the field that says who asks.
fn written(request: Request) -> String {
    let rig = Rig::new();
    let call = rig.request(request);
    let heard = rig.peer(0).heard();
    rig.peer(0).say(&rig, OK);
    call.result().unwrap();
    let agent = format!("User-Agent: skyring/{}\r\n", env!("CARGO_PKG_VERSION"));
    heard.replacen(&agent, "", 1)
}

/// As [`written`], with names of fields in lower case and sorted.
fn written_lines(request: Request) -> Vec<String> {
    let text = written(request);
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let line = |line: &str| match line.split_once(':') {
        Some((name, value)) if !name.contains(' ') => {
            format!("{}:{value}", name.to_ascii_lowercase())
        }
        _ => line.to_owned(),
    };
    let mut lines: Vec<_> = head.split("\r\n").map(line).collect();
    lines[1..].sort();
    lines.push(body.to_owned());
    lines
}

#[test]
fn a_get_has_its_host_and_no_length() {
    let lines = written_lines(Request::get(URL).header("X-A", "b"));
    assert_eq!(lines, ["GET /x?y HTTP/1.1", "host: a.example", "x-a: b", ""]);
    let rig = Rig::new();
    let _call = rig.get(URL);
    let heard = rig.peer(0).heard();
    assert!(heard.contains("\r\nUser-Agent: skyring/"), "{heard}");
    let own = written(Request::get(URL).header("user-agent", "me"));
    assert_eq!(own.matches("user-agent").count(), 1, "{own}");
    assert!(!own.contains("skyring"), "{own}");
}

#[test]
fn the_host_has_its_port_unless_it_is_the_usual_one() {
    for (url, host) in [
        ("http://A.example", "a.example"),
        ("http://a.example:80", "a.example"),
        ("http://a.example:8080", "a.example:8080"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("http://[0:0:0:0:0:0:0:1]/", "[::1]"),
    ] {
        let lines = written_lines(Request::get(url));
        assert_eq!(lines, ["GET / HTTP/1.1", &format!("host: {host}"), ""], "{url}");
    }
    let lines = written_lines(Request::get(URL).header("HOST", "b.example"));
    assert_eq!(lines[1], "host: b.example");
}

#[test]
fn bodies_have_their_length() {
    let lines = written_lines(Request::post(URL).body("12345"));
    assert_eq!(lines, ["POST /x?y HTTP/1.1", "content-length: 5", "host: a.example", "12345"]);
    assert!(written_lines(Request::post(URL)).contains(&"content-length: 0".to_owned()));
    assert!(written_lines(Request::put(URL)).contains(&"content-length: 0".to_owned()));
    assert!(!written(Request::new("DELETE", URL)).to_lowercase().contains("content-length"));
}

#[test]
fn a_form_is_encoded_in_order() {
    let lines = written_lines(Request::post(URL).form(&[("b c", "ä&"), ("a", "")]));
    assert_eq!(lines.last().unwrap(), "b%20c=%C3%A4%26&a=");
    assert!(lines.contains(&"content-type: application/x-www-form-urlencoded".to_owned()));
}

#[test]
fn a_long_body_goes_as_there_is_room() {
    let rig = Rig::new();
    let call = rig.request(Request::put(URL).body(vec![b'x'; 200_000]));
    rig.peer(0).make_room(&rig, 0);
    let first = rig.peer(0).heard();
    let mut sent = first.len() - first.find("\r\n\r\n").expect("the head is whole") - 4;
    // Without a limit everything has been taken at once.
    assert_eq!(sent, 200_000);
    rig.peer(0).say(&rig, OK);
    assert!(call.result().is_ok());
    let call = rig.request(Request::put(URL).body(vec![b'z'; 100_000]));
    assert!(call.is_pending());
    assert_eq!(rig.peer(0).heard(), "", "no room");
    sent = 0;
    for _ in 0..11 {
        rig.peer(0).make_room(&rig, 10_000);
        sent += rig.peer(0).heard().bytes().filter(|byte| *byte == b'z').count();
    }
    assert_eq!(sent, 100_000);
    rig.peer(0).say(&rig, OK);
    assert!(call.result().is_ok());
}

#[test]
fn a_stream_goes_out_as_it_comes() {
    let rig = Rig::new();
    let pieces = Pieces::waiting();
    let call = rig.request(Request::post(URL).stream(None, pieces.clone()));
    let head = rig.peer(0).heard().to_lowercase();
    assert!(head.ends_with("\r\n\r\n") && head.contains("transfer-encoding: chunked"), "{head}");
    pieces.give(&rig, Some(Ok("hello")));
    assert_eq!(rig.peer(0).heard(), "5\r\nhello\r\n");
    pieces.give(&rig, Some(Ok("")));
    assert_eq!(rig.peer(0).heard(), "");
    pieces.give(&rig, None);
    assert_eq!(rig.peer(0).heard(), "0\r\n\r\n");
    rig.peer(0).say(&rig, OK);
    assert!(call.result().is_ok());
    assert_eq!(rig.client.idle_connections(), 1);
}

#[test]
fn a_stream_keeps_to_its_length() {
    let sized = |size, pieces: &[Option<&'static str>]| {
        let rig = Rig::new();
        let body = Pieces::waiting();
        let call = rig.request(Request::post(URL).stream(Some(size), body.clone()));
        for piece in pieces {
            body.give(&rig, piece.map(Ok));
        }
        let heard = rig.peer(0).heard();
        assert!(heard.to_lowercase().contains(&format!("content-length: {size}\r\n")), "{heard}");
        if !call.is_pending() {
            return Err((call.result().unwrap_err(), rig.peer(0).is_closed()));
        }
        rig.peer(0).say(&rig, OK);
        Ok(call.result().unwrap().status())
    };
    assert!(matches!(sized(5, &[Some("he"), Some("llo"), None]), Ok(200)));
    for pieces in [&[Some("hello!")][..], &[Some("hell"), None]] {
        let wrong = sized(5, pieces);
        assert!(matches!(wrong, Err((Error::Request(_), true))), "{wrong:?}");
    }
}

#[test]
fn a_stream_that_fails_fails_the_call() {
    let rig = Rig::new();
    let body = Pieces::waiting();
    let call = rig.request(Request::post(URL).stream(None, body.clone()));
    body.give(&rig, Some(Err(io::Error::other("disk"))));
    let failed = call.result().unwrap_err();
    assert_eq!(failed.to_string(), "the request's body failed: disk");
    assert!(rig.peer(0).is_closed());
}

#[test]
fn what_does_not_belong_in_a_head_is_not_sent() {
    for request in [
        Request::get(URL).header("A", "b\r\nC: d"),
        Request::get(URL).header("A\r\nB", "c"),
        Request::get(URL).header("A B", "c"),
        Request::get(URL).header("Content-Length", "3"),
        Request::get(URL).header("Transfer-Encoding", "chunked"),
        Request::get(URL).header("Host", "a\r\nB: c"),
        Request::new("GE T", URL),
        Request::new("", URL),
    ] {
        let rig = Rig::new();
        let said = format!("{request:?}");
        let refused = rig.request(request).result();
        assert!(matches!(refused, Err(Error::Request(_))), "{said}: {refused:?}");
        assert_eq!(rig.peer(0).heard(), "", "{said}");
    }
    for url in ["ftp://a/", "a", "http://u:p@a/", "http://a:0/"] {
        let rig = Rig::new();
        assert!(matches!(rig.get(url).result(), Err(Error::Url(_))), "{url}");
        assert_eq!(rig.dialled(), 0);
    }
}

#[test]
fn an_early_refusal_ends_the_upload_and_an_early_answer_does_not() {
    for (status, goes_on) in [(413, false), (307, false), (200, true)] {
        let rig = Rig::new();
        let body = Pieces::waiting();
        let client = rig.client.clone();
        let request = Request::post(URL).stream(None, body.clone());
        let call = rig.start(async move { client.request_stream(request).await });
        let text = format!("HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n");
        rig.peer(0).say(&rig, &text);
        let mut stream = call.result().unwrap();
        rig.peer(0).heard();
        let rest = rig.start(async move { stream.next().await });
        body.give(&rig, Some(Ok("more")));
        assert_eq!(!rig.peer(0).heard().is_empty(), goes_on, "{status}");
        rig.peer(0).say(&rig, "0\r\n\r\n");
        assert!(rest.result().is_none());
        assert!(rig.peer(0).is_closed(), "half a request is no good end, {status}");
    }
}

#[test]
fn a_server_that_stops_reading_may_still_say_why() {
    let rig = Rig::new();
    let body = Pieces::waiting();
    let call = rig.request(Request::post(URL).stream(None, body.clone()));
    rig.peer(0).refuse_writes();
    body.give(&rig, Some(Ok("more")));
    assert!(call.is_pending());
    rig.peer(0).say(&rig, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(call.result().unwrap().status(), 413);
    assert!(rig.peer(0).is_closed());
    let rig = Rig::new();
    let call = rig.request(Request::post(URL).stream(None, body.clone()));
    rig.peer(0).refuse_writes();
    body.give(&rig, Some(Ok("more")));
    rig.peer(0).end(&rig);
    assert!(matches!(call.result(), Err(Error::Reset)));
}

#[test]
fn a_body_waits_for_consent_but_not_for_ever() {
    let begin = || {
        let rig = Rig::new();
        let call = rig.request(Request::post(URL).body("hello").await_continue());
        let heard = rig.peer(0).heard().to_lowercase();
        assert!(
            heard.contains("expect: 100-continue\r\n") && heard.ends_with("\r\n\r\n"),
            "{heard}"
        );
        (rig, call)
    };
    let (rig, call) = begin();
    rig.peer(0).say(&rig, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(rig.peer(0).heard(), "hello");
    rig.peer(0).say(&rig, OK);
    assert_eq!(call.result().unwrap().status(), 200);
    assert_eq!(rig.client.idle_connections(), 1);
    let (rig, _call) = begin();
    rig.pass_ms(999);
    assert_eq!(rig.peer(0).heard(), "");
    rig.pass_ms(2);
    assert_eq!(rig.peer(0).heard(), "hello");
    let (rig, call) = begin();
    rig.peer(0).say(&rig, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(call.result().unwrap().status(), 417);
    assert!(rig.peer(0).is_closed() && rig.peer(0).heard().is_empty());
}

/// Without a body there is nothing that could wait.
#[test]
fn a_request_without_a_body_expects_nothing() {
    let rig = Rig::new();
    let _call = rig.request(Request::get(URL).await_continue());
    let heard = rig.peer(0).heard().to_lowercase();
    assert!(heard.ends_with("\r\n\r\n") && !heard.contains("expect"), "{heard}");
}
