//! The calls under way of a caller that keeps them itself: their questions by place, and when each was
//! asked.

use std::sync::Arc;
use std::time::Instant;

use super::tally::{Plan, Tally};

/// A question or an answer, and the place of its call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbered {
    pub(super) slot: usize,
    pub(super) content: u64,
}

/// See the file's header.
pub(super) struct Slots {
    tally: Arc<Tally>,
    /// Of every call: its question, and when it was asked.
    calls: Vec<(u64, Instant)>,
}

impl Slots {
    pub(super) fn new(plan: &Plan) -> Slots {
        let calls = vec![(0, Instant::now()); plan.scenario.under_way];
        Slots { tally: Tally::new(plan.clone()), calls }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.calls.len()
    }

    /// The next question of a place, asked at this time.
    pub(super) fn ask(&mut self, slot: usize, at: Instant) -> Numbered {
        let content = self.tally.question();
        self.calls[slot] = (content, at);
        Numbered { slot, content }
    }

    /// Takes an answer. When the next question of its place is asked; none: it is not.
    pub(super) fn answered(&self, answer: Numbered) -> Option<Instant> {
        let (question, began) = self.calls[answer.slot];
        self.tally.check(question, answer.content);
        let next = self.tally.finished(began);
        if next.is_none() {
            self.tally.leave();
        }
        next
    }
}
