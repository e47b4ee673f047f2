//! A server that is killed under load and started again: its users log in again and play on, and what
//! they had been answered stays answered.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use skyring::config::{Config, ListenerKind};
use skyring::demo::Demo;
use skyring::server::Server;
use skyring::shard::counters::Counter;
use skyring_loadgen::live::Live;
use skyring_loadgen::options::Options;
use skyring_loadgen::plan::{Limits, Plan, PlanError};
use skyring_loadgen::report::{Report, Status};
use skyring_loadgen::run;

/// Names the ports to serve at; in its presence the test below is the server.
const PORTS: &str = "SKYRING_TEST_SERVE_AT";
const TEST: &str = "users_log_in_again_when_their_server_was_killed";
/// Requests after which the server says that it is under load, once every user is there.
const LOAD: u64 = 500;
const USERS: u32 = 40;
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The demo on two shards, as `skyring serve` runs it, until it is killed.
fn serve(ports: &str) -> ! {
    let (login, msg) = ports.split_once(' ').unwrap();
    let mut config = Config { shards: 2, ..Config::default() };
    config.listeners.retain(|it| matches!(it.kind, ListenerKind::Login | ListenerKind::Msg));
    for listener in &mut config.listeners {
        let port = if listener.kind == ListenerKind::Login { login } else { msg };
        listener.address.set_port(port.parse().unwrap());
    }
    let began = Instant::now();
    let server = loop {
        match Server::start(&config, |context| Demo::new(context, 0)) {
            Ok(server) => break server,
            // The kernel may not be done with the one that was killed.
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
        thread::sleep(Duration::from_millis(20));
    };
    let handle = server.handle();
    let sum = |counter| -> u64 { handle.counters().iter().map(|it| it.read(counter)).sum() };
    println!("\nup");
    // In the life of a server each user logs in once.
    while sum(Counter::LoginGranted) < u64::from(USERS) || sum(Counter::Requests) < LOAD {
        thread::sleep(Duration::from_millis(1));
    }
    println!("\nunder load");
    loop {
        thread::park();
    }
}

/// A server in a process of its own; killed when the test is over.
struct Served {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Served {
    fn start(ports: [u16; 2]) -> Served {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(PORTS, format!("{} {}", ports[0], ports[1]))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut served = Served { child, lines };
        served.wait_for("up");
        served
    }

    /// Waits until it says so.
    fn wait_for(&mut self, words: &str) {
        assert!(self.lines.any(|line| line.unwrap() == words), "the server has ended");
    }
}

impl Drop for Served {
    /// Kills it by SIGKILL.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Free ports that the kernel gives to nobody who connects: one who tries a port again and again
/// while nobody listens may be given that very port, and then talks to himself.
fn ports() -> [u16; 2] {
    let first = 10_000 + (std::process::id() % 20_000) as u16;
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut free = (first..first + 1000).filter(is_free);
    [free.next().unwrap(), free.next().unwrap()]
}

fn limits() -> Limits {
    Limits { descriptors: 4096, ports: 28_000 }
}

#[test]
fn users_log_in_again_when_their_server_was_killed() {
    if let Ok(ports) = std::env::var(PORTS) {
        serve(&ports);
    }
    let ports = ports();
    let mut served = Served::start(ports);
    let [login, msg] = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let options = Options {
        logins: vec![login],
        msgs: vec![msg],
        users: USERS,
        depth: Some(4),
        drop_ppm: 5_000,
        // Until it is stopped.
        play_ns: 600_000_000_000,
        allow_late: true,
        relogin: true,
        ..Options::default()
    };
    let plan = Plan::new(options, limits()).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let run = {
        let (plan, stop) = (plan.clone(), Arc::clone(&stop));
        thread::spawn(move || run::run(plan, &mut Live::new(true), &stop).unwrap())
    };
    for _ in 0..2 {
        served.wait_for("under load");
        drop(served);
        // Long enough for everybody to be refused a few times.
        thread::sleep(Duration::from_millis(300));
        served = Served::start(ports);
    }
    served.wait_for("under load");
    stop.store(true, Ordering::Relaxed);
    let report = Report::new(&plan, &run.join().unwrap(), Vec::new());
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    let counters = report.counters;
    assert!(counters.relogins >= 2 * u64::from(USERS), "{counters:?}");
    assert!(counters.logins >= 3 * u64::from(USERS), "{counters:?}");
    assert!(counters.connects_failed > 0 && counters.losses > 0, "{counters:?}");
    assert!(report.check.wrong == 0 && report.check.right > 3 * LOAD / 2, "{}", report.json());
}

/// Without the flag a server that loses sessions fails the run.
#[test]
fn only_who_asks_for_it_forgives_a_server_that_ends() {
    let ports = ports();
    let options = Options { gates: vec![([127, 0, 0, 1], ports[0]).into()], ..Options::default() };
    let refused = Plan::new(Options { relogin: true, ..options }, limits()).unwrap_err();
    assert!(matches!(refused, PlanError::Meaningless("--relogin", _)), "{refused}");
}
