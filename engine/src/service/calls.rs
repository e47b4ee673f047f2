//! The calls of one shard that are open.
//!
//! A call is a record in a slab until its future has taken the answer or is dropped. Most calls are
//! answered before the turn in which they were made is over, so a deadline is looked after only from
//! then on.

use std::collections::BTreeSet;
use std::mem;
use std::task::Waker;

use super::address::Recipient;
use super::content::Content;
use super::fault::Fault;
use super::slab::{Key, Slab};
use super::trace::{Callers, TraceId};
use crate::mutation::{self, Mutation};
use crate::shard::connections::NEVER;

/// A call from its beginning until its answer is taken.
pub(crate) struct Record {
    pub(crate) to: Recipient,
    pub(crate) trace: TraceId,
    pub(crate) callers: Callers,
    pub(crate) began_ms: u64,
    pub(crate) deadline_ms: u64,
    /// It waits for an end rather than for an answer.
    pub(crate) is_watch: bool,
    /// Its letter has left the outbox.
    pub(crate) is_posted: bool,
    state: State,
}

enum State {
    Open { waiting: Option<Waker>, is_due: bool },
    Answered(Result<Content, Fault>),
}

impl Record {
    pub(crate) fn new(to: Recipient, trace: TraceId, callers: Callers, began_ms: u64) -> Record {
        let state = State::Open { waiting: None, is_due: false };
        let (deadline_ms, is_watch, is_posted) = (NEVER, false, false);
        Record { to, trace, callers, began_ms, deadline_ms, is_watch, is_posted, state }
    }

    /// Whether it has no answer yet.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }
}

/// The calls of a shard.
#[derive(Default)]
pub(crate) struct Calls {
    records: Slab<Record>,
    /// Made in this turn.
    fresh: Vec<Key>,
    /// Open ones by deadline.
    due: BTreeSet<(u64, Key)>,
    /// Open ones that are no watches.
    open: usize,
}

impl Calls {
    /// Records there are.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Calls without an answer; watches do not count.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    pub(crate) fn begin(&mut self, record: Record) -> Key {
        self.open += usize::from(!record.is_watch);
        let key = self.records.insert(record);
        self.fresh.push(key);
        key
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Record> {
        self.records.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Record> {
        self.records.get_mut(key)
    }

    /// Sets the deadline of a call, unless its letter has left or the deadline is looked after by now.
    pub(crate) fn set_deadline(&mut self, key: Key, deadline_ms: u64) {
        let Some(record) = self.records.get_mut(key) else { return };
        let is_fresh = matches!(record.state, State::Open { is_due: false, .. });
        if is_fresh && !record.is_posted && !record.is_watch {
            record.deadline_ms = deadline_ms;
        }
    }

    /// Leaves an answer, for whoever is to be woken; gives it back when nobody waits for it.
    pub(crate) fn answer(
        &mut self,
        key: Key,
        result: Result<Content, Fault>,
    ) -> Result<Option<Waker>, Result<Content, Fault>> {
        let key = match mutation::active(Mutation::AnswerAnybody) {
            true => self.records.at(key.slot).unwrap_or(key),
            false => key,
        };
        let Some(record) = self.records.get_mut(key).filter(|record| record.is_open()) else {
            return Err(result);
        };
        let state = mem::replace(&mut record.state, State::Answered(result));
        let State::Open { waiting, is_due } = state else { unreachable!("it was open") };
        let (deadline_ms, is_watch) = (record.deadline_ms, record.is_watch);
        self.closed(key, deadline_ms, is_watch, is_due);
        Ok(waiting)
    }

    /// The answer, whose record is gone then. Without one, `waiting` is woken when it comes.
    pub(crate) fn take(&mut self, key: Key, waiting: &Waker) -> Option<Result<Content, Fault>> {
        match &mut self.records.get_mut(key)?.state {
            State::Open { waiting: earlier, .. } => {
                if !earlier.as_ref().is_some_and(|earlier| earlier.will_wake(waiting)) {
                    *earlier = Some(waiting.clone());
                }
                None
            }
            State::Answered(_) => match self.records.remove(key)?.state {
                State::Answered(result) => Some(result),
                State::Open { .. } => unreachable!("it was answered"),
            },
        }
    }

    /// Forgets a call.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Record> {
        let record = self.records.remove(key)?;
        if let State::Open { is_due, .. } = record.state {
            self.closed(key, record.deadline_ms, record.is_watch, is_due);
        }
        Some(record)
    }

    fn closed(&mut self, key: Key, deadline_ms: u64, is_watch: bool, is_due: bool) {
        self.open -= usize::from(!is_watch);
        if is_due {
            self.due.remove(&(deadline_ms, key));
        }
    }

    /// Looks after the deadlines of what was made since the last time and is open still. The
    /// earliest deadline.
    pub(crate) fn look_after(&mut self) -> Option<u64> {
        for key in self.fresh.drain(..) {
            if mutation::active(Mutation::ForgetDeadlines) {
                continue;
            }
            let Some(record) = self.records.get_mut(key) else { continue };
            let deadline_ms = record.deadline_ms;
            if let State::Open { is_due, .. } = &mut record.state
                && deadline_ms < NEVER
            {
                *is_due = true;
                self.due.insert((deadline_ms, key));
            }
        }
        self.due.first().map(|(due_ms, _)| *due_ms)
    }

    /// A call whose deadline has come; it stays open.
    pub(crate) fn late(&self, now_ms: u64) -> Option<Key> {
        let (due_ms, key) = self.due.first()?;
        (*due_ms <= now_ms).then_some(*key)
    }

    /// The keys of all records, by place.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.records.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever holds a call may say its deadline at any time: what was filed stays where it is.
    #[test]
    fn a_deadline_that_is_looked_after_does_not_change() {
        let mut calls = Calls::default();
        let record = Record::new("somebody".into(), TraceId::NONE, Callers::default(), 0);
        let key = calls.begin(Record { deadline_ms: 100, ..record });
        calls.set_deadline(key, 50);
        assert_eq!(calls.look_after(), Some(50));
        calls.set_deadline(key, 70);
        assert_eq!(calls.late(50), Some(key));
        assert!(calls.answer(key, Ok(Content::NOTHING)).is_ok());
        assert_eq!(calls.late(u64::MAX), None);
    }
}
