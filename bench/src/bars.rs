//! A panel of horizontal bars: a value for each name, its range as a whisker, on a labelled axis.

use crate::svg::{Anchor, Svg, TextStyle};

/// Pixels that a panel is wide.
pub(crate) const PANEL_WIDTH: f64 = 520.0;

const ROW: f64 = 24.0;
const BAR: f64 = 14.0;
const HEAD: f64 = 34.0;
const FOOT: f64 = 46.0;
/// Room for the names at least, and for each character of the longest.
const NAMES: f64 = 74.0;
const CHARACTER: f64 = 6.8;
/// Room behind the longest bar for its value.
const VALUES: f64 = 110.0;

const INK: &str = "#1f2937";
const SOFT_INK: &str = "#4b5563";
const GRID: &str = "#e5e7eb";
const WHISKER: &str = "#111827";

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    /// What it stands for.
    pub(crate) name: String,
    /// Its length.
    pub(crate) value: f64,
    /// Ends of its whisker.
    pub(crate) range: (f64, f64),
    /// What is written behind it.
    pub(crate) label: String,
    /// Its colour.
    pub(crate) fill: &'static str,
}

/// Bars over one axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    /// What is compared.
    pub(crate) title: String,
    /// What the axis measures, with its unit.
    pub(crate) axis: String,
    /// From top to bottom.
    pub(crate) bars: Vec<Bar>,
}

impl Panel {
    /// Pixels that it is high.
    pub(crate) fn height(&self) -> f64 {
        HEAD + ROW * self.bars.len() as f64 + FOOT
    }

    /// Draws it with this upper left corner.
    pub(crate) fn draw(&self, svg: &mut Svg, (left, top): (f64, f64)) {
        let bold = TextStyle { anchor: Anchor::Start, size: 14.0, fill: INK, is_bold: true };
        svg.text((left, top + 16.0), bold, &self.title);
        let greatest = self.bars.iter().map(|bar| bar.range.1.max(bar.value)).fold(0.0, f64::max);
        let step = step(greatest);
        let names = self.names();
        let origin = left + names;
        let scale = (PANEL_WIDTH - names - VALUES) / greatest.max(step);
        self.draw_axis(svg, (origin, top + HEAD), step, greatest, scale);
        for (index, bar) in self.bars.iter().enumerate() {
            let middle = top + HEAD + ROW * (index as f64 + 0.5);
            draw_bar(svg, bar, (origin, middle), scale);
        }
    }

    /// Pixels for the names.
    fn names(&self) -> f64 {
        let longest = self.bars.iter().map(|bar| bar.name.chars().count()).max().unwrap_or(0);
        NAMES.max(8.0 + longest as f64 * CHARACTER)
    }

    fn draw_axis(
        &self,
        svg: &mut Svg,
        (origin, top): (f64, f64),
        step: f64,
        greatest: f64,
        scale: f64,
    ) {
        let bottom = top + ROW * self.bars.len() as f64;
        let small =
            TextStyle { anchor: Anchor::Middle, size: 11.0, fill: SOFT_INK, is_bold: false };
        let mut tick = 0.0;
        // Half a step of slack against the sum of rounded steps.
        while tick <= greatest.max(step) + step * 0.01 {
            let x = origin + tick * scale;
            svg.line((x, top), (x, bottom + 4.0), GRID, 1.0);
            svg.text((x, bottom + 17.0), small, &tick_label(tick, step));
            tick += step;
        }
        svg.line((origin, top), (origin, bottom + 4.0), SOFT_INK, 1.0);
        let style = TextStyle { anchor: Anchor::Start, size: 11.0, fill: SOFT_INK, is_bold: false };
        svg.text((origin, bottom + 33.0), style, &self.axis);
    }
}

fn draw_bar(svg: &mut Svg, bar: &Bar, (origin, middle): (f64, f64), scale: f64) {
    let name = TextStyle { anchor: Anchor::End, size: 12.0, fill: INK, is_bold: false };
    svg.text((origin - 8.0, middle + 4.0), name, &bar.name);
    let top = middle - BAR / 2.0;
    svg.rectangle((origin, top), (bar.value.max(0.0) * scale, BAR), bar.fill);
    let (from, to) = (origin + bar.range.0.max(0.0) * scale, origin + bar.range.1.max(0.0) * scale);
    if to - from > 1.0 {
        svg.line((from, middle), (to, middle), WHISKER, 1.2);
        for x in [from, to] {
            svg.line((x, middle - 3.5), (x, middle + 3.5), WHISKER, 1.2);
        }
    }
    let end = to.max(origin + bar.value.max(0.0) * scale);
    let label = TextStyle { anchor: Anchor::Start, size: 11.0, fill: INK, is_bold: false };
    svg.text((end + 6.0, middle + 4.0), label, &bar.label);
}

/// A round distance between ticks that gives three to six of them.
fn step(greatest: f64) -> f64 {
    if greatest <= 0.0 {
        return 1.0;
    }
    let magnitude = 10f64.powf((greatest / 5.0).log10().floor());
    let fits = |factor: &&f64| greatest / (magnitude * **factor) <= 6.0;
    magnitude * [1.0, 2.0, 5.0, 10.0].iter().find(fits).unwrap_or(&10.0)
}

fn tick_label(tick: f64, step: f64) -> String {
    let digits = (-step.log10().floor()).max(0.0) as usize;
    format!("{tick:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::tests::assert_well_formed;

    #[test]
    fn ticks_are_round_and_few() {
        for greatest in [0.013, 0.2, 1.0, 1.9, 7.3, 55.0, 999.0, 123_456.0] {
            let step = step(greatest);
            let count = greatest / step;
            assert!((2.0..=6.0).contains(&count), "{greatest}: {count} steps of {step}");
        }
        assert_eq!(tick_label(0.4, 0.2), "0.4");
        assert_eq!(tick_label(40.0, 20.0), "40");
    }

    #[test]
    fn a_panel_stays_inside_its_frame() {
        let bar = |value: f64| Bar {
            name: "x & y".into(),
            value,
            range: (value * 0.9, value * 1.2),
            label: "<1>".into(),
            fill: "#123456",
        };
        for values in [vec![], vec![0.0], vec![-2.0, 5.0], vec![1.0, 2000.0]] {
            let bars: Vec<Bar> = values.into_iter().map(bar).collect();
            let panel = Panel { title: "t".into(), axis: "us".into(), bars };
            let mut svg = Svg::new(PANEL_WIDTH, panel.height());
            panel.draw(&mut svg, (0.0, 0.0));
            let document = svg.finish();
            assert_well_formed(&document);
            assert!(!document.contains("NaN") && !document.contains("inf"), "{document}");
        }
    }
}
