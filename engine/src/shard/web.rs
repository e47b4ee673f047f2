//! WebSockets on connections, whatever they carry: a role is given messages and never sees a frame.
//!
//! **In.** Received bytes, plaintext by now, go through the connection's machine, which unmasks and
//! joins them and answers pings and closes by itself. What comes of it goes to the role.
//!
//! **Out.** A role gives whole messages; they are framed into the connection's output at once.
//!
//! **Time.** A peer from which nothing has come for `ping_interval_ms` is pinged, and closed when as
//! much time passes again. A close that the peer does not answer in `close_timeout_ms` is over.
//!
//! **The end.** Where a plain connection sends FIN, a WebSocket sends a close frame before it, if it
//! has not sent one. What the peer still sends is read and thrown away, as on any connection.

use bytes::Bytes;
use skyring_protocols::login::UNREAD_BYTES_MAX;
use skyring_protocols::msg::attach;
use skyring_protocols::msg::response::{self, Flag};
use skyring_protocols::websocket::deflate::Tool;
use skyring_protocols::websocket::shared::{Encoded, Form};
use skyring_protocols::websocket::{
    Aid, CloseCode, Connection as Machine, Event, Kind, Limits, ReadError, Received,
};

use super::connections::{Life, NEVER, Role};
use super::core::{Core, ListenerSide};
use super::counters::Counter;
use super::traffic;
use crate::config::{Listener, ListenerKind};
use crate::driver::ListenerIndex;
use crate::mutation::{self, Mutation};

/// The WebSocket of a connection.
#[derive(Debug)]
pub(crate) struct Web {
    machine: Machine,
    /// The msg listener whose sessions it may attach to.
    pub(super) msg: Option<ListenerIndex>,
    /// Bytes of the content of a response.
    pub(super) content_bytes_max: usize,
    /// It was pinged and has not sent anything since.
    is_pinged: bool,
    /// This side has closed, and the peer is to answer.
    is_awaiting_close: bool,
}

impl Web {
    /// The WebSocket of a connection of a listener with these settings.
    pub(crate) fn new(machine: Machine, msg: Option<ListenerIndex>, settings: &Listener) -> Web {
        let content_bytes_max = content_bytes_max(settings);
        Web { machine, msg, content_bytes_max, is_pinged: false, is_awaiting_close: false }
    }

    /// Writes a response, which is a message; behind a close nothing is sent. How long its content may
    /// be is for the caller to see.
    pub(super) fn respond(&mut self, content: &[u8], flag: Flag, id: u32, output: &mut Vec<u8>) {
        let bytes = content.len() + response::TAIL_BYTES;
        if self.machine.begin_binary(bytes, output).is_ok() {
            response::encode_payload(content, flag, id, output);
        }
    }

    /// Of a message of so many bytes, the form that [`Web::send_encoded`] takes.
    pub(super) fn form(&self, bytes: usize) -> Form {
        self.machine.form(bytes)
    }

    /// Writes a message that was encoded for many; false behind a close.
    pub(super) fn send_encoded(&mut self, message: &Encoded, output: &mut Vec<u8>) -> bool {
        self.machine.send_encoded(message, output).is_ok()
    }

    /// Whether the close has begun, so that nothing but the peer's is waited for.
    pub(super) fn is_closing(&self) -> bool {
        self.machine.is_closing()
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Web>() + self.machine.memory_bytes()
    }

    /// The peer has sent something; milliseconds that it may be silent from now on.
    pub(super) fn note_activity(&mut self, settings: &Listener) -> u64 {
        self.is_pinged = false;
        settings.ping_interval_ms
    }
}

/// The limits of a listener, as the machine wants them.
pub(super) fn limits(settings: &Listener) -> Limits {
    let (message_bytes_max, fragments_max) = (settings.message_bytes_max, settings.fragments_max);
    Limits { message_bytes_max, fragments_max, ..Limits::default() }
}

/// Bytes of content that a response over a WebSocket of this listener may have: as many as over TCP at
/// least.
fn content_bytes_max(settings: &Listener) -> usize {
    let bytes_max = settings.message_bytes_max.saturating_sub(response::TAIL_BYTES);
    bytes_max.max(response::CONTENT_BYTES_MAX)
}

/// The same, of the widest listener, which a user may come to next.
pub(super) fn widest_content_bytes(listeners: &[ListenerSide]) -> usize {
    let web = listeners.iter().map(|listener| &listener.settings);
    let web = web.filter(|settings| settings.kind == ListenerKind::Http);
    web.map(content_bytes_max).max().unwrap_or(response::CONTENT_BYTES_MAX)
}

/// What is read of an attach: nobody has shown who he is.
const ATTACH_LIMITS: Limits = Limits {
    message_bytes_max: attach::LINE_BYTES_MAX,
    frame_bytes_max: u64::MAX,
    fragments_max: 16,
};
/// What is read of a line of a login, likewise.
const LOGIN_LIMITS: Limits =
    Limits { message_bytes_max: UNREAD_BYTES_MAX, frame_bytes_max: u64::MAX, fragments_max: 16 };

/// What the WebSockets of a shard use in turn.
#[derive(Default)]
pub(super) struct WebRoom {
    pub(super) tool: Tool,
    /// What a machine answers by itself.
    answers: Vec<u8>,
}

/// The key of a frame that a server sends, which has none.
fn no_key() -> [u8; 4] {
    debug_assert!(false, "a server masks nothing");
    [0; 4]
}

impl Core {
    /// Takes input, until reading pauses or more is needed.
    pub(crate) fn on_web_bytes(&mut self, slot: u32, bytes: &[u8]) {
        let mut joined = self.connections.take_remainder(slot);
        if bytes.is_empty() && mutation::active(Mutation::LoseMessages) {
            joined.clear();
        }
        let mut input = bytes;
        if !joined.is_empty() {
            traffic::keep_more(&mut joined, bytes);
            input = &joined;
        }
        if !bytes.is_empty() && self.connections.at(slot).is_past_handshake() {
            self.on_activity(slot);
        }
        while let Some(received) = self.receive_web(slot, input) {
            input = &input[received.consumed..];
            let Some(event) = received.event else { break };
            self.on_web_event(slot, event, &mut input);
        }
        self.keep_rest(slot, input.len(), bytes, joined);
    }

    /// The machine's next event; None: nothing may be read.
    fn receive_web(&mut self, slot: u32, input: &[u8]) -> Option<Received<Event>> {
        let connection = self.connections.at_mut(slot);
        if connection.paused || connection.life != Life::Open {
            return None;
        }
        let web = connection.web.as_deref_mut()?;
        let limits = match connection.role {
            Role::Attaching | Role::Proving(_) => &ATTACH_LIMITS,
            Role::Login(_) => &LOGIN_LIMITS,
            _ => &self.listeners[usize::from(connection.listener.0)].web,
        };
        let mut aid = Aid { limits, keys: &mut no_key, tool: &mut self.web_room.tool };
        let answers = &mut self.web_room.answers;
        let received = web.machine.receive(input, &mut aid, answers);
        if !answers.is_empty() {
            self.connections.output(slot).extend_from_slice(answers);
            answers.clear();
        }
        received.map_err(|error| self.on_web_error(slot, error)).ok()
    }

    /// Gives what has come to the role. `rest`: what is behind it in the input.
    fn on_web_event(&mut self, slot: u32, event: Event, rest: &mut &[u8]) {
        match event {
            Event::Message { kind, data } => self.on_web_message(slot, kind, data, rest),
            Event::Ping(data) => {
                self.meter(slot, data.len());
                self.on_socket_ping(slot, data);
            }
            Event::Pong(data) => {
                self.meter(slot, data.len());
                self.on_socket_pong(slot, data);
            }
            Event::Close { code, reason } => self.on_web_close(slot, code, reason),
        }
    }

    fn on_web_message(&mut self, slot: u32, kind: Kind, data: Bytes, rest: &mut &[u8]) {
        self.count(Counter::WebSocketMessages);
        self.meter(slot, data.len());
        match (&self.connections.at(slot).role, kind) {
            (Role::WebSocket(_), _) => self.on_socket_message(slot, kind, data),
            (Role::Attached(key), Kind::Binary) => self.on_request(slot, *key, &data, Some(&data)),
            (Role::Attaching, Kind::Binary) => {
                // Where it is to be judged is where the rest is to be read.
                let unread = std::mem::take(rest).to_vec();
                self.route_attach(slot, data.to_vec(), unread);
            }
            (Role::Proving(_), Kind::Binary) => {
                let unread = std::mem::take(rest).to_vec();
                self.prove(slot, &data, &unread);
            }
            (Role::Login(_), Kind::Text) => self.on_login_line(slot, &data),
            _ => {
                self.write_close(slot, CloseCode::UNSUPPORTED, "");
                self.finish(slot, Counter::ClosedProtocol);
            }
        }
    }

    /// Both sides have said goodbye.
    fn on_web_close(&mut self, slot: u32, code: Option<CloseCode>, reason: Bytes) {
        self.note_end(slot, code, reason, true);
        let web = self.connections.at(slot).web.as_ref();
        let is_answer = web.is_some_and(|web| web.is_awaiting_close);
        self.finish(slot, if is_answer { Counter::ClosedByServer } else { Counter::ClosedByPeer });
    }

    /// The peer broke the protocol or passed a limit; the close frame that says so is on its way.
    fn on_web_error(&mut self, slot: u32, error: ReadError) {
        let code = error.close_code();
        self.count(if code == Some(CloseCode::TOO_BIG) {
            Counter::WebSocketRefusedTooLarge
        } else {
            Counter::WebSocketRefusedMalformed
        });
        self.note_end(slot, code, Bytes::new(), false);
        self.finish(slot, Counter::ClosedProtocol);
    }

    /// Sends a message.
    pub(crate) fn web_send(&mut self, slot: u32, kind: Kind, data: &[u8]) {
        self.write_web(slot, |machine, aid, output| {
            // Behind a close nothing is sent.
            let _ = machine.send(kind, data, aid, output);
        });
    }

    /// Sends a ping.
    pub(crate) fn web_ping(&mut self, slot: u32, data: &[u8]) {
        self.write_web(slot, |machine, aid, output| {
            // As above; and it is cut to what a ping holds.
            let _ = machine.ping(data, aid, output);
        });
    }

    /// Sends a close, if none was sent, and waits for the peer's.
    pub(crate) fn web_close(&mut self, slot: u32, code: CloseCode, reason: &str) {
        let connection = self.connections.at_mut(slot);
        let at = connection.listener;
        let Some(web) = connection.web.as_mut().filter(|web| !web.is_closing()) else { return };
        if connection.life != Life::Open {
            return;
        }
        web.is_awaiting_close = true;
        self.write_close(slot, code, reason);
        let timeout_ms = self.listener(at).settings.close_timeout_ms;
        self.set_deadline(slot, self.now_ms.saturating_add(timeout_ms));
    }

    fn write_close(&mut self, slot: u32, code: CloseCode, reason: &str) {
        self.write_web(slot, |machine, aid, output| {
            // A second one is not sent.
            let _ = machine.close(Some(code), reason, aid, output);
        });
    }

    fn write_web(
        &mut self,
        slot: u32,
        write: impl FnOnce(&mut Machine, &mut Aid<'_>, &mut Vec<u8>),
    ) {
        let at = self.connections.at(slot).listener;
        let limits = &self.listeners[usize::from(at.0)].web;
        let mut aid = Aid { limits, keys: &mut no_key, tool: &mut self.web_room.tool };
        if let Some((web, output)) = self.connections.web_and_output(slot) {
            write(&mut web.machine, &mut aid, output);
        }
    }

    /// Says goodbye on a connection that ends, before its last bytes leave.
    pub(super) fn seal_web(&mut self, slot: u32, reason: Counter) {
        let connection = self.connections.at(slot);
        if connection.ended || connection.web.as_ref().is_none_or(|web| web.is_closing()) {
            return;
        }
        let code = match reason {
            Counter::ClosedProtocol => CloseCode::POLICY_VIOLATION,
            Counter::ClosedIdle => CloseCode::GOING_AWAY,
            _ if self.draining => CloseCode::GOING_AWAY,
            _ => CloseCode::NORMAL,
        };
        self.write_close(slot, code, "");
    }

    /// The deadline of an open WebSocket has come; false if it is its role's business.
    pub(super) fn on_web_deadline(&mut self, slot: u32) -> bool {
        let connection = self.connections.at_mut(slot);
        let Some(web) = connection.web.as_deref_mut() else { return false };
        let is_ours = matches!(connection.role, Role::WebSocket(_) | Role::Attached(_));
        if connection.life != Life::Open || !is_ours {
            return false;
        }
        connection.deadline_ms = NEVER;
        if web.is_closing() {
            // The peer does not answer the close.
            self.finish(slot, Counter::ClosedByServer);
        } else if web.is_pinged {
            self.finish(slot, Counter::ClosedIdle);
        } else {
            web.is_pinged = true;
            self.count(Counter::WebSocketPings);
            self.web_ping(slot, &[]);
            self.set_deadline(slot, self.idle_deadline(slot));
        }
        true
    }
}
