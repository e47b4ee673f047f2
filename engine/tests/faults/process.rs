//! The program itself, seen from outside: out of descriptors, abused, and told to end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use skyring::protocols::msg::response::Flag;

use super::input;
use crate::support::{Player, connect, eventually, login, read_to_end, reset};

const LISTENERS: &str = r#"
shards = 2
admin = "127.0.0.1:0"
[[listener]]
kind = "login"
address = "127.0.0.1:0"
handshake_timeout_ms = 1000
[[listener]]
kind = "msg"
address = "127.0.0.1:0"
handshake_timeout_ms = 1000
[[listener]]
kind = "gate"
address = "127.0.0.1:0"
"#;

/// A file with this configuration.
fn configured(test: &str, text: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.toml"));
    std::fs::write(&file, text).unwrap();
    file
}

/// `skyring serve` as a child process. It is killed when a test fails.
struct Served {
    child: Child,
    addresses: [SocketAddr; 3],
    admin: SocketAddr,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Serves with this limit of descriptors, soft and hard.
    fn start(test: &str, descriptors: u32) -> Served {
        Served::start_with(test, descriptors, "")
    }

    /// As [`Served::start`], with more lines in the configuration.
    fn start_with(test: &str, descriptors: u32, lines: &str) -> Served {
        let file = configured(test, &format!("{LISTENERS}{lines}"));
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {descriptors} && exec \"$0\" serve --config \"$1\""))
            .args([env!("CARGO_BIN_EXE_skyring").as_ref(), file.as_os_str()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines = output.lines().map(|line| line.unwrap());
        let report: Vec<String> = lines.take_while(|line| !line.starts_with("ready")).collect();
        let at = |name: &str| {
            let line = report.iter().find(|line| line.trim().starts_with(name));
            let address = line.and_then(|line| line.split_whitespace().nth(1));
            address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{report:?}"))
        };
        let addresses = [at("login"), at("msg"), at("gate")];
        Served { addresses, admin: at("admin"), child }
    }

    fn count(&self, counter: &str) -> u64 {
        let mut text = String::new();
        connect(self.admin).read_to_string(&mut text).unwrap();
        let line = text.lines().find(|line| line.starts_with(counter));
        let sum = line.and_then(|line| line.split_whitespace().nth(1));
        sum.and_then(|sum| sum.parse().ok()).unwrap_or_else(|| panic!("{counter} in {text}"))
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).unwrap().count()
    }

    /// Time that the process has used, in hundredths of a second.
    fn ticks(&self) -> u64 {
        let text = std::fs::read_to_string(self.proc("stat")).unwrap();
        // The name in parentheses may hold anything; the fields behind it are numbers.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11..=12].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// The most memory that the process has had, in KiB.
    fn memory_max(&self) -> u64 {
        let text = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn signal(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").arg("-c").arg(kill).status().unwrap().success());
    }

    fn terminate(mut self) -> ExitStatus {
        self.signal();
        self.child.wait().unwrap()
    }
}

fn play(served: &Served, name: &str) {
    let [login_at, msg_at, _] = served.addresses;
    let user = login(login_at, name).expect("the demo lets everybody in");
    let mut player = Player::attach(msg_at, &user, 1).expect("a fresh index");
    assert_eq!(player.ask(1, name.as_bytes()), name.as_bytes());
}

/// Sixty-four descriptors, two shards, four hundred connections: whoever is in is served, the
/// others wait or are let go, nothing spins, and afterwards all is as before.
#[test]
fn out_of_descriptors_it_serves_on() {
    let served = Served::start("descriptors", 64);
    let [login_at, msg_at, gate_at] = served.addresses;
    let user = login(login_at, "resident").unwrap();
    let mut resident = Player::attach(msg_at, &user, 1).unwrap();
    let before = served.descriptors();
    let flood = |at, count| (0..count).map(|_| connect(at)).collect::<Vec<TcpStream>>();
    let crowd = [flood(gate_at, 200), flood(msg_at, 200)];
    eventually("accepting stops", || served.count("accept_paused") > 0);
    for id in 0..100 {
        assert_eq!(resident.ask(id, b"still served"), b"still served");
    }
    std::thread::sleep(Duration::from_millis(500));
    let (ticks, paused) = (served.ticks(), Duration::from_millis(1500));
    std::thread::sleep(paused);
    let spent = served.ticks() - ticks;
    assert!(spent < 75, "{spent} hundredths of a second spent in {paused:?} of nothing to do");
    assert_eq!(resident.ask(1000, b"still served"), b"still served");
    drop(crowd);
    (0..20).for_each(|user| play(&served, &format!("later {user}")));
    assert_eq!(resident.ask(1001, b"still served"), b"still served");
    eventually("only the resident is connected", || served.count("connections_now") == 1);
    eventually("no descriptor is left", || served.descriptors() <= before);
    drop(resident);
    assert!(served.terminate().success());
}

/// Whoever waits while the table is full of silent peers is served when their time is over.
#[test]
fn silent_peers_make_room_in_time() {
    let served = Served::start("silence", 64);
    let [_, msg_at, _] = served.addresses;
    let crowd: Vec<TcpStream> = (0..150).map(|_| connect(msg_at)).collect();
    eventually("accepting stops", || served.count("accept_paused") > 0);
    play(&served, "patient");
    eventually("the silent are let go", || served.count("closed_handshake_late") == 150);
    drop(crowd);
    assert!(served.terminate().success());
}

/// Every kind of abuse, and not one descriptor more than before.
#[test]
fn abuse_leaves_no_descriptor() {
    let served = Served::start("abuse", 4096);
    play(&served, "first");
    eventually("all have gone", || served.count("connections_now") == 0);
    let (before, memory) = (served.descriptors(), served.memory_max());
    for address in served.addresses {
        input::garbage().iter().for_each(|bytes| input::throw(address, bytes));
        for _ in 0..50 {
            drop(connect(address));
            let mut half = connect(address);
            half.write_all(b"\x00\x40").unwrap();
        }
    }
    (0..50).for_each(|_| reset(connect(served.addresses[0])));
    let mut silent = connect(served.addresses[1]);
    assert_eq!(read_to_end(&mut silent), b"");
    (0..20).for_each(|user| play(&served, &format!("later {user}")));
    eventually("all have gone", || served.count("connections_now") == 0);
    eventually("no descriptor is left", || served.descriptors() <= before);
    let grown = served.memory_max() - memory;
    assert!(grown < 32 << 10, "{grown} KiB more than before");
    assert!(served.terminate().success());
}

/// The first signal drains: what runs is answered. The second one ends it.
#[test]
fn a_signal_drains_and_a_second_one_ends() {
    for signals in [1, 2] {
        let mut served = Served::start_with("signals", 4096, "[demo]\ndelay_ms = 2000\n");
        let [login_at, msg_at, _] = served.addresses;
        let user = login(login_at, "waiting").unwrap();
        let mut player = Player::attach(msg_at, &user, 1).unwrap();
        player.send(1, b"answered");
        eventually("it runs", || served.count("requests") == 1);
        served.signal();
        eventually("nobody listens any more", || TcpStream::connect(msg_at).is_err());
        if signals == 2 {
            served.signal();
            assert_eq!(player.receive(), None);
        } else {
            assert_eq!(player.receive(), Some((Flag::Ok, 1, b"answered".to_vec())));
        }
        assert!(served.child.wait().unwrap().success());
    }
}

/// With descriptors for some of its shards only, the program says so and ends; it does not hang.
#[test]
fn too_few_descriptors_end_the_start() {
    for descriptors in [24, 40, 56, 72] {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {descriptors} && exec \"$0\" serve --config \"$1\""))
            .args([
                env!("CARGO_BIN_EXE_skyring").as_ref(),
                configured("few", &LISTENERS.replace("shards = 2", "shards = 16")).as_os_str(),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let mut status = None;
        eventually("the start ends", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.and_then(|status| status.code()), Some(1), "{descriptors}");
    }
}
