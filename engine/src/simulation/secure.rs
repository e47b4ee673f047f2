//! TLS on the simulated network: hand-overs, pauses and endings, with and without faults.

use skyring_protocols::crypt::Secret;
use skyring_protocols::msg::client::{ClientEvent, MsgClient};
use skyring_protocols::msg::username::Username;

use super::guest::{Guest, trust};
use super::scene::{Door, Props, Scene, frame};
use crate::config::{ListenerKind, TlsSettings};
use crate::context::{Context, GateConnection};
use crate::driver::sim::{Fault, SimFaults, SimSettings, StreamEnd};
use crate::handler::Application;
use crate::shard::counters::Counter;

/// So many shards with TLS on every listener.
fn props(shards: u16, seed: u64) -> Props {
    let settings = SimSettings { shards, buffers: 64, ..SimSettings::default() };
    let mut props = Props { settings, seed, ..Props::default() };
    for listener in &mut props.listeners {
        listener.tls = Some(TlsSettings::self_signed());
    }
    props
}

/// Faults that hurt nobody who waits: pieces, delays, short sends, missing buffers.
fn gentle() -> SimFaults {
    let often = [
        Fault::Split,
        Fault::Stall,
        Fault::ShortSend,
        Fault::NoBuffers,
        Fault::ClearedReceive,
        Fault::StaleEvent,
        Fault::Late,
        Fault::Held,
        Fault::Shuffled,
        Fault::Coalesced,
    ];
    often.into_iter().fold(SimFaults::none(), |faults, fault| faults.with(fault, 1 << 13))
}

fn player(uid: &[u8]) -> MsgClient {
    let (server, subid) = (b"sample".to_vec(), b"1".to_vec());
    let username = Username { uid: uid.to_vec(), server, subid }.format();
    MsgClient::new(username, Secret::new([7; 8]))
}

/// Attaches and asks, all in one word, and takes every answer.
fn play(scene: &mut Scene, guest: &mut Guest, uid: &[u8], requests: u32) {
    let mut client = player(uid);
    let mut frames = client.attach(1);
    for id in 0..requests {
        let content = vec![id as u8; 500 * id as usize];
        client.request(id, &content, &mut frames).expect("a short request");
    }
    guest.say(&frames);
    let (mut attached, mut answers) = (false, 0);
    for _ in 0..30_000 {
        if answers == requests {
            break;
        }
        guest.listen(scene, 1);
        client.on_bytes(&std::mem::take(&mut guest.plain));
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Attached => attached = true,
                ClientEvent::Response { id, content, .. } => {
                    assert_eq!(content, vec![id as u8; 500 * id as usize]);
                    answers += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(attached && answers == requests, "{answers} answers, error {:?}", guest.error);
}

#[test]
fn a_connection_is_handed_over_in_the_middle_of_its_stream() {
    let mut handed_over = 0;
    for seed in 0..12 {
        let mut props = props(2, seed);
        // Leases smaller than a record, and a window smaller than the answers.
        props.settings.buffer_bytes = 200;
        props.settings.window_bytes = 4096;
        if seed % 2 == 1 {
            props.settings.faults = gentle();
        }
        let mut scene = props.start();
        let client = trust(&scene, ListenerKind::Msg);
        for number in 0..3 {
            let uid = scene.uid_number(number % 2, number as usize);
            assert!(scene.log_in(&uid));
            let mut guest = Guest::open(&scene, ListenerKind::Msg, &client);
            guest.shake(&mut scene);
            play(&mut scene, &mut guest, &uid, 12);
            guest.say_goodbye();
            guest.listen_until(&mut scene, |guest, _| guest.tls.is_closed_by_peer());
            guest.wire.close();
        }
        scene.pass(3_000);
        assert_eq!(scene.count(Counter::ConnectionsNow), 0);
        assert_eq!(scene.count(Counter::TlsHandshakes), 3);
        assert_eq!((scene.count(Counter::TlsFailed), scene.count(Counter::TlsTruncated)), (0, 0));
        handed_over += scene.count(Counter::HandedOver);
    }
    assert!(handed_over > 0);
}

/// The receiver's table is full now and then: the TLS waits with the connection.
#[test]
fn a_hand_over_that_fails_is_tried_again_with_the_same_tls() {
    let mut retried = 0;
    for seed in 0..12 {
        let mut scene = props(2, seed).start();
        let client = trust(&scene, ListenerKind::Msg);
        let uid = scene.uid_number(seed as u16 % 2, 0);
        assert!(scene.log_in(&uid));
        let mut guest = Guest::open(&scene, ListenerKind::Msg, &client);
        guest.shake(&mut scene);
        scene.net.set_faults(SimFaults::none().with(Fault::TableFull, 1 << 15));
        play(&mut scene, &mut guest, &uid, 3);
        retried += scene.count(Counter::HandOverRetried);
        guest.wire.close();
        scene.pass(3_000);
        assert_eq!(scene.count(Counter::ConnectionsNow), 0);
    }
    assert!(retried > 0);
}

#[test]
fn a_handshake_counts_into_the_deadline() {
    for words in 0..2 {
        let mut scene = props(1, 1).start();
        let client = trust(&scene, ListenerKind::Login);
        let mut guest = Guest::open(&scene, ListenerKind::Login, &client);
        if words == 1 {
            guest.shake(&mut scene);
        }
        scene.pass(9_900);
        assert_eq!(scene.count(Counter::ClosedHandshakeLate), 0);
        scene.pass(300);
        assert_eq!(scene.count(Counter::ClosedHandshakeLate), 1);
        assert_eq!(scene.count(Counter::TlsFailed), 1 - words);
        guest.wire.close();
        scene.pass(3_000);
        assert_eq!(scene.count(Counter::ConnectionsNow), 0);
    }
}

/// Opens a connection when the door does.
struct Late(Context, Door);

impl Application for Late {
    fn on_connect(&self, connection: GateConnection, _peer: std::net::SocketAddr) {
        let (context, door) = (self.0.clone(), self.1.clone());
        self.0.spawn(async move {
            door.pass().await;
            context.open(connection);
        });
    }

    async fn message(self: std::rc::Rc<Self>, connection: GateConnection, content: bytes::Bytes) {
        self.0.send(connection, content);
    }
}

/// What came with the last flight of the handshake waits until the application opens the gate.
#[test]
fn a_gate_takes_what_came_before_it_was_opened() {
    let door = Door::default();
    let inside = door.clone();
    let mut scene =
        props(1, 1).start_with(door.clone(), move |context| Late(context, inside.clone()));
    let client = trust(&scene, ListenerKind::Gate);
    let mut guest = Guest::open(&scene, ListenerKind::Gate, &client);
    scene.pass(5);
    let flight = guest.wire.read();
    // Its answer and two frames at once.
    let mut records = Vec::new();
    let mut workspace = crate::transport::tls::Workspace::default();
    guest.tls.receive(&flight, &mut workspace, &mut records).expect("a good server");
    let frames = [frame(b"one"), frame(b"two")].concat();
    guest.tls.seal(&frames, &mut records).expect("the handshake is done");
    guest.wire.write(&records).expect("it is open");
    guest.listen(&mut scene, 50);
    assert_eq!((scene.count(Counter::TlsHandshakes), scene.count(Counter::GateMessages)), (1, 0));
    door.open();
    guest.listen_until(&mut scene, |guest, _| {
        guest.plain == [frame(b"one"), frame(b"two")].concat()
    });
    guest.say(&frame(b"three"));
    guest.listen_until(&mut scene, |guest, _| guest.plain.ends_with(b"three"));
    guest.wire.close();
    scene.pass(3_000);
    assert_eq!(scene.count(Counter::ConnectionsNow), 0);
}

#[test]
fn a_cut_is_told_from_a_goodbye() {
    let mut scene = props(1, 1).start();
    let client = trust(&scene, ListenerKind::Gate);
    for goodbye in [true, false] {
        let mut guest = Guest::open(&scene, ListenerKind::Gate, &client);
        guest.shake(&mut scene);
        guest.say(&frame(b"hello"));
        guest.listen_until(&mut scene, |guest, _| !guest.plain.is_empty());
        if goodbye {
            guest.say_goodbye();
        } else {
            guest.wire.shut_down();
        }
        guest.listen_until(&mut scene, |guest, _| guest.wire.end().is_some());
        assert_eq!(guest.wire.end(), Some(StreamEnd::Finished));
        assert!(guest.tls.is_closed_by_peer(), "the server has said goodbye");
        guest.wire.close();
    }
    scene.pass(3_000);
    assert_eq!(scene.count(Counter::TlsTruncated), 1);
    assert_eq!(scene.count(Counter::ClosedByPeer), 2);
}

/// Whoever does not read is not read, and misses nothing: sealed output counts like any other.
#[test]
fn output_of_a_peer_that_does_not_read_is_bounded() {
    let mut props = props(1, 1);
    props.listener(ListenerKind::Gate).output_bytes_max = 8192;
    let mut scene = props.start();
    let client = trust(&scene, ListenerKind::Gate);
    let mut guest = Guest::open(&scene, ListenerKind::Gate, &client);
    guest.shake(&mut scene);
    let word = frame(&[5; 1_000]);
    for _ in 0..100 {
        guest.say(&word);
        scene.pass(5);
        let core = scene.core(0);
        for slot in core.connections.slots() {
            let unsent_bytes = core.connections.at(slot).unsent_bytes();
            assert!(unsent_bytes < 8192 + 4096, "{unsent_bytes} bytes wait");
        }
    }
    assert!(scene.count(Counter::ReadingPaused) > 0);
    guest.listen_until(&mut scene, |guest, _| guest.plain.len() == 100 * word.len());
    guest.wire.close();
    scene.pass(3_000);
    assert_eq!(scene.count(Counter::ConnectionsNow), 0);
}
