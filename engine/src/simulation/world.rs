//! A server, its players and the loop that runs them.

mod checks;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::crowd::{Crowd, Success};
use super::errand::Echoer;
use super::game::{Game, Ledger};
use super::place::{Place, Site};
use super::settings::{self, Drawn, Feature, Swarm};
use super::town::{self, Town};
use super::townsman;
use super::upheaval::Upheaval;
use super::watcher;
use crate::driver::sim::{Fault, FaultCounts, SimFaults, SimNet, SimRandom, SimSettings};
use crate::driver::{ListenerIndex, ShardIndex, Wait};
use crate::mailbox::Mailboxes;
use crate::places::Places;
use crate::route::Router;
use crate::shard::counters::Counter;
use crate::shard::drain::ServerEnd;

/// Virtual time that is played with faults.
const PLAY: Duration = Duration::from_millis(300);
/// Virtual time in which everybody must become content once nothing goes wrong any more.
const CALM: Duration = Duration::from_secs(60);
/// Virtual time after which nothing that happened before is news.
const LAST_NEWS: Duration = Duration::from_millis(100);
/// Virtual time that a drain may take.
const DRAIN: Duration = Duration::from_secs(60);
/// Longest step of the clock while players act.
const STEP_NS: u64 = 2_000_000;

pub(super) struct World {
    net: SimNet,
    random: SimRandom,
    site: Site,
    places: Vec<Place>,
    /// How often a shard tries to park after a turn, in 65,536ths.
    parking: u32,
    parks: u64,
    parks_refused: u64,
    ledger: Rc<RefCell<Ledger>>,
    town: town::Shared,
    crowd: Crowd,
    /// The server that the game calls.
    echoer: Echoer,
    /// WebSockets seen on their way to another shard, after one turn or more, and those of them that
    /// could not leave at once.
    departing_webs: [u64; 2],
    /// What goes wrong while it is played.
    faults: SimFaults,
    swarm: Swarm,
    upheaval: Upheaval,
    /// Logins of a user and of an address in a minute, where they are rated.
    logins_max: Option<[u32; 2]>,
}

/// What a run was like.
pub(super) struct Outcome {
    pub(super) trace_hash: u64,
    pub(super) success: Success,
    /// WebSockets on their way to another shard, and those that could not leave at once, once a turn.
    pub(super) departing_webs: [u64; 2],
    /// Errands that had an answer.
    pub(super) echoed: u64,
    /// News of users that somebody heard.
    pub(super) news: u64,
    /// Broadcasts heard.
    pub(super) heard: u64,
    /// Calls between services that had an answer, a fault, or were given up.
    pub(super) calls: [u64; 3],
    pub(super) counts: Vec<(Counter, u64)>,
    pub(super) faults: FaultCounts,
    /// Cuts of the network, stalls of a shard and leaps of the clock.
    pub(super) upheavals: [u64; 3],
    /// Times that a shard slept outside its driver.
    pub(super) parks: u64,
    /// Times that it was turned down.
    pub(super) parks_refused: u64,
}

/// Plays one seed.
///
/// # Panics
/// When an invariant does not hold.
pub(super) fn run(seed: u64, print: bool) -> Outcome {
    let mut world = World::new(seed);
    world.net.print_trace(print);
    if print {
        eprintln!("seed {seed} has {:?}", world.swarm);
    }
    world.play();
    if world.random.chance(1 << 14) {
        return world.break_off();
    }
    world.calm_down();
    world.hear_the_last();
    world.end()
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = SimRandom::new(seed ^ 0x5EED);
        let shards = 1 + random.below(4) as u16;
        let drawn = Drawn::draw(&mut random);
        let faults = drawn.faults.clone();
        let net = SimNet::new(
            seed,
            SimSettings {
                shards,
                slots: 24 + random.below(40) as u32,
                buffers: 4 << random.below(4),
                buffer_bytes: 32 << random.below(6),
                faults: faults.clone(),
                window_bytes: drawn.window_bytes,
                ..SimSettings::default()
            },
        );
        for (at, (listener, _)) in drawn.listeners.iter().enumerate() {
            net.listen(ListenerIndex(at as u16), listener.address);
        }
        let ledger = Ledger {
            may_retire: drawn.may_retire,
            multilogin: drawn.listeners[0].0.multilogin,
            ..Ledger::default()
        };
        let ledger = Rc::new(RefCell::new(ledger));
        let logins_max = drawn.logins_max();
        let crowd = Crowd::draw(&drawn, &mut random, &ledger);
        let server_end =
            ServerEnd::new(shards, drawn.listeners.iter().map(|(_, it)| Arc::clone(it)));
        let site = Site {
            net: net.clone(),
            router: Router::new(shards, (random.word(), random.word())),
            free: Arc::new(Places::new(shards)),
            server_end,
            listeners: drawn.listeners,
            boxes: Mailboxes::new(shards, 1 + random.index(8)),
            cache_bytes_max: drawn.cache_bytes_max,
            unauthenticated_max: drawn.unauthenticated_max,
        };
        let town = Town::new(random.fork());
        let mut place = |index| {
            let (ledger, town) = (Rc::clone(&ledger), Rc::clone(&town));
            Place::new(&site, index, &mut random, |context| {
                if index.0 == 0 {
                    context.spawn(watcher::follow(context.clone(), Rc::clone(&ledger)));
                }
                townsman::settle(&context, &town);
                Game::new(context, ledger, town)
            })
        };
        let mut places: Vec<Place> = (0..shards).map(ShardIndex).map(&mut place).collect();
        for place in &mut places {
            place.shard.core_mut().deciding_max = drawn.deciding_max;
            place.shard.core_mut().rooms.limits = drawn.rooms;
            place.shard.core_mut().memory.bytes_max = drawn.memory_bytes_max;
        }
        let echoer = Echoer::new(&net);
        let parking = random.below(1 << 16) as u32;
        let parking = if drawn.swarm.has(Feature::Parking) { parking } else { 0 };
        let random_upheaval = random.fork();
        World {
            net,
            random,
            site,
            places,
            parking,
            parks: 0,
            parks_refused: 0,
            ledger,
            town,
            crowd,
            echoer,
            departing_webs: [0; 2],
            faults,
            upheaval: Upheaval::new(&drawn.swarm, shards, random_upheaval),
            swarm: drawn.swarm,
            logins_max,
        }
    }

    /// Runs the tasks of every shard, then turns one, or lets time pass. Answers whether time has
    /// passed: whoever acts in between, acts then, so that the shards keep up.
    fn step(&mut self, limit_ns: u64) -> bool {
        for (index, place) in self.places.iter().enumerate() {
            place.executor.run();
            if !place.side.is_idle() || place.shard.core().rooms.is_busy() {
                self.net.rouse(ShardIndex(index as u16));
            }
        }
        let Some(index) = self.net.pick_runnable() else {
            let step_ns = self.random.below(STEP_NS);
            self.net.advance_until(self.net.now_ns().saturating_add(step_ns).min(limit_ns));
            self.echoer.act();
            return true;
        };
        self.turn(index);
        self.check(index);
        self.watch(index);
        false
    }

    /// Turns a shard as its thread would, which then parks, or ends with the server.
    fn turn(&mut self, index: ShardIndex) {
        let place = &mut self.places[usize::from(index.0)];
        if std::mem::take(&mut place.parked) {
            place.shard.unpark();
        }
        place.shard.turn(Wait::AtMost(Duration::from_millis(20)));
        if place.left {
            return; // It goes on for its timers' sake.
        }
        if place.shard.core().is_over() {
            place.left = true;
            self.net.halt(index, true);
            let others = (0..self.places.len() as u16).map(ShardIndex);
            others.filter(|other| *other != index).for_each(|other| self.net.wake(other));
        } else if self.random.chance(self.parking) {
            self.park(index);
        }
    }

    /// Lets a shard sleep outside its driver if it may, until its bell rings or its timer is due.
    fn park(&mut self, index: ShardIndex) {
        let place = &mut self.places[usize::from(index.0)];
        if !place.shard.prepare_to_park() {
            self.parks_refused += 1;
            return;
        }
        self.parks += 1;
        place.parked = true;
        if let Some(left) = place.shard.until_next_timer() {
            self.net.rouse_at(index, self.net.now_ns() + left.as_nanos() as u64);
        }
    }

    fn play(&mut self) {
        let mut end_ns = PLAY.as_nanos() as u64;
        while self.net.now_ns() < end_ns {
            if self.step(end_ns) {
                self.crowd.act(&self.net, &mut self.random, false);
                end_ns += self.upheaval.act(&self.net);
                self.town.borrow_mut().unsteady_ms = self.upheaval.unsteady_ms();
            }
        }
        let now_ms = self.net.now().as_millis() as u64;
        self.ledger.borrow().rates.check(self.logins_max, now_ms);
        self.upheaval.end(&self.net);
        self.town.borrow_mut().unsteady_ms = self.upheaval.unsteady_ms();
    }

    /// Nothing goes wrong any more: everybody gets what he asked for.
    fn calm_down(&mut self) {
        self.net.set_faults(SimFaults::none());
        for place in &mut self.places {
            place.shard.core_mut().memory.bytes_max = u64::MAX;
            place.shard.core_mut().newcomers.max = u32::MAX;
            for listener in &mut place.shard.core_mut().listeners {
                settings::relax(&mut listener.settings);
                (listener.rates.logins, listener.rates.user_logins) = (None, None);
            }
        }
        self.crowd.part_rivals();
        let end_ns = self.net.now_ns() + CALM.as_nanos() as u64;
        while !self.crowd.is_content() {
            let is_late = self.net.now_ns() >= end_ns;
            assert!(!is_late, "somebody waits for ever: {:?}", self.crowd.describe());
            if self.step(end_ns) {
                self.crowd.act(&self.net, &mut self.random, true);
            }
        }
    }

    /// Lets all news come to whoever follows them.
    fn hear_the_last(&mut self) {
        let end_ns = self.net.now_ns() + LAST_NEWS.as_nanos() as u64;
        while self.net.now_ns() < end_ns {
            self.step(end_ns);
        }
        watcher::check(&self.places, &self.ledger.borrow());
    }

    /// The server drains in the middle of everything, for a moment: logins are being decided,
    /// connections are on their way, and what goes wrong goes on. (A cancel that misses twice would
    /// outlast the moment.)
    fn break_off(mut self) -> Outcome {
        self.net.set_faults(self.faults.clone().with(Fault::CancelMissed, 0));
        let timeout_ms = self.random.below(2000);
        self.drain(timeout_ms);
        self.close()
    }

    fn end(mut self) -> Outcome {
        let patient = self.random.chance(1 << 15);
        let timeout_ms = if patient { DRAIN.as_millis() as u64 } else { self.random.below(200) };
        let misses = patient && self.random.chance(1 << 13);
        let faults = SimFaults::none().with(Fault::CancelMissed, u32::from(misses) << 14);
        self.net.set_faults(faults);
        if self.random.chance(1 << 15) {
            self.drain(timeout_ms);
        } else {
            self.crowd.leave();
            self.drain(timeout_ms);
        }
        self.close()
    }

    /// Everybody leaves the server that has ended, and nothing is left.
    fn close(mut self) -> Outcome {
        self.crowd.leave();
        self.forget_timers();
        self.echoer.leave();
        self.check_the_end();
        let counts = Counter::ALL.iter().map(|counter| (*counter, self.sum(*counter))).collect();
        let trace_hash = self.net.trace_hash();
        let net = self.net.clone();
        let outcome = Outcome {
            trace_hash,
            success: self.crowd.success,
            departing_webs: self.departing_webs,
            echoed: self.ledger.borrow().echoed,
            news: self.ledger.borrow().news,
            heard: self.ledger.borrow().rooms.count,
            calls: self.town.borrow().calls,
            counts,
            faults: net.fault_counts(),
            upheavals: self.upheaval.counts,
            parks: self.parks,
            parks_refused: self.parks_refused,
        };
        drop(self);
        net.assert_quiescent();
        outcome
    }

    /// Every shard drains, then stops, and ends when the server does. Then no shard may have anything
    /// left.
    fn drain(&mut self, timeout_ms: u64) {
        self.town.borrow_mut().drain(self.net.now().as_millis() as u64, timeout_ms);
        for (index, place) in self.places.iter_mut().enumerate() {
            place.shard.tell_time();
            place.shard.core_mut().drain(timeout_ms);
            self.net.rouse(ShardIndex(index as u16));
        }
        let end_ns = self.net.now_ns() + DRAIN.as_nanos() as u64;
        while !self.places.iter().all(|place| place.left) {
            assert!(self.net.now_ns() < end_ns, "the drain does not end");
            self.step(end_ns);
        }
        self.net.set_faults(SimFaults::none());
        for at in 0..self.site.listeners.len() {
            self.net.close_listener(ListenerIndex(at as u16));
        }
        for index in (0..self.places.len() as u16).map(ShardIndex) {
            let connections = self.places[usize::from(index.0)].shard.core().connections.len();
            let left = (connections, self.net.in_flight(index));
            assert_eq!(left, (0, 0), "the drain of shard {} ended too early", index.0);
            assert_eq!(self.net.slots_used(index), 0, "descriptors are left");
            self.net.halt(index, false);
        }
    }

    /// Lets every deadline pass, after which no timer may be left.
    fn forget_timers(&mut self) {
        let end_ns = self.net.now_ns() + Duration::from_secs(100).as_nanos() as u64;
        while self.net.now_ns() < end_ns {
            if !self.net.advance_until(end_ns) && self.net.runnable().is_empty() {
                break;
            }
            self.step(end_ns);
        }
        for index in 0..self.places.len() {
            self.net.rouse(ShardIndex(index as u16));
        }
        while !self.net.runnable().is_empty() {
            self.step(end_ns);
        }
    }

    fn sum(&self, counter: Counter) -> u64 {
        self.places.iter().fold(0, |sum, place| sum.wrapping_add(place.counters.read(counter)))
    }
}
