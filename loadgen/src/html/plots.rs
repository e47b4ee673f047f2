//! The plots of a run: its percentiles, and the play second by second.
//!
//! The quantile axis is logarithmic in the distance to 100 %: each step to the right is one nine
//! more. It ends where one time in so many was recorded; the longest time stands at its end.

use super::plot::{Axis, Curve, plot};
use crate::distribution::Quantile;
use crate::figures;
use crate::report::Report;
use crate::series::Point;

const BLUE: &str = "#2563eb";
const GREEN: &str = "#059669";
const ORANGE: &str = "#d97706";
const GREY: &str = "#94a3b8";
const RED: &str = "#dc2626";

const SECONDS: &str = "seconds of play";

/// A plot with its heading.
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) note: &'static str,
    pub(super) svg: String,
}

fn duration(ns: f64) -> String {
    // Ticks are whole decades, which need no fraction.
    figures::duration(ns as u64).replace(".00 ", " ").replace(".0 ", " ")
}

/// The percentiles of the play, if anything was timed.
pub(super) fn percentiles(report: &Report) -> Option<Plot> {
    let tables = &report.distributions;
    let count = report.play.response.count.max(10) as f64;
    let nines = count.log10().clamp(1.0, 5.0);
    let curve = |name, colour, table: &[Quantile]| Curve {
        name,
        colour,
        points: table.iter().filter_map(|row| quantile_point(row, nines)).collect(),
    };
    let mut curves = vec![
        curve("response time, from due", BLUE, &tables.response),
        curve("service time, from sent", GREEN, &tables.service),
        curve("the generator's own lateness", ORANGE, &tables.lateness),
    ];
    curves.retain(|curve| !curve.points.is_empty());
    let ticks = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "max"];
    let places = (0..).map(f64::from).take_while(|place| *place <= nines - 0.4);
    let mut ticks: Vec<_> = places.zip(ticks).map(|(at, text)| (at, text.to_owned())).collect();
    ticks.insert(1, (2_f64.log10(), String::from("50 %")));
    ticks.push((nines, String::from("max")));
    let x = Axis { from: 0.0, to: nines, ticks, is_log: false };
    let y = log_axis(&curves)?;
    Some(Plot {
        title: "Latency by percentile",
        note: "Both axes are logarithmic: each step to the right is one nine more.",
        svg: plot(&x, &y, "so many of the answers took at most this long", &curves),
    })
}

fn quantile_point(row: &Quantile, nines: f64) -> Option<(f64, f64, String)> {
    let Quantile { percent, ns } = *row;
    let at = if percent < 100.0 { -(1.0 - percent / 100.0).log10() } else { nines };
    let note = format!("{percent} %: {}", figures::duration(ns));
    (at < nines || percent >= 100.0).then_some((at, ns as f64, note))
}

fn log_axis(curves: &[Curve]) -> Option<Axis> {
    let values = curves.iter().flat_map(|curve| &curve.points).map(|point| point.1);
    let values: Vec<f64> = values.filter(|value| *value > 0.0).collect();
    let greatest = values.iter().copied().reduce(f64::max)?;
    let least = values.into_iter().reduce(f64::min)?;
    Some(Axis::log(least, greatest, duration))
}

/// The play second by second; nothing for a record without a series.
pub(super) fn series(report: &Report) -> Vec<Plot> {
    let points = &report.series;
    let Some(last) = points.last() else { return Vec::new() };
    let x = seconds_axis(last.at_seconds.ceil().max(1.0));
    let count = |value: f64| figures::count(value as u64);
    let rate = curve(points, "answers a second", BLUE, |it| it.answers_per_second, count);
    let greatest = rate.points.iter().map(|point| point.1).fold(0.0, f64::max);
    let mut plots = vec![Plot {
        title: "Rate",
        note: "Right answers a second.",
        svg: plot(&x, &Axis::linear(greatest, count), SECONDS, &[rate]),
    }];
    let response = [
        curve(points, "longest", GREY, |it| it.max_ns as f64, duration),
        curve(points, "p99", ORANGE, |it| it.p99_ns as f64, duration),
        curve(points, "p50", BLUE, |it| it.p50_ns as f64, duration),
    ];
    plots.extend(log_axis(&response).map(|y| Plot {
        title: "Response time",
        note: "Of every answer in a second, from the instant its request was due.",
        svg: plot(&x, &y, SECONDS, &response),
    }));
    let late = [curve(points, "p99 lateness", ORANGE, |it| it.late_p99_ns as f64, duration)];
    plots.extend(log_axis(&late).map(|y| Plot {
        title: "The generator's own lateness",
        note: "How late requests were taken up; it is a part of the response time.",
        svg: plot(&x, &y, SECONDS, &late),
    }));
    plots.push(open_requests(points, &x));
    plots
}

/// From 0 to the end of the play, which need not be a tick.
fn seconds_axis(to: f64) -> Axis {
    let mut axis = Axis::linear(to, |value| {
        format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').into()
    });
    axis.ticks.retain(|(value, _)| *value <= to);
    Axis { to, ..axis }
}

fn open_requests(points: &[Point], x: &Axis) -> Plot {
    let count = |value: f64| figures::count(value as u64);
    let curves = [
        curve(points, "open requests", GREEN, |it| it.open as f64, count),
        curve(points, "errors in the second", RED, |it| it.errors as f64, count),
    ];
    let greatest = points.iter().map(|it| it.open.max(it.errors)).max().unwrap_or(0) as f64;
    Plot {
        title: "Open requests and errors",
        note: "Errors are wrong answers, and connections that failed or were lost.",
        svg: plot(x, &Axis::linear(greatest.max(5.0), count), SECONDS, &curves),
    }
}

fn curve(
    points: &[Point],
    name: &'static str,
    colour: &'static str,
    value: impl Fn(&Point) -> f64,
    text: impl Fn(f64) -> String,
) -> Curve {
    let point = |point: &Point| {
        let note = format!("{} at {:.1} s", text(value(point)), point.at_seconds);
        (point.at_seconds, value(point), note)
    };
    Curve { name, colour, points: points.iter().map(point).collect() }
}
