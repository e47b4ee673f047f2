//! What the README shows of a claim's record: its promises, then its plotted figures, then what the
//! checks found.

use super::page::{self, Goal, Page, Verdict};
use super::record::{Check, Record};
use crate::records::{self, Headline};

/// Rows of a record that are all shown; where there are more, only the first panel's are.
const ROWS_MAX: usize = 2;

/// The headlines of a record.
pub(super) fn headlines(record: &Record, page: &Page) -> Vec<Headline> {
    let mut headlines: Vec<Headline> =
        page.goals.iter().map(|goal| of_goal(record, goal)).collect();
    let rows = page::rows(record);
    let bars = if rows.len() > ROWS_MAX { &page.bars[..1] } else { page.bars };
    for bar in bars {
        for (scenario, server) in &rows {
            let Some(figure) = bar.measure.figure(record, scenario, server) else { continue };
            let name = format!("{}, {}: {scenario}, {server}", bar.title, bar.axis);
            headlines.push(Headline::new(name, figure.show(bar.measure.digits)));
        }
    }
    headlines.extend(of_checks(record));
    headlines
}

fn of_goal(record: &Record, goal: &Goal) -> Headline {
    let (verdict, figure) = goal.judge(record);
    let digits = goal.measure.digits;
    let shown = figure.map(|figure| figure.show(digits));
    let missed = figure.filter(|_| verdict == Verdict::Missed);
    let (kept, reason) = match verdict {
        Verdict::Met => (Some(records::Verdict::Met), None),
        Verdict::Missed => (Some(records::Verdict::Missed), None),
        Verdict::Void => (Some(records::Verdict::Void), None),
        Verdict::TooFewRounds | Verdict::NotMeasured => (None, Some(verdict.name().to_owned())),
    };
    let value = [shown, reason].into_iter().flatten().collect::<Vec<_>>().join(", ");
    Headline {
        goal: Some(format!("at most {:.digits$}", goal.limit)),
        verdict: kept,
        short: missed.map(|figure| records::shortfall(goal.limit, figure.spread.median)),
        ..Headline::new(goal.text, value)
    }
}

/// Wrong answers of all rounds; none where nothing was checked.
fn of_checks(record: &Record) -> Option<Headline> {
    let checks: Vec<Check> = record.cells.iter().filter_map(|cell| cell.check).collect();
    if checks.is_empty() {
        return None;
    }
    let sum = |of: fn(&Check) -> u64| checks.iter().map(of).sum::<u64>();
    let (wrong, right) = (sum(|it| it.wrong), sum(|it| it.right));
    let value = format!("{wrong} of {}", right + wrong);
    let headline = Headline::new("wrong, lost or doubled answers", value);
    Some(Headline {
        goal: Some(String::from("0")),
        verdict: Some(if wrong == 0 { records::Verdict::Met } else { records::Verdict::Missed }),
        ..headline
    })
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn goals_come_first_and_wrong_answers_last() {
        let mut record = record();
        let page = super::super::page_of("login").unwrap();
        let before = headlines(&record, page);
        assert_eq!(before[0].verdict, Some(records::Verdict::Met));
        assert_eq!(before[0].goal.as_deref(), Some("at most 60.0"));
        assert!(before.iter().all(|it| it.name != "wrong, lost or doubled answers"));
        record.cells[0].check = Some(Check { right: 9, wrong: 1, ..Check::default() });
        let after = headlines(&record, page);
        let last = after.last().unwrap();
        assert_eq!(
            (last.value.as_str(), last.verdict),
            ("1 of 10", Some(records::Verdict::Missed))
        );
        assert_eq!(after.len(), before.len() + 1);
    }
}
