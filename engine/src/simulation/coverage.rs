//! Which rows of the protocols' state tables the seeds have taken.
//!
//! Each machine that is driven by a table stands in [`EXPECTED`]. A row that no seed takes is either a
//! gap in the simulator or stands there with the reason why it cannot be taken here; a reason that no
//! longer holds is as much a surprise as a row without one.

use std::fmt::Write;

use skyring_protocols::coverage::{Row, rows};
pub(super) use skyring_protocols::coverage::{Steps, take};
use skyring_protocols::{http1, login, msg, websocket};

/// A machine, and what of its table is not taken here.
struct Expected {
    machine: &'static str,
    rows: fn() -> Vec<Row>,
    excuses: &'static [Excuse],
}

/// Rows that no seed takes: states and events that are like these.
struct Excuse {
    from: &'static str,
    event: &'static str,
    reason: &'static str,
}

const fn excuse(from: &'static str, event: &'static str, reason: &'static str) -> Excuse {
    Excuse { from, event, reason }
}

/// Every machine with a table, by the name under which it says its steps.
const EXPECTED: [Expected; 8] = [
    Expected {
        machine: "login server",
        rows: rows::<login::state::State>,
        excuses: &[
            excuse("Challenge", "Cut", "the server speaks as soon as it is made"),
            excuse("ServerKey", "Refused", AT_ONCE),
            excuse("ServerKey", "Cut", AT_ONCE),
            excuse("Verdict", "Cut", "who leaves while his token is judged is forgotten with it"),
        ],
    },
    Expected {
        machine: "login client",
        rows: rows::<login::state::State>,
        excuses: &[
            excuse("ServerKey", "SecureKey", "version 2 has a client of its own"),
            excuse("ClientKey", "Refused", AT_ONCE),
            excuse("ClientKey", "Cut", AT_ONCE),
            excuse("Proof", "Refused", AT_ONCE),
            excuse("Proof", "Cut", AT_ONCE),
            excuse("Token", "Refused", AT_ONCE),
            excuse("Token", "Cut", AT_ONCE),
        ],
    },
    Expected {
        machine: "login client v2",
        rows: rows::<login::state::State>,
        excuses: &[
            excuse("ServerKey", "ServerKey", "version 1 has a client of its own"),
            excuse("Proof", "*", "version 2 has no line for a proof alone"),
            excuse("ClientKey", "Refused", AT_ONCE),
            excuse("ClientKey", "Cut", AT_ONCE),
            excuse("Token", "Refused", AT_ONCE),
            excuse("Token", "Cut", AT_ONCE),
        ],
    },
    Expected {
        machine: "msg client",
        rows: rows::<msg::state::State>,
        excuses: &[
            excuse("AwaitAttach", "Fault", "the names of the game are short"),
            excuse("AwaitAttach", "Disconnect", AT_ONCE),
            excuse("Judging", "Fault", "the server keeps to the protocol"),
            excuse("Attached", "Fault", "the server keeps to the protocol"),
            excuse("*", "End", "a client sees the end of a connection, not why"),
            excuse("Closing", "Disconnect", "a client comes there by a fault only"),
        ],
    },
    Expected {
        machine: "HTTP server",
        rows: rows::<http1::state::State>,
        excuses: &[
            excuse("Done/Head", "Informational", "applications answer once"),
            excuse("*/Head", "ResponseCut", "an answer that is not begun is not cut"),
            excuse("Broken/Body", "ResponseCut", "what answers a broken request is whole"),
            excuse("*/Broken", "*", "behind an answer that was cut nothing is read"),
        ],
    },
    Expected {
        machine: "HTTP client",
        rows: rows::<http1::state::State>,
        excuses: &[
            excuse("*", "RequestCut", NO_BODY),
            excuse("Body/*", "RequestData", NO_BODY),
            excuse("Body/*", "Informational", NO_BODY),
            excuse("Body/*", "Response", NO_BODY),
            excuse("Body/*", "ResponseCut", NO_BODY),
            excuse("Body/*", "ResponseData", NO_BODY),
            excuse("Body/Body", "*End", NO_BODY),
            excuse("Body/Done", "RequestEnd", NO_BODY),
            excuse("Body/Broken", "RequestEnd", NO_BODY),
            excuse("Broken/*", "Response*", NO_BODY),
            excuse("*", "Again", "each answer is read by a machine of its own"),
        ],
    },
    Expected {
        machine: "WebSocket server",
        rows: rows::<websocket::state::State>,
        excuses: &[excuse("*/Inside", "*", WHOLE), excuse("*/Between", "Sent(First)", WHOLE)],
    },
    Expected {
        machine: "WebSocket client",
        rows: rows::<websocket::state::State>,
        excuses: &[
            excuse("Inside/*", "*", WHOLE),
            excuse("Between/*", "Received(First)", WHOLE),
            excuse("*", "Broke", "the server keeps to the protocol"),
            excuse("Broken/*", "*", "the server keeps to the protocol"),
            excuse("Between/*", "Sent(Close)", PAST),
            excuse("*/Closed", "Received*", PAST),
            excuse("*/Inside", "Received*", "a client here writes its message before it reads"),
            excuse("Closed/Inside", "*", "a client here writes its message before it reads"),
        ],
    },
];

const AT_ONCE: &str = "what leads there and what leads on are one step";
const NO_BODY: &str = "the reader of answers asks without a body";
const WHOLE: &str = "the server sends whole messages";
const PAST: &str = "a client here writes its own close past its machine, to have it between frames";

/// Whether a text is what a pattern says, in which a star at either end stands for anything.
fn is_like(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => pattern == text,
    }
}

impl Excuse {
    fn covers(&self, row: &Row) -> bool {
        let [from, event, _] = &row.text;
        is_like(self.from, from) && is_like(self.event, event)
    }
}

/// What is not as it is written above.
pub(super) fn surprises(steps: &Steps) -> Vec<String> {
    let mut found = Vec::new();
    for machine in steps.machines() {
        if EXPECTED.iter().all(|expected| expected.machine != machine) {
            found.push(format!("{machine} is expected nowhere"));
        }
    }
    for expected in &EXPECTED {
        let rows = (expected.rows)();
        for row in &rows {
            let [from, event, to] = &row.text;
            let is_taken = steps.has(expected.machine, row);
            let is_excused = expected.excuses.iter().any(|excuse| excuse.covers(row));
            if is_taken == is_excused {
                let what = if is_taken { "taken, and excused" } else { "never taken" };
                found.push(format!("{}: {from} -- {event} -> {to} is {what}", expected.machine));
            }
        }
        for excuse in expected.excuses {
            if !rows.iter().any(|row| excuse.covers(row)) {
                let Excuse { from, event, .. } = excuse;
                found.push(format!("{} has no row {from} -- {event}", expected.machine));
            }
        }
    }
    found
}

/// The same as tables of Markdown.
pub(super) fn report(steps: &Steps) -> String {
    let mut text =
        String::from("| machine | rows | taken | excused |\n| --- | --- | --- | --- |\n");
    for expected in &EXPECTED {
        let rows = (expected.rows)();
        let taken = rows.iter().filter(|row| steps.has(expected.machine, row)).count();
        let excused = expected.excuses;
        let excused = rows.iter().filter(|row| excused.iter().any(|it| it.covers(row))).count();
        let machine = expected.machine;
        writeln!(text, "| {machine} | {} | {taken} | {excused} |", rows.len()).expect("a string");
    }
    text.push_str("\n| machine | row | why no seed takes it |\n| --- | --- | --- |\n");
    for expected in &EXPECTED {
        for Excuse { from, event, reason } in expected.excuses {
            writeln!(text, "| {} | {from}, {event} | {reason} |", expected.machine)
                .expect("a string");
        }
    }
    text
}
