//! Bytes: receives, sends, windows, buffers.

use super::*;
use crate::driver::sim::{Fault, StreamEnd};
use crate::driver::{Errno, ReceiveEnd};

fn sent(events: &[Event]) -> (usize, Result<usize, Errno>) {
    let [Event::Sent { buffer, result, .. }] = events else { panic!("{events:?}") };
    (buffer.len(), *result)
}

fn ended(events: &[Event]) -> ReceiveEnd {
    let [Event::ReceiveEnded { reason, .. }] = events else { panic!("{events:?}") };
    *reason
}

#[test]
fn a_single_receive_is_over_with_its_lease() {
    let mut rig = Rig::with(SimFaults::none());
    let (client, token) = rig.accepted(1);
    client.write(b"one").unwrap();
    let events = rig.receive(token, ReceiveMode::Once);
    assert_eq!(rig.net.leases_out(FIRST), 1);
    assert_eq!(rig.leased(events), [(b"one".to_vec(), false)]);
    client.write(b"two").unwrap();
    assert!(rig.hear().is_empty(), "nothing is armed");
    let events = rig.receive(token, ReceiveMode::Once);
    assert_eq!(rig.leased(events), [(b"two".to_vec(), false)]);
}

#[test]
fn a_streaming_receive_goes_on_to_the_end() {
    let mut rig = Rig::with(SimFaults::none());
    let (client, token) = rig.accepted(1);
    assert!(rig.receive(token, ReceiveMode::Stream).is_empty());
    for text in [b"one", b"two"] {
        client.write(text).unwrap();
        let events = rig.hear();
        assert_eq!(rig.leased(events), [(text.to_vec(), true)]);
    }
    client.shut_down();
    assert_eq!(ended(&rig.hear()), ReceiveEnd::EndOfStream);
    assert_eq!(rig.net.in_flight(FIRST), 0);
}

#[test]
fn pieces_and_leases_are_split_but_bytes_keep_their_order() {
    let mut rig = Rig::with(SimFaults::none().with(Fault::Split, ALWAYS).with(Fault::Stall, HALF));
    let (client, token) = rig.accepted(1);
    let text: Vec<u8> = (0..=255).collect();
    client.write(&text).unwrap();
    rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    while pieces.concat().len() < text.len() {
        let events = rig.hear();
        pieces.extend(rig.leased(events).into_iter().map(|(bytes, _)| bytes));
        rig.submit(Operation::CancelReceive { token });
        rig.hear();
        rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
    }
    assert_eq!(pieces.concat(), text);
    assert!(pieces.len() > 2, "{}", pieces.len());
}

#[test]
fn a_streaming_receive_may_be_cleared() {
    let mut rig = Rig::with(SimFaults::none().with(Fault::ClearedReceive, ALWAYS));
    let (client, token) = rig.accepted(1);
    client.write(b"one").unwrap();
    let events = rig.receive(token, ReceiveMode::Stream);
    assert_eq!(rig.leased(events), [(b"one".to_vec(), false)]);
    assert_eq!(rig.net.in_flight(FIRST), 0);
}

#[test]
fn without_a_buffer_a_receive_ends_and_loses_nothing() {
    let settings = SimSettings { buffers: 1, buffer_bytes: 2, ..SimSettings::default() };
    let mut rig = Rig::new(1, settings);
    let (client, token) = rig.accepted(1);
    client.write(b"abcd").unwrap();
    let mut events = rig.receive(token, ReceiveMode::Stream);
    assert_eq!(ended(&events.split_off(1)), ReceiveEnd::NoBuffers);
    assert_eq!(ended(&rig.receive(token, ReceiveMode::Stream)), ReceiveEnd::NoBuffers);
    assert_eq!(rig.leased(events), [(b"ab".to_vec(), true)]);
    let events = rig.receive(token, ReceiveMode::Stream);
    assert_eq!(rig.leased(events), [(b"cd".to_vec(), true)]);
}

#[test]
fn a_reset_is_told_after_the_bytes_before_it() {
    let mut rig = Rig::with(SimFaults::none());
    let (client, token) = rig.accepted(1);
    client.write(b"last").unwrap();
    client.reset();
    let mut events = rig.receive(token, ReceiveMode::Stream);
    let failed = ReceiveEnd::Failed(Errno(libc::ECONNRESET));
    assert_eq!(ended(&events.split_off(1)), failed);
    assert_eq!(rig.leased(events), [(b"last".to_vec(), true)]);
    assert_eq!(ended(&rig.receive(token, ReceiveMode::Once)), ReceiveEnd::EndOfStream);
    assert_eq!(sent(&rig.send(token, b"x")), (1, Err(Errno(libc::EPIPE))));
}

#[test]
fn a_send_to_who_has_reset_or_gone_fails() {
    let mut rig = Rig::with(SimFaults::none());
    let (client, token) = rig.accepted(1);
    client.reset();
    rig.settle();
    assert_eq!(sent(&rig.send(token, b"x")), (1, Err(Errno(libc::ECONNRESET))));
    assert_eq!(sent(&rig.send(token, b"x")), (1, Err(Errno(libc::EPIPE))));

    let (client, token) = rig.accepted(1);
    client.close();
    rig.settle();
    assert_eq!(sent(&rig.send(token, b"x")), (1, Ok(1)), "the first is lost on its way");
    assert_eq!(sent(&rig.send(token, b"x")), (1, Err(Errno(libc::ECONNRESET))));
}

#[test]
fn a_full_window_stalls_a_send_until_the_peer_reads() {
    let mut rig = Rig::new(1, SimSettings { window_bytes: 4, ..SimSettings::default() });
    let (client, token) = rig.accepted(1);
    assert_eq!(sent(&rig.send(token, b"abcd")), (4, Ok(4)));
    assert!(rig.send(token, b"efgh").is_empty());
    assert_eq!(client.read(), b"abcd");
    assert_eq!(sent(&rig.hear()), (4, Ok(4)));
    assert_eq!(client.read(), b"efgh");
    assert!(client.end().is_none());
}

#[test]
fn a_stuck_send_is_cancelled_with_what_it_has_sent() {
    let mut results = Vec::new();
    for seed in 0..16 {
        let settings = SimSettings { window_bytes: 4, ..SimSettings::default() };
        let mut rig = Rig::new(seed, settings);
        let (client, token) = rig.accepted(1);
        let mut events = rig.send(token, b"abcdef");
        if events.is_empty() {
            rig.submit(Operation::CancelSend { token });
            events = rig.hear();
            results.push("cancelled");
        } else {
            results.push("short");
        }
        assert_eq!(sent(&events), (6, Ok(4)));
        assert!(rig.send(token, b"ef").is_empty());
        rig.submit(Operation::CancelSend { token });
        assert_eq!(sent(&rig.hear()), (2, Err(Errno(libc::ECANCELED))));
        assert_eq!(client.read(), b"abcd");
    }
    assert!(results.contains(&"cancelled") && results.contains(&"short"), "{results:?}");
}

#[test]
fn sends_are_short_by_fault_and_begin_where_they_are_told() {
    let mut rig = Rig::with(SimFaults::none().with(Fault::ShortSend, ALWAYS));
    let (client, token) = rig.accepted(1);
    let text: Vec<u8> = (0..=255).collect();
    let (mut from, mut count) = (0, 0);
    while from < text.len() {
        rig.submit(Operation::Send { token, buffer: text.clone(), from });
        from += sent(&rig.hear()).1.unwrap();
        count += 1;
    }
    assert_eq!(client.read(), text);
    assert!(count > 1, "{count}");
}

#[test]
fn a_client_that_writes_much_waits_for_the_window() {
    let mut rig = Rig::new(1, SimSettings { window_bytes: 4, ..SimSettings::default() });
    let (client, token) = rig.accepted(1);
    client.write(b"abcdefgh").unwrap();
    client.shut_down();
    rig.settle();
    assert_eq!(client.unsent(), 4);
    let events = rig.receive(token, ReceiveMode::Once);
    assert_eq!(rig.leased(events), [(b"abcd".to_vec(), false)]);
    let mut events = rig.receive(token, ReceiveMode::Stream);
    assert_eq!(ended(&events.split_off(1)), ReceiveEnd::EndOfStream);
    assert_eq!(rig.leased(events), [(b"efgh".to_vec(), true)]);
    assert_eq!(client.unsent(), 0);
}

#[test]
fn a_cancelled_receive_races_with_bytes() {
    let mut outcomes = Vec::new();
    for seed in 0..32 {
        let faults = SimFaults::none().with(Fault::Late, HALF);
        let mut rig = Rig::new(seed, SimSettings { faults, ..SimSettings::default() });
        let (client, token) = rig.accepted(1);
        rig.receive(token, ReceiveMode::Once);
        client.write(b"one").unwrap();
        rig.submit(Operation::CancelReceive { token });
        let events = rig.hear();
        if matches!(events[..], [Event::ReceiveEnded { reason: ReceiveEnd::Cancelled, .. }]) {
            outcomes.push("cancelled");
        } else {
            assert_eq!(rig.leased(events), [(b"one".to_vec(), false)]);
            outcomes.push("received");
        }
        assert_eq!(rig.net.in_flight(FIRST), 0);
    }
    assert!(outcomes.contains(&"cancelled") && outcomes.contains(&"received"), "{outcomes:?}");
}

#[test]
fn a_late_cancel_does_not_end_the_next_receive() {
    for seed in 0..16 {
        let faults = SimFaults::none().with(Fault::Late, ALWAYS);
        let mut rig = Rig::new(seed, SimSettings { faults, ..SimSettings::default() });
        let (client, token) = rig.accepted(1);
        client.write(b"one").unwrap();
        rig.settle();
        rig.submit(Operation::Receive { token, mode: ReceiveMode::Once });
        rig.submit(Operation::CancelReceive { token });
        while rig.heard[0].is_empty() {
            rig.turn(FIRST);
            rig.net.advance_to_next();
        }
        let events = std::mem::take(&mut rig.heard[0]);
        assert_eq!(rig.leased(events), [(b"one".to_vec(), false)]);
        assert!(rig.receive(token, ReceiveMode::Once).is_empty(), "it waits");
        assert_eq!(rig.net.in_flight(FIRST), 1);
    }
}

#[test]
fn a_broken_way_resets_both_ends() {
    let mut rig = Rig::with(SimFaults::none());
    let (client, token) = rig.accepted(1);
    rig.net.set_faults(SimFaults::none().with(Fault::Reset, ALWAYS));
    client.write(b"lost").unwrap();
    let failed = ReceiveEnd::Failed(Errno(libc::ECONNRESET));
    assert_eq!(ended(&rig.receive(token, ReceiveMode::Once)), failed);
    assert_eq!(client.end(), Some(StreamEnd::Reset));
}

#[test]
fn a_client_half_closes_by_fault() {
    let mut rig = Rig::with(SimFaults::none().with(Fault::HalfClose, ALWAYS));
    let (client, token) = rig.accepted(1);
    client.write(b"one").unwrap();
    assert_eq!(client.write(b"two"), Err(Errno(libc::EPIPE)));
    rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
    let mut events = rig.hear();
    assert_eq!(ended(&events.split_off(1)), ReceiveEnd::EndOfStream);
    assert_eq!(rig.leased(events).len(), 1);
    assert_eq!(sent(&rig.send(token, b"still")).1, Ok(5));
    assert_eq!(client.read(), b"still");
}
