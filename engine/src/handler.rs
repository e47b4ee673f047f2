//! What a game implements, and what it is given.
//!
//! One [`Application`] value lives on every shard, made there by the closure passed to
//! [`Server::start`](crate::server::Server::start); it never leaves its thread, so it may hold `Rc`
//! and `RefCell`. Its methods are async. One that finishes without waiting costs no task and no
//! allocation; one that waits becomes a task of the shard's executor. A method that panics counts
//! as failed and disturbs nothing else. Work that blocks belongs on a thread of its own.

use std::future::{self, Future};
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use skyring_protocols::login::LoginSecret;
use zeroize::Zeroizing;

use crate::context::GateConnection;
use crate::http;

/// What a game implements.
///
/// Implementations write the methods as `async fn`.
pub trait Application: Sized + 'static {
    /// Is this token genuine, and whose is it? Runs on the shard that accepted the login, after the
    /// key exchange. An error answers 401, or 503 with a time to come back if it cannot be said now. Not asked
    /// where the configuration names somebody else ([`AuthSettings`](crate::auth::AuthSettings)).
    ///
    /// It goes on when the client has left or its time is over, like every method here. So many
    /// logins of a shard may wait for this method and the next one together:
    /// [`Config::logins_in_progress_per_shard_max`]. Beyond that, logins are answered 503 unasked.
    ///
    /// [`Config::logins_in_progress_per_shard_max`]: crate::config::Config
    fn authenticate(
        self: Rc<Self>,
        credentials: Credentials,
    ) -> impl Future<Output = Result<Identity, AuthenticateError>> {
        let _ = credentials;
        future::ready(Err(AuthenticateError::Denied))
    }

    /// May this user log in, and under which subid? Runs on the user's owner shard. While it runs,
    /// a second login of the same uid is answered 406 unless the listener has `multilogin`. An
    /// error answers 403, and so does a subid under which the user is on line already (end that
    /// session first) or one that makes the username longer than an attach line can hold. Once the
    /// result is there, what was asked of the [`Context`](crate::context::Context) before is done
    /// before the session exists.
    fn login(self: Rc<Self>, login: Login) -> impl Future<Output = Result<Subid, Denied>> {
        let _ = login;
        future::ready(Err(Denied))
    }

    /// Answers a request of a user. Runs on the user's owner shard.
    fn request(self: Rc<Self>, request: Request) -> impl Future<Output = Reply> {
        let _ = request;
        future::ready(Err(Failed))
    }

    /// A session exists, by a login or by [`ServerHandle::login`](crate::server::ServerHandle::login).
    fn on_login(&self, user: &User) {
        let _ = user;
    }

    /// A user's connection was accepted; an earlier one is closed.
    fn on_attach(&self, user: &User, peer: SocketAddr) {
        let _ = (user, peer);
    }

    /// A user's connection is gone; the session stays ("afk").
    fn on_detach(&self, user: &User) {
        let _ = user;
    }

    /// A session has ended. Comes once for every `on_login`, unless the server ends first.
    fn on_logout(&self, user: &User, reason: LogoutReason) {
        let _ = (user, reason);
    }

    /// A gate connection was accepted. It is not read before
    /// [`Context::open`](crate::context::Context::open) or
    /// [`Context::forward`](crate::context::Context::forward).
    fn on_connect(&self, connection: GateConnection, peer: SocketAddr) {
        let _ = (connection, peer);
    }

    /// A frame came in on an opened gate connection that is not forwarded. The next frame does not
    /// wait for this one's method.
    fn message(
        self: Rc<Self>,
        connection: GateConnection,
        content: Bytes,
    ) -> impl Future<Output = ()> {
        let _ = (connection, content);
        future::ready(())
    }

    /// Answers an HTTP request. Runs on the shard that accepted the connection. A body that came
    /// together with the head is there at once; a longer one comes while it is read. The next
    /// request of the same connection is read when the answer is complete. A panic is a 500 and the
    /// end of the connection.
    fn http(self: Rc<Self>, request: http::Request) -> impl Future<Output = http::Response> {
        let _ = request;
        future::ready(http::Response::new(404))
    }

    /// A gate connection is gone. Comes once for every `on_connect`.
    fn on_disconnect(&self, connection: GateConnection) {
        let _ = connection;
    }
}

/// Who takes the frames of a gate connection after
/// [`Context::forward`](crate::context::Context::forward): one value a player, say.
pub trait Agent {
    /// A frame came in. Work that waits is spawned with
    /// [`Context::spawn`](crate::context::Context::spawn).
    fn on_message(&self, connection: GateConnection, content: Bytes);

    /// The connection is gone, perhaps before it was forwarded. `Application::on_disconnect` is called
    /// too, after this; where it was gone already, before.
    fn on_disconnect(&self, connection: GateConnection) {
        let _ = connection;
    }
}

/// What a client showed to log in.
pub struct Credentials {
    /// The decrypted token, opaque to the engine; wiped when dropped.
    pub token: Zeroizing<Vec<u8>>,
    /// The client's address.
    pub peer: SocketAddr,
}

impl std::fmt::Debug for Credentials {
    /// Without the token, which must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials {{ token: .., peer: {} }}", self.peer)
    }
}

/// Whom a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub uid: Vec<u8>,
    /// The msg listener's server name that the user wants.
    pub server: Vec<u8>,
}

/// A login to be decided.
#[derive(Debug)]
pub struct Login {
    /// The account.
    pub uid: Vec<u8>,
    /// The server name.
    pub server: Vec<u8>,
    /// The secret that client and server share from now on, for the game's own encryption.
    pub secret: LoginSecret,
    /// Sessions of this uid that exist now, on any server name, oldest first.
    pub online: Vec<User>,
}

/// The name of one login of a user, chosen by the application: any bytes, also none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subid(pub Vec<u8>);

impl From<u64> for Subid {
    /// The number in decimal.
    fn from(number: u64) -> Subid {
        Subid(number.to_string().into_bytes())
    }
}

/// A request of a logged-in user.
#[derive(Debug)]
pub struct Request {
    /// Who asks.
    pub user: User,
    /// What is asked.
    pub content: Bytes,
}

/// The answer to a request: its content, at most 65,530 bytes, or a failure, which the client sees
/// as flag 0 without content. Longer content counts as a failure.
pub type Reply = Result<Bytes, Failed>;

/// The application refuses a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the application refuses")]
pub struct Denied;

/// Nobody is let in by a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticateError {
    /// The token is not genuine: 401.
    #[error("the token is refused")]
    Denied,
    /// It cannot be said now, because whoever knows is not to be had: 503, with a time to come back (WIRE L17).
    #[error("the token cannot be judged now")]
    Unavailable,
}

impl From<Denied> for AuthenticateError {
    fn from(_: Denied) -> AuthenticateError {
        AuthenticateError::Denied
    }
}

/// A request could not be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request failed")]
pub struct Failed;

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogoutReason {
    /// The user asked for it, through the application.
    Logout,
    /// The server ended it.
    Kick,
}

/// One login of a user. Cheap to clone; shard-local.
///
/// Every session keeps one, so it is one allocation: three lengths of two bytes, then the wire form,
/// the uid, the subid and the server name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct User(Rc<[u8]>);

/// The parts of a [`User`], in their order.
struct Names<'a> {
    username: &'a [u8],
    uid: &'a [u8],
    subid: &'a [u8],
    server: &'a [u8],
}

/// Bytes of the lengths in front of the names.
const LENGTHS_BYTES: usize = 6;

impl User {
    /// A user of a server. `username` is the wire form of the three.
    ///
    /// # Panics
    /// When a name is longer than 65,535 bytes: whoever makes a session refuses names that are too
    /// long for an attach, which is far below.
    pub(crate) fn new(username: &[u8], uid: &[u8], server: &str, subid: &[u8]) -> User {
        let length = |name: &[u8]| {
            u16::try_from(name.len()).expect("a name fits an attach line").to_le_bytes()
        };
        let [username_bytes, uid_bytes, subid_bytes] = [username, uid, subid].map(length);
        let parts: [&[u8]; 7] =
            [&username_bytes, &uid_bytes, &subid_bytes, username, uid, subid, server.as_bytes()];
        User(parts.concat().into())
    }

    fn names(&self) -> Names<'_> {
        let (lengths, names) = self.0.split_at(LENGTHS_BYTES);
        let length = |at: usize| usize::from(u16::from_le_bytes([lengths[at], lengths[at + 1]]));
        let (username, names) = names.split_at(length(0));
        let (uid, names) = names.split_at(length(2));
        let (subid, server) = names.split_at(length(4));
        Names { username, uid, subid, server }
    }

    /// All of it as plain data, for another shard.
    pub(crate) fn to_bytes(&self) -> Box<[u8]> {
        Box::from(&*self.0)
    }

    /// From what [`User::to_bytes`] gave.
    pub(crate) fn from_bytes(bytes: &[u8]) -> User {
        User(bytes.into())
    }

    /// Bytes of memory, shared by all clones.
    pub(crate) fn memory_bytes(&self) -> usize {
        2 * size_of::<usize>() + self.0.len()
    }

    /// Reads what a clone reads.
    pub(crate) fn warm(&self) {
        std::hint::black_box(Rc::strong_count(&self.0));
    }

    /// The account.
    pub fn uid(&self) -> &[u8] {
        self.names().uid
    }

    /// The server name.
    pub fn server(&self) -> &str {
        std::str::from_utf8(self.names().server).expect("a server name was made from text")
    }

    /// The name of this login.
    pub fn subid(&self) -> &[u8] {
        self.names().subid
    }

    /// The wire form, `base64(uid)@base64(server)#base64(subid)` (WIRE.md, message server).
    pub fn username(&self) -> &[u8] {
        self.names().username
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User({})", String::from_utf8_lossy(self.username()))
    }
}
