//! Deadlines, whatever a call is doing.

use std::time::Duration;

use super::requests::Pieces;
use super::rig::{Pursued, Rig};
use crate::http::client::{Error, Phase, Request, Response, Settings};

const URL: &str = "http://a.example/";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn request() -> Request {
    Request::get(URL).timeout(Duration::from_millis(500))
}

/// The phase in which a call's time was over, which was not before its end.
fn late(rig: &Rig, call: &Pursued<Result<Response, Error>>) -> Phase {
    rig.pass_ms(499);
    assert!(call.is_pending(), "not before its time");
    rig.pass_ms(2);
    match call.result() {
        Err(Error::Deadline { phase, after }) => {
            assert_eq!(after, Duration::from_millis(500));
            phase
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_phase_ends_at_the_deadline() {
    let rig = Rig::new();
    *rig.world.names.borrow_mut() = None;
    assert_eq!(late(&rig, &rig.request(request())), Phase::Dns);
    let rig = Rig::new();
    rig.world.silent.set(true);
    assert_eq!(late(&rig, &rig.request(request())), Phase::Connect);
    let rig = Rig::new();
    assert_eq!(late(&rig, &rig.request(request())), Phase::Wait);
    assert!(rig.peer(0).is_closed());
    let call = rig.request(request());
    rig.peer(1).say(&rig, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell");
    assert_eq!(late(&rig, &call), Phase::Receive);
    let call = rig.request(
        Request::post(URL).timeout(Duration::from_millis(500)).stream(None, Pieces::waiting()),
    );
    assert_eq!(late(&rig, &call), Phase::Send);
    assert_eq!(rig.client.open_connections(), 0);
}

#[test]
fn waiting_for_a_connection_counts() {
    let rig = Rig::with(Settings { connections_per_host_max: 1, ..Settings::default() });
    let first = rig.get(URL);
    assert_eq!(late(&rig, &rig.request(request())), Phase::Queue);
    rig.peer(0).say(&rig, OK);
    assert!(first.result().is_ok());
    let next = rig.get(URL);
    rig.peer(0).say(&rig, OK);
    assert!(next.result().is_ok(), "who gave up holds nobody up");
}

#[test]
fn a_drip_does_not_move_the_deadline() {
    let rig = Rig::new();
    let call = rig.request(request());
    rig.peer(0).say(&rig, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    for _ in 0..49 {
        rig.pass_ms(10);
        rig.peer(0).say(&rig, "x");
        assert!(call.is_pending());
    }
    rig.pass_ms(20);
    assert!(matches!(call.result(), Err(Error::Deadline { phase: Phase::Receive, .. })));
    assert!(rig.peer(0).is_closed());
}

#[test]
fn redirects_share_the_deadline() {
    let rig = Rig::new();
    let call = rig.request(request().redirects_max(1));
    rig.pass_ms(300);
    rig.peer(0).say(&rig, "HTTP/1.1 302 X\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n");
    rig.pass_ms(199);
    assert!(call.is_pending());
    rig.pass_ms(2);
    assert!(matches!(call.result(), Err(Error::Deadline { phase: Phase::Wait, .. })));
}

#[test]
fn a_streams_body_is_covered() {
    let rig = Rig::new();
    let client = rig.client.clone();
    let call = rig.start(async move { client.request_stream(request()).await });
    rig.peer(0).say(&rig, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let mut stream = call.result().unwrap();
    let piece = rig.start(async move { (stream.next().await, stream.next().await.is_none()) });
    rig.pass_ms(501);
    let (piece, then_nothing) = piece.result();
    assert!(matches!(piece, Some(Err(Error::Deadline { phase: Phase::Receive, .. }))));
    assert!(then_nothing && rig.peer(0).is_closed());
}

#[test]
fn the_deadline_of_the_client_is_the_default() {
    let rig = Rig::with(Settings { timeout: Duration::from_secs(2), ..Settings::default() });
    let call = rig.get(URL);
    rig.pass_ms(1999);
    assert!(call.is_pending());
    rig.pass_ms(2);
    assert!(matches!(call.result(), Err(Error::Deadline { .. })));
}

#[test]
fn calls_that_end_in_time_leave_no_sleepers_behind() {
    let rig = Rig::new();
    for _ in 0..1000 {
        let call = rig.get(URL);
        rig.peer(0).say(&rig, OK);
        assert!(call.result().is_ok());
        rig.pass_ms(1);
    }
    assert!(rig.sleepers() <= 2, "{} sleepers", rig.sleepers());
    rig.pass_ms(100_000);
    assert_eq!((rig.sleepers(), rig.client.open_connections()), (0, 0));
}

#[test]
fn a_call_that_is_dropped_holds_nothing() {
    let rig = Rig::new();
    let client = rig.client.clone();
    let mut call = Box::pin(async move { client.get(URL).await });
    let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(cx).is_pending());
    assert_eq!(rig.client.open_connections(), 1);
    drop(call);
    assert_eq!(rig.client.open_connections(), 0);
    assert!(rig.peer(0).is_closed());
}
