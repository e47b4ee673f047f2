//! Do others agree with us? Clients that share no code with skyring, against the real program.
//!
//! These need `python3`, `openssl` and `nc`. `.ci/run` installs them; here a missing one fails.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

/// A server in a process of its own, killed when the test is over.
struct Served {
    child: Child,
    report: Vec<String>,
}

impl Served {
    /// Every listener at a port of the kernel's choice.
    fn start(name: &str) -> Served {
        let path = format!("{}/interop-{name}.toml", env!("CARGO_TARGET_TMPDIR"));
        let kinds = ["login", "msg", "gate"];
        let listener =
            |kind| format!("[[listener]]\nkind = \"{kind}\"\naddress = \"127.0.0.1:0\"\n");
        std::fs::write(&path, kinds.map(listener).concat())
            .expect("the build's folder is writable");
        let mut command = Command::new(env!("CARGO_BIN_EXE_skyring"));
        command.args(["serve", "--config", &path]).stdout(Stdio::piped());
        let child = command.spawn().expect("the program runs");
        let mut served = Served { child, report: Vec::new() };
        let out = BufReader::new(served.child.stdout.take().expect("it is a pipe"));
        let lines = out.lines().map(|line| line.expect("it prints text"));
        served.report = lines.take_while(|line| !line.starts_with("ready")).collect();
        served
    }

    fn address(&self, name: &str) -> SocketAddr {
        let line = self.report.iter().find(|line| line.trim().starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {:?}", self.report));
        let word = line.split_whitespace().nth(1).expect("an address behind the name");
        word.parse().expect("an address")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeded(output: &Output) {
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}");
}

#[test]
fn a_client_in_another_language_logs_in_plays_and_comes_back() {
    let served = Served::start("player");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/player.py");
    let mut command = Command::new("python3");
    command.arg(script);
    command.args(["login", "msg"].map(|name| served.address(name).to_string()));
    let output = command.output().expect("python3 is installed");
    succeeded(&output);
    assert_eq!(text(&output.stdout).lines().count(), 15, "{}", text(&output.stdout));
}

#[test]
fn the_gate_echoes_frames_of_a_plain_tcp_client() {
    let served = Served::start("gate");
    let gate = served.address("gate");
    let mut command = Command::new("nc");
    // -N sends FIN when the input ends, -w ends a wait that brings nothing.
    command.args(["-N", "-w", "10", &gate.ip().to_string(), &gate.port().to_string()]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("netcat is installed");
    let mut input = child.stdin.take().expect("it is a pipe");
    input.write_all(b"\0\x05hello\0\0\0\x01!").expect("room for a few bytes");
    // The answer is read before the input ends: a gate closes when its peer does.
    let mut answer = [0; 12];
    let out = child.stdout.as_mut().expect("it is a pipe");
    std::io::Read::read_exact(out, &mut answer).expect("the echo arrives");
    assert_eq!(&answer, b"\0\x05hello\0\0\0\x01!");
    drop(input);
    succeeded(&child.wait_with_output().expect("netcat ends"));
}
