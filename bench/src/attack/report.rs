//! A record as tables and as headlines.

use std::fmt::Write;

use super::judge;
use super::record::{Record, State};
use crate::markdown::table;
use crate::records::{Headline, Verdict};

const MIB: f64 = (1 << 20) as f64;

/// What the README shows.
pub(super) fn headlines(record: &Record) -> Vec<Headline> {
    let sum = |of: fn(&super::record::Group) -> u64| record.groups.iter().map(of).sum::<u64>();
    let (right, wrong) = (sum(|it| it.right), sum(|it| it.wrong));
    let closes = sum(|it| it.troubles.values().sum());
    let none = |name: String, count: u64, of: String| Headline {
        goal: Some("none".into()),
        verdict: Some(if count == 0 { Verdict::Met } else { Verdict::Missed }),
        ..Headline::new(name, of)
    };
    let minutes = record.seconds.1 / 60.0;
    let begun: u64 = record.kinds.iter().map(|kind| kind.begun).sum();
    let kinds = record.kinds.len();
    let (before, after) = (record.before, record.after);
    let memory = |state: State| state.private_bytes as f64 / MIB;
    let limit = judge::memory_max(before) as f64 / MIB;
    vec![
        none(
            format!("wrong answers to {} honest users in {minutes:.0} minutes", record.users),
            wrong,
            format!("{wrong} of {right}"),
        ),
        none("their connections ended or refused".into(), closes, closes.to_string()),
        Headline::new(
            format!("hostile connections, of {kinds} kinds"),
            format!("{begun}, {:.0} a second", begun as f64 / record.seconds.1),
        ),
        Headline::new(
            "server memory behind the attack, MiB (before it)",
            format!("{:.1} ({:.1})", memory(after), memory(before)),
        )
        .at_most(limit, memory(after), 1),
        none(
            "descriptors and sockets more than before".into(),
            after.descriptors.abs_diff(before.descriptors) + after.sockets.abs_diff(before.sockets),
            format!(
                "{}",
                (after.descriptors + after.sockets) as i64
                    - (before.descriptors + before.sockets) as i64
            ),
        ),
        none(
            "claims that did not hold".into(),
            record.failures.len() as u64,
            record.failures.len().to_string(),
        ),
    ]
}

/// The whole record, for people.
pub(super) fn render(record: &Record) -> String {
    let mut text = format!(
        "# Under attack\n\n{environment}{users} honest users play for {seconds:.0} s while {rate} hostile \
         connections a second are opened, after a rehearsal of {rehearsal:.0} s; seed {seed}. Everything is on \
         127.0.0.0/8 of one machine. What is done and what must hold: bench/METHOD.md.\n",
        environment = record.environment.describe(None),
        users = record.users,
        seconds = record.seconds.1,
        rate = record.rate,
        rehearsal = record.seconds.0,
        seed = record.seed,
    );
    let _ = writeln!(text, "\n## Verdict\n");
    if record.failures.is_empty() {
        let _ = writeln!(text, "Everything held.");
    }
    for failure in &record.failures {
        let _ = writeln!(text, "- **failed**: {failure}");
    }
    honest(record, &mut text);
    hostile(record, &mut text);
    server(record, &mut text);
    let _ = writeln!(text, "\n## Counted by the server meanwhile\n");
    let grown = record.counters.iter().filter(|(_, count)| **count > 0);
    let rows: Vec<Vec<String>> =
        grown.map(|(name, count)| vec![format!("`{name}`"), count.to_string()]).collect();
    table(&["counter", "grown by"], &rows, &mut text);
    text
}

fn honest(record: &Record, text: &mut String) {
    let _ = writeln!(text, "\n## Honest users\n");
    let row = |group: &super::record::Group| {
        vec![
            group.name.clone(),
            group.users.to_string(),
            group.right.to_string(),
            group.wrong.to_string(),
            group.troubles.values().sum::<u64>().to_string(),
            group.logins.to_string(),
            group.attaches.to_string(),
            format!("{:.1}", group.response_p50_us / 1e3),
            format!("{:.1}", group.response_p99_us / 1e3),
        ]
    };
    let rows: Vec<_> = record.groups.iter().map(row).collect();
    let header = [
        "group",
        "users",
        "right",
        "wrong",
        "ended or refused",
        "logins",
        "attaches",
        "p50 ms",
        "p99 ms",
    ];
    table(&header, &rows, text);
}

fn hostile(record: &Record, text: &mut String) {
    let _ = writeln!(text, "\n## Attackers\n");
    let row = |kind: &super::record::Tally| {
        let counts =
            [kind.begun, kind.ended, kind.done, kind.outlasted, kind.not_connected, kind.let_in];
        let words = [kind.name.clone(), kind.what.clone()].into_iter();
        words.chain(counts.map(|count| count.to_string())).collect()
    };
    let rows: Vec<_> = record.kinds.iter().map(row).collect();
    let header = [
        "kind",
        "what",
        "begun",
        "ended by the server",
        "gone by themselves",
        "not ended",
        "not connected",
        "let in",
    ];
    table(&header, &rows, text);
    let _ = writeln!(text, "\nSIGHUP was sent {} times.", record.hang_ups);
}

fn server(record: &Record, text: &mut String) {
    let _ = writeln!(text, "\n## The server\n");
    let row = |when: String, state: State| {
        let mib = |bytes: u64| format!("{:.1}", bytes as f64 / MIB);
        vec![
            when,
            mib(state.private_bytes),
            mib(state.accounted_bytes),
            state.connections.to_string(),
            state.sockets.to_string(),
            state.descriptors.to_string(),
            state.sessions.to_string(),
        ]
    };
    let during = record.samples.iter().map(|(at, state)| row(format!("{at:.0} s"), *state));
    let before = row("before, all gone".into(), record.before);
    let after = row("behind it, all gone".into(), record.after);
    let rows: Vec<_> = [before].into_iter().chain(during).chain([after]).collect();
    let header = [
        "when",
        "private MiB",
        "accounted MiB",
        "connections",
        "sockets",
        "descriptors",
        "sessions",
    ];
    table(&header, &rows, text);
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn a_record_shows_what_held_and_what_did_not() {
        let mut record = record();
        let text = render(&record);
        for part in ["Everything held.", "| ws bomb", "`closed_protocol`", "before, all gone"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(headlines(&record).iter().all(|it| it.verdict != Some(Verdict::Missed)));
        record.failures.push("a leak".into());
        record.groups[0].wrong = 1;
        assert!(render(&record).contains("- **failed**: a leak"));
        let missed =
            headlines(&record).into_iter().filter(|it| it.verdict == Some(Verdict::Missed));
        assert_eq!(missed.count(), 2);
    }
}
