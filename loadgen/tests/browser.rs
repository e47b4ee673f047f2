//! The page of a run in a browser: it opens without a network, and what stands in it is what the
//! record says.
//!
//! Needs chromium, and fails without it, so it is behind the feature `interop`.
#![cfg(feature = "interop")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use skyring_loadgen::html;
use skyring_loadgen::options::Options;
use skyring_loadgen::scenario::file::ScenarioFile;
use support::cells::{assert_cells_agree, cells, embedded};
use support::{Fault, Server, play};

const SCENARIO: &str = r#"
thresholds = ["errors == 0"]
request.small.bytes = 32
request.large.bytes = [200, 2000]
[[bot]]
name = "player"
script = [{ request = { small = 3, large = 1 } }]
[[stage]]
kind = "ramp"
seconds = 1
rate = 500
measure = false
[[stage]]
kind = "hold"
seconds = 2
[[stage]]
kind = "spike"
seconds = 1
rate = 900
arrival = "poisson"
"#;

/// Opens a page in a browser that has nothing but a new profile.
fn browse(folder: &Path, page: &Path, arguments: &[&str]) -> Output {
    Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--disable-background-networking", "--hide-scrollbars"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium is installed")
}

#[test]
fn a_browser_shows_what_the_record_says() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    fs::create_dir_all(&folder).unwrap();
    let page = folder.join("run.html");
    let report = play(Options {
        scenario: Some(Arc::new(ScenarioFile::parse(SCENARIO).unwrap())),
        drop_ppm: 5_000,
        ..Server::start(Fault::None).options()
    });
    assert_eq!((report.stages.len(), report.requests.len(), report.thresholds.len()), (3, 2, 1));
    fs::write(&page, html::page(&report.json()).unwrap()).unwrap();

    let output = browse(&folder, &page, &["--dump-dom"]);
    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8(output.stdout).unwrap();
    let record = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(embedded(&shown, "record"), record);
    assert_cells_agree(&shown, &record);
    for part in ["id=\"stages\"", "id=\"thresholds\"", "/stages/2/response/p99_ns"] {
        assert!(shown.contains(part), "{part}");
    }
    let count = |page: &str| cells(page, "path").len();
    assert_eq!(count(&shown), count(&fs::read_to_string(&page).unwrap()), "none is lost");
    assert_eq!(shown.matches("<svg").count(), 5, "percentiles, rate, response, lateness, open");

    let picture = folder.join("run.png");
    let to = format!("--screenshot={}", picture.display());
    let output = browse(&folder, &page, &[&to, "--window-size=1000,3200"]);
    assert!(output.status.success(), "{output:?}");
    assert!(fs::metadata(&picture).unwrap().len() > 20_000, "the picture is not empty");
    println!("{}", picture.display());
    fs::remove_dir_all(folder.join("profile")).unwrap();
}
