//! What goes wrong in a simulated world, and how often.
//!
//! Every fault is something that a kernel or a network does: the shard must live with each of them.
//! Probabilities count in 65,536ths and are drawn anew at each occasion. Times are nanoseconds.

use super::random::SimRandom;

/// One kind of misfortune. The text says when it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// A sent piece is cut in two, and a lease gets less than there is. Drawn at each piece and at
    /// each lease.
    Split,
    /// Something between both ends breaks the connection: each gets a RST. Drawn at each piece.
    Reset,
    /// A client sends FIN right after what it wrote. Drawn at each client write.
    HalfClose,
    /// The network holds a piece, and all behind it, for up to `stall_ns_max`. Drawn at each piece.
    Stall,
    /// A send takes a part only: it answers short, or waits with the rest still to go. Drawn at
    /// each send.
    ShortSend,
    /// No buffer is free although some are. Drawn at each lease.
    NoBuffers,
    /// A streaming receive ends with a lease. Drawn at each lease.
    ClearedReceive,
    /// An event of an earlier life of a slot comes again. Drawn at each turn.
    StaleEvent,
    /// An accept fails: with `EMFILE`, `ENOMEM` or `ENOBUFS`, and the connection waits on, or with
    /// `ECONNABORTED`, and it is gone. Drawn at each accepted connection.
    AcceptError,
    /// The descriptor table is full although it is not: an accepted connection is lost, a hand-over
    /// answers `ENFILE`. Drawn at each accepted connection, hand-over and connect.
    TableFull,
    /// A connect is refused although somebody listens, or this side is short of descriptors or memory.
    /// Drawn at each connect of a shard.
    ConnectError,
    /// An operation starts, or its event comes, up to `late_ns_max` late. Drawn at each.
    Late,
    /// An event that is due waits for a later turn, and with it all that follow on its operation.
    /// Drawn at each event and turn.
    Held,
    /// The events of different operations swap places. Drawn at each turn.
    Shuffled,
    /// One `Woken` answers several calls. Drawn at each wake while one is on its way.
    Coalesced,
    /// A cancel misses: what it was for lives on. Drawn at each cancel.
    CancelMissed,
    /// A hand-over moves the descriptor, and the other shard does not hear of it. Drawn at each
    /// hand-over; only a few a world, because each takes a slot for good.
    Unheard,
    /// A datagram is lost. Drawn at each.
    DatagramLost,
}

/// Hand-overs of one world that [`Fault::Unheard`] strikes, at most.
pub(super) const UNHEARD_MAX: u64 = 2;

impl Fault {
    /// How many kinds there are.
    pub const COUNT: usize = Fault::ALL.len();

    /// Every kind, in the order of its number.
    pub const ALL: [Fault; 18] = [
        Fault::Split,
        Fault::Reset,
        Fault::HalfClose,
        Fault::Stall,
        Fault::ShortSend,
        Fault::NoBuffers,
        Fault::ClearedReceive,
        Fault::StaleEvent,
        Fault::AcceptError,
        Fault::TableFull,
        Fault::ConnectError,
        Fault::Late,
        Fault::Held,
        Fault::Shuffled,
        Fault::Coalesced,
        Fault::CancelMissed,
        Fault::Unheard,
        Fault::DatagramLost,
    ];

    /// The most a seed draws for it, in 65,536ths. Those that kill connections are rare, so that
    /// long conversations happen too; those that would stop a world at certainty stay below it.
    const fn most(self) -> u32 {
        match self {
            Fault::Reset | Fault::HalfClose | Fault::Unheard => 1_000,
            Fault::AcceptError | Fault::TableFull | Fault::ConnectError => 8_000,
            Fault::Stall | Fault::NoBuffers | Fault::DatagramLost => 12_000,
            Fault::CancelMissed => 16_000,
            Fault::ClearedReceive | Fault::StaleEvent => 24_000,
            Fault::Split | Fault::ShortSend | Fault::Late | Fault::Held => 40_000,
            Fault::Shuffled | Fault::Coalesced => 1 << 16,
        }
    }
}

/// The misfortunes of one world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimFaults {
    chances: [u32; Fault::COUNT],
    /// Least time on the way from one end to the other.
    pub delay_ns_min: u64,
    /// Most time on the way, without a stall.
    pub delay_ns_max: u64,
    /// Most time that [`Fault::Stall`] adds.
    pub stall_ns_max: u64,
    /// Most time that [`Fault::Late`] adds.
    pub late_ns_max: u64,
}

impl SimFaults {
    /// A world in which nothing goes wrong and every way takes 50 microseconds.
    pub const fn none() -> SimFaults {
        SimFaults {
            chances: [0; Fault::COUNT],
            delay_ns_min: 50_000,
            delay_ns_max: 50_000,
            stall_ns_max: 20_000_000,
            late_ns_max: 1_000_000,
        }
    }

    /// Draws a world: each kind of fault is absent or has a strength of its own, so that some
    /// worlds are wild, some calm, and some know a single fault in great number.
    pub fn draw(random: &mut SimRandom) -> SimFaults {
        let mut faults = SimFaults::none();
        for fault in Fault::ALL {
            if random.chance(1 << 15) {
                faults.chances[fault as usize] = random.between(1, u64::from(fault.most())) as u32;
            }
        }
        faults.delay_ns_min = random.between(1_000, 100_000);
        faults.delay_ns_max = faults.delay_ns_min + random.below(2_000_000);
        faults.stall_ns_max = random.between(1, 200_000_000);
        faults.late_ns_max = random.between(1, 5_000_000);
        faults
    }

    /// The same world with one fault at this many 65,536ths.
    #[must_use]
    pub const fn with(mut self, fault: Fault, per_65536: u32) -> SimFaults {
        self.chances[fault as usize] = per_65536;
        self
    }

    /// How often a fault happens, in 65,536ths.
    pub const fn chance(&self, fault: Fault) -> u32 {
        self.chances[fault as usize]
    }
}

/// How often each fault has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts([u64; Fault::COUNT]);

impl FaultCounts {
    /// How often this one has.
    pub const fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    pub(super) const fn add(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_the_numbers() {
        for (number, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, number);
        }
    }

    #[test]
    fn a_drawn_world_stays_inside_its_bounds_and_differs_by_seed() {
        let worlds: Vec<_> =
            (0..64).map(|seed| SimFaults::draw(&mut SimRandom::new(seed))).collect();
        for world in &worlds {
            assert!(world.delay_ns_min <= world.delay_ns_max);
            for fault in Fault::ALL {
                assert!(world.chance(fault) <= fault.most());
            }
        }
        for fault in Fault::ALL {
            assert!(worlds.iter().any(|world| world.chance(fault) == 0), "{fault:?}");
            assert!(worlds.iter().any(|world| world.chance(fault) > 0), "{fault:?}");
        }
        assert_ne!(worlds[0], worlds[1]);
    }
}
