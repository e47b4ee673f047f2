//! What the README shows of a record: its promises, the figures that its page names, and how many
//! answers were checked.

use super::page::{self, Goal};
use super::record::Record;
use crate::figure::Figure;
use crate::peers::Peer;
use crate::records::{self, Headline};

/// The headlines of a record.
pub(super) fn of(record: &Record) -> Vec<Headline> {
    let Some(page) = super::page_of(&record.claim) else { return Vec::new() };
    let mut headlines: Vec<Headline> =
        page.goals.iter().map(|goal| of_goal(record, goal)).collect();
    let is_ours = |name: &str| {
        [Peer::Session, Peer::SecureSession, Peer::Skyring, Peer::Rooms]
            .iter()
            .any(|peer| peer.name() == name)
    };
    for (scenario, server) in page::rows(record).into_iter().filter(|(_, name)| is_ours(name)) {
        for (name, measure) in page.shown {
            let figure = measure.figure(record, scenario, server);
            headlines.extend(figure.map(|figure| {
                let shown = Figure { is_void: false, ..figure }.show(measure.digits);
                let verdict = figure.is_void.then_some(records::Verdict::Void);
                let is_secure = server == Peer::SecureSession.name();
                let way = if is_secure { ", secure handshake" } else { "" };
                Headline { verdict, ..Headline::new(format!("{scenario}{way}: {name}"), shown) }
            }));
        }
    }
    headlines.extend(of_checks(record));
    headlines
}

fn of_goal(record: &Record, goal: &Goal) -> Headline {
    let (verdict, figure) = goal.judge(record);
    let digits = goal.measure.digits;
    let shown = figure.map(|figure| Figure { is_void: false, ..figure }.show(digits));
    // What is neither kept nor broken says in words why.
    let (shown_verdict, reason) = match verdict {
        page::Verdict::Met => (Some(records::Verdict::Met), None),
        page::Verdict::Missed => (Some(records::Verdict::Missed), None),
        page::Verdict::Void => (Some(records::Verdict::Void), None),
        page::Verdict::TooFewRounds | page::Verdict::NotMeasured => (None, Some(verdict.name())),
    };
    let missed = figure.filter(|_| verdict == page::Verdict::Missed);
    let value = [shown.as_deref(), reason].into_iter().flatten().collect::<Vec<_>>().join(", ");
    Headline {
        goal: Some(format!("at most {}", goal.limit)),
        verdict: shown_verdict,
        short: missed.map(|figure| records::shortfall(goal.limit, figure.spread.median)),
        ..Headline::new(goal.text, value)
    }
}

/// Wrong answers among all that were checked; none where there was nothing to check. Measurements
/// that failed have no cells, so they count here as what they are.
fn of_checks(record: &Record) -> Option<Headline> {
    let checks: Vec<_> = record.cells.iter().filter_map(|cell| cell.check).collect();
    let sum = |of: fn(&super::record::Check) -> u64| checks.iter().map(of).sum::<u64>();
    let (right, wrong) = (sum(|it| it.right), sum(|it| it.wrong));
    let failed = match record.failures.len() {
        0 => String::new(),
        count => format!(", {count} measurements failed"),
    };
    let is_met = wrong == 0 && record.failures.is_empty();
    let verdict = if is_met { records::Verdict::Met } else { records::Verdict::Missed };
    (!checks.is_empty()).then(|| Headline {
        goal: Some(String::from("0")),
        verdict: Some(verdict),
        ..Headline::new(
            "wrong answers, of so many",
            format!("{wrong} of {}{failed}", right + wrong),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::super::record::{Check, Failure};
    use super::*;

    #[test]
    fn promises_come_first_then_figures() {
        let headlines = of(&record());
        let texts: Vec<_> = headlines.iter().map(|it| (&*it.name, &*it.value)).collect();
        assert_eq!(headlines[0].verdict, Some(records::Verdict::Met));
        assert_eq!(headlines[0].goal.as_deref(), Some("at most 60"));
        assert_eq!(texts[0].1, "50.0 (40.0..60.0)");
        assert!(texts.contains(&("login: server CPU divided by the same without a login", "2.00")));
        assert_eq!(texts.len(), 4, "{texts:?}");
    }

    #[test]
    fn a_missed_promise_says_by_how_much() {
        let mut record = record();
        for cell in &mut record.cells {
            cell.processors.server_ran_ns *= 2;
        }
        let headline = &of(&record)[0];
        assert_eq!(headline.verdict, Some(records::Verdict::Missed));
        assert_eq!(headline.short.as_deref(), Some("by 67 %"));
        record.cells.clear();
        let headline = &of(&record)[0];
        assert_eq!((headline.verdict, headline.value.as_str()), (None, "not measured"));
    }

    #[test]
    fn wrong_answers_and_failures_are_not_hidden() {
        let mut record = record();
        record.cells[0].check = Some(Check { right: 9, ..Check::default() });
        assert_eq!(of_checks(&record).unwrap().verdict, Some(records::Verdict::Met));
        record.failures.push(Failure {
            round: 0,
            scenario: "login".into(),
            server: "session".into(),
            error: "it fell over".into(),
        });
        let headline = of_checks(&record).unwrap();
        assert_eq!(headline.value, "0 of 9, 1 measurements failed");
        assert_eq!(headline.verdict, Some(records::Verdict::Missed));
    }
}
