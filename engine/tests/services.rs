//! Services on real rings: called by users' requests, on their shard and on others, through a drain
//! and a stop.

mod support;

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use skyring::Bytes;
use skyring::context::Context;
use skyring::driver::ShardIndex;
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Failed, Identity, Login, Reply, Request,
    Subid,
};
use skyring::protocols::login::token::SampleToken;
use skyring::server::Server;
use skyring::service::{
    Acting, Actor, ExitReason, Fault, Key, Message, ServiceContext, Services, Settings,
};
use skyring::shard::counters::Counter;
use support::shard::on_a_shard;
use support::{Player, config, eventually, login};

/// What the services of all shards have in common with the test.
#[derive(Clone, Default)]
struct Seen {
    /// Services that ended because the server did.
    ended: Arc<AtomicU32>,
}

/// Adds, and says what there is; waits first, if it is told to.
struct Adder {
    me: ServiceContext,
    sum: Cell<u64>,
    seen: Seen,
}

enum Ask {
    Add(u64),
    WaitAndAdd(Duration, u64),
}

impl Actor for Adder {
    type Request = Ask;
    type Answer = u64;

    async fn answer(self: Rc<Self>, ask: Ask, _: Message) -> Result<u64, Fault> {
        let more = match ask {
            Ask::Add(more) => more,
            Ask::WaitAndAdd(duration, more) => {
                self.me.context().sleep(duration).await;
                more
            }
        };
        self.sum.set(self.sum.get() + more);
        Ok(self.sum.get())
    }

    fn on_stop(&self, reason: ExitReason) {
        if reason == ExitReason::ServerStopped {
            self.seen.ended.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A request is `KEY:MS:NUMBER`, and answered with the sum of the key.
struct Hall(Services);

impl Application for Hall {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, _: Login) -> Result<Subid, Denied> {
        Ok(Subid::from(1))
    }

    async fn request(self: Rc<Self>, request: Request) -> Reply {
        let text = String::from_utf8_lossy(&request.content).into_owned();
        let [key, ms, more] = text.split(':').collect::<Vec<_>>()[..] else { return Err(Failed) };
        let number = |text: &str| text.parse::<u64>().map_err(|_| Failed);
        let (wait, more) = (Duration::from_millis(number(ms)?), number(more)?);
        let ask = if wait.is_zero() { Ask::Add(more) } else { Ask::WaitAndAdd(wait, more) };
        let answer = self.0.ask::<Adder>(Key::new("adder", key.as_bytes()), ask).await;
        answer.map(|sum| Bytes::from(sum.to_string())).map_err(|_| Failed)
    }
}

fn start(shards: usize, seen: &Seen) -> Server {
    let seen = seen.clone();
    let make = move |context: Context| {
        let (services, seen) = (context.services(), seen.clone());
        let make =
            move |me, _: &[u8]| Acting::new(Adder { me, sum: Cell::new(0), seen: seen.clone() });
        services.keyed("adder", Settings::default(), make).expect("the class is new");
        Hall(services)
    };
    Server::start(&config(shards), make).expect("the server starts")
}

fn player(server: &Server, name: &str) -> Player {
    let (login_at, msg_at) = (server.addresses()[0], server.addresses()[1]);
    let session = login(login_at, name).expect("everybody may log in");
    Player::attach(msg_at, &session, 1).expect("a fresh index")
}

fn count(server: &Server, counter: Counter) -> u64 {
    server.handle().counters().iter().map(|shard| shard.read(counter)).sum()
}

#[test]
fn users_of_all_shards_ask_services_of_all_shards() {
    let seen = Seen::default();
    let server = start(3, &seen);
    let mut players: Vec<Player> =
        (0..8).map(|at| player(&server, &format!("user-{at}"))).collect();
    let mut sums = [0; 5];
    for round in 0..20 {
        for player in &mut players {
            for (key, sum) in sums.iter_mut().enumerate() {
                *sum += u64::from(round);
                let request = format!("{key}:0:{round}");
                let answer = player.ask(round * 5 + key as u32, request.as_bytes());
                assert_eq!(answer, sum.to_string().as_bytes());
            }
        }
    }
    assert_eq!(count(&server, Counter::ServicesNow), 5);
    assert_eq!(count(&server, Counter::ServiceCalls), 8 * 20 * 5);
    assert_eq!(count(&server, Counter::ServiceAnswered), 8 * 20 * 5);
    assert!(count(&server, Counter::MailPosted) > 100, "some are on other shards");
    drop(players);
    server.handle().drain();
    server.join().expect("a clean end");
    assert_eq!(seen.ended.load(Ordering::Relaxed), 5);
}

#[test]
fn a_drain_answers_what_was_asked() {
    let seen = Seen::default();
    let server = start(2, &seen);
    let mut players: Vec<Player> =
        (0..6).map(|at| player(&server, &format!("user-{at}"))).collect();
    for (at, player) in players.iter_mut().enumerate() {
        player.send(1, format!("{}:200:7", at % 3).as_bytes());
    }
    eventually("all are being answered", || count(&server, Counter::ServiceWaited) == 6);
    let counters = server.handle().counters();
    server.handle().drain();
    let answers = players.iter_mut().map(|player| player.receive().expect("an answer").2);
    let mut answers: Vec<Vec<u8>> = answers.collect();
    drop(players);
    server.join().expect("a clean end");
    answers.sort();
    assert_eq!(answers, [b"14".as_slice(), b"14", b"14", b"7", b"7", b"7"]);
    let stopped: u64 = counters.iter().map(|it| it.read(Counter::ServiceStopped)).sum();
    assert_eq!((stopped, seen.ended.load(Ordering::Relaxed)), (0, 3));
}

#[test]
fn a_stop_ends_services_and_calls() {
    let seen = Seen::default();
    let server = start(2, &seen);
    let mut players: Vec<Player> =
        (0..6).map(|at| player(&server, &format!("user-{at}"))).collect();
    for (at, player) in players.iter_mut().enumerate() {
        player.send(1, format!("{at}:60000:7").as_bytes());
    }
    eventually("all are being answered", || count(&server, Counter::ServiceWaited) == 6);
    let counters = server.handle().counters();
    server.handle().stop();
    server.join().expect("a clean end");
    let sum = |counter| counters.iter().map(|it| it.read(counter)).sum::<u64>();
    assert_eq!((sum(Counter::ServiceStopped), sum(Counter::ServiceAnswered)), (6, 0));
    assert_eq!((sum(Counter::ServicesNow), seen.ended.load(Ordering::Relaxed)), (0, 6));
}

/// What a task of a shard does with services, without any user.
#[test]
fn a_task_starts_and_watches_services() {
    let ended = on_a_shard(|context| async move {
        let services = context.services();
        let seen = Seen::default();
        let make = move |me| Acting::new(Adder { me, sum: Cell::new(0), seen: seen.clone() });
        let here = services.spawn_on(ShardIndex(0), Settings::named("adder"), make).await;
        let here = here.expect("there is room");
        let sum = services.ask::<Adder>("adder", Ask::Add(5)).await;
        let late = services.ask::<Adder>(here, Ask::WaitAndAdd(Duration::from_secs(60), 1));
        let late = late.deadline(Duration::from_millis(20)).await;
        services.stop(here);
        (sum, matches!(late, Err(Fault::Deadline(_))), services.watch(here).await)
    });
    assert_eq!(ended, (Ok(5), true, ExitReason::Unknown));
}

/// A shard turns, wakes who sleeps and looks at its own rings however busy a task is, as long as that yields.
#[test]
fn a_task_that_computes_in_slices_leaves_the_shard_its_turns() {
    let slices = on_a_shard(|context| async move {
        let (slices, is_over) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(false)));
        let (counted, told) = (Rc::clone(&slices), Rc::clone(&is_over));
        context.spawn(async move {
            while !told.get() {
                counted.set(counted.get() + 1);
                let mut has_yielded = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut has_yielded, true) {
                        return Poll::Ready(());
                    }
                    cx.waker().wake_by_ref();
                    Poll::Pending
                })
                .await;
            }
        });
        // Longer than a shard without events goes on turning, and than it lets its executor wait.
        for _ in 0..10 {
            context.sleep(Duration::from_millis(5)).await;
        }
        is_over.set(true);
        slices.get()
    });
    assert!(slices > 100, "it ran {slices} times");
}
