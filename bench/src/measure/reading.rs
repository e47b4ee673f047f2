//! Server, generator and their processors at one instant, and what happened between two.
//!
//! The rule of disturbance is here: of each processor, the time that it was busy, less what our own
//! processes ran and less what its `ksoftirqd` ran, is somebody else's.

use std::io;

use serde::{Deserialize, Serialize};

use super::cores::{CoreReading, CoreUse};
use super::times::{self, Times};

/// Share of a processor that may go to somebody else before a measurement is void.
pub const FOREIGN_SHARE_MAX: f64 = 0.05;
/// Share that the hypervisor may take.
pub const STOLEN_SHARE_MAX: f64 = 0.02;

/// Which processors are watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The processor of the server.
    pub server_core: usize,
    /// The processor of the generator.
    pub generator_core: usize,
}

/// What is read before and after a measurement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// The server's process.
    pub server: Times,
    /// This process, which holds the generator.
    pub own: Times,
    /// The processor of the server.
    pub server_core: CoreReading,
    /// The processor of the generator.
    pub generator_core: CoreReading,
    /// Ticks that the hypervisor took.
    pub stolen_ticks: u64,
}

/// What happened between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Processors {
    /// Nanoseconds of processor time of all the server's threads.
    pub server_ran_ns: u64,
    /// Nanoseconds that they waited for their processor.
    pub server_waited_ns: u64,
    /// Nanoseconds of processor time of the generator's process.
    pub generator_ran_ns: u64,
    /// Nanoseconds that its threads waited for their processor.
    pub generator_waited_ns: u64,
    /// The processor of the server.
    pub server_core: CoreUse,
    /// The processor of the generator.
    pub generator_core: CoreUse,
    /// Seconds that the hypervisor took from all processors.
    pub stolen_seconds: f64,
}

impl Reading {
    /// Reads a server by its process, and this process.
    ///
    /// # Errors
    /// When the process has ended or `/proc` cannot be read.
    pub fn take(pid: u32, places: Places) -> io::Result<Reading> {
        Ok(Reading {
            server: Times::of_process(pid)?,
            own: Times::of_process(std::process::id())?,
            server_core: CoreReading::take(places.server_core)?,
            generator_core: CoreReading::take(places.generator_core)?,
            stolen_ticks: times::stolen_ticks()?,
        })
    }

    /// What happened since an earlier reading of the same places.
    pub fn since(self, earlier: Reading, places: Places) -> Processors {
        let server = self.server.since(earlier.server);
        let own = self.own.since(earlier.own);
        let (on_server_core, on_generator_core) = if places.are_shared() {
            (server.ran_ns + own.ran_ns, server.ran_ns + own.ran_ns)
        } else {
            (server.ran_ns, own.ran_ns)
        };
        Processors {
            server_ran_ns: server.ran_ns,
            server_waited_ns: server.waited_ns,
            generator_ran_ns: own.ran_ns,
            generator_waited_ns: own.waited_ns,
            server_core: self.server_core.since(earlier.server_core, on_server_core),
            generator_core: self.generator_core.since(earlier.generator_core, on_generator_core),
            // A tick is 10 ms wherever /proc/stat is concerned.
            stolen_seconds: self.stolen_ticks.saturating_sub(earlier.stolen_ticks) as f64 / 100.0,
        }
    }
}

impl Places {
    /// Whether the server and the generator run on one processor.
    pub fn are_shared(self) -> bool {
        self.server_core == self.generator_core
    }
}

impl Processors {
    /// Whether somebody else used the processors too much in so many seconds.
    pub fn is_disturbed(&self, seconds: f64) -> bool {
        let foreign_ns = self.server_core.foreign_ns().max(self.generator_core.foreign_ns());
        foreign_ns as f64 / 1e9 / seconds > FOREIGN_SHARE_MAX
            || self.stolen_seconds / seconds > STOLEN_SHARE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: Places = Places { server_core: 0, generator_core: 1 };

    fn after(server_ms: u64, own_ms: u64, idle_ms: [u64; 2]) -> Reading {
        let times = |ms: u64| Times { ran_ns: ms * 1_000_000, waited_ns: 0 };
        let core = |idle_ms: u64| CoreReading {
            at_ns: 2_000_000_000,
            unused_ns: idle_ms * 1_000_000,
            ksoftirqd_ns: 0,
        };
        Reading {
            server: times(server_ms),
            own: times(own_ms),
            server_core: core(idle_ms[0]),
            generator_core: core(idle_ms[1]),
            stolen_ticks: 1,
        }
    }

    #[test]
    fn time_that_nobody_of_us_ran_is_a_disturbance() {
        let quiet = after(1_500, 1_000, [500, 1_000]).since(Reading::default(), PLACES);
        assert_eq!((quiet.server_ran_ns, quiet.generator_ran_ns), (1_500_000_000, 1_000_000_000));
        assert!(!quiet.is_disturbed(2.0));
        let spun = after(1_000, 1_000, [500, 1_000]).since(Reading::default(), PLACES);
        assert!(spun.is_disturbed(2.0));
        let stolen = Processors { stolen_seconds: 0.1, ..quiet };
        assert!(stolen.is_disturbed(2.0));
    }

    #[test]
    fn on_one_processor_both_are_its_own() {
        let shared = Places { server_core: 0, generator_core: 0 };
        let one = after(900, 900, [200, 200]).since(Reading::default(), shared);
        assert!(!one.is_disturbed(2.0));
        assert!(after(900, 900, [200, 200]).since(Reading::default(), PLACES).is_disturbed(2.0));
    }
}
