//! A made-up network in made-up time, and the far end of it: no sockets, no threads, exact numbers.
//! Behind it are a gate that echoes, and a login and a message server made of the protocol crate's
//! own machines.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use skyring::driver::{Event, Operation, ReceiveEnd, Token};
use skyring_loadgen::crowd::{Crowd, Orders};
use skyring_loadgen::options::Options;
use skyring_loadgen::plan::{Limits, Plan};
use skyring_loadgen::record::Record;
use skyring_loadgen::selftest::state::{Fault, State};
use skyring_protocols::decode::{Compat, Decode};
use skyring_protocols::frame;
use skyring_protocols::login::server::{LoginOutput, LoginServer};
use skyring_protocols::msg::attach::{AttachAnswer, AttachLine};
use skyring_protocols::msg::{Flag, response};

pub(crate) const MS: u64 = 1_000_000;

const LOGIN: &str = "127.0.0.1:1";
const MSG: &str = "127.0.0.1:2";
const GATE: &str = "127.0.0.1:3";

/// What the message server pushes before each answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushes {
    /// Nothing.
    None,
    /// The content of the request.
    Echo,
    /// The same, altered.
    Altered,
    /// Something, half a millisecond after the answer.
    Later,
}

/// How network, server and generator behave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    /// How long everything takes.
    pub(crate) latency_ns: u64,
    /// Between these instants the far end does nothing.
    pub(crate) stall: (u64, u64),
    /// How long the server takes for a frame, one after the other.
    pub(crate) service_ns: u64,
    /// How long the login server takes for each of its lines.
    pub(crate) login_ns: u64,
    /// Whether the gate answers the second frame of a send before the first.
    pub(crate) swaps: bool,
    /// After how long the gate says everything again; 0: never.
    pub(crate) echo_ns: u64,
    /// What the message server does wrong.
    pub(crate) fault: Fault,
    /// What it pushes.
    pub(crate) pushes: Pushes,
    /// The generator is never awake for less than this after it has been.
    pub(crate) nap_ns: u64,
    /// The generator does nothing between these instants, and then looks at the time before it
    /// looks at what has arrived.
    pub(crate) stop: (u64, u64),
}

impl Default for World {
    fn default() -> World {
        World {
            latency_ns: 10_000,
            stall: (0, 0),
            service_ns: 0,
            login_ns: 0,
            swaps: false,
            echo_ns: 0,
            fault: Fault::None,
            pushes: Pushes::None,
            nap_ns: 0,
            stop: (0, 0),
        }
    }
}

/// What the network does later.
enum Later {
    Event(Event),
    Bytes(Token, Vec<u8>),
}

/// What is at the far end of a connection.
enum Far {
    Gate,
    Login(Box<LoginServer>),
    /// Received bytes of an unfinished frame, and who is attached.
    Msg(Vec<u8>, Option<(Vec<u8>, u64)>),
}

struct Network {
    world: World,
    state: State,
    later: BTreeMap<(u64, u64), Later>,
    count: u64,
    slots: u32,
    far: HashMap<u32, Far>,
    free_ns: u64,
    trace: DefaultHasher,
}

impl Network {
    fn take(&mut self, operation: Operation, now_ns: u64) {
        format!("{now_ns} {operation:?}").hash(&mut self.trace);
        let soon_ns = now_ns + self.world.latency_ns;
        match operation {
            Operation::Connect { tag, destination, .. } => {
                self.slots += 1;
                let far = match destination.to_string().as_str() {
                    LOGIN => Far::Login(Box::new(LoginServer::new(Compat::Strict, [7; 8], [9; 8]))),
                    MSG => Far::Msg(Vec::new(), None),
                    _ => Far::Gate,
                };
                self.far.insert(self.slots, far);
                self.add(soon_ns, Later::Event(Event::Connected { tag, result: Ok(self.slots) }));
            }
            Operation::Receive { token, .. } => self.answer(token, &[], soon_ns),
            Operation::Send { token, buffer, from } => {
                self.answer(token, &buffer[from..], soon_ns);
                let result = Ok(buffer.len() - from);
                self.add(soon_ns, Later::Event(Event::Sent { token, buffer, result }));
            }
            Operation::CancelReceive { token } => {
                let reason = ReceiveEnd::Cancelled;
                self.add(soon_ns, Later::Event(Event::ReceiveEnded { token, reason }));
            }
            Operation::Close { token } => {
                self.far.remove(&token.slot);
                self.add(soon_ns, Later::Event(Event::Closed { token }));
            }
            _ => {}
        }
    }

    /// What the far end says to these bytes, or of itself.
    fn answer(&mut self, token: Token, bytes: &[u8], soon_ns: u64) {
        let Some(far) = self.far.get_mut(&token.slot) else { return };
        let (mut at_ns, mut answer) = (soon_ns, Vec::new());
        let is_asked = !bytes.is_empty() && matches!(far, Far::Msg(_, Some(_)));
        match far {
            Far::Gate => {
                answer = bytes.to_vec();
                if self.world.swaps {
                    answer.rotate_left(bytes.len() / 2);
                }
                self.free_ns = self.free_ns.max(soon_ns) + self.world.service_ns * frames(bytes);
                at_ns = self.free_ns.max(soon_ns);
            }
            Far::Login(machine) => {
                answer = login(&self.state, machine, bytes);
                at_ns += self.world.login_ns;
            }
            Far::Msg(unread, attached) => {
                unread.extend_from_slice(bytes);
                let mut used = 0;
                while let Decode::Done { value, consumed } = frame::decode(&unread[used..]) {
                    used += consumed;
                    msg(&self.state, self.world.pushes, attached, value, &mut answer);
                }
                unread.drain(..used);
            }
        }
        if (self.world.stall.0..self.world.stall.1).contains(&at_ns) {
            at_ns = self.world.stall.1;
        }
        if answer.is_empty() {
            return;
        }
        if is_asked && self.world.pushes == Pushes::Later {
            let mut push = Vec::new();
            response::encode(b"?", Flag::Push, 0, &mut push).expect("short");
            self.add(at_ns + MS / 2, Later::Bytes(token, push));
        }
        if self.world.echo_ns > 0 {
            self.add(at_ns + self.world.echo_ns, Later::Bytes(token, answer.clone()));
        }
        self.add(at_ns, Later::Bytes(token, answer));
    }

    fn add(&mut self, at_ns: u64, later: Later) {
        self.count += 1;
        self.later.insert((at_ns, self.count), later);
    }
}

fn frames(mut bytes: &[u8]) -> u64 {
    let mut count = 0;
    while let Decode::Done { consumed, .. } = frame::decode(bytes) {
        bytes = &bytes[consumed..];
        count += 1;
    }
    count
}

fn login(state: &State, machine: &mut LoginServer, bytes: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    machine.on_bytes(bytes);
    while let Some(output) = machine.poll_output() {
        match output {
            LoginOutput::Send(line) => lines.extend_from_slice(&line),
            LoginOutput::Judge { token } => {
                let secret = machine.secret().expect("a token comes with a secret").clone();
                machine.on_verdict(state.judge(&token, secret));
            }
            // The client waits for it only so long.
            LoginOutput::Close(_) => break,
        }
    }
    lines
}

fn msg(
    state: &State,
    pushes: Pushes,
    attached: &mut Option<(Vec<u8>, u64)>,
    payload: &[u8],
    answer: &mut Vec<u8>,
) {
    if let Some((username, attach_index)) = attached {
        let mut content = payload.get(..payload.len() - 4).unwrap_or_default().to_vec();
        if pushes == Pushes::Altered {
            content.reverse();
        }
        if !matches!(pushes, Pushes::None | Pushes::Later) {
            response::encode(&content, Flag::Push, 0, answer).expect("as long as it came");
        }
        if let Some((_, mut frames)) = state.request(username, *attach_index, payload) {
            answer.append(&mut frames);
        }
        return;
    }
    let line = AttachLine::parse(payload);
    let status = state.attach(&line);
    if status == AttachAnswer::Ok {
        *attached = line.username.map(<[u8]>::to_vec).zip(line.index_number(Compat::Strict));
    }
    frame::encode(status.payload(), answer).expect("short");
}

/// Plays two seconds from second 1 on, on the gate.
pub(crate) fn play(options: Options, world: World) -> (Record, u64) {
    run(Options { gates: vec![GATE.parse().expect("an address")], ..options }, world)
}

/// The same on the message server, with logins.
pub(crate) fn play_msg(options: Options, world: World) -> (Record, u64) {
    let [logins, msgs] = [LOGIN, MSG].map(|address| vec![address.parse().expect("an address")]);
    run(Options { logins, msgs, ..options }, world)
}

fn run(options: Options, world: World) -> (Record, u64) {
    let options = Options { seed: 5, nonce: Some(7), ..options };
    let plan = Plan::new(options, Limits { descriptors: 1000, ports: 1000 }).expect("a plan");
    let mut crowd = Crowd::new(Arc::new(plan), 0);
    let mut network = Network {
        world,
        state: State::new(world.fault),
        later: BTreeMap::new(),
        count: 0,
        slots: 0,
        far: HashMap::new(),
        free_ns: 0,
        trace: DefaultHasher::new(),
    };
    let (play_start_ns, play_end_ns) = (1000 * MS, 3000 * MS);
    let orders = Orders { play_start_ns, play_end_ns, give_up_ns: 5000 * MS };
    let mut now_ns = 0;
    loop {
        crowd.advance(now_ns, orders);
        if crowd.is_over(now_ns) || crowd.is_done(now_ns) {
            return (crowd.into_record(), network.trace.finish());
        }
        let operations: Vec<Operation> = crowd.operations().collect();
        operations.into_iter().for_each(|operation| network.take(operation, now_ns));
        let event_ns = network.later.keys().next().map(|(at_ns, _)| *at_ns);
        let next_ns = [event_ns, crowd.next_due_ns(), Some(play_end_ns)];
        let next_ns = next_ns.into_iter().flatten().filter(|at_ns| *at_ns > now_ns).min();
        now_ns = next_ns.unwrap_or(orders.give_up_ns).max(now_ns + world.nap_ns);
        while let Some(entry) = network.later.first_entry().filter(|it| it.key().0 <= now_ns) {
            match entry.remove() {
                Later::Event(event) => crowd.on_event(event, now_ns),
                Later::Bytes(token, bytes) => crowd.on_received(token, &bytes, true, now_ns),
            }
        }
        if (world.stop.0..world.stop.1).contains(&now_ns) {
            now_ns = world.stop.1;
        }
    }
}
