//! A thread that looks at a server, at the generator and at the machine while a load runs.
//!
//! It reads processors every [`READ_EVERY`] and memory, where that is wanted, every [`WEIGH_EVERY`],
//! and keeps all of it with the instant; which of it belongs to which phase is decided afterwards, when the load has
//! told when they were. Only system calls cannot wait: they are counted once the server says that
//! everybody is attached and the play has gone on for so long.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use skyring::admin;

use super::record::MemoryState;
use crate::measure::calls::{self, CallCounter};
use crate::measure::machine::Machine;
use crate::measure::memory::Memory;
use crate::measure::reading::{Places, Processors, Reading};

const READ_EVERY: Duration = Duration::from_millis(100);
const WEIGH_EVERY: Duration = Duration::from_millis(500);
/// Reading memory goes over every page, on the generator's processor: of a large process it takes
/// tens of milliseconds, so it is read less often, so many times what it took apart. At most so
/// long: what is wanted at the end of a phase must be of its end.
const WEIGH_PAUSES: u32 = 100;
const WEIGH_EVERY_MAX: Duration = Duration::from_secs(2);

/// What is watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    /// The server's process.
    pub(super) pid: u32,
    /// Its processor and the generator's.
    pub(super) places: Places,
    /// Whether memory is read.
    pub(super) is_weighed: bool,
    /// Whether and when system calls are counted.
    pub(super) counting: Option<Counting>,
}

/// When system calls are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counting {
    /// Where the server tells what it has counted.
    pub(super) admin: SocketAddr,
    /// Users that must be attached first.
    pub(super) users: u64,
    /// How long to wait after that.
    pub(super) after: Duration,
    /// How long to count.
    pub(super) lasts: Duration,
}

/// What was seen, with seconds since the watch began.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    places: Places,
    readings: Vec<(f64, Reading)>,
    memories: Vec<(f64, MemoryState)>,
    /// System calls a message, or why there are none.
    pub(crate) calls: Option<io::Result<f64>>,
}

/// A watch under way.
pub(super) struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Watch {
    /// Begins to watch.
    pub(super) fn begin(subject: Subject) -> Watch {
        let over = Arc::new(AtomicBool::new(false));
        let (is_over, began) = (Arc::clone(&over), Instant::now());
        Watch { over, thread: thread::spawn(move || watch(subject, began, &is_over)) }
    }

    /// Ends it.
    pub(super) fn end(self) -> Seen {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Seen {
    /// What the processors did between the reading last before the first instant and the first
    /// after the second, and how many seconds those are apart.
    pub(crate) fn between(&self, from: f64, to: f64) -> Option<(Processors, f64)> {
        let (began, before) =
            *self.readings.iter().rfind(|it| it.0 <= from).or(self.readings.first())?;
        let (ended, after) =
            *self.readings.iter().find(|it| it.0 >= to).or(self.readings.last())?;
        (ended > began).then(|| (after.since(before, self.places), ended - began))
    }

    /// Memory as it was last between two instants.
    pub(crate) fn memory_in(&self, from: f64, to: f64) -> Option<MemoryState> {
        let within = self.memories.iter().rfind(|it| (from..=to).contains(&it.0));
        within.map(|(_, state)| *state)
    }
}

/// Memory of a server, of this process and of the machine, now.
///
/// # Errors
/// When the server has ended or `/proc` cannot be read.
pub(super) fn weigh(pid: u32) -> io::Result<MemoryState> {
    Ok(MemoryState {
        server_private_bytes: Memory::of_process(pid)?.private_bytes,
        generator_private_bytes: Memory::of_process(std::process::id())?.private_bytes,
        machine: Machine::take()?,
    })
}

/// Looks until it is over, and once more then.
fn watch(subject: Subject, began: Instant, is_over: &AtomicBool) -> Seen {
    let mut watcher = Watcher {
        subject,
        began,
        weigh_at: began,
        attached: None,
        seen: Seen { places: subject.places, ..Seen::default() },
    };
    loop {
        let ends = is_over.load(Ordering::Relaxed);
        watcher.look();
        if ends {
            return watcher.seen;
        }
        watcher.count_when_due();
        thread::sleep(READ_EVERY);
    }
}

struct Watcher {
    subject: Subject,
    began: Instant,
    /// When memory is to be read next.
    weigh_at: Instant,
    /// When everybody was first seen to be attached.
    attached: Option<Instant>,
    seen: Seen,
}

impl Watcher {
    /// Reads processors, and memory when it is time to. What cannot be read is left out: a server
    /// that has ended is the load's to report.
    fn look(&mut self) {
        let Subject { pid, places, is_weighed, .. } = self.subject;
        if let Ok(reading) = Reading::take(pid, places) {
            self.seen.readings.push((self.began.elapsed().as_secs_f64(), reading));
        }
        let now = Instant::now();
        if !is_weighed || now < self.weigh_at {
            return;
        }
        if let Ok(state) = weigh(pid) {
            self.seen.memories.push((self.began.elapsed().as_secs_f64(), state));
        }
        self.weigh_at = now + pause_after(now.elapsed());
    }

    fn count_when_due(&mut self) {
        let is_missing = self.seen.calls.is_none();
        let Some(counting) = self.subject.counting.filter(|_| is_missing) else { return };
        if self.attached.is_none()
            && counter(counting.admin, "attached_now") >= Some(counting.users)
        {
            self.attached = Some(Instant::now());
        }
        if self.attached.is_some_and(|at| at.elapsed() >= counting.after) {
            self.seen.calls = Some(count(self.subject.pid, counting));
        }
    }
}

/// From one reading of memory to the next, when one takes so long.
fn pause_after(took: Duration) -> Duration {
    took.saturating_mul(WEIGH_PAUSES).clamp(WEIGH_EVERY, WEIGH_EVERY_MAX)
}

/// System calls of a process for each message that it says it has answered meanwhile.
fn count(pid: u32, counting: Counting) -> io::Result<f64> {
    let answered = || counter(counting.admin, "answered").ok_or(io::ErrorKind::InvalidData);
    let mut counter = CallCounter::attach(pid)?;
    let before = (counter.count()?, answered()?);
    thread::sleep(counting.lasts);
    let after = (counter.count()?, answered()?);
    calls::each(after.0 - before.0, after.1 - before.1)
}

/// A counter of a server, over all its shards.
fn counter(admin: SocketAddr, name: &str) -> Option<u64> {
    let text = admin::fetch(admin).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(key, _)| *key == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::times::Times;

    fn seen() -> Seen {
        let reading =
            |ran_ns| Reading { server: Times { ran_ns, waited_ns: 0 }, ..Reading::default() };
        let state =
            |server_private_bytes| MemoryState { server_private_bytes, ..MemoryState::default() };
        Seen {
            readings: (0..10)
                .map(|step: u32| (f64::from(step), reading(u64::from(step) * 10)))
                .collect(),
            memories: (0..10).map(|step: u32| (f64::from(step), state(u64::from(step)))).collect(),
            ..Seen::default()
        }
    }

    #[test]
    fn the_readings_around_a_phase_are_taken() {
        let (processors, seconds) = seen().between(2.5, 4.5).unwrap();
        assert_eq!((processors.server_ran_ns, seconds), (30, 3.0));
        let (processors, seconds) = seen().between(-1.0, 99.0).unwrap();
        assert_eq!((processors.server_ran_ns, seconds), (90, 9.0));
        assert!(Seen::default().between(0.0, 1.0).is_none());
    }

    #[test]
    fn memory_is_that_of_the_end_of_a_phase() {
        assert_eq!(seen().memory_in(2.5, 4.5).unwrap().server_private_bytes, 4);
        assert!(seen().memory_in(20.0, 30.0).is_none());
    }

    #[test]
    fn a_watch_sees_its_own_process() {
        let places = Places { server_core: 0, generator_core: 0 };
        let pid = std::process::id();
        let subject = Subject { pid, places, is_weighed: true, counting: None };
        let seen = Watch::begin(subject).end();
        assert!(seen.memory_in(0.0, 60.0).unwrap().server_private_bytes > 0);
        assert!(seen.calls.is_none());
        let unweighed = Watch::begin(Subject { is_weighed: false, ..subject }).end();
        assert!(unweighed.memories.is_empty() && !unweighed.readings.is_empty());
    }

    #[test]
    fn what_takes_long_is_read_less_often() {
        let pauses = [1, 10, 900].map(|ms| pause_after(Duration::from_millis(ms)).as_millis());
        assert_eq!(pauses, [500, 1000, 2000]);
    }
}
