//! A server in which something goes wrong while somebody else plays on.
//!
//! Every fault test ends with [`Arena::end`]: the bystander has had every answer, no connection is
//! left in any table or in the kernel, and every connection was counted once, by the reason it
//! ended for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use skyring::config::{Config, ListenerKind};
use skyring::server::{Server, ServerHandle};
use skyring::shard::counters::Counter;

use super::game::Game;
use super::held::Held;
use super::{Player, eventually, login};

/// A running server with a bystander.
pub(crate) struct Arena {
    pub(crate) server: Server,
    pub(crate) held: Held,
    kinds: Vec<ListenerKind>,
    bystander: Bystander,
    /// The counters when the bystander had settled in.
    before: Vec<u64>,
}

impl Arena {
    /// Starts [`Game`] and a user who plays it until the end.
    pub(crate) fn start(config: &Config) -> Arena {
        let held = Held::default();
        let game_held = held.clone();
        let make = move |context| Game::new(context, game_held.clone());
        let server = Server::start(config, make).expect("the server starts");
        let kinds: Vec<_> = config.listeners.iter().map(|listener| listener.kind).collect();
        let at = |kind| server.addresses()[kinds.iter().position(|it| *it == kind).unwrap()];
        let bystander = Bystander::start(at(ListenerKind::Login), at(ListenerKind::Msg));
        // Its login connection is still being closed, which would be counted to the test.
        eventually("the bystander has settled in", || {
            sum(&server.handle(), Counter::ConnectionsNow) == 1 && bystander.answers() > 0
        });
        let before = Counter::ALL.iter().map(|it| sum(&server.handle(), *it)).collect();
        Arena { server, held, kinds, bystander, before }
    }

    /// Where the first listener of this kind listens.
    pub(crate) fn at(&self, kind: ListenerKind) -> SocketAddr {
        let index = self.kinds.iter().position(|it| *it == kind).expect("a configured kind");
        self.server.addresses()[index]
    }

    pub(crate) fn login_at(&self) -> SocketAddr {
        self.at(ListenerKind::Login)
    }

    pub(crate) fn msg_at(&self) -> SocketAddr {
        self.at(ListenerKind::Msg)
    }

    pub(crate) fn gate_at(&self) -> SocketAddr {
        self.at(ListenerKind::Gate)
    }

    /// A logged-in and attached user.
    pub(crate) fn player(&self, uid: &str) -> (super::LoggedIn, Player) {
        let user = login(self.login_at(), uid).expect("the game lets everybody in");
        let player = Player::attach(self.msg_at(), &user, 1).expect("a fresh index");
        (user, player)
    }

    /// How often something was counted since the start, on all shards. The bystander's requests
    /// and answers are in it.
    pub(crate) fn count(&self, counter: Counter) -> u64 {
        sum(&self.server.handle(), counter).wrapping_sub(self.before[counter as usize])
    }

    /// Waits until something has been counted so often, and no oftener.
    pub(crate) fn expect(&self, counter: Counter, count: u64) {
        eventually(counter.name(), || self.count(counter) >= count);
        assert_eq!(self.count(counter), count, "{}", counter.name());
    }

    /// Waits until only the bystander is connected.
    pub(crate) fn expect_alone(&self) {
        eventually("everybody but the bystander has gone", || {
            sum(&self.server.handle(), Counter::ConnectionsNow) == 1
        });
    }

    /// Checks what must be so after any fault, and ends the server.
    pub(crate) fn end(self) {
        let handle = self.server.handle();
        self.expect_alone();
        let answers = self.bystander.answers();
        eventually("the bystander plays on", || self.bystander.answers() > answers + 3);
        self.bystander.stop();
        eventually("nobody is connected", || sum(&handle, Counter::ConnectionsNow) == 0);
        expect_each_counted_once(&handle);
        expect_no_socket(self.server.addresses());
        handle.stop();
        self.server.join().expect("a clean end");
    }
}

/// A counter's sum over all shards.
pub(crate) fn sum(server: &ServerHandle, counter: Counter) -> u64 {
    let shards = server.counters();
    shards.iter().fold(0, |sum, shard| sum.wrapping_add(shard.read(counter)))
}

/// Every connection was counted once, by the reason it ended for.
pub(crate) fn expect_each_counted_once(server: &ServerHandle) {
    let ends: u64 = Counter::ENDS.iter().map(|end| sum(server, *end)).sum();
    assert_eq!(sum(server, Counter::Accepted), ends, "a connection ends once, for one reason");
    assert_eq!(sum(server, Counter::AttachedNow), 0, "nobody is attached");
}

/// A socket that the ring has lost track of still has a place in the kernel's table.
fn expect_no_socket(addresses: &[SocketAddr]) {
    eventually("no socket of the server is left", || {
        let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
        let left = table.lines().skip(1).any(|line| is_held_at(line, addresses));
        if left {
            // The table is the whole machine's: reading it may take a while.
            std::thread::sleep(Duration::from_millis(100));
        }
        !left
    });
}

/// Whether a line of /proc/net/tcp is a connection of one of these listeners that some descriptor
/// holds: what the kernel alone sees to its end has no inode.
fn is_held_at(line: &str, addresses: &[SocketAddr]) -> bool {
    const LISTENING: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, _, state, _, _, _, _, _, inode, ..] = fields[..] else { return false };
    // Others may hold the same port at another address of this machine.
    let ours = addresses.iter().any(|address| match address {
        SocketAddr::V4(at) => {
            let ip = u32::from_ne_bytes(at.ip().octets());
            local == format!("{ip:08X}:{:04X}", at.port())
        }
        SocketAddr::V6(_) => false,
    });
    ours && state != LISTENING && inode != "0"
}

/// A user who plays all the while and checks every answer.
struct Bystander {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicU32>,
    thread: JoinHandle<()>,
}

impl Bystander {
    fn start(login_at: SocketAddr, msg_at: SocketAddr) -> Bystander {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (stopped, answered) = (Arc::clone(&stop), Arc::clone(&answers));
        let thread = std::thread::spawn(move || {
            let user = login(login_at, "bystander").expect("the game lets everybody in");
            let mut player = Player::attach(msg_at, &user, 1).expect("a fresh index");
            while !stopped.load(Ordering::Relaxed) {
                let id = answered.load(Ordering::Relaxed);
                let content = format!("answer {id}");
                assert_eq!(player.ask(id, content.as_bytes()), content.as_bytes());
                answered.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Bystander { stop, answers, thread }
    }

    fn answers(&self) -> u32 {
        self.answers.load(Ordering::Relaxed)
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the bystander got every answer");
    }
}
