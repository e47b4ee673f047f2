//! What the game says on its WebSockets: everything that it hears, and sometimes more.
//!
//! A message is `kind:number:` and whatever fills it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::game::Ledger;
use super::rooms::{self, Name};
use crate::context::Context;
use crate::http::{Request, Response};
use crate::room::Member;
use crate::websocket::{self, CloseCode, End, Handler, Message, Socket};

/// What is said behind the echo of a `more`.
pub(super) const MORE: &[u8] = b"and more";
/// How often.
pub(super) const MORE_COUNT: usize = 5;
/// The code with which a `bye` is answered.
pub(super) const BYE: u16 = 4000;

/// The name of the message server.
const SERVER: &str = "sample";

/// How far a connection has come, as its handler has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Opened,
    Closed,
}

/// Hears one connection.
struct Parrot {
    context: Context,
    ledger: Rc<RefCell<Ledger>>,
    told: Cell<Told>,
}

/// Answers a request for a WebSocket; none if it is for something else.
pub(super) async fn answer(
    context: &Context,
    ledger: &Rc<RefCell<Ledger>>,
    request: &Request,
) -> Option<Response> {
    let path = request.path();
    if path.ends_with("/slow") {
        context.sleep(Duration::from_millis(5)).await;
    }
    Some(match path {
        "/login" => websocket::accept_login(request),
        "/msg" | "/msg/slow" => websocket::accept_msg(request, SERVER),
        "/parrot" | "/parrot/slow" => {
            let (context, ledger) = (context.clone(), Rc::clone(ledger));
            let told = Cell::new(Told::Nothing);
            websocket::accept(request, Rc::new(Parrot { context, ledger, told }))
        }
        _ => return None,
    })
}

impl Parrot {
    /// Notes what it is told; all that happens to a connection happens while it is open.
    fn pass(&self, from: Told, to: Told, event: &str) {
        let told = self.told.replace(to);
        let violation = || format!("a WebSocket had {event} when its handler was told {told:?}");
        self.ledger.borrow_mut().check(told == from, violation);
    }
}

impl Handler for Parrot {
    fn on_open(&self, _socket: &Socket) {
        self.pass(Told::Nothing, Told::Opened, "an open");
        self.ledger.borrow_mut().sockets += 1;
    }

    fn on_message(&self, socket: &Socket, message: Message) {
        self.pass(Told::Opened, Told::Opened, "a message");
        let kind = message.as_bytes().split(|byte| *byte == b':').next().unwrap_or_default();
        if kind == b"late" {
            let (socket, sleep) = (socket.clone(), self.context.sleep(Duration::from_millis(10)));
            return self.context.spawn(async move {
                sleep.await;
                if socket.ready().await.is_ok() {
                    socket.send(message);
                }
            });
        }
        let kind = kind.to_vec();
        let number = message.as_bytes().len();
        socket.send(message);
        if matches!(&kind[..], b"join" | b"leave" | b"shout") {
            let (context, ledger) = (self.context.clone(), Rc::clone(&self.ledger));
            let (name, member) = (Name::Connection(socket.peer()), Member::from(socket));
            let kind = kind.clone();
            self.context.spawn(async move {
                rooms::act(&context, &ledger, &kind, number, name, member).await;
            });
        }
        match &kind[..] {
            b"more" => (0..MORE_COUNT).for_each(|_| socket.send(MORE.to_vec())),
            b"bye" => socket.close(CloseCode::new(BYE).expect("a code of applications"), "bye"),
            _ => {}
        }
    }

    fn on_close(&self, _socket: &Socket, _end: &End) {
        self.pass(Told::Opened, Told::Closed, "a close");
        self.ledger.borrow_mut().sockets -= 1;
    }
}
