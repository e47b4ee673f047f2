//! A line plot as SVG: curves over two axes, with a grid, a legend and a note behind each point.
//!
//! Coordinates are pixels from the upper left corner. Values that are no number or not above zero
//! have no place on a logarithmic axis and are left out.

use std::fmt::Write;

use super::cells::escape;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 44.0;

/// More points than this get no marks of their own.
const MARKS_MAX: usize = 130;

/// One curve.
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) colour: &'static str,
    /// Abscissa, value, and what is written when one points at it.
    pub(super) points: Vec<(f64, f64, String)>,
}

/// An axis: its range and its ticks. The values are logarithms where it is logarithmic.
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) is_log: bool,
}

impl Axis {
    /// From zero to at least this, with round ticks.
    pub(super) fn linear(greatest: f64, label: impl Fn(f64) -> String) -> Axis {
        let greatest = if greatest > 0.0 { greatest } else { 1.0 };
        let magnitude = 10_f64.powf((greatest / 5.0).log10().floor());
        let fits = |factor: &&f64| greatest / (magnitude * **factor) <= 6.0;
        let step = magnitude * [1.0, 2.0, 5.0, 10.0].iter().find(fits).unwrap_or(&10.0);
        let count = (greatest / step - 1e-9).ceil() as u32;
        let ticks = (0..=count).map(|tick| step * f64::from(tick));
        let ticks: Vec<_> = ticks.map(|value| (value, label(value))).collect();
        Axis { from: 0.0, to: step * f64::from(count), ticks, is_log: false }
    }

    /// Over whole decades around these values, all above zero.
    pub(super) fn log(least: f64, greatest: f64, label: impl Fn(f64) -> String) -> Axis {
        let (from, mut to) = (least.max(1.0).log10().floor(), greatest.max(1.0).log10().ceil());
        to = to.max(from + 1.0);
        let ticks = (from as i32..=to as i32).map(|power| (f64::from(power), power));
        let ticks = ticks.map(|(place, power)| (place, label(10_f64.powi(power)))).collect();
        Axis { from, to, ticks, is_log: true }
    }

    /// From 0 to 1 along it; none where it has no place.
    fn place(&self, value: f64) -> Option<f64> {
        let value = if self.is_log { value.log10() } else { value };
        let place = (value - self.from) / (self.to - self.from);
        place.is_finite().then(|| place.clamp(0.0, 1.0))
    }
}

/// Draws curves over axes; the title of the abscissa says its unit.
pub(super) fn plot(x: &Axis, y: &Axis, x_title: &str, curves: &[Curve]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n"
    );
    // Writing to a string cannot fail.
    let _ = grid(&mut svg, x, y, x_title);
    for curve in curves {
        let _ = draw(&mut svg, x, y, curve);
    }
    svg.push_str("</svg>\n<p class=\"legend\">");
    for Curve { name, colour, .. } in curves {
        let _ = write!(svg, "<span><i style=\"background:{colour}\"></i>{}</span>", escape(name));
    }
    svg.push_str("</p>\n");
    svg
}

fn across(place: f64) -> f64 {
    LEFT + place * (WIDTH - LEFT - RIGHT)
}

fn down(place: f64) -> f64 {
    HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)
}

fn grid(svg: &mut String, x: &Axis, y: &Axis, x_title: &str) -> std::fmt::Result {
    let of = |axis: &Axis, value: f64| (value - axis.from) / (axis.to - axis.from);
    let (left, right, top, bottom) = (across(0.0), across(1.0), down(1.0), down(0.0));
    for (value, label) in &y.ticks {
        let at = down(of(y, *value));
        let (text, base) = (left - 8.0, at + 4.0);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{left}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>"
        )?;
        writeln!(
            svg,
            "<text x=\"{text}\" y=\"{base:.1}\" text-anchor=\"end\">{}</text>",
            escape(label)
        )?;
    }
    for (value, label) in &x.ticks {
        let (at, base) = (across(of(x, *value)), bottom + 17.0);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{at:.1}\" y1=\"{top}\" x2=\"{at:.1}\" y2=\"{bottom}\"/>"
        )?;
        writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{base}\" text-anchor=\"middle\">{}</text>",
            escape(label)
        )?;
    }
    let (middle, base) = (f64::midpoint(left, right), HEIGHT - 8.0);
    writeln!(
        svg,
        "<line class=\"axis\" x1=\"{left}\" y1=\"{bottom}\" x2=\"{right}\" y2=\"{bottom}\"/>"
    )?;
    writeln!(
        svg,
        "<text x=\"{middle}\" y=\"{base}\" text-anchor=\"middle\">{}</text>",
        escape(x_title)
    )
}

fn draw(svg: &mut String, x: &Axis, y: &Axis, curve: &Curve) -> std::fmt::Result {
    let placed = curve.points.iter().filter_map(|(at, value, note)| {
        Some((across(x.place(*at)?), down(y.place(*value)?), note))
    });
    let placed: Vec<_> = placed.collect();
    let path: Vec<_> = placed.iter().map(|(at, value, _)| format!("{at:.1},{value:.1}")).collect();
    let colour = curve.colour;
    writeln!(svg, "<polyline points=\"{}\" stroke=\"{colour}\"/>", path.join(" "))?;
    if placed.len() <= MARKS_MAX {
        for (at, value, note) in placed {
            let title = escape(&format!("{}: {note}", curve.name));
            writeln!(
                svg,
                "<circle cx=\"{at:.1}\" cy=\"{value:.1}\" r=\"2.6\" fill=\"{colour}\">\
                 <title>{title}\
                 </title></circle>"
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_ticks_around_their_values() {
        let labels = |axis: Axis| axis.ticks.into_iter().map(|tick| tick.1).collect::<Vec<_>>();
        let text = |value: f64| format!("{value}");
        assert_eq!(labels(Axis::linear(950.0, text)), ["0", "200", "400", "600", "800", "1000"]);
        assert_eq!(labels(Axis::linear(0.0, text)).first().unwrap(), "0");
        assert_eq!(labels(Axis::log(41_000.0, 2e6, text)).len(), 4);
        assert_eq!(labels(Axis::log(0.0, 0.0, text)), ["1", "10"]);
    }

    #[test]
    fn a_plot_has_no_numbers_that_are_none() {
        let curve = |points| Curve { name: "a & b", colour: "#123456", points };
        let points =
            vec![(0.0, 0.0, String::new()), (1.0, f64::NAN, "<".into()), (2.0, 5.0, "x".into())];
        let text = |value: f64| format!("{value}");
        for y in [Axis::linear(5.0, text), Axis::log(1.0, 5.0, text)] {
            let svg =
                plot(&Axis::linear(2.0, text), &y, "s", &[curve(points.clone()), curve(vec![])]);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(svg.contains("a &amp; b"));
        }
    }
}
