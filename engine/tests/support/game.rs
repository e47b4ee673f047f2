//! The application that tests play: everything an application can do, asked for by request.
//!
//! | request | what happens |
//! |---|---|
//! | `hold:NAME:X` | answers X once the test releases NAME |
//! | `wait:MS:X` | answers X after so many milliseconds |
//! | `never` | never answers, nor wakes |
//! | `big:N` | answers N letters |
//! | `swell:NAME:N` | the same once the test releases NAME |
//! | `count` | answers how many requests of this login were run |
//! | `fail` | fails |
//! | `panic`, `late panic` | panics at once, or after a millisecond |
//! | `spawn` | spawns tasks that panic, now and later |
//! | `allow:UID`, `push:UID:X`, `kick:UID`, `online:UID` | does so, and answers the result |
//! | anything else | answers itself |
//!
//! The name of a user decides too: `hold-...` is held at its login until the test releases the name,
//! `deny-...` may not log in, `long-...` gets a subid of 50,000 bytes, and `panic-METHOD` makes that
//! method panic. Over http, `/login` and `/msg` carry both over WebSocket.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use skyring::Bytes;
use skyring::context::{Context, GateConnection, Target};
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Failed, Identity, Login, LogoutReason,
    Reply, Request, Subid, User,
};
use skyring::http;
use skyring::protocols::login::token::SampleToken;
use skyring::websocket;

use super::held::Held;

/// See the file's header.
pub(crate) struct Game {
    context: Context,
    held: Held,
    logins: Cell<u64>,
    calls: RefCell<HashMap<Vec<u8>, u32>>,
}

impl Game {
    pub(crate) fn new(context: Context, held: Held) -> Game {
        Game { context, held, logins: Cell::new(0), calls: RefCell::default() }
    }

    fn next_subid(&self) -> Subid {
        self.logins.set(self.logins.get() + 1);
        Subid::from(self.logins.get() << 10 | u64::from(self.context.shard().0))
    }

    fn count_call(&self, user: &User) -> u32 {
        let mut calls = self.calls.borrow_mut();
        let count = calls.entry(user.username().to_vec()).or_default();
        *count += 1;
        *count
    }

    async fn sleep_ms(&self, ms: u64) {
        self.context.sleep(Duration::from_millis(ms)).await;
    }

    /// Who is on line, and whether attached.
    async fn online(&self, uid: &[u8]) -> String {
        let found = self.context.online(Target::uid(uid)).await;
        let there =
            |found: &skyring::context::Presence| if found.peer.is_some() { "+" } else { "-" };
        found.iter().map(there).collect()
    }

    async fn administer(&self, deed: &str, uid: &[u8], rest: &[u8]) -> String {
        let target = Target::uid(uid);
        let count = match deed {
            "allow" => self.context.allow_pushes(target, true).await,
            "push" => self.context.push(target, Bytes::copy_from_slice(rest)).await,
            "kick" => self.context.kick(target).await,
            _ => return self.online(uid).await,
        };
        count.to_string()
    }
}

/// Text and what stands behind its first colon.
fn cut(text: &[u8]) -> (&[u8], &[u8]) {
    let at = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
    (&text[..at], text.get(at + 1..).unwrap_or_default())
}

fn number(text: &[u8]) -> usize {
    String::from_utf8_lossy(text).parse().expect("a test writes numbers")
}

fn panic_if(uid: &[u8], method: &str) {
    assert!(uid != format!("panic-{method}").as_bytes(), "on purpose, in {method}");
}

impl Application for Game {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        panic_if(&token.user, "authenticate");
        if *token.password != b"password" {
            return Err(AuthenticateError::Denied);
        }
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        panic_if(&login.uid, "login");
        if login.uid.starts_with(b"deny-") {
            return Err(Denied);
        }
        if login.uid.starts_with(b"hold-") {
            self.held.wait(&self.context, &login.uid).await;
        }
        if login.uid.starts_with(b"long-") {
            return Ok(Subid(vec![b'x'; 50_000]));
        }
        for older in &login.online {
            self.context.kick(Target::username(older.username())).await;
        }
        Ok(self.next_subid())
    }

    async fn request(self: Rc<Self>, request: Request) -> Reply {
        let calls = self.count_call(&request.user);
        let (word, rest) = cut(&request.content);
        let (name, tail) = cut(rest);
        let word = String::from_utf8_lossy(word);
        Ok(match &*word {
            "count" => Bytes::from(calls.to_string()),
            "fail" => return Err(Failed),
            "panic" => panic!("on purpose, in request"),
            "late panic" => {
                self.sleep_ms(1).await;
                panic!("on purpose, in a request that waited");
            }
            "spawn" => {
                self.context.spawn(async { panic!("on purpose, in a task") });
                let game = Rc::clone(&self);
                self.context.spawn(async move {
                    game.sleep_ms(1).await;
                    panic!("on purpose, in a task that waited");
                });
                request.content
            }
            "hold" => {
                self.held.wait(&self.context, name).await;
                Bytes::copy_from_slice(tail)
            }
            "wait" => {
                self.sleep_ms(number(name) as u64).await;
                Bytes::copy_from_slice(tail)
            }
            "never" => std::future::pending().await,
            "big" => Bytes::from(vec![b'x'; number(rest)]),
            "swell" => {
                self.held.wait(&self.context, name).await;
                Bytes::from(vec![b'x'; number(tail)])
            }
            "allow" | "push" | "kick" | "online" => {
                Bytes::from(self.administer(&word, name, tail).await)
            }
            _ => request.content,
        })
    }

    fn on_attach(&self, user: &User, _peer: SocketAddr) {
        panic_if(user.uid(), "on_attach");
    }

    fn on_detach(&self, user: &User) {
        panic_if(user.uid(), "on_detach");
    }

    fn on_logout(&self, user: &User, _reason: LogoutReason) {
        self.calls.borrow_mut().remove(user.username());
        panic_if(user.uid(), "on_logout");
    }

    fn on_connect(&self, connection: GateConnection, _peer: SocketAddr) {
        self.context.open(connection);
    }

    async fn message(self: Rc<Self>, connection: GateConnection, content: Bytes) {
        assert!(&content[..] != b"panic", "on purpose, in message");
        self.context.send(connection, content);
    }

    async fn http(self: Rc<Self>, request: http::Request) -> http::Response {
        match request.path() {
            "/login" => websocket::accept_login(&request),
            "/msg" => websocket::accept_msg(&request, "sample"),
            _ => http::Response::new(404),
        }
    }
}
