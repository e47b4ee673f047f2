//! What is written, and what is not.

use skyring_protocols::websocket::deflate::Tool;
use skyring_protocols::websocket::{
    Aid, CloseCode, Connection, Event, Kind, Limits, ReadError, Role, WriteError,
};
use skyring_protocols::{Blame, Compat};

/// One side, what it lends to its calls, and what it wrote.
struct Side {
    connection: Connection,
    tool: Tool,
    out: Vec<u8>,
}

impl Side {
    fn new(role: Role) -> Self {
        let connection = Connection::new(role, Compat::Strict, None);
        Self { connection, tool: Tool::default(), out: Vec::new() }
    }

    /// Calls the machine with an aid whose masking key is 1, 2, 3, 4.
    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut Connection, &mut Aid<'_>, &mut Vec<u8>) -> T,
    ) -> T {
        let (limits, mut keys) = (Limits::default(), || [1, 2, 3, 4]);
        let mut aid = Aid { limits: &limits, keys: &mut keys, tool: &mut self.tool };
        call(&mut self.connection, &mut aid, &mut self.out)
    }

    fn send(&mut self, kind: Kind, data: &[u8]) -> Result<(), WriteError> {
        self.call(|connection, aid, out| connection.send(kind, data, aid, out))
    }

    fn fragment(&mut self, data: &[u8], is_last: bool) -> Result<(), WriteError> {
        self.call(|it, aid, out| it.send_fragment(Kind::Text, data, is_last, aid, out))
    }

    fn ping(&mut self, data: &[u8]) -> Result<(), WriteError> {
        self.call(|connection, aid, out| connection.ping(data, aid, out))
    }

    fn pong(&mut self, data: &[u8]) -> Result<(), WriteError> {
        self.call(|connection, aid, out| connection.pong(data, aid, out))
    }

    fn close(&mut self, code: Option<CloseCode>, reason: &str) -> Result<(), WriteError> {
        self.call(|connection, aid, out| connection.close(code, reason, aid, out))
    }

    fn receive(&mut self, input: &[u8]) -> Result<Option<Event>, ReadError> {
        let received = self.call(|connection, aid, out| connection.receive(input, aid, out))?;
        Ok(received.event)
    }
}

/// WIRE W1, W5.
#[test]
fn a_server_writes_plain_frames() {
    let mut server = Side::new(Role::Server);
    server.send(Kind::Text, b"Hello").unwrap();
    server.send(Kind::Binary, b"").unwrap();
    server.ping(b"?").unwrap();
    server.pong(b"!").unwrap();
    server.close(Some(CloseCode::NORMAL), "bye").unwrap();
    assert_eq!(server.out, b"\x81\x05Hello\x82\0\x89\x01?\x8a\x01!\x88\x05\x03\xe8bye");
}

/// WIRE W4.
#[test]
fn a_client_masks_each_frame_with_a_key_of_its_own() {
    let mut client = Connection::new(Role::Client, Compat::Strict, None);
    let (limits, mut tool, mut drawn) = (Limits::default(), Tool::default(), 0);
    let mut keys = || {
        drawn += 1;
        [drawn, 0, 0, 0]
    };
    let mut aid = Aid { limits: &limits, keys: &mut keys, tool: &mut tool };
    let mut out = Vec::new();
    client.send(Kind::Text, b"aaaaa", &mut aid, &mut out).unwrap();
    client.ping(b"", &mut aid, &mut out).unwrap();
    client.close(None, "", &mut aid, &mut out).unwrap();
    assert_eq!(out, b"\x81\x85\x01\0\0\0`aaa`\x89\x80\x02\0\0\0\x88\x80\x03\0\0\0");
}

/// WIRE W5: lengths in their shortest form.
#[test]
fn lengths_are_short() {
    for (length, head) in [
        (125, &[0x82, 125][..]),
        (126, &[0x82, 126, 0, 126]),
        (65_535, &[0x82, 126, 0xff, 0xff]),
        (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let mut server = Side::new(Role::Server);
        server.send(Kind::Binary, &vec![7; length]).unwrap();
        assert_eq!(server.out.len(), head.len() + length);
        assert!(server.out.starts_with(head), "{length}");
        let mut begun = Side::new(Role::Server);
        begun.connection.begin_binary(length, &mut begun.out).unwrap();
        assert_eq!(begun.out, head, "{length}");
    }
}

/// WIRE W8, W14.
#[test]
fn fragments_are_framed_in_order() {
    let mut server = Side::new(Role::Server);
    server.fragment(b"a", false).unwrap();
    assert_eq!(server.send(Kind::Text, b"x"), Err(WriteError::OutOfTurn));
    assert_eq!(server.connection.begin_binary(1, &mut server.out), Err(WriteError::OutOfTurn));
    server.ping(b"").unwrap();
    server.fragment(b"", false).unwrap();
    server.fragment(b"b", true).unwrap();
    server.fragment(b"c", true).unwrap();
    server.send(Kind::Binary, b"d").unwrap();
    assert_eq!(server.out, b"\x01\x01a\x89\0\0\0\x80\x01b\x81\x01c\x82\x01d");
}

/// WIRE W7, W11.
#[test]
fn what_is_too_long_is_not_written() {
    let mut server = Side::new(Role::Server);
    let long = "x".repeat(126);
    assert_eq!(server.ping(long.as_bytes()), Err(WriteError::ControlTooLong));
    assert_eq!(server.pong(long.as_bytes()), Err(WriteError::ControlTooLong));
    let close = server.close(Some(CloseCode::NORMAL), &long[..124]);
    assert_eq!(close, Err(WriteError::ReasonTooLong));
    assert_eq!(server.close(None, "x"), Err(WriteError::ReasonAlone));
    assert_eq!(server.out, b"");
    assert!(!server.connection.is_closing());
    server.close(Some(CloseCode::NORMAL), &long[..123]).unwrap();
    assert_eq!(server.out.len(), 127);
}

/// WIRE W4: who masks cannot leave the payload to the caller.
#[test]
fn a_client_begins_no_payload() {
    let mut client = Side::new(Role::Client);
    assert_eq!(client.connection.begin_binary(1, &mut client.out), Err(WriteError::Masking));
    assert_eq!(WriteError::Masking.blame(), Blame::Caller);
}

fn nothing_can_be_sent(side: &mut Side) {
    let length = side.out.len();
    assert_eq!(side.send(Kind::Text, b"x"), Err(WriteError::Closing));
    assert_eq!(side.fragment(b"x", true), Err(WriteError::Closing));
    assert_eq!(side.fragment(b"x", false), Err(WriteError::Closing));
    assert_eq!(side.connection.begin_binary(1, &mut side.out), Err(WriteError::Closing));
    assert_eq!(side.ping(b""), Err(WriteError::Closing));
    assert_eq!(side.pong(b""), Err(WriteError::Closing));
    assert_eq!(side.close(None, ""), Err(WriteError::Closing));
    assert_eq!(side.out.len(), length);
}

/// WIRE W12.
#[test]
fn nothing_is_sent_behind_a_close_frame() {
    let mut closed = Side::new(Role::Server);
    closed.close(None, "").unwrap();
    nothing_can_be_sent(&mut closed);

    let mut asked = Side::new(Role::Server);
    asked.fragment(b"a", false).unwrap();
    let event = asked.receive(b"\x88\x80\0\0\0\0").unwrap();
    assert!(matches!(event, Some(Event::Close { code: None, .. })));
    nothing_can_be_sent(&mut asked);

    let mut refused = Side::new(Role::Server);
    assert_eq!(refused.receive(b"\x83\0"), Err(ReadError::Opcode(3)));
    nothing_can_be_sent(&mut refused);
}

/// WIRE W12: the stream ended, so nobody reads what would be sent.
#[test]
fn nothing_is_sent_to_a_peer_that_left() {
    let mut left = Side::new(Role::Server);
    assert_eq!(left.connection.receive_end(), Err(ReadError::Lost));
    assert_eq!(ReadError::Lost.close_code(), None);
    assert_eq!(left.send(Kind::Text, b"x"), Err(WriteError::Closing));
    assert_eq!(left.ping(b""), Err(WriteError::Closing));
    assert_eq!(left.connection.receive_end(), Ok(()), "said once");
}

/// WIRE W12: closing in the middle of a message that comes forgets it.
#[test]
fn closing_inside_a_message_of_the_peer() {
    let mut server = Side::new(Role::Server);
    assert_eq!(server.receive(b"\x01\x85\0\0\0\0he"), Ok(None));
    server.close(Some(CloseCode::GOING_AWAY), "").unwrap();
    assert!(!server.connection.is_idle(), "a payload is under way");
    assert_eq!(server.receive(b"llo"), Ok(None));
    assert!(server.connection.is_idle());
    let event = server.receive(b"\x80\x80\0\0\0\0\x88\x80\0\0\0\0").unwrap();
    assert!(matches!(event, Some(Event::Close { code: None, .. })));
    assert!(server.connection.is_closed());
    assert_eq!(server.connection.receive_end(), Ok(()));
}

/// WIRE W13.
#[test]
fn errors_say_whose_fault_they_are() {
    assert_eq!(ReadError::MessageTooLong { max: 1 }.blame(), Blame::Limit);
    assert_eq!(ReadError::FrameTooLong { max: 1 }.blame(), Blame::Limit);
    assert_eq!(ReadError::TooManyFragments { max: 1 }.blame(), Blame::Limit);
    assert_eq!(ReadError::Text.blame(), Blame::Peer);
    assert_eq!(ReadError::Lost.blame(), Blame::Peer);
}
