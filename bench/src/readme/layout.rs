//! Records as a part of the README.

use std::fmt::Write;

use super::shelf::Shown;
use crate::markdown::table;
use crate::records::{Headline, Verdict};

/// One block a record: its link and its command, and its headlines below.
pub(super) fn render(records: &[Shown]) -> String {
    let mut text = String::new();
    for record in records {
        let _ = writeln!(
            text,
            "\n**{}**: record [{}](bench/records/{}), made by\n`{}`\n",
            record.title, record.stem, record.text_name, record.command
        );
        let rows: Vec<Vec<String>> = record.headlines.iter().map(row).collect();
        table(&["Figure", "Measured", "Goal", ""], &rows, &mut text);
    }
    text.push('\n');
    text
}

fn row(headline: &Headline) -> Vec<String> {
    let verdict = match (headline.verdict, &headline.short) {
        (None, _) => String::new(),
        (Some(Verdict::Met), _) => "met".into(),
        (Some(Verdict::Missed), None) => "**missed**".into(),
        (Some(Verdict::Missed), Some(short)) => format!("**missed** {short}"),
        (Some(Verdict::Void), _) => "void, see the record".into(),
    };
    let cells = [
        headline.name.clone(),
        headline.value.clone(),
        headline.goal.clone().unwrap_or_default(),
        verdict,
    ];
    // A bar would end the cell.
    cells.map(|cell| cell.replace('|', "\\|")).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_link_a_command_and_a_table() {
        let missed = Headline::new("bytes | session", "9").at_most(8.0, 9.0, 0);
        let shown = Shown {
            title: "Memory".into(),
            stem: "2025-01-31-idle".into(),
            text_name: "2025-01-31-idle.md".into(),
            command: "skyring-bench idle".into(),
            headlines: vec![missed, Headline::new("seconds", "2")],
        };
        let text = render(&[shown]);
        for part in [
            "**Memory**: record [2025-01-31-idle](bench/records/2025-01-31-idle.md), made by",
            "`skyring-bench idle`",
            r"| bytes \| session | 9        | at most 8 | **missed** by 12 % |",
            "| seconds          | 2        |           |                    |",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn verdicts_are_words() {
        let of = |verdict| row(&Headline { verdict, ..Headline::new("a", "1") })[3].clone();
        assert_eq!(of(None), "");
        assert_eq!(of(Some(Verdict::Met)), "met");
        assert_eq!(of(Some(Verdict::Missed)), "**missed**");
        assert!(of(Some(Verdict::Void)).starts_with("void"));
    }
}
