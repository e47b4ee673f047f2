//! Limits by address are about the client, not about the proxy.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Instant;

use skyring::config::ListenerKind;
use skyring::shard::counters::Counter;

use crate::front::{FORMS, Front, header};
use crate::house::{House, config};
use crate::support::{Conversation, connect, listener, read_more, read_to_end, token};

fn client(number: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, number], 6000))
}

/// Whether a client behind the proxy is served at the gate.
fn is_served(house: &House, client: SocketAddr) -> bool {
    let mut gate = connect(house.at(ListenerKind::Gate));
    gate.write_all(&[&header(FORMS[1], client)[..], b"\x00\x02hi"].concat()).unwrap();
    read_more(&mut gate, &mut Vec::new())
}

/// WIRE X9.
#[test]
fn connections_are_rated_by_client() {
    let mut config = config(2, "127.0.0.0/8");
    listener(&mut config, ListenerKind::Gate).limits.connections_per_second_per_address = 2;
    let house = House::start(&config);
    for number in 1..=100 {
        assert!(is_served(&house, client(number)), "the proxy itself has no limit");
    }
    let start = Instant::now();
    let served = (0..100).filter(|_| is_served(&house, client(200))).count() as u64;
    // As many as one second gives at once, and those that the time has brought.
    let most = 2 + 2 * (start.elapsed().as_secs() + 1);
    assert!((2..=most).contains(&served), "{served} of at most {most}");
    house.expect(Counter::RefusedAddressRate, 100 - served);
    house.expect(Counter::ProxyHeaders, 200);
    house.end();
}

/// WIRE X9. So are logins: a minute's worth for each.
#[test]
fn logins_are_rated_by_client() {
    let mut config = config(1, "127.0.0.0/8");
    listener(&mut config, ListenerKind::Login).limits.logins_per_minute_per_address = 2;
    let house = House::start(&config);
    let login = |number: u8, uid: &str| {
        let header = header(FORMS[0], client(number));
        let front = Front::open(house.at(ListenerKind::Login), header, usize::MAX);
        Conversation::start(front, &token(uid)).finish()
    };
    for number in 1..=10 {
        login(number, &format!("a{number}")).expect("the first of this client");
    }
    login(1, "b").expect("the second");
    assert_eq!(login(1, "c").err(), Some(429));
    login(2, "c").expect("another client");
    house.expect(Counter::LoginsTooOften, 1);
    house.end();
}

/// What a proxy does for itself counts for its own address.
#[test]
fn a_proxy_that_speaks_for_itself_is_a_client() {
    let mut config = config(1, "127.0.0.0/8");
    listener(&mut config, ListenerKind::Login).limits.logins_per_minute_per_address = 1;
    let house = House::start(&config);
    let hear = || {
        let mut proxy = connect(house.at(ListenerKind::Login));
        proxy.write_all(b"PROXY UNKNOWN\r\n").unwrap();
        proxy.shutdown(std::net::Shutdown::Write).unwrap();
        String::from_utf8(read_to_end(&mut proxy)).unwrap()
    };
    assert_eq!(hear().lines().count(), 1, "a challenge");
    assert!(hear().lines().nth(1).unwrap().starts_with("429 "));
    house.end();
}
