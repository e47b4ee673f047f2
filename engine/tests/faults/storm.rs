//! Everything at once: users who come and go as they please, and more of them than there is room.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use skyring::config::ListenerKind;
use skyring::protocols::msg::response::Flag;
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{LoggedIn, Player, config, connect, eventually, login};

/// Rounds of a restless user, each on a connection of its own.
const ROUNDS: u32 = 40;
/// New requests a round.
const REQUESTS: u32 = 6;

/// A user who leaves in the middle of things, comes back and asks again for what is missing.
struct Restless {
    address: SocketAddr,
    user: LoggedIn,
    random: u64,
    /// Requests and, as far as known, their answers.
    asked: BTreeMap<u32, Option<Vec<u8>>>,
}

impl Restless {
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    fn round(&mut self, round: u32) {
        let mut player = Player::attach(self.address, &self.user, u64::from(round) + 1).unwrap();
        let missing = self.asked.iter().filter(|(_, answer)| answer.is_none());
        let mut ids: Vec<u32> = missing.map(|(id, _)| *id).collect();
        ids.extend((0..REQUESTS).map(|at| round * REQUESTS + at));
        for id in &ids {
            let content = match self.random(3) {
                0 => format!("id {id}"),
                ms => format!("wait:{}:id {id}", 3 * ms),
            };
            player.send(*id, content.as_bytes());
            self.asked.entry(*id).or_default();
        }
        let patience = match round {
            ROUNDS => ids.len() as u64,
            _ => self.random(ids.len() as u64 + 1),
        };
        for _ in 0..patience {
            let (flag, id, content) = player.receive().expect("an answer");
            assert_eq!((flag, &content), (Flag::Ok, &format!("id {id}").into_bytes()));
            let known = self.asked.insert(id, Some(content)).expect("it was asked");
            assert_eq!(known, None, "request {id} was answered twice on one connection");
        }
    }

    /// Plays to the end; how many requests the server ran.
    fn play(mut self) -> (u32, usize) {
        (0..=ROUNDS).for_each(|round| self.round(round));
        let mut player =
            Player::attach(self.address, &self.user, u64::from(ROUNDS) + 2).expect("a new index");
        let ran = player.ask(u32::MAX, b"count");
        (String::from_utf8(ran).unwrap().parse().unwrap(), self.asked.len() + 1)
    }
}

/// However often connections are lost, every request runs once and has one answer.
#[test]
fn restless_users_have_every_request_run_once() {
    let arena = Arena::start(&config(3));
    let users: Vec<LoggedIn> =
        (0..8).map(|user| login(arena.login_at(), &format!("restless {user}")).unwrap()).collect();
    let threads: Vec<_> = users
        .into_iter()
        .enumerate()
        .map(|(at, user)| {
            let (address, random) = (arena.msg_at(), 0x9e37_79b9_7f4a_7c15 + at as u64);
            let restless = Restless { address, user, random, asked: BTreeMap::new() };
            std::thread::spawn(move || restless.play())
        })
        .collect();
    for thread in threads {
        let (ran, asked) = thread.join().unwrap();
        assert_eq!(ran as usize, asked);
    }
    assert!(arena.count(Counter::Replayed) > 0);
    assert!(arena.count(Counter::Absorbed) > 0);
    assert_eq!(arena.count(Counter::Conflicts), 0);
    arena.end();
}

/// Tables of 32 slots, a crowd that fills them again and again, and users who must move between
/// shards all the same: each of them is served in the end, wherever the crowd is.
#[test]
fn a_crowd_larger_than_the_tables_is_served_in_turn() {
    crowd_at(ListenerKind::Gate);
}

#[test]
fn a_crowd_of_silent_logins_is_served_in_turn() {
    crowd_at(ListenerKind::Login);
}

fn crowd_at(kind: ListenerKind) {
    let mut config = config(3);
    config.connections_per_shard_max = 32;
    // The crowd may fill the tables.
    config.unauthenticated_per_shard_max = 1_000;
    let arena = Arena::start(&config);
    let (login_at, msg_at, crowd_at) = (arena.login_at(), arena.msg_at(), arena.at(kind));
    let was_crowded = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..12)
        .map(|thread| {
            let was_crowded = Arc::clone(&was_crowded);
            std::thread::spawn(move || {
                let mut round = 0_u64;
                while round < 15 || !was_crowded.load(Ordering::Relaxed) {
                    let name = format!("user {thread}-{round}");
                    let user = login(login_at, &name).expect("in the end");
                    let mut player = Player::attach(msg_at, &user, 1).expect("in the end");
                    assert_eq!(player.ask(1, name.as_bytes()), name.as_bytes());
                    round += 1;
                }
                round
            })
        })
        .collect();
    let mut crowds = 0;
    eventually("the tables were full, also for those who came from elsewhere", || {
        let crowd: Vec<TcpStream> = (0..150).map(|_| connect(crowd_at)).collect();
        std::thread::sleep(Duration::from_millis(50));
        drop(crowd);
        crowds += 1;
        let met = [Counter::AcceptPaused, Counter::HandOverRetried];
        crowds >= 10 && met.iter().all(|counter| arena.count(*counter) > 0)
    });
    was_crowded.store(true, Ordering::Relaxed);
    let logins: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    arena.expect(Counter::LoginGranted, logins);
    assert_eq!(arena.count(Counter::AcceptFailed), 0, "nobody was accepted into a full table");
    arena.end();
}
