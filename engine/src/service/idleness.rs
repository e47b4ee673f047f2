//! Services of a class that have had nothing to do for long end, if their class says so: whoever makes up
//! keys makes up services, and must not fill the shard for ever.
//!
//! One timer a shard looks at all services of such classes, an eighth of the shortest idle time apart, so
//! a service ends within nine eighths of its time. It is armed while there is such a service.

use super::fault::ExitReason;
use super::settings::millis;
use super::slab::Key;
use super::table::Table;
use crate::shard::connections::NEVER;
use crate::shard::core::Core;
use crate::shard::deadlines::TimerKey;

/// Milliseconds between two looks, at least.
const LOOK_MS_MIN: u64 = 100;
/// The part of an idle time that passes between two looks.
const LOOK_PART: u64 = 8;

impl Table {
    /// How long a service may be idle, in milliseconds, of every class that has services and a limit.
    fn idle_limits(&self) -> impl Iterator<Item = (u64, &super::table::Class)> {
        let classes = self.classes.values().filter(|class| !class.services.is_empty());
        classes.filter_map(|class| Some((millis(class.settings.idle_time_max?), class)))
    }

    /// The services that have been idle for too long.
    fn idlers(&self, now_ms: u64) -> Vec<Key> {
        let mut idlers = Vec::new();
        for (limit_ms, class) in self.idle_limits() {
            let is_idle = |key: &Key| {
                self.instances.get(*key).is_some_and(|it| {
                    let is_quiet = it.inbox.is_empty() && it.jobs.is_empty() && !it.is_stopping;
                    is_quiet && it.active_ms.saturating_add(limit_ms) <= now_ms
                })
            };
            idlers.extend(class.services.values().copied().filter(is_idle));
        }
        // The map is walked in no order that anybody knows.
        idlers.sort_unstable();
        idlers
    }
}

impl Core {
    /// Has the wheel look at idle services, unless it will in time.
    pub(super) fn expect_idleness(&mut self) {
        let shortest = {
            let table = self.side.services.table.borrow();
            table.idle_limits().map(|(limit_ms, _)| limit_ms).min()
        };
        let Some(limit_ms) = shortest else { return };
        let due_ms = self.now_ms.saturating_add((limit_ms / LOOK_PART).max(LOOK_MS_MIN));
        if due_ms < self.deliveries.idlers_ms {
            self.deliveries.idlers_ms = due_ms;
            self.timers.arm(due_ms, TimerKey::IdleServices);
        }
    }

    /// Ends who has been idle for too long.
    pub(crate) fn on_idle_services_timer(&mut self) {
        if self.deliveries.idlers_ms > self.now_ms {
            return; // It was brought forward, and looked at since.
        }
        self.deliveries.idlers_ms = NEVER;
        let idlers = self.side.services.table.borrow().idlers(self.now_ms);
        for key in idlers {
            self.end_service(key, ExitReason::Stopped);
        }
        self.expect_idleness();
    }
}
