//! The session against a naive model of rules M12 to M19, for random operations.
//!
//! The model is written for reading: every entry keeps the two attach indexes of the rules, every
//! sweep lowers every stamp, everything is searched for. It must agree with the session on every
//! verdict, every answer that is sent, and every count.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use skyring_protocols::Compat;
use skyring_protocols::crypt::Secret;
use skyring_protocols::msg::{
    Answer, AttachLine, Flag, Session, SessionPolicy, StoredAnswer, Ticket, Verdict, attach,
};

/// What the rules say an answer costs beyond its content (WIRE M18).
const OVERHEAD_BYTES: usize = 48;

#[derive(Clone, Debug)]
enum Operation {
    Attach,
    Request(u32),
    /// Ends one of the running handlers with content of this length; none: it fails.
    Answer(prop::sample::Index, Option<usize>),
}

fn operation(ids: u32) -> impl Strategy<Value = Operation> {
    let content = prop_oneof![
        8 => (0_usize..40).prop_map(Some),
        1 => Just(None),
        1 => (65_529_usize..65_533).prop_map(Some),
    ];
    prop_oneof![
        1 => Just(Operation::Attach),
        8 => (0..ids).prop_map(Operation::Request),
        6 => (any::<prop::sample::Index>(), content)
            .prop_map(|(handler, bytes)| Operation::Answer(handler, bytes)),
    ]
}

fn policy() -> impl Strategy<Value = SessionPolicy> {
    let bytes = prop_oneof![Just(usize::MAX), Just(0), 48_usize..2000];
    let pending = prop_oneof![Just(u32::MAX), 0_u32..12];
    (any::<bool>(), 0_u32..6, bytes, pending).prop_map(|(replay_duplicates, e, bytes, pending)| {
        SessionPolicy {
            compat: Compat::Strict,
            replay_duplicates,
            expired_number: e,
            cache_bytes_max: bytes,
            pending_requests_max: pending,
            hash_key: 7,
        }
    })
}

#[derive(Clone)]
struct ModelEntry {
    serial: u64,
    received_under: u64,
    repeated_under: Option<u64>,
    answer: Option<(Flag, Vec<u8>)>,
    stamp: u64,
}

/// What the model says of a request or an answer.
#[derive(Debug, PartialEq)]
enum Said {
    Run,
    Send(Flag, Vec<u8>),
    Nothing,
    Conflict,
    Refused,
}

struct Model {
    policy: SessionPolicy,
    attach_index: u64,
    clock: u64,
    serial: u64,
    /// Handlers that run, forgotten ones included.
    running: usize,
    entries: BTreeMap<u32, ModelEntry>,
}

impl Model {
    fn on_request(&mut self, id: u32) -> Said {
        let under = self.attach_index;
        let Some(entry) = self.entries.get_mut(&id) else {
            return self.run(id);
        };
        if entry.answer.is_none() {
            if entry.repeated_under == Some(under) {
                self.entries.remove(&id);
                return Said::Conflict;
            }
            (entry.received_under, entry.repeated_under) = (under, Some(under));
            return Said::Nothing;
        }
        if entry.received_under == under && !self.policy.replay_duplicates {
            return self.run(id);
        }
        (entry.received_under, entry.stamp) = (under, self.clock);
        let (flag, content) = entry.answer.clone().unwrap();
        self.advance();
        Said::Send(flag, content)
    }

    fn run(&mut self, id: u32) -> Said {
        if self.running >= self.policy.pending_requests_max as usize {
            return Said::Refused;
        }
        self.running += 1;
        self.serial += 1;
        let (serial, received_under) = (self.serial, self.attach_index);
        let (repeated_under, answer, stamp) = (None, None, 0);
        let entry = ModelEntry { serial, received_under, repeated_under, answer, stamp };
        self.entries.insert(id, entry);
        Said::Run
    }

    fn on_answer(&mut self, id: u32, serial: u64, answer: (Flag, Vec<u8>)) -> Said {
        self.running -= 1;
        let mut said = Said::Nothing;
        if self.entries.get(&id).is_some_and(|entry| entry.serial == serial) {
            if self.entries[&id].received_under == self.attach_index {
                said = Said::Send(answer.0, answer.1.clone());
            }
            self.store(id, answer);
        }
        self.advance();
        said
    }

    fn store(&mut self, id: u32, answer: (Flag, Vec<u8>)) {
        let cost = answer.1.len() + OVERHEAD_BYTES;
        if cost > self.policy.cache_bytes_max {
            self.entries.remove(&id);
            return;
        }
        while self.bytes() > self.policy.cache_bytes_max - cost {
            let answered = self.entries.iter().filter(|(_, entry)| entry.answer.is_some());
            let oldest = *answered.min_by_key(|(_, entry)| entry.stamp).unwrap().0;
            self.entries.remove(&oldest);
        }
        let entry = self.entries.get_mut(&id).unwrap();
        (entry.answer, entry.stamp) = (Some(answer), self.clock);
    }

    fn advance(&mut self) {
        let expired_number = u64::from(self.policy.expired_number.max(1));
        self.clock += 1;
        if self.clock < 2 * expired_number {
            return;
        }
        self.entries.retain(|_, entry| entry.answer.is_none() || entry.stamp >= expired_number);
        let mut newest = 0;
        for entry in self.entries.values_mut().filter(|entry| entry.answer.is_some()) {
            entry.stamp -= expired_number;
            newest = newest.max(entry.stamp);
        }
        self.clock = newest + 1;
    }

    fn answered(&self) -> impl Iterator<Item = &(Flag, Vec<u8>)> {
        self.entries.values().filter_map(|entry| entry.answer.as_ref())
    }

    fn bytes(&self) -> usize {
        self.answered().map(|answer| answer.1.len() + OVERHEAD_BYTES).sum()
    }
}

/// The session beside its model, and the handlers that run.
struct Side {
    session: Session,
    model: Model,
    handlers: Vec<(Ticket, u64)>,
}

impl Side {
    fn new(policy: SessionPolicy) -> Side {
        let model = Model {
            policy,
            attach_index: 0,
            clock: 0,
            serial: 0,
            running: 0,
            entries: BTreeMap::new(),
        };
        Side { session: Session::new(Secret::new([3; 8])), model, handlers: Vec::new() }
    }

    /// Does one thing on both; what each says of it.
    fn apply(&mut self, operation: &Operation) -> (Said, Said) {
        let policy = self.model.policy;
        match operation {
            Operation::Attach => {
                self.model.attach_index += 1;
                let line = attach::format(b"u", self.model.attach_index, &Secret::new([3; 8]));
                self.session.attach(&AttachLine::parse(&line), &policy).unwrap();
                (Said::Nothing, Said::Nothing)
            }
            Operation::Request(id) => {
                let expected = self.model.on_request(*id);
                let actual = match self.session.on_request(*id, &policy) {
                    Verdict::Run(ticket) => {
                        assert_eq!(ticket.id, *id);
                        self.handlers.push((ticket, self.model.serial));
                        Said::Run
                    }
                    Verdict::Replay(StoredAnswer { flag, content }) => {
                        Said::Send(flag, content.to_vec())
                    }
                    Verdict::Absorbed => Said::Nothing,
                    Verdict::Conflict => Said::Conflict,
                    Verdict::Refused => Said::Refused,
                };
                (expected, actual)
            }
            Operation::Answer(_, _) if self.handlers.is_empty() => (Said::Nothing, Said::Nothing),
            Operation::Answer(handler, bytes) => {
                let (ticket, serial) =
                    self.handlers.swap_remove(handler.index(self.handlers.len()));
                let content = bytes.map(|bytes| vec![serial.to_le_bytes()[0]; bytes]);
                let fits = content.clone().filter(|content| content.len() <= 65_530);
                let answer = fits.map_or((Flag::Error, Vec::new()), |content| (Flag::Ok, content));
                let expected = self.model.on_answer(ticket.id, serial, answer);
                let said = content.as_deref().map_or(Answer::Failed, Answer::Content);
                let actual = self.session.on_answer(ticket, said, &policy);
                (expected, actual.map_or(Said::Nothing, |s| Said::Send(s.flag, s.content.into())))
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// WIRE M12 to M19.
    #[test]
    fn the_session_does_what_the_model_does(
        policy in policy(),
        operations in (1_u32..40).prop_flat_map(|ids| prop::collection::vec(operation(ids), 1..300)),
    ) {
        let mut side = Side::new(policy);
        for (number, operation) in operations.iter().enumerate() {
            let (expected, actual) = side.apply(operation);
            prop_assert_eq!(expected, actual, "operation {}: {:?}", number, operation);
            prop_assert_eq!(side.session.attach_index(), side.model.attach_index);
            prop_assert_eq!(side.session.pending_count(), side.model.running);
            prop_assert_eq!(side.session.answered_count(), side.model.answered().count());
            prop_assert_eq!(side.session.cache_bytes(), side.model.bytes());
            prop_assert!(side.session.cache_bytes() <= policy.cache_bytes_max);
            prop_assert!(side.session.answered_count() < 2 * policy.expired_number.max(1) as usize);
        }
    }
}
