//! Sparklines: the last intervals as one row of characters each.
//!
//! Eight heights and two marks: one for an interval in which there was nothing to measure (no
//! answer, so no time; a rate of zero), one for an interval of which nothing is known. So the
//! lowest height is always something. Rates have a linear scale from zero to the greatest one
//! shown, times a logarithmic one between whole powers of ten: a scale that fitted its values
//! closely would make a mountain of every wobble.

use std::collections::VecDeque;

/// Intervals that are kept.
pub(super) const POINTS_MAX: usize = 60;

/// One interval of which something is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) answers_per_second: f64,
    /// None: nothing was answered.
    pub(super) p99_ns: Option<u64>,
}

/// What sparklines are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    heights: [char; 8],
    nothing: char,
    unknown: char,
}

pub(super) const UNICODE: Marks =
    Marks {
        heights: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'], nothing: '·', unknown: '?'
    };

pub(super) const ASCII: Marks =
    Marks { heights: ['_', ',', '-', '=', '+', '*', '%', '#'], nothing: '.', unknown: '?' };

/// The last intervals, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    points: VecDeque<Option<Point>>,
}

/// A row of characters, and between what its heights lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sparkline {
    pub(super) row: String,
    /// Empty when nothing was measured.
    pub(super) scale: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Unknown,
    Nothing,
    Is(f64),
}

impl History {
    /// Takes the newest interval in; none: nothing is known of it.
    pub(super) fn add(&mut self, point: Option<Point>) {
        if self.points.len() == POINTS_MAX {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// The answers a second of the last `columns` intervals.
    pub(super) fn answers(&self, columns: usize, marks: &Marks) -> Sparkline {
        let values = self.last(columns, |point| match point.answers_per_second {
            0.0 => Value::Nothing,
            rate => Value::Is(rate),
        });
        let Some((_, most)) = range(&values) else { return no_scale(&values, marks) };
        let row = draw(&values, marks, |rate| (rate / most * 8.0).ceil() - 1.0);
        let scale = format!("0..{}/s", crate::figures::count(most.round() as u64));
        Sparkline { row, scale }
    }

    /// The p99 response times of the last `columns` intervals.
    pub(super) fn p99(&self, columns: usize, marks: &Marks) -> Sparkline {
        let values = self.last(columns, |point| match point.p99_ns {
            None => Value::Nothing,
            Some(ns) => Value::Is((ns.max(1) as f64).log10()),
        });
        let Some((least, most)) = range(&values) else { return no_scale(&values, marks) };
        let low = least.floor();
        let high = most.ceil().max(low + 1.0);
        let row = draw(&values, marks, |log| (log - low) / (high - low) * 8.0);
        let scale = format!("{}..{}", power_of_ten(low as u32), power_of_ten(high as u32));
        Sparkline { row, scale }
    }

    fn last(&self, columns: usize, value: impl Fn(&Point) -> Value) -> Vec<Value> {
        let from = self.points.len().saturating_sub(columns);
        let points = self.points.range(from..);
        points.map(|point| point.as_ref().map_or(Value::Unknown, &value)).collect()
    }
}

/// The least and the greatest of what is known.
fn range(values: &[Value]) -> Option<(f64, f64)> {
    let numbers = values.iter().filter_map(|value| match value {
        Value::Is(number) => Some((*number, *number)),
        _ => None,
    });
    numbers.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)))
}

fn no_scale(values: &[Value], marks: &Marks) -> Sparkline {
    Sparkline { row: draw(values, marks, |_| 0.0), scale: String::new() }
}

/// One character a value; `height` is from 0 to 8, 8 excluded but for the top of the scale.
fn draw(values: &[Value], marks: &Marks, height: impl Fn(f64) -> f64) -> String {
    let mark = |value: &Value| match value {
        Value::Unknown => marks.unknown,
        Value::Nothing => marks.nothing,
        // A cast of what is below zero is zero.
        Value::Is(number) => marks.heights[(height(*number) as usize).min(7)],
    };
    values.iter().map(mark).collect()
}

/// `10^exponent` nanoseconds.
fn power_of_ten(exponent: u32) -> String {
    let unit = ["ns", "us", "ms", "s"][(exponent as usize / 3).min(3)];
    let zeros = exponent - (exponent / 3).min(3) * 3;
    format!("1{}{unit}", "0".repeat(zeros as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(points: &[Option<(f64, Option<u64>)>]) -> History {
        let mut history = History::default();
        for point in points {
            let point = point.map(|(rate, p99_ns)| Point { answers_per_second: rate, p99_ns });
            history.add(point);
        }
        history
    }

    #[test]
    fn rates_rise_from_zero_and_the_least_of_them_is_seen() {
        let rates = [0.0, 1.0, 400.0, 800.0];
        let history = history(&rates.map(|rate| Some((rate, None))));
        let drawn = history.answers(60, &UNICODE);
        assert_eq!((drawn.row.as_str(), drawn.scale.as_str()), ("·▁▄█", "0..800/s"));
        assert_eq!(history.answers(60, &ASCII).row, "._=#");
    }

    #[test]
    fn times_lie_between_powers_of_ten() {
        let times = [10_000, 99_000, 100_000, 950_000].map(|ns| Some((1.0, Some(ns))));
        let drawn = history(&times).p99(60, &UNICODE);
        assert_eq!((drawn.row.as_str(), drawn.scale.as_str()), ("▁▄▅█", "10us..1ms"));
    }

    #[test]
    fn a_wobble_is_no_mountain() {
        let times = [41_000, 42_000, 43_000].map(|ns| Some((1.0, Some(ns))));
        let drawn = history(&times).p99(60, &UNICODE);
        assert_eq!((drawn.row.as_str(), drawn.scale.as_str()), ("▅▅▆", "10us..100us"));
    }

    #[test]
    fn what_is_not_known_is_no_zero() {
        let history = history(&[Some((5.0, Some(1000))), None, Some((0.0, None))]);
        assert_eq!(history.answers(60, &UNICODE).row, "█?·");
        assert_eq!(history.p99(60, &UNICODE).row, "▁?·");
        let silent = super::tests::history(&[None, Some((0.0, None))]);
        assert_eq!(silent.p99(60, &ASCII), Sparkline { row: "?.".into(), scale: String::new() });
        assert_eq!(silent.answers(60, &ASCII).row, "?.");
    }

    #[test]
    fn only_the_last_intervals_are_shown() {
        let mut history = history(&[Some((1e9, None))]);
        (1..=POINTS_MAX).for_each(|rate| {
            history.add(Some(Point { answers_per_second: rate as f64, p99_ns: None }));
        });
        assert_eq!(history.answers(100, &ASCII).row.len(), POINTS_MAX);
        let drawn = history.answers(10, &ASCII);
        assert_eq!((drawn.row.len(), drawn.scale.as_str()), (10, "0..60/s"));
    }

    #[test]
    fn powers_of_ten_have_their_units() {
        let texts = [0, 2, 3, 5, 6, 9, 11].map(power_of_ten);
        assert_eq!(texts, ["1ns", "100ns", "1us", "100us", "1ms", "1s", "100s"]);
    }
}
