//! The same stall of a server, seen three ways. This is what *coordinated omission* means: a
//! generator that waits for the server while the server waits asks nothing meanwhile, and reports
//! one slow answer a connection instead of all those that users would have waited for.
//!
//! The open loop has requests fall due all through the stall. Of those due in its first half each
//! must show a response time above half its length, and the first one the whole of it. How many
//! that are follows from the rate alone; four fifths of them are asked for, so that a machine that
//! is busy with other things does not fail. Service times, and a closed loop at the same pace, may
//! show it once or twice a connection.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::server::{Order, Server};
use super::state::Fault;
use super::{Row, SelfTestError, Trial};
use crate::arrival::SECOND_NS;
use crate::figures;
use crate::options::Options;

const USERS: u32 = 4;
const RATE: u64 = 500;
const PLAY_NS: u64 = 2 * SECOND_NS;
const STALL_NS: u64 = 400_000_000;

/// From the first request to the stall: it lies in the middle of the play.
const AFTER: Duration = Duration::from_millis(800);

/// Requests that fall due in the first half of the stall.
const DELAYED: u64 = RATE * STALL_NS / 2 / SECOND_NS;

/// What one way of looking shows of the stall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    requests: u64,
    /// Those that took longer than half the stall.
    delayed: u64,
    p50_ns: u64,
    p99_ns: u64,
    max_ns: u64,
}

impl Sight {
    fn of(times: &Histogram<u64>) -> Sight {
        Sight {
            requests: times.len(),
            delayed: times.len() - times.count_between(0, STALL_NS / 2),
            p50_ns: times.value_at_quantile(0.5),
            p99_ns: times.value_at_quantile(0.99),
            max_ns: times.max(),
        }
    }
}

/// The three ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sights {
    response: Sight,
    service: Sight,
    closed: Sight,
    /// The p99 of the generator's own lateness in the open loop.
    late_ns: u64,
    statuses: [u8; 2],
}

/// Makes the two runs.
pub(super) fn look() -> Result<Sights, SelfTestError> {
    let open = play(|options| options.rate = RATE)?;
    // The pace of the open loop, were it not for the stall.
    let closed = play(|options| options.think_ns = u64::from(USERS) * SECOND_NS / RATE)?;
    let times = &open.outcome.record.times;
    Ok(Sights {
        response: Sight::of(&times.response),
        service: Sight::of(&times.service),
        closed: Sight::of(&closed.outcome.record.times.response),
        late_ns: times.lateness.value_at_quantile(0.99),
        statuses: [open, closed].map(|trial| trial.report.verdict.exit_status),
    })
}

fn play(shape: fn(&mut Options)) -> Result<Trial, SelfTestError> {
    let lasts = Duration::from_nanos(STALL_NS);
    let server = Server::start(Fault::Stall { after: AFTER, lasts }, Order::Kept)?;
    let mut options = Options {
        users: USERS,
        depth: Some(1),
        play_ns: PLAY_NS,
        allow_late: true,
        ..super::options(&server)
    };
    shape(&mut options);
    super::play(options)
}

impl Sights {
    /// What must be so.
    pub(super) fn rows(&self) -> [Row; 2] {
        let [half, stall] = [STALL_NS / 2, STALL_NS].map(figures::duration);
        let (least, few) = (DELAYED * 4 / 5, DELAYED / 5);
        let (response, service, closed) = (self.response, self.service, self.closed);
        let passed = self.statuses == [0, 0];
        [
            Row {
                check: format!("a stall of {stall}, open loop"),
                expected: format!("{least}+ over {half}, max {stall}"),
                seen: format!(
                    "{} over {half}, max {}",
                    response.delayed,
                    figures::duration(response.max_ns)
                ),
                is_ok: passed && response.delayed >= least && response.max_ns >= STALL_NS,
            },
            Row {
                check: String::from("service time, and closed loop"),
                expected: format!("1 to {few} over {half} in each"),
                seen: format!("{} and {} over {half}", service.delayed, closed.delayed),
                is_ok: passed && [service, closed].iter().all(|it| (1..=few).contains(&it.delayed)),
            },
        ]
    }

    /// The three side by side.
    pub(super) fn table(&self) -> String {
        let columns = [self.response, self.service, self.closed];
        let half = figures::duration(STALL_NS / 2);
        let mut text = format!(
            "  The stall, seen three ways: {RATE} requests a second, {USERS} connections\n\n  \
             {:<16}{:>21}{:>21}{:>15}\n",
            "", "open loop, response", "open loop, service", "closed loop"
        );
        let mut row = |name: &str, get: fn(&Sight) -> String| {
            let [response, service, closed] = columns.each_ref().map(get);
            text += &format!("  {name:<16}{response:>21}{service:>21}{closed:>15}\n");
        };
        row("requests", |sight| figures::count(sight.requests));
        row(&format!("over {half}"), |sight| figures::count(sight.delayed));
        row("p50", |sight| figures::duration(sight.p50_ns));
        row("p99", |sight| figures::duration(sight.p99_ns));
        row("max", |sight| figures::duration(sight.max_ns));
        text += &format!(
            "\n  Only the first says what users would have waited. Own lateness, p99: {}\n",
            figures::duration(self.late_ns)
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sights() -> Sights {
        let seen = |delayed| Sight { delayed, max_ns: STALL_NS, ..Sight::default() };
        Sights { response: seen(100), service: seen(4), closed: seen(4), ..Sights::default() }
    }

    fn verdicts(change: impl FnOnce(&mut Sights)) -> [bool; 2] {
        let mut sights = sights();
        change(&mut sights);
        sights.rows().map(|row| row.is_ok)
    }

    #[test]
    fn an_honest_generator_passes() {
        assert_eq!(verdicts(|_| ()), [true, true]);
        assert_eq!(DELAYED, 100);
    }

    /// The response times of a generator that waits with its server are its service times.
    #[test]
    fn a_generator_that_omits_what_it_did_not_send_fails() {
        assert_eq!(verdicts(|sights| sights.response = sights.service), [false, true]);
    }

    #[test]
    fn a_generator_that_cuts_the_tail_fails() {
        assert_eq!(verdicts(|sights| sights.response.max_ns = STALL_NS - 1), [false, true]);
    }

    #[test]
    fn a_stall_that_nobody_saw_or_everybody_proves_nothing() {
        assert_eq!(verdicts(|sights| sights.closed.delayed = 0), [true, false]);
        assert_eq!(verdicts(|sights| sights.service.delayed = 100), [true, false]);
        assert_eq!(verdicts(|sights| sights.statuses = [1, 0]), [false, false]);
    }
}
