//! WebSocket messages on a connection that stays, the server's side.

use std::hint::black_box;

use skyring_protocols::Compat;
use skyring_protocols::websocket::{Aid, Connection, Event, Limits, Role, deflate};

use crate::generator::websocket::{REQUEST_BYTES, number, prepare};

/// So many messages that came together are read and sent back, in one output.
fn echo(repetitions: u32, messages: u32) {
    let mut input = Vec::new();
    for sequence in 0..messages {
        let mut message = [0; REQUEST_BYTES];
        prepare(&mut message, 7);
        number(&mut message, sequence);
        input.extend_from_slice(&message);
    }
    let (limits, mut tool) = (Limits::default(), deflate::Tool::default());
    let mut keys = || [0; 4];
    let mut aid = Aid { limits: &limits, keys: &mut keys, tool: &mut tool };
    let mut connection = Connection::new(Role::Server, Compat::Strict, None);
    let mut out = Vec::with_capacity(input.len());
    for _ in 0..repetitions {
        let (mut rest, mut echoed) = (black_box(&input[..]), 0);
        out.clear();
        loop {
            let received = connection.receive(rest, &mut aid, &mut out);
            let received = received.expect("the frames are right");
            rest = &rest[received.consumed..];
            let Some(Event::Message { kind, data }) = received.event else { break };
            connection.send(kind, &data, &mut aid, &mut out).expect("it is open");
            echoed += 1;
        }
        assert_eq!((echoed, rest.len()), (messages, 0));
        assert_eq!(black_box(&out).len(), messages as usize * (REQUEST_BYTES - 4));
    }
}

/// One.
pub(super) fn one(repetitions: u32) {
    echo(repetitions, 1);
}

/// Sixteen.
pub(super) fn sixteen(repetitions: u32) {
    echo(repetitions, 16);
}
