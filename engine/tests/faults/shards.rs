//! Shards that do not start, that fail, and that are too busy to listen.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use skyring::Bytes;
use skyring::config::Config;
use skyring::context::{Context, Target};
use skyring::error::StartError;
use skyring::handler::{Application, Credentials, Denied, Identity, Login, Reply, Request, Subid};
use skyring::protocols::login::token::SampleToken;
use skyring::server::Server;

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

/// A shard whose thread panics takes the others along, which close what they have, and the server
/// says so.
#[cfg(debug_assertions)] // injected keys are for debug builds only
#[test]
fn a_shard_that_panics_ends_the_server() {
    expect_panics();
    type Entropy = Box<dyn FnMut(&mut [u8])>;
    let keys = |_| -> Entropy { Box::new(|_| panic!("on purpose, for a key")) };
    let make = |context| Game::new(context, Held::default());
    let server = Server::start_with_entropy(&config(3), make, keys).expect("the server starts");
    let [login_at, _, gate_at, ..] = *server.addresses() else { panic!("three listeners") };
    let mut gates: Vec<_> = (0..20).map(|_| connect(gate_at)).collect();
    let mut doomed = connect(login_at);
    assert_eq!(read_to_end(&mut doomed), b"");
    for gate in &mut gates {
        read_to_end(gate);
    }
    let handle = server.handle();
    let end = soon(move || server.join());
    assert!(end.is_err_and(|error| error.to_string().contains("on purpose, for a key")));
    // Whoever still holds a handle may call.
    handle.stop();
    handle.drain();
}

/// An application whose requests hold the shard's thread until a lock is free.
struct Blocking(Arc<Mutex<()>>);

impl Application for Blocking {
    async fn authenticate(self: std::rc::Rc<Self>, shown: Credentials) -> Result<Identity, Denied> {
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
