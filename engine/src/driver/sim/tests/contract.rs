//! What the driver's contract forbids panics; what is left over in the end is found.

use super::*;

fn rig() -> (Rig, SimClient, Token) {
    let mut rig = Rig::with(SimFaults::none());
    let (client, token) = rig.accepted(1);
    (rig, client, token)
}

fn receive(token: Token) -> Operation {
    Operation::Receive { token, mode: ReceiveMode::Once }
}

fn send(token: Token, bytes: &[u8], from: usize) -> Operation {
    Operation::Send { token, buffer: bytes.to_vec(), from }
}

#[test]
#[should_panic(expected = "generation: 1 }: one is in flight")]
fn two_receives() {
    let (mut rig, _client, token) = rig();
    rig.submit(receive(token));
    rig.submit(receive(token));
}

#[test]
#[should_panic(expected = "generation: 1 }: one is in flight")]
fn two_sends() {
    let (mut rig, _client, token) = rig();
    rig.submit(send(token, b"a", 0));
    rig.submit(send(token, b"b", 0));
}

#[test]
#[should_panic(expected = "there is nothing to send")]
fn an_empty_send() {
    let (mut rig, _client, token) = rig();
    rig.submit(send(token, b"a", 1));
}

#[test]
#[should_panic(expected = "generation: 1 }: a receive is in flight")]
fn a_close_with_a_receive_in_flight() {
    let (mut rig, _client, token) = rig();
    rig.submit(receive(token));
    rig.submit(Operation::Close { token });
}

#[test]
#[should_panic(expected = "a send is in flight")]
fn a_hand_over_with_a_send_in_flight() {
    let (mut rig, _client, token) = rig();
    rig.submit(send(token, b"a", 0));
    rig.submit(Operation::HandOver { token, to: SECOND, key: 0 });
}

#[test]
#[should_panic(expected = "generation: 1 }: a ShutDown is in flight")]
fn a_close_during_a_shut_down() {
    let (mut rig, _client, token) = rig();
    rig.submit(Operation::ShutDown { token });
    rig.submit(Operation::Close { token });
}

#[test]
#[should_panic(expected = "it is being closed")]
fn anything_after_a_close() {
    let (mut rig, _client, token) = rig();
    rig.submit(Operation::Close { token });
    rig.submit(receive(token));
}

#[test]
#[should_panic(expected = "no connection there")]
fn a_token_whose_close_was_told() {
    let (mut rig, _client, token) = rig();
    rig.close(token);
    rig.submit(Operation::CancelReceive { token });
}

#[test]
#[should_panic(expected = "no connection there")]
fn a_slot_that_lives_again_but_was_not_told() {
    let mut rig = Rig::new(1, SimSettings { slots: 1, ..SimSettings::default() });
    let (_client, token) = rig.accepted(1);
    rig.close(token);
    let _next = rig.net.connect(address());
    rig.settle();
    rig.submit(Operation::Accept { listener: LISTENER });
    rig.net.world.borrow_mut().start_queued(FIRST);
    assert_eq!(rig.net.slots_used(FIRST), 1);
    rig.submit(receive(Token { slot: 0, generation: 2 }));
}

#[test]
#[should_panic(expected = "the token is stale")]
fn a_token_of_another_life() {
    let (mut rig, _client, token) = rig();
    rig.submit(receive(token));
    rig.submit(Operation::CancelReceive { token: Token { generation: 2, ..token } });
}

#[test]
#[should_panic(expected = "the generation was used before")]
fn a_generation_used_again() {
    let (mut rig, _client, token) = rig();
    rig.close(token);
    let (_client, again) = rig.accepted(1);
    assert_eq!(again, token);
    rig.submit(receive(again));
}

#[test]
#[should_panic(expected = "no such slot")]
fn a_slot_beyond_the_table() {
    let (mut rig, _client, _) = rig();
    rig.submit(receive(Token { slot: 64, generation: 1 }));
}

#[test]
#[should_panic(expected = "generation: 1 }: it was handed over")]
fn a_receive_after_a_hand_over() {
    let mut rig = Rig::new(2, SimSettings { shards: 2, ..SimSettings::default() });
    let (_client, token) = rig.accepted(1);
    rig.submit(Operation::HandOver { token, to: SECOND, key: 0 });
    rig.settle();
    rig.submit(receive(token));
}

#[test]
#[should_panic(expected = "there is no listener 3")]
fn an_accept_on_no_listener() {
    let (mut rig, _client, _) = rig();
    rig.submit(Operation::Accept { listener: ListenerIndex(3) });
    rig.turn(FIRST);
}

#[test]
#[should_panic(expected = "shard 0 has a driver already")]
fn two_drivers_of_one_shard() {
    let (rig, _client, _) = rig();
    drop(rig.net.driver(FIRST));
}

#[test]
#[should_panic(expected = "contract: buffer 0 is released but not on lease")]
fn a_lease_released_twice() {
    let (mut rig, client, token) = rig();
    client.write(b"a").unwrap();
    let Some(Event::Received { lease, .. }) = rig.receive(token, ReceiveMode::Once).pop() else {
        return;
    };
    let again = crate::driver::Lease { buffer: lease.buffer, bytes: lease.bytes };
    rig.drivers[0].release(lease);
    rig.drivers[0].release(again);
}

#[test]
fn only_the_low_bits_of_a_generation_are_kept() {
    let (mut rig, _client, Token { slot, .. }) = rig();
    let token = Token { slot, generation: Token::GENERATIONS + 3 };
    rig.submit(Operation::Close { token });
    let kept = Token { slot, generation: 3 };
    assert!(matches!(rig.hear()[..], [Event::Closed { token }] if token == kept));
}

#[test]
fn what_is_left_is_named() {
    let (mut rig, client, token) = rig();
    client.write(b"a").unwrap();
    let events = rig.receive(token, ReceiveMode::Stream);
    let left = rig.net.world.borrow().leftovers().join("; ");
    for what in ["1 operations in flight", "1 slots in use", "1 leases out", "is open to"] {
        assert!(left.contains(what), "{what}: {left}");
    }
    rig.leased(events);
    rig.submit(Operation::CancelReceive { token });
    rig.hear();
    rig.close(token);
    client.close();
    rig.net.assert_quiescent();
}

#[test]
#[should_panic(expected = "the world is not quiescent: shard 0: 1 operations in flight")]
fn an_accept_left_in_flight() {
    let mut rig = Rig::with(SimFaults::none());
    rig.submit(Operation::Accept { listener: LISTENER });
    rig.settle();
    rig.net.assert_quiescent();
}

#[test]
#[should_panic(expected = "may not wait with events at hand")]
fn a_wait_with_events_at_hand() {
    let (mut rig, _client, _token) = rig();
    rig.drivers[0].turn(Wait::AtMost(Duration::MAX), &mut vec![Event::Woken]);
}

#[test]
#[should_panic(expected = "shard 0 turns while it is parked")]
fn a_turn_while_parked() {
    let (mut rig, _client, _token) = rig();
    assert!(crate::shard::Park::prepare_to_park(&mut rig.drivers[0], &mut Vec::new()));
    rig.turn(FIRST);
}
