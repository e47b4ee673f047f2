//! Runs the application's methods.
//!
//! A method's future is polled once, in place, in a box that is used again for the next call: a
//! method that finishes at once costs no allocation. One that waits becomes a task that owns the
//! box; its result comes back through the outbox as [`Finished`]. A panic counts as a failure.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use skyring_protocols::msg::session::Ticket;

use super::message::Register;
use super::sessions::SessionKey;
use crate::auth::Authenticator;
use crate::context::{Deed, GateConnection, ShardSide};
use crate::driver::{ShardIndex, Token};
use crate::handler::{
    Application, AuthenticateError, Credentials, Denied, Failed, Identity, Login, LogoutReason,
    Reply, Request, Subid, User,
};
use crate::http::{self, Response};
use crate::service::Scope;

/// The result of a method that had to wait.
#[derive(Debug)]
pub(crate) enum Finished {
    /// `Application::authenticate`, for the login connection.
    Authenticated(Token, Result<Identity, AuthenticateError>),
    /// `Application::login`, for the login that the shard asked about.
    LoggedIn(ShardIndex, Box<Register>, Result<Subid, Denied>),
    /// `Application::request`, for a request with so many bytes of content.
    Answered(SessionKey, Ticket, Reply, u32),
    /// `Application::http`, for the request of a connection.
    HttpAnswered(Token, Result<Response, Failed>),
    /// `Application::message`, for a frame of so many bytes.
    Taken(GateConnection, usize),
}

/// Asks the authenticator, or where there is none the application.
fn authenticate_by<A: Application>(
    application: Rc<A>,
    authenticator: Option<Authenticator>,
) -> Box<dyn Run<Credentials, Result<Identity, AuthenticateError>>> {
    let denied = || Err(AuthenticateError::Denied);
    match authenticator.map(Rc::new) {
        None => {
            let ask = move |shown| Rc::clone(&application).authenticate(shown);
            runner(ask, |result| result, denied)
        }
        Some(authenticator) => {
            let ask = move |shown| {
                let authenticator = Rc::clone(&authenticator);
                async move { authenticator.authenticate(&shown).await }
            };
            runner(ask, |result| result, denied)
        }
    }
}

/// One application, its types erased.
pub(crate) struct Dispatch {
    side: Rc<ShardSide>,
    events: Rc<dyn Events>,
    authenticate: Box<dyn Run<Credentials, Result<Identity, AuthenticateError>>>,
    login: Box<dyn Run<Login, Result<Subid, Denied>>>,
    request: Box<dyn Run<Request, Reply>>,
    message: Box<dyn Run<(GateConnection, Bytes), ()>>,
    http: Box<dyn Run<http::Request, Result<Response, Failed>>>,
}

impl Dispatch {
    /// `authenticator`: who is asked about tokens in the place of the application.
    pub(crate) fn new<A: Application>(
        application: Rc<A>,
        side: Rc<ShardSide>,
        authenticator: Option<Authenticator>,
    ) -> Dispatch {
        let with = |_: ()| Rc::clone(&application);
        let (l, r, m, h) = (with(()), with(()), with(()), with(()));
        Dispatch {
            side,
            authenticate: authenticate_by(with(()), authenticator),
            login: runner(move |it| Rc::clone(&l).login(it), |result| result, || Err(Denied)),
            request: runner(move |it| Rc::clone(&r).request(it), |reply| reply, || Err(Failed)),
            message: runner(
                move |(connection, content)| Rc::clone(&m).message(connection, content),
                |()| (),
                || (),
            ),
            http: runner(move |request| Rc::clone(&h).http(request), Ok, || Err(Failed)),
            events: application,
        }
    }

    /// None: the result comes later.
    pub(crate) fn authenticate(
        &mut self,
        connection: Token,
        shown: Credentials,
    ) -> Option<Result<Identity, AuthenticateError>> {
        let started = self.authenticate.run(shown, &self.side, self.side.root_scope());
        self.settle(started, move |result| Finished::Authenticated(connection, result))
    }

    /// The register comes back with the result in the outbox, also when it is there at once: what
    /// the application asked for while it decided, a kick say, is done before.
    pub(crate) fn login(&mut self, from: ShardIndex, register: Box<Register>, login: Login) {
        match self.login.run(login, &self.side, self.side.root_scope()) {
            Started::Done(result) => {
                let finished = Finished::LoggedIn(from, register, result);
                self.side.push(Deed::Finished(finished));
            }
            waiting => {
                self.settle(waiting, move |result| Finished::LoggedIn(from, register, result));
            }
        }
    }

    /// None: the reply comes later.
    pub(crate) fn request(
        &mut self,
        session: SessionKey,
        ticket: Ticket,
        request: Request,
    ) -> Option<Reply> {
        let bytes = request.content.len() as u32;
        let started = self.request.run(request, &self.side, self.side.root_scope());
        self.settle(started, move |reply| Finished::Answered(session, ticket, reply, bytes))
    }

    /// None: the method still runs.
    pub(crate) fn message(&mut self, connection: GateConnection, content: Bytes) -> Option<()> {
        let bytes = content.len();
        let started = self.message.run((connection, content), &self.side, self.side.root_scope());
        self.settle(started, move |()| Finished::Taken(connection, bytes))
    }

    /// None: the answer comes later.
    pub(crate) fn http(
        &mut self,
        connection: Token,
        request: http::Request,
    ) -> Option<Result<Response, Failed>> {
        let started = self.http.run(request, &self.side, self.side.root_scope());
        self.settle(started, move |answer| Finished::HttpAnswered(connection, answer))
    }

    /// The application's notifications.
    pub(crate) fn events(&self) -> Rc<dyn Events> {
        Rc::clone(&self.events)
    }

    fn settle<O: 'static>(
        &self,
        started: Started<O>,
        finished: impl FnOnce(O) -> Finished + 'static,
    ) -> Option<O> {
        match started {
            Started::Done(output) => Some(output),
            Started::Waiting(future) => {
                let side = Rc::clone(&self.side);
                self.side.spawn(Box::pin(async move {
                    let output = future.await;
                    side.push(Deed::Finished(finished(output)));
                }));
                None
            }
        }
    }
}

/// The notifications of an application.
pub(crate) trait Events {
    fn on_login(&self, user: &User);
    fn on_attach(&self, user: &User, peer: SocketAddr);
    fn on_detach(&self, user: &User);
    fn on_logout(&self, user: &User, reason: LogoutReason);
    fn on_connect(&self, connection: GateConnection, peer: SocketAddr);
    fn on_disconnect(&self, connection: GateConnection);
}

/// A notification that panics disturbs nobody.
pub(crate) fn guarded(notify: impl FnOnce()) {
    survives(notify);
}

/// As [`guarded`]; false when it has panicked.
pub(crate) fn survives(notify: impl FnOnce()) -> bool {
    // The application's own state is all that a panic can leave half changed.
    catch_unwind(AssertUnwindSafe(notify)).is_ok()
}

impl<A: Application> Events for A {
    fn on_login(&self, user: &User) {
        guarded(|| Application::on_login(self, user));
    }
    fn on_attach(&self, user: &User, peer: SocketAddr) {
        guarded(|| Application::on_attach(self, user, peer));
    }
    fn on_detach(&self, user: &User) {
        guarded(|| Application::on_detach(self, user));
    }
    fn on_logout(&self, user: &User, reason: LogoutReason) {
        guarded(|| Application::on_logout(self, user, reason));
    }
    fn on_connect(&self, connection: GateConnection, peer: SocketAddr) {
        guarded(|| Application::on_connect(self, connection, peer));
    }
    fn on_disconnect(&self, connection: GateConnection) {
        guarded(|| Application::on_disconnect(self, connection));
    }
}

/// A future that waits.
type Boxed<O> = Pin<Box<dyn Future<Output = O>>>;

/// What a method has come to in its first poll.
pub(crate) enum Started<O> {
    Done(O),
    Waiting(Boxed<O>),
}

/// Runs one method of one value.
pub(crate) trait Run<I, O> {
    /// Runs it until it finishes or waits, on behalf of a scope.
    fn run(&mut self, input: I, side: &Rc<ShardSide>, scope: Scope) -> Started<O>;
}

struct Runner<C, F: Future, O> {
    call: C,
    /// Makes the output of what a future ends with.
    read: fn(F::Output) -> O,
    /// The output of a call that panicked.
    failed: fn() -> O,
    /// A box for the next future, empty.
    spare: Option<Pin<Box<Option<F>>>>,
}

/// Runs `call`; a box for its future is used again and again.
pub(crate) fn runner<I: 'static, O: 'static, F, C>(
    call: C,
    read: fn(F::Output) -> O,
    failed: fn() -> O,
) -> Box<dyn Run<I, O>>
where
    C: FnMut(I) -> F + 'static,
    F: Future + 'static,
{
    Box::new(Runner { call, read, failed, spare: None })
}

impl<I, O: 'static, F, C> Run<I, O> for Runner<C, F, O>
where
    C: FnMut(I) -> F,
    F: Future + 'static,
{
    fn run(&mut self, input: I, side: &Rc<ShardSide>, scope: Scope) -> Started<O> {
        let outer = side.enter(scope);
        let started = self.begin(input);
        let scope = side.enter(outer);
        match started {
            Ok(output) => Started::Done(output),
            Err(place) => {
                let (read, failed) = (self.read, self.failed);
                Started::Waiting(Box::pin(go_on(place, read, failed, Rc::clone(side), scope)))
            }
        }
    }
}

impl<C, F: Future, O> Runner<C, F, O> {
    /// The output, or the future that waits.
    fn begin<I>(&mut self, input: I) -> Result<O, Pin<Box<Option<F>>>>
    where
        C: FnMut(I) -> F,
    {
        let (read, failed) = (self.read, self.failed);
        let mut place = self.spare.take().unwrap_or_else(|| Box::pin(None));
        let call = &mut self.call;
        if catch_unwind(AssertUnwindSafe(|| place.as_mut().set(Some(call(input))))).is_err() {
            return Ok(failed());
        }
        let mut cx = TaskContext::from_waker(Waker::noop());
        match poll_guarded(place.as_mut(), &mut cx, read, failed) {
            Poll::Ready(output) => {
                // A future whose drop panics takes its box along.
                if catch_unwind(AssertUnwindSafe(|| place.as_mut().set(None))).is_ok() {
                    self.spare = Some(place);
                }
                Ok(output)
            }
            Poll::Pending => Err(place),
        }
    }
}

/// What is left of a method that waits.
fn go_on<F: Future, O>(
    mut place: Pin<Box<Option<F>>>,
    read: fn(F::Output) -> O,
    failed: fn() -> O,
    side: Rc<ShardSide>,
    scope: Scope,
) -> impl Future<Output = O> {
    let mut own = Some(scope);
    poll_fn(move |cx| {
        let outer = side.enter(own.take().expect("a scope comes back from every poll"));
        let polled = poll_guarded(place.as_mut(), cx, read, failed);
        if polled.is_ready() {
            // A drop that panics must not take the result along.
            let _ = catch_unwind(AssertUnwindSafe(|| place.as_mut().set(None)));
        }
        own = Some(side.enter(outer));
        polled
    })
}

fn poll_guarded<F: Future, O>(
    place: Pin<&mut Option<F>>,
    cx: &mut TaskContext<'_>,
    read: fn(F::Output) -> O,
    failed: fn() -> O,
) -> Poll<O> {
    let future = place.as_pin_mut().expect("a future stands in its place until it has finished");
    let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx).map(read)));
    polled.unwrap_or_else(|_| Poll::Ready(failed()))
}
