//! Python `websockets` and npm `ws`: their clients against the server, `skyring ws` against their
//! servers.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::served::{Served, certify, run, text};
use super::{listener_keys, script};

/// A package that speaks WebSocket, by the script that drives it.
#[derive(Clone, Copy)]
struct Peer {
    program: &'static str,
    script: &'static str,
}

const PYTHON: Peer = Peer { program: "python3", script: "peer.py" };
const NODE: Peer = Peer { program: "node", script: "peer.js" };

/// Seconds that a program has; a busy machine starts one slowly.
const PATIENCE_S: u64 = 300;

/// The length of the long message that servers send.
const LONG: usize = 200_000;

impl Peer {
    fn command(self, arguments: &[&str]) -> Command {
        let mut command = patiently(self.program);
        command.arg(script(self.script)).args(arguments).stdin(Stdio::null());
        command
    }

    /// Its client checks our server, in every way that it compresses.
    fn asks(self, name: &str) {
        let served = Served::start_with(name, &listener_keys());
        let certificate = served.certificate();
        for (url, more) in [(served.http(), None), (served.https(), Some(&certificate[..]))] {
            let url = url.replacen("http", "ws", 1) + "/ws";
            let mut command = self.command(&["client", &url]);
            let output = command.args(more).output().expect("timeout, which this test needs");
            let said = text(&output);
            assert!(output.status.success() && said.ends_with("agrees\n"), "{url}: {said}");
        }
        served.end();
    }

    /// Our client talks to its server.
    fn answers(self, name: &str) {
        for secure in [false, true] {
            let server = PeerServer::start(self, name, secure);
            let said = server.talk();
            let mut lines = said.lines();
            let first = "/play?a=b skyring chat permessage-deflate";
            assert_eq!(lines.next(), Some(first), "{said}");
            assert_eq!(lines.next(), Some("pong came"));
            assert_eq!(lines.next(), Some("in three pieces"));
            assert_eq!(lines.next().map(str::len), Some(LONG));
            assert_eq!(lines.next(), Some("HELLO"));
            assert_eq!(lines.next(), Some("\u{c9}\u{4e2d}"));
            assert_eq!(lines.next(), None);
        }
    }
}

/// A program that is ended when it takes too long, or when `timeout` is to end; its status is no
/// success then.
fn patiently(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--kill-after=5").arg(PATIENCE_S.to_string()).arg(program);
    command
}

/// A server of the peer's; ended when dropped.
struct PeerServer {
    child: Child,
    folder: PathBuf,
    secure: bool,
    port: u16,
}

impl PeerServer {
    fn start(peer: Peer, name: &str, secure: bool) -> PeerServer {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ws-{name}-{secure}"));
        fs::create_dir_all(&folder).unwrap();
        certify(&folder);
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let mut command = peer.command(&["server"]);
        if secure {
            command.args([cert, key]);
        }
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = child.expect("timeout, which this test needs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse();
        let port = port.unwrap_or_else(|_| panic!("a port of {}, not {line:?}", peer.program));
        PeerServer { child, folder, secure, port }
    }

    /// What `skyring ws` prints when it sends three lines, the last of which ends it.
    fn talk(&self) -> String {
        let (scheme, mode) = if self.secure { ("wss", "shared") } else { ("ws", "dedicated") };
        let url = format!("{scheme}://localhost:{}/play?a=b", self.port);
        let ca = self.folder.join("cert.pem");
        let mut child = patiently(env!("CARGO_BIN_EXE_skyring"))
            .args(["ws", &url, "-H", "X-From: skyring", "--subprotocol", "chat"])
            .args(["--compression", mode, "--ca"])
            .arg(ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all("hello\n\u{e9}\u{4e2d}\nbye\n".as_bytes()).unwrap();
        // The server closes; nothing more is to be said, and the input need not end.
        let output = child.wait_with_output().unwrap();
        drop(input);
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for PeerServer {
    fn drop(&mut self) {
        // Not killed: `timeout` would leave it behind.
        run("kill", &["-TERM", &self.child.id().to_string()]);
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// WIRE W25, W28, W33, W35.
#[test]
fn the_client_of_python_agrees_with_our_server() {
    PYTHON.asks("python-client");
}

#[test]
fn the_client_of_npm_agrees_with_our_server() {
    NODE.asks("npm-client");
}

/// WIRE W29, W34.
#[test]
fn our_client_agrees_with_the_server_of_python() {
    PYTHON.answers("python-server");
}

#[test]
fn our_client_agrees_with_the_server_of_npm() {
    NODE.answers("npm-server");
}
