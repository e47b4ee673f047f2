//! The program itself, seen from outside: out of descriptors, abused, and told to end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use skyring::protocols::msg::response::Flag;

use super::input;
use crate::support::served::{Served, configured};
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

/// The program with the listeners above.
type Program = Served<3>;

/// Serves with this limit of descriptors, and these lines more in the configuration.
fn start(test: &str, descriptors: usize, lines: &str) -> Program {
    let text = format!("{LISTENERS}{lines}");
    Served::start(test, descriptors, &text, ["login", "msg", "gate"])
}

fn play(served: &Program, name: &str) {
    let [login_at, msg_at, _] = served.addresses;
    let user = login(login_at, name).expect("the demo lets everybody in");
    let mut player = Player::attach(msg_at, &user, 1).expect("a fresh index");
    assert_eq!(player.ask(1, name.as_bytes()), name.as_bytes());
}

/// Sixty-four descriptors, two shards, four hundred connections: whoever is in is served, the
/// others wait or are let go, nothing spins, and afterwards all is as before.
#[test]
fn out_of_descriptors_it_serves_on() {
    let served = start("descriptors", 64, "");
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
    // So many strangers that none has to make room.
    let text = format!("unauthenticated_per_shard_max = 1000\n{LISTENERS}");
    let served: Program = Served::start("silence", 64, &text, ["login", "msg", "gate"]);
    let [_, msg_at, _] = served.addresses;
    let crowd: Vec<TcpStream> = (0..150).map(|_| connect(msg_at)).collect();
    eventually("accepting stops", || served.count("accept_paused") > 0);
    play(&served, "patient");
    eventually("the silent are let go", || served.count("closed_handshake_late") == 150);
    drop(crowd);
    assert!(served.terminate().success());
}

/// What the server has to say finds no room on the disk: it serves, reads files again and drains all the
/// same.
#[test]
fn a_full_disk_behind_the_log_stops_nothing() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let kinds = ["login", "msg", "gate"];
    let served: Program = Served::start_with("full", 4096, LISTENERS, kinds, full.into());
    play(&served, "first");
    for round in 0..3 {
        served.send("HUP");
        play(&served, &format!("later {round}"));
    }
    assert!(served.terminate().success(), "the second thread still heeds signals");
}

/// Every kind of abuse, and not one descriptor more than before.
#[test]
fn abuse_leaves_no_descriptor() {
    let served = start("abuse", 4096, "");
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
        let mut served = start("signals", 4096, "[demo]\ndelay_ms = 2000\n");
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

/// A user whose answer never comes, and who never leaves, is waited for as long as the drain may take
/// and no longer; that is a clean end.
#[test]
fn a_signal_drains_for_its_time_and_no_longer() {
    let text = "drain_timeout_ms = 300\n".to_owned() + LISTENERS + "[demo]\ndelay_ms = 600000\n";
    let mut served: Program = Served::start("deadline", 4096, &text, ["login", "msg", "gate"]);
    let [login_at, msg_at, _] = served.addresses;
    let user = login(login_at, "waiting").unwrap();
    let mut player = Player::attach(msg_at, &user, 1).unwrap();
    player.send(1, b"never answered");
    eventually("it runs", || served.count("requests") == 1);
    let began = Instant::now();
    served.signal();
    assert_eq!(player.receive(), None);
    assert!(began.elapsed() >= Duration::from_millis(280), "{:?}", began.elapsed());
    let mut status = None;
    eventually("the drain ends", || {
        status = served.child.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success());
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
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut status = None;
        eventually("the start ends", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(status.and_then(|status| status.code()), Some(1), "{descriptors}: {errors}");
        assert!(errors.contains("ulimit -n"), "{descriptors}: {errors}");
    }
}
