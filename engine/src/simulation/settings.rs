//! What the listeners of one seed are told.
//!
//! Half of the seeds leave everything at its default, which no player ever meets; in the others
//! deadlines and limits are so close that players run into them. Once everybody is to become content
//! they are taken away again, because a deadline that is too short for a login is a reason to wait
//! for ever.

use std::sync::Arc;

use skyring_protocols::Compat;

use super::rooms;
use super::socket::PIECES_MAX;
use crate::config::{Compression, DuplicateRequest, Listener, ListenerKind, PushOverBudget};
use crate::driver::sim::SimRandom;
use crate::shard::core::ListenerShared;
use crate::shard::rooms::RoomLimits;

/// The settings of one seed.
pub(super) struct Drawn {
    pub(super) listeners: Vec<(Listener, Arc<ListenerShared>)>,
    pub(super) window_bytes: usize,
    /// Bytes of stored answers of a whole shard.
    pub(super) cache_bytes_max: u64,
    /// How much there may be of rooms.
    pub(super) rooms: RoomLimits,
    /// Logins that may wait for the application.
    pub(super) deciding_max: usize,
    /// How often players choose WebSocket over TCP, in 65,536ths.
    pub(super) web_share: u32,
    /// Players share addresses, which are rated.
    pub(super) is_crowded: bool,
    /// Answers may be retired, so that a repeat runs again.
    pub(super) may_retire: bool,
    /// Requests and logins may be refused because too many wait.
    pub(super) may_refuse: bool,
}

impl Drawn {
    pub(super) fn draw(random: &mut SimRandom) -> Drawn {
        let small_cache = random.chance(1 << 14);
        let is_harsh = random.chance(1 << 15);
        let is_crowded = is_harsh && random.chance(1 << 14);
        let may_refuse = is_harsh && random.chance(1 << 15);
        let kinds = ListenerKind::ALL.into_iter();
        let listeners = kinds.map(|kind| {
            let mut listener = listener(kind, random, small_cache);
            if is_harsh {
                tighten(&mut listener, random);
            }
            if may_refuse {
                listener.pending_requests_max = 1 + random.below(6) as u32;
            }
            let per_second = 5 + random.below(60) as u32;
            if is_crowded {
                listener.limits.connections_per_second_per_address = per_second;
            }
            let keys = [(random.word(), random.word()), (1, 2)];
            let shared = Arc::new(ListenerShared::new(&listener, keys, None));
            (listener, shared)
        });
        let mut listeners: Vec<(Listener, _)> = listeners.collect();
        // Those who log in here and there at once would not exclude each other.
        listeners[3].0.multilogin = listeners[0].0.multilogin;
        Drawn {
            listeners,
            window_bytes: if is_harsh { 256 << random.below(7) } else { 16_384 },
            cache_bytes_max: if small_cache { 200 + random.below(2_000) } else { u64::MAX },
            rooms: rooms::limits(random),
            deciding_max: if may_refuse { 1 + random.index(3) } else { usize::MAX },
            web_share: if random.chance(1 << 15) { 1 << 15 } else { 0 },
            is_crowded,
            may_retire: small_cache,
            may_refuse,
        }
    }
}

fn listener(kind: ListenerKind, random: &mut SimRandom, small_cache: bool) -> Listener {
    let mut listener = Listener::new(kind);
    listener.address.set_ip([10, 0, 0, 1].into());
    listener.uniform_errors = false;
    // Every replay makes its answer young again, so the others retire sooner than one would think:
    // no number that a player could reach, or a very small one.
    listener.expired_number = 1 << 20;
    if small_cache {
        listener.expired_number = 1 + random.below(4) as u32;
        listener.cache_bytes_max = 300;
    }
    if kind == ListenerKind::Http {
        listener.compression =
            [Compression::Off, Compression::Shared, Compression::Dedicated][random.index(3)];
    }
    if random.chance(1 << 14) {
        listener.output_bytes_max = 1024 + random.below(2000) as usize;
    }
    listener
}

/// Draws deadlines and limits that players meet.
fn tighten(listener: &mut Listener, random: &mut SimRandom) {
    let mut deadline_ms = || random.between(20, 250);
    listener.handshake_timeout_ms = deadline_ms();
    listener.write_timeout_ms = deadline_ms();
    listener.idle_timeout_ms = deadline_ms();
    if listener.kind == ListenerKind::Http {
        listener.head_timeout_ms = deadline_ms();
        listener.body_timeout_ms = deadline_ms();
        listener.ping_interval_ms = deadline_ms();
        listener.close_timeout_ms = deadline_ms();
        if random.chance(1 << 15) {
            listener.message_bytes_max = random.between(125, 3_000) as usize;
            listener.fragments_max = random.between(PIECES_MAX as u64, 12) as u32;
        }
    }
    if random.chance(1 << 15) {
        listener.idle_timeout_ms = 0;
    }
    if random.chance(1 << 15) {
        listener.maxclient = 2 + random.below(10) as u32;
    }
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
