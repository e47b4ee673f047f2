//! What the listeners of one seed are told.
//!
//! Each seed has a subset of the [`Feature`]s. Without any, everything is at its default, which no
//! player ever meets; deadlines and limits that it draws are so close that players run into them. Once
//! everybody is to become content these are taken away again, because a deadline that is too short
//! for a login is a reason to wait for ever.

use std::sync::Arc;

use skyring_protocols::Compat;

use super::half;
use super::rooms;
use super::socket::PIECES_MAX;
use crate::config::{
    Compression, DuplicateRequest, Limits, Listener, ListenerKind, Network, PushOverBudget,
};
use crate::driver::sim::{SimFaults, SimRandom};
use crate::identity::ServerIdentity;
use crate::shard::core::ListenerShared;
use crate::shard::rooms::RoomLimits;

/// The settings of one seed.
pub(super) struct Drawn {
    pub(super) swarm: Swarm,
    pub(super) listeners: Vec<(Listener, Arc<ListenerShared>)>,
    pub(super) window_bytes: usize,
    /// Bytes of stored answers of a whole shard.
    pub(super) cache_bytes_max: u64,
    /// Bytes of memory of a whole shard.
    pub(super) memory_bytes_max: u64,
    /// How much there may be of rooms.
    pub(super) rooms: RoomLimits,
    /// Logins that may wait for the application.
    pub(super) deciding_max: usize,
    /// Strangers of a whole shard.
    pub(super) unauthenticated_max: u32,
    /// How often players choose WebSocket over TCP, in 65,536ths.
    pub(super) web_share: u32,
    /// Players share addresses, which are rated.
    pub(super) is_crowded: bool,
    /// Answers may be retired, so that a repeat runs again.
    pub(super) may_retire: bool,
    /// Requests and logins may be refused because too many wait.
    pub(super) may_refuse: bool,
    /// Clients that attack.
    pub(super) attackers: usize,
    pub(super) faults: SimFaults,
    /// Nothing goes wrong by itself: no fault, no limit and no deadline that anybody meets.
    pub(super) is_undisturbed: bool,
}

/// What a seed may have or not. Each is switched by itself, so that some seeds have much of
/// everything and some a single thing in great number; what is off cannot hide what is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    /// Players choose WebSockets over TCP.
    Web,
    /// Somebody visits the web site.
    Visitors,
    /// Somebody talks to the parrot.
    Talkers,
    /// Somebody attacks.
    Attackers,
    /// Deadlines that players meet.
    Deadlines,
    /// Few connections, short messages.
    Limits,
    /// Little room for unsent output.
    SmallOutput,
    /// Little room for stored answers.
    SmallCache,
    /// Little memory.
    SmallMemory,
    /// A small window of the network.
    SmallWindow,
    /// Players share addresses, which are rated.
    Crowd,
    /// Requests and logins are refused because too many wait.
    Refusals,
    /// Listeners that are not as they are by default.
    Variants,
    /// WebSockets are compressed.
    Compression,
    /// Shards sleep outside their driver.
    Parking,
    /// The network is in two parts now and then.
    Partitions,
    /// A shard's thread does not run for a while.
    Stalls,
    /// The clock jumps ahead.
    Leaps,
    /// Logins and attaches of version 2 beside those of version 1.
    Secure,
    /// Some come through proxies, which are believed.
    Proxies,
    /// Logins, accepts and what a session sends are rated.
    Rates,
    /// There is room for few strangers.
    Strangers,
    /// Everything that [`crate::driver::sim::Fault`] knows.
    Faults,
}

impl Feature {
    const ALL: [Feature; 23] = [
        Feature::Web,
        Feature::Visitors,
        Feature::Talkers,
        Feature::Attackers,
        Feature::Deadlines,
        Feature::Limits,
        Feature::SmallOutput,
        Feature::SmallCache,
        Feature::SmallMemory,
        Feature::SmallWindow,
        Feature::Crowd,
        Feature::Refusals,
        Feature::Variants,
        Feature::Compression,
        Feature::Parking,
        Feature::Partitions,
        Feature::Stalls,
        Feature::Leaps,
        Feature::Secure,
        Feature::Proxies,
        Feature::Rates,
        Feature::Strangers,
        Feature::Faults,
    ];

    /// How often a seed has it, in 65,536ths.
    const fn chance(self) -> u32 {
        match self {
            Feature::Faults => 56_000,
            Feature::Parking => 48_000,
            Feature::Limits | Feature::Variants | Feature::SmallWindow => 24_000,
            // What visitors send is long, and a seed takes its time from how many bytes it moves.
            Feature::Visitors | Feature::SmallOutput | Feature::SmallCache => 16_000,
            Feature::Crowd | Feature::Refusals | Feature::SmallMemory => 12_000,
            Feature::Partitions | Feature::Stalls | Feature::Proxies | Feature::Rates => 16_000,
            // Its handshakes take their time.
            Feature::Secure => 12_000,
            Feature::Leaps | Feature::Strangers => 8_000,
            _ => 32_768,
        }
    }

    /// Whether connections break or close by it that would not otherwise.
    const fn disturbs(self) -> bool {
        matches!(
            self,
            Feature::Deadlines
                | Feature::Limits
                | Feature::SmallOutput
                | Feature::SmallMemory
                | Feature::SmallWindow
                | Feature::Crowd
                | Feature::Refusals
                | Feature::Leaps
                | Feature::Rates
                | Feature::Strangers
                | Feature::Faults
        )
    }
}

/// The features of one seed.
#[derive(Clone, Debug)]
pub(super) struct Swarm(Vec<Feature>);

impl Swarm {
    fn draw(random: &mut SimRandom) -> Swarm {
        let is_undisturbed = random.chance(1 << 13);
        let mut drawn = Feature::ALL.to_vec();
        drawn.retain(|feature| {
            random.chance(feature.chance()) && !(is_undisturbed && feature.disturbs())
        });
        Swarm(drawn)
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        self.0.contains(&feature)
    }
}

impl Drawn {
    /// Logins of a user and of an address in a minute, where they are rated.
    pub(super) fn logins_max(&self) -> Option<[u32; 2]> {
        let Limits { logins_per_minute_per_user, logins_per_minute_per_address, .. } =
            self.listeners[0].0.limits;
        let is_rated = self.swarm.has(Feature::Rates);
        is_rated.then_some([logins_per_minute_per_user, logins_per_minute_per_address])
    }

    pub(super) fn draw(random: &mut SimRandom) -> Drawn {
        let swarm = Swarm::draw(random);
        let has = |feature| swarm.has(feature);
        let rates = if has(Feature::Rates) { draw_rates(random) } else { Limits::default() };
        let kinds = ListenerKind::ALL.into_iter();
        let listeners = kinds.map(|kind| {
            let mut listener = listener(kind, random, &swarm);
            if has(Feature::Refusals) {
                listener.pending_requests_max = 1 + random.below(6) as u32;
            }
            let per_second = 5 + random.below(60) as u32;
            listener.limits = rates;
            if has(Feature::Proxies) {
                listener.proxy_from = vec![proxies()];
            }
            if has(Feature::Crowd) {
                listener.limits.connections_per_second_per_address = per_second;
            }
            let keys = [(random.word(), random.word()), (1, 2)];
            let identity = has(Feature::Secure).then(|| ServerIdentity::of(half::identity()));
            let shared = Arc::new(ListenerShared::new(&listener, keys, None, identity));
            (listener, shared)
        });
        let mut listeners: Vec<(Listener, _)> = listeners.collect();
        // Those who log in here and there at once would not exclude each other.
        listeners[3].0.multilogin = listeners[0].0.multilogin;
        let faults = has(Feature::Faults).then(|| SimFaults::draw(random));
        let cache_bytes_max = 200 + random.below(2_000);
        let is_small = has(Feature::SmallCache);
        let is_short = has(Feature::SmallMemory);
        Drawn {
            listeners,
            window_bytes: if has(Feature::SmallWindow) { 256 << random.below(7) } else { 16_384 },
            cache_bytes_max: if is_small { cache_bytes_max } else { u64::MAX },
            memory_bytes_max: if is_short { 20_000 + random.below(80_000) } else { u64::MAX },
            rooms: rooms::limits(random),
            deciding_max: if has(Feature::Refusals) { 1 + random.index(3) } else { usize::MAX },
            unauthenticated_max: if has(Feature::Strangers) {
                3 + random.below(8) as u32
            } else {
                u32::MAX
            },
            web_share: if has(Feature::Web) { 1 << 15 } else { 0 },
            is_crowded: has(Feature::Crowd),
            may_retire: is_small || is_short,
            may_refuse: has(Feature::Refusals) || is_short,
            attackers: if has(Feature::Attackers) { 1 + random.index(3) } else { 0 },
            faults: faults.unwrap_or_else(SimFaults::none),
            is_undisturbed: !swarm.0.iter().any(|feature| feature.disturbs()),
            swarm,
        }
    }
}

fn listener(kind: ListenerKind, random: &mut SimRandom, swarm: &Swarm) -> Listener {
    let mut listener = Listener::new(kind);
    listener.address.set_ip([10, 0, 0, 1].into());
    listener.uniform_errors = false;
    // Every replay makes its answer young again, so the others retire sooner than one would think:
    // no number that a player could reach, or a very small one.
    listener.expired_number = 1 << 20;
    if swarm.has(Feature::SmallCache) {
        listener.expired_number = 1 + random.below(4) as u32;
        listener.cache_bytes_max = 300;
    }
    if kind == ListenerKind::Http {
        listener.origins = vec!["https://game.example".to_owned()];
    }
    if kind == ListenerKind::Http && swarm.has(Feature::Compression) {
        listener.compression = [Compression::Shared, Compression::Dedicated][random.index(2)];
    }
    if swarm.has(Feature::SmallOutput) && random.chance(1 << 15) {
        listener.output_bytes_max = 1024 + random.below(2000) as usize;
    }
    if swarm.has(Feature::Deadlines) {
        hasten(&mut listener, random);
    }
    if swarm.has(Feature::Limits) {
        tighten(&mut listener, random);
    }
    if swarm.has(Feature::Variants) {
        vary(&mut listener, random);
    }
    listener
}

/// The network of the proxies.
fn proxies() -> Network {
    Network::new([10, 8, 0, 0].into(), 16).expect("zeros are behind its prefix")
}

/// Draws rates that players meet. Those of connections are the crowd's.
fn draw_rates(random: &mut SimRandom) -> Limits {
    Limits {
        accepts_per_second: 30 + random.below(200) as u32,
        logins_per_minute_per_address: 2 + random.below(12) as u32,
        logins_per_minute_per_user: 1 + random.below(6) as u32,
        messages_per_second: 20 + random.below(100) as u32,
        bytes_per_second: 2_000 + random.below(20_000),
        ..Limits::default()
    }
}

/// Draws deadlines that players meet.
fn hasten(listener: &mut Listener, random: &mut SimRandom) {
    let mut deadline_ms = || random.between(20, 250);
    listener.handshake_timeout_ms = deadline_ms();
    listener.write_timeout_ms = deadline_ms();
    listener.idle_timeout_ms = deadline_ms();
    if listener.kind == ListenerKind::Http {
        listener.head_timeout_ms = deadline_ms();
        listener.body_timeout_ms = deadline_ms();
        listener.ping_interval_ms = deadline_ms();
        listener.close_timeout_ms = deadline_ms();
    }
    if random.chance(1 << 15) {
        listener.idle_timeout_ms = 0;
    }
}

/// Draws limits that players meet.
fn tighten(listener: &mut Listener, random: &mut SimRandom) {
    if listener.kind == ListenerKind::Http && random.chance(1 << 15) {
        listener.message_bytes_max = random.between(125, 3_000) as usize;
        listener.fragments_max = random.between(PIECES_MAX as u64, 12) as u32;
    }
    if random.chance(1 << 15) {
        listener.maxclient = 2 + random.below(10) as u32;
    }
}

/// Draws choices that are no limits.
fn vary(listener: &mut Listener, random: &mut SimRandom) {
    listener.multilogin = random.chance(1 << 15);
    if random.chance(1 << 15) {
        listener.duplicate_request = DuplicateRequest::Replay;
    }
    if random.chance(1 << 15) {
        listener.compat = Compat::Skynet;
    }
    if random.chance(1 << 15) {
        listener.push_over_budget = PushOverBudget::Drop;
    }
    listener.uniform_errors = random.chance(1 << 15);
}

/// Takes deadlines and limits away that could keep somebody out for ever.
pub(super) fn relax(listener: &mut Listener) {
    let usual = Listener::new(listener.kind);
    listener.handshake_timeout_ms = usual.handshake_timeout_ms;
    listener.write_timeout_ms = usual.write_timeout_ms;
    listener.head_timeout_ms = usual.head_timeout_ms;
    listener.body_timeout_ms = usual.body_timeout_ms;
    listener.ping_interval_ms = usual.ping_interval_ms;
    listener.close_timeout_ms = usual.close_timeout_ms;
    listener.maxclient = 0;
    if listener.idle_timeout_ms > 0 {
        listener.idle_timeout_ms = 3_600_000;
    }
}
