//! How tables are written: a row begins with `[section] what is special`, has lines that each begin
//! with a mark, and ends with the line marked `=`. Between rows there may be empty lines and `#`.

/// A row as it is written.
pub(crate) struct Row<'t> {
    /// Section and what is special, with table and line.
    pub(crate) name: String,
    /// Mark and what is behind it, of every line, the last one `=`.
    pub(crate) lines: Vec<(&'t str, &'t str)>,
}

/// The rows of a table's text.
///
/// # Panics
/// A row without an end, a line of no row.
pub(crate) fn rows<'t>(table: &str, text: &'t str) -> Vec<Row<'t>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut is_open = false;
    for (index, line) in text.lines().enumerate() {
        let at = format!("{table}:{}", index + 1);
        let (mark, rest) = line.split_at(line.len().min(1));
        if matches!(mark, "[" | "#" | "") {
            assert!(!is_open, "{at}: the row before has no end");
            if mark == "[" {
                is_open = true;
                rows.push(Row { name: format!("{at} {line}"), lines: Vec::new() });
            }
            continue;
        }
        assert!(is_open, "{at}: a line of no row");
        is_open = mark != "=";
        let lines = &mut rows.last_mut().expect("a row is open").lines;
        lines.push((mark, rest.strip_prefix(' ').unwrap_or(rest)));
    }
    assert!(!is_open, "{table}: the last row has no end");
    rows
}
