//! Accepting, and running out of what accepting needs.

use std::sync::Arc;

use skyring::driver::uring::directory::RingDirectory;
use skyring::driver::{Errno, Event, ListenerIndex, Operation, ShardIndex};

use crate::rig::{LISTENER, Rig, connect, small};

fn failed(event: &Event) -> Option<Errno> {
    match event {
        Event::AcceptFailed { listener: LISTENER, errno } => Some(*errno),
        _ => None,
    }
}

#[test]
fn the_peer_address_is_reported_for_both_families() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let directory = Arc::new(RingDirectory::new(1));
        let mut rig = Rig::at(address, &small(), ShardIndex(0), &directory);
        let (first, _peer) = rig.pair();
        let (second, _other) = rig.pair();
        assert_ne!(first.slot, second.slot);
    }
}

#[test]
fn a_batch_of_accepts_takes_a_batch_of_connections() {
    let mut rig = Rig::new(&small());
    for _ in 0..8 {
        rig.submit(Operation::Accept { listener: LISTENER });
    }
    let peers: Vec<_> = (0..8).map(|_| connect(rig.address).unwrap()).collect();
    let mut expected: Vec<_> = peers.iter().map(|peer| peer.local_addr().unwrap()).collect();
    let mut seen = Vec::new();
    while seen.len() < 8 {
        seen.push(rig.until(|event| match event {
            Event::Accepted { peer, .. } => Some(*peer),
            _ => None,
        }));
    }
    expected.sort();
    seen.sort();
    assert_eq!(seen, expected);
}

#[test]
fn cancelled_accepts_all_answer() {
    let mut rig = Rig::new(&small());
    for _ in 0..5 {
        rig.submit(Operation::Accept { listener: LISTENER });
    }
    assert!(rig.poll().is_empty());
    rig.submit(Operation::CancelAccepts { listener: LISTENER });
    for _ in 0..5 {
        assert_eq!(rig.until(failed), Errno(libc::ECANCELED));
    }
    // Nothing is in flight now, so there is nothing to cancel, and accepting works again.
    rig.submit(Operation::CancelAccepts { listener: LISTENER });
    rig.pair();
}

#[test]
fn a_removed_listener_refuses_connections() {
    let mut rig = Rig::new(&small());
    rig.submit(Operation::Accept { listener: LISTENER });
    rig.submit(Operation::CancelAccepts { listener: LISTENER });
    rig.until(failed);
    drop(rig.driver.remove_listener(LISTENER).unwrap());
    connect(rig.address).unwrap_err();
    rig.submit(Operation::Accept { listener: LISTENER });
    assert_eq!(rig.until(failed), Errno(libc::EBADF));
}

#[test]
fn a_listener_nobody_added_fails_at_once() {
    let mut rig = Rig::new(&small());
    rig.submit(Operation::Accept { listener: ListenerIndex(9) });
    let errno = rig.until(|event| match event {
        Event::AcceptFailed { listener: ListenerIndex(9), errno } => Some(*errno),
        _ => None,
    });
    assert_eq!(errno, Errno(libc::EBADF));
}

#[test]
fn a_full_table_fails_accepts_and_a_closed_slot_is_used_again() {
    let mut options = small();
    options.slots = 4;
    let mut rig = Rig::new(&options);
    let pairs: Vec<_> = (0..4).map(|_| rig.pair()).collect();
    rig.submit(Operation::Accept { listener: LISTENER });
    let _lost = connect(rig.address).unwrap();
    assert_eq!(rig.until(failed), Errno(libc::ENFILE));

    let freed = pairs[2].0;
    rig.close(freed);
    let (token, _peer) = rig.pair();
    assert_eq!(token.slot, freed.slot);
}
