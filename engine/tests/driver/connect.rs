//! Connecting: to somebody, to nobody, from an address of choice, with and without room.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

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
