//! Shut-downs, closes, hand-overs, wake-ups, sleep, and events that come again.

use super::*;
use crate::driver::sim::{Fault, StreamEnd};
use crate::driver::{Errno, ReceiveEnd, SocketKind};
use crate::shard::Park;

fn two_shards(seed: u64, slots: u32, faults: SimFaults) -> Rig {
    Rig::new(seed, SimSettings { shards: 2, slots, faults, ..SimSettings::default() })
}

fn hand_over(rig: &mut Rig, token: Token) -> Result<(), Errno> {
    rig.submit(Operation::HandOver { token, to: SECOND, key: 77 });
    let heard = rig.hear();
    let [Event::HandedOver { token: handed, result }] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(handed, token);
    result
}

#[test]
fn a_shut_down_ends_the_stream_one_way() {
    let mut rig = Rig::with(SimFaults::none());
    let (client, token) = rig.accepted(1);
    rig.send(token, b"bye");
    rig.submit(Operation::ShutDown { token });
    assert!(matches!(rig.hear()[..], [Event::ShutDown { .. }]));
    assert_eq!(client.end(), None, "bytes come first");
    assert_eq!(client.read(), b"bye");
    assert_eq!(client.end(), Some(StreamEnd::Finished));
    client.write(b"still").unwrap();
    let events = rig.receive(token, ReceiveMode::Once);
    assert_eq!(rig.leased(events), [(b"still".to_vec(), false)]);
}

#[test]
fn a_close_is_a_fin_or_with_bytes_unread_a_reset() {
    for (text, end) in [(&b""[..], StreamEnd::Finished), (b"unread", StreamEnd::Reset)] {
        let mut rig = Rig::with(SimFaults::none());
        let (client, token) = rig.accepted(1);
        client.write(text).unwrap();
        rig.settle();
        rig.submit(Operation::ShutDown { token });
        rig.hear();
        rig.close(token);
        assert_eq!(client.end(), Some(end));
        client.close();
        rig.net.assert_quiescent();
    }
}

#[test]
fn a_slot_may_live_again_before_its_close_is_told() {
    let mut orders = Vec::new();
    for seed in 0..32 {
        let faults = SimFaults::none().with(Fault::Late, HALF);
        let mut rig = Rig::new(seed, SimSettings { slots: 1, faults, ..SimSettings::default() });
        let (_client, token) = rig.accepted(1);
        let _next = rig.net.connect(address());
        rig.settle();
        rig.submit(Operation::Close { token });
        rig.submit(Operation::Accept { listener: LISTENER });
        orders.push(match rig.hear()[..] {
            [Event::Accepted { slot: 0, .. }, Event::Closed { .. }] => "lives, closed",
            [Event::Closed { .. }, Event::Accepted { slot: 0, .. }] => "closed, lives",
            [Event::AcceptFailed { .. }, Event::Closed { .. }]
            | [Event::Closed { .. }, Event::AcceptFailed { .. }] => "full",
            ref other => panic!("{other:?}"),
        });
    }
    for order in ["lives, closed", "closed, lives", "full"] {
        assert!(orders.contains(&order), "{order} never happened");
    }
}

#[test]
fn a_connection_moves_with_its_bytes() {
    let mut rig = two_shards(1, 4, SimFaults::none());
    let (client, token) = rig.accepted(1);
    client.write(b"kept").unwrap();
    rig.settle();
    assert_eq!(hand_over(&mut rig, token), Ok(()));
    let [Event::Arrived { from: FIRST, key: 77, slot }] = rig.heard[1][..] else { panic!() };
    rig.heard[1].clear();
    rig.close(token);
    assert_eq!(client.end(), None, "the other shard holds it");
    let token = Token { slot, generation: 1 };
    rig.drivers[1].submit(Operation::Receive { token, mode: ReceiveMode::Once });
    rig.settle();
    let Some(Event::Received { lease, .. }) = rig.heard[1].pop() else { panic!() };
    assert_eq!(rig.drivers[1].bytes(&lease), b"kept");
    rig.drivers[1].release(lease);
    rig.drivers[1].submit(Operation::Close { token });
    rig.settle();
    assert_eq!(client.end(), Some(StreamEnd::Finished));
}

#[test]
fn a_hand_over_to_a_full_table_leaves_the_connection() {
    for faults in [SimFaults::none(), SimFaults::none().with(Fault::TableFull, ALWAYS)] {
        let by_fault = faults.chance(Fault::TableFull) > 0;
        let mut rig = two_shards(1, 1, SimFaults::none());
        let (client, token) = rig.accepted(1);
        if !by_fault {
            let destination = address();
            rig.drivers[1].submit(Operation::Connect {
                tag: 1,
                kind: SocketKind::Stream,
                destination,
                source: None,
            });
            rig.settle();
        }
        rig.net.set_faults(faults);
        assert_eq!(hand_over(&mut rig, token), Err(Errno(libc::ENFILE)));
        assert_eq!(rig.send(token, b"still here").len(), 1);
        assert_eq!(client.read(), b"still here");
    }
}

#[test]
fn both_shards_hear_of_a_hand_over_in_any_order() {
    let mut first = Vec::new();
    for seed in 0..32 {
        let faults = SimFaults::none().with(Fault::Late, HALF);
        let mut rig = two_shards(seed, 4, faults);
        let (_client, token) = rig.accepted(1);
        rig.heard.iter_mut().for_each(Vec::clear);
        rig.submit(Operation::HandOver { token, to: SECOND, key: 1 });
        while rig.heard.iter().all(Vec::is_empty) {
            match rig.net.pick_runnable() {
                Some(shard) => rig.turn(shard),
                None => assert!(rig.net.advance_to_next()),
            }
        }
        first.push(rig.heard[0].is_empty());
    }
    assert!(first.contains(&true) && first.contains(&false));
}

#[test]
fn a_wake_reaches_the_other_shard() {
    let mut rig = two_shards(1, 1, SimFaults::none());
    rig.settle();
    rig.submit(Operation::Wake { shard: SECOND });
    rig.settle();
    rig.net.wake(SECOND);
    rig.settle();
    assert!(matches!(rig.heard[1][..], [Event::Woken, Event::Woken]));
    assert!(rig.heard[0].is_empty());
    rig.net.set_faults(SimFaults::none().with(Fault::Coalesced, ALWAYS));
    (0..5).for_each(|_| rig.net.wake(SECOND));
    rig.settle();
    assert_eq!(rig.heard[1].len(), 3);
}

#[test]
fn time_stands_until_every_shard_sleeps() {
    let settings = SimSettings { shards: 2, turn_ns: 0, ..SimSettings::default() };
    let mut rig = Rig::new(1, settings);
    assert_eq!(rig.net.runnable(), [FIRST, SECOND]);
    rig.turn(FIRST);
    assert!(rig.net.advance_to_next());
    assert_eq!(rig.net.now_ns(), 0, "the second has not slept yet");
    let mut events = Vec::new();
    rig.drivers[1].turn(Wait::AtMost(Duration::from_millis(3)), &mut events);
    assert_eq!(rig.net.pick_runnable(), None);
    assert!(!rig.net.advance_until(2_000_000));
    assert_eq!(rig.net.now(), Duration::from_millis(2));
    assert!(rig.net.advance_to_next());
    assert_eq!(rig.net.now(), Duration::from_millis(3));
    assert_eq!(rig.net.runnable(), [SECOND]);
    rig.drivers[1].turn(Wait::Poll, &mut events);
    assert_eq!(rig.net.runnable(), [SECOND], "a poll does not sleep");
    rig.turn(SECOND);
    assert!(!rig.net.advance_to_next(), "both sleep for ever");
    rig.net.rouse(FIRST);
    assert_eq!(rig.net.runnable(), [FIRST]);
    rig.drivers.clear();
    assert!(rig.net.runnable().is_empty(), "a shard without a driver does not run");
}

#[test]
fn stale_events_name_lives_that_are_over() {
    let faults = SimFaults::none().with(Fault::StaleEvent, ALWAYS);
    let mut rig = Rig::new(1, SimSettings { slots: 1, ..SimSettings::default() });
    let (_client, old) = rig.accepted(1);
    rig.close(old);
    let (_client, token) = rig.accepted(2);
    rig.net.set_faults(faults);
    rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
    (0..50).for_each(|_| rig.turn(FIRST));
    let heard = std::mem::take(&mut rig.heard[0]);
    assert_eq!(heard.len(), 50);
    let mut kinds = [0; 4];
    for event in heard {
        let (kind, named) = match event {
            Event::ReceiveEnded { token, .. } => (0, token),
            Event::Sent { token, .. } => (1, token),
            Event::ShutDown { token } => (2, token),
            Event::Closed { token } => (3, token),
            other => panic!("{other:?}"),
        };
        assert_eq!(named, old);
        kinds[kind] += 1;
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
    assert_eq!(rig.net.in_flight(FIRST), 1, "they end nothing");
}

#[test]
fn events_are_held_and_shuffled_but_not_within_one_operation() {
    let faults = SimFaults::none().with(Fault::Held, HALF).with(Fault::Shuffled, ALWAYS);
    let settings = SimSettings { buffer_bytes: 1, ..SimSettings::default() };
    let mut rig = Rig::new(5, settings);
    let connections = [rig.accepted(1), rig.accepted(1)];
    rig.net.set_faults(faults);
    for (client, token) in &connections {
        client.write(b"abcd").unwrap();
        rig.submit(Operation::Receive { token: *token, mode: ReceiveMode::Stream });
    }
    let events = rig.hear();
    let mut slots = Vec::new();
    let mut texts = [Vec::new(), Vec::new()];
    for event in events {
        let Event::Received { token, lease, .. } = event else { panic!("{event:?}") };
        let which = usize::from(token == connections[1].1);
        texts[which].extend_from_slice(rig.drivers[0].bytes(&lease));
        rig.drivers[0].release(lease);
        slots.push(which);
    }
    assert_eq!(texts, [b"abcd", b"abcd"]);
    assert_ne!(slots, [0, 0, 0, 0, 1, 1, 1, 1]);
    assert!(rig.net.fault_counts().of(Fault::Held) > 0);
}

#[test]
fn a_shut_down_breaks_a_send_that_waits() {
    let mut rig = Rig::new(1, SimSettings { window_bytes: 1, ..SimSettings::default() });
    let (client, token) = rig.accepted(1);
    rig.send(token, b"a");
    assert!(rig.send(token, b"b").is_empty());
    rig.submit(Operation::ShutDown { token });
    let heard = rig.hear();
    let broken = Err(Errno(libc::EPIPE));
    assert!(
        matches!(&heard[..], [Event::Sent { result, .. }, Event::ShutDown { .. }] if *result == broken)
    );
    drop(client);
}

#[test]
fn an_end_without_a_buffer_waits_for_one() {
    let mut rig = Rig::new(1, SimSettings { buffers: 0, ..SimSettings::default() });
    let (client, token) = rig.accepted(1);
    client.close();
    let heard = rig.receive(token, ReceiveMode::Once);
    assert!(matches!(heard[..], [Event::ReceiveEnded { reason: ReceiveEnd::NoBuffers, .. }]));
}

#[test]
fn a_turn_takes_its_time_and_the_world_goes_on() {
    let settings = SimSettings { turn_ns: 60_000, ..SimSettings::default() };
    let mut rig = Rig::new(1, settings);
    let client = rig.net.connect(address());
    rig.submit(Operation::Accept { listener: LISTENER });
    rig.turn(FIRST);
    assert_eq!(rig.net.now_ns(), 60_000);
    assert!(matches!(rig.heard[0][..], [Event::Accepted { .. }]), "it came 50 microseconds in");
    drop(client);
}

#[test]
#[should_panic(expected = "shard 0 turns without end")]
fn a_shard_that_never_sleeps_is_found() {
    let mut rig = Rig::with(SimFaults::none());
    loop {
        rig.submit(Operation::Wake { shard: FIRST });
        rig.turn(FIRST);
    }
}

#[test]
fn a_cancel_may_miss_and_the_next_one_hits() {
    let mut rig = Rig::new(1, SimSettings { window_bytes: 1, ..SimSettings::default() });
    let (client, token) = rig.accepted(1);
    rig.send(token, b"a");
    assert!(rig.send(token, b"b").is_empty());
    assert!(rig.receive(token, ReceiveMode::Stream).is_empty());
    rig.submit(Operation::Accept { listener: LISTENER });
    assert!(rig.hear().is_empty());
    for (faults, ended) in
        [(SimFaults::none().with(Fault::CancelMissed, ALWAYS), 0), (SimFaults::none(), 3)]
    {
        rig.net.set_faults(faults);
        rig.submit(Operation::CancelReceive { token });
        rig.submit(Operation::CancelSend { token });
        rig.submit(Operation::CancelAccepts { listener: LISTENER });
        assert_eq!(rig.hear().len(), ended);
    }
    drop(client);
}

#[test]
fn a_descriptor_may_arrive_unheard() {
    let mut rig = two_shards(1, 8, SimFaults::none());
    let (client, token) = rig.accepted(1);
    rig.net.set_faults(SimFaults::none().with(Fault::Unheard, ALWAYS));
    assert_eq!(hand_over(&mut rig, token), Err(Errno(libc::EOVERFLOW)));
    assert!(rig.heard[1].is_empty());
    // The descriptor that nobody knows keeps the connection open, but its first owner can end it.
    rig.submit(Operation::ShutDown { token });
    assert!(matches!(rig.hear()[..], [Event::ShutDown { .. }]));
    assert_eq!(client.end(), Some(StreamEnd::Finished));
    client.close();
    rig.close(token);
    rig.net.close_listener(LISTENER);
    rig.settle();
    rig.net.assert_quiescent();
}

#[test]
fn a_parked_shard_is_woken_by_its_bell_and_by_its_timer() {
    let mut rig = Rig::with(SimFaults::none());
    let (client, token) = rig.accepted(1);
    rig.submit(Operation::Receive { token, mode: ReceiveMode::Once });
    let mut events = Vec::new();
    assert!(rig.drivers[0].prepare_to_park(&mut events), "{events:?}");
    assert!(!rig.net.advance_to_next() && rig.net.runnable().is_empty());
    rig.net.rouse_at(FIRST, rig.net.now_ns() + 7);
    assert!(rig.net.advance_to_next());
    assert_eq!(rig.net.runnable(), [FIRST]);
    rig.drivers[0].unpark();
    // What has come by the last look keeps it awake, and is at hand.
    rig.turn(FIRST);
    client.write(b"x").unwrap();
    while rig.net.runnable().is_empty() {
        rig.net.advance_to_next();
    }
    assert!(!rig.drivers[0].prepare_to_park(&mut events));
    assert!(matches!(events[..], [Event::Received { .. }]));
}
