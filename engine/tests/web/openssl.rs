//! openssl's client against the server: versions, ALPN, resumption, and how the connection ends.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::served::{Served, text};

const REQUEST: &[u8] = b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// One conversation; standard input stays open until the server has closed.
fn s_client(served: &Served, arguments: &[&str], request: &[u8]) -> Output {
    let connect = served.https_at().to_string();
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &connect, "-servername", "localhost", "-ign_eof"])
        .args(["-CAfile", &served.certificate(), "-verify_return_error"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl, which this test needs");
    let mut input = child.stdin.take().unwrap();
    // It may have been refused already.
    let _ = input.write_all(request);
    let output = child.wait_with_output().unwrap();
    drop(input);
    output
}

#[test]
fn both_versions_are_spoken_and_no_older_one() {
    let served = Served::start("versions");
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let said = text(&s_client(&served, &[version, "-alpn", "h2,http/1.1"], REQUEST));
        assert!(said.contains(&format!("New, {name}")), "{said}");
        assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
        assert!(said.contains("Verification: OK"), "{said}");
        assert!(said.contains("HTTP/1.1 200 OK"), "{said}");
    }
    let output = s_client(&served, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], REQUEST);
    assert!(!output.status.success() && !text(&output).contains("200 OK"));
    served.end();
}

#[test]
fn sessions_are_resumed() {
    let served = Served::start("resumed");
    let session = served.folder().join("session");
    let session = session.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let first = text(&s_client(&served, &[version, "-sess_out", session], REQUEST));
        assert!(first.contains("200 OK") && !first.contains("Reused, TLS"), "{first}");
        let second = text(&s_client(&served, &[version, "-sess_in", session], REQUEST));
        assert!(second.contains("200 OK") && second.contains("Reused, TLS"), "{second}");
    }
    served.end();
}

/// Our end is a close_notify, which openssl would miss aloud.
#[test]
fn the_end_is_told() {
    let served = Served::start("told");
    for version in ["-tls1_2", "-tls1_3"] {
        let said = text(&s_client(&served, &[version, "-msg"], REQUEST));
        assert!(said.contains("warning close_notify"), "{said}");
        assert!(!said.contains("unexpected eof"), "{said}");
    }
    served.end();
}
