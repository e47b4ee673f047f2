//! A record as one picture: a title, and panels of bars, two a row.

use crate::bars::{PANEL_WIDTH, Panel};
use crate::svg::{Anchor, Svg, TextStyle};

const MARGIN: f64 = 24.0;
const TITLE: f64 = 64.0;
const WIDTH: f64 = 2.0 * PANEL_WIDTH + 3.0 * MARGIN;

/// The picture.
pub(crate) fn page(title: &str, subtitle: &str, panels: &[Panel]) -> String {
    let rows: Vec<&[Panel]> = panels.chunks(2).collect();
    let height_of = |row: &[Panel]| row.iter().map(Panel::height).fold(0.0, f64::max);
    let height = TITLE + rows.iter().map(|row| height_of(row) + MARGIN).sum::<f64>();
    let mut svg = Svg::new(WIDTH, height);
    let big = TextStyle { anchor: Anchor::Start, size: 18.0, fill: "#1f2937", is_bold: true };
    svg.text((MARGIN, 28.0), big, title);
    let small = TextStyle { size: 12.0, is_bold: false, fill: "#4b5563", ..big };
    svg.text((MARGIN, 48.0), small, subtitle);
    let mut top = TITLE;
    for row in rows {
        for (column, panel) in row.iter().enumerate() {
            panel.draw(&mut svg, (MARGIN + column as f64 * (PANEL_WIDTH + MARGIN), top));
        }
        top += height_of(row) + MARGIN;
    }
    svg.finish()
}
