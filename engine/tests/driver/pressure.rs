//! Queues that are too small, batches, and going away with everything in flight.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use skyring::driver::uring::options::UringOptions;
use skyring::driver::uring::probe::Probe;
use skyring::driver::{Driver, Event, Operation, ReceiveMode, SocketKind, Token, Wait};

use crate::rig::{LISTENER, Rig, pattern, read, small};

fn tiny() -> UringOptions {
    UringOptions { submission_entries: 4, completion_entries: 8, ..small() }
}

/// Every connection's bytes, received by streams that are re-armed whenever they end.
fn drain(rig: &mut Rig, pairs: &[(Token, TcpStream)], bytes: usize) -> Vec<Vec<u8>> {
    let mut received: Vec<Vec<u8>> = vec![Vec::new(); pairs.len()];
    let position = |token: Token| pairs.iter().position(|pair| pair.0 == token).unwrap();
    for (token, _) in pairs {
        rig.submit(Operation::Receive { token: *token, mode: ReceiveMode::Stream });
    }
    while received.iter().any(|each| each.len() < bytes) {
        match rig.take(|_| true) {
            Event::Received { token, lease, armed } => {
                received[position(token)].extend_from_slice(rig.driver.bytes(&lease));
                rig.driver.release(lease);
                if !armed {
                    rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
                }
            }
            Event::ReceiveEnded { token, .. } => {
                rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
            }
            other => panic!("{other:?}"),
        }
    }
    received
}

#[test]
fn completions_that_the_queue_cannot_hold_are_not_lost() {
    let mut rig = Rig::new(&tiny());
    let pairs: Vec<_> = (0..40).map(|_| rig.pair()).collect();
    for (token, _) in &pairs {
        rig.submit(Operation::Close { token: *token });
    }
    let events = rig.poll();
    assert_eq!(events.len(), pairs.len());
    assert!(events.iter().all(|event| matches!(event, Event::Closed { .. })));
    let stats = rig.driver.stats();
    assert!(stats.overflows > 0 && stats.early_submits > 0, "{stats:?}");
    for (_, mut peer) in pairs {
        assert_eq!(read(&mut peer, &mut [0; 1]).unwrap(), 0);
    }
}

/// Has the kernel refuse, for want of memory, every enter of this thread that submits so many entries.
fn refuse_enters(submits: u64) {
    let is_asked = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, submits);
    let rule = SeccompRule::new(vec![is_asked.unwrap()]).unwrap();
    let no_memory = SeccompAction::Errno(libc::ENOMEM as u32);
    let rules = [(libc::SYS_io_uring_enter, vec![rule])].into();
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, no_memory, arch).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// The filter is the thread's, and stays.
#[test]
fn what_the_kernel_refuses_is_submitted_later() {
    let refused = std::thread::spawn(|| {
        let mut rig = Rig::new(&small());
        let mut pairs: Vec<_> = (0..4).map(|_| rig.pair()).collect();
        rig.poll();
        refuse_enters(3);
        for (_, peer) in &mut pairs {
            peer.write_all(b"x").unwrap();
        }
        let receive = |token| Operation::Receive { token, mode: ReceiveMode::Once };
        pairs[..3].iter().for_each(|(token, _)| rig.submit(receive(*token)));
        for wait in [Wait::Poll, Wait::AtMost(Duration::from_millis(1))] {
            let mut events = Vec::new();
            rig.driver.turn(wait, &mut events);
            assert!(events.is_empty(), "{events:?}");
        }
        let refused = rig.driver.stats().enters_refused;
        rig.submit(receive(pairs[3].0));
        for (token, _) in &pairs {
            let got =
                |event: &Event| matches!(event, Event::Received { token: of, .. } if of == token);
            let Event::Received { lease, .. } = rig.take(got) else { unreachable!() };
            assert_eq!(rig.driver.bytes(&lease), b"x");
            rig.driver.release(lease);
        }
        assert_eq!(rig.driver.stats().enters_refused, refused);
        refused
    });
    assert_eq!(refused.join().unwrap(), 2);
}

#[test]
fn streams_survive_an_overflow_with_every_byte_in_order() {
    let mut rig = Rig::new(&UringOptions { buffers: 64, buffer_bytes: 16, ..tiny() });
    let mut pairs: Vec<_> = (0..20).map(|_| rig.pair()).collect();
    let bytes = pattern(2000);
    for (_, peer) in &mut pairs {
        peer.write_all(&bytes).unwrap();
    }
    for received in drain(&mut rig, &pairs, bytes.len()) {
        assert_eq!(received, bytes);
    }
}

#[test]
fn batches_are_waited_for_only_under_load_and_only_if_wanted() {
    let offered = Probe::run().unwrap().minimum_wait;
    for minimum_wait in [true, false] {
        let options = UringOptions { buffers: 256, minimum_wait, ..small() };
        let mut rig = Rig::new(&options);
        let mut pairs: Vec<_> = (0..60).map(|_| rig.pair()).collect();
        assert_eq!(rig.driver.stats().batch_waits, 0, "one at a time is no load");
        let bytes = pattern(300);
        for _ in 0..20 {
            for (_, peer) in &mut pairs {
                peer.write_all(&bytes).unwrap();
            }
            let began = Instant::now();
            for received in drain_once(&mut rig, &pairs, bytes.len()) {
                assert_eq!(received, bytes);
            }
            assert!(began.elapsed() < Duration::from_secs(2));
        }
        let waits = rig.driver.stats().batch_waits;
        assert_eq!(waits > 0, minimum_wait && offered, "{waits} waits");
    }
}

/// As `drain`, for one write each, with single receives.
fn drain_once(rig: &mut Rig, pairs: &[(Token, TcpStream)], bytes: usize) -> Vec<Vec<u8>> {
    let mut received: Vec<Vec<u8>> = vec![Vec::new(); pairs.len()];
    for (token, _) in pairs {
        rig.submit(Operation::Receive { token: *token, mode: ReceiveMode::Once });
    }
    while received.iter().any(|each| each.len() < bytes) {
        let Event::Received { token, lease, .. } = rig.take(|_| true) else { panic!() };
        let index = pairs.iter().position(|pair| pair.0 == token).unwrap();
        received[index].extend_from_slice(rig.driver.bytes(&lease));
        rig.driver.release(lease);
    }
    received
}

#[test]
fn a_driver_goes_away_quickly_with_everything_in_flight() {
    let directory = std::sync::Arc::new(skyring::driver::uring::directory::RingDirectory::new(1));
    let mut rig = Rig::of(&small(), skyring::driver::ShardIndex(0), &directory);
    let pairs: Vec<_> = (0..8).map(|_| rig.pair()).collect();
    for (token, _) in &pairs {
        let token = *token;
        rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
        rig.submit(Operation::Send { token, buffer: vec![7; 32 << 20], from: 0 });
        rig.submit(Operation::Accept { listener: LISTENER });
    }
    let destination = "192.0.2.1:9".parse().unwrap();
    rig.submit(Operation::Connect { tag: 1, kind: SocketKind::Stream, destination, source: None });
    rig.poll();
    // One more of each that the kernel has not even seen.
    rig.submit(Operation::Accept { listener: LISTENER });
    let began = Instant::now();
    drop(rig);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    // The directory still knows the ring, and yet its connections are closed.
    for (_, mut peer) in pairs {
        let mut sink = vec![0; 1 << 20];
        while read(&mut peer, &mut sink).is_ok_and(|bytes| bytes > 0) {}
    }
}

#[test]
fn a_lease_outlives_its_connection() {
    let mut rig = Rig::new(&small());
    let (token, mut peer) = rig.pair();
    peer.write_all(b"kept").unwrap();
    rig.submit(Operation::Receive { token, mode: ReceiveMode::Once });
    let Event::Received { lease, .. } = rig.take(|_| true) else { panic!() };
    rig.close(token);
    // Others may use every other buffer meanwhile.
    for _ in 0..4 {
        let (token, mut peer) = rig.pair();
        peer.write_all(&pattern(40_000)).unwrap();
        rig.receive(token, ReceiveMode::Stream, 40_000);
        rig.close(token);
    }
    assert_eq!(rig.driver.bytes(&lease), b"kept");
    rig.driver.release(lease);
}

#[test]
fn options_are_rounded_and_capped() {
    let options = UringOptions { slots: u32::MAX, buffers: 5, ..small() };
    let rig = Rig::new(&options);
    assert_eq!(rig.driver.buffers(), (8, 1024));
    assert!(rig.driver.slots() > 0 && rig.driver.slots() <= 1 << 20);
    let mut events = Vec::new();
    let mut rig = rig;
    rig.driver.turn(Wait::Poll, &mut events);
    assert!(events.is_empty());
}
