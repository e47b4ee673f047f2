//! A chat with rooms in sproto, over the gate and over WebSocket, as Skynet's example agent serves
//! its clients: requests, pushes, and a heartbeat.
//!
//! ```text
//! cargo run --release --example sproto_chat
//!
//! # In another terminal: as ann in the room "hall", for 12 seconds; prints what she is told.
//! (printf '\000\021\125\002\004\004\002\020\004\037hall\003\007ann'; sleep 12) |
//!     timeout 12 nc 127.0.0.1 8889 |
//!     target/release/skyring sproto decode --rpc --framed --answers join engine/examples/chat.sproto
//! ```
//!
//! The types, a client's too, come from the schema:
//! `skyring sproto compile -o engine/examples/chat/schema.rs engine/examples/chat.sproto`.

#[path = "chat/schema.rs"]
#[allow(dead_code, unreachable_pub, reason = "the schema's types are a client's too")]
pub(crate) mod schema;

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::ready;
use std::rc::Rc;
use std::time::Duration;

use schema::rpc::{Heartbeat, Incoming, Joined, Left, Said};
use schema::{Done, Line, schema};
use skyring::config::{Config, Listener, ListenerKind};
use skyring::context::Context;
use skyring::error::StartError;
use skyring::protocols::sproto::Limits;
use skyring::protocols::sproto::rpc::{BodyError, PACKAGE, Request, Rpc, Stub};
use skyring::room::RoomOutcome;
use skyring::rpc::{Handler, Interface, Peer};
use skyring::server::Server;
use skyring::service::{Content, Fault, Message, Service};

/// Pushes a heartbeat so often; a client that hears none for a while knows that it is cut off.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The part of the chat on one shard.
struct Chat {
    context: Context,
    /// Its connections, and the name of each in every room it is in.
    names: RefCell<HashMap<Peer, HashMap<String, String>>>,
}

impl Handler for Chat {
    type Request = Incoming;

    fn read(&self, request: Request<'_>) -> Result<Incoming, BodyError> {
        Incoming::read(request)
    }

    async fn request(self: Rc<Self>, peer: Peer, request: Incoming) {
        let done = |result: Option<()>| Done { ok: Some(result.is_some()) };
        // A reply to a client that has left goes nowhere, which is no news: `on_close` is.
        let _ = match request {
            Incoming::Join(it) => peer.reply(it.reply, &done(self.join(&peer, it.args).await)),
            Incoming::Leave(it) => peer.reply(it.reply, &done(self.leave(&peer, it.args).await)),
            Incoming::Say(it) => peer.reply(it.reply, &done(self.say(&peer, it.args).await)),
            _ => return peer.close(), // What a client is told it does not ask for.
        };
    }

    fn on_open(&self, peer: &Peer) {
        self.names.borrow_mut().insert(peer.clone(), HashMap::new());
    }

    fn on_close(&self, peer: &Peer) {
        // It is in no room any more; the others should hear of it.
        for (room, name) in self.names.borrow_mut().remove(peer).unwrap_or_default() {
            self.tell::<Left>(peer, &Line { room: Some(room), name: Some(name), text: None });
        }
    }
}

impl Chat {
    async fn join(&self, peer: &Peer, line: Line) -> Option<()> {
        let (room, name) = (line.room.clone()?, line.name.clone()?);
        // A room refuses names that are too long; 0 is who is in it already.
        let joined = self.context.rooms().join(room.as_bytes(), peer).await == Ok(1);
        // Only now: nobody is in a room before the answer says so. It may have left meanwhile.
        self.names.borrow_mut().get_mut(peer).filter(|_| joined)?.insert(room, name);
        let _ = self.tell::<Joined>(peer, &Line { text: None, ..line })?.await;
        Some(())
    }

    async fn leave(&self, peer: &Peer, line: Line) -> Option<()> {
        let room = line.room.as_deref()?;
        let name = self.names.borrow_mut().get_mut(peer)?.remove(room)?;
        let left = self.context.rooms().leave(room.as_bytes(), peer);
        let told = self.tell::<Left>(peer, &Line { name: Some(name), text: None, ..line });
        let _ = told?.await;
        left.await.ok().map(drop) // The answer says: you hear nothing more.
    }

    async fn say(&self, peer: &Peer, line: Line) -> Option<()> {
        // Only who is in a room speaks there, under the name that he has there.
        let name = self.names.borrow().get(peer)?.get(line.room.as_deref()?)?.clone();
        self.tell::<Said>(peer, &Line { name: Some(name), ..line })?.await.ok().map(drop)
    }

    /// Pushes to everybody in the line's room, on every shard; encoded once.
    fn tell<P: Stub<Request = Line>>(&self, from: &Peer, line: &Line) -> Option<RoomOutcome> {
        let package = from.encode::<P>(line).ok()?;
        Some(self.context.rooms().broadcast(line.room.as_deref()?.as_bytes(), package, None))
    }
}

/// Beats until the server ends. A service's timer does not hold that up, as a task would.
struct Heart;

impl Service for Heart {
    async fn handle(self: Rc<Self>, _: Message) -> Result<Content, Fault> {
        Err(Fault::Failed) // There is nothing to ask it.
    }
}

pub(crate) fn start(config: &Config, heartbeat: Duration) -> Result<Server, StartError> {
    Server::start(config, move |context| {
        let chat = Rc::new(Chat { context: context.clone(), names: RefCell::default() });
        let rpc = Rpc::new(schema(), schema(), PACKAGE, Limits::default(), 16);
        let rpc = rpc.expect("the schema has a header");
        let interface = Interface::new(context.clone(), rpc, Rc::clone(&chat), Default::default());
        let beat = interface.encode::<Heartbeat>(&()).expect("it is in the schema");
        let heart = context.services().spawn(Default::default(), |me| {
            me.every(heartbeat, move || {
                for peer in chat.names.borrow().keys() {
                    let _ = peer.push_encoded(beat.clone());
                }
                ready(())
            });
            Heart
        });
        heart.expect("a shard that starts has room for a service");
        interface
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listeners = vec![Listener::new(ListenerKind::Gate), Listener::new(ListenerKind::Http)];
    let server = start(&Config { listeners, ..Config::default() }, HEARTBEAT)?;
    println!("gate and http listen on {:?}", server.addresses());
    Ok(server.join()?)
}
