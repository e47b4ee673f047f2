//! The session against a naive model of rules M12 to M19, for random operations.
//!
//! The model is written for reading: every entry keeps the two attach indexes of the rules, every
//! sweep lowers every stamp, everything is searched for. It must agree with the session on every
//! verdict, every answer that is sent, and every count.
//!
//! Short histories of few ids meet every rule in every order. Long ones of many ids, spaced evenly as
//! clients count them or so that they collide in any table of a power of two, fill and empty what the
//! session keeps many times over.
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
    /// A request with the id of this number.
    Request(u32),
    /// The next request of a client that counts its ids up.
    Next,
    /// A repeat of one of the last requests that a client made.
    Repeat(prop::sample::Index),
    /// Ends one of the running handlers with content of this length; none: it fails.
    Answer(prop::sample::Index, Option<usize>),
}

fn content_bytes() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![
        8 => (0_usize..40).prop_map(Some),
        2 => (40_usize..4000).prop_map(Some),
        1 => Just(None),
        1 => (65_529_usize..65_533).prop_map(Some),
    ]
}

fn answer() -> impl Strategy<Value = Operation> {
    (any::<prop::sample::Index>(), content_bytes())
        .prop_map(|(handler, bytes)| Operation::Answer(handler, bytes))
}

/// Operations on so many ids.
fn operation(ids: u32) -> impl Strategy<Value = Operation> {
    prop_oneof![
        1 => Just(Operation::Attach),
        8 => (0..ids).prop_map(Operation::Request),
        6 => answer(),
    ]
}

/// Operations of a client that counts its ids up, repeats some, and uses some again.
fn counting_operation(ids: u32) -> impl Strategy<Value = Operation> {
    prop_oneof![
        1 => Just(Operation::Attach),
        20 => Just(Operation::Next),
        15 => any::<prop::sample::Index>().prop_map(Operation::Repeat),
        4 => (0..ids).prop_map(Operation::Request),
        25 => answer(),
    ]
}

/// How far apart the ids of a client are. Ids of the last two steps share their low bits, where a
/// table would look for them.
fn stride() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![1, 8, 1 << 20])
}

fn few(max: u32) -> impl Strategy<Value = SessionPolicy> {
    let bytes = prop_oneof![Just(usize::MAX), Just(0), 48_usize..2000];
    policy(0..max, bytes, prop_oneof![Just(u32::MAX), 0_u32..12])
}

fn many() -> impl Strategy<Value = SessionPolicy> {
    let bytes = prop_oneof![Just(usize::MAX), 2000_usize..50_000, 50_000_usize..1_000_000];
    policy(6_u32..=200, bytes, prop_oneof![Just(u32::MAX), 4_u32..200])
}

fn policy(
    expired_number: impl Strategy<Value = u32>,
    bytes: impl Strategy<Value = usize>,
    pending: impl Strategy<Value = u32>,
) -> impl Strategy<Value = SessionPolicy> {
    let all = (any::<bool>(), expired_number, bytes, pending);
    all.prop_map(|(replay_duplicates, e, bytes, pending)| SessionPolicy {
        compat: Compat::Strict,
        replay_duplicates,
        expired_number: e,
        cache_bytes_max: bytes,
        pending_requests_max: pending,
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
                self.session.attach(&AttachLine::parse(&line), &policy).unwrap();
                (Said::Nothing, Said::Nothing)
            }
            Operation::Request(number) => self.request(self.id(*number)),
            Operation::Next => {
                self.counted += 1;
                self.request(self.id(self.counted))
            }
            Operation::Repeat(place) => {
                let back = place.index(self.counted.clamp(1, REPEATED_MAX) as usize);
                self.request(self.id(self.counted.saturating_sub(back as u32)))
            }
            Operation::Answer(_, _) if self.handlers.is_empty() => (Said::Nothing, Said::Nothing),
            Operation::Answer(handler, bytes) => {
                let (ticket, serial) =
                    self.handlers.swap_remove(handler.index(self.handlers.len()));
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
fn compare(
    policy: SessionPolicy,
    stride: u32,
    operations: &[Operation],
) -> Result<(), TestCaseError> {
    let mut side = Side::new(policy, stride);
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
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// WIRE M12, M13, M14, M15, M16, M17, M18.
    #[test]
    fn the_session_does_what_the_model_does(
        policy in few(6),
        stride in stride(),
        operations in (1_u32..40).prop_flat_map(|ids| prop::collection::vec(operation(ids), 1..300)),
    ) {
        compare(policy, stride, &operations)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// WIRE M11, M13, M15, M17, M18 in sessions that remember much.
    #[test]
    fn long_histories_of_many_ids_are_remembered_alike(
        policy in many(),
        stride in stride(),
        operations in (1_u32..1000)
            .prop_flat_map(|ids| prop::collection::vec(counting_operation(ids), 1000..5000)),
    ) {
        compare(policy, stride, &operations)?;
    }
}

/// A session that has attached once, and answers requests at once.
struct Busy {
    session: Session,
    policy: SessionPolicy,
    ids: u32,
}

impl Busy {
    fn new(expired_number: u32) -> Busy {
        let policy = SessionPolicy {
            compat: Compat::Strict,
            replay_duplicates: false,
            expired_number,
            cache_bytes_max: usize::MAX,
            pending_requests_max: 1,
        };
        let session = Session::new(Secret::new([3; 8]));
        let mut busy = Busy { session, policy, ids: 0 };
        busy.attach();
        busy
    }

    fn attach(&mut self) {
        let index = self.session.attach_index() + 1;
        let line = attach::format(b"u", index, self.session.secret());
        self.session.attach(&AttachLine::parse(&line), &self.policy).unwrap();
    }

    /// So many new requests and their answers.
    fn answer(&mut self, count: u32) {
        for _ in 0..count {
            self.ids += 1;
            assert!(self.runs(self.ids));
        }
    }

    /// Whether a request runs; if so it is answered.
    fn runs(&mut self, id: u32) -> bool {
        let ticket = match self.session.on_request(id, &self.policy) {
            Verdict::Run(ticket) => ticket,
            Verdict::Replay(answer) => {
                assert_eq!(answer.content, id.to_be_bytes());
                return false;
            }
            verdict => panic!("{verdict:?}"),
        };
        let content = id.to_be_bytes();
        self.session.on_answer(ticket, Answer::Content(&content), &self.policy).unwrap();
        true
    }
}

/// WIRE M19: an answer outlives E - 1 further ones whatever came before, and not always more.
#[test]
fn an_answer_is_kept_for_as_many_answers_as_is_promised() {
    for expired_number in 1..12 {
        for further in 0..=expired_number {
            let forgotten = (0..3 * expired_number).filter(|&earlier| {
                let mut busy = Busy::new(expired_number);
                busy.answer(earlier + 1 + further);
                busy.attach();
                busy.runs(earlier + 1)
            });
            let is_promised = further < expired_number;
            assert_eq!(forgotten.count() == 0, is_promised, "E {expired_number}, {further} more");
        }
    }
}
