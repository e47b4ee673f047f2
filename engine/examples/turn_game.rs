//! A game by turns that survives lost connections: two users sit at a table, take one to three of 21
//! stones in turn, and the last one wins. A user has an agent, a table is a service; they find each
//! other by name, on whatever shards they are.
//!
//! `cargo run --release --example turn_game`, then open <http://127.0.0.1:8080/> in two windows, log in
//! under two names, attach, send `sit oak` in both, then `take 3` in the first, each under an id of its
//! own. Drop the connection, attach again, and send the last under its old id: it is not run twice.

use std::cell::RefCell;
use std::rc::Rc;

use skyring::Bytes;
use skyring::agent::{self, Agent, Agents, Client};
use skyring::config::Config;
use skyring::demo::Demo;
use skyring::handler::{Failed, LogoutReason, Reply};
use skyring::server::Server;
use skyring::service::{Acting, Actor, Content, Fault, Key, Message, ServiceContext, Settings};

const STONES: u32 = 21;
type Uid = Vec<u8>;

enum Ask {
    Sit,
    Take(u32),
    Note(&'static str),
    Leave,
}

struct Table {
    me: ServiceContext,
    game: RefCell<Game>,
}

#[derive(Default)]
struct Game {
    players: Vec<Uid>,
    turn: usize,
    left: u32,
}

impl Actor for Table {
    type Request = (Uid, Ask);
    type Answer = String;

    /// Answers what is new, and tells both players.
    async fn answer(self: Rc<Self>, (uid, ask): (Uid, Ask), _: Message) -> Result<String, Fault> {
        let game = &mut *self.game.borrow_mut();
        let (name, seat) = (uid.escape_ascii(), game.players.iter().position(|it| *it == uid));
        let news = match (ask, seat) {
            (Ask::Sit, None) if game.players.len() < 2 => {
                game.left = STONES;
                game.players.push(uid.clone());
                format!("{name} sits down")
            }
            (Ask::Take(count @ 1..=3), Some(seat)) if seat == game.turn && count <= game.left => {
                game.left -= count;
                game.turn = 1 - seat;
                format!("{name} takes {count}{}", if game.left > 0 { "" } else { " and wins" })
            }
            (Ask::Note(note), Some(_)) => format!("{name} {note}"),
            (Ask::Leave, Some(seat)) => {
                game.players.remove(seat);
                if game.players.is_empty() {
                    self.me.finish_if_idle(); // Whoever sits down next finds a new one.
                }
                format!("{name} has left")
            }
            _ => return Err(Fault::Failed),
        };
        let line = format!("{news}, {} left", game.left);
        for player in &game.players {
            self.me.send(agent::address(player), Content::value(line.clone()));
        }
        Ok(line)
    }
}

/// A user, from login to logout, connected or not.
struct Player {
    client: Client,
    table: RefCell<Option<Key>>,
}

impl Agent for Player {
    async fn request(self: Rc<Self>, content: Bytes) -> Reply {
        match std::str::from_utf8(&content).map_err(|_| Failed)?.split_once(' ') {
            Some(("sit", name)) => {
                self.tell(Ask::Leave); // The table where he was, if he was at one.
                self.table.replace(Some(Key::new("table", name.as_bytes())));
                self.ask(Ask::Sit).await.inspect_err(|_| drop(self.table.take()))
            }
            Some(("take", count)) => self.ask(Ask::Take(count.parse().map_err(|_| Failed)?)).await,
            _ => Err(Failed),
        }
    }

    /// What a table tells. Who is away misses it, and hears how things stand when he is back.
    async fn message(self: Rc<Self>, mut message: Message) -> Result<Content, Fault> {
        self.client.push(message.take::<String>()?);
        Ok(Content::NOTHING)
    }

    fn on_attach(&self, _: std::net::SocketAddr) {
        self.client.allow_pushes(true);
        self.tell(Ask::Note("is back"));
    }

    fn on_detach(&self) {
        self.tell(Ask::Note("is away"));
    }

    fn on_logout(&self, _: LogoutReason) {
        self.tell(Ask::Leave);
    }
}

impl Player {
    async fn ask(&self, ask: Ask) -> Reply {
        let (services, uid) = (self.client.context().services(), self.client.user().uid());
        let table = self.table.borrow().clone().ok_or(Failed)?;
        let asked = services.ask::<Table>(table, (uid.to_vec(), ask)).await;
        asked.map(Bytes::from).map_err(|_| Failed)
    }

    fn tell(&self, ask: Ask) {
        let (services, uid) = (self.client.context().services(), self.client.user().uid());
        if let Some(table) = &*self.table.borrow() {
            services.tell::<Table>(table, (uid.to_vec(), ask));
        }
    }
}

pub(crate) fn start(config: &Config) -> Result<Server, skyring::error::StartError> {
    Server::start(config, |context| {
        let table = |me, _: &[u8]| Acting::new(Table { me, game: RefCell::default() });
        let made = context.services().keyed("table", Settings::default(), table);
        made.expect("a shard that starts has no such class");
        // Whoever knows the demo's password is in. A game has its own `Application` here.
        let door = Demo::new(context.clone(), 0);
        Agents::with(context, door, |client| Player { client, table: RefCell::default() })
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = start(&Config::default())?;
    println!("login, msg, gate and http listen on {:?}", server.addresses());
    Ok(server.join()?)
}
