//! Disturbances on purpose: lost connections, users that leave, and reconnect storms.

use super::Crowd;
use super::dial::Parting;
use super::user::Phase;
use crate::arrival::Due;
use crate::random::{Purpose, choice};
use crate::record::Storm;

impl Crowd {
    /// Lets those leave whose turn it is.
    pub(super) fn churn(&mut self, now_ns: u64) {
        while let Some(Due { due_ns, .. }) = self.churn.take(now_ns) {
            if due_ns >= self.orders.play_end_ns {
                return;
            }
            let since_ns = due_ns - self.orders.play_start_ns;
            let mut random = choice(self.plan.options.seed, self.shard, since_ns, Purpose::Churn);
            let index = random.below(u64::from(self.share.users)) as u32;
            self.log_out(index, now_ns);
        }
    }

    /// A user is to leave and log in anew, once it owes nothing to the wire. Nothing comes of it
    /// when it has no connection, or has lost one with something unanswered: a new login knows
    /// nothing of the answers that repeats are for.
    pub(super) fn log_out(&mut self, index: u32, now_ns: u64) {
        let user = self.user(index);
        if user.phase == Phase::Playing && !user.doomed && !user.ledger.owes_repeats() {
            user.leaving = true;
            self.leave_if_idle(index, now_ns);
        }
    }

    /// Whether everybody whom a storm threw out is back.
    pub(super) fn storms_are_over(&self) -> bool {
        self.record.storm().is_none_or(|storm| storm.missing == 0)
    }

    /// The storm at the beginning of a stage.
    pub(super) fn storm(&mut self, stage: u8, drop_ppm: u32, now_ns: u64) {
        let seed = self.plan.options.seed;
        let mut dropped = 0;
        for index in 0..self.share.users {
            let mut random = choice(seed, self.number(index), stage.into(), Purpose::Storm);
            if self.user(index).phase == Phase::Playing && random.chance(drop_ppm) {
                self.user(index).stormed = Some(stage);
                self.drop_connection(index, now_ns);
                dropped += 1;
            }
        }
        self.record.stages[usize::from(stage)].storm =
            Some(Storm { dropped, missing: dropped, began_ns: now_ns, recovered_ns: now_ns });
    }

    /// A user is attached: one less is missing, if a storm had thrown it out.
    pub(super) fn on_back(&mut self, index: u32, now_ns: u64) {
        let Some(stage) = self.user(index).stormed.take() else { return };
        if let Some(storm) = &mut self.record.stages[usize::from(stage)].storm {
            storm.missing -= 1;
            storm.recovered_ns = now_ns;
        }
    }

    /// Loses the connection of a user on purpose; it attaches again at once.
    pub(super) fn drop_connection(&mut self, index: u32, now_ns: u64) {
        self.record.counters.drops += 1;
        self.part(index, Parting::Dropped, now_ns);
        self.queue.push_back(index);
    }

    /// A user that wants to leave does so when it owes nothing to the wire, and logs in anew: the
    /// answers of the old login are gone with it.
    pub(super) fn leave_if_idle(&mut self, index: u32, now_ns: u64) {
        let user = self.user(index);
        if !user.leaving || user.ledger.in_flight() > 0 {
            return;
        }
        user.granted = None;
        self.record.counters.churns += 1;
        self.say_goodbye(index);
        self.part(index, Parting::Dropped, now_ns);
        self.queue.push_back(index);
    }
}
