//! The client on a simulated shard, beside a server that is played, while the network does what a
//! seed says: every answer is the one that was asked for, or an error; what may not run twice does
//! not; and nothing is left.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::driver::ShardIndex;
use crate::driver::sim::{Fault, SimClient, SimFaults, SimNet, SimRandom, SimRemote, SimSettings};
use crate::http::client::{Client, Error, Request, Response, Settings};
use crate::shard::counters::Counter;
use crate::simulation::scene::{Props, Scene, spawn};

/// Calls of one seed, in tasks of four.
const CALLS: u32 = 48;
/// Virtual milliseconds in which all must end.
const PATIENCE_MS: u64 = 60_000;

fn far() -> SocketAddr {
    ([10, 0, 0, 9], 80).into()
}

/// What the answer to this call holds.
fn content(number: u32) -> Vec<u8> {
    let length = [0, 1, 100, 1000, 4000][number as usize % 5];
    format!("{number};").bytes().cycle().take(length).collect()
}

/// Answers, but not always, and not always to the end.
struct Player {
    remote: SimRemote,
    random: SimRandom,
    talks: Vec<(SimClient, Vec<u8>)>,
    /// How often each call was heard.
    heard: HashMap<u32, u32>,
}

impl Player {
    fn new(net: &SimNet, seed: u64) -> Player {
        let remote = net.remote(far());
        Player { remote, random: SimRandom::new(seed), talks: Vec::new(), heard: HashMap::new() }
    }

    fn act(&mut self) {
        self.talks.extend(std::iter::from_fn(|| self.remote.accept().map(|it| (it, Vec::new()))));
        for (client, mut heard) in std::mem::take(&mut self.talks) {
            heard.extend(client.read());
            let stays = match heard.windows(4).position(|end| end == b"\r\n\r\n") {
                None => client.end().is_none(),
                Some(at) => {
                    let head: Vec<u8> = heard.drain(..at + 4).collect();
                    self.answer(&client, &head)
                }
            };
            if stays {
                self.talks.push((client, heard));
            } else if self.random.chance(1 << 15) {
                client.close();
            } else {
                client.reset();
            }
        }
    }

    /// Answers a request; false: and leaves.
    fn answer(&mut self, client: &SimClient, head: &[u8]) -> bool {
        let head = std::str::from_utf8(head).unwrap();
        let number = head.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        *self.heard.entry(number).or_default() += 1;
        let content = content(number);
        let mut text = Vec::new();
        if self.random.chance(1 << 15) {
            text.extend(
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len()).bytes(),
            );
            text.extend(&content);
        } else {
            text.extend(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for chunk in content.chunks(16 + self.random.index(1000)) {
                text.extend(format!("{:x}\r\n", chunk.len()).bytes());
                text.extend(chunk);
                text.extend(b"\r\n");
            }
            text.extend(b"0\r\n\r\n");
        }
        let whole = !self.random.chance(1 << 13);
        let length = if whole { text.len() } else { self.random.index(text.len()) };
        // It may have sent FIN by chance.
        let _ = client.write(&text[..length]);
        whole && !self.random.chance(1 << 14)
    }

    fn leave(self) {
        self.remote.close();
        self.talks.into_iter().for_each(|(client, _)| client.close());
    }
}

/// Whether a call may end so when the server and the network are as they are.
fn is_honest(error: &Error) -> bool {
    matches!(
        error,
        Error::NoAnswer
            | Error::Reset
            | Error::Truncated { .. }
            | Error::Connect { .. }
            | Error::Deadline { .. }
            | Error::SendStalled
    )
}

type Results = Rc<RefCell<Vec<(u32, Result<Bytes, Error>)>>>;

/// Has tasks make all calls of a seed, four one after the other each; every second is a POST.
fn begin(scene: &Scene, client: &Client) -> Results {
    let results = Results::default();
    for task in 0..CALLS / 4 {
        let (client, results) = (client.clone(), Rc::clone(&results));
        spawn(scene, |_| async move {
            for number in task * 4..task * 4 + 4 {
                let method = if number % 2 == 0 { "GET" } else { "POST" };
                let request = Request::new(method, &format!("http://{}/{number}", far()));
                let result = client.request(request).await;
                results.borrow_mut().push((number, result.map(Response::into_body)));
            }
        });
    }
    results
}

/// What must hold whatever goes wrong.
fn check(seed: u64, results: &[(u32, Result<Bytes, Error>)], heard: &HashMap<u32, u32>) {
    for (number, result) in results {
        match result {
            Ok(body) => assert!(*body == content(*number), "seed {seed}: foreign bytes"),
            Err(error) => assert!(is_honest(error), "seed {seed}: {error:?}"),
        }
    }
    for (number, times) in heard {
        assert!(*times <= 2 - number % 2, "seed {seed}: {number} was heard {times} times");
    }
}

/// Plays a seed. How many calls were answered, and how many were asked twice.
fn play(seed: u64) -> (usize, usize) {
    let mut random = SimRandom::new(seed);
    let faults = SimFaults::draw(&mut random);
    let settings = SimSettings {
        slots: 24 + random.below(20) as u32,
        buffers: 4 << random.below(4),
        buffer_bytes: 64 << random.below(5),
        window_bytes: 100 << random.below(8),
        faults,
        ..SimSettings::default()
    };
    eprintln!("seed {seed}");
    let mut scene = Props { settings, seed, ..Props::default() }.start();
    let mut player = Player::new(&scene.net, seed);
    let client = Client::with_settings(
        &scene.context(0),
        Settings {
            timeout: Duration::from_secs(20),
            connections_per_host_max: 1 + random.index(8),
            dns: Some(crate::dns::ResolverSettings::with_server(far())),
            ..Settings::default()
        },
    );
    let results = begin(&scene, &client);
    let end_ns = PATIENCE_MS * 1_000_000;
    while results.borrow().len() < CALLS as usize {
        assert!(scene.net.now_ns() < end_ns, "seed {seed}: a call never ends");
        scene.pass(1 + random.below(3));
        player.act();
    }
    check(seed, &results.borrow(), &player.heard);
    let answered = results.borrow().iter().filter(|(_, result)| result.is_ok()).count();
    let repeated = player.heard.values().filter(|times| **times > 1).count();
    scene.net.set_faults(SimFaults::none().with(Fault::CancelMissed, 0));
    drop(client);
    player.leave();
    scene.pass(5_000);
    assert_eq!(scene.count(Counter::Dialled), scene.count(Counter::DialledEnded), "seed {seed}");
    assert_eq!(scene.net.slots_used(ShardIndex(0)), 0, "seed {seed}");
    (answered, repeated)
}

#[test]
fn answers_are_right_whatever_the_network_does() {
    let played: Vec<_> = (0..100).map(play).collect();
    let answered: usize = played.iter().map(|(answered, _)| answered).sum();
    let repeated: usize = played.iter().map(|(_, repeated)| repeated).sum();
    assert!(answered > 100 * CALLS as usize / 2, "only {answered} answers");
    assert!(repeated > 0, "no stale connection was met");
}

#[test]
fn idle_connections_do_not_hold_the_end_of_a_server_up() {
    let mut scene = Props::default().start();
    let mut player = Player::new(&scene.net, 1);
    let dns = Some(crate::dns::ResolverSettings::with_server(far()));
    let settings = Settings { dns, ..Settings::default() };
    let client = Client::with_settings(&scene.context(0), settings);
    let caller = client.clone();
    let url = format!("http://{}/2", far());
    let done = spawn(&scene, |_| async move { caller.get(&url).await.unwrap().status() });
    // The player leaves now and then; until it stays once.
    for _ in 0..10 {
        scene.pass(5);
        player.act();
    }
    assert_eq!(done.take(), Some(200));
    assert_eq!(client.idle_connections(), 1);
    scene.core(0).drain(60_000);
    scene.net.rouse(ShardIndex(0));
    scene.pass(2_000);
    assert!(scene.is_over(0), "nothing is waited for");
    player.leave();
}
