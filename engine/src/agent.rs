//! Agents: one value a logged-in user, from login to logout.
//!
//! Skynet's login server, gate and agents in one: a game that implements [`Game`] is started as
//! `Server::start(&config, |context| Agents::new(context, MyGame))`, and [`Agents::with`] gives agents
//! to any other application. A login makes an [`Agent`] on the shard that owns the user; it takes the
//! user's requests, hears of attach and detach ("afk"), and is dropped at logout. It outlives
//! connections, as the session does, and needs no lock: everything that concerns it happens on one
//! thread.
//!
//! **Messages.** Other agents and services reach the agent of a user by [`address`], wherever it is;
//! [`Agent::message`] takes what they send. A user who is not logged in has no agent:
//! [`Fault::NoService`]. Where a user is logged in to several servers, the latest login's agent takes
//! it.
//!
//! **Its client.** [`Client`] pushes, kicks and logs out. A client takes pushes once
//! [`Client::allow_pushes`] was called; one that is away misses them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{self, Future};
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;

use crate::context::{Context, GateConnection, Outcome, Target};
use crate::handler::{
    Application, AuthenticateError, Credentials, Denied, Failed, Identity, Login, LogoutReason,
    Reply, Request, Subid, User,
};
use crate::http;
use crate::service::{self, Content, Fault, Message, Service, ServiceContext, Settings};

/// The class of services that agents are.
const CLASS: &str = "skyring.agent";

/// Where the agent of an account is reached, on whatever shard it is.
pub fn address(uid: &[u8]) -> service::Key {
    service::Key::new(CLASS, uid)
}

/// A game whose users have agents. Its [`Application::login`] decides who may log in;
/// [`Application::request`] and the notifications of users go to agents instead.
pub trait Game: Application {
    /// What a logged-in user has.
    type Agent: Agent;

    /// A user has logged in: makes the agent. What takes time, loading say, belongs into
    /// [`Application::login`] before, or into a task that the agent's requests wait for.
    fn agent(self: Rc<Self>, client: Client) -> Self::Agent;
}

/// One logged-in user, on the shard that owns it.
///
/// Implementations write the methods as `async fn`.
pub trait Agent: 'static {
    /// Answers a request of the user's. See [`Application::request`].
    fn request(self: Rc<Self>, content: Bytes) -> impl Future<Output = Reply> {
        let _ = content;
        future::ready(Err(Failed))
    }

    /// Takes a message of a service or of another agent. See [`Service::handle`].
    fn message(self: Rc<Self>, message: Message) -> impl Future<Output = Result<Content, Fault>> {
        let _ = message;
        future::ready(Err(Fault::Failed))
    }

    /// The user's connection was accepted; an earlier one is closed.
    fn on_attach(&self, peer: SocketAddr) {
        let _ = peer;
    }

    /// The user's connection is gone; the agent stays ("afk").
    fn on_detach(&self) {}

    /// The user has logged out; the agent is dropped once its handlers are done.
    fn on_logout(&self, reason: LogoutReason) {
        let _ = reason;
    }
}

/// An agent's way to its user. Cheap to clone; stays on its shard.
#[derive(Clone)]
pub struct Client {
    context: Context,
    user: User,
}

impl Client {
    /// Who it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The application's way to the shard.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Sends a frame that answers nothing; how many took it, 1 or 0. See [`Context::push`].
    pub fn push(&self, content: impl Into<Bytes>) -> Outcome<usize> {
        self.context.push(self.target(), content.into())
    }

    /// Says whether the user's clients know what a push is. See [`Context::allow_pushes`].
    pub fn allow_pushes(&self, allowed: bool) -> Outcome<usize> {
        self.context.allow_pushes(self.target(), allowed)
    }

    /// Ends the session, and with it the agent.
    pub fn kick(&self) -> Outcome<usize> {
        self.context.kick(self.target())
    }

    /// As [`Client::kick`], for a user who asked for it.
    pub fn logout(&self) -> Outcome<usize> {
        self.context.logout(self.target())
    }

    /// The user, for what else a [`Context`] can do.
    pub fn target(&self) -> Target {
        Target::username(self.user.username())
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({:?})", self.user)
    }
}

/// An application whose users have agents.
pub struct Agents<G, A> {
    context: Context,
    game: Rc<G>,
    make: Box<dyn Fn(Client) -> A>,
    roster: Rc<Roster<A>>,
}

/// The agents of a shard.
struct Roster<A> {
    /// By username.
    agents: RefCell<HashMap<User, Rc<A>>>,
    /// By uid, the latest login last.
    logins: RefCell<HashMap<Box<[u8]>, Vec<User>>>,
}

impl<A> Roster<A> {
    fn of(&self, user: &User) -> Option<Rc<A>> {
        self.agents.borrow().get(user).cloned()
    }

    /// The agent of the latest login of an account.
    fn latest(&self, uid: &[u8]) -> Option<Rc<A>> {
        let logins = self.logins.borrow();
        self.of(logins.get(uid)?.last()?)
    }

    fn add(&self, user: &User, agent: A) {
        self.agents.borrow_mut().insert(user.clone(), Rc::new(agent));
        self.logins.borrow_mut().entry(user.uid().into()).or_default().push(user.clone());
    }

    /// Takes an agent out; and whether it was the last of its account.
    fn remove(&self, user: &User) -> Option<(Rc<A>, bool)> {
        let agent = self.agents.borrow_mut().remove(user)?;
        let mut logins = self.logins.borrow_mut();
        let of_uid = logins.get_mut(user.uid())?;
        of_uid.retain(|it| it != user);
        let is_last = of_uid.is_empty();
        if is_last {
            logins.remove(user.uid());
        }
        Some((agent, is_last))
    }
}

impl<G: Game> Agents<G, G::Agent> {
    /// The game on this shard.
    ///
    /// # Panics
    /// When it is made a second time on a shard.
    pub fn new(context: Context, game: G) -> Agents<G, G::Agent> {
        let game = Rc::new(game);
        let maker = Rc::clone(&game);
        Agents::of(context, game, move |client| Rc::clone(&maker).agent(client))
    }
}

impl<G: Application, A: Agent> Agents<G, A> {
    /// Any application on this shard, with agents that `make` makes: see [`Game::agent`].
    ///
    /// # Panics
    /// When it is made a second time on a shard.
    pub fn with(
        context: Context,
        application: G,
        make: impl Fn(Client) -> A + 'static,
    ) -> Agents<G, A> {
        Agents::of(context, Rc::new(application), make)
    }

    fn of(context: Context, game: Rc<G>, make: impl Fn(Client) -> A + 'static) -> Agents<G, A> {
        let roster = Rc::new(Roster { agents: RefCell::default(), logins: RefCell::default() });
        let known = Rc::clone(&roster);
        let door = move |me: ServiceContext, uid: &[u8]| Door {
            me,
            uid: uid.into(),
            roster: Rc::clone(&known),
        };
        let made = context.services().keyed(CLASS, Settings::default(), door);
        made.expect("a shard has one application, which makes this class");
        Agents { context, game, make: Box::new(make), roster }
    }
}

/// The service of an account that has an agent: it gives the agent what comes.
struct Door<A> {
    me: ServiceContext,
    uid: Box<[u8]>,
    roster: Rc<Roster<A>>,
}

impl<A: Agent> Service for Door<A> {
    async fn handle(self: Rc<Self>, message: Message) -> Result<Content, Fault> {
        let Some(agent) = self.roster.latest(&self.uid) else {
            self.me.finish();
            return Err(Fault::NoService);
        };
        let answer = agent.message(message).await;
        if self.roster.latest(&self.uid).is_none() {
            self.me.finish_if_idle();
        }
        answer
    }
}

impl<G: Application, A: Agent> Application for Agents<G, A> {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        Rc::clone(&self.game).authenticate(shown).await
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        Rc::clone(&self.game).login(login).await
    }

    async fn request(self: Rc<Self>, request: Request) -> Reply {
        let agent = self.roster.of(&request.user).ok_or(Failed)?;
        agent.request(request.content).await
    }

    fn on_login(&self, user: &User) {
        let client = Client { context: self.context.clone(), user: user.clone() };
        self.roster.add(user, (self.make)(client));
        self.game.on_login(user);
    }

    fn on_attach(&self, user: &User, peer: SocketAddr) {
        if let Some(agent) = self.roster.of(user) {
            agent.on_attach(peer);
        }
        self.game.on_attach(user, peer);
    }

    fn on_detach(&self, user: &User) {
        if let Some(agent) = self.roster.of(user) {
            agent.on_detach();
        }
        self.game.on_detach(user);
    }

    fn on_logout(&self, user: &User, reason: LogoutReason) {
        if let Some((agent, is_last)) = self.roster.remove(user) {
            if is_last {
                // What has begun goes on; and there may be a next login already, which needs the door.
                self.context.services().stop_if_idle(address(user.uid()));
            }
            agent.on_logout(reason);
        }
        self.game.on_logout(user, reason);
    }

    fn on_connect(&self, connection: GateConnection, peer: SocketAddr) {
        self.game.on_connect(connection, peer);
    }

    async fn message(self: Rc<Self>, connection: GateConnection, content: Bytes) {
        Rc::clone(&self.game).message(connection, content).await;
    }

    async fn http(self: Rc<Self>, request: http::Request) -> http::Response {
        Rc::clone(&self.game).http(request).await
    }

    fn on_disconnect(&self, connection: GateConnection) {
        self.game.on_disconnect(connection);
    }
}
