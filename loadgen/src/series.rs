//! The play second by second, put together from the glances that the live view gets.
//!
//! A glance is as old as the shard that showed it chose, up to a twentieth of a second. So rates
//! are counted between the instants at which the counts were seen, not between those of looking.
//! Percentiles are those of the live view: two digits, from a microsecond to a minute. Unlike the
//! distributions of a run, a point holds every answer of its second: those of the warm-up, and
//! those of users that lost their connection in between.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::arrival::SECOND_NS;
use crate::control::Glance;
use crate::figures;
use crate::record::{Counters, recent_histogram};

/// What is left at the end of the play is a point when it is this long, or there is no other.
const LAST_NS_MIN: u64 = SECOND_NS / 4;

/// One second of the play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Seconds from the start of the play to the end of this point.
    pub at_seconds: f64,
    /// Right answers in it.
    pub answers: u64,
    /// The same a second.
    pub answers_per_second: f64,
    /// Median response time.
    pub p50_ns: u64,
    /// 99 % of the response times are at most this.
    pub p99_ns: u64,
    /// The longest.
    pub max_ns: u64,
    /// 99 % of the generator's own lateness is at most this.
    pub late_p99_ns: u64,
    /// Requests that had fallen due and were not answered at its end.
    pub open: u64,
    /// Wrong answers, and connections that failed or were lost, in it.
    pub errors: u64,
}

/// The response times of one second, whole.
#[derive(Clone, Debug)]
pub struct Second {
    /// When it began.
    pub from_ns: u64,
    /// When it ended.
    pub to_ns: u64,
    /// Its response times, to two digits, with no more memory than they need.
    pub response: Histogram<u64>,
}

/// A series that grows.
#[derive(Debug)]
pub struct Series {
    points: Vec<Point>,
    seconds: Vec<Second>,
    /// The start of the play; none before it is known and after the play.
    start_ns: Option<u64>,
    from_ns: u64,
    from: Counters,
    response: Histogram<u64>,
    late: Histogram<u64>,
}

impl Default for Series {
    fn default() -> Series {
        Series {
            points: Vec::new(),
            seconds: Vec::new(),
            start_ns: None,
            from_ns: 0,
            from: Counters::default(),
            response: recent_histogram(),
            late: recent_histogram(),
        }
    }
}

impl Series {
    /// The play begins at `start_ns`; the counts are those before it.
    pub fn begin(&mut self, start_ns: u64, counters: Counters) {
        (self.start_ns, self.from_ns, self.from) = (Some(start_ns), start_ns, counters);
    }

    /// Whether a second is full, so that it wants a glance.
    pub fn is_due(&self, now_ns: u64) -> bool {
        self.start_ns.is_some_and(|start_ns| now_ns >= self.full_ns(start_ns))
    }

    /// Takes a glance in.
    pub fn add(&mut self, glance: &Glance) {
        let Some(start_ns) = self.start_ns else { return };
        self.response.add(&glance.recent).expect("both are recent histograms");
        self.late.add(&glance.recent_late).expect("both are recent histograms");
        // What was seen a moment before the second was full counts as the whole of it.
        if glance.seen_ns + SECOND_NS / 10 >= self.full_ns(start_ns) {
            self.close(start_ns, glance);
        }
    }

    /// The play has ended; what comes later is not its.
    pub fn end(&mut self, glance: &Glance) {
        self.add(glance);
        let Some(start_ns) = self.start_ns.take() else { return };
        let left_ns = glance.seen_ns.saturating_sub(self.from_ns);
        if left_ns >= LAST_NS_MIN || (self.points.is_empty() && left_ns > 0) {
            self.close(start_ns, glance);
        }
    }

    /// The finished series.
    pub fn into_points(self) -> (Vec<Point>, Vec<Second>) {
        (self.points, self.seconds)
    }

    /// When the present second is full.
    fn full_ns(&self, start_ns: u64) -> u64 {
        start_ns + (self.points.len() as u64 + 1) * SECOND_NS
    }

    fn close(&mut self, start_ns: u64, glance: &Glance) {
        let (now, from) = (&glance.counters, &self.from);
        let answers = now.answers.saturating_sub(from.answers);
        let errors = |it: &Counters| it.wrong + it.connects_failed + it.losses;
        self.points.push(Point {
            at_seconds: glance.seen_ns.saturating_sub(start_ns) as f64 / 1e9,
            answers,
            answers_per_second: figures::per_second(
                answers,
                glance.seen_ns.saturating_sub(self.from_ns),
            ),
            p50_ns: self.response.value_at_quantile(0.5),
            p99_ns: self.response.value_at_quantile(0.99),
            max_ns: self.response.max(),
            late_p99_ns: self.late.value_at_quantile(0.99),
            open: glance.tally.open,
            errors: errors(now).saturating_sub(errors(from)),
        });
        let (from_ns, to_ns) = (self.from_ns, glance.seen_ns);
        self.seconds.push(Second { from_ns, to_ns, response: compact(&self.response) });
        (self.from_ns, self.from) = (glance.seen_ns, glance.counters);
        self.response.reset();
        self.late.reset();
    }
}

/// The same times in a histogram that grows as it must.
fn compact(times: &Histogram<u64>) -> Histogram<u64> {
    let mut compact = Histogram::new(2).expect("two digits are allowed");
    compact.auto(true);
    compact.add(times).expect("it resizes itself");
    compact
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_NS: u64 = 5 * SECOND_NS;

    /// A glance so many milliseconds into a play of one answer a millisecond.
    fn glance(ms: u64) -> Glance {
        let mut glance = Glance { seen_ns: START_NS + ms * 1_000_000, ..Glance::default() };
        glance.counters.answers = 70 + ms;
        glance.counters.wrong = ms / 1500;
        glance.counters.connects_failed = 3;
        glance.recent.saturating_record(ms * 1000);
        glance.recent_late.saturating_record(2000);
        glance.tally.open = ms;
        glance
    }

    fn begun() -> Series {
        let mut series = Series::default();
        let counters = Counters { answers: 70, connects_failed: 3, ..Counters::default() };
        series.add(&glance(0));
        series.begin(START_NS, counters);
        series
    }

    #[test]
    fn a_second_is_a_point_and_its_rate_is_that_of_the_glances() {
        let mut series = begun();
        assert!(!series.is_due(START_NS + 999_999_999) && series.is_due(START_NS + SECOND_NS));
        [400, 800, 970, 1400, 2010].into_iter().for_each(|ms| series.add(&glance(ms)));
        series.end(&glance(2100));
        series.add(&glance(3500));
        let (points, seconds) = series.into_points();
        assert_eq!([0, 1].map(|second| seconds[second].response.len()), [3, 2]);
        let of = |get: fn(&Point) -> u64| points.iter().map(get).collect::<Vec<_>>();
        assert_eq!(of(|point| point.answers), [970, 1040]);
        assert_eq!(of(|point| point.answers_per_second as u64), [1000, 1000]);
        assert_eq!(of(|point| point.errors), [0, 1]);
        assert_eq!(of(|point| point.open), [970, 2010]);
        let near = |ns: u64, ms: u64| ns.abs_diff(ms * 1000) * 100 <= ms * 1000;
        assert!(near(points[0].p50_ns, 800) && near(points[1].max_ns, 2010), "{points:?}");
    }

    #[test]
    fn a_short_play_has_one_point_and_a_rest_of_it_another() {
        let mut series = begun();
        series.end(&glance(200));
        assert_eq!(series.into_points().0.len(), 1);
        let mut series = begun();
        series.add(&glance(1000));
        series.end(&glance(1500));
        assert_eq!(series.into_points().0.len(), 2);
        let mut never = Series::default();
        never.end(&glance(1000));
        assert!(never.into_points().0.is_empty());
    }
}
