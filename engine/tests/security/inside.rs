//! Rows 15 and 23: what peers cannot aim at, and a kernel that answers late or runs short.

use std::io::Write;
use std::net::TcpStream;

use skyring::driver::uring::options::UringOptions;
use skyring::driver::{Driver, Event, Operation, ReceiveEnd, ReceiveMode, Token};
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::rig::{Rig, small};
use crate::support::game::Game;
use crate::support::held::Held;
use crate::support::{config, login};

/// Where 96 users live on a fresh server.
fn placement() -> Vec<u64> {
    let server = Server::start(&config(2), |context| Game::new(context, Held::default())).unwrap();
    let placed = (0..96).map(|user| {
        login(server.addresses()[0], &format!("user {user}")).expect("granted");
        server.handle().counters()[0].read(Counter::SessionsNow)
    });
    let placed: Vec<u64> = placed.collect();
    server.handle().stop();
    server.join().expect("a clean end");
    placed
}

/// Row 15. Which shard a user lives on depends on a key that each process draws: names that share one
/// here are spread elsewhere, so nobody can prepare names that meet.
#[test]
fn row_15_nobody_can_aim_at_a_shard() {
    let (here, elsewhere) = (placement(), placement());
    // By chance once in 2^96.
    assert_ne!(here, elsewhere);
    let on_first = *here.last().unwrap();
    assert!((10..=86).contains(&on_first), "{on_first} of 96 on one of two shards");
}

/// Row 23. With four buffers and eight places for completions, and connections that are closed while
/// others take their slots, every byte arrives where it belongs and none twice.
#[test]
fn row_23_a_short_ring_loses_and_mixes_up_nothing() {
    let short = UringOptions {
        buffers: 4,
        buffer_bytes: 64,
        submission_entries: 4,
        completion_entries: 8,
        ..small()
    };
    let mut rig = Rig::new(&short);
    for round in 0..4u8 {
        let mut pairs: Vec<(Token, TcpStream)> = (0..20).map(|_| rig.pair()).collect();
        for (letter, (token, peer)) in (round * 20..).zip(&mut pairs) {
            peer.write_all(&[letter; 2_000]).unwrap();
            rig.submit(Operation::Receive { token: *token, mode: ReceiveMode::Stream });
        }
        for (letter, bytes) in (round * 20..).zip(receive(&mut rig, &pairs)) {
            assert_eq!(bytes, [letter; 2_000], "round {round}");
        }
        for (token, _) in &pairs {
            rig.submit(Operation::Close { token: *token });
        }
        pairs.iter().for_each(|_| drop(rig.take(|event| matches!(event, Event::Closed { .. }))));
    }
    let stats = rig.driver.stats();
    assert!(stats.overflows > 0, "the queue did overflow: {stats:?}");
}

/// What each connection receives.
fn receive(rig: &mut Rig, pairs: &[(Token, TcpStream)]) -> Vec<Vec<u8>> {
    let mut received: Vec<Vec<u8>> = vec![Vec::new(); pairs.len()];
    while received.iter().any(|bytes| bytes.len() < 2_000) {
        match rig.take(|_| true) {
            Event::Received { token, lease, armed } => {
                let at = pairs.iter().position(|pair| pair.0 == token).expect("one that is open");
                received[at].extend_from_slice(rig.driver.bytes(&lease));
                rig.driver.release(lease);
                if !armed {
                    rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
                }
            }
            Event::ReceiveEnded { token, reason: ReceiveEnd::NoBuffers }
                if pairs.iter().any(|pair| pair.0 == token) =>
            {
                rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
            }
            // Of the round before: its receives ended when it was closed.
            Event::ReceiveEnded { token, .. } if pairs.iter().all(|pair| pair.0 != token) => {}
            other => panic!("{other:?}"),
        }
    }
    received
}
