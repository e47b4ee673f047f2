//! Matchmaking: logged-in users look for an opponent, and each mode of play has a queue of its own, a
//! service on whatever shard the mode's name routes to.
//!
//! ```text
//! cargo run --release --example matchmaking
//! ```
//! Open <http://127.0.0.1:8080/> in two windows, log in under two names, attach, and send `find duel`
//! in both. `cancel`, under another id, gives up, and so do 30 seconds without anybody.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use skyring::Bytes;
use skyring::agent::{Agent, Agents, Client};
use skyring::config::Config;
use skyring::context::Context;
use skyring::demo::Demo;
use skyring::error::StartError;
use skyring::handler::{Failed, LogoutReason, Reply};
use skyring::promise::{Promise, promise};
use skyring::server::Server;
use skyring::service::{Acting, Actor, Fault, Key, Message, ServiceContext, Settings};

/// Modes of play, each with a queue. Keys that clients could choose would be a service each.
const MODES: [&str; 3] = ["duel", "blitz", "ranked"];
/// How long a user waits for an opponent.
const PATIENCE: Duration = Duration::from_secs(30);

/// A user, by uid.
type Uid = Vec<u8>;
/// Two users who shall play: who begins, and against whom.
type Pair = (Uid, Uid);

/// Says who plays whom, and who has waited too long: it alone, so both users hear the same. Two who
/// look are a pair, so there is never more than one who waits.
struct Queue {
    context: Context,
    patience: Duration,
    waiting: RefCell<Option<(Uid, Promise<Pair>)>>,
}

enum Ask {
    /// Answered with a pair; none: nobody came in time, or the user has given up.
    Find(Uid),
    /// Has the user's `Find` answered.
    GiveUp(Uid),
}

impl Actor for Queue {
    type Request = Ask;
    type Answer = Option<Pair>;

    async fn answer(self: Rc<Self>, ask: Ask, _: Message) -> Result<Option<Pair>, Fault> {
        let uid = match ask {
            Ask::Find(uid) => uid,
            Ask::GiveUp(uid) => {
                // What is taken out is dropped, and a dropped promise is told to who waits.
                self.waiting.borrow_mut().take_if(|(waiting, _)| *waiting == uid);
                return Ok(None);
            }
        };
        if let Some((first, promise)) = self.waiting.take() {
            let pair = (first, uid.clone());
            if promise.keep(pair.clone()).is_ok() {
                return Ok(Some(pair));
            } // Has waited too long just now.
        }
        // This waits inside the call; other messages are handled meanwhile.
        let (promise, promised) = promise();
        self.waiting.replace(Some((uid, promise)));
        Ok(promised.within(&self.context, self.patience).await)
    }
}

/// A user. To lose the connection is not to give up: the answer waits for whoever attaches again and
/// repeats the request.
struct Player {
    client: Client,
    /// Where an opponent is looked for.
    queue: RefCell<Option<Key>>,
}

impl Agent for Player {
    async fn request(self: Rc<Self>, content: Bytes) -> Reply {
        match std::str::from_utf8(&content).map_err(|_| Failed)?.split_once(' ') {
            Some(("find", mode)) => self.find(mode).await,
            None if content == "cancel" => Ok(self.give_up().into()),
            _ => Err(Failed),
        }
    }

    fn on_logout(&self, _: LogoutReason) {
        self.give_up();
    }
}

impl Player {
    async fn find(&self, mode: &str) -> Reply {
        let queue = Key::new("queue", mode.as_bytes());
        if !MODES.contains(&mode) || self.queue.borrow().is_some() {
            return Err(Failed); // One search at a time.
        }
        self.queue.replace(Some(queue.clone()));
        let ask = self.client.context().services().ask::<Queue>(queue, Ask::Find(self.uid()));
        // The queue ends the search in time; the deadline is for one that does not answer.
        let found = ask.deadline(2 * PATIENCE).await;
        self.queue.take();
        match found {
            Ok(Some((first, second))) => {
                let (first, second) = (first.escape_ascii(), second.escape_ascii());
                Ok(format!("{mode}: {first} against {second}").into())
            }
            Ok(None) => Ok("nobody".into()),
            Err(_) => Err(Failed),
        }
    }

    fn give_up(&self) -> &'static str {
        let Some(queue) = self.queue.borrow().clone() else { return "no search" };
        self.client.context().services().tell::<Queue>(queue, Ask::GiveUp(self.uid()));
        "the search says how it ends" // It may have found somebody just now.
    }

    fn uid(&self) -> Uid {
        self.client.user().uid().to_vec()
    }
}

pub(crate) fn start(config: &Config, patience: Duration) -> Result<Server, StartError> {
    Server::start(config, move |context| {
        let make = move |me: ServiceContext, _: &[u8]| {
            Acting::new(Queue { context: me.context(), patience, waiting: RefCell::default() })
        };
        let made = context.services().keyed("queue", Settings::default(), make);
        made.expect("a shard that starts has no such class");
        // Whoever knows the demo's password is in. A game has its own `Application` here.
        let door = Demo::new(context.clone(), 0);
        Agents::with(context, door, |client| Player { client, queue: RefCell::default() })
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = start(&Config::default(), PATIENCE)?;
    println!("login, msg, gate and http listen on {:?}", server.addresses());
    Ok(server.join()?)
}
