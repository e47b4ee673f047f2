//! `skyring serve` with an HTTP and an HTTPS listener, and a msg listener for the sessions of both, in
//! a process of its own, and a certificate that openssl has made.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A running server; killed when the test fails.
pub(crate) struct Served {
    child: Child,
    folder: PathBuf,
    addresses: Vec<SocketAddr>,
}

impl Served {
    /// Starts one; `name` is the test's.
    pub(crate) fn start(name: &str) -> Served {
        Served::start_with(name, "body_bytes_max = 8388608\n")
    }

    /// Starts one whose listeners have these lines in the configuration.
    pub(crate) fn start_with(name: &str, keys: &str) -> Served {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("web-{name}"));
        fs::create_dir_all(&folder).unwrap();
        certify(&folder);
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let config = folder.join("skyring.toml");
        let tls = format!("tls = {{ cert = {cert:?}, key = {key:?} }}\n");
        let listener = "[[listener]]\nkind = \"http\"\naddress = \"127.0.0.1:0\"\n";
        let msg = "[[listener]]\nkind = \"msg\"\naddress = \"127.0.0.1:0\"\n";
        let text = format!("shards = 2\n{listener}{keys}{listener}{keys}{tls}{msg}");
        fs::write(&config, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_skyring"))
            .args(["serve", "--config", config.to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let report: Vec<String> = lines.take_while(|line| !line.starts_with("ready")).collect();
        let address = |line: &String| line.split_whitespace().find_map(|word| word.parse().ok());
        let addresses: Vec<SocketAddr> = report.iter().filter_map(address).collect();
        assert_eq!(addresses.len(), 3, "{report:?}");
        Served { child, folder, addresses }
    }

    /// Where this test's files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The certificate, as a path for a program.
    pub(crate) fn certificate(&self) -> String {
        self.folder.join("cert.pem").display().to_string()
    }

    /// The address of the HTTP listener, as the beginning of a URL.
    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.addresses[0])
    }

    /// The same of the HTTPS listener. Its certificate is for `localhost`.
    pub(crate) fn https(&self) -> String {
        format!("https://localhost:{}", self.addresses[1].port())
    }

    pub(crate) fn https_at(&self) -> SocketAddr {
        self.addresses[1]
    }

    /// Drains the server and sees it off.
    pub(crate) fn end(mut self) {
        let pid = self.child.id().to_string();
        assert!(run("kill", &["-TERM", &pid]).status.success());
        assert!(self.child.wait().unwrap().success(), "it ends well after a drain");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes `cert.pem` and `key.pem` for localhost.
pub(crate) fn certify(folder: &Path) {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let output = run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            key.to_str().unwrap(),
            "-out",
            cert.to_str().unwrap(),
        ],
    );
    assert!(output.status.success(), "{}", text(&output));
}

/// Runs a program to its end, with nothing to read.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}, which this test needs: {error}"))
}

/// What a program wrote, both ways.
pub(crate) fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}
