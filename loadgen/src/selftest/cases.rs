//! Servers that are each wrong in one known way, and a load that no generator can keep up: what a
//! run against each must say. Adding a line to [`CASES`] adds a check.

use std::time::Duration;

use super::server::{Order, Server};
use super::state::Fault;
use super::{Row, SelfTestError, Trial};
use crate::arrival::SECOND_NS;
use crate::figures;
use crate::options::Options;
use crate::report::Report;

/// One server, one load, one exit status.
struct Case {
    name: &'static str,
    fault: Fault,
    shape: fn(&mut Options),
    exit_status: u8,
    /// What else must be so, in words, and what is, and whether that is so; from the report and
    /// from how often the server knows to have been wrong.
    finding: fn(&Report, u64) -> (String, String, bool),
}

/// Users, requests a second and nanoseconds of play of each case that says nothing else: 300
/// requests, of which a wrong server treats six wrongly.
const USERS: u32 = 8;
const RATE: u64 = 600;
const PLAY_NS: u64 = 500_000_000;

/// How long the generator itself does nothing: two fifths of the play.
const NAP_NS: u64 = 200_000_000;

const CASES: &[Case] = &[
    Case {
        name: "a right server, with drops",
        fault: Fault::None,
        shape: |options| {
            // Being late is this machine's business and not this check's.
            (options.drop_ppm, options.allow_late) = (50_000, true);
        },
        exit_status: 0,
        finding: |report, _| {
            let (wrong, again) = (report.check.wrong, report.counters.reattaches);
            let seen = format!("{wrong} wrong, {again} drops");
            (String::from("0 wrong"), seen, wrong == 0 && again > 0)
        },
    },
    Case {
        name: "answers of other users",
        fault: Fault::SwapUsers,
        shape: |_| {},
        exit_status: 1,
        finding: |report, faults| found(report.check.wrong, faults),
    },
    Case {
        name: "altered answers",
        fault: Fault::Alter,
        shape: |_| {},
        exit_status: 1,
        finding: |report, faults| found(kind(report, "altered"), faults),
    },
    Case {
        name: "doubled answers",
        fault: Fault::Double,
        shape: |_| {},
        exit_status: 1,
        finding: |report, faults| found(kind(report, "doubled"), faults),
    },
    Case {
        name: "lost answers",
        fault: Fault::Lose,
        // The only one that waits to the end: a right answer that took so long would count as lost.
        shape: |options| options.drain_ns = 2 * SECOND_NS,
        exit_status: 1,
        finding: |report, faults| found(kind(report, "lost"), faults),
    },
    Case {
        name: "a threshold out of reach",
        fault: Fault::None,
        shape: |options| {
            options.thresholds.extend("max < 1ns".parse());
            options.allow_late = true;
        },
        exit_status: 7,
        finding: |report, _| {
            let held = report.thresholds.iter().filter(|threshold| threshold.held).count();
            let seen = format!("{held} of {} held", report.thresholds.len());
            (String::from("0 of 1 held"), seen, held == 0 && report.thresholds.len() == 1)
        },
    },
    Case {
        name: "more load than may be open",
        // Nothing is answered while it falls due, however fast the machine is.
        fault: Fault::Stall { after: Duration::ZERO, lasts: Duration::from_millis(200) },
        shape: |options| {
            (options.rate, options.play_ns, options.open_max) = (1_000_000, 100_000_000, 1_000);
        },
        exit_status: 4,
        finding: |report, _| {
            let left_out = report.counters.skipped;
            let seen = format!("{} left out", figures::count(left_out));
            let is_told = left_out > 0 && is_void_for(report, "left out");
            (String::from("void"), seen, is_told)
        },
    },
    Case {
        name: "a generator that naps",
        fault: Fault::None,
        // A fifth of all requests falls due in the first half of the nap.
        shape: |options| options.nap_ns = NAP_NS,
        exit_status: 4,
        finding: |report, _| {
            let times = [report.play.lateness.p90_ns, report.play.response.p90_ns];
            let [half, late, response] = [NAP_NS / 2, times[0], times[1]].map(figures::duration);
            let is_told = times.iter().all(|ns| *ns >= NAP_NS / 2) && is_void_for(report, "late");
            (format!("p90 over {half}"), format!("p90 {late}, {response}"), is_told)
        },
    },
];

/// Whether all that was wrong was found, and nothing else.
fn found(found: u64, faults: u64) -> (String, String, bool) {
    (format!("{faults} found"), format!("{found} found"), faults > 0 && found == faults)
}

/// Whether the run is void, and for this reason.
fn is_void_for(report: &Report, word: &str) -> bool {
    report.verdict.void && report.verdict.reasons.iter().any(|reason| reason.contains(word))
}

fn kind(report: &Report, name: &str) -> u64 {
    report.check.kinds.get(name).copied().unwrap_or_default()
}

/// Makes the runs one after the other, and hands out a row after each.
pub(super) fn run(mut each: impl FnMut(Row)) -> Result<(), SelfTestError> {
    for case in CASES {
        let server = Server::start(case.fault, Order::Kept)?;
        let mut options =
            Options { users: USERS, rate: RATE, play_ns: PLAY_NS, ..super::options(&server) };
        (case.shape)(&mut options);
        let Trial { report, .. } = super::play(options)?;
        each(judge(case, &report, server.faults()));
    }
    Ok(())
}

fn judge(case: &Case, report: &Report, faults: u64) -> Row {
    let (expected, seen, is_found) = (case.finding)(report, faults);
    let status = report.verdict.exit_status;
    Row {
        check: String::from(case.name),
        expected: format!("status {}, {expected}", case.exit_status),
        seen: format!("status {status}, {seen}"),
        is_ok: is_found && status == case.exit_status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A generator that misses one of the wrong answers, and one that finds too many, fail.
    #[test]
    fn every_wrong_answer_must_be_found_and_no_other() {
        assert!(found(6, 6).2);
        assert!(!found(5, 6).2 && !found(7, 6).2 && !found(0, 0).2);
    }
}
