//! The shards that this process runs: all of a plan's, or those that a coordinator gave it.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use skyring::driver::uring::directory::RingDirectory;
use skyring::driver::uring::options::DriverStats;

use crate::control::Control;
use crate::crowd::Orders;
use crate::plan::Plan;
use crate::record::Record;
use crate::run::RunError;
use crate::worker::{self, ShardEnd};

/// Threads that play.
#[derive(Debug)]
pub struct Crew {
    first: usize,
    threads: Vec<JoinHandle<io::Result<ShardEnd>>>,
}

/// What they leave behind.
#[derive(Debug, Default)]
pub struct CrewEnd {
    /// What all of them have seen.
    pub record: Record,
    /// What all their rings have counted.
    pub driver: DriverStats,
    /// The greatest share of the measured time that one of them ran or waited for a processor.
    pub busiest: Option<f64>,
}

impl Crew {
    /// Starts these shards of a plan, a thread each. They follow `control`, which has a place for
    /// each of them.
    ///
    /// # Errors
    /// When a thread cannot be started; those that were end.
    pub fn start(
        plan: &Arc<Plan>,
        control: &Arc<Control>,
        shards: Range<usize>,
    ) -> Result<Crew, RunError> {
        let directory = Arc::new(RingDirectory::new(shards.len()));
        let first = shards.start;
        let spawn = |shard| {
            let (plan, control) = (Arc::clone(plan), Arc::clone(control));
            let directory = Arc::clone(&directory);
            let body = move || {
                let place = shard - first;
                // Also when it panics: nobody must wait for a shard that is gone.
                let _ended = Ended { control: &control, place };
                let number = |it| u16::try_from(it).map_err(|_| io::ErrorKind::InvalidInput);
                worker::run(&plan, number(shard)?, number(place)?, &control, directory)
            };
            thread::Builder::new().name(format!("shard {shard}")).spawn(body)
        };
        let threads: io::Result<Vec<_>> = shards.map(spawn).collect();
        let threads = threads.map_err(|error| {
            control.order(Orders { play_start_ns: 0, play_end_ns: 0, give_up_ns: 0 });
            RunError::Thread(error)
        })?;
        Ok(Crew { first, threads })
    }

    /// Waits until all have ended.
    ///
    /// # Errors
    /// When one of them had no ring.
    ///
    /// # Panics
    /// When one of them has.
    pub fn join(self) -> Result<CrewEnd, RunError> {
        let mut all = CrewEnd::default();
        for (shard, thread) in (self.first..).zip(self.threads) {
            let end = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let end = end.map_err(|source| RunError::Ring { shard, source })?;
            all.record.add(end.record);
            add_stats(&mut all.driver, &end.driver);
            all.busiest = [all.busiest, end.busy].into_iter().flatten().reduce(f64::max);
        }
        Ok(all)
    }
}

/// Says that a shard has ended, whatever way it went.
struct Ended<'a> {
    control: &'a Control,
    place: usize,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.control.glance(self.place).ended = true;
    }
}

/// Adds what another ring, or several, have counted.
pub(crate) fn add_stats(all: &mut DriverStats, one: &DriverStats) {
    all.turns += one.turns;
    all.enters += one.enters;
    all.batch_waits += one.batch_waits;
    all.completions += one.completions;
    all.overflows += one.overflows;
    all.stale += one.stale;
    all.no_buffers += one.no_buffers;
}
