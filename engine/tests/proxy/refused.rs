//! Headers from those who are not believed, wrong headers, and none.

use std::io::Write;

use skyring::config::ListenerKind;
use skyring::shard::counters::Counter;

use crate::front::{FORMS, header};
use crate::house::{House, config};
use crate::support::{connect, is_silent, read_to_end};

const KINDS: [ListenerKind; 4] = ListenerKind::ALL;

/// WIRE X1. From anybody else a header is bytes of what the listener speaks, which HTTP refuses.
#[test]
fn nobody_else_is_believed() {
    let house = House::start(&config(1, "10.0.0.0/8"));
    for form in FORMS {
        let mut browser = connect(house.at(ListenerKind::Http));
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let client = "203.0.113.5:6000".parse().unwrap();
        browser.write_all(&[&header(form, client)[..], request].concat()).unwrap();
        assert!(read_to_end(&mut browser).starts_with(b"HTTP/1.1 400"));
    }
    let mut browser = connect(house.at(ListenerKind::Http));
    browser.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    assert!(read_to_end(&mut browser).starts_with(b"HTTP/1.1 404"), "without one it is served");
    let notes = house.take_notes();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].1.ip().is_loopback());
    house.expect(Counter::ProxyHeaders, 0);
    house.end();
}

/// WIRE X1. A proxy that sends none, or a wrong one, is closed and told nothing.
#[test]
fn wrong_headers_are_closed() {
    let house = House::start(&config(1, "127.0.0.0/8"));
    let mut count = 0;
    let too_long = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    for kind in KINDS {
        for wrong in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"\x00\x02hi",
            b"\x16\x03\x01",
            b"PROXY TCP4 203.0.113.5 198.51.100.7 6000 0443\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x12\x00\x0c123456789012",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
            &too_long,
        ] {
            let mut proxy = connect(house.at(kind));
            proxy.write_all(wrong).unwrap();
            assert_eq!(read_to_end(&mut proxy), b"", "{wrong:?} at {kind}");
            count += 1;
        }
    }
    house.expect(Counter::ClosedProtocol, count);
    house.expect(Counter::ProxyHeaders, 0);
    assert_eq!(house.take_notes(), []);
    house.end();
}

/// WIRE X1. Even a login server, which speaks first, says nothing before.
#[test]
fn who_says_nothing_meets_the_deadline() {
    let mut config = config(1, "127.0.0.0/8");
    config.listeners.iter_mut().for_each(|listener| listener.handshake_timeout_ms = 200);
    let house = House::start(&config);
    let mut late = 0;
    for kind in KINDS {
        for beginning in [&b""[..], b"PROXY TCP4 203.0.1", b"\r\n\r\n\0\r\nQUIT\n\x21"] {
            let mut proxy = connect(house.at(kind));
            proxy.write_all(beginning).unwrap();
            assert_eq!(read_to_end(&mut proxy), b"");
            late += 1;
        }
    }
    house.expect(Counter::ClosedHandshakeLate, late);
    house.end();
}

/// WIRE X1. They are among the strangers, of whom the oldest makes room, and a server that ends waits
/// for none of them.
#[test]
fn who_says_nothing_is_a_stranger() {
    let mut config = config(1, "127.0.0.0/8");
    config.unauthenticated_per_shard_max = 10;
    config.listeners.iter_mut().for_each(|listener| listener.handshake_timeout_ms = 600_000);
    let house = House::start(&config);
    let mut proxies: Vec<_> = (0..30).map(|_| connect(house.at(ListenerKind::Gate))).collect();
    house.expect(Counter::ClosedUnauthenticated, 20);
    house.expect(Counter::UnauthenticatedNow, 10);
    for proxy in &mut proxies[20..] {
        proxy.write_all(b"PROXY TCP4").unwrap();
        assert!(is_silent(proxy));
    }
    house.stop();
    for proxy in &mut proxies {
        assert_eq!(read_to_end(proxy), b"");
    }
}

/// A proxy that ends in the middle of its header has closed its connection, no more.
#[test]
fn half_a_header_and_an_end() {
    let house = House::start(&config(1, "127.0.0.0/8"));
    for kind in KINDS {
        let mut proxy = connect(house.at(kind));
        proxy.write_all(b"PROXY TCP4 203.0.113.5").unwrap();
        proxy.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read_to_end(&mut proxy), b"");
    }
    house.expect(Counter::ClosedByPeer, 4);
    house.end();
}
