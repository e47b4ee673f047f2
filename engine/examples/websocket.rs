//! A chat room over WebSocket: `cargo run --release --example websocket`, then open `ws://127.0.0.1:8080/`.

use std::cell::RefCell;
use std::rc::Rc;

use skyring::config::{Config, Listener, ListenerKind};
use skyring::handler::Application;
use skyring::http::{Request, Response};
use skyring::server::Server;
use skyring::websocket::{self, End, Handler, Message, Socket};

#[derive(Default)]
struct Room(RefCell<Vec<Socket>>);

impl Handler for Room {
    fn on_open(&self, socket: &Socket) {
        self.0.borrow_mut().push(socket.clone());
    }
    fn on_message(&self, _: &Socket, message: Message) {
        self.0.borrow().iter().for_each(|member| member.send(message.clone()));
    }
    fn on_close(&self, socket: &Socket, _: &End) {
        self.0.borrow_mut().retain(|member| member != socket);
    }
}

impl Application for Room {
    async fn http(self: Rc<Self>, request: Request) -> Response {
        websocket::accept(&request, self)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listeners = vec![Listener::new(ListenerKind::Http)];
    // A room lives on its shard, so there is one.
    let config = Config { shards: 1, listeners, ..Config::default() };
    Server::start(&config, |_context| Room::default())?.join()?;
    Ok(())
}
