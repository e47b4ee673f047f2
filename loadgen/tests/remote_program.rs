//! The program as agents and as their coordinator: children of this one.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Fault, Server};

const PROGRAM: &str = env!("CARGO_BIN_EXE_skyring-loadgen");

/// A file with the token, which no command line ever shows.
fn token_file() -> &'static str {
    static FILE: OnceLock<String> = OnceLock::new();
    FILE.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("token");
        fs::write(&path, "a token for children\n").expect("a folder for tests");
        path.display().to_string()
    })
}

/// A child that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct AgentChild {
    child: Running,
    address: String,
}

fn agent() -> AgentChild {
    let mut command = Command::new(PROGRAM);
    command.args(["agent", "--listen", "127.0.0.1:0", "--token-file", token_file()]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program is built");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
    out.read_line(&mut line).expect("it says where it is");
    let address = line.trim().strip_prefix("agent on ").expect("it says where it is").to_owned();
    AgentChild { child: Running(child), address }
}

fn coordinate(agents: &[&AgentChild], line: &str) -> Command {
    let addresses: Vec<_> = agents.iter().map(|agent| agent.address.as_str()).collect();
    let mut command = Command::new(PROGRAM);
    command.args(["coordinate", "--agents", &addresses.join(","), "--token-file", token_file()]);
    command.args(line.split_whitespace());
    command
}

fn load(server: &Server) -> String {
    let Server { login, msg, .. } = server;
    format!("--login {login} --msg {msg} --users 40 --rate 200 --drain 2 --allow-late")
}

/// Starts a coordinator and waits until its users play.
fn playing(mut command: Command) -> (Running, BufReader<std::process::ChildStderr>) {
    let mut child =
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program is built");
    let mut progress = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.starts_with("play ") {
        line.clear();
        let count = progress.read_line(&mut line).expect("it speaks");
        assert!(count > 0, "it ended before its play");
    }
    (Running(child), progress)
}

#[test]
fn two_agents_and_a_coordinator_say_what_one_program_would() {
    let server = Server::start(Fault::None);
    let agents = [agent(), agent()];
    let pid = std::process::id();
    let line = format!("{} --seconds 1 --drop 1 --json - --pid {pid}", load(&server));
    let output = coordinate(&[&agents[0], &agents[1]], &line).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["check"]["wrong"], 0);
    assert_eq!(json["check"]["users_answered"], 40);
    assert_eq!(json["counters"]["answers"], 200);
    assert_eq!(json["agents"][0]["address"], agents[0].address.as_str());
    assert_eq!(json["agents"][1]["users"], 20);
    assert!(json["agents"][1]["cpu_ns_per_answer"].is_number(), "{json:#}");
    assert!(json["server"]["cpu_ns_per_answer"].is_number(), "{json:#}");
    let summary = String::from_utf8(output.stderr).unwrap();
    for part in ["40 users", "2 agents", "0 wrong", "PASSED"] {
        assert!(summary.contains(part), "{part} in {summary}");
    }
}

#[test]
fn a_killed_agent_ends_the_run_with_2_and_no_result() {
    let server = Server::start(Fault::None);
    let (mut killed, other) = (agent(), agent());
    let line = format!("{} --seconds 3600", load(&server));
    let (mut coordinator, mut told) = playing(coordinate(&[&killed, &other], &line));
    killed.child.0.kill().unwrap();
    let mut error = String::new();
    told.read_to_string(&mut error).unwrap();
    assert_eq!(coordinator.0.wait().unwrap().code(), Some(2), "{error}");
    let named = format!("agent {} is gone", killed.address);
    assert!(error.contains(&named) && error.contains("no result"), "{error}");
    assert_served(&other, &server);
}

#[test]
fn an_agent_whose_coordinator_is_killed_stops_and_serves_the_next() {
    let server = Server::start(Fault::None);
    let agent = agent();
    let line = format!("{} --seconds 3600", load(&server));
    let (mut coordinator, _) = playing(coordinate(&[&agent], &line));
    coordinator.0.kill().unwrap();
    assert_served(&agent, &server);
}

/// The agent serves a coordinator as soon as it has wound up the run before.
fn assert_served(agent: &AgentChild, server: &Server) {
    const TRIES: usize = 60;
    let line = format!("{} --seconds 0.5 --quiet", load(server));
    let busy = |output: &Output| {
        String::from_utf8_lossy(&output.stderr).contains("serves another coordinator")
    };
    let mut outputs = (0..TRIES).map(|_| coordinate(&[agent], &line).output().expect("it runs"));
    let output = outputs.find(|output| !busy(output)).expect("it is free in the end");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn an_interrupt_at_the_coordinator_ends_the_run_and_reports_it() {
    let server = Server::start(Fault::None);
    let agents = [agent(), agent()];
    let json = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interrupted.json");
    let line = format!("{} --seconds 3600 --json {}", load(&server), json.display());
    let (mut coordinator, mut told) = playing(coordinate(&[&agents[0], &agents[1]], &line));
    let pid = Pid::from_child(&coordinator.0);
    kill_process(pid, Signal::INT).unwrap();
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(coordinator.0.wait().unwrap().code(), Some(0), "{rest}");
    let json: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(json["play"]["interrupted"], true);
    assert_eq!(json["check"]["users_answered"], 40, "{json:#}");
    assert_eq!(json["counters"]["due"], json["counters"]["answers"]);
}

#[test]
fn the_token_comes_from_the_environment_and_never_from_the_command_line() {
    let agent = agent();
    let server = Server::start(Fault::None);
    let line = format!("{} --seconds 0.5 --quiet", load(&server));
    let run = |own: &[&str], token: Option<&str>| {
        let mut command = Command::new(PROGRAM);
        command.args(["coordinate", "--agents", &agent.address]).args(own);
        command.args(line.split_whitespace()).env_remove("SKYRING_TOKEN");
        let output = command.envs(token.map(|it| ("SKYRING_TOKEN", it))).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&[], Some("a token for children")).0, Some(0));
    let seen = run(&["--token", "a token for children"], None);
    for ((status, told), part) in [
        (run(&[], Some("another token, as long")), "wrong token"),
        (run(&[], Some("short")), "16 bytes"),
        (run(&[], None), "no token"),
        (seen, "can be read by everybody"),
        (run(&["--token-file", "/nowhere/token"], None), "/nowhere/token"),
    ] {
        assert_eq!(status, Some(2), "{told}");
        assert!(told.contains(part), "{part} in {told}");
    }
}
