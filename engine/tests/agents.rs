//! Agents on real sockets: one value a user, made by a login and dropped by a logout, and found by
//! services wherever it is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use skyring::Bytes;
use skyring::agent::{self, Agent, Agents, Client, Game};
use skyring::config::ListenerKind;
use skyring::context::{Context, Target};
use skyring::demo::Demo;
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Failed, Identity, Login, LogoutReason,
    Reply, Request, Subid, User,
};
use skyring::protocols::login::token::SampleToken;
use skyring::protocols::msg::response::Flag;
use skyring::server::Server;
use skyring::service::{Content, Fault, Message};
use skyring::shard::counters::Counter;
use support::arena::sum;
use support::{LoggedIn, Player, config, eventually, expect_panics, listener, login};

type Log = Arc<Mutex<Vec<String>>>;

/// A game whose users greet each other.
struct Greetings {
    context: Context,
    log: Log,
    logins: Cell<u64>,
}

impl Application for Greetings {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        if login.uid != b"twice" {
            self.context.kick(Target::uid(&login.uid)).await;
        }
        self.logins.set(self.logins.get() + 1);
        Ok(Subid::from(self.logins.get()))
    }

    async fn request(self: Rc<Self>, _: Request) -> Reply {
        Ok(Bytes::from("an agent should have this"))
    }

    fn on_login(&self, user: &User) {
        self.log.lock().unwrap().push(format!("{} in", String::from_utf8_lossy(user.uid())));
    }
}

impl Game for Greetings {
    type Agent = Person;

    fn agent(self: Rc<Self>, client: Client) -> Person {
        assert_ne!(client.user().uid(), b"unlucky", "on purpose");
        Person {
            client,
            log: Arc::clone(&self.log),
            greeted: Cell::new(0),
            is_out: Cell::new(false),
        }
    }
}

struct Person {
    client: Client,
    log: Log,
    greeted: Cell<u32>,
    is_out: Cell<bool>,
}

impl Person {
    fn note(&self, event: &str) {
        let uid = String::from_utf8_lossy(self.client.user().uid()).into_owned();
        self.log.lock().unwrap().push(format!("{uid} {event}"));
    }
}

impl Agent for Person {
    /// `greet NAME`, `see off NAME`, `bye`, `panic`, and how often this one was greeted.
    async fn request(self: Rc<Self>, content: Bytes) -> Reply {
        let text = String::from_utf8(content.to_vec()).unwrap();
        let greeting = text.strip_prefix("greet ").map(|name| (name, "hello"));
        if let Some((name, said)) =
            greeting.or_else(|| Some((text.strip_prefix("see off ")?, "farewell")))
        {
            let services = self.client.context().services();
            let answer = services.call(agent::address(name.as_bytes()), Content::raw(said)).await;
            return match answer {
                Ok(content) => content.take::<Bytes>().map_err(|_| Failed),
                Err(fault) => Ok(Bytes::from(format!("{fault}"))),
            };
        }
        match &*text {
            "bye" => {
                drop(self.client.logout());
                Ok(Bytes::from("bye"))
            }
            "panic" => panic!("on purpose"),
            _ => Ok(Bytes::from(self.greeted.get().to_string())),
        }
    }

    async fn message(self: Rc<Self>, mut message: Message) -> Result<Content, Fault> {
        let said: Bytes = message.take()?;
        if said == "farewell" {
            self.note("waits");
            while !self.is_out.get() {
                self.client.context().sleep(Duration::from_millis(1)).await;
            }
        }
        self.greeted.set(self.greeted.get() + 1);
        self.client.push(said);
        Ok(Content::raw(format!("{:?} greets back", self.client.user().subid())))
    }

    fn on_attach(&self, _: SocketAddr) {
        self.note("is here");
        drop(self.client.allow_pushes(true));
    }

    fn on_detach(&self) {
        self.note("is away");
    }

    fn on_logout(&self, reason: LogoutReason) {
        self.note(&format!("{reason:?}"));
        self.is_out.set(true);
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.note("is dropped");
    }
}

struct Town {
    server: Server,
    log: Log,
}

impl Town {
    fn start() -> Town {
        let log = Log::default();
        let game_log = Arc::clone(&log);
        let make = move |context: Context| {
            let log = Arc::clone(&game_log);
            let game = Greetings { context: context.clone(), log, logins: Cell::new(0) };
            Agents::new(context, game)
        };
        let mut config = config(2);
        listener(&mut config, ListenerKind::Login).multilogin = true;
        Town { server: Server::start(&config, make).expect("the server starts"), log }
    }

    fn log_in(&self, uid: &str) -> LoggedIn {
        login(self.server.addresses()[0], uid).expect("a login")
    }

    fn attach(&self, user: &LoggedIn, index: u64) -> Player {
        Player::attach(self.server.addresses()[1], user, index).expect("an attach")
    }

    fn heard(&self, uid: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let of_uid = log.iter().filter_map(|line| line.strip_prefix(uid)?.strip_prefix(' '));
        of_uid.map(str::to_owned).collect()
    }

    fn expect(&self, uid: &str, events: &[&str]) {
        eventually("the agent hears of it", || self.heard(uid).len() >= events.len());
        assert_eq!(self.heard(uid), events);
    }

    fn end(self) {
        let handle = self.server.handle();
        eventually("nobody is connected", || sum(&handle, Counter::ConnectionsNow) == 0);
        handle.stop();
        self.server.join().expect("a clean end");
    }
}

/// It keeps what it knows while its user is away, and is dropped by the logout.
#[test]
fn an_agent_lives_from_login_to_logout() {
    let town = Town::start();
    let ann = town.log_in("ann");
    town.expect("ann", &["in"]);
    let bob = town.log_in("bob");
    let mut friend = town.attach(&bob, 1);
    let player = town.attach(&ann, 1);
    town.expect("ann", &["in", "is here"]);
    drop(player);
    town.expect("ann", &["in", "is here", "is away"]);
    // Whoever is away is greeted all the same.
    assert_eq!(friend.ask(1, b"greet ann"), b"[49] greets back");
    let mut player = town.attach(&ann, 2);
    assert_eq!(player.ask(1, b"how often"), b"1");
    assert_eq!(player.ask(2, b"bye"), b"bye");
    let all = ["in", "is here", "is away", "is here", "is away", "Logout", "is dropped"];
    town.expect("ann", &all);
    drop((player, friend));
    town.end();
}

/// From every shard to every shard.
#[test]
fn an_agent_is_reached_wherever_it_is() {
    let town = Town::start();
    let users: Vec<String> = (0..12).map(|number| format!("user {number}")).collect();
    let mut players: Vec<Player> =
        users.iter().map(|uid| town.attach(&town.log_in(uid), 1)).collect();
    for (at, player) in players.iter_mut().enumerate() {
        for (other, uid) in users.iter().enumerate().filter(|(other, _)| *other != at) {
            player.send(other as u32, format!("greet {uid}").as_bytes());
        }
    }
    for player in &mut players {
        let (mut answers, mut greetings) = (0, 0);
        while (answers, greetings) != (11, 11) {
            match player.receive().expect("more to come") {
                (Flag::Push, _, content) => {
                    assert_eq!(content, b"hello");
                    greetings += 1;
                }
                (flag, _, content) => {
                    assert_eq!(flag, Flag::Ok);
                    assert!(content.ends_with(b"greets back"), "{content:?}");
                    answers += 1;
                }
            }
        }
    }
    drop(players);
    town.end();
}

#[test]
fn who_is_not_logged_in_has_no_agent() {
    let town = Town::start();
    let ann = town.log_in("ann");
    let mut player = town.attach(&ann, 1);
    assert_eq!(player.ask(1, b"greet nobody"), b"no such service");
    let bob = town.log_in("bob");
    assert!(player.ask(2, b"greet bob").ends_with(b"greets back"));
    let mut other = town.attach(&bob, 1);
    other.ask(1, b"bye");
    town.expect("bob", &["in", "is here", "is away", "Logout", "is dropped"]);
    assert_eq!(player.ask(3, b"greet bob"), b"no such service");
    town.log_in("bob");
    assert!(player.ask(4, b"greet bob").ends_with(b"greets back"));
    drop((player, other));
    town.end();
}

/// A message that an agent has begun with is answered, also by one whose user has left meanwhile.
#[test]
fn an_agent_finishes_what_it_has_begun() {
    let town = Town::start();
    let (ann, bob) = (town.log_in("ann"), town.log_in("bob"));
    let (mut player, mut other) = (town.attach(&ann, 1), town.attach(&bob, 1));
    player.send(1, b"see off bob");
    town.expect("bob", &["in", "is here", "waits"]);
    assert_eq!(other.ask(1, b"bye"), b"bye");
    let (flag, _, said) = player.receive().expect("an answer");
    assert!(flag == Flag::Ok && said.ends_with(b"greets back"), "{said:?}");
    town.expect("bob", &["in", "is here", "waits", "is away", "Logout", "is dropped"]);
    let handle = town.server.handle();
    eventually("the way to the agent is gone, too", || sum(&handle, Counter::ServicesNow) == 0);
    drop((player, other));
    town.end();
}

/// An account with two logins: each has an agent, and the latest one takes what services send.
#[test]
fn the_latest_login_takes_messages() {
    let town = Town::start();
    let (first, ann) = (town.log_in("twice"), town.log_in("ann"));
    let second = town.log_in("twice");
    let mut player = town.attach(&ann, 1);
    let (mut one, mut two) = (town.attach(&first, 1), town.attach(&second, 1));
    player.ask(1, b"greet twice");
    assert_eq!(two.receive(), Some((Flag::Push, 0, b"hello".to_vec())));
    assert_eq!((one.ask(1, b"how often"), two.ask(1, b"how often")), (b"0".into(), b"1".into()));
    two.ask(2, b"bye");
    player.ask(2, b"greet twice");
    assert_eq!(one.receive(), Some((Flag::Push, 0, b"hello".to_vec())));
    drop((player, one, two));
    town.end();
}

/// A handler that panics fails its request; a user whose agent could not be made has none.
#[test]
fn panics_disturb_nobody_else() {
    expect_panics();
    let town = Town::start();
    let (ann, unlucky) = (town.log_in("ann"), town.log_in("unlucky"));
    let (mut player, mut poor) = (town.attach(&ann, 1), town.attach(&unlucky, 1));
    player.ask_failing(1, b"panic");
    assert_eq!(player.ask(2, b"how often"), b"0");
    poor.ask_failing(1, b"how often");
    assert_eq!(player.ask(3, b"greet unlucky"), b"no such service");
    drop((player, poor));
    town.end();
}

/// The application that decides who logs in need know nothing of agents.
#[test]
fn any_application_can_have_agents() {
    let log = Log::default();
    let person_log = Arc::clone(&log);
    let make = move |context: Context| {
        let log = Arc::clone(&person_log);
        Agents::with(context.clone(), Demo::new(context, 0), move |client| {
            let log = Arc::clone(&log);
            Person { client, log, greeted: Cell::new(0), is_out: Cell::new(false) }
        })
    };
    let town = Town { server: Server::start(&config(2), make).expect("the server starts"), log };
    let (ann, bob) = (town.log_in("ann"), town.log_in("bob"));
    let (mut player, mut friend) = (town.attach(&ann, 1), town.attach(&bob, 1));
    assert!(player.ask(1, b"greet bob").ends_with(b"greets back"));
    assert_eq!(friend.receive(), Some((Flag::Push, 0, b"hello".to_vec())));
    assert_eq!(friend.ask(1, b"bye"), b"bye");
    town.expect("bob", &["is here", "is away", "Logout", "is dropped"]);
    drop((player, friend));
    town.end();
}
