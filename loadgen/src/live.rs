//! What people see while a run goes on: a block that rewrites itself on a terminal, a plain line a
//! second elsewhere. It goes to standard error, so that standard output is the result alone.

use std::io::{self, IsTerminal, Write};

use crate::arrival::SECOND_NS;
use crate::control::Glance;
use crate::figures;

/// How far the present phase is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Name of the phase.
    pub phase: &'a str,
    /// Nanoseconds since it began.
    pub elapsed_ns: u64,
    /// Nanoseconds it will take, if that is known.
    pub total_ns: Option<u64>,
    /// Users of the run.
    pub users: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Terminal,
    Plain,
    Quiet,
}

/// A live view.
#[derive(Debug)]
pub struct Live {
    style: Style,
    shown_lines: usize,
    shown_ns: u64,
    answers: u64,
    attached: u64,
}

impl Live {
    /// The view that fits standard error, or none.
    pub fn new(quiet: bool) -> Live {
        let style = match quiet {
            true => Style::Quiet,
            false if io::stderr().is_terminal() => Style::Terminal,
            false => Style::Plain,
        };
        Live { style, shown_lines: 0, shown_ns: 0, answers: 0, attached: 0 }
    }

    /// How often it wants to be shown something, nanoseconds.
    pub fn interval_ns(&self) -> u64 {
        if self.style == Style::Plain { SECOND_NS } else { SECOND_NS / 4 }
    }

    /// Shows the state of the run. Output that fails is not the run's business.
    pub fn show(&mut self, now_ns: u64, progress: Progress<'_>, glance: &Glance) {
        let since_ns = now_ns.saturating_sub(self.shown_ns);
        let counters = &glance.counters;
        let answered = counters.answers.saturating_sub(self.answers);
        let attached = counters.attaches.saturating_sub(self.attached);
        let rates = Rates {
            answers: figures::per_second(answered, since_ns),
            attaches: figures::per_second(attached, since_ns),
        };
        (self.shown_ns, self.answers, self.attached) =
            (now_ns, counters.answers, counters.attaches);
        let mut out = io::stderr().lock();
        let _ = match self.style {
            Style::Quiet => Ok(()),
            Style::Plain => writeln!(out, "{}", line(progress, glance, rates)),
            Style::Terminal => {
                let text = block(progress, glance, rates);
                let up = self.shown_lines;
                self.shown_lines = text.len();
                rewrite(&mut out, up, &text)
            }
        };
    }

    /// Takes the block away, so that what follows stands alone.
    pub fn clear(&mut self) {
        if self.shown_lines > 0 {
            let _ = rewrite(&mut io::stderr().lock(), self.shown_lines, &[]);
            self.shown_lines = 0;
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Rates {
    answers: f64,
    attaches: f64,
}

fn rewrite(out: &mut impl Write, up: usize, lines: &[String]) -> io::Result<()> {
    if up > 0 {
        write!(out, "\x1b[{up}A")?;
    }
    write!(out, "\r\x1b[J")?;
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

fn line(progress: Progress<'_>, glance: &Glance, rates: Rates) -> String {
    let seconds = progress.elapsed_ns as f64 / 1e9;
    let counters = &glance.counters;
    let mut text = format!(
        "{:<8} {seconds:>6.1} s  attached {}  {:.0} answers/s  open {}",
        progress.phase,
        figures::count(glance.tally.attached),
        rates.answers,
        figures::count(glance.tally.open),
    );
    if let Some(latency) = latency(glance) {
        text = format!("{text}  {latency}");
    }
    format!("{text}  re-attached {}  wrong {}", counters.reattaches, counters.wrong)
}

fn block(progress: Progress<'_>, glance: &Glance, rates: Rates) -> Vec<String> {
    const BAR: u64 = 30;
    let seconds = progress.elapsed_ns as f64 / 1e9;
    let (done, of) = match progress.total_ns {
        Some(total_ns) => (
            (progress.elapsed_ns * BAR).checked_div(total_ns).unwrap_or(BAR).min(BAR),
            format!("{seconds:.1} of {:.1} s", total_ns as f64 / 1e9),
        ),
        None => (glance.tally.attached * BAR / progress.users.max(1), format!("{seconds:.1} s")),
    };
    let bar = "#".repeat(done as usize) + &".".repeat((BAR - done) as usize);
    let counters = &glance.counters;
    let count = figures::count;
    vec![
        format!("{:<8} [{bar}] {of}", progress.phase),
        format!(
            "  users    {} of {} attached, {} failed, {:.0} attaches/s",
            count(glance.tally.attached),
            count(progress.users),
            count(glance.tally.failed),
            rates.attaches,
        ),
        format!(
            "  answers  {} at {:.0}/s, {} open  {}",
            count(counters.answers),
            rates.answers,
            count(glance.tally.open),
            latency(glance).unwrap_or_default(),
        ),
        format!(
            "  checks   {} wrong, {} re-attached, {} replayed, {} lost connections",
            count(counters.wrong),
            count(counters.reattaches),
            count(counters.replays),
            count(counters.losses),
        ),
    ]
}

fn latency(glance: &Glance) -> Option<String> {
    let recent = &glance.recent;
    (!recent.is_empty()).then(|| {
        let [p50, p99] = [0.5, 0.99].map(|q| figures::duration(recent.value_at_quantile(q)));
        format!("p50 {p50}, p99 {p99}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glance() -> Glance {
        let mut glance = Glance::default();
        glance.tally.attached = 10_000;
        glance.counters.answers = 1_234_567;
        glance.counters.wrong = 2;
        glance.recent.saturating_record(41_000);
        glance
    }

    const PLAY: Progress<'_> = Progress {
        phase: "play",
        elapsed_ns: 5 * SECOND_NS,
        total_ns: Some(10 * SECOND_NS),
        users: 10_000,
    };
    const RATES: Rates = Rates { answers: 20_000.0, attaches: 0.0 };

    #[test]
    fn the_block_says_what_matters_in_80_columns() {
        let lines = block(PLAY, &glance(), RATES);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        let text = lines.join("\n");
        for part in
            ["###############...", "5.0 of 10.0 s", "1,234,567 at 20000/s", "2 wrong", "p99"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn the_plain_line_is_one_line() {
        let text = line(PLAY, &glance(), RATES);
        assert!(!text.contains('\n') && text.contains("wrong 2"), "{text}");
    }
}
