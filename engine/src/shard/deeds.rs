//! Does what application code and finished handlers have asked for, in the order they asked.

use std::rc::Rc;

use skyring_protocols::msg::response::{self, Flag};

use super::command::{Command, CommandResult, Presence, Target};
use super::core::Core;
use super::counters::Counter;
use super::deadlines::{AlarmKey, TimerKey};
use super::dispatch::Finished;
use super::message::Message;
use super::sessions::{self, SessionKey};
use crate::config::ListenerKind;
use crate::context::{Deed, GateConnection};
use crate::driver::ListenerIndex;
use crate::handler::LogoutReason;
use crate::shard::command::GateDeed;

impl Core {
    /// Empties the outbox.
    pub(crate) fn do_deeds(&mut self) {
        while let Some(deed) = self.side.pop() {
            match deed {
                Deed::Command(command, answer) => self.command(command, answer),
                Deed::Gate(connection, deed) => self.route_gate_deed(connection, deed),
                Deed::Forward(connection, agent) => self.forward(connection, agent),
                Deed::Sleep(due_ms, alarm) => {
                    self.timers.arm(due_ms, TimerKey::Alarm(AlarmKey(alarm)));
                }
                Deed::Finished(finished) => self.on_finished(finished),
            }
        }
    }

    fn on_finished(&mut self, finished: Finished) {
        match finished {
            Finished::Authenticated(connection, result) => {
                self.on_authenticated(connection, result);
            }
            Finished::LoggedIn(from, register, result) => {
                self.on_login_decided(from, &register, result);
            }
            Finished::Answered(session, ticket, reply) => self.on_reply(session, ticket, &reply),
            Finished::Taken(connection) => self.on_gate_message_taken(connection.token),
        }
    }

    fn route_gate_deed(&mut self, connection: GateConnection, deed: GateDeed) {
        if connection.shard == self.index {
            self.do_gate_deed(connection, deed);
        } else if connection.shard.0 < self.router.shards() {
            self.post(connection.shard, Message::Gate(connection, deed));
        }
    }

    /// Does a command for users that this shard owns.
    pub(crate) fn execute(&mut self, command: Command) -> CommandResult {
        match command {
            Command::Push { target, content } => {
                let keys = self.sessions.matching(&target);
                let sent = keys.iter().filter(|key| self.push(**key, &content)).count();
                CommandResult::Count(sent)
            }
            Command::AllowPushes { target, allowed } => {
                let keys = self.sessions.matching(&target);
                for key in &keys {
                    if let Some(session) = self.sessions.get_mut(*key) {
                        session.pushes = allowed;
                    }
                }
                CommandResult::Count(keys.len())
            }
            Command::End { target, reason } => {
                let keys = self.sessions.matching(&target);
                for key in &keys {
                    self.end_session(*key, reason);
                }
                CommandResult::Count(keys.len())
            }
            Command::Lookup { target } => CommandResult::Presence(self.presence(&target)),
            Command::LogIn { uid, server, subid, secret } => {
                let made = self.create_session(&uid, &server, &subid, secret);
                CommandResult::Count(usize::from(made))
            }
        }
    }

    fn presence(&self, target: &Target) -> Vec<Presence> {
        let keys = self.sessions.matching(target);
        keys.iter()
            .filter_map(|key| self.sessions.get(*key))
            .map(|session| Presence {
                username: session.user.username().to_vec(),
                peer: session.connection().map(|slot| self.connections.at(slot).peer()),
            })
            .collect()
    }

    /// Sends a frame that answers nothing; false when nobody is there to take it.
    fn push(&mut self, key: SessionKey, content: &[u8]) -> bool {
        let Some(session) = self.sessions.get(key) else { return false };
        let slot = session.connection().filter(|_| session.pushes);
        let Some(slot) = slot.filter(|_| content.len() <= response::CONTENT_BYTES_MAX) else {
            self.count(Counter::PushDropped);
            return false;
        };
        let connection = self.connections.at(slot);
        let budget = self.listener(connection.listener).settings.output_bytes_max;
        let unsent = connection.unsent_bytes();
        // One message larger than the budget may be in flight alone.
        if unsent > 0 && unsent + content.len() > budget {
            self.count(Counter::PushDropped);
            self.abort(slot, Counter::ClosedSlowConsumer);
            return false;
        }
        response::encode(content, Flag::Push, 0, self.connections.output(slot))
            .expect("content within the limit fits a frame");
        self.count(Counter::Pushed);
        true
    }

    /// Makes a session; false when the server is unknown or the username taken.
    pub(crate) fn create_session(
        &mut self,
        uid: &[u8],
        server: &[u8],
        subid: &[u8],
        secret: skyring_protocols::crypt::Secret,
    ) -> bool {
        let Some(listener) = self.msg_listener(server) else { return false };
        let server = Rc::clone(&self.listener(listener).server);
        let user = sessions::user(uid, &server, subid);
        let made = self.sessions.insert(user, secret, listener).is_some();
        self.counters.set(Counter::SessionsNow, self.sessions.len() as u64);
        made
    }

    /// The msg listener with this server name.
    pub(crate) fn msg_listener(&self, server: &[u8]) -> Option<ListenerIndex> {
        let at = self.listeners.iter().position(|listener| {
            listener.settings.kind == ListenerKind::Msg && listener.server.as_bytes() == server
        })?;
        Some(ListenerIndex(at as u16))
    }

    /// Ends a session and closes its connection.
    pub(crate) fn end_session(&mut self, key: SessionKey, reason: LogoutReason) {
        let Some(session) = self.sessions.get(key) else { return };
        let cached = session.state.cache_bytes();
        if let Some(slot) = session.connection() {
            self.finish(slot, Counter::ClosedByServer);
        }
        let Some(session) = self.sessions.remove(key) else { return };
        self.cache_changed(cached, 0);
        self.counters.set(Counter::SessionsNow, self.sessions.len() as u64);
        self.count(Counter::LoggedOut);
        self.dispatch.events().on_logout(&session.user, reason);
    }
}
