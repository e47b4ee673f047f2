//! Disturbances on purpose: lost connections, users that leave, and the reconnect storm.

use super::Crowd;
use super::user::Phase;
use crate::random::{Purpose, choice};
use crate::record::Storm;
use crate::schedule::Due;

impl Crowd {
    /// Does what is due of churn and storm.
    pub(super) fn disturb(&mut self, now_ns: u64) {
        if self.storm_due_ns().is_some_and(|due_ns| due_ns <= now_ns) {
            self.storm(now_ns);
        }
        while let Some(Due { due_ns, .. }) = self.churn.take(now_ns) {
            let since_ns = due_ns - self.orders.play_start_ns;
            let mut random = choice(self.plan.options.seed, self.shard, since_ns, Purpose::Churn);
            let index = random.below(u64::from(self.share.users)) as u32;
            let user = self.user(index);
            // A new login knows nothing of the answers that repeats are for.
            if user.phase == Phase::Playing && !user.doomed && !user.ledger.owes_repeats() {
                user.leaving = true;
                self.leave_if_idle(index, now_ns);
            }
        }
    }

    /// When the storm begins, while that is still to come.
    pub(super) fn storm_due_ns(&self) -> Option<u64> {
        let after_ns = self.plan.options.storm_ns?;
        let ahead = self.playing && self.record.storm.is_none();
        ahead.then(|| self.orders.play_start_ns + after_ns)
    }

    /// Whether everybody whom the storm threw out is back.
    pub(super) fn storm_is_over(&self) -> bool {
        self.record.storm.is_none_or(|storm| storm.missing == 0)
    }

    fn storm(&mut self, now_ns: u64) {
        let mut dropped = 0;
        for index in 0..self.share.users {
            if self.user(index).phase == Phase::Playing {
                self.user(index).stormed = true;
                self.drop_connection(index, now_ns);
                dropped += 1;
            }
        }
        let recovered_ns = now_ns;
        self.record.storm =
            Some(Storm { dropped, missing: dropped, began_ns: now_ns, recovered_ns });
    }

    /// A user is attached: one less is missing, if the storm had thrown it out.
    pub(super) fn on_back(&mut self, index: u32, now_ns: u64) {
        if !std::mem::take(&mut self.user(index).stormed) {
            return;
        }
        if let Some(storm) = &mut self.record.storm {
            storm.missing -= 1;
            storm.recovered_ns = now_ns;
        }
    }

    /// Loses the connection of a user on purpose; it attaches again at once.
    pub(super) fn drop_connection(&mut self, index: u32, now_ns: u64) {
        self.record.counters.drops += 1;
        self.part(index, true, now_ns);
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
        self.part(index, true, now_ns);
        self.queue.push_back(index);
    }
}
