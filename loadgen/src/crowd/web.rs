//! WebSocket on the connections of users: the upgrade first, then messages in place of frames and lines.
//!
//! A message of a session is what a frame would have held; a line of the login is a text message
//! without its end. The machine of a connection is in its link, and everything that the crowd does is
//! the same behind it. A connection that is lost on purpose is lost without a word; who leaves, and who
//! has logged in, says so with a close frame.

use skyring::driver::Token;
use skyring_protocols::websocket::Kind;

use super::Crowd;
use super::user::Phase;
use crate::check::{Fault, Reply, Sending};
use crate::protocol::Protocol;
use crate::record::Trouble;
use crate::web::{self, Heard, Web};

impl Crowd {
    /// Asks for the upgrade of a fresh connection, where its server is spoken to over WebSocket.
    pub(super) fn ask_for_upgrade(&mut self, index: u32, link: Token) {
        let Some(server) = &self.place_of(index).web else { return };
        let server = server.clone();
        let (web, request) = Web::ask(&server, &mut self.kit);
        self.links.set_web(link, web);
        self.links.send(link, request);
    }

    /// Bytes on a WebSocket connection.
    pub(super) fn on_web_bytes(&mut self, index: u32, bytes: &[u8], now_ns: u64) {
        let link = self.user(index).token;
        if self.user(index).phase == Phase::Playing {
            self.record.counters.bytes_in += bytes.len() as u64;
        }
        let (mut messages, mut answer) = (std::mem::take(&mut self.messages), self.links.buffer());
        let Some(web) = self.links.web(link) else { return };
        let received = web.receive(bytes, &mut self.kit, &mut messages, &mut answer);
        self.links.send_or_keep(link, answer);
        for message in messages.drain(..) {
            if self.links.owner(link) == Some(index) {
                self.on_heard(index, message, now_ns);
            }
        }
        self.messages = messages;
        if let Err(error) = received
            && self.links.owner(link) == Some(index)
        {
            if self.user(index).phase == Phase::Playing {
                self.wrong(index, None, Fault::Unreadable, now_ns);
            }
            let trouble = Trouble::Broken(self.step_of(index), error.to_string());
            self.on_lost(index, trouble, now_ns);
        }
    }

    fn on_heard(&mut self, index: u32, heard: Heard, now_ns: u64) {
        match (heard, self.user(index).phase) {
            (Heard::Upgraded { deflates }, phase) => {
                self.record.counters.ws_upgrades += 1;
                self.record.counters.ws_deflated += u64::from(deflates);
                self.on_upgraded(index, phase, now_ns);
            }
            (Heard::Closed(code), _) => {
                let trouble = Trouble::Closed(self.step_of(index), code);
                self.on_lost(index, trouble, now_ns);
            }
            (Heard::Message { kind: Kind::Text, data }, Phase::LoggingIn) => {
                let line = [&data[..], b"\n"].concat();
                self.on_login_bytes(index, &line, now_ns);
            }
            (Heard::Message { kind, data }, Phase::Playing)
                if self.plan.protocol == Protocol::Ws =>
            {
                self.on_message(index, kind, &data, now_ns);
            }
            (Heard::Message { kind: Kind::Binary, data }, Phase::Attaching | Phase::Playing) => {
                self.on_frame(index, &data, now_ns);
            }
            (Heard::Message { .. }, phase) => {
                if phase == Phase::Playing {
                    self.wrong(index, None, Fault::Unreadable, now_ns);
                }
                let what = String::from("a message of the wrong kind");
                self.on_lost(index, Trouble::Broken(self.step_of(index), what), now_ns);
            }
        }
    }

    fn on_upgraded(&mut self, index: u32, phase: Phase, now_ns: u64) {
        match phase {
            Phase::Attaching if self.plan.protocol.has_login() => self.attach(index, now_ns),
            Phase::Attaching => self.on_attached(index, now_ns),
            // The login server speaks first.
            _ => {}
        }
    }

    /// A message that must be the echo of one, and of its kind.
    fn on_message(&mut self, index: u32, kind: Kind, data: &[u8], now_ns: u64) {
        let (contents, is_text) = (self.plan.contents, kind == Kind::Text);
        // One that has become the other kind is told as that, and not as lost.
        let as_text = || web::from_text(data).and_then(|content| contents.recognise(&content));
        let as_bytes = || contents.recognise(data);
        let stamp = if is_text { as_text().or_else(as_bytes) } else { as_bytes().or_else(as_text) };
        let own = stamp.filter(|stamp| stamp.user == self.number(index));
        let ledger = &self.users[index as usize].ledger;
        let asked = own.and_then(|stamp| Some((stamp, ledger.kind_sent(stamp.id)?)));
        match (stamp, asked, ledger.first_sent()) {
            (_, Some((stamp, kind)), _) if self.is_text(kind) != is_text => {
                self.check_order(index, stamp, now_ns);
                self.on_answer(index, stamp.id, Reply::Content(None), now_ns);
            }
            // Echoes come in order, so one that says nothing is that of the first.
            (None, _, Some((id, _))) => self.on_answer(index, id, Reply::Content(None), now_ns),
            _ => self.on_echo(index, stamp, now_ns),
        }
    }

    fn is_text(&self, kind: u8) -> bool {
        self.plan.scenario.requests[usize::from(kind)].is_text
    }

    /// Appends the request whose content is in the scratch as a message, if it goes over WebSocket.
    pub(super) fn encode_message(
        &mut self,
        index: u32,
        sending: Sending,
        buffer: &mut Vec<u8>,
    ) -> bool {
        let (link, is_text) = (self.user(index).token, self.is_text(sending.kind));
        let Some(web) = self.links.web(link) else { return false };
        if is_text {
            let mut text = String::with_capacity(self.scratch.len() * 3 / 2);
            web::to_text(&self.scratch, &mut text);
            web.say(Kind::Text, text.as_bytes(), &mut self.kit, buffer);
        } else {
            let protocol = self.plan.protocol;
            self.message.clear();
            protocol.encode_message(&self.scratch, sending.id, &mut self.message);
            web.say(Kind::Binary, &self.message, &mut self.kit, buffer);
        }
        true
    }

    /// Sends a line of the login.
    pub(super) fn say_line(&mut self, link: Token, mut line: Vec<u8>) {
        let mut buffer = self.links.buffer();
        match self.links.web(link) {
            Some(web) => {
                line.pop_if(|last| *last == b'\n');
                web.say(Kind::Text, &line, &mut self.kit, &mut buffer);
                self.links.send_or_keep(link, buffer);
            }
            None => self.links.send(link, line),
        }
    }

    /// What is being sent on a connection ends inside a frame, if it is one of WebSocket.
    pub(super) fn cut_messages(&mut self, link: Token) {
        if let Some(web) = self.links.web(link) {
            web.cut();
        }
    }

    /// Closes the connection of a user in good order, if it is one of WebSocket.
    pub(super) fn say_goodbye(&mut self, index: u32) {
        let link = self.user(index).token;
        let mut buffer = self.links.buffer();
        if let Some(web) = self.links.web(link) {
            web.close(&mut self.kit, &mut buffer);
        }
        self.links.send_last(link, buffer);
    }

    /// Notes what a user is attached over.
    pub(super) fn note_carrier(&mut self, index: u32) {
        let is_web = self.links.web(self.users[index as usize].token).is_some();
        let was_web = self.user(index).was_web.replace(is_web);
        let counters = &mut self.record.counters;
        counters.ws_attaches += u64::from(is_web);
        counters.ws_moves += u64::from(was_web.is_some_and(|was_web| was_web != is_web));
    }
}
