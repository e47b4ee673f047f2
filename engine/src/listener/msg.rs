//! Message-server connections: the attach, then requests.
//!
//! The shard that accepted reads one frame and looks at the name in it only to find the owner. The
//! owner judges (WIRE.md, message server), answers, and keeps the connection.

use bytes::Bytes;
use skyring_protocols::msg::attach::{self, AttachAnswer, AttachLine};
use skyring_protocols::msg::attach_v2::{self, AttachHello, Challenged};
use skyring_protocols::msg::request;
use skyring_protocols::msg::response::{self, Flag};
use skyring_protocols::msg::session::{self, SessionPolicy, Ticket, Verdict};
use skyring_protocols::msg::username;
use skyring_protocols::websocket::Kind;
use skyring_protocols::{Compat, Decode, frame};

use crate::config::{Handshake, Listener};
use crate::handler::{Reply, Request};
use crate::mutation::{self, Mutation};
use crate::presence::Change;
use crate::shard::connections::{Connections, Life, Role};
use crate::shard::core::Core;
use crate::shard::counters::Counter;
use crate::shard::memory::Stored;
use crate::shard::message::HandOver;
use crate::shard::sessions::SessionKey;

impl Core {
    /// Collects the first frame of a connection, and of one that was challenged the second.
    pub(crate) fn on_attach_bytes(&mut self, slot: u32, bytes: &[u8]) {
        let mut input = self.connections.take_remainder(slot);
        if input.capacity() == 0 {
            input = self.connections.buffer();
        }
        input.extend_from_slice(bytes);
        let announced = input
            .get(..frame::HEAD_BYTES)
            .map(|head| usize::from(u16::from_be_bytes([head[0], head[1]])));
        if announced.is_some_and(|length| length > attach::LINE_BYTES_MAX) {
            return match self.connections.at(slot).role {
                // A proof of that length is none.
                Role::Proving(_) => self.prove(slot, &[], &[]),
                _ => self.refuse_attach(slot, AttachAnswer::UserNotFound),
            };
        }
        match frame::decode(&input) {
            Decode::NeedMore { .. } => self.connections.keep_remainder(slot, input),
            Decode::Done { value, consumed } => {
                let (attach, unread) = (value.to_vec(), input[consumed..].to_vec());
                self.connections.recycle(input);
                match self.connections.at(slot).role {
                    Role::Proving(_) => self.prove(slot, &attach, &unread),
                    Role::Attaching => self.route_attach(slot, attach, unread),
                    _ => {}
                }
            }
        }
    }

    /// Judges an attach here or sends its connection to the shard that must.
    pub(crate) fn route_attach(&mut self, slot: u32, attach: Vec<u8>, unread: Vec<u8>) {
        let connection = self.connections.at(slot);
        let (listener, peer, deadline_ms) =
            (connection.listener, connection.peer(), connection.deadline_ms);
        let settings = &self.listener(connection.session_listener()).settings;
        let uid = match attached_uid(&attach, settings) {
            Ok(uid) => uid,
            Err(refusal) => return self.refuse_attach(slot, refusal),
        };
        let owner = self.router.owner(&uid);
        if owner == self.index {
            return self.judge(slot, &attach, &unread);
        }
        let parcel = None; // It is packed when it leaves.
        let content = HandOver { listener, peer, deadline_ms, attach, unread, parcel };
        self.depart(slot, owner, content);
    }

    /// Judges an attach of a user that this shard owns, then takes what came behind it.
    pub(crate) fn judge(&mut self, slot: u32, attach: &[u8], unread: &[u8]) {
        let at = self.connections.at(slot).session_listener();
        if is_hello(attach, &self.listener(at).settings) {
            return self.challenge(slot, attach.to_vec(), unread);
        }
        let line = AttachLine::parse(attach);
        let key = line.username.and_then(|text| self.sessions.find(text));
        let policy = &self.listeners[usize::from(at.0)].policy;
        let session = key.and_then(|key| Some((key, self.sessions.get_mut(key)?)));
        // A user of another server name is not on line here.
        let Some((key, session)) = session.filter(|(_, session)| session.listener == at) else {
            return self.refuse_attach(slot, AttachAnswer::UserNotFound);
        };
        match session.state.attach(&line, policy) {
            Ok(()) if mutation::active(Mutation::ForgetAnswers) => {
                session.forget_answers();
                let _ = session.state.attach(&line, policy);
            }
            Ok(()) => {}
            Err(AttachAnswer::Unauthorized) if mutation::active(Mutation::AcceptAnyDigest) => {}
            Err(AttachAnswer::IndexExpired) if mutation::active(Mutation::AcceptUsedIndex) => {}
            Err(refusal) => return self.refuse_attach(slot, refusal),
        }
        self.attach_connection(slot, key, AttachAnswer::Ok.payload(), unread);
    }

    /// Has a client prove that it knows the key of a user that this shard owns, or would own if there was
    /// one (WIRE V13).
    fn challenge(&mut self, slot: u32, hello: Vec<u8>, unread: &[u8]) {
        if self.draining {
            return self.finish(slot, Counter::ClosedByServer);
        }
        self.count(Counter::AttachChallenged);
        let challenged = Challenged::new(hello, &self.random());
        self.say_payload(slot, challenged.challenge());
        self.connections.at_mut(slot).role = Role::Proving(Box::new(challenged));
        self.greet(slot);
        if self.connections.at(slot).web.is_some() {
            self.on_web_bytes(slot, unread);
        } else if !unread.is_empty() {
            self.on_attach_bytes(slot, unread);
        }
        self.continue_receiving(self.connections.token(slot));
    }

    /// Judges a proof, then takes what came behind it (WIRE V15).
    pub(crate) fn prove(&mut self, slot: u32, proof: &[u8], unread: &[u8]) {
        let connection = self.connections.at_mut(slot);
        let at = connection.session_listener();
        let challenged = match std::mem::replace(&mut connection.role, Role::None) {
            Role::Proving(challenged) => challenged,
            other => return connection.role = other,
        };
        let hello = AttachHello::parse(challenged.hello());
        let key = hello.ok().and_then(|hello| self.sessions.find(hello.username));
        let session = key.and_then(|key| Some((key, self.sessions.get_mut(key)?)));
        let Some((key, session)) = session.filter(|(_, session)| session.listener == at) else {
            challenged.pretend(proof);
            return self.refuse_attach(slot, AttachAnswer::UserNotFound);
        };
        match session.state.prove(&challenged, proof) {
            Ok(answer) => {
                let is_lost = mutation::active(Mutation::LoseBehindProof);
                let unread = if is_lost { &[] } else { unread };
                self.count(Counter::AttachedV2);
                self.attach_connection(slot, key, &answer, unread);
            }
            Err(AttachAnswer::Unauthorized) if mutation::active(Mutation::AcceptAnyProof) => {
                self.attach_connection(slot, key, AttachAnswer::Ok.payload(), unread);
            }
            Err(refusal) => self.refuse_attach(slot, refusal),
        }
    }

    /// Gives a session its connection, which has shown that it may be that, and takes what came behind.
    fn attach_connection(&mut self, slot: u32, key: SessionKey, answer: &[u8], unread: &[u8]) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let older = session.connection();
        let user = session.user.clone();
        if let Some(older) = older.filter(|_| !mutation::active(Mutation::KeepOlder)) {
            self.finish(older, Counter::Superseded);
        }
        if let Some(session) = self.sessions.get_mut(key) {
            session.set_connection(Some(slot));
        }
        self.vouch(slot);
        self.count(Counter::Attached);
        self.counters.add(Counter::AttachedNow, 1);
        let deadline_ms = self.idle_deadline(slot);
        let connection = self.connections.at_mut(slot);
        connection.role = Role::Attached(key);
        let peer = connection.peer();
        self.set_deadline(slot, deadline_ms);
        self.say_payload(slot, answer);
        self.tell(&user, Change::Attached(peer));
        self.dispatch.events().on_attach(&user, peer);
        if self.draining {
            return self.finish(slot, Counter::ClosedByServer);
        }
        if self.connections.at(slot).web.is_some() {
            self.on_web_bytes(slot, unread);
        } else {
            self.on_frames(slot, unread);
        }
        self.continue_receiving(self.connections.token(slot));
    }

    fn refuse_attach(&mut self, slot: u32, refusal: AttachAnswer) {
        self.count(match refusal {
            AttachAnswer::BadRequest => Counter::AttachBadRequest,
            AttachAnswer::IndexExpired => Counter::AttachIndexExpired,
            AttachAnswer::UserNotFound => Counter::AttachUserNotFound,
            AttachAnswer::Unauthorized | AttachAnswer::Ok => Counter::AttachUnauthorized,
        });
        let at = self.connections.at(slot).session_listener();
        let uniform = self.listener(at).settings.uniform_errors;
        let answer = if uniform { refusal.uniform() } else { refusal };
        self.say_payload(slot, answer.payload());
        self.connections.at_mut(slot).role = Role::None;
        self.finish(slot, Counter::ClosedByServer);
    }

    /// Says something of an attach.
    fn say_payload(&mut self, slot: u32, payload: &[u8]) {
        if self.connections.at(slot).web.is_some() {
            return self.web_send(slot, Kind::Binary, payload);
        }
        frame::encode(payload, self.connections.output(slot))
            .expect("what is said of an attach is short");
    }

    /// A session loses its connection and stays.
    pub(crate) fn detach(&mut self, key: SessionKey, slot: u32) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.connection() != Some(slot) {
            return;
        }
        if !mutation::active(Mutation::KeepConnection) {
            session.set_connection(None);
        }
        let user = session.user.clone();
        self.memory.note_offline(&mut self.sessions, key);
        self.counters.add(Counter::AttachedNow, u64::MAX); // minus one
        self.tell(&user, Change::Detached);
        if mutation::active(Mutation::DetachTwice) {
            self.dispatch.events().on_detach(&user);
        }
        self.dispatch.events().on_detach(&user);
    }

    /// Takes one frame of an attached connection. `whole`: its payload as one that may be kept.
    pub(crate) fn on_request(
        &mut self,
        slot: u32,
        key: SessionKey,
        payload: &[u8],
        whole: Option<&Bytes>,
    ) {
        let Ok(request) = request::decode(payload) else {
            return self.finish(slot, Counter::ClosedProtocol);
        };
        self.count(Counter::Requests);
        let Some(session) = self.sessions.get_mut(key) else { return };
        let mut policy = &self.listeners[usize::from(session.listener.0)].policy;
        let spent;
        if self.memory.is_spent() {
            // What is stored is still given, and what runs goes on.
            spent = SessionPolicy { pending_requests_max: 0, ..*policy };
            policy = &spent;
        }
        let cached = Stored::of(&session.state);
        match session.state.on_request(request.id, policy) {
            Verdict::Run(ticket) => {
                // A request id that is used again gives up its stored answer.
                let (user, now_cached) = (session.user.clone(), Stored::of(&session.state));
                self.cache_changed(cached, now_cached);
                // From the thread's own free memory: cheaper than counting who shares a buffer.
                let content = match whole {
                    Some(whole) => whole.slice_ref(request.content),
                    None => Bytes::copy_from_slice(request.content),
                };
                match self.dispatch.request(key, ticket, Request { user, content }) {
                    Some(reply) => self.on_reply(key, ticket, &reply),
                    None => self.request_waits(slot, key, request.content.len()),
                }
            }
            Verdict::Replay(stored) => {
                let (content, flag) = (stored.content, stored.flag);
                let bytes = self.connections.respond(slot, content, flag, request.id);
                // A replay counts as an answer, so it may retire old ones.
                let now_cached = Stored::of(&session.state);
                self.cache_changed(cached, now_cached);
                self.count(Counter::Replayed);
                self.after_answer(slot, bytes);
            }
            Verdict::Absorbed => self.count(Counter::Absorbed),
            Verdict::Conflict => {
                self.count(Counter::Conflicts);
                self.finish(slot, Counter::ClosedProtocol);
            }
            Verdict::Refused => self.refuse_request(slot, request.id),
        }
    }

    /// Too many handlers of the session run: a failure that is not remembered (WIRE M12).
    fn refuse_request(&mut self, slot: u32, id: u32) {
        self.count(Counter::RequestsRefused);
        self.connections.respond(slot, &[], Flag::Error, id);
        self.after_answer(slot, 0);
    }

    /// A handler has finished: its answer is stored, and sent if the session's connection is the
    /// one it is for.
    pub(crate) fn on_reply(&mut self, key: SessionKey, ticket: Ticket, reply: &Reply) {
        self.count(Counter::Answered);
        let Some(session) = self.sessions.get_mut(key) else { return };
        let mut policy = &self.listeners[usize::from(session.listener.0)].policy;
        let tight;
        let is_full = self.counters.read(Counter::CacheBytesNow) >= self.cache_bytes_max;
        if is_full || self.memory.is_short() {
            // The session keeps no more bytes than it has: its oldest answers make room.
            let cache_bytes_max = policy.cache_bytes_max.min(session.state.cache_bytes());
            tight = SessionPolicy { cache_bytes_max, ..*policy };
            policy = &tight;
            self.counters.count(Counter::AnswersOverBudget);
        }
        let mut connection = session.connection();
        if mutation::active(Mutation::AnswerNeighbour) {
            connection = last_attached(&self.connections);
        }
        let carried = connection.map_or(0, |slot| self.connections.at(slot).content_bytes_max());
        let answer = answer(reply, carried, self.wide_bytes_max, policy);
        let cached = Stored::of(&session.state);
        let deliver = session.state.on_answer(ticket, answer, policy);
        let (mut bytes, mut failed) = (0, !matches!(answer, session::Answer::Unframed(_)));
        if let (Some(stored), Some(slot)) = (deliver, connection) {
            bytes = self.connections.respond(slot, stored.content, stored.flag, ticket.id());
            failed |= bytes < stored.content.len();
        }
        if failed {
            self.counters.count(Counter::HandlerFailed);
        }
        let (now_cached, idle) = (Stored::of(&session.state), session.state.pending_count() == 0);
        self.cache_changed(cached, now_cached);
        let Some(slot) = connection else {
            return self.memory.note_offline(&mut self.sessions, key);
        };
        self.after_answer(slot, bytes);
        if idle && self.draining {
            self.finish(slot, Counter::ClosedByServer);
        }
    }

    /// A handler waits: its request is kept in memory meanwhile. Reading pauses where these become
    /// too many bytes.
    fn request_waits(&mut self, slot: u32, key: SessionKey, bytes: usize) {
        self.count(Counter::HandlerWaited);
        self.memory.wait(bytes);
        if let Some(session) = self.sessions.get_mut(key) {
            session.pending_bytes = session.pending_bytes.saturating_add(bytes as u32);
        }
        if self.connections.at(slot).life == Life::Open && self.is_over_budget(slot) {
            self.pause(slot);
        }
    }

    /// A handler that waited has ended.
    pub(crate) fn request_over(&mut self, key: SessionKey, bytes: u32) {
        self.memory.wait_over(bytes as usize);
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.pending_bytes = session.pending_bytes.saturating_sub(bytes);
        if let Some(slot) = session.connection() {
            self.resume_soon(slot);
        }
    }
}

/// The attached connection in the highest slot.
fn last_attached(connections: &Connections) -> Option<u32> {
    let is_attached = |slot: &u32| matches!(connections.at(*slot).role, Role::Attached(_));
    connections.slots().into_iter().rev().find(is_attached)
}

/// Whether a first payload begins an attach of version 2, where there is such a thing.
fn is_hello(attach: &[u8], settings: &Listener) -> bool {
    settings.handshake != Handshake::V1 && attach_v2::is_hello(attach)
}

/// The account that a first payload is about, which is not trusted yet; else what to answer.
fn attached_uid(attach: &[u8], settings: &Listener) -> Result<Vec<u8>, AttachAnswer> {
    if is_hello(attach, settings) {
        let hello = AttachHello::parse(attach)?;
        return username::uid(hello.username, Compat::Strict).ok_or(AttachAnswer::UserNotFound);
    }
    if settings.handshake == Handshake::V2 {
        return Err(AttachAnswer::Unauthorized);
    }
    let name = AttachLine::parse(attach).username;
    let uid = name.and_then(|text| username::uid(text, settings.compat));
    uid.ok_or(AttachAnswer::UserNotFound)
}

/// What is remembered of a reply: all of it, if the connection of the moment can carry so much or, as
/// long as the session can keep it, one that comes later. `carried`, `carried_later`: bytes of content.
fn answer<'a>(
    reply: &'a Reply,
    carried: usize,
    carried_later: usize,
    policy: &SessionPolicy,
) -> session::Answer<'a> {
    let Ok(content) = reply else { return session::Answer::Failed };
    let bytes = content.len();
    let is_kept = bytes + session::ANSWER_OVERHEAD_BYTES <= policy.cache_bytes_max;
    let is_ordinary = bytes <= response::CONTENT_BYTES_MAX;
    if is_ordinary || bytes <= carried || (is_kept && bytes <= carried_later) {
        session::Answer::Unframed(content)
    } else {
        session::Answer::Failed
    }
}

#[cfg(test)]
mod tests {
    use skyring_protocols::msg::attach_v2;
    use skyring_protocols::msg::username::Username;

    use crate::config::ListenerKind;
    use crate::shard::counters::Counter;
    use crate::simulation::scene::{Props, frame};

    /// A challenge would have to be waited for.
    #[test]
    fn nobody_is_challenged_in_a_drain() {
        let mut scene = Props::default().start();
        let name =
            Username { uid: b"ann".to_vec(), server: b"sample".to_vec(), subid: b"1".to_vec() };
        let hello = frame(&attach_v2::hello(&name.format(), 1, &[1; 16]));
        for draining in [false, true] {
            let client = scene.connect(ListenerKind::Msg);
            scene.pass(5);
            scene.core(0).draining = draining;
            client.write(&hello).expect("it is open");
            scene.pass(50);
            assert_eq!(client.end().is_some(), draining);
            assert_eq!(scene.count(Counter::AttachChallenged), 1);
            client.close();
        }
    }
}
