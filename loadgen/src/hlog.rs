//! The distributions of a run in the log format of HdrHistogram, version 1.3.
//!
//! One line a distribution, over the time it was measured in: the same histograms that the record's
//! percentiles come from, so any tool for such logs finds the same numbers. Response times carry no
//! tag and are what tools show without being asked; the others are tagged `service`, `lateness`,
//! `across_reattach`, `reattach`, `login`, `attach` and `tls`. Response times of each stage are tagged
//! `stage-` and its name; those of each second `second`, with the two digits of the series. Empty
//! ones are left out. Values are nanoseconds; the readable maximum of a line is in milliseconds, the
//! format's habit.
//!
//! Source: `HistogramLogWriter` of HdrHistogram.

use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};
use hdrhistogram::serialization::{V2DeflateSerializeError, V2DeflateSerializer};

use crate::run::Outcome;
use crate::scenario::Scenario;

const VERSION: &str = "[Histogram log format version 1.3]";

const LEGEND: &str =
    "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

/// Why there is no log.
pub type HlogError = IntervalLogWriterError<V2DeflateSerializeError>;

/// The log of a run of a scenario whose clock was zero at `began`.
///
/// # Errors
/// When a histogram cannot be compressed.
pub fn hlog(
    scenario: &Scenario,
    outcome: &Outcome,
    began: SystemTime,
) -> Result<Vec<u8>, HlogError> {
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    IntervalLogWriterBuilder::new()
        .add_comment(VERSION)
        .add_comment("[Logged by skyring-loadgen, values in nanoseconds]")
        .with_start_time(began)
        .with_base_time(began)
        .begin_log_with(&mut log, &mut serializer)?;
    log.extend_from_slice(LEGEND.as_bytes());
    let mut writer = IntervalLogWriterBuilder::new()
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut log, &mut serializer)?;
    for Line { from_ns, to_ns, tag, times } in lines(scenario, outcome) {
        let from = Duration::from_nanos(from_ns);
        let length = Duration::from_nanos(to_ns.saturating_sub(from_ns));
        writer.write_histogram(times, from, length, tag.as_deref().and_then(Tag::new))?;
    }
    Ok(log)
}

struct Line<'a> {
    from_ns: u64,
    to_ns: u64,
    tag: Option<String>,
    times: &'a Histogram<u64>,
}

/// What is logged: the whole run by its beginnings, then the stages, then the seconds.
fn lines<'a>(scenario: &Scenario, outcome: &'a Outcome) -> Vec<Line<'a>> {
    let (times, timeline) = (&outcome.record.times, outcome.timeline);
    let (from_ns, to_ns) = (timeline.measured_from_ns, timeline.play_end_ns);
    let line = |tag: &str, times| Line { from_ns, to_ns, tag: Some(tag.into()), times };
    let gather =
        |tag: &str, times| Line { to_ns: timeline.gathered_ns, from_ns: 0, ..line(tag, times) };
    let mut all = vec![
        gather("login", &times.login),
        gather("attach", &times.attach),
        gather("tls", &times.tls),
        Line { from_ns, to_ns, tag: None, times: &times.response },
        line("service", &times.service),
        line("lateness", &times.lateness),
        line("across_reattach", &times.disturbed),
        line("reattach", &times.reattach),
    ];
    all.extend(scenario.stages.iter().zip(&outcome.record.stages).map(|(stage, seen)| Line {
        from_ns: timeline.play_start_ns + stage.start_ns,
        to_ns: timeline.play_start_ns + stage.end_ns,
        tag: Some(format!("stage-{}", stage.name)),
        times: &seen.response,
    }));
    all.extend(outcome.seconds.iter().map(|second| Line {
        from_ns: second.from_ns,
        to_ns: second.to_ns,
        tag: Some(String::from("second")),
        times: &second.response,
    }));
    all.retain(|line| !line.times.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::options::Options;
    use crate::record::StageRecord;
    use crate::report::Percentiles;
    use crate::scenario::short;

    /// The lines of a log: tag, start, length, histogram.
    fn read(log: &[u8]) -> Vec<(Option<String>, Duration, Duration, Histogram<u64>)> {
        let entries = IntervalLogIterator::new(log).map(|entry| entry.expect("a readable log"));
        let line = |entry: LogEntry<'_>| match entry {
            LogEntry::Interval(line) => {
                let bytes = STANDARD.decode(line.encoded_histogram()).unwrap();
                let times = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                let tag = line.tag().map(|tag| tag.as_str().to_owned());
                Some((tag, line.start_timestamp(), line.duration(), times))
            }
            _ => None,
        };
        entries.filter_map(line).collect()
    }

    #[test]
    fn what_is_read_back_is_what_the_record_says() {
        let mut outcome = Outcome::default();
        outcome.timeline.measured_from_ns = 2_000_000_000;
        outcome.timeline.play_end_ns = 5_500_000_000;
        let times = &mut outcome.record.times;
        for step in 1..50_000 {
            times.response.saturating_record(step * step % 90_000_019);
            times.service.saturating_record(step * 3);
        }
        let scenario = short::scenario(&Options::default(), crate::protocol::Protocol::Msg, 1);
        outcome.record.stages = vec![StageRecord::default()];
        outcome.record.stages[0].response.saturating_record(77);
        let log = hlog(&scenario, &outcome, SystemTime::now()).unwrap();
        assert!(log.starts_with(b"#[Histogram log format version 1.3]\n"));
        let lines = read(&log);
        let tags: Vec<_> = lines.iter().map(|line| line.0.as_deref()).collect();
        assert_eq!(tags, [None, Some("service"), Some("stage-play")]);
        let times = &outcome.record.times;
        for (line, expected) in lines.iter().zip([&times.response, &times.service]) {
            assert_eq!((line.1, line.2), (Duration::from_secs(2), Duration::from_millis(3500)));
            assert_eq!(Percentiles::of(&line.3), Percentiles::of(expected));
        }
    }
}
