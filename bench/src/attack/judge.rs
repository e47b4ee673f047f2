//! What must hold, whatever was done to the server.

use std::collections::BTreeMap;
use std::process::ExitStatus;

use skyring::shard::counters::Counter;

use super::kinds::Kind;
use super::record::{Group, Record, State, Tally};

/// The server's memory may be so much larger behind the attack than before it: what an allocator keeps
/// of its greatest load, in holes that the next one fills.
const GROWTH_BYTES_MAX: u64 = 16 << 20;
const GROWTH_SHARE_MAX: f64 = 0.15;

/// Where connections are counted that were turned away before anybody knew what they wanted.
const TURNED_AWAY: [Counter; 5] = [
    Counter::RefusedAddressRate,
    Counter::RefusedMaxclient,
    Counter::RefusedMemory,
    Counter::ClosedUnauthenticated,
    Counter::ClosedMemory,
];

/// Everything that did not hold.
pub(super) fn failures(record: &Record, kinds: &[&Kind]) -> Vec<String> {
    let mut failures = Vec::new();
    let users: u64 = record.groups.iter().map(|group| group.users).sum();
    if users != u64::from(record.users) {
        failures.push(format!("{users} of {} honest users were in", record.users));
    }
    failures.extend(record.groups.iter().flat_map(honest));
    for (kind, tally) in kinds.iter().zip(&record.kinds) {
        failures.extend(hostile(kind, tally));
        failures.extend(counted(kind, kinds, record));
    }
    failures.extend(ends(&record.counters));
    failures.extend(restored(record.before, record.after));
    failures.extend(growth(record));
    failures
}

/// What honest users had to bear before it counted: nothing, either.
pub(super) fn rehearsal(groups: &[Group]) -> Vec<String> {
    let failures = groups.iter().flat_map(honest);
    failures.map(|failure| format!("in the rehearsal, {failure}")).collect()
}

fn honest(group: &Group) -> Vec<String> {
    let name = &group.name;
    let mut failures = Vec::new();
    if group.wrong > 0 {
        failures.push(format!("{name}: {} wrong answers", group.wrong));
    }
    if group.right == 0 {
        failures.push(format!("{name}: no right answer"));
    }
    let troubles = group.troubles.iter();
    failures.extend(troubles.map(|(what, times)| format!("{name}: {what}, {times} times")));
    failures.extend(group.reasons.iter().map(|reason| format!("{name}: {reason}")));
    failures
}

fn hostile(kind: &Kind, tally: &Tally) -> Vec<String> {
    let name = kind.name;
    let mut failures = Vec::new();
    let mut must_be_none = |count: u64, what: &str| {
        if count > 0 {
            failures.push(format!("{name}: {count} {what}"));
        }
    };
    must_be_none(tally.outlasted, "were not ended by the server");
    must_be_none(tally.not_connected, "got no connection");
    must_be_none(tally.let_in, "were let in");
    if tally.begun == 0 {
        failures.push(format!("{name}: never tried"));
    }
    failures
}

/// Whether the server has counted what this kind did: its counters have grown, and together with those for
/// who was turned away by at least as many as there were sorties of all kinds that are counted there only.
fn counted(kind: &Kind, kinds: &[&Kind], record: &Record) -> Vec<String> {
    let grown = |counter: &Counter| record.counters.get(counter.name()).copied().unwrap_or(0);
    let names: Vec<&str> = kind.counters.iter().map(|counter| counter.name()).collect();
    let own: u64 = kind.counters.iter().map(grown).sum();
    if own == 0 {
        return vec![format!("{}: not seen by the server under {names:?}", kind.name)];
    }
    let within = kinds.iter().zip(&record.kinds).filter(|(other, _)| {
        other.is_ended && other.counters.iter().all(|counter| kind.counters.contains(counter))
    });
    let ended: u64 = within.map(|(_, tally)| tally.ended).sum();
    let away: u64 = TURNED_AWAY.iter().map(grown).sum();
    match own + away >= ended {
        true => Vec::new(),
        false => vec![format!("{}: {ended} ended, {own} counted under {names:?}", kind.name)],
    }
}

/// Every connection was counted once, by the reason that it ended for.
fn ends(counters: &BTreeMap<String, u64>) -> Option<String> {
    let grown = |counter: &Counter| counters.get(counter.name()).copied().unwrap_or(0);
    let accepted = grown(&Counter::Accepted);
    let ended: u64 = Counter::ENDS.iter().map(grown).sum();
    (accepted != ended).then(|| format!("{accepted} connections, and {ended} reasons to end"))
}

/// Whether the server is again as it was.
fn restored(before: State, after: State) -> Vec<String> {
    let mut failures = Vec::new();
    let mut same = |what: &str, before: u64, after: u64| {
        if before != after {
            failures.push(format!("{before} {what} before, {after} after"));
        }
    };
    same("descriptors", before.descriptors, after.descriptors);
    same("sockets", before.sockets, after.sockets);
    same("connections", before.connections, after.connections);
    if after.private_bytes > memory_max(before) {
        let (before, after) = (before.private_bytes, after.private_bytes);
        failures.push(format!("{before} bytes of memory before, {after} after"));
    }
    failures
}

/// Whether memory grew on under the attack, from its second quarter to its last.
fn growth(record: &Record) -> Option<String> {
    let under_way = record.samples.iter().filter(|(at, _)| *at <= record.seconds.1);
    let bytes: Vec<u64> = under_way.map(|(_, state)| state.private_bytes).collect();
    let quarter = bytes.len() / 4;
    let mean = |quarters: &[u64]| quarters.iter().sum::<u64>() / quarter.max(1) as u64;
    let early = mean(&bytes[quarter..2 * quarter]);
    let late = mean(&bytes[bytes.len() - quarter..]);
    let grew = late > grown_max(early);
    grew.then(|| format!("memory grew on under the attack, from {early} to {late} bytes"))
}

/// Most bytes of memory that the server may have behind the attack.
pub(super) fn memory_max(before: State) -> u64 {
    grown_max(before.private_bytes)
}

fn grown_max(bytes: u64) -> u64 {
    bytes + ((bytes as f64 * GROWTH_SHARE_MAX) as u64).max(GROWTH_BYTES_MAX)
}

/// What is wrong with how the server ended.
pub(super) fn ending(status: ExitStatus, said: &str) -> Vec<String> {
    let mut failures = Vec::new();
    if !status.success() {
        failures.push(format!("the server ended with {status}"));
    }
    if said.contains("panicked") || said.contains("keeps its") {
        failures.push(format!("the server said: {said}"));
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::super::kinds;
    use super::super::record::tests::record;
    use super::*;

    fn judged(change: impl FnOnce(&mut Record)) -> Vec<String> {
        let mut record = record();
        change(&mut record);
        let kinds: Vec<&Kind> =
            kinds::all().into_iter().filter(|kind| kind.name == "ws bomb").collect();
        failures(&record, &kinds)
    }

    #[test]
    fn a_run_in_which_all_went_well_passes() {
        assert_eq!(judged(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn a_rehearsal_is_judged_too() {
        let mut groups = record().groups;
        assert_eq!(rehearsal(&groups), Vec::<String>::new());
        groups[0].wrong = 1;
        assert_eq!(rehearsal(&groups), ["in the rehearsal, all: 1 wrong answers"]);
    }

    #[test]
    fn whatever_goes_wrong_is_told() {
        type Change = fn(&mut Record);
        let changes: [(Change, &str); 14] = [
            (|it| it.groups[0].wrong = 1, "wrong answers"),
            (|it| it.groups[0].right = 0, "no right answer"),
            (|it| it.groups[0].users = 9, "9 of 10 honest users"),
            (|it| it.groups[0].troubles.extend([("closed".to_owned(), 1)]), "closed, 1 times"),
            (|it| it.groups[0].reasons.push("late".into()), "late"),
            (|it| it.kinds[0].outlasted = 1, "not ended"),
            (|it| it.kinds[0].not_connected = 1, "no connection"),
            (|it| it.kinds[0].let_in = 1, "let in"),
            (|it| it.kinds[0].ended = 6, "6 ended, 5 counted"),
            (|it| it.counters.clear(), "not seen"),
            (|it| it.counters.extend([("accepted".to_owned(), 7)]), "reasons to end"),
            (|it| it.after.sockets = 1, "sockets"),
            (|it| it.after.private_bytes = 40 << 20, "bytes of memory"),
            (|it| it.samples[6].1.private_bytes = 80 << 20, "grew on"),
        ];
        for (change, told) in changes {
            let failures = judged(change);
            assert!(failures.iter().any(|it| it.contains(told)), "{told}: {failures:?}");
        }
    }
}
