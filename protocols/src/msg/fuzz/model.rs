//! The session against a naive model of rules M12 to M19, for random operations.
//!
//! The model is written for reading: every entry keeps the two attach indexes of the rules, every
//! sweep lowers every stamp, everything is searched for. It must agree with the session on every
//! verdict, every answer that is sent, and every count.

use std::collections::BTreeMap;

use crate::crypt::Secret;
use crate::msg::{
    Answer, AttachLine, Flag, Session, SessionPolicy, StoredAnswer, Ticket, Verdict, attach,
};

/// What the rules say an answer costs beyond its content (WIRE M18).
const OVERHEAD_BYTES: usize = 48;

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Attach,
    /// A request with the id of this number.
    Request(u32),
    /// The next request of a client that counts its ids up.
    Next,
    /// A repeat of one of the last requests that a client made.
    Repeat(u32),
    /// Ends one of the running handlers with content of this length; none: it fails.
    Answer(u32, Option<usize>),
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
        let (flag, content) = entry.answer.clone().expect("it was looked at");
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
            let oldest = *answered.min_by_key(|(_, entry)| entry.stamp).expect("there are bytes").0;
            self.entries.remove(&oldest);
        }
        let entry = self.entries.get_mut(&id).expect("it was found");
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
    stride: u32,
    /// Requests made by counting ids up.
    counted: u32,
}

/// How far back a client repeats requests.
const REPEATED_MAX: u32 = 100;

impl Side {
    fn new(policy: SessionPolicy, stride: u32) -> Side {
        let model = Model {
            policy,
            attach_index: 0,
            clock: 0,
            serial: 0,
            running: 0,
            entries: BTreeMap::new(),
        };
        let session = Session::new(Secret::new([3; 8]));
        Side { session, model, handlers: Vec::new(), stride, counted: 0 }
    }

    /// The id with this number; the numbers before 0 are those of the highest ids.
    fn id(&self, number: u32) -> u32 {
        number.wrapping_sub(10).wrapping_mul(self.stride)
    }

    fn request(&mut self, id: u32) -> (Said, Said) {
        let expected = self.model.on_request(id);
        let actual = match self.session.on_request(id, &self.model.policy) {
            Verdict::Run(ticket) => {
                assert_eq!(ticket.id(), id);
                self.handlers.push((ticket, self.model.serial));
                Said::Run
            }
            Verdict::Replay(StoredAnswer { flag, content }) => Said::Send(flag, content.to_vec()),
            Verdict::Absorbed => Said::Nothing,
            Verdict::Conflict => Said::Conflict,
            Verdict::Refused => Said::Refused,
        };
        (expected, actual)
    }

    /// Does one thing on both; what each says of it.
    fn apply(&mut self, operation: &Operation) -> (Said, Said) {
        let policy = self.model.policy;
        match operation {
            Operation::Attach => {
                self.model.attach_index += 1;
                let line = attach::format(b"u", self.model.attach_index, &Secret::new([3; 8]));
                self.session.attach(&AttachLine::parse(&line), &policy).expect("the next index");
                (Said::Nothing, Said::Nothing)
            }
            Operation::Request(number) => self.request(self.id(*number)),
            Operation::Next => {
                self.counted += 1;
                self.request(self.id(self.counted))
            }
            Operation::Repeat(place) => {
                let back = place % self.counted.clamp(1, REPEATED_MAX);
                self.request(self.id(self.counted.saturating_sub(back)))
            }
            Operation::Answer(_, _) if self.handlers.is_empty() => (Said::Nothing, Said::Nothing),
            Operation::Answer(handler, bytes) => {
                let place = *handler as usize % self.handlers.len();
                let (ticket, serial) = self.handlers.swap_remove(place);
                let content = bytes.map(|bytes| vec![serial.to_le_bytes()[0]; bytes]);
                let fits = content.clone().filter(|content| content.len() <= 65_530);
                let answer = fits.map_or((Flag::Error, Vec::new()), |content| (Flag::Ok, content));
                let expected = self.model.on_answer(ticket.id(), serial, answer);
                let said = content.as_deref().map_or(Answer::Failed, Answer::Content);
                let actual = self.session.on_answer(ticket, said, &policy);
                (expected, actual.map_or(Said::Nothing, |s| Said::Send(s.flag, s.content.into())))
            }
        }
    }
}

/// Does everything on both and compares after each operation.
pub(super) fn compare(policy: SessionPolicy, stride: u32, operations: &[Operation]) {
    let mut side = Side::new(policy, stride);
    for (number, operation) in operations.iter().enumerate() {
        let (expected, actual) = side.apply(operation);
        assert_eq!(expected, actual, "operation {}: {:?}", number, operation);
        assert_eq!(side.session.attach_index(), side.model.attach_index);
        assert_eq!(side.session.pending_count(), side.model.running);
        assert_eq!(side.session.answered_count(), side.model.answered().count());
        assert_eq!(side.session.cache_bytes(), side.model.bytes());
        assert!(side.session.cache_bytes() <= policy.cache_bytes_max);
        assert!(side.session.answered_count() < 2 * policy.expired_number.max(1) as usize);
    }
}
