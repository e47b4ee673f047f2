//! What befalls a whole world: the network is cut in two, a shard's thread stands still, the clock
//! leaps.
//!
//! None of it loses anything: what was on its way arrives late, and a shard that stood still finds its
//! mail. So in a world where nothing else goes wrong, no connection may end by a cut or a stall; a leap
//! may be longer than any deadline.

use super::settings::{Feature, Swarm};
use crate::driver::ShardIndex;
use crate::driver::sim::{Partition, SimNet, SimRandom};

const MS: u64 = 1_000_000;
/// How often each of them comes, by step of the clock, in 65,536ths.
const CHANCE: u32 = 600;
/// Longest time that the network is in two parts.
const PARTITION_MS_MAX: u64 = 250;
/// Longest time that a shard stands still.
const STALL_MS_MAX: u64 = 80;
/// Longest leap.
const LEAP_MS_MAX: u64 = 600_000;

pub(super) struct Upheaval {
    swarm: Swarm,
    random: SimRandom,
    shards: u16,
    /// A cut breaks connections.
    breaks: bool,
    parted_until_ns: u64,
    stalled: Option<(ShardIndex, u64)>,
    /// Until then a shard stood still, or the clock had leapt.
    unsteady_ns: u64,
    /// Cuts, stalls and leaps.
    pub(super) counts: [u64; 3],
}

impl Upheaval {
    pub(super) fn new(swarm: &Swarm, shards: u16, random: SimRandom) -> Upheaval {
        let (swarm, breaks) = (swarm.clone(), swarm.has(Feature::Faults));
        let (parted_until_ns, unsteady_ns, stalled, counts) = (0, 0, None, [0; 3]);
        Upheaval { swarm, random, shards, breaks, parted_until_ns, stalled, unsteady_ns, counts }
    }

    /// Milliseconds since the world began until which things were late for good reason.
    pub(super) fn unsteady_ms(&self) -> u64 {
        self.unsteady_ns.div_ceil(MS)
    }

    /// Lets something happen, or end; nanoseconds that the clock has leapt.
    pub(super) fn act(&mut self, net: &SimNet) -> u64 {
        let now_ns = net.now_ns();
        if self.stalled.is_some() {
            self.unsteady_ns = now_ns;
        }
        if self.stalled.is_some_and(|(_, until_ns)| now_ns >= until_ns) {
            self.wake(net);
        }
        let comes =
            |this: &mut Upheaval, feature| this.swarm.has(feature) && this.random.chance(CHANCE);
        if now_ns >= self.parted_until_ns && comes(self, Feature::Partitions) {
            self.part(net);
        }
        if self.stalled.is_none() && comes(self, Feature::Stalls) {
            let shard = ShardIndex(self.random.below(u64::from(self.shards)) as u16);
            self.stalled = Some((shard, now_ns + self.random.between(1, STALL_MS_MAX) * MS));
            self.counts[1] += 1;
            net.halt(shard, true);
            self.unsteady_ns = now_ns;
        }
        if !comes(self, Feature::Leaps) {
            return 0;
        }
        let leap_ns = self.random.between(1, LEAP_MS_MAX) * MS;
        self.counts[2] += 1;
        net.leap(leap_ns);
        self.unsteady_ns = net.now_ns();
        leap_ns
    }

    fn part(&mut self, net: &SimNet) {
        let way = self.random.index(3);
        let odd = [None, Some(true), Some(false)][self.random.index(3)];
        let until_ns = net.now_ns() + self.random.between(1, PARTITION_MS_MAX) * MS;
        let breaks = self.breaks && self.random.chance(1 << 14);
        self.parted_until_ns = until_ns;
        self.counts[0] += 1;
        let (to_servers, to_clients) = (way != 1, way != 0);
        net.part(Some(Partition { until_ns, to_servers, to_clients, odd, breaks }));
    }

    fn wake(&mut self, net: &SimNet) {
        if let Some((shard, _)) = self.stalled.take() {
            net.halt(shard, false);
        }
    }

    /// Ends all of it.
    pub(super) fn end(&mut self, net: &SimNet) {
        if self.stalled.is_some() {
            self.unsteady_ns = net.now_ns();
        }
        net.part(None);
        self.wake(net);
    }
}
