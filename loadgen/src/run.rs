//! A whole run: starts the shards, tells them when to play, watches, and gathers what they saw.
//!
//! Phases: *login* until everybody is attached or has given up (or nothing has moved for
//! [`STALL_NS`]), *hold*, *play*, *drain* until nothing is open. An interrupt ends the play at once
//! and shortens the drain; the run is judged all the same. A shard that ends before the others, as
//! one without a ring does at once, ends the run too: what the others would measure is another load.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skyring::driver::uring::options::DriverStats;
use thiserror::Error;

use crate::arrival::SECOND_NS;
use crate::control::{Control, Glance};
use crate::crew::{self, Crew, CrewEnd};
use crate::crowd::Orders;
use crate::live::{Live, Progress};
use crate::plan::Plan;
use crate::probe::Sample;
use crate::record::Record;
use crate::remote::note::AgentNote;
use crate::series::{Point, Second, Series};

/// How long nobody may get any further before the play begins without those who are missing.
pub const STALL_NS: u64 = 30 * SECOND_NS;

/// How far ahead the start of the play is ordered, so that every shard hears of it in time.
const LEAD_NS: u64 = SECOND_NS / 10;

/// The longest drain after an interrupt.
const INTERRUPTED_DRAIN_NS: u64 = 2 * SECOND_NS;

/// How often the watcher looks.
const LOOK: Duration = Duration::from_millis(5);

/// Why there was no run.
#[derive(Debug, Error)]
pub enum RunError {
    /// A shard could not make its ring.
    #[error("shard {shard} has no ring: {source}")]
    Ring {
        /// The shard.
        shard: usize,
        /// The operating system's reason.
        source: io::Error,
    },
    /// No thread could be started.
    #[error("no thread: {0}")]
    Thread(#[source] io::Error),
}

/// When the phases of a run happened, nanoseconds of its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Everybody was attached or had given up.
    pub gathered_ns: u64,
    /// The play began.
    pub play_start_ns: u64,
    /// Measuring began, with the first stage that counts.
    pub measured_from_ns: u64,
    /// The play ended.
    pub play_end_ns: u64,
    /// Nothing was open any more, or time was up.
    pub ended_ns: u64,
    /// Whether it was ended early.
    pub interrupted: bool,
}

/// A process before the logins, when measuring began, and when the play ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Before the first login.
    pub before: Sample,
    /// When everybody was attached and measuring began.
    pub from: Sample,
    /// When the play ended.
    pub to: Sample,
}

impl Usage {
    /// Two processes as if they were one.
    #[must_use]
    pub fn with(&self, other: &Usage) -> Usage {
        Usage {
            before: self.before.with(&other.before),
            from: self.from.with(&other.from),
            to: self.to.with(&other.to),
        }
    }
}

/// What a run has seen.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What all shards have seen.
    pub record: Record,
    /// What all rings have counted.
    pub driver: DriverStats,
    /// When.
    pub timeline: Timeline,
    /// This process.
    pub generator: Usage,
    /// The server's process, if it was named.
    pub server: Option<Usage>,
    /// Users attached when everybody was gathered.
    pub gathered: u64,
    /// The greatest share of the measured time that a shard's thread ran or waited for a processor.
    pub busiest: Option<f64>,
    /// The play second by second.
    pub series: Vec<Point>,
    /// The response times of the same seconds.
    pub seconds: Vec<Second>,
    /// The machines that did it, where it was not this one.
    pub agents: Vec<AgentNote>,
}

/// Makes a run. It ends early when `stop` becomes true.
///
/// # Errors
/// When a shard cannot start; everything else is in the outcome.
pub fn run(plan: Plan, live: &mut Live, stop: &AtomicBool) -> Result<Outcome, RunError> {
    let plan = Arc::new(plan);
    let control = Arc::new(Control::new(plan.shares.len()));
    let watch = Watch::new(&plan, &control, live, stop, LEAD_NS);
    let crew = Crew::start(&plan, &control, 0..plan.shares.len())?;
    let mut outcome = watch.lead();
    outcome.take(crew.join()?);
    Ok(outcome)
}

impl Outcome {
    /// Adds what shards have left behind.
    pub(crate) fn take(&mut self, end: CrewEnd) {
        self.record.add(end.record);
        crew::add_stats(&mut self.driver, &end.driver);
        self.busiest = [self.busiest, end.busiest].into_iter().flatten().reduce(f64::max);
    }
}

/// The one who watches those who follow a control, and gives the orders.
pub(crate) struct Watch<'a> {
    plan: &'a Plan,
    control: &'a Control,
    live: &'a mut Live,
    stop: &'a AtomicBool,
    lead_ns: u64,
    shown_ns: u64,
    timeline: Timeline,
    generator: Usage,
    server: Option<Usage>,
    gathered: u64,
    /// Whether a shard has ended that nobody told to.
    deserted: bool,
    series: Series,
}

impl<'a> Watch<'a> {
    /// Before the first login. The play will be ordered `lead_ns` ahead.
    pub(crate) fn new(
        plan: &'a Plan,
        control: &'a Control,
        live: &'a mut Live,
        stop: &'a AtomicBool,
        lead_ns: u64,
    ) -> Watch<'a> {
        let generator = Usage { before: Sample::of_self(), ..Usage::default() };
        let before = |pid| Usage { before: Sample::of(pid), ..Usage::default() };
        let server = plan.options.pid.map(before);
        let timeline = Timeline::default();
        Watch {
            plan,
            control,
            live,
            stop,
            lead_ns,
            shown_ns: 0,
            timeline,
            generator,
            server,
            gathered: 0,
            deserted: false,
            series: Series::default(),
        }
    }

    /// Leads them through the phases until they have ended. What they leave behind is not in the
    /// outcome yet.
    pub(crate) fn lead(mut self) -> Outcome {
        self.all();
        let Watch { timeline, generator, server, gathered, series, .. } = self;
        let (series, seconds) = series.into_points();
        Outcome { timeline, generator, server, gathered, series, seconds, ..Outcome::default() }
    }

    fn all(&mut self) {
        let options = &self.plan.options;
        self.gather();
        self.timeline.gathered_ns = self.now_ns();
        if self.gathered > 0 {
            self.wait("hold", self.now_ns() + options.hold_ns);
        }
        if self.gathered == 0 || self.is_stopped() {
            return self.end_now();
        }
        let play_start_ns = self.now_ns() + self.lead_ns;
        let play_end_ns = play_start_ns + self.plan.scenario.play_ns();
        let give_up_ns = play_end_ns + options.drain_ns;
        self.control.order(Orders { play_start_ns, play_end_ns, give_up_ns });
        self.series.begin(play_start_ns, self.control.tallies().counters);
        self.timeline.play_start_ns = play_start_ns;
        self.timeline.measured_from_ns = play_end_ns;
        self.play(play_start_ns);
        // As ordered: when the watcher woke is no business of the figures.
        let is_cut_short = self.is_stopped();
        self.timeline.play_end_ns = if is_cut_short { self.now_ns() } else { play_end_ns };
        self.series.end(&self.control.survey());
        self.sample(|usage, sample| usage.to = sample);
        if is_cut_short {
            self.interrupt(play_start_ns);
        }
        self.drain();
    }

    /// Until the end of the last stage; what counts is measured from its beginning.
    fn play(&mut self, play_start_ns: u64) {
        let plan = self.plan;
        let mut is_measured = plan.scenario.stages.is_empty();
        if is_measured {
            // Nothing is played, but what the sessions cost is known all the same.
            self.wait("play", play_start_ns);
            self.sample(|usage, sample| usage.from = sample);
        }
        for stage in &plan.scenario.stages {
            self.wait("play", play_start_ns + stage.start_ns);
            if plan.scenario.stages.len() > 1 {
                self.live.enter_stage(&stage.name);
            }
            if stage.measured && !is_measured && !self.is_stopped() {
                is_measured = true;
                self.timeline.measured_from_ns = play_start_ns + stage.start_ns;
                self.sample(|usage, sample| usage.from = sample);
            }
            self.wait("play", play_start_ns + stage.end_ns);
        }
        self.live.enter_stage("");
    }

    /// Until everybody is attached or has given up, or nothing moves.
    fn gather(&mut self) {
        let (mut moved, mut moved_ns) = (0, self.now_ns());
        loop {
            let glance = self.look("login", 0, None);
            self.gathered = glance.tally.attached;
            let now_ns = self.now_ns();
            let progress = glance.counters.logins + glance.counters.attaches + glance.tally.failed;
            if progress != moved {
                (moved, moved_ns) = (progress, now_ns);
            }
            let stalled = now_ns - moved_ns > STALL_NS;
            if glance.gathered || stalled || self.is_stopped() {
                return;
            }
        }
    }

    /// Until an instant, unless stopped or left alone.
    fn wait(&mut self, phase: &'static str, until_ns: u64) {
        let from_ns = self.now_ns();
        while self.now_ns() < until_ns && !self.is_stopped() {
            let left = Duration::from_nanos(until_ns - self.now_ns().min(until_ns));
            if left < LOOK {
                thread::sleep(left);
            } else {
                self.look(phase, from_ns, Some(until_ns - from_ns));
            }
        }
    }

    /// Until nothing is open on any shard, or time is up; then until all have wound up.
    fn drain(&mut self) {
        let from_ns = self.now_ns();
        let mut orders = self.control.orders();
        loop {
            let glance = self.look("drain", from_ns, None);
            if glance.done || glance.deserted || self.now_ns() >= orders.give_up_ns {
                break;
            }
        }
        self.timeline.ended_ns = self.now_ns();
        orders.give_up_ns = 0;
        self.control.order(orders);
        while !self.look("close", from_ns, None).ended {}
        self.live.clear();
    }

    /// Ends the play now.
    fn interrupt(&mut self, play_start_ns: u64) {
        self.timeline.interrupted = true;
        let play_end_ns = self.now_ns().max(play_start_ns);
        let drain_ns = self.plan.options.drain_ns.min(INTERRUPTED_DRAIN_NS);
        let give_up_ns = play_end_ns + drain_ns;
        self.control.order(Orders { play_start_ns, play_end_ns, give_up_ns });
    }

    /// Ends a run that has not come to its play.
    fn end_now(&mut self) {
        self.timeline.interrupted = self.is_stopped();
        self.control.order(Orders { play_start_ns: u64::MAX, play_end_ns: 0, give_up_ns: 0 });
        self.timeline.measured_from_ns = self.now_ns();
        self.timeline.play_end_ns = self.timeline.measured_from_ns;
        self.sample(|usage, sample| (usage.from, usage.to) = (sample, sample));
        self.drain();
    }

    /// Sleeps a little, and shows the run when it is time to.
    fn look(&mut self, phase: &'static str, from_ns: u64, total_ns: Option<u64>) -> Glance {
        thread::sleep(LOOK);
        let now_ns = self.now_ns();
        if now_ns < self.shown_ns + self.live.interval_ns() && !self.series.is_due(now_ns) {
            let glance = self.control.tallies();
            self.deserted |= glance.deserted;
            return glance;
        }
        let glance = self.control.survey();
        self.deserted |= glance.deserted;
        let was_due = self.series.is_due(now_ns);
        self.series.add(&glance);
        // What is seen may be too old for a full second, above all from afar: then it waits.
        let is_full = was_due && !self.series.is_due(now_ns);
        if now_ns < self.shown_ns + self.live.interval_ns() && !is_full {
            return glance;
        }
        self.shown_ns = now_ns;
        let users = u64::from(self.plan.users());
        let elapsed_ns = now_ns - from_ns;
        self.live.show(now_ns, Progress { phase, elapsed_ns, total_ns, users }, &glance);
        glance
    }

    fn sample(&mut self, set: impl Fn(&mut Usage, Sample)) {
        set(&mut self.generator, Sample::of_self());
        if let (Some(usage), Some(pid)) = (&mut self.server, self.plan.options.pid) {
            set(usage, Sample::of(pid));
        }
    }

    fn is_stopped(&self) -> bool {
        self.deserted || self.stop.load(Ordering::Relaxed)
    }

    fn now_ns(&self) -> u64 {
        self.control.clock.now_ns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crews_leave_behind_adds_up_and_the_busiest_counts() {
        let mut outcome = Outcome::default();
        for (answers, busiest) in [(3, None), (4, Some(0.7)), (5, Some(0.4))] {
            let mut end = CrewEnd { busiest, ..CrewEnd::default() };
            end.record.counters.answers = answers;
            end.driver.enters = 10;
            outcome.take(end);
        }
        assert_eq!((outcome.record.counters.answers, outcome.driver.enters), (12, 30));
        assert_eq!(outcome.busiest, Some(0.7));
    }

    /// Two who follow `control`, and whose glances are too old for any second of the play. The
    /// second is found to have ended when the series has long wanted a point; the first obeys.
    fn two_of_whom_one_ends(control: &Control) {
        for place in 0..2 {
            let mut glance = control.glance(place);
            glance.gathered = true;
            glance.tally.attached = 1;
        }
        while control.ordered().give_up_ns > 0 {
            let now_ns = control.clock.now_ns();
            let start_ns = control.ordered().play_start_ns;
            if now_ns > start_ns.saturating_add(3 * SECOND_NS / 2) {
                control.glance(1).ended = true;
            }
            thread::sleep(LOOK);
        }
        (0..2).for_each(|place| control.glance(place).ended = true);
    }

    #[test]
    fn one_who_ends_while_the_series_waits_for_a_glance_ends_the_run() {
        let gate = "127.0.0.1:1".parse().unwrap();
        let options = crate::options::Options {
            gates: vec![gate],
            users: 2,
            play_ns: 20 * SECOND_NS,
            ..Default::default()
        };
        let limits = crate::plan::Limits { descriptors: 100, ports: 100 };
        let plan = Plan::new(options, limits).unwrap();
        let (control, never) = (Control::new(2), AtomicBool::new(false));
        let outcome = thread::scope(|scope| {
            scope.spawn(|| two_of_whom_one_ends(&control));
            Watch::new(&plan, &control, &mut Live::new(true), &never, LEAD_NS).lead()
        });
        assert!(outcome.timeline.interrupted);
    }

    #[test]
    fn processes_are_summed_and_what_one_does_not_say_is_none() {
        let sample = |cpu_ns, resident_bytes| Sample { cpu_ns, resident_bytes };
        let usage = |to| Usage { to, ..Usage::default() };
        let both = usage(sample(Some(1), Some(2))).with(&usage(sample(Some(10), None)));
        assert_eq!(both.to, sample(Some(11), None));
    }
}
