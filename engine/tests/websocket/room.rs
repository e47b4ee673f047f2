//! What the tests open.
//!
//! | path | what happens |
//! |---|---|
//! | `/echo` | messages come back; a text of [`Room::on_message`]'s table does more |
//! | `/greet` | the same, after a first message `hello` |
//! | `/late/NAME` | the same, accepted once the test releases NAME |
//! | `/named` | as `/echo`, with a header of the game's own in the answer |

use std::rc::Rc;
use std::sync::{Arc, Mutex};

use skyring::Bytes;
use skyring::context::Context;
use skyring::handler::Application;
use skyring::http::{Request, Response};
use skyring::websocket::{self, CloseCode, End, Handler, Message, Socket};

use crate::support::held::Held;

/// What has happened, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) struct Site {
    context: Context,
    held: Held,
    log: Log,
}

impl Site {
    pub(crate) fn new(context: Context, held: Held, log: Log) -> Site {
        Site { context, held, log }
    }
}

impl Application for Site {
    async fn http(self: Rc<Self>, request: Request) -> Response {
        let path = request.path().to_owned();
        let is_greeting = path == "/greet";
        let room = Room { context: self.context.clone(), log: self.log.clone(), is_greeting };
        if let Some(name) = path.strip_prefix("/late/") {
            self.held.wait(&self.context, name.as_bytes()).await;
        }
        match &*path {
            "/plain" => Response::new(200).body("plain"),
            "/named" => websocket::accept(&request, Rc::new(room)).header("x-game", "mine"),
            _ => websocket::accept(&request, Rc::new(room)),
        }
    }
}

/// Echoes, tells the log, and does what it is told to.
struct Room {
    context: Context,
    log: Log,
    is_greeting: bool,
}

/// Bytes of one message of a stream.
pub(crate) const PIECE_BYTES: usize = 100_000;

impl Room {
    /// Sends so many pieces, as fast as there is room for them.
    fn stream(&self, socket: &Socket, pieces: usize) {
        let (socket, log) = (socket.clone(), self.log.clone());
        self.context.spawn(async move {
            let piece = Bytes::from(crate::peer::pattern(PIECE_BYTES));
            for number in 0..pieces {
                if socket.ready().await.is_err() {
                    return log.add(format!("stream ends at {number}"));
                }
                socket.send(piece.clone());
            }
            log.add(String::from("stream done"));
        });
    }
}

impl Handler for Room {
    fn on_open(&self, socket: &Socket) {
        let subprotocol = socket.subprotocol().unwrap_or("none");
        self.log.add(format!("open {subprotocol}"));
        if self.is_greeting {
            socket.send("hello");
        }
    }

    fn on_message(&self, socket: &Socket, message: Message) {
        if let Message::Text(text) = &message {
            let text = text.as_str();
            let number = |text: &str| text.parse().expect("a test writes numbers");
            match text.split_once(':').unwrap_or((text, "")) {
                ("close", code) => {
                    let code = CloseCode::new(number(code)).expect("a test writes codes");
                    socket.send("last");
                    socket.close(code, "as you wish");
                    return socket.send("never");
                }
                ("panic", _) => panic!("on purpose"),
                ("ping", data) => return socket.ping(data.to_owned()),
                ("pieces", count) => return self.stream(socket, usize::from(number(count))),
                ("flood", count) => {
                    let piece = Bytes::from(vec![0; PIECE_BYTES]);
                    return (0..number(count)).for_each(|_| socket.send(piece.clone()));
                }
                ("open?", _) => return socket.send(socket.is_open().to_string()),
                _ => {}
            }
        }
        if message.as_bytes().len() < 100 {
            self.log.add(format!("message {}", String::from_utf8_lossy(message.as_bytes())));
        }
        socket.send(message);
    }

    fn on_ping(&self, _: &Socket, data: Bytes) {
        self.log.add(format!("ping {}", String::from_utf8_lossy(&data)));
    }

    fn on_pong(&self, _: &Socket, data: Bytes) {
        self.log.add(format!("pong {}", String::from_utf8_lossy(&data)));
    }

    fn on_close(&self, socket: &Socket, end: &End) {
        let code = end.code.map_or(0, CloseCode::get);
        let clean = if end.is_clean { "clean" } else { "lost" };
        self.log.add(format!("close {code} {clean} {}", end.reason.as_str()).trim_end().to_owned());
        assert!(!socket.is_open());
        socket.send("to nobody");
    }
}
