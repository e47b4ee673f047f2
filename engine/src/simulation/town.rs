//! What is known of the services that are played, apart from what the engine knows of them.
//!
//! Every message carries a note: who sent it, the how-many-eth it is from there to where it goes, and
//! a question that nobody else asks. So whoever starts to handle it sees whether an earlier one was
//! overtaken, and whoever gets an answer sees whether it is to his question.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::driver::sim::SimRandom;
use crate::service::{Address, ExitReason, Recipient};
use crate::shard::core::Core;

/// Milliseconds after its deadline at which a call must have ended: the clock's step and the
/// millisecond that is under way.
const LATE_MS_MAX: u64 = 4;
/// Milliseconds that a message may be on its way, there or back: shards look for mail that often.
const WAY_MS_MAX: u64 = 100;

/// What a message carries.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) sender: u64,
    pub(super) to: Recipient,
    /// Among those from this sender to there.
    pub(super) number: u64,
    pub(super) question: u64,
    /// What its receiver shall do.
    pub(super) plan: u64,
    /// Calls and sends it is inside of.
    pub(super) depth: u32,
}

/// A question that waits for its answer.
#[derive(Debug)]
struct Question {
    begun_ms: u64,
    deadline_ms: u64,
    /// Nobody waits for whoever asks.
    is_outermost: bool,
}

/// See the file's header.
pub(super) struct Town {
    random: SimRandom,
    senders: u64,
    questions: u64,
    /// Messages sent, and the last one that was started, by sender and recipient.
    sent: BTreeMap<(u64, Recipient), u64>,
    started: BTreeMap<(u64, Recipient), u64>,
    /// Questions that wait for an answer.
    open: BTreeMap<u64, Question>,
    /// When the drain began, and when it stops the services.
    drain_ms: Option<(u64, u64)>,
    /// Until then a shard stood still, or the clock had leapt: what was due is late.
    pub(super) unsteady_ms: u64,
    /// When a question was answered.
    answered_ms: BTreeMap<u64, u64>,
    /// Services there were.
    addresses: Vec<Address>,
    ends: BTreeMap<Address, (ExitReason, u64)>,
    /// Watches that have not ended.
    pub(super) watches: i64,
    /// Calls that ended with their answer, with a fault, and undecided.
    pub(super) calls: [u64; 3],
    /// What must never happen and did.
    pub(super) violations: Vec<String>,
}

/// The town of a seed.
pub(super) type Shared = Rc<RefCell<Town>>;

impl Town {
    pub(super) fn new(random: SimRandom) -> Shared {
        Rc::new(RefCell::new(Town {
            random,
            senders: 0,
            questions: 0,
            sent: BTreeMap::new(),
            started: BTreeMap::new(),
            open: BTreeMap::new(),
            drain_ms: None,
            unsteady_ms: 0,
            answered_ms: BTreeMap::new(),
            addresses: Vec::new(),
            ends: BTreeMap::new(),
            watches: 0,
            calls: [0; 3],
            violations: Vec::new(),
        }))
    }

    pub(super) fn check(&mut self, holds: bool, violation: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(violation());
        }
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    /// How long somebody waits for an answer: as long as it takes, as a rule.
    pub(super) fn patience_ms(&mut self) -> u64 {
        if self.below(8) > 0 { u64::MAX } else { self.below(20) }
    }

    /// Somebody new who may send.
    pub(super) fn new_sender(&mut self) -> u64 {
        self.senders += 1;
        self.senders
    }

    /// A note on its way.
    pub(super) fn note(&mut self, sender: u64, to: &Recipient, depth: u32) -> Note {
        self.questions += 1;
        let sent = self.sent.entry((sender, to.clone())).or_default();
        *sent += 1;
        let (number, plan) = (*sent, self.random.word());
        Note { sender, to: to.clone(), number, question: self.questions, plan, depth }
    }

    /// A note starts to be handled. (One may be missing: inboxes are small.)
    pub(super) fn start(&mut self, note: &Note) {
        let last = self.started.entry((note.sender, note.to.clone())).or_default();
        let (before, number) = (std::mem::replace(last, note.number), note.number);
        self.check(before < number, || {
            format!("message {number} of sender {} starts behind {before}", note.sender)
        });
    }

    /// It was handled.
    pub(super) fn answer(&mut self, note: &Note, now_ms: u64) {
        self.answered_ms.insert(note.question, now_ms);
    }

    pub(super) fn ask(&mut self, note: &Note, begun_ms: u64, deadline_ms: u64) {
        let is_outermost = note.depth == 0;
        self.open.insert(note.question, Question { begun_ms, deadline_ms, is_outermost });
    }

    pub(super) fn drain(&mut self, now_ms: u64, timeout_ms: u64) {
        self.drain_ms = Some((now_ms, now_ms + timeout_ms));
    }

    /// A service has ended while it was about a question. The end of the server is no reason for it
    /// as long as the drain lasts, if the question was asked before.
    pub(super) fn is_cut(&mut self, question: u64, reason: ExitReason, now_ms: u64) {
        let (Some(open), Some((drain_ms, stop_ms))) = (self.open.get(&question), self.drain_ms)
        else {
            return;
        };
        let is_waited_for = open.is_outermost && now_ms < open.deadline_ms;
        let counts = is_waited_for && open.begun_ms < drain_ms && now_ms < stop_ms;
        self.check(!counts || reason != ExitReason::ServerStopped, || {
            format!("question {question} was open when the server ended")
        });
    }

    pub(super) fn stop_asking(&mut self, question: u64) {
        self.open.remove(&question);
    }

    /// A question was answered with `answer`.
    pub(super) fn is_answered(&mut self, question: u64, answer: u64) {
        self.calls[0] += 1;
        self.check(question == answer, || format!("question {question} got answer {answer}"));
    }

    /// A call came to its deadline.
    pub(super) fn is_late(&mut self, question: u64, deadline_ms: u64, now_ms: u64) {
        self.check(now_ms >= deadline_ms, || {
            format!("question {question} ended {} ms early", deadline_ms - now_ms)
        });
        let answered_ms = self.answered_ms.get(&question).copied().unwrap_or(u64::MAX);
        let was_steady = answered_ms >= self.unsteady_ms;
        let lost = was_steady && answered_ms.saturating_add(WAY_MS_MAX) < deadline_ms;
        self.check(!lost, || format!("the answer to question {question} was lost"));
    }

    /// A call has ended, in whatever way.
    pub(super) fn is_over(&mut self, question: u64, deadline_ms: u64, now_ms: u64) {
        let due_ms = deadline_ms.max(self.unsteady_ms);
        self.check(now_ms <= due_ms.saturating_add(LATE_MS_MAX), || {
            format!("question {question} ended {} ms late", now_ms - deadline_ms)
        });
    }

    /// A service was started.
    pub(super) fn settle(&mut self, address: Address) {
        self.addresses.push(address);
    }

    /// One of the services there were.
    pub(super) fn somebody(&mut self) -> Option<Address> {
        let at = self.random.index(self.addresses.len().max(1));
        self.addresses.get(at).copied()
    }

    pub(super) fn end(&mut self, address: Address, reason: ExitReason, now_ms: u64) {
        let earlier = self.ends.insert(address, (reason, now_ms));
        self.check(earlier.is_none(), || format!("{address} ended twice"));
    }

    /// Whoever watched a service has heard why it ended.
    pub(super) fn hear_end(
        &mut self,
        address: Address,
        heard: ExitReason,
        begun_ms: u64,
        now_ms: u64,
    ) {
        self.watches -= 1;
        let real = self.ends.get(&address).copied();
        let fits = match (heard, real) {
            (ExitReason::Unknown, real) => real.is_some(),
            (ExitReason::NotWatched, _) | (ExitReason::ServerStopped, None) => true,
            (ExitReason::ServerStopped, Some((reason, end_ms))) => {
                reason == heard || end_ms.max(begun_ms) + WAY_MS_MAX > now_ms
            }
            (_, real) => real.is_some_and(|(reason, _)| reason == heard),
        };
        self.check(fits, || format!("the end of {address} was {real:?}, and heard as {heard:?}"));
    }
}

/// What must hold for the services of a shard after every turn.
pub(super) fn check_shard(core: &Core) {
    let table = core.side.services.table.borrow();
    for key in table.instances.keys() {
        let service = table.instances.get(key).expect("it is there");
        let (count, count_max) =
            (service.inbox.len() + service.running, service.settings.inbox_max);
        assert!(count <= count_max, "an inbox has {count} messages, {count_max} allowed");
        let at_once_max = service.settings.at_once;
        assert!(service.running <= at_once_max, "a service does {} at once", service.running);
    }
}

/// What must hold for them at the end.
pub(super) fn check_shard_at_the_end(core: &Core) {
    let board = &core.side.services;
    let table = board.table.borrow();
    let left = (table.instances.len(), table.jobs.len(), table.names.len(), table.classes.len());
    assert_eq!(left, (0, 0, 0, 0), "services, jobs, names or classes are left");
    assert_eq!(board.calls.borrow().len(), 0, "calls are left");
    assert_eq!(board.queued.get(), 0, "letters are left");
    assert!(core.deliveries.is_empty(), "letters are left");
    assert!(!core.side.has_tasks_or_forks(), "tasks are left");
}

impl Town {
    /// What must hold at the end.
    pub(super) fn check_the_end(&self) {
        assert!(self.open.is_empty(), "questions are open for ever: {:?}", self.open.keys());
        assert_eq!(self.watches, 0, "watches are left");
        assert_eq!(self.violations, [""; 0], "the town complains");
    }
}
