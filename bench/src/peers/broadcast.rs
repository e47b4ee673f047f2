//! skyring's gate with an application that tells everybody what whoever connected first says: by a
//! room, or by a send for each connection.
//!
//! By sends, each costs an entry in the outbox and an encoding, and a message to its shard where that
//! is another; of those a few thousand may wait at a time, so the application waits for that shard now
//! and then.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use skyring::Bytes;
use skyring::config::{Config, Listener, ListenerKind};
use skyring::context::{Context, GateConnection};
use skyring::handler::Application;
use skyring::server::Server;

use super::{PeerOptions, announce_all};
use crate::generator::audience::{COUNT_FRAME, HEAD_BYTES, count_answer};

const ROOM: &[u8] = b"everybody";
/// Sends to another shard between two waits for it.
const SENDS: usize = 1_000;

/// How everybody is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By a room.
    Room,
    /// By sends.
    Sends,
}

/// Everybody who is connected, by shard.
type Everybody = Arc<Mutex<Vec<Vec<GateConnection>>>>;

struct Caller {
    context: Context,
    way: Way,
    everybody: Everybody,
}

impl Caller {
    fn everybody(&self) -> Vec<Vec<GateConnection>> {
        self.everybody.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn count(&self) -> usize {
        let count = match self.way {
            Way::Room => self.context.rooms().members(ROOM).await.unwrap_or(0),
            Way::Sends => self.everybody().iter().map(Vec::len).sum(),
        };
        count.saturating_sub(1)
    }

    async fn send_to_all(&self, caller: GateConnection, content: &Bytes) {
        for connections in self.everybody() {
            let is_here = connections.first().is_some_and(|it| it.shard() == self.context.shard());
            for (number, connection) in (1..).zip(connections) {
                if connection != caller {
                    self.context.send(connection, content.clone());
                }
                if !is_here && number % SENDS == 0 {
                    // It is answered behind everything sent there before.
                    let _ = self.context.rooms().leave(ROOM, connection).await;
                }
            }
        }
    }
}

impl Application for Caller {
    fn on_connect(&self, connection: GateConnection, _peer: SocketAddr) {
        self.context.open(connection);
        let mut everybody = self.everybody.lock().unwrap_or_else(PoisonError::into_inner);
        everybody[usize::from(connection.shard().0)].push(connection);
        drop(everybody);
        if self.way == Way::Room {
            self.context.rooms().join(ROOM, connection);
        }
    }

    async fn message(self: Rc<Self>, connection: GateConnection, content: Bytes) {
        if content[..] == COUNT_FRAME[HEAD_BYTES..] {
            let answer = count_answer(self.count().await);
            let answer = Bytes::copy_from_slice(&answer[HEAD_BYTES..]);
            return self.context.send(connection, answer);
        }
        match self.way {
            Way::Room => {
                self.context.rooms().broadcast(ROOM, content, Some(connection.into()));
            }
            Way::Sends => self.send_to_all(connection, &content).await,
        }
    }
}

pub(super) fn serve(options: &PeerOptions, way: Way) -> io::Result<()> {
    let gate = Listener {
        address: options.address(),
        congestion: options.congestion.clone(),
        ..Listener::new(ListenerKind::Gate)
    };
    let config = Config {
        shards: options.shards,
        cores: options.cores.clone(),
        listeners: vec![gate],
        ..Config::default()
    };
    let everybody: Everybody = Arc::new(Mutex::new(vec![Vec::new(); options.shards]));
    let make = move |context| Caller { context, way, everybody: Arc::clone(&everybody) };
    let server =
        Server::start(&config, make).map_err(|error| io::Error::other(error.to_string()))?;
    announce_all(server.addresses())?;
    server.join().map_err(io::Error::other)
}
