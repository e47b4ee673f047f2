//! A record as tables and as headlines.

use std::fmt::Write;

use super::bodies::{Operation, Side};
use super::foreign::{C_SIDE, PYTHON_SIDE};
use super::messages::Message;
use super::record::Record;
use crate::figure::Figure;
use crate::markdown;
use crate::records::Headline;
use crate::statistics::Spread;

/// What is compared with what, and how the README says it. The first of a pair is ours.
const COMPARED: [(&[Operation], (Side, &str), &str); 4] = [
    (
        &[Operation::Encode, Operation::Decode],
        (Side::Bytes, C_SIDE),
        "Skynet's C library's, strings as bytes",
    ),
    (&[Operation::Pack, Operation::Unpack], (Side::Borrowed, C_SIDE), "Skynet's C library's"),
    (
        &[Operation::Encode, Operation::Decode],
        (Side::Borrowed, "rmp-serde"),
        "rmp-serde's, strings borrowed",
    ),
    (&[Operation::Encode, Operation::Decode], (Side::Owned, "prost"), "prost's, strings copied"),
];

/// What the README shows: of each comparison the message that is worst for us.
pub(super) fn headlines(record: &Record) -> Vec<Headline> {
    let mut headlines = Vec::new();
    for (operations, (ours, other), text) in COMPARED {
        for operation in operations {
            let Some((message, ratio)) = worst(record, (ours.name(), other), *operation) else {
                continue;
            };
            let name = format!(
                "sproto, {} a message: time divided by {text}, the worst of {} ({})",
                operation.name(),
                Message::ALL.len(),
                message.name(),
            );
            headlines.push(Headline::new(name, show(ratio, 2)).at_most(1.0, ratio.median, 0));
        }
    }
    headlines
}

fn worst(record: &Record, sides: (&str, &str), operation: Operation) -> Option<(Message, Spread)> {
    let ratios = Message::ALL.into_iter().filter_map(|message| {
        Some((message, record.ratio(sides, message.name(), operation.name())?))
    });
    ratios.max_by(|(_, one), (_, other)| one.median.total_cmp(&other.median))
}

/// The whole record, for people.
pub(super) fn render(record: &Record) -> String {
    let rounds = record.cells.iter().map(|cell| cell.round + 1).max().unwrap_or(0);
    let known = |version: &Option<String>| version.clone().unwrap_or_else(|| "absent".into());
    let mut text = format!(
        "# sproto, message by message\n\n{}{rounds} rounds, seed {}; C compiler: {}; {}. Times are \
         of the processor, medians with the range behind them; ratios are of one round. What they \
         mean: bench/METHOD.md.\n",
        record.environment.describe(None),
        record.seed,
        known(&record.compiler),
        known(&record.valgrind),
    );
    for absent in &record.absent {
        let _ = writeln!(text, "\n**Absent:** {absent}");
    }
    for failure in &record.failures {
        let _ = writeln!(text, "\n**Failed:** {failure}");
    }
    for message in Message::ALL {
        for operation in Operation::ALL {
            table(record, message, operation, &mut text);
        }
    }
    text
}

fn table(record: &Record, message: Message, operation: Operation, text: &mut String) {
    let names = Side::ALL.map(Side::name).into_iter().chain([C_SIDE, PYTHON_SIDE]);
    let rows: Vec<Vec<String>> =
        names.filter_map(|side| row(record, side, message.name(), operation.name())).collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## {}: {}\n", message.name(), operation.name());
    let header = ["side", "ns/message", "x skyring", "instructions", "bytes"];
    markdown::table(&header, &rows, text);
}

fn row(record: &Record, side: &str, message: &str, operation: &str) -> Option<Vec<String>> {
    let time = record.time(side, message, operation)?;
    let ratio = record.ratio((side, Side::Borrowed.name()), message, operation);
    let instructions = record.instructions(side, message, operation);
    let bytes = record.bytes(side, message, operation);
    Some(vec![
        side.to_owned(),
        show(time, if time.median < 1_000.0 { 1 } else { 0 }),
        ratio.map_or("-".into(), |ratio| show(ratio, 2)),
        instructions.map_or("-".into(), |count| format!("{count:.0}")),
        bytes.map_or("-".into(), |bytes| bytes.to_string()),
    ])
}

fn show(spread: Spread, digits: usize) -> String {
    Figure { spread, is_void: false, rounds: 0 }.show(digits)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;
    use crate::records::Verdict;

    #[test]
    fn the_worst_message_is_judged() {
        let mut record = record();
        let judged = headlines(&record);
        assert_eq!(judged.len(), 1, "nobody else was there: {judged:?}");
        assert_eq!(judged[0].verdict, Some(Verdict::Met));
        assert!(judged[0].name.contains("encode") && judged[0].name.ends_with("(move)"));
        let mut slower = record.cells.clone();
        for cell in &mut slower {
            cell.place.message = "chat".into();
            if cell.place.side == "skyring" {
                cell.ran_ns *= 3;
            }
        }
        record.cells.extend(slower);
        let judged = headlines(&record);
        assert_eq!(judged[0].verdict, Some(Verdict::Missed));
        assert!(judged[0].name.ends_with("(chat)"));
    }

    #[test]
    fn the_report_has_what_was_measured_and_what_was_not() {
        let mut record = record();
        record.absent.push("the moon".into());
        let text = render(&record);
        for part in
            ["## move: encode", "| skyring   | 20.0 (10.0..30.0) | 1.00 ", "| 80 ", "the moon"]
        {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!text.contains("decode\n"));
    }
}
