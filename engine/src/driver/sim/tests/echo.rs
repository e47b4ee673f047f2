//! A small echo server on two shards, in worlds drawn from seeds: the contract can be lived with
//! under every fault, nothing is lost or left over, and a seed is a run.

use std::collections::BTreeMap;

use super::*;
use crate::driver::sim::{Fault, FaultCounts, SimRandom};
use crate::driver::{Lease, ReceiveEnd};

const CLIENTS: usize = 6;
const SEEDS: u64 = 300;

#[derive(Default)]
struct Connection {
    receiving: bool,
    sending: bool,
    ending: bool,
    cancelled: bool,
    /// Nothing more will come in.
    ended: bool,
    /// Nothing more can go out.
    broken: bool,
    output: Vec<u8>,
}

/// One shard of the server. A connection that the first shard accepts moves to the second.
struct Echo {
    driver: SimDriver,
    moves: bool,
    connections: BTreeMap<Token, Connection>,
    generation: u32,
    accepts: usize,
    stopping: bool,
}

impl Echo {
    fn new(net: &SimNet, shard: ShardIndex) -> Echo {
        let (driver, connections) = (net.driver(shard), BTreeMap::new());
        let moves = shard == FIRST;
        Echo { driver, moves, connections, generation: 0, accepts: 0, stopping: false }
    }

    fn turn(&mut self) {
        let mut events = Vec::new();
        self.driver.turn(Wait::AtMost(Duration::MAX), &mut events);
        events.into_iter().for_each(|event| self.hear(event));
        while !self.stopping && self.accepts < 2 {
            self.driver.submit(Operation::Accept { listener: LISTENER });
            self.accepts += 1;
        }
        let tokens: Vec<_> = self.connections.keys().copied().collect();
        tokens.into_iter().for_each(|token| self.drive(token));
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.driver.submit(Operation::CancelAccepts { listener: LISTENER });
    }

    fn begin(&mut self, slot: u32) -> Token {
        self.generation += 1;
        let token = Token { slot, generation: self.generation };
        self.connections.insert(token, Connection::default());
        token
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Accepted { slot, .. } => {
                self.accepts -= 1;
                let token = self.begin(slot);
                if self.moves && !self.stopping {
                    self.driver.submit(Operation::HandOver { token, to: SECOND, key: slot });
                    self.connections.get_mut(&token).unwrap().ending = true;
                }
            }
            Event::AcceptFailed { .. } => self.accepts -= 1,
            Event::Arrived { slot, .. } => drop(self.begin(slot)),
            Event::Closed { token } => drop(self.connections.remove(&token)),
            Event::Received { token, lease, armed } => self.received(token, lease, armed),
            Event::ReceiveEnded { token, reason } => {
                let Some(connection) = self.connections.get_mut(&token) else { return };
                connection.receiving = false;
                connection.ended |= matches!(reason, ReceiveEnd::EndOfStream);
                connection.broken |= matches!(reason, ReceiveEnd::Failed(_));
            }
            Event::Sent { token, buffer, result } => self.sent(token, &buffer, result.ok()),
            Event::HandedOver { token, result } => {
                let connection = self.connections.get_mut(&token).unwrap();
                connection.ending = false;
                connection.broken |= result.is_ok();
            }
            Event::ShutDown { .. } | Event::Connected { .. } | Event::Woken => {}
        }
    }

    fn received(&mut self, token: Token, lease: Lease, armed: bool) {
        let connection = self.connections.get_mut(&token).unwrap();
        connection.output.extend_from_slice(self.driver.bytes(&lease));
        connection.receiving = armed;
        self.driver.release(lease);
    }

    fn sent(&mut self, token: Token, buffer: &[u8], count: Option<usize>) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        connection.sending = false;
        connection.broken |= count.is_none();
        let rest = &buffer[count.unwrap_or(buffer.len())..];
        connection.output.splice(..0, rest.iter().copied());
    }

    /// Submits what the connection needs next.
    fn drive(&mut self, token: Token) {
        let connection = self.connections.get_mut(&token).unwrap();
        if connection.ending {
            return;
        }
        let over = self.stopping || connection.broken;
        if !over && !connection.ended && !connection.receiving {
            let mode =
                if token.slot.is_multiple_of(2) { ReceiveMode::Once } else { ReceiveMode::Stream };
            self.driver.submit(Operation::Receive { token, mode });
            connection.receiving = true;
        }
        if !over && !connection.sending && !connection.output.is_empty() {
            let buffer = std::mem::take(&mut connection.output);
            self.driver.submit(Operation::Send { token, buffer, from: 0 });
            connection.sending = true;
        }
        let Connection { receiving, sending, .. } = *connection;
        let done = over || connection.ended && connection.output.is_empty();
        if over && !std::mem::replace(&mut connection.cancelled, true) {
            self.driver.submit(Operation::CancelReceive { token });
            self.driver.submit(Operation::CancelSend { token });
        }
        if done && !receiving && !sending {
            self.driver.submit(Operation::Close { token });
            connection.ending = true;
        }
    }
}

/// A client, what it has written, and what has come back.
struct Talker {
    client: SimClient,
    written: Vec<u8>,
    echoed: Vec<u8>,
}

impl Talker {
    fn act(&mut self, random: &mut SimRandom) {
        if random.chance(HALF) {
            let bytes: Vec<u8> = (0..random.below(400)).map(|_| random.word() as u8).collect();
            if self.client.write(&bytes).is_ok() {
                self.written.extend(bytes);
            }
        }
        if random.chance(HALF) {
            self.read();
        }
    }

    fn read(&mut self) {
        self.echoed.extend(self.client.read());
        assert!(self.written.starts_with(&self.echoed), "the echo differs");
    }
}

struct Run {
    hash: u64,
    entries: u64,
    faults: FaultCounts,
}

fn run(seed: u64) -> Run {
    let mut random = SimRandom::new(seed);
    let settings = SimSettings {
        shards: 2,
        slots: random.between(8, 24) as u32,
        buffers: random.between(1, 8) as u16,
        buffer_bytes: random.between(1, 300) as usize,
        window_bytes: random.between(1, 2_000) as usize,
        backlog: 16,
        turn_ns: random.between(500, 20_000),
        // Who has moved a connection without the receiver's knowledge must tell its peer, which an
        // echo server does not.
        faults: SimFaults::draw(&mut random).with(Fault::Unheard, 0),
    };
    let net = SimNet::new(random.word(), settings);
    net.listen(LISTENER, address());
    let mut shards = [Echo::new(&net, FIRST), Echo::new(&net, SECOND)];
    let connect =
        || Talker { client: net.connect(address()), written: Vec::new(), echoed: Vec::new() };
    let mut talkers: Vec<_> = (0..CLIENTS).map(|_| connect()).collect();
    for _ in 0..400 {
        turn_or_advance(&net, &mut shards);
        if random.chance(HALF / 4) {
            let talker = random.index(CLIENTS);
            talkers[talker].act(&mut random);
        }
    }
    drain(&net, &mut shards, talkers);
    Run { hash: net.trace_hash(), entries: net.trace_entries(), faults: net.fault_counts() }
}

/// One step of the world. Answers whether anything is left to happen.
fn turn_or_advance(net: &SimNet, shards: &mut [Echo]) -> bool {
    if let Some(shard) = net.pick_runnable() {
        shards[usize::from(shard.0)].turn();
        return true;
    }
    net.advance_to_next()
}

/// Clients finish, read everything and go; then the server stops.
fn drain(net: &SimNet, shards: &mut [Echo], mut talkers: Vec<Talker>) {
    talkers.iter().for_each(|talker| talker.client.shut_down());
    while turn_or_advance(net, shards) {
        talkers.iter_mut().for_each(Talker::read);
    }
    let counts = net.fault_counts();
    let killers = [Fault::Reset, Fault::AcceptError, Fault::TableFull];
    let unharmed = killers.iter().all(|fault| counts.of(*fault) == 0);
    for mut talker in talkers {
        talker.read();
        assert!(talker.client.end().is_some(), "the server left a connection open");
        assert!(!unharmed || talker.echoed.len() == talker.written.len());
        talker.client.close();
    }
    // An echo server cancels once.
    net.set_faults(SimFaults::none());
    shards.iter_mut().for_each(Echo::stop);
    while turn_or_advance(net, shards) {}
    net.assert_quiescent();
}

#[test]
fn an_echo_server_lives_through_every_seed_and_fault() {
    let runs: Vec<_> = (0..SEEDS).map(run).collect();
    for fault in Fault::ALL {
        let struck: u64 = runs.iter().map(|run| run.faults.of(fault)).sum();
        let absent = [Fault::ConnectError, Fault::Coalesced, Fault::Unheard, Fault::DatagramLost];
        let expected = !absent.contains(&fault);
        assert_eq!(struck > 0, expected, "{fault:?} struck {struck} times");
    }
    let entries: u64 = runs.iter().map(|run| run.entries).sum();
    assert!(entries > SEEDS * 100, "the worlds are too quiet: {entries}");
}

#[test]
fn a_seed_is_a_run() {
    let hashes: Vec<_> = (0..20).map(|seed| run(seed).hash).collect();
    let again: Vec<_> = (0..20).map(|seed| run(seed).hash).collect();
    assert_eq!(hashes, again);
    let mut different = hashes;
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 20, "two seeds had one run");
}
