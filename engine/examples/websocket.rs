//! A chat room over WebSocket: whoever is in hears everything.
//!
//! ```text
//! cargo run --release --example websocket
//! cargo run --release -- ws ws://127.0.0.1:8080/
//! ```

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use skyring::config::{Config, Listener, ListenerKind};
use skyring::handler::Application;
use skyring::http::{Request, Response};
use skyring::server::Server;
use skyring::websocket::{self, End, Handler, Message, Socket};

/// One room a shard, so this server has one shard.
#[derive(Default)]
struct Room(RefCell<HashSet<Socket>>);

impl Handler for Room {
    fn on_open(&self, socket: &Socket) {
        self.0.borrow_mut().insert(socket.clone());
    }
    fn on_message(&self, _: &Socket, message: Message) {
        self.0.borrow().iter().for_each(|member| member.send(message.clone()));
    }
    fn on_close(&self, socket: &Socket, _: &End) {
        self.0.borrow_mut().remove(socket);
    }
}

struct Site(Rc<Room>);

impl Application for Site {
    async fn http(self: Rc<Self>, request: Request) -> Response {
        websocket::accept(&request, Rc::clone(&self.0) as Rc<dyn Handler>)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listeners = vec![Listener::new(ListenerKind::Http)];
    let config = Config { shards: 1, listeners, ..Config::default() };
    let server = Server::start(&config, |_context| Site(Rc::default()))?;
    println!("http listens on {}", server.addresses()[0]);
    server.join()?;
    Ok(())
}
