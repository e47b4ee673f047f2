//! Does what application code and finished handlers have asked for, in the order they asked.

use super::command::{Command, CommandResult, GateDeed};
use super::core::Core;
use super::dispatch::Finished;
use super::message::Message;
use crate::context::{Deed, GateConnection};

impl Core {
    /// Empties the outbox, then gives letters to services and lets those connections read on that
    /// may again; both may fill the outbox anew.
    pub(crate) fn do_deeds(&mut self) {
        self.begin_deliveries();
        loop {
            self.empty_outbox();
            if self.deliver_next() {
                continue;
            }
            let Some(token) = self.resuming.pop_front() else { break };
            if self.connections.get_mut(token).is_some() {
                self.resume(token.slot);
            }
        }
        self.look_after_calls();
    }

    /// Has a connection read on once the outbox is empty: frames that are taken in the middle of it
    /// would come back here, a call deeper each time.
    pub(crate) fn resume_soon(&mut self, slot: u32) {
        if self.connections.at(slot).paused {
            self.resuming.push_back(self.connections.token(slot));
        }
    }

    /// Does every deed, and no more: nothing in here takes input of a connection.
    pub(crate) fn empty_outbox(&mut self) {
        while let Some(deed) = self.side.pop() {
            match deed {
                Deed::Command(command, answer) => self.command(command, answer),
                Deed::Gate(connection, deed) => self.route_gate_deed(connection, deed),
                Deed::Forward(connection, agent) => self.forward(connection, agent),
                Deed::Dial(dial, pipe) => self.dial(dial, pipe),
                Deed::Stream(pipe, deed) => self.do_stream_deed(&pipe, deed),
                Deed::Sleep(delay_ms, alarm) => {
                    // The clock's millisecond is under way: one more, so that nobody wakes early.
                    let due_ms = self.side.now_ms().saturating_add(delay_ms).saturating_add(1);
                    self.arm_alarm(due_ms, alarm);
                }
                Deed::Http(connection) => self.on_http_deed(connection),
                Deed::Socket(connection, deed) => self.do_socket_deed(connection, deed),
                Deed::Room(deed, answer) => self.do_room_deed(deed, answer),
                Deed::Finished(finished) => self.on_finished(finished),
                Deed::Watch(feed) => self.add_feed(feed),
                Deed::Unwatch(feed) => self.remove_feed(&feed),
                Deed::Letter(letter) => self.post_letter(letter),
                Deed::Worked(job) => self.on_worked(job),
                Deed::Handled(job, output) => self.on_handled(job, output),
            }
        }
    }

    fn on_finished(&mut self, finished: Finished) {
        match finished {
            Finished::Authenticated(connection, result) => {
                self.deciding -= 1;
                self.on_authenticated(connection, result);
            }
            Finished::LoggedIn(from, register, result) => {
                self.deciding -= 1;
                self.on_login_decided(from, &register, result);
            }
            Finished::Answered(session, ticket, reply, request_bytes) => {
                self.on_reply(session, ticket, &reply);
                self.request_over(session, request_bytes);
            }
            Finished::HttpAnswered(connection, answer) => self.on_http_answer(connection, answer),
            Finished::Taken(connection, bytes) => self.on_gate_message_taken(connection, bytes),
        }
    }

    fn route_gate_deed(&mut self, connection: GateConnection, deed: GateDeed) {
        if connection.shard == self.index {
            self.do_gate_deed(connection, deed);
        } else if connection.shard.0 < self.router.shards() {
            if matches!(deed, GateDeed::Send(_)) && self.refuses_messages() {
                return;
            }
            self.post(connection.shard, Message::Gate(connection, deed));
        }
    }

    /// Does a command for this shard or users that it owns.
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
            Command::Lookup { target } => CommandResult::Presence(self.presence_of(&target)),
            Command::List { cursor, sessions_max, .. } => {
                CommandResult::Page(Box::new(self.page(cursor, sessions_max)))
            }
            Command::LogIn { uid, server, subid, secret } => {
                let made = !self.is_full() && self.create_session(&uid, &server, &subid, secret);
                CommandResult::Count(usize::from(made))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::simulation::scene::Props;

    #[test]
    fn no_more_are_logged_in_by_command_than_may_be() {
        let mut scene = Props::default().start();
        scene.core(0).sessions_max = 1;
        let [first, second] = [0, 1].map(|number| scene.uid_number(0, number));
        assert!(scene.log_in(&first));
        assert!(!scene.log_in(&second));
    }
}
