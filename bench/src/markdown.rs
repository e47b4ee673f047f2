//! Tables in Markdown that a terminal shows legibly too.

use std::fmt::Write;

/// Appends a table whose columns line up.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>], text: &mut String) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        let padded: Vec<String> =
            cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "| {} |", padded.join(" | "));
    };
    line(&mut header.iter().map(|&name| name.to_owned()));
    line(&mut widths.iter().map(|&width| "-".repeat(width)));
    for row in rows {
        line(&mut row.iter().cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut text = String::new();
        table(&["a", "bb"], &[vec!["long".into(), "x".into()]], &mut text);
        assert_eq!(text, "| a    | bb |\n| ---- | -- |\n| long | x  |\n");
    }
}
