//! `skyring fetch` from outside.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::support::certificates::{Authority, Validity};
use super::support::hostile::{Conversation, Hostile};

fn fetch(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyring"));
    command.arg("fetch").args(arguments).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

/// A server that says back what it heard.
fn mirror() -> Hostile {
    Hostile::start(|talk| {
        while let Some(heard) = talk.request() {
            let said = format!("{}{}", heard.head, text(&heard.body));
            let length = said.len();
            talk.say(&format!(
                "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: {length}\r\n\r\n{said}"
            ));
        }
    })
}

#[test]
fn the_body_goes_to_standard_output() {
    let server = mirror();
    let done = fetch(&[&server.url("/x?y"), "-H", "X-C:  d"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let out = text(&done.stdout);
    assert!(out.starts_with("GET /x?y HTTP/1.1\r\n") && out.contains("X-C: d\r\n"), "{out}");
    assert_eq!(text(&done.stderr), "");
    let shown = fetch(&["-i", &server.url("/")]);
    let out = text(&shown.stdout);
    assert!(out.starts_with("HTTP/1.1 200 OK\r\nX-A: b\r\n"), "{out}");
    assert!(out.contains("\r\n\r\nGET / HTTP/1.1\r\n"), "{out}");
}

#[test]
fn bodies_and_forms_are_sent() {
    let server = mirror();
    let url = server.url("/");
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fetch-body");
    std::fs::write(&file, "from a file").unwrap();
    let at_file = format!("@{}", file.display());
    for (arguments, method, body) in [
        (&["-d", "text"][..], "POST", "text"),
        (&["-X", "PUT", "-d", &at_file], "PUT", "from a file"),
        (&["--form", "a=b c", "--form", "d="], "POST", "a=b%20c&d="),
    ] {
        let done = fetch(&[arguments, &[&url]].concat());
        let out = text(&done.stdout);
        assert!(out.starts_with(method) && out.ends_with(&format!("\r\n\r\n{body}")), "{out}");
    }
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fetch-out");
    let done = fetch(&["-o", out.to_str().unwrap(), &url]);
    assert_eq!((done.status.code(), text(&done.stdout)), (Some(0), ""));
    assert!(std::fs::read_to_string(&out).unwrap().starts_with("GET / HTTP/1.1\r\n"));
}

#[test]
fn what_fails_has_its_exit_code() {
    let missing = Hostile::answering("HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone");
    let url = missing.url("/");
    let answered = fetch(&[&url]);
    assert_eq!((answered.status.code(), text(&answered.stdout)), (Some(0), "gone"));
    let failed = fetch(&["--fail", &url]);
    assert_eq!((failed.status.code(), text(&failed.stdout)), (Some(22), ""));
    assert_eq!(text(&failed.stderr), "skyring: the server answers 404\n");
    let cut = Hostile::start(|talk| {
        talk.request();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        talk.cut();
    });
    let half = fetch(&[&cut.url("/")]);
    assert_eq!((half.status.code(), text(&half.stdout)), (Some(1), "hello"));
    let said = "skyring: the answer was cut short after 5 bytes of its body\n";
    assert_eq!(text(&half.stderr), said);
    let silent = Hostile::start(Conversation::be_silent);
    let late = fetch(&["--timeout", "0.2", &silent.url("/")]);
    assert_eq!(late.status.code(), Some(1));
    let said = "skyring: no answer within 200 ms, waiting for the answer's head\n";
    assert_eq!(text(&late.stderr), said);
    for wrong in [&[][..], &["--nonsense", "http://a/"], &["http://a/", "http://b/"]] {
        assert_eq!(fetch(wrong).status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(fetch(&["ftp://a/"]).status.code(), Some(1));
    let help = fetch(&["--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("Usage: skyring fetch"));
}

#[test]
fn redirects_are_followed_when_asked_for() {
    let server = Hostile::start(|talk| {
        while let Some(heard) = talk.request() {
            talk.say(if heard.head.starts_with("GET /there ") {
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere"
            } else {
                "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 4\r\n\r\nhere"
            });
        }
    });
    assert_eq!(text(&fetch(&[&server.url("/")]).stdout), "here");
    assert_eq!(text(&fetch(&["--redirects", "1", &server.url("/")]).stdout), "there");
}

#[test]
fn an_authority_or_a_pin_makes_a_server_known() {
    let authority = Authority::new();
    let shown = authority.vouch("localhost", Validity::Now);
    let server = Hostile::start_tls(shown.server(), |talk| {
        while talk.request().is_some() {
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let url = format!("https://localhost:{}/", server.address.port());
    let file = authority.file("fetch");
    let known = fetch(&["--ca", file.to_str().unwrap(), &url]);
    assert_eq!((known.status.code(), text(&known.stdout)), (Some(0), "ok"));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &shown.certificate);
    let digest = skyring::protocols::crypt::hexencode(digest.as_ref());
    let pinned = fetch(&["--pin", &digest, &url]);
    assert_eq!((pinned.status.code(), text(&pinned.stdout)), (Some(0), "ok"));
    let other = fetch(&["--pin", &"00".repeat(32), &url]);
    assert_eq!(other.status.code(), Some(1));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let server = Hostile::start(|talk| {
        talk.request();
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        talk.say_for_ever("4\r\nmore\r\n");
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyring"));
    command.args(["fetch", &server.url("/")]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut out = child.stdout.take().expect("a pipe");
    out.read_exact(&mut [0; 8]).expect("the first bytes");
    drop(out);
    assert_eq!(child.wait().expect("it is our child").code(), Some(0));
}
