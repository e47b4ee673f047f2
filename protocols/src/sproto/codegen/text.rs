//! Lines of source, indented by the braces around them.

#[derive(Default)]
pub(super) struct Text {
    text: String,
    depth: usize,
}

impl Text {
    /// Adds a line. One that begins with a closing brace is less indented, and what is behind one
    /// that ends with an opening brace is more.
    pub(super) fn line(&mut self, line: &str) {
        self.depth -= usize::from(line.starts_with('}'));
        if !line.is_empty() {
            self.text.extend((0..self.depth).map(|_| "    "));
            self.text.push_str(line);
        }
        self.text.push('\n');
        self.depth += usize::from(line.ends_with('{'));
    }

    /// Columns that a line would take.
    pub(super) fn columns(&self, line: &str) -> usize {
        4 * self.depth + line.len()
    }

    pub(super) fn finish(self) -> String {
        debug_assert_eq!(self.depth, 0, "all braces are closed");
        self.text
    }
}
