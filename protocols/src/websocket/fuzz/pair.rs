//! Two sides against each other: whatever one is made to send, the other reads as that, in order,
//! and nothing else.

use std::collections::VecDeque;

use bytes::Bytes;

use super::frames::agreed;
use crate::Compat;
use crate::fuzz::draw::Draw;
use crate::websocket::deflate::Tool;
use crate::websocket::{
    Aid, CloseCode, Connection, Event, Kind, Limits, Role, WriteError, close, head,
};

/// Operations of one run.
const OPERATIONS_MAX: usize = 200;

/// One side, with what it has been told to send.
struct Side {
    connection: Connection,
    /// The events that the other side owes its caller, in order.
    sent: VecDeque<Event>,
    /// A message in fragments that has no end yet.
    open: Option<(Kind, Vec<u8>)>,
    /// On its way to the other side.
    wire: Vec<u8>,
    has_closed: bool,
    /// How many times a key was drawn.
    keys: u32,
}

/// Operations of two sides that are told what to do by the bytes.
pub fn pair(data: &[u8]) {
    let mut draw = Draw::new(data);
    let agreed = agreed(&mut draw);
    let compat = draw.one_of(&[Compat::Strict, Compat::Skynet]);
    let side = |role| Side {
        connection: Connection::new(role, compat, agreed),
        sent: VecDeque::new(),
        open: None,
        wire: Vec::new(),
        has_closed: false,
        keys: 0,
    };
    let mut sides = [side(Role::Server), side(Role::Client)];
    let mut tool = Tool::default();
    for _ in 0..OPERATIONS_MAX {
        if draw.is_over() {
            break;
        }
        let [server, client] = &mut sides;
        let (here, there) = if draw.flag() { (server, client) } else { (client, server) };
        match draw.below(3) {
            0 => here.send(&mut draw, &mut tool),
            _ => {
                let bytes = draw.byte();
                deliver(here, there, usize::from(bytes), &mut tool);
            }
        }
    }
    // Answers are sent as things arrive, so a few rounds are enough for all of it.
    for _ in 0..3 {
        let [server, client] = &mut sides;
        deliver(server, client, usize::MAX, &mut tool);
        deliver(client, server, usize::MAX, &mut tool);
    }
    for side in &sides {
        assert!(side.wire.is_empty(), "all of it was read");
    }
    let [server, client] = &sides;
    assert_eq!(server.connection.is_closed(), client.connection.is_closed());
    assert_eq!(server.connection.is_closed(), server.has_closed || client.has_closed);
    assert!(server.connection.is_closed() || (server.sent.is_empty() && client.sent.is_empty()));
}

impl Side {
    fn call<T>(
        &mut self,
        tool: &mut Tool,
        call: impl FnOnce(&mut Connection, &mut Aid<'_>, &mut Vec<u8>) -> T,
    ) -> T {
        let Self { connection, wire, keys, .. } = self;
        let mut key = || {
            *keys += 1;
            keys.wrapping_mul(2_654_435_761).to_ne_bytes()
        };
        let mut aid = Aid { limits: &Limits::default(), keys: &mut key, tool };
        call(connection, &mut aid, wire)
    }

    /// Sends something, or is told why not.
    fn send(&mut self, draw: &mut Draw<'_>, tool: &mut Tool) {
        let closing = self.connection.is_closing();
        let length = self.wire.len();
        let sent = match draw.below(6) {
            0 | 1 => self.send_message(draw, tool),
            2 => self.send_fragment(draw, tool),
            3 => {
                let data = draw.bytes(130);
                let sent = self.call(tool, |it, aid, out| it.ping(data, aid, out));
                self.expect(sent, Event::Ping(Bytes::copy_from_slice(data)))
            }
            4 => {
                let data = draw.bytes(130);
                let sent = self.call(tool, |it, aid, out| it.pong(data, aid, out));
                self.expect(sent, Event::Pong(Bytes::copy_from_slice(data)))
            }
            _ => self.send_close(draw, tool),
        };
        assert_eq!(sent.is_err(), self.wire.len() == length, "nothing is written in part");
        assert!(!closing || sent == Err(WriteError::Closing));
    }

    fn send_message(&mut self, draw: &mut Draw<'_>, tool: &mut Tool) -> Result<(), WriteError> {
        let (kind, data) = message(draw);
        let sent = self.call(tool, |it, aid, out| it.send(kind, &data, aid, out));
        assert!(self.open.is_none() || sent.is_err(), "not inside another");
        self.expect(sent, Event::Message { kind, data: Bytes::from(data) })
    }

    fn send_fragment(&mut self, draw: &mut Draw<'_>, tool: &mut Tool) -> Result<(), WriteError> {
        let is_last = draw.below(3) == 1;
        let (kind, data) = message(draw);
        let kind = self.open.as_ref().map_or(kind, |open| open.0);
        // What goes on as text is text.
        let data = if kind == Kind::Text { vec![b'a'; data.len()] } else { data };
        self.call(tool, |it, aid, out| it.send_fragment(kind, &data, is_last, aid, out))?;
        let open = self.open.get_or_insert_with(|| (kind, Vec::new()));
        open.1.extend(data);
        if let Some((kind, data)) = self.open.take_if(|_| is_last) {
            self.sent.push_back(Event::Message { kind, data: Bytes::from(data) });
        }
        Ok(())
    }

    fn send_close(&mut self, draw: &mut Draw<'_>, tool: &mut Tool) -> Result<(), WriteError> {
        let code = CloseCode::new(draw.one_of(&[1000, 1001, 1005, 1011, 4000]));
        let reason = String::from_utf8_lossy(draw.bytes(60)).into_owned();
        let sent = self.call(tool, |it, aid, out| it.close(code, &reason, aid, out));
        let is_long = reason.len() > close::REASON_BYTES_MAX;
        assert!(sent.is_err() || !is_long);
        self.has_closed |= sent.is_ok();
        self.expect(sent, Event::Close { code, reason: Bytes::from(reason) })
    }

    /// Remembers what the other side will read, if it was written.
    fn expect(&mut self, sent: Result<(), WriteError>, event: Event) -> Result<(), WriteError> {
        if sent.is_ok() {
            self.sent.push_back(event);
        }
        sent
    }
}

/// A message that may be sent.
fn message(draw: &mut Draw<'_>) -> (Kind, Vec<u8>) {
    let data = draw.bytes(60);
    let again = if draw.below(4) == 1 { 300 } else { 1 };
    if draw.flag() {
        (Kind::Text, String::from_utf8_lossy(data).repeat(again).into_bytes())
    } else {
        (Kind::Binary, data.repeat(again))
    }
}

/// Lets so many bytes arrive, and compares what is read with what was sent.
fn deliver(from: &mut Side, to: &mut Side, bytes_max: usize, tool: &mut Tool) {
    let mut arrived = bytes_max.min(from.wire.len());
    loop {
        let input = &from.wire[..arrived];
        let received = to.call(tool, |it, aid, out| it.receive(input, aid, out));
        let received = received.expect("what one side writes the other reads");
        from.wire.drain(..received.consumed);
        arrived -= received.consumed;
        let Some(event) = received.event else { break };
        let owed = loop {
            let owed = from.sent.pop_front().expect("nothing is read that was not sent");
            // The other side heard of the pong by its ping.
            if owed == event || !to.has_closed {
                break owed;
            }
        };
        if let Event::Ping(data) = &event
            && !to.connection.is_closing()
        {
            to.sent.push_back(Event::Pong(data.clone()));
        }
        if let Event::Close { code, .. } = &event
            && !to.has_closed
        {
            to.sent.push_back(Event::Close { code: *code, reason: Bytes::new() });
        }
        assert_eq!(event, owed);
    }
    assert!(arrived < head::HEAD_BYTES_MAX || to.connection.is_closed());
}
