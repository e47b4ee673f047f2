//! A figure: the median and range of a few measurements, and how far it can be trusted.
//!
//! Void measurements are left out. Where every one is void, all of them are used and the figure
//! says so: a disturbed number is shown, never hidden and never passed off as a good one.

use crate::statistics::Spread;

/// A figure and how far it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// Median and range over the rounds.
    pub spread: Spread,
    /// Whether only void cells were there.
    pub is_void: bool,
    /// Rounds that it comes from.
    pub rounds: usize,
}

impl Figure {
    /// Of values, each with whether it is void. None: there are none.
    pub fn of(samples: &[(f64, bool)]) -> Option<Figure> {
        let good: Vec<f64> =
            samples.iter().filter(|sample| !sample.1).map(|sample| sample.0).collect();
        if let Some(spread) = Spread::of(&good) {
            return Some(Figure { spread, is_void: false, rounds: good.len() });
        }
        let all: Vec<f64> = samples.iter().map(|sample| sample.0).collect();
        Spread::of(&all).map(|spread| Figure { spread, is_void: true, rounds: all.len() })
    }

    /// `median (min..max)`, or the value alone if there was one round.
    pub fn show(self, digits: usize) -> String {
        let Figure { spread, is_void, .. } = self;
        let mark = if is_void { " void" } else { "" };
        // A tiny negative number is not -0; any other keeps its sign.
        let number = |value: f64| {
            let text = format!("{value:.digits$}");
            let is_zero = text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
            if is_zero { text.trim_start_matches('-').to_owned() } else { text }
        };
        if spread.min.to_bits() == spread.max.to_bits() {
            return format!("{}{mark}", number(spread.median));
        }
        format!("{} ({}..{}){mark}", number(spread.median), number(spread.min), number(spread.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn void_values_count_only_where_there_are_no_others() {
        let figure = Figure::of(&[(20.0, true), (30.0, false)]).unwrap();
        assert!(!figure.is_void && figure.spread.median == 30.0 && figure.rounds == 1);
        let figure = Figure::of(&[(20.0, true), (30.0, true)]).unwrap();
        assert!(figure.is_void && figure.spread.median == 25.0 && figure.rounds == 2);
        assert_eq!(Figure::of(&[]), None);
    }

    #[test]
    fn figures_show_their_range_and_their_doubt() {
        let spread = Spread { median: 1.5, min: 1.0, max: 2.0 };
        assert_eq!(Figure { spread, is_void: false, rounds: 2 }.show(1), "1.5 (1.0..2.0)");
        let single = Spread { median: 3.0, min: 3.0, max: 3.0 };
        assert_eq!(Figure { spread: single, is_void: true, rounds: 1 }.show(0), "3 void");
        let show = |value, digits| {
            let spread = Spread { median: value, min: value, max: value };
            Figure { spread, is_void: false, rounds: 1 }.show(digits)
        };
        assert_eq!([show(-0.3, 0), show(-0.04, 1), show(-0.0, 2)], ["0", "0.0", "0.00"]);
        assert_eq!([show(-0.004, 3), show(-10.0, 0)], ["-0.004", "-10"]);
    }
}
