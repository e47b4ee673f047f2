//! A game with one room, which everybody who comes joins, by whatever wire.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use skyring::config::{Config, Listener, ListenerKind, TlsSettings};
use skyring::context::{Context, GateConnection, Target};
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Identity, Login, Subid, User,
};
use skyring::http;
use skyring::protocols::login::token::SampleToken;
use skyring::protocols::msg::{attach, response};
use skyring::server::{Server, ServerHandle};
use skyring::shard::counters::Counter;
use skyring::websocket::{self, Handler, Message, Socket};

use crate::peer::Peer;
use crate::support::arena::{expect_each_counted_once, sum};
use crate::support::{LoggedIn, Player, eventually, login};

const ROOM: &[u8] = b"hall";

/// What the test wants said, and how much of it was.
#[derive(Clone, Default)]
struct Speech {
    lines: Arc<Mutex<Vec<Vec<u8>>>>,
    said: Arc<AtomicUsize>,
}

/// The application.
pub(crate) struct Hall {
    context: Context,
}

impl Hall {
    fn start(context: Context, speech: Speech) -> Hall {
        // The last shard says what the test wants said, in that order.
        if context.shard().0 == 1 {
            context.spawn(speak(context.clone(), speech));
        }
        Hall { context }
    }

    pub(crate) fn target(uid: &str) -> Target {
        Target::uid(uid.as_bytes())
    }
}

async fn speak(context: Context, speech: Speech) {
    loop {
        let next = speech.lines.lock().unwrap().get(speech.said.load(Ordering::SeqCst)).cloned();
        let Some(line) = next else {
            context.sleep(std::time::Duration::from_millis(1)).await;
            continue;
        };
        let taken = context.rooms().broadcast(ROOM, line, None).await;
        if taken.is_ok() {
            speech.said.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Application for Hall {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, _login: Login) -> Result<Subid, Denied> {
        Ok(Subid::from(1))
    }

    fn on_attach(&self, user: &User, _peer: SocketAddr) {
        let target = || Target::username(user.username());
        self.context.allow_pushes(target(), true);
        self.context.rooms().join(ROOM, target());
    }

    fn on_connect(&self, connection: GateConnection, _peer: SocketAddr) {
        self.context.open(connection);
        self.context.rooms().join(ROOM, connection);
    }

    async fn http(self: Rc<Self>, request: http::Request) -> http::Response {
        match request.path() {
            "/msg" => websocket::accept_msg(&request, "sample"),
            _ => websocket::accept(&request, Rc::new(Parlour(self.context.clone()))),
        }
    }
}

/// Takes what WebSockets say, and says it back to them alone.
struct Parlour(Context);

impl Handler for Parlour {
    fn on_open(&self, socket: &Socket) {
        self.0.rooms().join(ROOM, socket);
    }

    fn on_message(&self, socket: &Socket, message: Message) {
        socket.send(message.as_bytes().to_vec());
    }
}

/// The running game.
pub(crate) struct House {
    server: Server,
    kinds: Vec<(ListenerKind, bool)>,
    speech: Speech,
}

impl House {
    /// Starts it with one listener of each kind, changed before, and with `tls` another of gate and http.
    pub(crate) fn start(
        shards: usize,
        tls: Option<&TlsSettings>,
        change: impl Fn(&mut Listener),
    ) -> House {
        let plain = ListenerKind::ALL.map(|kind| (kind, None));
        let secure = [ListenerKind::Gate, ListenerKind::Http].map(|kind| (kind, tls));
        let secure = secure.into_iter().filter(|(_, tls)| tls.is_some());
        let mut config = Config { shards, listeners: Vec::new(), ..Config::default() };
        let mut kinds = Vec::new();
        for (kind, tls) in plain.into_iter().chain(secure) {
            let mut listener = Listener::new(kind);
            listener.address.set_port(0);
            listener.tls = tls.cloned();
            change(&mut listener);
            config.listeners.push(listener);
            kinds.push((kind, tls.is_some()));
        }
        let speech = Speech::default();
        let inside = speech.clone();
        let make = move |context| Hall::start(context, inside.clone());
        let server = Server::start(&config, make).expect("the server starts");
        House { server, kinds, speech }
    }

    fn address(&self, kind: (ListenerKind, bool)) -> SocketAddr {
        let index = self.kinds.iter().position(|it| *it == kind).expect("a configured kind");
        self.server.addresses()[index]
    }

    pub(crate) fn at(&self, kind: ListenerKind) -> SocketAddr {
        self.address((kind, false))
    }

    pub(crate) fn tls_at(&self, kind: ListenerKind) -> SocketAddr {
        self.address((kind, true))
    }

    pub(crate) fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    pub(crate) fn login(&self, uid: &str) -> LoggedIn {
        login(self.at(ListenerKind::Login), uid).expect("the game lets everybody in")
    }

    /// A logged-in and attached user.
    pub(crate) fn player(&self, uid: &str) -> Player {
        Player::attach(self.at(ListenerKind::Msg), &self.login(uid), 1).expect("a fresh index")
    }

    /// Has this said to the room, behind what was said before.
    pub(crate) fn say(&self, line: &[u8]) {
        self.speech.lines.lock().unwrap().push(line.to_vec());
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        sum(&self.handle(), counter)
    }

    pub(crate) fn expect_members(&self, count: u64) {
        eventually("all are members", || self.count(Counter::RoomMembersNow) == count);
    }

    /// Rooms on each shard.
    pub(crate) fn shards_with_members(&self) -> Vec<u64> {
        self.handle().counters().iter().map(|shard| shard.read(Counter::RoomsNow)).collect()
    }

    /// Sees everybody gone and ends the server; connections take their memberships along.
    pub(crate) fn end(self) {
        let handle = self.handle();
        eventually("nobody is connected", || self.count(Counter::ConnectionsNow) == 0);
        let users = self.count(Counter::SessionsNow);
        eventually("users alone are members", || self.count(Counter::RoomMembersNow) == users);
        expect_each_counted_once(&handle);
        handle.stop();
        self.server.join().expect("a clean end");
    }
}

/// The payload of an attach.
pub(crate) fn attach_payload(user: &LoggedIn, index: u64) -> Vec<u8> {
    attach::format(&user.username, index, &user.secret)
}

/// The payload of a push.
pub(crate) fn push_payload(content: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    response::encode_payload(content, response::Flag::Push, response::PUSH_ID, &mut payload);
    payload
}

/// The next messages of a WebSocket, so many.
pub(crate) fn hear_all(peer: &mut Peer, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| peer.expect_binary().to_vec()).collect()
}
