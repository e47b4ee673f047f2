//! The world: its clock, its agenda of what happens when, and everything in it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::chance::Chance;
use super::client::SimClient;
use super::driver::SimDriver;
use super::endpoint::{Endpoint, EndpointId, Holder, Packet};
use super::faults::{FaultCounts, SimFaults};
use super::partition::Partition;
use super::random::SimRandom;
use super::remote::{Remote, Socket};
use super::ring::{Completion, Queued, Ring};
use super::trace::Trace;
use crate::driver::{Event, ListenerIndex, Operation, ReceiveEnd, ShardIndex, Wait};

/// Turns without a pause after which the shards are said to run in circles.
const TURNS_MAX: u32 = 100_000;

/// How large a world is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimSettings {
    /// Shards with a ring each.
    pub shards: u16,
    /// Slots of each descriptor table.
    pub slots: u32,
    /// Receive buffers of each ring.
    pub buffers: u16,
    /// Bytes of a receive buffer.
    pub buffer_bytes: usize,
    /// Bytes that may be on their way to an end and unread there.
    pub window_bytes: usize,
    /// Connections that one shard's side of a listener holds before they are accepted.
    pub backlog: usize,
    /// Nanoseconds that a turn takes.
    pub turn_ns: u64,
    /// What goes wrong.
    pub faults: SimFaults,
}

impl Default for SimSettings {
    /// One small shard in a world without faults.
    fn default() -> SimSettings {
        SimSettings {
            shards: 1,
            slots: 64,
            buffers: 16,
            buffer_bytes: 2048,
            window_bytes: 16_384,
            backlog: 128,
            turn_ns: 1_000,
            faults: SimFaults::none(),
        }
    }
}

/// Something that is going to happen outside the shards.
#[derive(Debug)]
pub(super) enum Happening {
    /// A packet reaches an end.
    Arrives { to: EndpointId, packet: Packet },
    /// The request to open a connection reaches its destination.
    Knocks { from: EndpointId, attempts: u32 },
    /// An end learns that its peer's window has room again.
    WindowOpens { of: EndpointId },
    /// An operation starts that was submitted earlier.
    Starts { shard: ShardIndex, queued: Queued },
    /// A datagram reaches an address.
    DatagramArrives { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
}

/// A listening address, with a queue on every shard.
#[derive(Debug)]
pub(super) struct SimListener {
    pub(super) index: ListenerIndex,
    pub(super) address: SocketAddr,
    pub(super) open: bool,
    /// By shard: connections not yet accepted.
    pub(super) backlog: Vec<VecDeque<EndpointId>>,
    /// By shard: serial numbers of the accepts in flight.
    pub(super) accepts: Vec<VecDeque<u64>>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) settings: SimSettings,
    pub(super) now_ns: u64,
    pub(super) chance: Chance,
    pub(super) partition: Option<Partition>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) listeners: Vec<SimListener>,
    /// Where tests listen, hear datagrams, and say nothing.
    pub(super) remotes: Vec<Remote>,
    pub(super) sockets: Vec<Socket>,
    pub(super) silent: Vec<SocketAddr>,
    pub(super) rings: Vec<Ring>,
    /// Clients so far; each gets an address of its own unless it brings one.
    pub(super) clients: u32,
    trace: Trace,
    /// By due time and serial number.
    agenda: BTreeMap<(u64, u64), Happening>,
    serial: u64,
    /// Turns since every shard slept.
    turns: u32,
}

impl World {
    fn new(seed: u64, settings: SimSettings) -> World {
        let rings = (0..settings.shards)
            .map(|shard| Ring::new(ShardIndex(shard), settings.slots, settings.buffers))
            .collect();
        let random = SimRandom::new(seed);
        let faults = settings.faults.clone();
        World {
            settings,
            now_ns: 0,
            chance: Chance { random, faults, counts: FaultCounts::default() },
            partition: None,
            endpoints: Vec::new(),
            listeners: Vec::new(),
            remotes: Vec::new(),
            sockets: Vec::new(),
            silent: Vec::new(),
            rings,
            clients: 0,
            trace: Trace::new(),
            agenda: BTreeMap::new(),
            serial: 0,
            turns: 0,
        }
    }

    /// A number that nothing else in this world has; never 0.
    pub(super) const fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn ring(&mut self, shard: ShardIndex) -> &mut Ring {
        &mut self.rings[usize::from(shard.0)]
    }

    pub(super) fn endpoint(&mut self, id: EndpointId) -> &mut Endpoint {
        &mut self.endpoints[id.0 as usize]
    }

    pub(super) fn add_endpoint(&mut self, endpoint: Endpoint) -> EndpointId {
        self.endpoints.push(endpoint);
        EndpointId(self.endpoints.len() as u32 - 1)
    }

    /// Puts something on the agenda.
    pub(super) fn plan(&mut self, due_ns: u64, happening: Happening) {
        let serial = self.next_serial();
        self.agenda.insert((due_ns, serial), happening);
    }

    /// Sends an event on its way to a shard, in the lane of an operation.
    pub(super) fn complete(&mut self, shard: ShardIndex, lane: u64, event: Event, bytes: Vec<u8>) {
        let mut due_ns = self.now_ns + self.chance.late_ns();
        // What is behind something late is as late: a shard that woke for it would find nothing.
        due_ns = due_ns.max(self.ring(shard).lane_due_ns(lane));
        if matches!(event, Event::ReceiveEnded { reason: ReceiveEnd::NoBuffers, .. }) {
            // The kernel ran out of them after it had filled the others, and says so in that order.
            due_ns = due_ns.max(self.ring(shard).filled_until_ns());
        }
        self.ring(shard).completions.push(Completion { due_ns, lane, event, bytes, stale: false });
    }

    pub(super) fn submit(&mut self, shard: ShardIndex, operation: Operation) {
        self.trace.operation(self.now_ns, shard, &operation);
        let serial = self.next_serial();
        self.ring(shard).submit(serial, operation);
    }

    /// One turn of a shard: starts what it has queued and takes out what it is told.
    pub(super) fn turn(&mut self, shard: ShardIndex, wait: Wait) -> Vec<Completion> {
        self.turns += 1;
        assert!(self.turns < TURNS_MAX, "shard {} turns without end", shard.0);
        assert!(!self.ring(shard).parked, "contract: shard {} turns while it is parked", shard.0);
        self.run_until(self.now_ns + self.settings.turn_ns);
        let now_ns = self.now_ns;
        self.ring(shard).pool.recycle();
        self.start_queued(shard);
        let ring = &mut self.rings[usize::from(shard.0)];
        let completions = ring.collect(now_ns, &mut self.chance);
        for completion in &completions {
            self.trace.event(now_ns, shard, &completion.event, &completion.bytes);
        }
        ring.sleep_until_ns = match wait {
            Wait::AtMost(most) if completions.is_empty() => {
                now_ns.saturating_add(u64::try_from(most.as_nanos()).unwrap_or(u64::MAX))
            }
            Wait::AtMost(_) | Wait::Poll => now_ns,
        };
        completions
    }

    /// When something happens next, to a shard or outside.
    fn next_ns(&self) -> Option<u64> {
        let shards_ns = self.rings.iter().map(Ring::wakes_at_ns).filter(|ns| *ns < u64::MAX);
        let outside_ns = self.agenda.keys().next().map(|(due_ns, _)| *due_ns);
        shards_ns.chain(outside_ns).min().map(|next_ns| next_ns.max(self.now_ns))
    }

    fn advance_until(&mut self, limit_ns: u64) -> bool {
        let next_ns = self.next_ns().filter(|next_ns| *next_ns <= limit_ns);
        if next_ns.is_none_or(|next_ns| next_ns > self.now_ns) {
            self.turns = 0;
        }
        if let Some(next_ns) = next_ns {
            self.run_until(next_ns);
        } else if limit_ns < u64::MAX {
            self.now_ns = self.now_ns.max(limit_ns);
        }
        next_ns.is_some()
    }

    /// Moves the clock, and lets everything outside the shards happen on the way.
    fn run_until(&mut self, until_ns: u64) {
        while let Some(entry) = self.agenda.first_entry() {
            let (due_ns, _) = *entry.key();
            if due_ns > until_ns {
                break;
            }
            self.now_ns = self.now_ns.max(due_ns);
            let happening = entry.remove();
            self.happen(happening);
        }
        self.now_ns = until_ns;
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives { to, packet } => self.arrive(to, packet),
            Happening::Knocks { from, attempts } => self.knock(from, attempts),
            Happening::WindowOpens { of } => self.progress(of),
            Happening::Starts { shard, queued } => self.start(shard, queued),
            Happening::DatagramArrives { from, to, bytes } => self.arrive_datagram(from, to, bytes),
        }
    }

    pub(super) fn leftovers(&self) -> Vec<String> {
        let mut found: Vec<_> = self.rings.iter().flat_map(Ring::leftovers).collect();
        let orphaned = |holder: &Holder| match *holder {
            Holder::Slot { shard, slot } => self.rings[usize::from(shard.0)].table.is_orphan(slot),
            _ => false,
        };
        let open = self.endpoints.iter().filter(|endpoint| !endpoint.closed);
        let open = open.filter(|endpoint| !endpoint.holders.iter().any(orphaned));
        found.extend(open.map(|open| {
            format!("{} is open to {}, held by {:?}", open.local, open.remote, open.holders)
        }));
        found
    }
}

/// A simulated world. Clones are the same world.
#[derive(Clone, Debug)]
pub struct SimNet {
    pub(super) world: Rc<RefCell<World>>,
}

impl SimNet {
    /// A world at time 0.
    pub fn new(seed: u64, settings: SimSettings) -> SimNet {
        SimNet { world: Rc::new(RefCell::new(World::new(seed, settings))) }
    }

    /// The driver of a shard. The shard does not run before.
    ///
    /// # Panics
    /// When the shard has one already.
    pub fn driver(&self, shard: ShardIndex) -> SimDriver {
        SimDriver::new(self.clone(), shard)
    }

    /// Opens a listener on every shard.
    ///
    /// # Panics
    /// When the index or the address is taken.
    pub fn listen(&self, index: ListenerIndex, address: SocketAddr) {
        self.world.borrow_mut().listen(index, address);
    }

    /// Ends a listener: who waits there unaccepted is reset, who comes later refused.
    pub fn close_listener(&self, index: ListenerIndex) {
        self.world.borrow_mut().close_listener(index);
    }

    /// A client that connects from an address of its own.
    pub fn connect(&self, destination: SocketAddr) -> SimClient {
        let source = self.world.borrow_mut().next_client_address();
        self.connect_from(source, destination)
    }

    /// A client that connects from this address.
    pub fn connect_from(&self, source: SocketAddr, destination: SocketAddr) -> SimClient {
        let endpoint = self.world.borrow_mut().dial(Holder::Client, source, destination);
        SimClient::new(self.clone(), endpoint)
    }

    /// Makes a shard's turn return with a `Woken`, as another thread would.
    pub fn wake(&self, shard: ShardIndex) {
        self.world.borrow_mut().wake(shard);
    }

    /// Ends a shard's sleep without an event, because its thread has something else to do.
    pub fn rouse(&self, shard: ShardIndex) {
        self.world.borrow_mut().ring(shard).sleep_until_ns = 0;
    }

    /// Ends a shard's sleep at this instant at the latest, as a timer outside the driver would.
    pub fn rouse_at(&self, shard: ShardIndex, due_ns: u64) {
        let ring = &mut self.world.borrow_mut().rings[usize::from(shard.0)];
        ring.sleep_until_ns = ring.sleep_until_ns.min(due_ns);
    }

    /// Ends a shard's thread, or lets it go on after all: a halted shard is not runnable, whatever
    /// comes for it.
    pub fn halt(&self, shard: ShardIndex, halted: bool) {
        self.world.borrow_mut().ring(shard).halted = halted;
    }

    /// Nanoseconds since the world began.
    pub fn now_ns(&self) -> u64 {
        self.world.borrow().now_ns
    }

    /// Time since the world began.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.now_ns())
    }

    /// Moves the clock to what happens next, and lets it happen. Here the clock stands still while
    /// a shard is runnable; only turns take time then. Answers whether there was anything; if not, nothing will ever happen
    /// unless a client acts.
    pub fn advance_to_next(&self) -> bool {
        self.advance_until(u64::MAX)
    }

    /// The same, but the clock goes no further than this; it is there if the answer is no.
    pub fn advance_until(&self, limit_ns: u64) -> bool {
        self.world.borrow_mut().advance_until(limit_ns)
    }

    /// The shards that would run now, in order: their sleep is over, or something is due or queued.
    pub fn runnable(&self) -> Vec<ShardIndex> {
        let world = self.world.borrow();
        let rings = world.rings.iter().filter(|ring| ring.wakes_at_ns() <= world.now_ns);
        rings.map(|ring| ring.shard).collect()
    }

    /// One of the runnable shards, chosen by the seed.
    pub fn pick_runnable(&self) -> Option<ShardIndex> {
        let runnable = self.runnable();
        let choice = self.world.borrow_mut().chance.random.index(runnable.len());
        runnable.get(choice).copied()
    }

    /// Changes what goes wrong from now on.
    pub fn set_faults(&self, faults: SimFaults) {
        self.world.borrow_mut().chance.faults = faults;
    }

    /// Cuts the network in two, or ends that. What was sent meanwhile arrives when it was to.
    pub fn part(&self, partition: Option<Partition>) {
        self.world.borrow_mut().partition = partition;
    }

    /// Jumps the clock ahead, as that of a machine does that was suspended: what was to happen meanwhile
    /// happens late.
    pub fn leap(&self, ns: u64) {
        self.world.borrow_mut().now_ns += ns;
    }

    /// How often each fault has struck.
    pub fn fault_counts(&self) -> FaultCounts {
        self.world.borrow().chance.counts.clone()
    }

    /// The fingerprint of everything asked and told so far, with its time.
    pub fn trace_hash(&self) -> u64 {
        self.world.borrow().trace.hash()
    }

    /// Operations asked and events told so far.
    pub fn trace_entries(&self) -> u64 {
        self.world.borrow().trace.entries()
    }

    /// Prints every operation and event to standard error from now on, or stops that.
    pub fn print_trace(&self, printing: bool) {
        self.world.borrow_mut().trace.printing = printing;
    }

    /// Leases that a shard has and has not released.
    pub fn leases_out(&self, shard: ShardIndex) -> usize {
        self.world.borrow_mut().ring(shard).pool.on_lease()
    }

    /// Operations of a shard whose final event has not been delivered.
    pub fn in_flight(&self, shard: ShardIndex) -> usize {
        self.world.borrow_mut().ring(shard).in_flight
    }

    /// Slots of a shard's table with a connection in them.
    pub fn slots_used(&self, shard: ShardIndex) -> usize {
        self.world.borrow_mut().ring(shard).table.used()
    }

    /// Checks that nothing is left: no operation, event, lease, slot or open connection.
    ///
    /// # Panics
    /// With a list of what is left.
    pub fn assert_quiescent(&self) {
        let leftovers = self.world.borrow().leftovers();
        assert!(leftovers.is_empty(), "the world is not quiescent: {}", leftovers.join("; "));
    }
}
