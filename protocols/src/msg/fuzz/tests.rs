//! The session against its model for random operations, and what the model cannot say.
//!
//! Short histories of few ids meet every rule in every order. Long ones of many ids, spaced evenly as
//! clients count them or so that they collide in any table of a power of two, fill and empty what the
//! session keeps many times over.

use proptest::prelude::*;

use super::model::{Operation, compare};
use crate::Compat;
use crate::crypt::Secret;
use crate::msg::{Answer, AttachLine, Session, SessionPolicy, Verdict, attach};

fn content_bytes() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![
        8 => (0_usize..40).prop_map(Some),
        2 => (40_usize..4000).prop_map(Some),
        1 => Just(None),
        1 => (65_529_usize..65_533).prop_map(Some),
    ]
}

fn answer() -> impl Strategy<Value = Operation> {
    (any::<u32>(), content_bytes()).prop_map(|(handler, bytes)| Operation::Answer(handler, bytes))
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
        15 => any::<u32>().prop_map(Operation::Repeat),
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// WIRE M12, M13, M14, M15, M16, M17, M18.
    #[test]
    fn the_session_does_what_the_model_does(
        policy in few(6),
        stride in stride(),
        operations in (1_u32..40).prop_flat_map(|ids| prop::collection::vec(operation(ids), 1..300)),
    ) {
        compare(policy, stride, &operations);
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
        compare(policy, stride, &operations);
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
        let line = attach::format(b"u", index, &Secret::new([3; 8]));
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
