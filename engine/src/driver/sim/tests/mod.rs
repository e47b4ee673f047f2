//! What the simulated world does, one freedom of the kernel at a time, and then all at once.

mod contract;
mod echo;
mod ending;
mod listening;
mod moving;

use std::net::SocketAddr;
use std::time::Duration;

use super::{SimClient, SimDriver, SimFaults, SimNet, SimSettings};
use crate::driver::{
    Driver, Event, ListenerIndex, Operation, ReceiveMode, ShardIndex, Token, Wait,
};

const LISTENER: ListenerIndex = ListenerIndex(0);
const FIRST: ShardIndex = ShardIndex(0);
const SECOND: ShardIndex = ShardIndex(1);
const ALWAYS: u32 = 1 << 16;
const HALF: u32 = 1 << 15;

fn address() -> SocketAddr {
    ([10, 0, 0, 1], 8888).into()
}

/// A world with a listener, and drivers whose events are kept.
struct Rig {
    net: SimNet,
    drivers: Vec<SimDriver>,
    heard: Vec<Vec<Event>>,
}

impl Rig {
    fn new(seed: u64, settings: SimSettings) -> Rig {
        let shards = settings.shards;
        let net = SimNet::new(seed, settings);
        net.listen(LISTENER, address());
        let drivers: Vec<_> = (0..shards).map(|i| net.driver(ShardIndex(i))).collect();
        let heard = drivers.iter().map(|_| Vec::new()).collect();
        Rig { net, drivers, heard }
    }

    /// One shard in a world with these faults.
    fn with(faults: SimFaults) -> Rig {
        Rig::new(1, SimSettings { faults, ..SimSettings::default() })
    }

    fn submit(&mut self, operation: Operation) {
        self.drivers[0].submit(operation);
    }

    fn turn(&mut self, shard: ShardIndex) {
        let shard = usize::from(shard.0);
        let mut events = Vec::new();
        self.drivers[shard].turn(Wait::AtMost(Duration::MAX), &mut events);
        self.heard[shard].append(&mut events);
    }

    /// Runs until nothing can happen any more.
    fn settle(&mut self) {
        loop {
            while let Some(shard) = self.net.pick_runnable() {
                self.turn(shard);
            }
            if !self.net.advance_to_next() {
                return;
            }
        }
    }

    /// Settles, and answers what the first shard has heard since the last time.
    fn hear(&mut self) -> Vec<Event> {
        self.settle();
        std::mem::take(&mut self.heard[0])
    }

    /// A connection that the first shard has accepted, under this generation.
    fn accepted(&mut self, generation: u32) -> (SimClient, Token) {
        loop {
            let client = self.net.connect(address());
            self.submit(Operation::Accept { listener: LISTENER });
            if let [Event::Accepted { slot, peer, .. }] = self.hear()[..] {
                assert_eq!(peer, client.address());
                return (client, Token { slot, generation });
            }
            // It came to another shard.
            self.submit(Operation::CancelAccepts { listener: LISTENER });
            self.hear();
            client.close();
        }
    }

    fn receive(&mut self, token: Token, mode: ReceiveMode) -> Vec<Event> {
        self.submit(Operation::Receive { token, mode });
        self.hear()
    }

    fn send(&mut self, token: Token, bytes: &[u8]) -> Vec<Event> {
        self.submit(Operation::Send { token, buffer: bytes.to_vec(), from: 0 });
        self.hear()
    }

    fn close(&mut self, token: Token) {
        self.submit(Operation::Close { token });
        let heard = self.hear();
        assert!(matches!(heard[..], [Event::Closed { token: closed }] if closed == token));
    }

    /// The bytes and armed marks of all events, which must be leases; gives them back.
    fn leased(&mut self, events: Vec<Event>) -> Vec<(Vec<u8>, bool)> {
        let driver = &mut self.drivers[0];
        let mut leased = Vec::new();
        for event in events {
            let Event::Received { lease, armed, .. } = event else { panic!("{event:?}") };
            leased.push((driver.bytes(&lease).to_vec(), armed));
            driver.release(lease);
        }
        leased
    }
}
