//! A session: what the server keeps of one logged-in user, connected or not (WIRE M5 to M21).
//!
//! It is born at login with the secret agreed there, judges attach lines, decides for every request
//! whether it is run, and remembers the answers. Connections come and go; at most one is attached,
//! the one whose attach line was accepted last. Requests are thought of as arriving under the
//! current attach index: whoever drives the session closes the older connection when
//! [`Session::attach`] accepts a newer one, and feeds nothing from it any more.
//!
//! Attach indexes only rise, so "the connection attached under index n" is unambiguous for the life
//! of the session, and a session of login v1 that was never used owns no memory beyond itself.

use std::fmt;

use super::attach::{AttachAnswer, AttachLine};
use super::attach_v2::{AttachHello, Challenged, Ratchet};
use super::cache::Cache;
pub use super::cache::{ANSWER_OVERHEAD_BYTES, CACHE_BYTES_MAX};
use super::response::Flag;
use crate::crypt::{Secret, base64decode_as, hmac_hash, proof_matches};
use crate::decode::Compat;
use crate::login::LoginSecret;

/// What a listener lays down for its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// How leniently attach lines are read (WIRE M3, M4).
    pub compat: Compat,
    /// Whether a repeat of an answered request on the same attach gets the stored answer. Skynet
    /// runs it again (WIRE M15).
    pub replay_duplicates: bool,
    /// Answers kept at least, if the bytes allow; at most twice as many less one (WIRE M17). 0 is
    /// taken as 1, more than 2^30 as 2^30.
    pub expired_number: u32,
    /// Bytes that the stored answers may cost: their contents and 48 bytes for each (WIRE M18). The
    /// memory they take is less than three times that. 0 keeps none, which gives up at-most-once;
    /// more than 2^29 is taken as 2^29.
    pub cache_bytes_max: usize,
    /// Requests that may wait for their handlers at once (WIRE M12). 0 refuses every request.
    pub pending_requests_max: u32,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a request to run is remembered as running"]
pub enum Verdict<'a> {
    /// Run the handler, then call [`Session::on_answer`] with the ticket, exactly once.
    Run(Ticket),
    /// Send this to the connection that the request came from; the handler does not run.
    Replay(StoredAnswer<'a>),
    /// Do nothing: the handler runs already and its answer will be sent to this connection.
    Absorbed,
    /// Close the connection: the id was repeated twice while its handler ran (WIRE M13).
    Conflict,
    /// Answer with flag 0 and empty content: too many requests are pending. Nothing is remembered,
    /// so the client may try again (WIRE M12).
    Refused,
}

/// A claim on one run of a handler. It is good for the session that gave it out and for no other:
/// whoever keeps sessions in reused slots tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The client's number for the request, above a serial number that tells it from others with the
    /// same id. One word, because a processor that reads two fields at once which were written one by
    /// one waits until all it has written before is in its cache.
    pub(super) name: u64,
    /// Where its entry is, so that nothing is searched for.
    pub(super) slot: u32,
}

impl Ticket {
    /// The client's number for the request.
    #[must_use]
    pub fn id(self) -> u32 {
        (self.name >> 32) as u32
    }
}

/// What a handler said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Content, which becomes a response with flag 1; if it does not fit one, a failure (WIRE M10).
    Content(&'a [u8]),
    /// The same without that limit, for a connection whose messages have none in the protocol. Whoever
    /// replays it on another must look at its length.
    Unframed(&'a [u8]),
    /// The handler failed: flag 0, no content.
    Failed,
}

/// An answer as it is sent; with the request's id it makes a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredAnswer<'a> {
    /// Whether the handler failed.
    pub flag: Flag,
    /// At most [`CONTENT_BYTES_MAX`](super::response::CONTENT_BYTES_MAX) bytes, unless it was
    /// [`Answer::Unframed`].
    pub content: &'a [u8],
}

/// What a session keeps that is not needed to find out whose message it is.
struct Kept {
    cache: Cache,
    /// The keys of a session that began with login v2.
    keys: Option<Box<Ratchet>>,
}

impl Kept {
    /// Of a session that began with login v1.
    fn new() -> Box<Kept> {
        Box::new(Kept { cache: Cache::new(), keys: None })
    }
}

/// One logged-in user on one message server.
pub struct Session {
    /// The secret of login v1; nought after login v2, whose keys are kept elsewhere.
    secret: Secret,
    attach_index: u64,
    /// Allocated by the first request, or by login v2.
    kept: Option<Box<Kept>>,
}

impl Session {
    /// A session as login leaves it: attach index 0, nothing remembered (WIRE M20).
    #[must_use]
    pub fn new(secret: impl Into<LoginSecret>) -> Session {
        let (secret, kept) = match secret.into() {
            LoginSecret::V1(secret) => (secret, None),
            LoginSecret::V2(key) => {
                let keys = Some(Box::new(Ratchet::new(key)));
                (Secret::new([0; 8]), Some(Box::new(Kept { cache: Cache::new(), keys })))
            }
        };
        Session { secret, attach_index: 0, kept }
    }

    /// Forgets all requests and answers, as a session does that has just begun.
    pub fn forget(&mut self) {
        self.attach_index = 0;
        if let Some(kept) = &mut self.kept {
            kept.cache = Cache::new();
        }
    }

    /// Whether it began with login v2, so that only attach v2 leads to it.
    #[must_use]
    pub fn is_v2(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.keys.is_some())
    }

    fn cache(&self) -> Option<&Cache> {
        self.kept.as_ref().map(|kept| &kept.cache)
    }

    fn cache_mut(&mut self) -> Option<&mut Cache> {
        self.kept.as_mut().map(|kept| &mut kept.cache)
    }

    /// The index of the last accepted attach line; 0 before the first.
    #[must_use]
    pub fn attach_index(&self) -> u64 {
        self.attach_index
    }

    /// Judges an attach line whose username led to this session (WIRE M5, checks 2 to 5). When it
    /// is accepted, its index is the current one from now on; when it is refused nothing changes.
    ///
    /// # Errors
    /// The refusal to send; [`AttachAnswer::uniform`] hides the reason where that is wanted.
    pub fn attach(
        &mut self,
        line: &AttachLine<'_>,
        policy: &SessionPolicy,
    ) -> Result<(), AttachAnswer> {
        if line.has_extra_fields && policy.compat == Compat::Strict {
            return Err(AttachAnswer::BadRequest);
        }
        let index = line.index_number(policy.compat).ok_or(AttachAnswer::BadRequest)?;
        let mac = base64decode_as(line.mac, policy.compat).map_err(|_| AttachAnswer::BadRequest)?;
        if index <= self.attach_index {
            return Err(AttachAnswer::IndexExpired);
        }
        let is_proved = proof_matches(&hmac_hash(self.secret.expose(), line.signed), &mac);
        if !is_proved || self.is_v2() {
            return Err(AttachAnswer::Unauthorized);
        }
        self.attach_index = index;
        Ok(())
    }

    /// Judges frame 3 of an attach v2 whose username led to this session (WIRE V15); frame 4. When it is
    /// accepted, its index is the current one and the session has its next key; when it is refused nothing
    /// changes.
    ///
    /// # Errors
    /// As [`Session::attach`].
    pub fn prove(
        &mut self,
        challenged: &Challenged,
        proof: &[u8],
    ) -> Result<Vec<u8>, AttachAnswer> {
        let index = AttachHello::parse(challenged.hello())?.index;
        let keys = self.kept.as_mut().and_then(|kept| kept.keys.as_mut());
        let Some(keys) = keys else {
            challenged.pretend(proof);
            return Err(AttachAnswer::Unauthorized);
        };
        let proved = keys.judge(challenged, proof);
        if index <= self.attach_index {
            return Err(AttachAnswer::IndexExpired);
        }
        let proved = proved.ok_or(AttachAnswer::Unauthorized)?;
        self.attach_index = index;
        **keys = proved.keys;
        Ok(proved.answer)
    }

    /// Decides on a request from the attached connection (WIRE M12 to M15).
    pub fn on_request(&mut self, id: u32, policy: &SessionPolicy) -> Verdict<'_> {
        let kept = self.kept.get_or_insert_with(Kept::new);
        kept.cache.on_request(id, self.attach_index, policy)
    }

    /// Takes what the handler of a request said (WIRE M16).
    ///
    /// Some: send it to the connection attached under the current attach index, if one is live.
    /// None: it is stored for a repeat, or discarded because its request was forgotten.
    pub fn on_answer<'a>(
        &'a mut self,
        ticket: Ticket,
        answer: Answer<'a>,
        policy: &SessionPolicy,
    ) -> Option<StoredAnswer<'a>> {
        let attach_index = self.attach_index;
        self.cache_mut()?.on_answer(ticket, answer, attach_index, policy)
    }

    /// Reads what the session owns, and does nothing else. A server that knows which sessions come
    /// next calls this for all of them, and then [`Session::warm_answers`] for all of them, so that
    /// their ways to memory overlap.
    pub fn warm(&self) {
        if let Some(cache) = self.cache() {
            cache.warm();
        }
    }

    /// Reads where the next answers are to be stored, about so many bytes of them.
    pub fn warm_answers(&self, bytes: usize) {
        if let Some(cache) = self.cache() {
            cache.warm_answers(bytes);
        }
    }

    /// Retires the oldest stored answer, for a server that must make room; the bytes that it cost,
    /// 0 when there is none. What it answered runs again when it is repeated (WIRE M18).
    pub fn retire_oldest(&mut self) -> usize {
        let Some(cache) = self.cache_mut() else { return 0 };
        let before = cache.bytes();
        cache.retire_oldest();
        before - cache.bytes()
    }

    /// Retires every stored answer and gives their memory back, for a server that is short of it. What
    /// they answered runs again when it is repeated (WIRE M18).
    pub fn retire_all(&mut self) {
        if let Some(cache) = self.cache_mut() {
            cache.retire_all();
        }
    }

    /// Overwrites the secret in its place, for a session that has ended: what is moved away later
    /// leaves its bytes behind.
    pub fn wipe(&mut self) {
        self.secret = Secret::new([0; 8]);
        if let Some(kept) = &mut self.kept {
            kept.keys = None;
        }
    }

    /// Handlers that run, those included whose requests were forgotten in a conflict.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.cache().map_or(0, Cache::pending_count)
    }

    /// Answers that are stored.
    #[must_use]
    pub fn answered_count(&self) -> usize {
        self.cache().map_or(0, Cache::answered_count)
    }

    /// What the stored answers cost, never above [`SessionPolicy::cache_bytes_max`].
    #[must_use]
    pub fn cache_bytes(&self) -> usize {
        self.cache().map_or(0, Cache::bytes)
    }

    /// Bytes of memory that the stored answers take up, those among them that the next answers will use.
    #[must_use]
    pub fn cache_memory_bytes(&self) -> usize {
        self.cache().map_or(0, Cache::heap_bytes)
    }
}

/// The counts, and neither secret nor contents.
impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("attach_index", &self.attach_index)
            .field("pending_count", &self.pending_count())
            .field("answered_count", &self.answered_count())
            .field("cache_bytes", &self.cache_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: SessionPolicy = SessionPolicy {
        compat: Compat::Strict,
        replay_duplicates: false,
        expired_number: 128,
        cache_bytes_max: 1 << 20,
        pending_requests_max: 16,
    };

    #[test]
    fn a_session_is_small_and_owns_nothing_until_it_is_used() {
        assert!(size_of::<Session>() <= 32);
        assert!(size_of::<Cache>() <= 136);
        let mut session = Session::new(Secret::new([1; 8]));
        let line = super::super::attach::format(b"u", 1, &Secret::new([1; 8]));
        session.attach(&AttachLine::parse(&line), &POLICY).unwrap();
        assert!(session.kept.is_none());
        assert!(matches!(session.on_request(1, &POLICY), Verdict::Run(_)));
        assert!(session.kept.is_some());
    }

    /// WIRE M10. Without frames there is no such limit, and what is stored is whole.
    #[test]
    fn an_answer_without_a_frame_may_be_longer_than_one() {
        let mut session = Session::new(Secret::new([1; 8]));
        let content = vec![7; 100_000];
        for (id, answer) in [(1, Answer::Unframed(&content)), (2, Answer::Content(&content))] {
            let Verdict::Run(ticket) = session.on_request(id, &POLICY) else {
                panic!("a new request is run");
            };
            session.on_answer(ticket, answer, &POLICY);
        }
        let line = super::super::attach::format(b"u", 1, &Secret::new([1; 8]));
        session.attach(&AttachLine::parse(&line), &POLICY).unwrap();
        let whole = StoredAnswer { flag: Flag::Ok, content: &content };
        assert_eq!(session.on_request(1, &POLICY), Verdict::Replay(whole));
        let failed = StoredAnswer { flag: Flag::Error, content: &[] };
        assert_eq!(session.on_request(2, &POLICY), Verdict::Replay(failed));
    }

    #[test]
    fn a_session_prints_neither_secret_nor_contents() {
        let mut session = Session::new(Secret::new(*b"ABCDEFGH"));
        let Verdict::Run(ticket) = session.on_request(1, &POLICY) else {
            panic!("the first request is run");
        };
        session.on_answer(ticket, Answer::Content(b"private"), &POLICY);
        let printed = format!("{session:?}");
        assert!(printed.contains("cache_bytes: 55"), "{printed}");
        assert!(!printed.contains("ABCD") && !printed.contains("private"), "{printed}");
    }
}
