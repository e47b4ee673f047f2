//! The application behind the gate, which writes down what it hears of, and its server.
//!
//! | frame | what happens |
//! |---|---|
//! | `hold:NAME` | is echoed once the test releases NAME |
//! | `forward` | an agent takes the frames from here on |
//! | `close` | the connection is closed |
//! | `last` | a megabyte is sent, then the connection is closed |
//! | `join`, `all:X` | joins those who get X, on whatever shard |
//! | `panic` | the agent, if there is one, panics |
//! | anything else | is echoed |

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use skyring::Bytes;
use skyring::config::{Config, ListenerKind};
use skyring::context::{Context, GateConnection};
use skyring::handler::{Agent, Application};
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::support::arena::sum;
use crate::support::held::Held;
use crate::support::{connect, eventually};

/// Frames of an answer that does not fit the kernel's buffers at once.
pub(crate) const LAST_FRAMES: usize = 100;
/// One of them.
pub(crate) const LAST_FRAME: &[u8] = &[b'x'; 10_000];

/// What the application does with a new connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Policy {
    /// Opens it.
    Open,
    /// Opens it when the test releases `open`.
    OpenLater,
    /// Gives it to an agent.
    Forward,
    /// Forgets it.
    Never,
}

/// A gate, its application and what that has heard of.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) held: Held,
    shared: Shared,
}

#[derive(Clone, Debug, Default)]
struct Shared {
    log: Arc<Mutex<Vec<String>>>,
    joined: Arc<Mutex<Vec<GateConnection>>>,
}

impl Shared {
    fn note(&self, event: &str) {
        self.log.lock().unwrap().push(event.to_owned());
    }

    fn note_content(&self, event: &str, content: &[u8]) {
        // Long frames are for counting.
        let text = String::from_utf8_lossy(&content[..content.len().min(20)]);
        self.note(&format!("{event} {text}"));
    }
}

impl House {
    pub(crate) fn start(config: &Config, policy: Policy) -> House {
        let (held, shared) = (Held::default(), Shared::default());
        let (game_held, game_shared) = (held.clone(), shared.clone());
        let make = move |context| Keeper {
            context,
            policy,
            held: game_held.clone(),
            shared: game_shared.clone(),
        };
        let mut config = config.clone();
        config.listeners.retain(|listener| listener.kind == ListenerKind::Gate);
        let server = Server::start(&config, make).expect("the server starts");
        House { server, held, shared }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.server.addresses()[0])
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        sum(&self.server.handle(), counter)
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.shared.log.lock().unwrap().clone()
    }

    /// Waits until the application has heard of as much as this, which must be it.
    pub(crate) fn expect(&self, events: &[&str]) {
        eventually("the application hears of it", || self.log().len() >= events.len());
        assert_eq!(self.log(), events);
    }

    /// Nobody is left; the server ends.
    pub(crate) fn end(self) {
        eventually("nobody is connected", || self.count(Counter::ConnectionsNow) == 0);
        self.server.handle().stop();
        self.server.join().expect("a clean end");
    }
}

/// The content of the next frame.
pub(crate) fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a frame");
    let mut content = vec![0; usize::from(u16::from_be_bytes(head))];
    stream.read_exact(&mut content).expect("the rest of a frame");
    content
}

struct Keeper {
    context: Context,
    policy: Policy,
    held: Held,
    shared: Shared,
}

impl Keeper {
    fn forward(&self, connection: GateConnection) {
        let (context, shared) = (self.context.clone(), self.shared.clone());
        self.context.forward(connection, Rc::new(Clerk { context, shared }));
    }

    fn send(&self, connection: GateConnection, content: &[u8]) {
        self.context.send(connection, Bytes::copy_from_slice(content));
    }

    fn say_last(&self, connection: GateConnection) {
        for _ in 0..LAST_FRAMES {
            self.send(connection, LAST_FRAME);
        }
        self.context.close(connection);
    }
}

impl Application for Keeper {
    fn on_connect(&self, connection: GateConnection, _peer: SocketAddr) {
        self.shared.note("connect");
        match self.policy {
            Policy::Open => self.context.open(connection),
            Policy::Forward => self.forward(connection),
            Policy::Never => {}
            Policy::OpenLater => {
                let (held, context) = (self.held.clone(), self.context.clone());
                self.context.spawn(async move {
                    held.wait(&context, b"open").await;
                    context.open(connection);
                });
            }
        }
    }

    async fn message(self: Rc<Self>, connection: GateConnection, content: Bytes) {
        self.shared.note_content("message", &content);
        match &content[..] {
            b"forward" => self.forward(connection),
            b"close" => self.context.close(connection),
            b"last" => self.say_last(connection),
            b"join" => {
                self.shared.joined.lock().unwrap().push(connection);
                self.send(connection, b"join");
            }
            [b'a', b'l', b'l', b':', text @ ..] => {
                let joined = self.shared.joined.lock().unwrap().clone();
                joined.into_iter().for_each(|connection| self.send(connection, text));
            }
            [b'h', b'o', b'l', b'd', b':', name @ ..] => {
                self.held.wait(&self.context, name).await;
                self.context.send(connection, content);
            }
            _ => self.context.send(connection, content),
        }
    }

    fn on_disconnect(&self, _connection: GateConnection) {
        self.shared.note("disconnect");
    }
}

/// Who takes the frames of a forwarded connection.
struct Clerk {
    context: Context,
    shared: Shared,
}

impl Agent for Clerk {
    fn on_message(&self, connection: GateConnection, content: Bytes) {
        self.shared.note_content("agent", &content);
        assert!(&content[..] != b"panic", "on purpose, in an agent");
        self.context.send(connection, content);
    }

    fn on_disconnect(&self, _connection: GateConnection) {
        self.shared.note("agent disconnect");
    }
}
