//! Shards that do not start, that fail, and that are too busy to listen.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use skyring::Bytes;
use skyring::config::Config;
use skyring::context::{Context, Target};
use skyring::error::StartError;
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Identity, Login, Reply, Request, Subid,
};
use skyring::protocols::login::token::SampleToken;
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::support::arena::sum;
use crate::support::game::Game;
use crate::support::held::Held;
use crate::support::{PATIENCE, Player, config, connect, expect_panics, login, read_to_end};

/// Runs something that must not take long, and gives what it made.
fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = channel();
    std::thread::spawn(move || done.send(work()));
    is_done.recv_timeout(PATIENCE).expect("it does not hang")
}

/// The constructor panics on these shards: the server does not start, says why, and leaves nothing.
#[test]
fn an_application_that_cannot_be_made_stops_the_start() {
    expect_panics();
    for bad in [&[1][..], &[0, 1, 2]] {
        let refused = soon(move || {
            let make = move |context: Context| {
                assert!(!bad.contains(&context.shard().0), "on purpose, in make");
                Game::new(context, Held::default())
            };
            Server::start(&config(3), make).err()
        });
        let Some(StartError::Shard { shard, source }) = refused else { panic!("{refused:?}") };
        assert_eq!(shard, bad[0]);
        assert!(source.to_string().contains("on purpose, in make"), "{source}");
    }
}

/// Tells the test below that it runs in the child.
#[cfg(debug_assertions)]
const CHILD: &str = "SKYRING_TEST_FAILING_SHARD";

/// A server that loses a shard with the first login, as a program would run it.
#[cfg(debug_assertions)] // injected keys are for debug builds only
fn serve_until_a_shard_fails() -> ! {
    type Entropy = Box<dyn FnMut(&mut [u8])>;
    let keys = |_| -> Entropy { Box::new(|_| panic!("on purpose,\n  for a key")) };
    let make = |context| Game::new(context, Held::default());
    let server = Server::start_with_entropy(&config(3), make, keys).expect("the server starts");
    println!("\nlistening {} {}", server.addresses()[0], server.addresses()[2]);
    let handle = server.handle();
    let end = server.join();
    // Whoever still holds a handle may call.
    handle.stop();
    handle.drain();
    let failed = end.expect_err("a shard fails");
    println!("closed {}", failed.connections + sum(&handle, Counter::ClosedByServer));
    eprintln!("{failed}");
    std::process::exit(1)
}

/// A shard whose thread panics ends the process: the other shards close what they have, every
/// connection is counted, and the last line says which shard it was and why.
#[cfg(debug_assertions)]
#[test]
fn a_shard_that_panics_ends_the_server() {
    if std::env::var_os(CHILD).is_some() {
        serve_until_a_shard_fails();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "shards::a_shard_that_panics_ends_the_server", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let addresses = lines.find_map(|line| Some(line.strip_prefix("listening ")?.to_owned()));
    let addresses = addresses.expect("the child is up");
    let (login_at, gate_at) = addresses.split_once(' ').unwrap();
    let mut gates: Vec<_> = (0..20).map(|_| connect(gate_at.parse().unwrap())).collect();
    for gate in &mut gates {
        gate.write_all(b"\x00\x01x").unwrap();
        gate.read_exact(&mut [0; 3]).expect("it is served");
    }
    let mut doomed = connect(login_at.parse().unwrap());
    assert_eq!(read_to_end(&mut doomed), b"");
    for gate in &mut gates {
        assert_eq!(read_to_end(gate), b"");
    }
    let output = soon(move || child.wait_with_output()).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(lines.any(|line| line == "closed 21"), "each is counted");
    let errors = String::from_utf8(output.stderr).unwrap();
    let last = errors.lines().last().unwrap();
    let (who, why) = last.split_once(" failed with ").expect(last);
    assert!(["shard 0", "shard 1", "shard 2"].contains(&who), "{last}");
    assert!(why.ends_with("its thread panicked: on purpose, for a key"), "{last}");
}

/// An application whose requests hold the shard's thread until a lock is free.
struct Blocking(Arc<Mutex<()>>);

impl Application for Blocking {
    async fn authenticate(
        self: std::rc::Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: std::rc::Rc<Self>, _login: Login) -> Result<Subid, Denied> {
        Ok(Subid::from(1))
    }

    async fn request(self: std::rc::Rc<Self>, _request: Request) -> Reply {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Bytes::new())
    }
}

/// More calls than a shard's queue holds wait for it: a stop gets through all the same.
#[test]
fn a_stop_is_heard_behind_a_full_queue() {
    const CALLS: usize = 1100;
    let lock = Arc::new(Mutex::new(()));
    let its = Arc::clone(&lock);
    let config = Config { drain_timeout_ms: 600_000, ..config(1) };
    let server = Server::start(&config, move |_| Blocking(Arc::clone(&its))).unwrap();
    let user = login(server.addresses()[0], "busy").unwrap();
    let mut player = Player::attach(server.addresses()[1], &user, 1).unwrap();
    let held = lock.lock().unwrap();
    player.send(1, b"block");
    std::thread::sleep(Duration::from_millis(100));
    let call = |_| {
        let handle = server.handle();
        let thread = std::thread::Builder::new().stack_size(128 << 10);
        thread.spawn(move || handle.online(Target::uid(b"busy")).len()).unwrap()
    };
    let calls: Vec<_> = (0..CALLS).map(call).collect();
    // Those that find the queue full come back at once.
    let start = Instant::now();
    while calls.iter().filter(|call| call.is_finished()).count() < CALLS - 1024 {
        assert!(start.elapsed() < PATIENCE, "the queue is not full");
        std::thread::sleep(Duration::from_millis(5));
    }
    server.handle().stop();
    drop(held);
    soon(move || server.join()).expect("a clean end");
    for call in calls {
        call.join().unwrap();
    }
}
