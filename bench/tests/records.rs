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
        // One of the load generator, whose program shows it, or one that is text only.
        let other = [
            "skyring-loadgen report",
            "of msg is not",
            "of micro is not",
            "of sproto is not",
            "of attack is not",
        ];
        if !output.status.success() && other.iter().any(|reason| errors.contains(reason)) {
            let about = ["-sessions-", "-msg.json", "-micro.json", "-sproto.json", "-attack.json"];
            let name = path.display().to_string();
            assert!(about.iter().any(|about| name.contains(about)), "{name}: {errors}");
            continue;
        }
        assert!(output.status.success(), "{}: {errors}", path.display());
        let plot = fs::read_to_string(copy.with_extension("svg")).unwrap();
        assert!(plot.ends_with("</svg>\n") && plot.contains("<rect"), "{}", path.display());
        let table = fs::read_to_string(copy.with_extension("md")).unwrap();
        assert!(table.starts_with("# ") && table.contains("| "), "{}", path.display());
        rendered += 1;
    }
    assert!(rendered > 0, "there are records");
    fs::remove_dir_all(&directory).unwrap();
}
