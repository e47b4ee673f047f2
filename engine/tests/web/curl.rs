//! curl against the server: what it sends and how it understands the answers.

use std::fs;
use std::process::Output;

use super::served::{Served, run, text};

/// What curl wrote to standard output, headers in front; it must succeed.
fn curl(arguments: &[&str]) -> String {
    let output = try_curl(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn try_curl(arguments: &[&str]) -> Output {
    let common = ["--silent", "--show-error", "--include", "--http1.1", "--max-time", "20"];
    run("curl", &[&common, arguments].concat())
}

fn status(answer: &str) -> u16 {
    let line = answer.lines().next().unwrap_or_default();
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

#[test]
fn routes_are_answered() {
    let served = Served::start("routes");
    let cert = served.certificate();
    for base in [served.http(), served.https()] {
        let get = |path: &str, more: &[&str]| {
            curl(&[&["--cacert", &cert, &format!("{base}{path}")], more].concat())
        };
        let hello = get("/hello", &[]);
        assert_eq!(status(&hello), 200, "{hello}");
        assert!(hello.to_lowercase().contains("\r\ndate: "), "{hello}");
        assert_eq!(status(&get("/", &[])), 200);
        assert!(get("/stream", &[]).to_lowercase().contains("transfer-encoding: chunked"));
        let big = get("/big/300", &[]);
        assert!(big.len() > 300 * 1024 && big.len() < 301 * 1024, "{}", big.len());
        let head = get("/big/300", &["--head"]);
        assert!(head.to_lowercase().contains("content-length: 307200"), "{head}");
        assert_eq!(status(&get("/status/204", &[])), 204);
        assert_eq!(status(&get("/status/304", &[])), 304);
        assert_eq!(status(&get("/nowhere", &[])), 404);
        assert_eq!(status(&get("/hello", &["--request", "DELETE"])), 405);
        assert_eq!(status(&get("/hello", &["--http1.0"])), 200);
    }
    served.end();
}

#[test]
fn uploads_come_back() {
    let served = Served::start("uploads");
    let file = served.folder().join("upload");
    let content: Vec<u8> = (0..5_000_000u32).map(|at| (at * at / 7) as u8).collect();
    fs::write(&file, &content).unwrap();
    let (cert, back) = (served.certificate(), served.folder().join("back"));
    let (upload, back_text) = (format!("@{}", file.display()), back.display().to_string());
    let kinds: [&[&str]; 3] = [
        &[],
        &["--header", "Transfer-Encoding: chunked"],
        &["--header", "Expect: 100-continue", "--expect100-timeout", "15"],
    ];
    for base in [served.http(), served.https()] {
        for more in kinds {
            let fixed = ["--silent", "--show-error", "--fail", "--http1.1", "--max-time", "60"];
            let url = format!("{base}/echo");
            let sent = ["--cacert", &cert, "--data-binary", &upload, "-o", &back_text, &url];
            let output = run("curl", &[&fixed[..], &sent, more].concat());
            assert!(output.status.success(), "{more:?}: {}", text(&output));
            assert!(fs::read(&back).unwrap() == content, "{base} {more:?}");
        }
    }
    served.end();
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let served = Served::start("kept");
    let cert = served.certificate();
    for base in [served.http(), served.https()] {
        let url = format!("{base}/hello");
        let output = run("curl", &["-sv", "--http1.1", "--cacert", &cert, &url, &url, &url]);
        let said = text(&output);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.matches("Re-using existing connection").count(), 2, "{said}");
    }
    served.end();
}

#[test]
fn curl_waits_for_the_100_and_gets_it() {
    let served = Served::start("continue");
    let url = format!("{}/echo", served.http());
    let sent = ["-sv", "--http1.1", "-H", "Expect: 100-continue", "--expect100-timeout", "15"];
    let output = run("curl", &[&sent[..], &["--data", "hello", &url]].concat());
    let said = text(&output);
    assert!(said.contains("< HTTP/1.1 100 Continue") && said.contains("hello"), "{said}");
    served.end();
}

#[test]
fn what_is_wrong_has_its_status() {
    let served = Served::start("wrong");
    let (base, long) = (served.http(), "x".repeat(40_000));
    let (hello, echo) = (format!("{base}/hello"), format!("{base}/echo"));
    let file = served.folder().join("large");
    fs::write(&file, vec![b'x'; 9 << 20]).unwrap();
    let large = format!("@{}", file.display());
    let long_line = format!("{base}/{}", "y".repeat(20_000));
    let cases: [(&[&str], u16); 6] = [
        (&["-H", &format!("X-Long: {long}"), &hello], 431),
        (&[&long_line], 414),
        (&["-H", "Expect: 100-continue", "--data-binary", &large, &echo], 413),
        (&["-H", "Expect: a miracle", &hello], 417),
        (&["-H", "Host:", "-H", "X: y", &hello], 400),
        (&["-H", "Transfer-Encoding: gzip", "--data", "x", &echo], 501),
    ];
    for (arguments, expected) in cases {
        let answer = String::from_utf8_lossy(&try_curl(arguments).stdout).into_owned();
        assert_eq!(status(&answer), expected, "{:.200}", format!("{arguments:?}: {answer}"));
    }
    served.end();
}

/// curl's own verdict on our certificates, protocol versions and ends.
#[test]
fn tls_is_verified() {
    let served = Served::start("verified");
    let (cert, url) = (served.certificate(), format!("{}/hello", served.https()));
    for versions in [["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3", "--tls-max", "1.3"]] {
        let answer = curl(&[&versions[..], &["--cacert", &cert, &url]].concat());
        assert_eq!(status(&answer), 200);
    }
    // Exit status 60: the certificate is not trusted.
    assert_eq!(try_curl(&[&url]).status.code(), Some(60));
    served.end();
}
