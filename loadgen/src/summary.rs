//! The report on one screen.

use std::fmt::Write;

use crate::figures;
use crate::report::{Percentiles, Report, Used};

/// Writes a report for people, at most 80 columns wide but for what others named.
pub fn summary(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, report);
    out
}

fn write_all(out: &mut String, report: &Report) -> std::fmt::Result {
    headline(out, report)?;
    agents(out, report)?;
    counts(out, report)?;
    times(out, report)?;
    stages(out, report)?;
    usage(out, "generator", &report.generator)?;
    if let Some(server) = &report.server {
        usage(out, "server", server)?;
    }
    for (trouble, count) in report.troubles.iter().take(8) {
        writeln!(out, "  trouble    {} x {trouble}", figures::count(*count))?;
    }
    if let Some(note) = report.note() {
        writeln!(out, "  note       {note}")?;
    }
    for finding in &report.check.findings {
        writeln!(out, "  wrong      {finding}")?;
    }
    for held in &report.thresholds {
        let word = if held.held { "held" } else { "NOT HELD" };
        writeln!(out, "  threshold  {}: {} ({word})", held.threshold, held.shown)?;
    }
    verdict(out, report)
}

fn stages(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.stages.len() < 2 {
        return Ok(());
    }
    let names = ["asked/s", "answers/s", "p50", "p99", "wrong", "storm"];
    write!(out, "  {:<16}{:>8}", "stage", "seconds")?;
    names.iter().try_for_each(|name| write!(out, "{name:>10}"))?;
    writeln!(out)?;
    for stage in &report.stages {
        let asked = stage.rate.map_or(String::from("-"), |[from, to]| match from == to {
            true => format!("{to:.0}"),
            false => format!("{from:.0}-{to:.0}"),
        });
        let storm = stage.storm.map(|storm| match storm.missing {
            0 => format!("{:.2} s", storm.seconds),
            _ => String::from("not over"),
        });
        // Names may be long, and are cut.
        let name: String = stage.name.chars().take(15).collect();
        write!(out, "  {name:<16}{:>8.1}{asked:>10}", stage.seconds)?;
        write!(out, "{:>10.0}", stage.answers_per_second)?;
        let [p50, p99] = [stage.response.p50_ns, stage.response.p99_ns].map(figures::duration);
        write!(out, "{p50:>10}{p99:>10}{:>10}", stage.wrong)?;
        writeln!(out, "{:>10}", storm.unwrap_or_default())?;
    }
    writeln!(out)
}

fn headline(out: &mut String, report: &Report) -> std::fmt::Result {
    let asked = &report.asked;
    let load = asked.load();
    let users = figures::count(u64::from(asked.users));
    let shards = if asked.shards == 1 { "shard" } else { "shards" };
    writeln!(
        out,
        "\nskyring-loadgen {}: {} · {users} users · {} {shards} · {load}\n",
        report.environment.loadgen, asked.protocol, asked.shards
    )
}

fn agents(out: &mut String, report: &Report) -> std::fmt::Result {
    let Some(offset_ns) = report.agents.iter().map(|it| it.clock_uncertainty_ns).max() else {
        return Ok(());
    };
    writeln!(
        out,
        "  machines   {} agents, clocks set to within {}",
        report.agents.len(),
        figures::duration(offset_ns)
    )
}

fn counts(out: &mut String, report: &Report) -> std::fmt::Result {
    let count = figures::count;
    let (login, play) = (&report.login, &report.play);
    writeln!(
        out,
        "  login      {} users in {:.2} s, {:.0} users/s",
        count(login.users),
        login.seconds,
        login.users_per_second
    )?;
    let asked = report.asked.rate.map(|rate| format!(" of {}/s asked", count(rate)));
    writeln!(
        out,
        "  play       {} answers in {:.1} s, {:.0}/s{}{}",
        count(play.answers),
        play.seconds,
        play.answers_per_second,
        asked.unwrap_or_default(),
        if play.interrupted { ", interrupted" } else { "" },
    )?;
    writeln!(
        out,
        "  checked    {} right, {} wrong; {} users answered",
        count(report.check.right),
        count(report.check.wrong),
        count(report.check.users_answered),
    )?;
    handshakes(out, report)?;
    disturbances(out, report)?;
    if let Some(storm) = &report.storm {
        let end = match storm.missing {
            0 => format!("all back after {:.2} s", storm.seconds),
            missing => format!("{} never back", count(missing)),
        };
        writeln!(out, "  storm      {} dropped at once, {end}", count(storm.dropped))?;
    }
    Ok(())
}

fn handshakes(out: &mut String, report: &Report) -> std::fmt::Result {
    let (count, counters) = (figures::count, &report.counters);
    if counters.ws_upgrades > 0 {
        let (upgrades, moves) = (count(counters.ws_upgrades), count(counters.ws_moves));
        writeln!(out, "  WebSocket  {upgrades} upgrades; users moved to or from it {moves} times")?;
        if report.asked.ws_deflate {
            let deflated = count(counters.ws_deflated);
            writeln!(out, "             {deflated} of them with compression")?;
        }
    }
    if counters.tls_full + counters.tls_resumed == 0 {
        return Ok(());
    }
    let (full, resumed) = (count(counters.tls_full), count(counters.tls_resumed));
    writeln!(
        out,
        "  TLS        {full} full handshakes, {resumed} resumed; login and attach include them"
    )
}

fn disturbances(out: &mut String, report: &Report) -> std::fmt::Result {
    let (count, counters) = (figures::count, &report.counters);
    if counters.drops + counters.churns + counters.losses + counters.abandoned > 0 {
        writeln!(
            out,
            "  disturbed  {} drops ({} mid-frame), {} churned, {} connections lost",
            count(counters.drops),
            count(counters.cuts),
            count(counters.churns),
            count(counters.losses),
        )?;
        writeln!(
            out,
            "             {} re-attached, {} answers to repeats ({} ran first then)",
            count(counters.reattaches),
            count(counters.replays),
            count(counters.repeats_run),
        )?;
    }
    for (number, what) in [
        (counters.relogins, "sessions were gone, and their users logged in again"),
        (counters.unheard, "answers taken as not heard, and asked for again"),
        (counters.closes, "connections ended with an answer, as it said"),
        (counters.abandoned, "requests went down with their connections"),
        (counters.reruns_allowed, "requests ran twice, as Skynet's do"),
        (counters.pushes, "pushes"),
    ] {
        if number > 0 {
            writeln!(out, "             {} {what}", count(number))?;
        }
    }
    Ok(())
}

fn times(out: &mut String, report: &Report) -> std::fmt::Result {
    let (login, play) = (&report.login, &report.play);
    writeln!(
        out,
        "\n  {:<16}{:>10}{:>10}{:>10}{:>10}{:>10}{:>12}",
        "", "p50", "p90", "p99", "p99.9", "max", "count"
    )?;
    for (name, times) in [
        ("response", &play.response),
        ("service", &play.service),
        ("own lateness", &play.lateness),
        ("over re-attach", &play.across_reattach),
        ("re-attach", &play.reattach),
        ("login", &login.login),
        ("attach", &login.attach),
        ("TLS handshake", &login.tls),
    ] {
        if times.count > 0 {
            let doubtful = if name == "response" { &play.doubtful[..] } else { &[] };
            row(out, name, times, doubtful)?;
        }
    }
    if !play.doubtful.is_empty() {
        writeln!(out, "  ! more than a tenth of it may be the generator's own lateness")?;
    }
    writeln!(out)
}

fn row(out: &mut String, name: &str, times: &Percentiles, doubtful: &[String]) -> std::fmt::Result {
    write!(out, "  {name:<16}")?;
    for (quantile, ns) in [
        ("p50", times.p50_ns),
        ("p90", times.p90_ns),
        ("p99", times.p99_ns),
        ("p99.9", times.p99_9_ns),
        ("max", times.max_ns),
    ] {
        let mark = if doubtful.iter().any(|name| name == quantile) { "!" } else { "" };
        write!(out, "{:>10}", figures::duration(ns) + mark)?;
    }
    writeln!(out, "{:>12}", figures::count(times.count))
}

fn usage(out: &mut String, name: &str, used: &Used) -> std::fmt::Result {
    let mut parts = Vec::new();
    if let Some(processors) = used.processors {
        parts.push(format!("{processors:.2} processors"));
    }
    if let Some(ns) = used.cpu_ns_per_answer {
        parts.push(format!("{}/answer", figures::duration(ns as u64)));
    }
    if let Some(bytes) = used.resident_bytes {
        parts.push(figures::bytes(bytes));
    }
    if let Some(bytes) = used.resident_bytes_per_user {
        parts.push(format!("{} a user", figures::bytes(bytes as u64)));
    }
    if parts.is_empty() {
        parts.push(String::from("not to be read"));
    }
    writeln!(out, "  {name:<10} {}", parts.join(", "))
}

fn verdict(out: &mut String, report: &Report) -> std::fmt::Result {
    let word = report.verdict.headline();
    let reasons = &report.verdict.reasons;
    let colon = if reasons.is_empty() { "" } else { ": " };
    writeln!(out, "\n  {word}{colon}{}", reasons.join("; "))
}
