//! A small writer of SVG: rectangles, lines and text, nothing else.
//!
//! Coordinates are pixels from the upper left corner. Text is escaped; everything is drawn in the
//! order of the calls, on white, so that a plot reads the same on a dark page.

use std::fmt::Write;

/// A drawing that grows.
#[derive(Debug)]
pub(crate) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text's point lies in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// At its beginning.
    Start,
    /// In its middle.
    Middle,
    /// At its end.
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TextStyle {
    /// Where the point lies.
    pub(crate) anchor: Anchor,
    /// Height in pixels.
    pub(crate) size: f64,
    /// Colour.
    pub(crate) fill: &'static str,
    /// Whether it is bold.
    pub(crate) is_bold: bool,
}

impl Svg {
    /// A white drawing.
    pub(crate) fn new(width: f64, height: f64) -> Svg {
        let mut svg = Svg { width, height, body: String::new() };
        svg.rectangle((0.0, 0.0), (width, height), "#ffffff");
        svg
    }

    /// A filled rectangle by its upper left corner and its size.
    pub(crate) fn rectangle(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        fill: &str,
    ) {
        let width = width.max(0.0);
        self.element(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{fill}\"/>"
        ));
    }

    /// A line.
    pub(crate) fn line(
        &mut self,
        (x1, y1): (f64, f64),
        (x2, y2): (f64, f64),
        stroke: &str,
        width: f64,
    ) {
        self.element(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" \
             stroke=\"{stroke}\" stroke-width=\"{width}\"/>"
        ));
    }

    /// A line of text on its base line.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), style: TextStyle, text: &str) {
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if style.is_bold { " font-weight=\"bold\"" } else { "" };
        let TextStyle { size, fill, .. } = style;
        let text = escape(text);
        self.element(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{fill}\" \
             text-anchor=\"{anchor}\"{weight}>{text}</text>"
        ));
    }

    /// The document.
    pub(crate) fn finish(self) -> String {
        let Svg { width, height, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" \
             font-family=\"Helvetica, Arial, sans-serif\">\n{body}</svg>\n"
        )
    }

    fn element(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("a string takes everything");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Checks that every element is closed and nested, and that no attribute is left open. Enough
    /// of XML for what this writer can produce.
    pub(crate) fn assert_well_formed(document: &str) {
        let mut open = Vec::new();
        let mut rest = document;
        while let Some(start) = rest.find('<') {
            assert!(!rest[..start].contains('>'), "a stray > before {}", &rest[start..]);
            let end = start + rest[start..].find('>').expect("an element that ends");
            let element = &rest[start + 1..end];
            assert_eq!(element.matches('"').count() % 2, 0, "{element}");
            assert!(!element.contains('<'), "{element}");
            let name = element.trim_start_matches('/').split([' ', '/']).next().unwrap();
            if element.starts_with('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !element.ends_with('/') {
                open.push(name);
            }
            rest = &rest[end + 1..];
        }
        assert!(open.is_empty(), "{open:?}");
        for (position, _) in document.match_indices('&') {
            let entity = &document[position..document.len().min(position + 6)];
            assert!(entity.contains(';'), "{entity}");
        }
    }

    #[test]
    fn a_drawing_is_well_formed() {
        let mut svg = Svg::new(100.0, 50.0);
        svg.line((0.0, 0.0), (5.0, 5.0), "black", 1.5);
        let style = TextStyle { anchor: Anchor::End, size: 12.0, fill: "black", is_bold: true };
        svg.text((1.0, 2.0), style, "a < b & \"c\" > d");
        svg.rectangle((0.0, 0.0), (-3.0, 4.0), "red");
        let document = svg.finish();
        assert_well_formed(&document);
        assert!(document.contains("a &lt; b &amp; &quot;c&quot; &gt; d"));
        assert!(!document.contains("-3"), "a negative width is no rectangle");
    }
}
