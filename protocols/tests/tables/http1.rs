//! The table of an HTTP exchange (WIRE H1), and what becomes of a connection (WIRE H15).

use skyring_protocols::http1::state::{Event, State};

use crate::snapshot;

#[test]
fn transitions() {
    let table = snapshot::transitions(State::ALL, Event::ALL, State::after);
    snapshot::assert_same("http1", &table);
}

#[test]
fn next() {
    let heading = ["request/response", "reusable", "not"].map(str::to_owned).to_vec();
    let row = |state: State| {
        let next = |reusable| format!("{:?}", state.next(reusable));
        vec![format!("{state:?}"), next(true), next(false)]
    };
    let rows: Vec<_> = std::iter::once(heading).chain(State::ALL.map(row)).collect();
    snapshot::assert_same("http1_next", &snapshot::align(&rows));
}
