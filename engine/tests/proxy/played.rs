//! Clients behind a proxy are served on every kind of listener and are known by their own addresses.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use skyring::config::{Config, ListenerKind};
use skyring::shard::counters::Counter;

use crate::front::{FORMS, Form, Front, Wire, header, open};
use crate::house::{House, Place, config};
use crate::material::{Authority, settings};
use crate::support::{Conversation, Player, connect, eventually, token};
use crate::wire;

/// Users enough for every shard to own some and to accept some of the others.
const USERS: u16 = 8;

/// Who comes through a proxy, and how.
struct Guest<'h> {
    house: &'h House,
    tls: Option<&'h Arc<ClientConfig>>,
    header: Vec<u8>,
    piece_bytes: usize,
}

impl Guest<'_> {
    fn open(&self, kind: ListenerKind) -> Box<dyn Wire> {
        let front = Front::open(self.house.at(kind), self.header.clone(), self.piece_bytes);
        open(front, self.tls)
    }

    /// Logs in, attaches, asks, greets the gate and the HTTP server.
    fn visit(&self, uid: &str) {
        let login = self.open(ListenerKind::Login);
        let user = Conversation::start(login, &token(uid)).finish().expect("logged in");
        let msg = self.open(ListenerKind::Msg);
        let mut player = Player::attach_over(msg, &user, 1, usize::MAX).expect("attached");
        assert_eq!(player.ask(1, b"hello"), b"hello");
        let mut gate = self.open(ListenerKind::Gate);
        gate.write_all(b"\x00\x02hi").unwrap();
        let mut echo = [0; 4];
        gate.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"\x00\x02hi");
        let mut browser = self.open(ListenerKind::Http);
        browser.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        browser.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 404");
    }
}

/// Everything that the application is told of one visit.
fn told_of(peer: SocketAddr) -> Vec<(Place, SocketAddr)> {
    [Place::Authenticate, Place::Attach, Place::Connect, Place::Http]
        .map(|place| (place, peer))
        .to_vec()
}

fn play(config: &Config, tls: Option<&Arc<ClientConfig>>) {
    let house = House::start(config);
    let mut visits = 0;
    for form in FORMS {
        for piece_bytes in [usize::MAX, 1] {
            for number in 0..USERS {
                let client = SocketAddr::from(([203, 0, 113, number as u8], 5000 + number));
                let header = header(form, client);
                let guest = Guest { house: &house, tls, header, piece_bytes };
                guest.visit(&format!("user {number} {visits}"));
                assert_eq!(house.take_notes(), told_of(client));
                visits += 1;
            }
        }
    }
    // Whose connection comes to which shard is the kernel's choice.
    eventually("somebody was handed over", || house.count(Counter::HandedOver) > 0);
    house.expect(Counter::ProxyHeaders, 4 * visits);
    house.expect(Counter::ClosedProtocol, 0);
    house.expect(Counter::TlsHandshakes, if tls.is_some() { 4 * visits } else { 0 });
    house.end();
}

/// WIRE X1, X9. In one packet with what follows, and byte by byte.
#[test]
fn clients_behind_a_proxy_are_known_by_their_addresses() {
    play(&config(2, "127.0.0.0/8"), None);
}

/// WIRE X1, X9.
#[test]
fn tls_begins_behind_the_header() {
    let authority = Authority::new("proxy");
    let tls = settings(&authority.issue("server", &["localhost"]));
    let mut config = config(2, "127.0.0.0/8");
    config.listeners.iter_mut().for_each(|listener| listener.tls = Some(tls.clone()));
    play(&config, Some(&wire::plain_client(&authority.file())));
}

/// The address that the application is told when somebody greets the gate like this.
fn told_at_gate(house: &House, greeting: &[u8]) -> (SocketAddr, SocketAddr) {
    let mut gate = connect(house.at(ListenerKind::Gate));
    gate.write_all(&[greeting, b"\x00\x02hi"].concat()).unwrap();
    let mut echo = [0; 4];
    gate.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"\x00\x02hi");
    let notes = house.take_notes();
    assert_eq!(notes.len(), 1);
    (notes[0].1, gate.local_addr().unwrap())
}

/// WIRE X6.
#[test]
fn proxies_and_clients_may_have_ipv6_addresses() {
    let mut config = config(1, "::1/128");
    config.listeners.iter_mut().for_each(|it| it.address = "[::1]:0".parse().unwrap());
    let house = House::start(&config);
    let cases: [(Form, &str, &str); 4] = [
        (FORMS[0], "[2001:db8::9]:7000", "[2001:db8::9]:7000"),
        (FORMS[1], "[2001:db8::9]:7000", "[2001:db8::9]:7000"),
        (FORMS[0], "[::ffff:192.0.2.9]:7000", "192.0.2.9:7000"),
        (FORMS[1], "[::ffff:192.0.2.9]:7000", "192.0.2.9:7000"),
    ];
    for (form, client, expected) in cases {
        let (told, _) = told_at_gate(&house, &header(form, client.parse().unwrap()));
        assert_eq!(told, expected.parse().unwrap());
    }
    house.end();
}

/// WIRE X3, X5. Checks of a proxy's own, and clients that it does not know.
#[test]
fn a_proxy_may_speak_for_itself() {
    let house = House::start(&config(1, "127.0.0.1/32"));
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
    for greeting in [&b"PROXY UNKNOWN\r\n"[..], local] {
        let (told, socket) = told_at_gate(&house, greeting);
        assert_eq!(told, socket);
    }
    house.expect(Counter::ProxyHeaders, 2);
    house.end();
}
