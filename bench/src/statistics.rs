//! Medians, spreads and percentiles: the few statistics that records use.
//!
//! The rounds of a run are few, so the middle is the median and the spread is the whole range:
//! nothing is thrown away and no distribution is assumed.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Median and range of a few values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle value, or the mean of the two middle ones.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of at least one value; NaN is not allowed.
    pub fn of(values: &[f64]) -> Option<Spread> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = sorted[sorted.len() / 2];
        let lower = sorted[(sorted.len() - 1) / 2];
        Some(Spread { median: f64::midpoint(lower, upper), min, max })
    }
}

/// Percentiles of a time, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half are at most this.
    pub p50_us: f64,
    /// 99 % are at most this.
    pub p99_us: f64,
    /// 99.9 % are at most this.
    pub p999_us: f64,
    /// All are at most this.
    pub max_us: f64,
}

impl Percentiles {
    /// Of a histogram of nanoseconds.
    pub fn of(nanoseconds: &Histogram<u64>) -> Percentiles {
        let at = |quantile| nanoseconds.value_at_quantile(quantile) as f64 / 1000.0;
        Percentiles { p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999), max_us: at(1.0) }
    }
}

/// An empty histogram of nanoseconds up to a minute, to three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(100, 60_000_000_000, 3).expect("the bounds are in order")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[3.0]), Some(Spread { median: 3.0, min: 3.0, max: 3.0 }));
        assert_eq!(Spread::of(&[9.0, 1.0]), Some(Spread { median: 5.0, min: 1.0, max: 9.0 }));
        let odd = [5.0, -1.0, 2.0];
        assert_eq!(Spread::of(&odd), Some(Spread { median: 2.0, min: -1.0, max: 5.0 }));
    }

    #[test]
    fn percentiles_keep_the_tail() {
        let mut times = histogram();
        times.record_n(10_000, 989).unwrap();
        times.record_n(1_000_000, 10).unwrap();
        times.record(50_000_000).unwrap();
        let percentiles = Percentiles::of(&times);
        assert!((percentiles.p50_us - 10.0).abs() < 0.1, "{percentiles:?}");
        assert!((percentiles.p99_us - 1000.0).abs() < 2.0, "{percentiles:?}");
        assert!((percentiles.p999_us - 1000.0).abs() < 2.0, "{percentiles:?}");
        assert!((percentiles.max_us - 50_000.0).abs() < 50.0, "{percentiles:?}");
    }
}
