//! Distributions as a record keeps them: a table of percentiles dense enough to draw.
//!
//! The steps halve the distance to 100 % again and again, so that a plot over a logarithmic
//! quantile axis has points everywhere. Values are nanoseconds, to the three digits of the
//! histograms. A histogram without times has no table.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::record::Times;

/// The percentiles of a table.
pub const PERCENTS: [f64; 28] = [
    0.0, 10.0, 25.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 92.5, 95.0, 96.0, 97.0, 98.0, 98.5,
    99.0, 99.25, 99.5, 99.75, 99.9, 99.95, 99.975, 99.99, 99.995, 99.9975, 99.999, 100.0,
];

/// The percentiles that people are shown.
pub const PERCENTS_SHOWN: [f64; 10] =
    [0.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.999, 100.0];

/// One row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// So many percent of the times...
    pub percent: f64,
    /// ...are at most this.
    pub ns: u64,
}

/// The tables of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distributions {
    /// Answer minus due.
    pub response: Vec<Quantile>,
    /// Answer minus sent.
    pub service: Vec<Quantile>,
    /// Taken up minus due, open loop.
    pub lateness: Vec<Quantile>,
    /// Answer minus due, users that lost their connection in between.
    pub across_reattach: Vec<Quantile>,
    /// From a lost connection to the next accepted attach.
    pub reattach: Vec<Quantile>,
    /// From connecting to the granted login.
    pub login: Vec<Quantile>,
    /// From connecting to the accepted attach.
    pub attach: Vec<Quantile>,
    /// From the connection to the completed TLS handshake.
    #[serde(default)]
    pub tls: Vec<Quantile>,
}

impl Distributions {
    /// Of everything that was timed.
    pub fn of(times: &Times) -> Distributions {
        Distributions {
            response: table(&times.response),
            service: table(&times.service),
            lateness: table(&times.lateness),
            across_reattach: table(&times.disturbed),
            reattach: table(&times.reattach),
            login: table(&times.login),
            attach: table(&times.attach),
            tls: table(&times.tls),
        }
    }

    /// Names and tables, in the order in which people are shown them.
    pub fn named(&self) -> [(&'static str, &'static str, &[Quantile]); 8] {
        [
            ("response", "response", &self.response),
            ("service", "service", &self.service),
            ("lateness", "own lateness", &self.lateness),
            ("across_reattach", "over re-attach", &self.across_reattach),
            ("reattach", "re-attach", &self.reattach),
            ("login", "login", &self.login),
            ("attach", "attach", &self.attach),
            ("tls", "TLS handshake", &self.tls),
        ]
    }
}

fn table(times: &Histogram<u64>) -> Vec<Quantile> {
    if times.is_empty() {
        return Vec::new();
    }
    let row = |percent| Quantile { percent, ns: times.value_at_quantile(percent / 100.0) };
    PERCENTS.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Percentiles;

    #[test]
    fn a_table_says_what_the_summary_says() {
        let mut times = Times::default();
        (1..=200_000).for_each(|step| times.response.saturating_record(step * 37));
        let (tables, summary) = (Distributions::of(&times), Percentiles::of(&times.response));
        let at = |percent| tables.response.iter().find(|row| row.percent == percent).unwrap().ns;
        assert_eq!(
            [at(50.0), at(90.0), at(99.0)],
            [summary.p50_ns, summary.p90_ns, summary.p99_ns]
        );
        assert_eq!([at(99.9), at(100.0)], [summary.p99_9_ns, summary.max_ns]);
        assert_eq!(at(0.0), times.response.min());
        assert!(tables.response.is_sorted_by_key(|row| row.ns));
        assert!(tables.service.is_empty());
    }

    #[test]
    fn every_percentile_shown_is_in_the_table() {
        assert!(PERCENTS_SHOWN.iter().all(|shown| PERCENTS.contains(shown)));
        assert!(PERCENTS.is_sorted());
    }
}
