//! Scenes of WebSockets that move to the shard of their user.

use std::rc::Rc;

use skyring_protocols::crypt::Secret;
use skyring_protocols::msg::client::MsgClient;
use skyring_protocols::msg::username::Username;

use crate::config::ListenerKind;
use crate::context::Context;
use crate::driver::sim::{Fault, SimFaults, SimRandom, SimSettings, StreamEnd};
use crate::handler::Application;
use crate::http::{Request, Response};
use crate::shard::counters::Counter;
use crate::simulation::line::{Cargo, Line};
use crate::simulation::scene::{Door, Props, Scene};

/// Every request is for a session.
struct Porter;

impl Application for Porter {
    async fn http(self: Rc<Self>, request: Request) -> Response {
        crate::websocket::accept_msg(&request, "sample")
    }
}

fn start(seed: u64) -> Scene {
    let settings = SimSettings { shards: 2, buffers: 64, ..SimSettings::default() };
    let props = Props { settings, seed, ..Props::default() };
    props.start_with(Door::default(), |_: Context| Porter)
}

/// Asks for a WebSocket and says an attach, behind the request or behind its answer.
fn attach(scene: &mut Scene, uid: &[u8], seed: u64) -> Line {
    let (server, subid) = (b"sample".to_vec(), b"1".to_vec());
    let username = Username { uid: uid.to_vec(), server, subid }.format();
    let frames = MsgClient::new(username, Secret::new([7; 8])).attach(1);
    let wire = scene.connect(ListenerKind::Http);
    let address = wire.address();
    let mut line = Line::over_web(wire, address, Cargo::Session, SimRandom::new(seed));
    line.write(&frames).expect("it waits for what it must");
    line
}

/// The owner has the descriptor and never hears of it: the peer is told all the same, also one that has
/// said all it has to say and waits for the answer.
#[test]
fn a_peer_whose_descriptor_arrives_unheard_is_told() {
    let mut unheard = 0;
    for seed in 0..24 {
        let mut scene = start(seed);
        let uid = scene.uid_number(seed as u16 % 2, 0);
        assert!(scene.log_in(&uid));
        scene.net.set_faults(SimFaults::none().with(Fault::Unheard, 1 << 16));
        let mut line = attach(&mut scene, &uid, seed);
        line.shut_down();
        scene.pass(100);
        line.read();
        assert_eq!(line.end(), Some(StreamEnd::Finished), "seed {seed}");
        line.close();
        scene.pass(3_000);
        assert_eq!(scene.count(Counter::ConnectionsNow), 0);
        unheard += scene.net.fault_counts().of(Fault::Unheard);
    }
    assert!(unheard > 0);
}

/// A connection that was handed over is not counted here any more, and its close may be under way when
/// nobody is connected: the shard waits for that.
#[test]
fn a_shard_stays_until_what_it_gave_away_is_closed() {
    let mut waited = 0;
    for seed in 0..300 {
        let mut scene = start(seed);
        let uid = scene.uid_number(seed as u16 % 2, 0);
        assert!(scene.log_in(&uid));
        let mut late = SimFaults::none().with(Fault::Late, 1 << 14);
        late.late_ns_max = 20_000_000;
        scene.net.set_faults(late);
        let line = attach(&mut scene, &uid, seed);
        scene.pass(1 + seed % 12);
        (0..2).for_each(|shard| scene.core(shard).drain(0));
        line.close();
        for _ in 0..200 {
            scene.pass(1);
            let vacant = [0, 1].map(|shard| scene.core(shard).connections.len() == 0);
            let over = [0, 1].map(|shard| scene.is_over(shard));
            assert!(vacant[0] || !over[0], "seed {seed}");
            assert!(vacant[1] || !over[1], "seed {seed}");
            waited += u64::from(over[0] != over[1]);
        }
        assert!(scene.is_over(0) && scene.is_over(1), "seed {seed}");
    }
    assert!(waited > 0, "no shard had to wait");
}
