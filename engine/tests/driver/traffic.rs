//! Receiving, sending, shutting down and closing.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use skyring::driver::{Driver, Errno, Event, Operation, ReceiveEnd, ReceiveMode, Token};

use crate::rig::{PATIENCE, Rig, pattern, read, small};

fn ended(token: Token) -> impl FnMut(&Event) -> Option<ReceiveEnd> {
    move |event| match event {
        Event::ReceiveEnded { token: its, reason } if *its == token => Some(*reason),
        _ => None,
    }
}

fn sent(token: Token) -> impl FnMut(&Event) -> Option<Result<usize, Errno>> {
    move |event| match event {
        Event::Sent { token: its, result, .. } if *its == token => Some(*result),
        _ => None,
    }
}

#[test]
fn bytes_come_and_go_in_both_modes() {
    for mode in [ReceiveMode::Once, ReceiveMode::Stream] {
        let mut rig = Rig::new(&small());
        let (token, mut peer) = rig.pair();
        let bytes = pattern(5000);
        peer.write_all(&bytes).unwrap();
        assert_eq!(rig.receive(token, mode, bytes.len()), bytes);
        rig.send(token, &bytes);
        let mut back = vec![0; bytes.len()];
        peer.read_exact(&mut back).unwrap();
        assert_eq!(back, bytes);
    }
}

#[test]
fn a_single_receive_is_over_after_one_lease() {
    let mut rig = Rig::new(&small());
    let (token, mut peer) = rig.pair();
    rig.submit(Operation::Receive { token, mode: ReceiveMode::Once });
    peer.write_all(b"one").unwrap();
    let mut bytes = Vec::new();
    assert!(!rig.received(token, &mut bytes));
    peer.write_all(b"two").unwrap();
    assert!(rig.within(Duration::from_millis(50), |_| Some(())).is_none());
    assert!(!rig.receive(token, ReceiveMode::Once, 3).is_empty());
    assert_eq!(bytes, b"one");
}

#[test]
fn a_stream_goes_on_and_ends_with_the_stream() {
    let mut rig = Rig::new(&small());
    let (token, mut peer) = rig.pair();
    rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
    for piece in [&b"one"[..], b"two", b"three"] {
        peer.write_all(piece).unwrap();
        let mut bytes = Vec::new();
        assert!(rig.received(token, &mut bytes));
        assert_eq!(bytes, piece);
    }
    drop(peer);
    assert_eq!(rig.until(ended(token)), ReceiveEnd::EndOfStream);
}

#[test]
fn a_send_starts_where_it_is_told_and_gives_its_buffer_back() {
    let mut rig = Rig::new(&small());
    let (token, mut peer) = rig.pair();
    let buffer = b"already sent, still to send".to_vec();
    rig.submit(Operation::Send { token, buffer: buffer.clone(), from: 14 });
    let event = rig.take(|event| matches!(event, Event::Sent { .. }));
    let Event::Sent { token: its, buffer: returned, result } = event else { unreachable!() };
    assert_eq!((its, returned, result), (token, buffer, Ok(13)));
    let mut read = [0; 13];
    peer.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"still to send");
}

/// A thread that does something else before the next turn lets go of what is queued first.
#[test]
fn what_is_queued_can_leave_before_the_turn() {
    let mut rig = Rig::new(&small());
    let (token, mut peer) = rig.pair();
    let enters = rig.driver.stats().enters;
    rig.submit(Operation::Send { token, buffer: b"early".to_vec(), from: 0 });
    rig.driver.submit_queued();
    let mut bytes = [0; 5];
    peer.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"early");
    rig.driver.submit_queued();
    assert_eq!(rig.driver.stats().enters, enters + 1, "nothing is queued any more");
    assert_eq!(rig.until(sent(token)), Ok(5));
}

#[test]
fn a_large_send_to_a_slow_reader_arrives_whole() {
    let mut rig = Rig::new(&small());
    let (token, mut peer) = rig.pair();
    let bytes = pattern(16 << 20);
    let expected = bytes.clone();
    let reader = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        let mut read = Vec::new();
        peer.read_to_end(&mut read).unwrap();
        read
    });
    let (mut buffer, mut from) = (bytes, 0);
    while from < expected.len() {
        rig.submit(Operation::Send { token, buffer, from });
        let event = rig.take(|event| matches!(event, Event::Sent { .. }));
        let Event::Sent { buffer: returned, result, .. } = event else { unreachable!() };
        buffer = returned;
        from += result.unwrap();
    }
    rig.submit(Operation::ShutDown { token });
    rig.until(|event| matches!(event, Event::ShutDown { .. }).then_some(()));
    assert!(reader.join().unwrap() == expected, "the bytes differ");
}

#[test]
fn a_send_that_nobody_reads_ends_when_cancelled_with_what_it_sent() {
    let mut rig = Rig::new(&small());
    let (token, mut peer) = rig.pair();
    let bytes = pattern(32 << 20);
    // Short sends tell how far it got, until the peer's window is full.
    let mut arrived = 0;
    loop {
        rig.submit(Operation::Send { token, buffer: bytes.clone(), from: arrived });
        match rig.within(Duration::from_millis(100), sent(token)) {
            Some(progress) => arrived += progress.unwrap(),
            None => break, // it is stuck
        }
    }
    // A receive on the same connection is left alone.
    rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
    rig.submit(Operation::CancelSend { token });
    let short = arrived + rig.until(sent(token)).unwrap_or(0);
    assert!(short > 0 && short < bytes.len());
    peer.write_all(b"x").unwrap();
    assert!(rig.received(token, &mut Vec::new()));

    // What was counted as sent is exactly what arrives, so a shard can go on from there.
    rig.submit(Operation::ShutDown { token });
    rig.until(|event| matches!(event, Event::ShutDown { .. }).then_some(()));
    let mut read = Vec::new();
    peer.read_to_end(&mut read).unwrap();
    assert!(read == bytes[..short], "{} bytes read, {short} reported", read.len());
}

#[test]
fn cancelling_what_is_not_there_is_harmless() {
    let mut rig = Rig::new(&small());
    let (token, _peer) = rig.pair();
    rig.submit(Operation::CancelReceive { token });
    rig.submit(Operation::CancelSend { token });
    rig.submit(Operation::CancelSend { token: Token { slot: 63, generation: 1 } });
    assert!(rig.within(Duration::from_millis(20), |_| Some(())).is_none());
    assert_eq!(rig.driver.stats().cancels_late, 1);
}

#[test]
fn no_buffers_is_reported_and_nothing_is_lost() {
    for mode in [ReceiveMode::Once, ReceiveMode::Stream] {
        let mut options = small();
        (options.buffers, options.buffer_bytes) = (2, 128);
        let mut rig = Rig::new(&options);
        let (token, mut peer) = rig.pair();
        let bytes = pattern(1000);
        peer.write_all(&bytes).unwrap();

        let (mut leases, mut received) = (Vec::new(), Vec::new());
        rig.submit(Operation::Receive { token, mode });
        let reason = loop {
            let event = rig.take(|_| true);
            match event {
                Event::Received { lease, armed, .. } => {
                    received.extend_from_slice(rig.driver.bytes(&lease));
                    leases.push(lease);
                    if !armed {
                        rig.submit(Operation::Receive { token, mode });
                    }
                }
                Event::ReceiveEnded { reason, .. } => break reason,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((reason, leases.len()), (ReceiveEnd::NoBuffers, 2));
        assert_eq!(rig.driver.stats().no_buffers, 1);
        for lease in leases {
            rig.driver.release(lease);
        }
        received.extend(rig.receive(token, mode, bytes.len() - received.len()));
        assert_eq!(received, bytes);
    }
}

#[test]
fn a_cancelled_receive_answers_and_can_be_armed_again() {
    for mode in [ReceiveMode::Once, ReceiveMode::Stream] {
        let mut rig = Rig::new(&small());
        let (token, mut peer) = rig.pair();
        rig.submit(Operation::Receive { token, mode });
        assert!(rig.poll().is_empty());
        rig.submit(Operation::CancelReceive { token });
        assert_eq!(rig.until(ended(token)), ReceiveEnd::Cancelled);
        peer.write_all(b"later").unwrap();
        assert_eq!(rig.receive(token, mode, 5), b"later");
    }
}

#[test]
fn after_a_shut_down_late_bytes_still_arrive() {
    let mut rig = Rig::new(&small());
    let (token, mut peer) = rig.pair();
    rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
    rig.submit(Operation::ShutDown { token });
    rig.until(|event| {
        matches!(event, Event::ShutDown { token: its } if *its == token).then_some(())
    });
    assert_eq!(read(&mut peer, &mut [0; 8]).unwrap(), 0, "the peer sees the end");
    peer.write_all(b"late").unwrap();
    let mut bytes = Vec::new();
    assert!(rig.received(token, &mut bytes));
    assert_eq!(bytes, b"late");
}

#[test]
fn a_reset_fails_the_receive_and_the_send() {
    let mut rig = Rig::new(&small());
    let (token, peer) = rig.pair();
    rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
    rig.send(token, b"never read");
    assert!(rig.poll().is_empty());
    // Closing with unread bytes resets the connection.
    drop(peer);
    assert_eq!(rig.until(ended(token)), ReceiveEnd::Failed(Errno(libc::ECONNRESET)));
    rig.submit(Operation::Send { token, buffer: vec![1], from: 0 });
    assert_eq!(rig.until(sent(token)), Err(Errno(libc::EPIPE)));
}

#[test]
fn a_close_ends_the_connection() {
    let mut rig = Rig::new(&small());
    let (token, mut peer) = rig.pair();
    rig.close(token);
    match read(&mut peer, &mut [0; 8]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?} within {PATIENCE:?}"),
    }
    // A slot without a connection: the close answers all the same, and is counted.
    rig.close(token);
    assert_eq!(rig.driver.stats().closes_failed, 1);
}
