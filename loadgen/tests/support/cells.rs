//! The cells of a page read back: enough of HTML for what this program and a browser write.

use serde_json::Value;

/// A number of a page.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) path: String,
    pub(crate) value: f64,
    pub(crate) text: String,
}

/// Every `<data data-NAME="..." value="...">text</data>`.
pub(crate) fn cells(page: &str, name: &str) -> Vec<Cell> {
    let start = format!("<data data-{name}=\"");
    let attribute = |element: &str, name: &str| {
        let from = element.find(&format!("{name}=\"")).expect("it has it") + name.len() + 2;
        element[from..].split('"').next().expect("it ends").to_owned()
    };
    page.split(&start)
        .skip(1)
        .map(|rest| {
            let (head, tail) = rest.split_once('>').expect("it ends");
            Cell {
                path: head.split('"').next().expect("it ends").into(),
                value: attribute(head, " value").parse().expect("a number"),
                text: tail.split("</data>").next().expect("it ends").into(),
            }
        })
        .collect()
}

/// The record that is embedded in a page.
pub(crate) fn embedded(page: &str, id: &str) -> Value {
    let at = page.find(&format!("id=\"{id}\"")).expect("the record is there");
    let (_, rest) = page[at..].split_once('>').expect("it ends");
    serde_json::from_str(rest.split("</script>").next().expect("it ends")).expect("JSON")
}

/// Every cell is what the record says, and the cells that matter are there.
pub(crate) fn assert_cells_agree(page: &str, record: &Value) {
    let cells = cells(page, "path");
    for Cell { path, value, text } in &cells {
        let recorded = record.pointer(path).and_then(Value::as_f64);
        assert_eq!(recorded, Some(*value), "{path}");
        assert!(text.starts_with(|first: char| first.is_ascii_digit()), "{path}: {text}");
    }
    for path in [
        "/play/answers",
        "/play/answers_per_second",
        "/play/response/p50_ns",
        "/play/response/p99_ns",
        "/play/service/p99_9_ns",
        "/play/lateness/max_ns",
        "/distributions/response/26/ns",
        "/check/right",
        "/check/kinds/lost",
        "/counters/requests",
        "/generator/cpu_ns_per_answer",
        "/environment/processors",
        "/asked/users",
    ] {
        assert!(cells.iter().any(|cell| cell.path == path), "no cell shows {path}");
    }
}
