//! What callers ask, whether they are answered right, how many calls were made and how long they took.
//!
//! After some warming up the measurement begins, and goes on for so long or for so many calls. Then
//! nobody asks any more; once the last call has its answer, the outcome is printed and the process
//! ends, whatever else still runs in it. So does one with a wrong answer, at once and as a failure.
//!
//! In a shard a call takes less than two readings of the clock would, so there it is read once in
//! [`BATCH`] calls; across shards each call is timed.

use std::fmt::Display;
use std::future::Future;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::scenario::{Place, Scenario};
use super::snapshot::Snapshot;
use crate::console;
use crate::measure::reading::Processors;
use crate::statistics::{self, Percentiles};

/// Calls in a shard between two readings of the clock.
pub const BATCH: u64 = 64;
/// Share of the measured time that is spent before it, and no less than a moment.
const WARM_UP_SHARE: u32 = 5;
const WARM_UP_MIN: Duration = Duration::from_millis(20);

/// How long it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So long, after warming up.
    Time(Duration),
    /// So many calls, of which nothing is told: somebody else counts instructions.
    Calls(u64),
}

/// What is measured, how long, and where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who calls whom.
    pub scenario: Scenario,
    /// How long.
    pub length: Length,
    /// The caller's processor, and the callee's where that is another.
    pub cores: Vec<usize>,
}

impl Plan {
    /// The callee's processor.
    pub(super) fn callee_core(&self) -> usize {
        self.cores[self.cores.len() - 1]
    }

    fn warm_up(&self) -> Duration {
        match self.length {
            Length::Time(measured) => (measured / WARM_UP_SHARE).max(WARM_UP_MIN),
            Length::Calls(_) => Duration::ZERO,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Calls that were answered while measured, each with its own answer.
    pub done: u64,
    /// Seconds measured.
    pub seconds: f64,
    /// What the processors did meanwhile.
    pub processors: Processors,
    /// From the call to its answer, where each was timed.
    pub times: Option<Percentiles>,
}

/// See the file's header. All that use it are on the caller's thread.
pub(super) struct Tally {
    plan: Plan,
    /// Questions so far.
    asked: AtomicU64,
    progress: Mutex<Progress>,
}

struct Progress {
    phase: Phase,
    /// Calls in this phase.
    done: u64,
    times: Histogram<u64>,
    /// Callers that have not left.
    callers: usize,
}

enum Phase {
    WarmingUp { until: Instant },
    Measuring { since: Instant, until: Instant, before: Snapshot },
    Over(Option<Outcome>),
}

/// What a question is answered with.
pub(super) fn answer_to(question: u64) -> u64 {
    question.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (question >> 7)
}

impl Tally {
    pub(super) fn new(plan: Plan) -> Arc<Tally> {
        let progress = Progress {
            phase: Phase::WarmingUp { until: Instant::now() + plan.warm_up() },
            done: 0,
            times: statistics::histogram(),
            callers: plan.scenario.under_way,
        };
        Arc::new(Tally { plan, asked: AtomicU64::new(0), progress: Mutex::new(progress) })
    }

    /// Calls between two readings of the clock.
    pub(super) fn batch(&self) -> u64 {
        match self.plan.scenario.place {
            Place::Here => BATCH,
            Place::There => 1,
        }
    }

    /// What nobody has asked yet.
    pub(super) fn question(&self) -> u64 {
        // One thread uses it, so nothing comes between.
        let asked = self.asked.load(Ordering::Relaxed) + 1;
        self.asked.store(asked, Ordering::Relaxed);
        asked
    }

    /// Ends the process unless this is the answer to this question.
    pub(super) fn check(&self, question: u64, answer: u64) {
        if answer != answer_to(question) {
            fail(&format_args!("the answer to {question} is {answer}"));
        }
    }

    /// A batch that was begun at this time has been answered. When the next one begins; none: it does
    /// not.
    pub(super) fn finished(&self, began: Instant) -> Option<Instant> {
        let mut progress = self.progress();
        progress.done += self.batch();
        if let Length::Calls(calls) = self.plan.length {
            if progress.done >= calls {
                progress.phase = Phase::Over(None);
            }
            return (progress.done < calls).then_some(began);
        }
        let now = Instant::now();
        match &progress.phase {
            Phase::WarmingUp { until } if now < *until => Some(now),
            Phase::WarmingUp { .. } => {
                self.begin(&mut progress);
                Some(Instant::now())
            }
            Phase::Measuring { since, until, .. } => {
                let (is_over, is_whole) = (now >= *until, began >= *since);
                if self.batch() == 1 && is_whole {
                    progress.times.saturating_record((now - began).as_nanos() as u64);
                }
                if is_over {
                    self.end(&mut progress, now);
                }
                (!is_over).then_some(now)
            }
            Phase::Over(_) => None,
        }
    }

    /// A caller has left. With the last one the process ends.
    pub(super) fn leave(&self) {
        let mut progress = self.progress();
        progress.callers -= 1;
        if progress.callers > 0 {
            return;
        }
        let Phase::Over(outcome) = &progress.phase else { fail(&"the callers left too early") };
        if let Some(outcome) = outcome {
            let text = serde_json::to_string(outcome).expect("it is plain data") + "\n";
            console::print(&text).unwrap_or_else(|error| fail(&error));
        }
        process::exit(0);
    }

    /// A caller that asks, one call after the other, and leaves.
    pub(super) async fn call<F, P, E>(
        self: Arc<Tally>,
        ask: impl Fn(u64) -> F,
        pause: impl Fn(Duration) -> P,
    ) where
        F: Future<Output = Result<u64, E>>,
        P: Future<Output = ()>,
        E: Display,
    {
        let mut began = Instant::now();
        loop {
            for _ in 0..self.batch() {
                let question = self.question();
                match ask(question).await {
                    Ok(answer) => self.check(question, answer),
                    Err(error) => fail(&error),
                }
            }
            let Some(next) = self.finished(began) else { return self.leave() };
            began = next;
            if let Some(duration) = self.plan.scenario.pause {
                pause(duration).await;
                began = Instant::now();
            }
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, progress: &mut Progress) {
        let Length::Time(measured) = self.plan.length else { return };
        let before = self.snapshot();
        let since = Instant::now();
        progress.phase = Phase::Measuring { since, until: since + measured, before };
        progress.done = 0;
    }

    fn end(&self, progress: &mut Progress, now: Instant) {
        let Phase::Measuring { since, before, .. } = &progress.phase else { return };
        let outcome = Outcome {
            done: progress.done,
            seconds: (now - *since).as_secs_f64(),
            processors: self.snapshot().since(before),
            times: (!progress.times.is_empty()).then(|| Percentiles::of(&progress.times)),
        };
        progress.phase = Phase::Over(Some(outcome));
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.plan.cores).unwrap_or_else(|error| fail(&error))
    }
}

/// Ends the process as a failed measurement.
pub(super) fn fail(reason: &dyn Display) -> ! {
    console::complain(format_args!("{reason}\n"));
    process::exit(1)
}
