//! The view for files and pipes: one line, without anything that only a terminal understands.

use super::View;
use crate::figures;

/// The state of the run in one line.
pub(super) fn line(view: &View<'_>) -> String {
    let count = figures::count;
    let (progress, glance, interval) = (view.progress, view.glance, view.interval);
    let seconds = progress.elapsed_ns as f64 / 1e9;
    let mut parts = vec![format!("{:<8} {seconds:>6.1} s", progress.phase)];
    if !view.stage.is_empty() {
        parts.push(format!("stage {}", view.stage));
    }
    parts.push(format!("attached {}", count(glance.tally.attached)));
    if glance.tally.failed > 0 {
        parts.push(format!("gave up {}", count(glance.tally.failed)));
    }
    parts.push(match interval.rates {
        Some(rates) => format!("{:.0} answers/s", rates.answers),
        None => String::from("? answers/s"),
    });
    parts.push(format!("open {}", count(glance.tally.open)));
    if let Some(times) = interval.response {
        let [p50, p99, max] = [times.p50_ns, times.p99_ns, times.max_ns].map(figures::duration);
        parts.push(format!("p50 {p50}  p99 {p99}  max {max}"));
    }
    if let Some(late_ns) = interval.late_p99_ns {
        parts.push(format!("late {}", figures::duration(late_ns)));
    }
    let counters = &glance.counters;
    for (name, number, always) in [
        ("left out", counters.skipped, false),
        ("re-attached", counters.reattaches, true),
        ("wrong", counters.wrong, true),
        ("lost connections", counters.losses, false),
        ("failed connects", counters.connects_failed, false),
    ] {
        if always || number > 0 {
            parts.push(format!("{name} {}", count(number)));
        }
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::super::terminal::tests::{PLAY, glance, interval};
    use super::super::{Interval, View};
    use super::*;

    #[test]
    fn the_plain_line_is_one_line() {
        let (glance, interval) = (glance(), interval());
        let view = View { progress: PLAY, stage: "", glance: &glance, interval: &interval };
        let text = line(&view);
        for part in [
            "play        5.0 s  attached 10,000  20000 answers/s  open 12",
            "p50 41.0 us  p99 412 us  max 3.20 ms  late 12.0 us",
            "re-attached 7  wrong 2  lost connections 3",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains('\n') && !text.contains('\x1b') && text.is_ascii(), "{text}");
        assert!(line(&View { stage: "spike", ..view }).contains("5.0 s  stage spike  attached"));
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let glance = glance();
        let interval = &Interval::default();
        let text = line(&View { progress: PLAY, stage: "", glance: &glance, interval });
        assert!(text.contains("? answers/s") && !text.contains("p99"), "{text}");
    }
}
