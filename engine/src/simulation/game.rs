//! The game that is played in simulation, and the ledger it keeps for the checks.
//!
//! The content of a request says what to do and who asked: `kind|player|login|id|nonce`. The ledger
//! counts what ran; nothing in it comes from the engine's own state. What should not have happened
//! is written down there too: a panic in here would be caught, as any application's is.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use skyring_protocols::login::token::SampleToken;

use super::errand;
use super::parrot;
use super::rates::{self, RateLedger};
use super::rooms::{self, Name, RoomLedger};
use super::town;
use super::townsman;
use super::watcher::Beliefs;
use super::web;
use crate::context::{Context, GateConnection, Target};
use crate::handler::{
    Agent, Application, AuthenticateError, Credentials, Denied, Failed, Identity, Login,
    LogoutReason, Reply, Request, Subid, User,
};
use crate::http;

/// A request of those who flood, and what their answers are full of.
pub(super) const FLOOD: &[u8] = b"flood";
const FLOOD_BYTES: usize = 600;

/// What the game has seen.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// How often a request ran, and what came of it, by username and id.
    pub(super) runs: BTreeMap<(Vec<u8>, u32), (u32, Option<Bytes>)>,
    /// Connections of each username that has any: one.
    pub(super) attached: BTreeMap<Vec<u8>, i32>,
    /// Gate connections that are there.
    pub(super) gates: i64,
    /// Logins being decided, by uid; with `multilogin` off never more than one.
    pub(super) deciding: BTreeMap<Vec<u8>, u32>,
    /// Whether two logins of one uid may be decided at once.
    pub(super) multilogin: bool,
    /// Answers may be retired, so that a repeat runs again.
    pub(super) may_retire: bool,
    /// Logins decided.
    pub(super) logins: u64,
    /// HTTP requests that ran, by player and number.
    pub(super) visits: BTreeSet<(usize, u32)>,
    /// WebSockets whose handler was told of an open and not of a close.
    pub(super) sockets: i64,
    /// Errands begun, those that run, and those that had an answer.
    pub(super) errands: u64,
    pub(super) errands_now: u64,
    pub(super) echoed: u64,
    /// What news of users have come, and what they make their reader believe.
    pub(super) news: u64,
    pub(super) beliefs: Beliefs,
    pub(super) rooms: RoomLedger,
    pub(super) rates: RateLedger,
    /// What must never happen and did.
    pub(super) violations: Vec<String>,
}

impl Ledger {
    pub(super) fn check(&mut self, holds: bool, violation: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(violation());
        }
    }

    fn check_peer(&mut self, peer: SocketAddr) {
        self.check(rates::may_be_seen(peer), || format!("{peer} is no client's address"));
    }

    /// Notes that a request runs, which it does once as long as its answer is kept.
    fn count_run(&mut self, place: &(Vec<u8>, u32)) {
        let (runs, _) = self.runs.entry(place.clone()).or_default();
        *runs += 1;
        let (runs, may_retire) = (*runs, self.may_retire);
        self.check(runs == 1 || may_retire, || format!("request {} ran {runs} times", place.1));
    }
}

pub(super) struct Game {
    context: Context,
    ledger: Rc<RefCell<Ledger>>,
    /// The other ends of gate connections. Looked up and never walked.
    gates: RefCell<HashMap<GateConnection, SocketAddr>>,
    town: town::Shared,
}

impl Game {
    pub(super) fn new(context: Context, ledger: Rc<RefCell<Ledger>>, town: town::Shared) -> Game {
        Game { context, ledger, gates: RefCell::default(), town }
    }
}

/// Echoes to a forwarded gate connection.
struct Echoer(Context);

impl Agent for Echoer {
    fn on_message(&self, connection: GateConnection, content: Bytes) {
        self.0.send(connection, content);
    }
}

impl Application for Game {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        self.ledger.borrow_mut().check_peer(shown.peer);
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        if token.password[..] != b"password"[..] {
            return Err(AuthenticateError::Denied);
        }
        if token.user.len().is_multiple_of(2) {
            self.context.sleep(Duration::from_millis(3)).await;
        }
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        let number = {
            let mut ledger = self.ledger.borrow_mut();
            let deciding = ledger.deciding.entry(login.uid.clone()).or_default();
            *deciding += 1;
            let alone = *deciding == 1 || ledger.multilogin;
            ledger.check(alone, || "two logins of one uid are being decided".to_owned());
            ledger.logins += 1;
            ledger.rates.decides(&login.uid);
            ledger.logins
        };
        if number.is_multiple_of(3) {
            self.context.sleep(Duration::from_millis(number % 17)).await;
        }
        if !login.online.is_empty() {
            self.context.kick(Target::uid(&login.uid)).await;
        }
        *self.ledger.borrow_mut().deciding.get_mut(&login.uid).expect("counted above") -= 1;
        Ok(Subid::from(number))
    }

    async fn request(self: Rc<Self>, request: Request) -> Reply {
        if request.content == FLOOD {
            return Ok(vec![b'f'; FLOOD_BYTES].into());
        }
        let text = String::from_utf8_lossy(&request.content).into_owned();
        let words: Vec<&str> = text.split('|').collect();
        let id = words.get(3).and_then(|id| id.parse().ok()).ok_or(Failed)?;
        let place = (request.user.username().to_vec(), id);
        // One that is repeated on purpose until it clashes may run again.
        if words[0] != "clash" {
            self.ledger.borrow_mut().count_run(&place);
        }
        match words[0] {
            "slow" => self.context.sleep(Duration::from_millis(u64::from(id) % 90)).await,
            "clash" => self.context.sleep(Duration::from_millis(20)).await,
            "stall" => self.context.sleep(Duration::from_millis(400)).await,
            "town" => townsman::serve(&self.context, &self.town).await,
            "fail" => return Err(Failed),
            "bye" => {
                self.context.logout(Target::username(request.user.username()));
            }
            "push" => {
                self.context.allow_pushes(Target::username(request.user.username()), true);
                self.context.push(Target::username(request.user.username()), Bytes::from("hey"));
            }
            "look" => {
                let other = format!("player-{}", id % 7);
                self.context.online(Target::uid(other.as_bytes())).await;
            }
            kind @ ("join" | "leave" | "shout") => {
                let username = request.user.username();
                let (name, member) = (Name::User(username.to_vec()), Target::username(username));
                let number = id as usize;
                let (context, ledger) = (&self.context, &self.ledger);
                rooms::act(context, ledger, kind.as_bytes(), number, name, member.into()).await;
            }
            _ => {}
        }
        self.ledger.borrow_mut().runs.entry(place).or_default().1 = Some(request.content.clone());
        Ok(request.content)
    }

    fn on_attach(&self, user: &User, peer: SocketAddr) {
        self.ledger.borrow_mut().check_peer(peer);
        self.move_attached(user, 1);
        self.context.spawn(errand::run(self.context.clone(), Rc::clone(&self.ledger)));
    }

    fn on_detach(&self, user: &User) {
        self.move_attached(user, -1);
    }

    fn on_logout(&self, user: &User, _reason: LogoutReason) {
        let mut ledger = self.ledger.borrow_mut();
        let attached = ledger.attached.remove(user.username());
        ledger.check(attached.is_none(), || format!("{user:?} ended with its connection"));
    }

    fn on_connect(&self, connection: GateConnection, peer: SocketAddr) {
        self.ledger.borrow_mut().gates += 1;
        self.ledger.borrow_mut().check_peer(peer);
        if peer.port().is_multiple_of(2) {
            self.context.open(connection);
        } else {
            self.context.forward(connection, Rc::new(Echoer(self.context.clone())));
        }
        self.gates.borrow_mut().insert(connection, peer);
        if peer.port() % 4 < 2 {
            self.act_for_gate(connection, b"join", usize::from(peer.port()));
        }
    }

    async fn message(self: Rc<Self>, connection: GateConnection, content: Bytes) {
        let mut words = content.split(|byte| *byte == b'|');
        if let (Some(kind), Some(number)) = (words.next(), words.next()) {
            self.act_for_gate(connection, kind, number.len());
        }
        self.context.send(connection, content);
    }

    async fn http(self: Rc<Self>, request: http::Request) -> http::Response {
        if let Some(answer) = parrot::answer(&self.context, &self.ledger, &request).await {
            return answer;
        }
        web::answer(&self.context, &self.ledger, request).await
    }

    fn on_disconnect(&self, connection: GateConnection) {
        self.gates.borrow_mut().remove(&connection);
        self.ledger.borrow_mut().gates -= 1;
    }
}

impl Game {
    /// What a gate connection asks for concerning rooms.
    fn act_for_gate(&self, connection: GateConnection, kind: &[u8], number: usize) {
        let Some(peer) = self.gates.borrow().get(&connection).copied() else { return };
        let (context, ledger) = (self.context.clone(), Rc::clone(&self.ledger));
        let kind = kind.to_vec();
        self.context.spawn(async move {
            let name = Name::Connection(peer);
            rooms::act(&context, &ledger, &kind, number, name, connection.into()).await;
        });
    }

    fn move_attached(&self, user: &User, by: i32) {
        let mut ledger = self.ledger.borrow_mut();
        let count = ledger.attached.entry(user.username().to_vec()).or_default();
        *count += by;
        let count = *count;
        if count == 0 {
            ledger.attached.remove(user.username());
        }
        ledger.check((0..=1).contains(&count), || format!("{user:?} has {count} connections"));
    }
}
