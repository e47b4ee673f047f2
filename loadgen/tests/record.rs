//! What a run leaves behind, read back: the JSON record, the page, the HdrHistogram log; and what
//! is made of records later.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::Value;
use skyring_loadgen::compare::Comparison;
use skyring_loadgen::html;
use skyring_loadgen::report::{Percentiles, Report};
use support::cells::{assert_cells_agree, cells, embedded};
use support::{Fault, Server};

fn program(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_skyring-loadgen");
    Command::new(program).args(arguments).output().expect("the program is built")
}

/// A folder with `a.json`, `a.html` and `a.hlog` of one run of two seconds.
fn run() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("record");
        fs::create_dir_all(&folder).expect("a folder");
        let Server { login, msg, .. } = Server::start(Fault::None);
        let [json, html, hlog] = ["json", "html", "hlog"]
            .map(|kind| folder.join("a").with_extension(kind).display().to_string());
        let line = format!(
            "--login {login} --msg {msg} --users 20 --seconds 2 --rate 300 --drop 1 --drain 2 \
             --allow-late --quiet --password password --json {json} --html {html} --hlog {hlog}"
        );
        let output = program(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        folder
    })
}

fn text(name: &str) -> String {
    fs::read_to_string(run().join(name)).expect("the run wrote it")
}

#[test]
fn the_record_has_a_point_a_second_and_whole_distributions() {
    let report: Report = serde_json::from_str(&text("a.json")).unwrap();
    assert_eq!(report.series.len(), 2, "{:?}", report.series);
    let answers: u64 = report.series.iter().map(|point| point.answers).sum();
    // What is answered between the last glance and the end is in no point.
    assert!((450..=600).contains(&answers), "{:?}", report.series);
    assert!(
        report.series.iter().all(|it| it.p50_ns > 0 && it.p50_ns <= it.p99_ns && it.errors == 0)
    );
    let table = &report.distributions.response;
    let at = |percent| table.iter().find(|row| row.percent == percent).unwrap().ns;
    assert_eq!((at(50.0), at(99.0)), (report.play.response.p50_ns, report.play.response.p99_ns));
    assert_eq!(report.json(), text("a.json"), "it is read back to the last bit");
}

#[test]
fn the_numbers_of_the_page_are_those_of_the_record() {
    let (page, record) = (text("a.html"), serde_json::from_str::<Value>(&text("a.json")).unwrap());
    assert_eq!(embedded(&page, "record"), record);
    assert_cells_agree(&page, &record);
    let p99 = cells(&page, "path").into_iter().find(|it| it.path == "/play/response/p99_ns");
    let p99 = p99.unwrap();
    assert_eq!(p99.text, skyring_loadgen::figures::duration(p99.value as u64));
    assert!(page.contains("PASSED") && page.contains("--rate 300"));
    let revision = record["environment"]["revision"].as_str().unwrap();
    assert!(page.contains(&format!("<td>{revision}</td>")), "{revision}");
    for fetching in ["<link", " src=", "url(", "@import", "https:"] {
        assert!(!page.contains(fetching), "the page fetches: {fetching}");
    }
}

/// The run was told a password; whoever is sent its record or its page is not.
#[test]
fn the_password_is_not_on_record() {
    let report: Report = serde_json::from_str(&text("a.json")).unwrap();
    let at = report.command.iter().position(|it| it == "--password").expect("it was given");
    assert_eq!(report.command[at + 1], "***");
    assert!(text("a.html").contains("--password '***'"));
    // The password is `password`: as a value in the record, and as a word of the command line.
    for told in ["\"password\"", "--password password"] {
        assert!(["a.json", "a.html"].iter().all(|name| !text(name).contains(told)), "{told}");
    }
}

/// Findings and commands hold whatever a server or a person wrote.
#[test]
fn text_that_looks_like_markup_stays_text() {
    let mut report: Report = serde_json::from_str(&text("a.json")).unwrap();
    report.command.push("</script><b>&".into());
    report.check.findings.push("<img src=x>".into());
    let page = html::page(&report.json()).unwrap();
    assert!(!page.contains("<b>&<") && !page.contains("<img"));
    assert_eq!(embedded(&page, "record"), serde_json::from_str::<Value>(&report.json()).unwrap());
}

#[test]
fn a_record_is_rendered_again_to_the_same_page() {
    let folder = run();
    let [json, again] = ["a.json", "again.html"].map(|name| folder.join(name));
    let (json, again) = (json.to_str().unwrap(), again.to_str().unwrap());
    let output = program(&["report", json, "--html", again]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("PASSED"));
    assert_eq!(text("again.html"), text("a.html"));
}

#[test]
fn the_log_holds_the_percentiles_of_the_record() {
    let (log, report) = (text("a.hlog"), serde_json::from_str::<Report>(&text("a.json")).unwrap());
    let (mut seen, mut in_seconds) = (Vec::new(), 0);
    for entry in IntervalLogIterator::new(log.as_bytes()) {
        let LogEntry::Interval(line) = entry.unwrap() else { continue };
        let bytes = STANDARD.decode(line.encoded_histogram()).unwrap();
        let times: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
        let tag = line.tag().map(|tag| tag.as_str().to_owned());
        let recorded = match tag.as_deref() {
            None => report.play.response,
            Some("service") => report.play.service,
            Some("lateness") => report.play.lateness,
            Some("across_reattach") => report.play.across_reattach,
            Some("reattach") => report.play.reattach,
            Some("login") => report.login.login,
            Some("attach") => report.login.attach,
            Some("stage-play") => report.stages[0].response,
            Some("second") => {
                in_seconds += times.len();
                continue;
            }
            Some(other) => panic!("an unknown tag {other}"),
        };
        assert_eq!(Percentiles::of(&times), recorded, "{tag:?}");
        seen.push(tag.unwrap_or_default());
    }
    assert!(in_seconds > 0 && in_seconds <= report.check.right);
    assert!(
        ["", "service", "lateness", "stage-play"].iter().all(|tag| seen.iter().any(|it| it == tag))
    );
}

#[test]
fn a_run_is_once_as_fast_as_itself() {
    let folder = run();
    let [json, page] = ["a.json", "self.html"].map(|name| folder.join(name));
    let (json, page) = (json.to_str().unwrap(), page.to_str().unwrap());
    let output = program(&["compare", json, json, "--html", page]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("response p99") && !told.contains("not comparable"), "{told}");
    let page = text("self.html");
    let ratios = cells(&page, "ratio");
    assert!(ratios.len() > 10 && ratios.iter().all(|ratio| ratio.value == 1.0), "{ratios:?}");
    for (id, name) in [("record-a", "path-a"), ("record-b", "path-b")] {
        let record = embedded(&page, id);
        let cells = cells(&page, name);
        assert!(cells.len() > 10);
        for cell in cells {
            assert_eq!(record.pointer(&cell.path).and_then(Value::as_f64), Some(cell.value));
        }
    }
}

#[test]
fn runs_that_are_not_alike_are_told_so() {
    let json = text("a.json");
    let mut other: Report = serde_json::from_str(&json).unwrap();
    other.asked.users = 21;
    other.asked.rate = None;
    other.environment.kernel = String::from("7.0");
    other.play.answers_per_second *= 2.0;
    let comparison = Comparison::new(["a", "b"], [&json, &other.json()]).unwrap();
    let told = comparison.text();
    for part in ["users: 20 against 21", "rate: 300 against null", "kernel:", "2.000"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

/// Void runs are alike and still not to be believed; what was not measured is no zero.
#[test]
fn what_a_comparison_cannot_tell_is_said() {
    let json = text("a.json");
    let mut other: Report = serde_json::from_str(&json).unwrap();
    other.verdict.void = true;
    other.verdict.reasons = vec![String::from("the generator was late")];
    other.play.reattach = Percentiles::default();
    let other = other.json();
    let told = Comparison::new(["a", "b"], [&json, &other]).unwrap().text();
    let page = html::compared(["a", "b"], [&json, &other]).unwrap();
    for (told, colon) in [(&told, ":"), (&page, ":</b>")] {
        let told = told.to_lowercase();
        assert!(
            told.contains(&format!("caution{colon} b is void: the generator was late")),
            "{told}"
        );
        assert!(told.contains(&format!("caution{colon} one run of each")), "{told}");
        assert!(told.contains("--rate 300") && !told.contains(" 0 ns"), "{told}");
        assert!(!told.contains(">0 ns<"), "{told}");
    }
    let row = told.lines().find(|line| line.contains("re-attach p50")).unwrap();
    assert!(row.ends_with("         -         -"), "{row}");
}

#[test]
fn errands_that_cannot_be_done_exit_with_2() {
    let [page, json] = ["a.html", "a.json"].map(|name| run().join(name));
    for (arguments, part) in [
        (vec!["report"], "report takes"),
        (vec!["compare", "one.json"], "compare takes"),
        (vec!["report", "/nowhere/x.json"], "/nowhere/x.json"),
        (vec!["report", page.to_str().unwrap()], "a.html: no record"),
        (vec!["compare", json.to_str().unwrap(), page.to_str().unwrap()], "a.html: no record"),
        (vec!["report", "a", "b"], "b"),
    ] {
        let output = program(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(part), "{part} in {told}");
    }
}
