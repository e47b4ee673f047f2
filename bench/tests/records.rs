//! Every committed record can be rendered by today's program.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn every_committed_record_renders() {
    let records = Path::new(env!("CARGO_MANIFEST_DIR")).join("records");
    let directory = std::env::temp_dir().join(format!("skyring-records-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let mut rendered = 0;
    for path in fs::read_dir(records).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let copy = directory.join(path.file_name().unwrap());
        fs::write(&copy, &text).unwrap();
        let mut render = Command::new(env!("CARGO_BIN_EXE_skyring-bench"));
        let output = render.arg("render").arg(&copy).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        if text.contains("\"verdict\"") {
            // One of the load generator, whose program shows it.
            assert!(errors.contains("skyring-loadgen report"), "{}: {errors}", path.display());
            continue;
        }
        assert!(output.status.success(), "{}: {errors}", path.display());
        let has_plot = !["\"msg\"", "\"micro\""].iter().any(|claim| text.contains(claim));
        let plot = fs::read_to_string(copy.with_extension("svg"));
        assert_eq!(plot.is_ok(), has_plot, "{}", path.display());
        let is_plot = |plot: &str| plot.ends_with("</svg>\n") && plot.contains("<rect");
        assert!(plot.is_ok_and(|plot| is_plot(&plot)) == has_plot, "{}", path.display());
        let table = fs::read_to_string(copy.with_extension("md")).unwrap();
        assert!(table.starts_with("# ") && table.contains("| "), "{}", path.display());
        rendered += 1;
    }
    assert!(rendered > 0, "there are records");
    fs::remove_dir_all(&directory).unwrap();
}
