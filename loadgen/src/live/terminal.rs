//! The view for terminals: a block of lines that is written over itself.
//!
//! The cursor is hidden only inside one write, which ends with showing it again, so it is back
//! whatever ends the program. Lines are cut to the terminal's width: one that wrapped would be two,
//! and the block would no longer begin where it is looked for. Colours are left out where
//! `NO_COLOR` is set; what stands in colour is also said in words.

use std::env::var_os;
use std::io;

use rustix::termios::tcgetwinsize;

use super::View;
use super::spark::{self, History, Marks, POINTS_MAX};
use crate::figures;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) is_unicode: bool,
    pub(super) is_coloured: bool,
}

/// Columns of the words in front of a line, and those kept for the scale behind a sparkline.
const LABEL_COLUMNS: usize = 13;
const SCALE_COLUMNS: usize = 15;

const BAR_COLUMNS: u64 = 30;

impl Look {
    /// The terminal at standard error, as it is now. One that does not tell its size has 80 columns
    /// and 24 rows.
    pub(super) fn of_standard_error() -> Look {
        let size = tcgetwinsize(io::stderr()).ok();
        let told = |number: u16, otherwise| if number == 0 { otherwise } else { number.into() };
        Look {
            columns: size.map_or(80, |size| told(size.ws_col, 80)),
            rows: size.map_or(24, |size| told(size.ws_row, 24)),
            is_unicode: is_utf8(
                ["LC_ALL", "LC_CTYPE", "LANG"]
                    .map(|name| var_os(name).map(|value| value.to_string_lossy().into_owned())),
            ),
            is_coloured: var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }

    fn marks(&self) -> &'static Marks {
        if self.is_unicode { &spark::UNICODE } else { &spark::ASCII }
    }
}

/// Whether a locale's character set is UTF-8; the first variable that says anything decides.
fn is_utf8(variables: [Option<String>; 3]) -> bool {
    let locale = variables.into_iter().flatten().find(|value| !value.is_empty());
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paint {
    Plain,
    Strong,
    Faint,
    Good,
    Warning,
    Bad,
}

impl Paint {
    /// The parameters of "select graphic rendition".
    fn code(self) -> &'static str {
        match self {
            Paint::Plain => "0",
            Paint::Strong => "1",
            Paint::Faint => "2",
            Paint::Good => "36",
            Paint::Warning => "33",
            Paint::Bad => "1;31",
        }
    }
}

/// A line of the block: what it says, each part in its paint.
#[derive(Clone, Debug)]
pub(super) struct Line(Vec<(Paint, String)>);

impl Line {
    fn new(label: &str, parts: impl IntoIterator<Item = (Paint, String)>) -> Line {
        let label = (Paint::Faint, format!("  {label:<width$}", width = LABEL_COLUMNS - 2));
        Line(std::iter::once(label).chain(parts).collect())
    }

    /// As it is written, cut to the terminal's width, and how many columns it takes.
    fn fitted(&self, look: Look) -> (String, usize) {
        let (mut text, mut columns) = (String::new(), 0);
        for (paint, part) in &self.0 {
            let part: String = part.chars().take(look.columns.saturating_sub(columns)).collect();
            columns += part.chars().count();
            if look.is_coloured && *paint != Paint::Plain {
                text += &format!("\x1b[{}m{part}\x1b[0m", paint.code());
            } else {
                text += &part;
            }
        }
        (text, columns)
    }
}

/// What of the block is on the terminal: the columns of each of its lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawn {
    columns: Vec<usize>,
}

impl Drawn {
    /// What puts `block` in the place of what was there; empty for nothing in the place of nothing.
    pub(super) fn rewrite(&mut self, block: &[Line], look: Look) -> String {
        if self.columns.is_empty() && block.is_empty() {
            return String::new();
        }
        // Lines that were as wide as the terminal are more than one since it became narrower.
        let rows = |columns: &usize| columns.div_ceil(look.columns.max(1)).max(1);
        let up: usize = self.columns.iter().map(rows).sum();
        let mut text = String::from("\x1b[?25l\r");
        if up > 0 {
            text += &format!("\x1b[{up}A");
        }
        self.columns.clear();
        // The row of the cursor is below the block.
        for line in block.iter().take(look.rows.saturating_sub(1)) {
            let (line, columns) = line.fitted(look);
            // A line that fills its row leaves the cursor in it: there is nothing to erase.
            let erase = if columns < look.columns { "\x1b[K" } else { "" };
            text += &format!("{line}{erase}\r\n");
            self.columns.push(columns);
        }
        text + "\x1b[J\x1b[?25h"
    }
}

/// The state of the run, at most 80 columns wide but for the sparklines and the stage's name.
pub(super) fn block(view: &View<'_>, history: &History, look: Look) -> Vec<Line> {
    let columns = look.columns.saturating_sub(LABEL_COLUMNS + SCALE_COLUMNS).min(POINTS_MAX);
    let answers = history.answers(columns, look.marks());
    let p99 = history.p99(columns, look.marks());
    let spark = |label, drawn: spark::Sparkline| {
        Line::new(label, [(Paint::Good, drawn.row), (Paint::Faint, format!(" {}", drawn.scale))])
    };
    vec![
        phase(view, look),
        users(view),
        requests(view),
        times(view),
        errors(view),
        traffic(view),
        spark("answers/s", answers),
        spark("p99", p99),
    ]
}

fn phase(view: &View<'_>, look: Look) -> Line {
    let progress = view.progress;
    let seconds = progress.elapsed_ns as f64 / 1e9;
    let (done, of) = match progress.total_ns {
        Some(total_ns) => (
            progress.elapsed_ns.saturating_mul(BAR_COLUMNS).checked_div(total_ns),
            format!(" {seconds:.1} of {:.1} s", total_ns as f64 / 1e9),
        ),
        None => {
            let attached = view.glance.tally.attached;
            ((attached * BAR_COLUMNS).checked_div(progress.users), format!(" {seconds:.1} s"))
        }
    };
    let done = done.unwrap_or(BAR_COLUMNS).min(BAR_COLUMNS) as usize;
    let [full, rest] = if look.is_unicode { ["█", "░"] } else { ["#", "."] };
    let mut parts = vec![
        (Paint::Strong, format!("{:<width$}", progress.phase, width = LABEL_COLUMNS)),
        (Paint::Good, full.repeat(done)),
        (Paint::Faint, rest.repeat(BAR_COLUMNS as usize - done)),
        (Paint::Plain, of),
    ];
    if !view.stage.is_empty() {
        parts.push((Paint::Strong, format!("  {}", view.stage)));
    }
    Line(parts)
}

fn users(view: &View<'_>) -> Line {
    let (count, tally) = (figures::count, view.glance.tally);
    let attached = format!("{} of {} attached", count(tally.attached), count(view.progress.users));
    let paint = if tally.failed > 0 { Paint::Bad } else { Paint::Plain };
    let attaches = view.interval.rates.map(|rates| rates.attaches);
    Line::new(
        "users",
        [
            (Paint::Plain, attached + ", "),
            (paint, format!("{} gave up", count(tally.failed))),
            (Paint::Plain, format!(", {} attaches/s", rate(attaches))),
        ],
    )
}

fn requests(view: &View<'_>) -> Line {
    let (count, glance) = (figures::count, view.glance);
    let answers = view.interval.rates.map(|rates| rates.answers);
    let mut parts = vec![
        (Paint::Strong, format!("{} answers/s", rate(answers))),
        (Paint::Plain, format!(", {} in all; ", count(glance.counters.answers))),
        (Paint::Plain, format!("{} open", count(glance.tally.open))),
    ];
    let waiting = view.waiting();
    if waiting > 0 {
        parts.push((Paint::Plain, format!(", {} of them not sent", count(waiting))));
    }
    if glance.counters.skipped > 0 {
        let left_out = format!(", {} left out", count(glance.counters.skipped));
        parts.push((Paint::Bad, left_out));
    }
    Line::new("requests", parts)
}

fn times(view: &View<'_>) -> Line {
    let interval = view.interval;
    let response = match interval.response {
        Some(times) => {
            let [p50, p99, max] = [times.p50_ns, times.p99_ns, times.max_ns].map(figures::duration);
            format!("p50 {p50}, p99 {p99}, max {max}")
        }
        None => String::from("no answers"),
    };
    let mut parts = vec![(Paint::Plain, response)];
    if let Some(late_ns) = interval.late_p99_ns {
        // The mark is that of the summary.
        let (paint, mark) =
            if interval.is_doubtful() { (Paint::Warning, "!") } else { (Paint::Plain, "") };
        parts.push((paint, format!("; late p99 {}{mark}", figures::duration(late_ns))));
    }
    Line::new("response", parts)
}

fn errors(view: &View<'_>) -> Line {
    let counters = &view.glance.counters;
    let mut parts = Vec::new();
    for (number, what, comma) in [
        (counters.wrong, "wrong answers", ", "),
        (counters.losses, "lost connections", ", "),
        (counters.connects_failed, "failed connects", ""),
    ] {
        let paint = if number > 0 { Paint::Bad } else { Paint::Plain };
        parts.push((paint, format!("{} {what}", figures::count(number))));
        parts.push((Paint::Plain, String::from(comma)));
    }
    Line::new("errors", parts)
}

fn traffic(view: &View<'_>) -> Line {
    let text = view.interval.rates.map_or_else(
        || String::from("? in, ? out"),
        |rates| {
            let [bytes_in, bytes_out] =
                [rates.bytes_in, rates.bytes_out].map(|rate| figures::bytes(rate as u64));
            format!("{bytes_in}/s in, {bytes_out}/s out")
        },
    );
    let counters = &view.glance.counters;
    let again = format!(
        "; {} re-attached, {} replayed",
        figures::count(counters.reattaches),
        figures::count(counters.replays)
    );
    Line::new("traffic", [(Paint::Plain, text + &again)])
}

/// A rate, or that it is not known.
fn rate(per_second: Option<f64>) -> String {
    per_second.map_or_else(|| String::from("?"), |rate| figures::count(rate.round() as u64))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::spark::Point;
    use super::super::{Interval, Progress, Rates, Times};
    use super::*;
    use crate::arrival::SECOND_NS;
    use crate::control::Glance;

    pub(in super::super) const PLAY: Progress = Progress {
        phase: "play",
        elapsed_ns: 5 * SECOND_NS,
        total_ns: Some(10 * SECOND_NS),
        users: 10_000,
    };

    const LOOK: Look = Look { columns: 80, rows: 24, is_unicode: true, is_coloured: false };

    pub(in super::super) fn glance() -> Glance {
        let mut glance = Glance::default();
        (glance.tally.attached, glance.tally.open) = (10_000, 12);
        let counters = &mut glance.counters;
        (counters.answers, counters.wrong, counters.losses) = (1_234_567, 2, 3);
        counters.reattaches = 7;
        (counters.due, counters.requests) = (1_234_579, 1_234_574);
        glance
    }

    pub(in super::super) fn interval() -> Interval {
        let rates = Rates { answers: 20_000.0, attaches: 0.0, bytes_in: 2e6, bytes_out: 1e6 };
        let times = Times { p50_ns: 41_000, p99_ns: 412_000, max_ns: 3_200_000 };
        Interval { rates: Some(rates), response: Some(times), late_p99_ns: Some(12_000) }
    }

    fn texts(stage: &str, glance: &Glance, interval: &Interval, look: Look) -> Vec<String> {
        let mut history = History::default();
        for step in 1..=60 {
            let p99_ns = Some(20_000 * step);
            history.add(Some(Point { answers_per_second: 400.0 * step as f64, p99_ns }));
        }
        let view = View { progress: PLAY, stage, glance, interval };
        block(&view, &history, look).iter().map(|line| line.fitted(look).0).collect()
    }

    #[test]
    fn the_block_says_what_matters_in_80_columns() {
        let lines = texts("", &glance(), &interval(), LOOK);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        let text = lines.join("\n");
        for part in [
            "play         ███████████████░░░░░░░░░░░░░░░ 5.0 of 10.0 s",
            "10,000 of 10,000 attached, 0 gave up, 0 attaches/s",
            "20,000 answers/s, 1,234,567 in all; 12 open, 5 of them not sent",
            "p50 41.0 us, p99 412 us, max 3.20 ms; late p99 12.0 us",
            "2 wrong answers, 3 lost connections, 0 failed connects",
            "1.9 MiB/s in, 977 KiB/s out; 7 re-attached",
            "██ 0..24,000/s",
            "100us..10ms",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains('\x1b') && !text.contains("left out"), "{text}");
    }

    #[test]
    fn a_stage_has_its_name_beside_the_phase() {
        assert!(texts("spike", &glance(), &interval(), LOOK)[0].ends_with("of 10.0 s  spike"));
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let text = texts("", &glance(), &Interval::default(), LOOK).join("\n");
        for part in ["? answers/s", "? attaches/s", "no answers", "? in, ? out"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("late"), "{text}");
    }

    #[test]
    fn lateness_that_matters_is_marked() {
        let late = Interval { late_p99_ns: Some(50_000), ..interval() };
        assert!(texts("", &glance(), &late, LOOK)[3].ends_with("late p99 50.0 us!"));
    }

    #[test]
    fn a_terminal_without_unicode_gets_none() {
        let look = Look { is_unicode: false, ..LOOK };
        let text = texts("", &glance(), &interval(), look).join("\n");
        assert!(text.is_ascii() && text.contains("###############..............."), "{text}");
    }

    #[test]
    fn a_wide_terminal_shows_every_interval_and_a_narrow_one_no_line_too_long() {
        let cells = |columns| {
            let look = Look { columns, ..LOOK };
            let lines = texts("a stage", &glance(), &interval(), look);
            assert!(lines.iter().all(|line| line.chars().count() <= columns), "{lines:#?}");
            let row: String = lines[6].chars().skip(LABEL_COLUMNS).collect();
            row.chars().take_while(|mark| *mark != ' ').count()
        };
        assert_eq!([80, 100, 200].map(cells), [52, 60, 60]);
        assert_eq!([30, 20, 3].map(cells), [2, 0, 0]);
    }

    #[test]
    fn colour_is_what_is_bad_and_takes_no_columns() {
        let look = Look { is_coloured: true, ..LOOK };
        let lines = texts("", &glance(), &interval(), look);
        assert!(lines[4].contains("\x1b[1;31m2 wrong answers\x1b[0m"), "{:?}", lines[4]);
        assert!(lines[4].ends_with(", 0 failed connects"), "{:?}", lines[4]);
        let [plain, coloured] = [LOOK, look].map(|look| {
            let line = errors(&View {
                progress: PLAY,
                stage: "",
                glance: &glance(),
                interval: &interval(),
            });
            line.fitted(look).1
        });
        assert_eq!(plain, coloured);
    }

    #[test]
    fn a_block_is_written_over_the_one_before_and_the_cursor_comes_back() {
        let line = |text: &str| Line(vec![(Paint::Plain, text.into())]);
        let mut drawn = Drawn::default();
        assert_eq!(drawn.rewrite(&[], LOOK), "");
        let first = drawn.rewrite(&[line("one"), line(&"2".repeat(80))], LOOK);
        let two = "2".repeat(80);
        assert_eq!(first, format!("\x1b[?25l\rone\x1b[K\r\n{two}\r\n\x1b[J\x1b[?25h"));
        // 80 columns are two rows of 50.
        let narrow = Look { columns: 50, ..LOOK };
        let second = drawn.rewrite(&[line("three")], narrow);
        assert_eq!(second, "\x1b[?25l\r\x1b[3Athree\x1b[K\r\n\x1b[J\x1b[?25h");
        assert_eq!(drawn.rewrite(&[], LOOK), "\x1b[?25l\r\x1b[1A\x1b[J\x1b[?25h");
        assert_eq!(drawn.rewrite(&[], LOOK), "");
    }

    #[test]
    fn a_block_is_never_higher_than_the_terminal() {
        let lines: Vec<_> = (0..9).map(|_| Line(vec![(Paint::Plain, "x".into())])).collect();
        let look = Look { rows: 5, ..LOOK };
        assert_eq!(Drawn::default().rewrite(&lines, look).matches('\n').count(), 4);
    }

    #[test]
    fn the_first_variable_that_says_anything_decides_the_character_set() {
        let said = |values: [&str; 3]| is_utf8(values.map(|it| Some(String::from(it))));
        assert!(said(["", "", "en_US.UTF-8"]) && said(["C.utf8", "POSIX", "C"]));
        assert!(!said(["C", "", "en_US.UTF-8"]) && !said(["", "", ""]));
        assert!(!is_utf8([None, None, None]));
    }
}
