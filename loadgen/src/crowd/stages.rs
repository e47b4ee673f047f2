//! From stage to stage: what makes requests due, who plays, who leaves.
//!
//! A stage begins when its instant has come, after everything that was due in the one before has
//! been taken up; so a generator that slept over a border is late, and misses nothing. The end of
//! the play may come earlier than the last stage's, when the run is interrupted.

use super::Crowd;
use crate::arrival::{Arrivals, Curve, Poisson, Rate, SECOND_NS, Schedule};
use crate::random::{Purpose, choice};
use crate::record::StageRecord;
use crate::scenario::{Load, Stage};

impl Crowd {
    /// Begins every stage whose time has come.
    pub(super) fn begin_stages(&mut self, now_ns: u64) {
        while self.next_stage_ns().is_some_and(|begin_ns| begin_ns <= now_ns) {
            self.play_stage(now_ns);
            let index = self.stages_begun;
            self.stages_begun += 1;
            self.begin_stage(index, now_ns);
        }
    }

    /// When the next stage begins, if there is one.
    pub(super) fn next_stage_ns(&self) -> Option<u64> {
        let stage = self.plan.scenario.stages.get(self.stages_begun)?;
        let begin_ns = self.orders.play_start_ns.saturating_add(stage.start_ns);
        (begin_ns < self.orders.play_end_ns || self.stages_begun == 0).then_some(begin_ns)
    }

    /// Takes up what has fallen due in the present stage.
    pub(super) fn play_stage(&mut self, now_ns: u64) {
        self.start_players(now_ns);
        self.churn(now_ns);
        self.issue(now_ns);
    }

    fn begin_stage(&mut self, index: usize, now_ns: u64) {
        let stage = &self.plan.scenario.stages[index];
        let begin_ns = self.orders.play_start_ns + stage.start_ns;
        let (shard, shards) = (u64::from(self.shard), self.plan.shares.len() as u64);
        let leaves = u64::from(stage.churn_ppm) * u64::from(self.plan.users());
        let leaves = Rate { events: leaves, period_ns: 1_000_000 * SECOND_NS };
        let churn = Curve::constant(leaves, stage.length_ns());
        let drop_ppm = stage.drop_ppm;
        self.arrivals = self.arrivals_of(index, begin_ns);
        self.churn = Schedule::new(begin_ns, churn, shard, shards);
        self.players_started = 0;
        if drop_ppm > 0 {
            // There are no more than a byte can name.
            self.storm(index as u8, drop_ppm, now_ns);
        }
    }

    fn arrivals_of(&self, index: usize, begin_ns: u64) -> Arrivals {
        let stages = &self.plan.scenario.stages;
        let (shard, shards) = (u64::from(self.shard), self.plan.shares.len() as u64);
        let all = u64::from(self.plan.players());
        match stages[index].load {
            Load::Idle | Load::Closed { .. } => Arrivals::never(),
            Load::Even(curve) => {
                let before = stages[..index].iter().map(even_events).sum();
                let schedule = Schedule::new(begin_ns, curve, shard, shards);
                Arrivals::Even(schedule.around(all, before))
            }
            Load::Poisson(curve) => {
                let (seed, players) = (self.plan.options.seed, u64::from(self.share.players));
                let random = choice(seed, self.shard, index as u64, Purpose::Arrival);
                Arrivals::Poisson(Poisson::new(begin_ns, curve, players, all, random))
            }
        }
    }

    /// Starts the players of a closed loop whose turn to come has come.
    fn start_players(&mut self, now_ns: u64) {
        while let Some(start_ns) = self.next_start_ns().filter(|start_ns| *start_ns <= now_ns) {
            let index = self.players_started;
            self.players_started += 1;
            self.start(index, start_ns, now_ns);
        }
    }

    /// When the next player of a closed loop starts.
    pub(super) fn next_start_ns(&self) -> Option<u64> {
        let stage = self.present_stage()?;
        let Load::Closed { from, to } = stage.load else { return None };
        if self.players_started >= self.share.players {
            return None;
        }
        let player = self.player(self.players_started);
        let begin_ns = self.orders.play_start_ns + stage.start_ns;
        let ahead = u64::from((player + 1).saturating_sub(from));
        match (ahead, to.checked_sub(from)) {
            (0, _) => Some(begin_ns),
            (_, Some(coming)) if player < to => {
                let since = u128::from(ahead) * u128::from(stage.length_ns());
                let since_ns = since / u128::from(coming).max(1);
                // Never behind the end of the stage, which is another's.
                Some(begin_ns + (since_ns as u64).min(stage.length_ns() - 1))
            }
            _ => None,
        }
    }

    /// Whether a player of this shard follows its script in its own time at an instant.
    pub(super) fn is_wanted(&self, index: u32, at_ns: u64) -> bool {
        if at_ns >= self.orders.play_end_ns {
            return false;
        }
        let since_ns = at_ns.saturating_sub(self.orders.play_start_ns);
        let scenario = &self.plan.scenario;
        let stage = &scenario.stages[scenario.stage_at(since_ns)];
        let Load::Closed { from, to } = stage.load else { return false };
        let into_ns = i128::from(since_ns.saturating_sub(stage.start_ns).min(stage.length_ns()));
        let change = (i128::from(to) - i128::from(from)) * into_ns;
        let wanted = i128::from(from) + change / i128::from(stage.length_ns());
        // Who has just come on a ramp is there, whatever the division left out.
        i128::from(self.player(index)) < wanted + i128::from(to > from)
    }

    /// What is noted of the stage that an instant of the play lies in.
    pub(super) fn stage_record(&mut self, at_ns: u64) -> Option<&mut StageRecord> {
        let since_ns = at_ns.checked_sub(self.orders.play_start_ns)?;
        if at_ns >= self.orders.play_end_ns {
            return None;
        }
        let index = self.plan.scenario.stage_at(since_ns);
        self.record.stages.get_mut(index)
    }

    fn present_stage(&self) -> Option<&Stage> {
        self.plan.scenario.stages.get(self.stages_begun.checked_sub(1)?)
    }

    /// The number of a player of this shard among all players, who are dealt to the shards in turn.
    fn player(&self, index: u32) -> u32 {
        index * self.plan.shares.len() as u32 + self.shard
    }
}

/// Requests of a stage that are dealt to the players in turn.
fn even_events(stage: &Stage) -> u64 {
    match stage.load {
        Load::Even(curve) => curve.events(),
        Load::Idle | Load::Closed { .. } | Load::Poisson(_) => 0,
    }
}
