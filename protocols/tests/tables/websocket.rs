//! The table of a WebSocket connection (WIRE W8, W12).

use skyring_protocols::websocket::state::{Event, State};

use crate::snapshot;

#[test]
fn transitions() {
    let table = snapshot::transitions(State::ALL, Event::ALL, State::after);
    snapshot::assert_same("websocket", &table);
}
