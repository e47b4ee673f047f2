//! The life of a session on its owner shard: made by a login, looked up, pushed to, ended.

use std::rc::Rc;

use skyring_protocols::login::LoginSecret;
use skyring_protocols::msg::response::{self, Flag};

use super::core::Core;
use super::counters::Counter;
use super::memory::Stored;
use super::sessions::{self, SessionKey};
use super::stream::Fill;
use crate::config::{ListenerKind, PushOverBudget};
use crate::driver::ListenerIndex;
use crate::handler::LogoutReason;
use crate::mutation::{self, Mutation};
use crate::presence::Change;
use crate::room::memberships::MemberKey;

impl Core {
    /// Makes a session; false when the server is unknown, the username taken, or so long that no
    /// attach could name it.
    pub(crate) fn create_session(
        &mut self,
        uid: &[u8],
        server: &[u8],
        subid: &[u8],
        secret: LoginSecret,
    ) -> bool {
        debug_assert!(
            self.router.owner(uid) == self.index || mutation::active(Mutation::RegisterAnywhere),
            "a session is made by the shard that owns its user"
        );
        let Some(listener) = self.msg_listener(server) else { return false };
        let server = Rc::clone(&self.listener(listener).server);
        let Some(user) = sessions::user(uid, &server, subid) else { return false };
        if self.sessions.insert(user.clone(), secret, listener).is_none() {
            return false;
        }
        self.counters.set(Counter::SessionsNow, self.sessions.len() as u64);
        self.tell(&user, Change::LoggedIn);
        self.dispatch.events().on_login(&user);
        true
    }

    /// The msg listener with this server name.
    pub(crate) fn msg_listener(&self, server: &[u8]) -> Option<ListenerIndex> {
        let at = self.listeners.iter().position(|listener| {
            listener.settings.kind == ListenerKind::Msg && listener.server.as_bytes() == server
        })?;
        Some(ListenerIndex(at as u16))
    }

    /// Sends a frame that answers nothing; false when nobody is there to take it.
    pub(super) fn push(&mut self, key: SessionKey, content: &[u8]) -> bool {
        let Some(session) = self.sessions.get(key) else { return false };
        let slot = session.connection().filter(|_| session.pushes);
        let fits = |slot: &u32| content.len() <= self.connections.at(*slot).content_bytes_max();
        let Some(slot) = slot.filter(fits) else {
            self.count(Counter::PushDropped);
            return false;
        };
        if self.fill(slot, content.len()) != Fill::Within && self.has_unsent(slot) {
            self.drop_push(slot);
            return false;
        }
        self.connections.respond(slot, content, Flag::Push, response::PUSH_ID);
        self.count(Counter::Pushed);
        true
    }

    /// A push finds no room in a connection's output: what becomes of both is the listener's choice.
    pub(crate) fn drop_push(&mut self, slot: u32) {
        self.count(Counter::PushDropped);
        let at = self.connections.at(slot).listener;
        match self.listener(at).settings.push_over_budget {
            PushOverBudget::Close => self.abort(slot, Counter::ClosedSlowConsumer),
            PushOverBudget::Drop => {}
        }
    }

    /// Ends a session and closes its connection.
    pub(crate) fn end_session(&mut self, key: SessionKey, reason: LogoutReason) {
        let Some(session) = self.sessions.get(key) else { return };
        let cached = Stored::of(&session.state);
        if let Some(slot) = session.connection() {
            self.finish(slot, Counter::ClosedByServer);
        }
        self.leave_rooms(MemberKey::Session(key));
        let Some(session) = self.sessions.remove(key) else { return };
        if !mutation::active(Mutation::KeepDebts) {
            self.meters.remove(&key);
        }
        self.cache_changed(cached, Stored::default());
        self.counters.set(Counter::SessionsNow, self.sessions.len() as u64);
        self.count(Counter::LoggedOut);
        self.tell(&session.user, Change::LoggedOut(reason));
        self.dispatch.events().on_logout(&session.user, reason);
    }
}
