//! Accepts, connects, and tables that are full.

use super::*;
use crate::driver::sim::{Fault, StreamEnd};
use crate::driver::{Errno, SocketKind};

fn accept(rig: &mut Rig) {
    rig.submit(Operation::Accept { listener: LISTENER });
}

fn failure(events: &[Event]) -> i32 {
    let [Event::AcceptFailed { errno, .. }] = events else { panic!("{events:?}") };
    errno.0
}

#[test]
fn an_accept_may_wait_for_the_connection_or_the_connection_for_it() {
    for accept_first in [true, false] {
        let mut rig = Rig::with(SimFaults::none());
        if accept_first {
            accept(&mut rig);
            assert!(rig.hear().is_empty());
        }
        let client = rig.net.connect(address());
        if !accept_first {
            assert!(rig.hear().is_empty());
            assert!(client.is_open(), "the kernel has opened it");
            accept(&mut rig);
        }
        assert!(matches!(rig.hear()[..], [Event::Accepted { listener: LISTENER, .. }]));
    }
}

#[test]
fn a_connection_to_nobody_is_refused() {
    let mut rig = Rig::with(SimFaults::none());
    let client = rig.net.connect(([10, 0, 0, 1], 1).into());
    rig.settle();
    assert_eq!(client.end(), Some(StreamEnd::Refused));
    assert_eq!(client.write(b"x"), Err(Errno(libc::EPIPE)));
    client.close();
    rig.net.assert_quiescent();
}

#[test]
fn connections_spread_over_the_shards() {
    let mut rig = Rig::new(3, SimSettings { shards: 2, ..SimSettings::default() });
    for driver in &mut rig.drivers {
        (0..8).for_each(|_| driver.submit(Operation::Accept { listener: LISTENER }));
    }
    let clients: Vec<_> = (0..8).map(|_| rig.net.connect(address())).collect();
    rig.settle();
    let counts = [rig.heard[0].len(), rig.heard[1].len()];
    assert_eq!(counts[0] + counts[1], clients.len());
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
}

#[test]
fn a_full_table_loses_the_peer() {
    let mut rig = Rig::new(1, SimSettings { slots: 1, ..SimSettings::default() });
    let (_first, _) = rig.accepted(1);
    let lost = rig.net.connect(address());
    accept(&mut rig);
    assert_eq!(failure(&rig.hear()), libc::ENFILE);
    assert_eq!(lost.end(), Some(StreamEnd::Finished));
    assert_eq!(rig.net.slots_used(FIRST), 1);
}

#[test]
fn a_table_is_full_by_fault_too() {
    let mut rig = Rig::with(SimFaults::none().with(Fault::TableFull, ALWAYS));
    let _lost = rig.net.connect(address());
    accept(&mut rig);
    assert_eq!(failure(&rig.hear()), libc::ENFILE);
    assert_eq!(rig.net.fault_counts().of(Fault::TableFull), 1);
}

#[test]
fn a_failed_accept_keeps_or_loses_the_connection() {
    let mut seen = Vec::new();
    for seed in 0..32 {
        let faults = SimFaults::none().with(Fault::AcceptError, ALWAYS);
        let mut rig = Rig::new(seed, SimSettings { faults, ..SimSettings::default() });
        let client = rig.net.connect(address());
        accept(&mut rig);
        let errno = failure(&rig.hear());
        rig.net.set_faults(SimFaults::none());
        accept(&mut rig);
        let accepted = matches!(rig.hear()[..], [Event::Accepted { .. }]);
        assert_eq!(accepted, errno != libc::ECONNABORTED);
        assert_eq!(client.end().is_none(), accepted);
        seen.push(errno);
    }
    let all = [libc::EMFILE, libc::ENOMEM, libc::ENOBUFS, libc::ECONNABORTED];
    assert!(all.iter().all(|errno| seen.contains(errno)), "{seen:?}");
}

#[test]
fn cancelled_accepts_answer_each_and_later_ones_live() {
    let mut rig = Rig::with(SimFaults::none());
    accept(&mut rig);
    accept(&mut rig);
    rig.submit(Operation::CancelAccepts { listener: LISTENER });
    accept(&mut rig);
    let heard = rig.hear();
    assert_eq!(heard.len(), 2);
    heard.into_iter().for_each(|event| assert_eq!(failure(&[event]), libc::ECANCELED));
    let _client = rig.net.connect(address());
    assert!(matches!(rig.hear()[..], [Event::Accepted { .. }]));
}

#[test]
fn a_full_backlog_is_tried_again_and_then_refused() {
    let mut rig = Rig::new(1, SimSettings { backlog: 1, ..SimSettings::default() });
    let [first, second] = [0; 2].map(|_| rig.net.connect(address()));
    rig.settle();
    let mut ends = [first.end(), second.end()];
    ends.sort_by_key(Option::is_some);
    assert_eq!(ends, [None, Some(StreamEnd::Refused)]);
    assert!(rig.net.now_ns() > 3_000_000_000, "it knocked more than once");
}

#[test]
fn a_closed_listener_resets_who_waits_and_refuses_who_comes() {
    let mut rig = Rig::with(SimFaults::none());
    let waiting = rig.net.connect(address());
    rig.settle();
    rig.net.close_listener(LISTENER);
    let late = rig.net.connect(address());
    rig.settle();
    assert_eq!(waiting.end(), Some(StreamEnd::Reset));
    assert_eq!(late.end(), Some(StreamEnd::Refused));
    waiting.close();
    late.close();
    rig.net.assert_quiescent();
}

#[test]
fn a_shard_connects_and_both_ends_talk() {
    let mut rig = Rig::with(SimFaults::none());
    let source = Some(([10, 9, 9, 9], 0).into());
    rig.submit(Operation::Connect {
        tag: 5,
        kind: SocketKind::Stream,
        destination: address(),
        source,
    });
    accept(&mut rig);
    let heard = rig.hear();
    let [Event::Accepted { slot, peer, .. }, Event::Connected { tag: 5, result }] = heard[..]
    else {
        panic!("{heard:?}")
    };
    assert_eq!(peer.ip().to_string(), "10.9.9.9");
    let own = Token { slot: result.unwrap(), generation: 1 };
    let other = Token { slot, generation: 1 };
    assert_ne!(own.slot, other.slot);
    rig.send(own, b"hello");
    let events = rig.receive(other, ReceiveMode::Once);
    assert_eq!(rig.leased(events), [(b"hello".to_vec(), false)]);
    rig.close(own);
    rig.close(other);
    rig.net.assert_quiescent();
}

#[test]
fn a_connect_fails_for_want_of_a_listener_a_slot_or_luck() {
    let connect = |slots, destination, faults| {
        let settings = SimSettings { slots, faults, ..SimSettings::default() };
        let mut rig = Rig::new(1, settings);
        rig.submit(Operation::Connect {
            tag: 1,
            kind: SocketKind::Stream,
            destination,
            source: None,
        });
        let heard = rig.hear();
        let [Event::Connected { tag: 1, result: Err(errno) }] = heard[..] else {
            panic!("{heard:?}")
        };
        errno.0
    };
    let nobody = ([10, 0, 0, 1], 1).into();
    assert_eq!(connect(4, nobody, SimFaults::none()), libc::ECONNREFUSED);
    assert_eq!(connect(0, address(), SimFaults::none()), libc::ENFILE);
    let unlucky = SimFaults::none().with(Fault::ConnectError, ALWAYS);
    let told = connect(4, address(), unlucky);
    let all = [libc::ECONNREFUSED, libc::EMFILE, libc::ENOMEM, libc::ENOBUFS];
    assert!(all.contains(&told), "{told}");
}
