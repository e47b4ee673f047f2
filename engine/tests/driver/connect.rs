//! Connecting: to somebody, to nobody, from an address of choice, with and without room.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use skyring::driver::uring::socket::{ListenOptions, listen as listen_at, local_address};
use skyring::driver::{Errno, Event, Operation, ReceiveMode, SocketKind};

use crate::rig::{PATIENCE, Rig, small};

fn connected(tag: u32) -> impl FnMut(&Event) -> Option<Result<u32, Errno>> {
    move |event| match event {
        Event::Connected { tag: its, result } if *its == tag => Some(*result),
        _ => None,
    }
}

/// An address where nobody listens.
fn deserted() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_connection_carries_bytes_both_ways() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = TcpListener::bind(address).unwrap();
        let destination = server.local_addr().unwrap();
        let mut rig = Rig::new(&small());
        rig.submit(Operation::Connect {
            tag: 7,
            kind: SocketKind::Stream,
            destination,
            source: None,
        });
        let slot = rig.until(connected(7)).unwrap();
        let token = rig.name(slot);
        let (mut peer, _) = server.accept().unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        rig.send(token, b"ping");
        let mut bytes = [0; 4];
        peer.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"ping");
        peer.write_all(b"pong").unwrap();
        assert_eq!(rig.receive(token, ReceiveMode::Stream, 4), b"pong");
    }
}

#[test]
fn the_source_address_is_honoured() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let destination = server.local_addr().unwrap();
    let mut rig = Rig::new(&small());
    for source in ["127.0.0.2:0", "127.0.0.3:0"].map(|text| text.parse::<SocketAddr>().unwrap()) {
        rig.submit(Operation::Connect {
            tag: 1,
            kind: SocketKind::Stream,
            destination,
            source: Some(source),
        });
        rig.until(connected(1)).unwrap();
        let (_peer, seen) = server.accept().unwrap();
        assert_eq!(seen.ip(), source.ip());
        assert_ne!(seen.port(), 0);
    }
}

#[test]
fn a_source_that_is_not_ours_fails_at_once() {
    let mut rig = Rig::new(&small());
    let source = Some("192.0.2.1:0".parse().unwrap());
    rig.submit(Operation::Connect {
        tag: 3,
        kind: SocketKind::Stream,
        destination: deserted(),
        source,
    });
    assert_eq!(rig.until(connected(3)), Err(Errno(libc::EADDRNOTAVAIL)));
}

#[test]
fn a_refusal_leaves_the_slot_free() {
    let mut options = small();
    options.slots = 2;
    let mut rig = Rig::new(&options);
    let destination = deserted();
    for tag in 0..10 {
        rig.submit(Operation::Connect { tag, kind: SocketKind::Stream, destination, source: None });
        assert_eq!(rig.until(connected(tag)), Err(Errno(libc::ECONNREFUSED)));
    }
    rig.pair();
    rig.pair();
}

#[test]
fn a_full_table_fails_the_connect() {
    let mut options = small();
    options.slots = 1;
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let destination = server.local_addr().unwrap();
    let mut rig = Rig::new(&options);
    rig.submit(Operation::Connect { tag: 1, kind: SocketKind::Stream, destination, source: None });
    let slot = rig.until(connected(1)).unwrap();
    rig.submit(Operation::Connect { tag: 2, kind: SocketKind::Stream, destination, source: None });
    assert_eq!(rig.until(connected(2)), Err(Errno(libc::ENFILE)));
    let token = rig.name(slot);
    rig.close(token);
    rig.submit(Operation::Connect { tag: 3, kind: SocketKind::Stream, destination, source: None });
    assert_eq!(rig.until(connected(3)), Ok(slot));
}

#[test]
fn many_connects_in_one_turn_all_answer() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let destination = server.local_addr().unwrap();
    let mut options = small();
    // Far fewer places than submissions: linked pairs must survive a full queue.
    (options.submission_entries, options.slots) = (8, 100);
    let mut rig = Rig::new(&options);
    for tag in 0..100 {
        rig.submit(Operation::Connect { tag, kind: SocketKind::Stream, destination, source: None });
    }
    let mut slots: Vec<u32> = (0..100).map(|tag| rig.until(connected(tag)).unwrap()).collect();
    slots.sort_unstable();
    slots.dedup();
    assert_eq!(slots.len(), 100);
}

#[test]
fn a_socket_for_datagrams_hears_its_peer_only_and_keeps_bounds() {
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let destination = peer.local_addr().unwrap();
    let mut rig = Rig::new(&small());
    let kind = SocketKind::Datagram;
    rig.submit(Operation::Connect { tag: 4, kind, destination, source: None });
    let slot = rig.until(connected(4)).unwrap();
    let token = rig.name(slot);
    rig.send(token, b"question");
    let mut buffer = [0; 64];
    let (bytes, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..bytes], b"question");
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(b"strange", from).unwrap();
    peer.send_to(b"first", from).unwrap();
    peer.send_to(b"second", from).unwrap();
    assert_eq!(rig.receive(token, ReceiveMode::Once, 5), b"first");
    assert_eq!(rig.receive(token, ReceiveMode::Once, 6), b"second");
}

/// The kernel answers nobody when a listener's queue is full, and would try for minutes.
#[test]
fn a_cancelled_connect_answers_and_frees_its_slot() {
    let listen = ListenOptions { backlog: 0, ..ListenOptions::default() };
    let listener = listen_at("127.0.0.1:0".parse().unwrap(), &listen).unwrap();
    let destination = local_address(&listener).unwrap();
    let patience = std::time::Duration::from_millis(200);
    let connect = || std::net::TcpStream::connect_timeout(&destination, patience).ok();
    let _fillers: Vec<_> = std::iter::from_fn(connect).collect();
    let mut options = small();
    options.slots = 1;
    let mut rig = Rig::new(&options);
    for tag in 0..3 {
        let kind = SocketKind::Stream;
        rig.submit(Operation::Connect { tag, kind, destination, source: None });
        if tag > 0 {
            // Later than at once: the connect is under way, not only on its way into the table.
            rig.poll();
        }
        rig.submit(Operation::CancelConnect { tag });
        assert_eq!(rig.until(connected(tag)), Err(Errno(libc::ECANCELED)));
    }
    rig.submit(Operation::CancelConnect { tag: 1 });
    let refusing = deserted();
    let kind = SocketKind::Stream;
    rig.submit(Operation::Connect { tag: 9, kind, destination: refusing, source: None });
    assert_eq!(rig.until(connected(9)), Err(Errno(libc::ECONNREFUSED)), "the slot is free");
}
