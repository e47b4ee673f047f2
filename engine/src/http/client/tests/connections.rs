//! Which connection a call gets, and what becomes of it.

use std::time::Duration;

use super::requests::Pieces;
use super::rig::{Pursued, Rig};
use crate::dns::DnsError;
use crate::driver::Errno;
use crate::http::client::{Error, Request, Settings};
use crate::net::ConnectError;

const URL: &str = "http://a.example/";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn limited(idle_connections_max: usize, connections_per_host_max: usize) -> Rig {
    Rig::with(Settings { idle_connections_max, connections_per_host_max, ..Settings::default() })
}

/// A call that is answered by a connection, which then is idle.
fn served(rig: &Rig, url: &str, peer: usize) {
    let call = rig.get(url);
    rig.peer(peer).say(rig, OK);
    assert_eq!(call.result().unwrap().status(), 200);
}

#[test]
fn a_connection_serves_its_origin_again_and_no_other() {
    let rig = Rig::new();
    served(&rig, URL, 0);
    served(&rig, "http://A.example:80/b", 0);
    assert_eq!(rig.dialled(), 1);
    served(&rig, "http://a.example:81/", 1);
    served(&rig, "http://b.example/", 2);
    assert_eq!((rig.client.idle_connections(), rig.client.open_connections()), (3, 3));
}

#[test]
fn a_connection_that_cannot_serve_again_is_closed() {
    for said in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n",
    ] {
        let rig = Rig::new();
        let call = rig.get(URL);
        rig.peer(0).say(&rig, said);
        assert_eq!(call.result().unwrap().status(), 200, "{said:?}");
        assert!(rig.peer(0).is_closed(), "{said:?}");
        assert_eq!(rig.client.open_connections(), 0, "{said:?}");
    }
}

#[test]
fn an_idle_connection_that_changes_is_closed_at_once() {
    let changes: [fn(&Rig); 3] = [
        |rig| rig.peer(0).end(rig),
        |rig| rig.peer(0).reset(rig),
        |rig| rig.peer(0).say(rig, "HTTP/1.1 408 Late\r\n\r\n"),
    ];
    for change in changes {
        let rig = Rig::new();
        served(&rig, URL, 0);
        change(&rig);
        assert!(rig.peer(0).is_closed());
        assert_eq!(rig.client.open_connections(), 0);
        served(&rig, URL, 1);
    }
}

#[test]
fn idle_connections_grow_old() {
    let idle_time_max = Duration::from_millis(500);
    let rig = Rig::with(Settings { idle_time_max, ..Settings::default() });
    served(&rig, URL, 0);
    rig.pass_ms(300);
    served(&rig, "http://b.example/", 1);
    rig.pass_ms(300);
    assert!(rig.peer(0).is_closed() && !rig.peer(1).is_closed());
    rig.pass_ms(300);
    assert_eq!(rig.client.open_connections(), 0);
    served(&rig, URL, 2);
}

#[test]
fn the_oldest_idle_connection_goes_for_one_too_many() {
    let rig = limited(2, 8);
    for (peer, host) in ["a", "b", "c"].into_iter().enumerate() {
        served(&rig, &format!("http://{host}/"), peer);
    }
    assert!(rig.peer(0).is_closed());
    assert_eq!(rig.client.idle_connections(), 2);
    let none = limited(0, 8);
    served(&none, URL, 0);
    assert!(none.peer(0).is_closed());
}

#[test]
fn calls_beyond_the_connections_of_a_host_wait_in_line() {
    let rig = limited(100, 1);
    let (first, second, third) = (rig.get(URL), rig.get(URL), rig.get(URL));
    let elsewhere = rig.get("http://b.example/");
    assert_eq!(rig.dialled(), 2);
    rig.peer(1).say(&rig, OK);
    assert!(elsewhere.result().is_ok());
    rig.peer(0).say(&rig, OK);
    assert!(first.result().is_ok());
    assert!(rig.peer(0).heard().contains("GET / HTTP/1.1\r\n"));
    rig.peer(0).say(&rig, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert!(second.result().is_ok() && third.is_pending());
    assert_eq!(rig.dialled(), 3, "the last one got a new connection");
    rig.peer(2).say(&rig, OK);
    assert!(third.result().is_ok());
    assert_eq!(rig.client.open_connections(), 2);
}

#[test]
fn a_failed_connect_gives_its_place_to_the_next() {
    let rig = limited(100, 1);
    rig.world.refuse.borrow_mut().push_back(ConnectError::Refused);
    let (first, second) = (rig.get(URL), rig.get(URL));
    let refused = first.result();
    let expected = matches!(&refused, Err(Error::Connect { host, source: ConnectError::Refused })
        if host == "a.example:80");
    assert!(expected, "{refused:?}");
    rig.peer(0).say(&rig, OK);
    assert!(second.result().is_ok());
}

#[test]
fn names_and_connects_fail_each_in_their_way() {
    let rig = Rig::new();
    *rig.world.names.borrow_mut() = Some(Err(DnsError::NoSuchName));
    let missing = rig.get(URL).result();
    assert!(matches!(missing, Err(Error::Dns { source: DnsError::NoSuchName, .. })), "{missing:?}");
    for error in [ConnectError::TimedOut, ConnectError::Failed(Errno(libc::ENETDOWN))] {
        rig.world.refuse.borrow_mut().push_back(error.clone());
        let failed = rig.get("http://127.0.0.1/").result();
        assert!(matches!(failed, Err(Error::Connect { source, .. }) if source == error));
    }
    assert_eq!(rig.client.open_connections(), 0);
}

/// A server that has closed an idle connection just when it is used again.
fn stale(request: Request, rig: &Rig) -> Pursued<Result<u16, Error>> {
    served(rig, URL, 0);
    let client = rig.client.clone();
    let call = rig.start(async move { Ok(client.request(request).await?.status()) });
    assert_eq!(rig.dialled(), 1, "the pooled connection was quiet");
    rig.peer(0).end(rig);
    call
}

#[test]
fn a_request_on_a_stale_connection_is_repeated_once_if_it_may() {
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let rig = Rig::new();
        let call = stale(Request::new(method, URL), &rig);
        assert_eq!(rig.dialled(), 2, "{method}");
        let heard = rig.peer(1).heard();
        assert!(heard.starts_with(&format!("{method} / HTTP/1.1\r\n")), "{heard}");
        rig.peer(1).end(&rig);
        assert!(matches!(call.result(), Err(Error::NoAnswer)), "{method}: only once");
        assert_eq!(rig.dialled(), 2, "{method}");
    }
}

#[test]
fn what_may_not_run_twice_is_not_repeated() {
    for request in [
        Request::post(URL),
        Request::new("PATCH", URL).body("x"),
        Request::put(URL).stream(None, Pieces::default()),
    ] {
        let rig = Rig::new();
        let call = stale(request, &rig);
        assert!(matches!(call.result(), Err(Error::NoAnswer)));
        assert_eq!(rig.dialled(), 1);
    }
}

#[test]
fn a_new_connection_or_half_an_answer_is_no_reason_to_repeat() {
    let rig = Rig::new();
    let call = rig.get(URL);
    rig.peer(0).end(&rig);
    assert!(matches!(call.result(), Err(Error::NoAnswer)));
    assert_eq!(rig.dialled(), 1);
    served(&rig, URL, 1);
    let call = rig.get(URL);
    rig.peer(1).say(&rig, "HTTP/1.1 2");
    rig.peer(1).end(&rig);
    assert!(matches!(call.result(), Err(Error::Truncated { .. })));
    assert_eq!(rig.dialled(), 2);
}

#[test]
fn nothing_is_left_when_the_client_goes() {
    let mut rig = Rig::new();
    served(&rig, URL, 0);
    rig.client = Rig::new().client;
    rig.run();
    assert!(rig.peer(0).is_closed());
    rig.pass_ms(100_000);
    assert_eq!((rig.sleepers(), rig.has_tasks()), (0, false));
}

#[test]
fn a_call_that_finds_the_line_too_long_fails_at_once() {
    let settings =
        Settings { connections_per_host_max: 1, waiting_per_host_max: 2, ..Settings::default() };
    let rig = Rig::with(settings);
    let first = rig.get(URL);
    let waiting = [rig.get(URL), rig.get(URL)];
    let error = rig.get(URL).result().unwrap_err();
    assert!(matches!(error, Error::HostBusy { waiting_max: 2 }), "{error}");
    let elsewhere = rig.get("http://b.example/");
    rig.peer(1).say(&rig, OK);
    assert_eq!(elsewhere.result().unwrap().status(), 200, "each host has a line of its own");
    for call in [first].into_iter().chain(waiting) {
        rig.peer(0).say(&rig, OK);
        assert_eq!(call.result().unwrap().status(), 200);
    }
}
