//! What application code may ask of the engine, from any shard.
//!
//! Application code runs while its shard is in the middle of a turn, so nothing is done at once:
//! every call puts a deed into the shard's outbox, and the shard does the deeds, in order, before
//! its turn ends. What concerns a user of another shard travels there by mailbox.

use std::cell::{Cell, Ref, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use skyring_protocols::Compat;
use skyring_protocols::msg::username;

use crate::driver::{ShardIndex, Token};
use crate::handler::{Agent, LogoutReason};
use crate::net::pipe::{Pipe, StreamDeed};
use crate::net::{ConnectError, Connecting, Dial, Stream, any};
use crate::presence::{Channel, Watchtower};
use crate::room::Rooms;
use crate::room::mail::RoomDeed;
use crate::service::{Board, Letter, Output, Scope, Services, SlabKey, TraceId};
use crate::shard::command::{Command, CommandResult, GateDeed};
pub use crate::shard::command::{Presence, Target};
use crate::shard::counters::ShardCounters;
use crate::shard::dispatch::Finished;
use crate::websocket::SocketDeed;

/// A future on its way to the executor.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Starts tasks on the shard's executor.
pub(crate) trait Spawn {
    /// Runs a future to its end; it is polled at least once.
    fn spawn(&self, task: Task);
}

/// A gate connection: a name, cheap to copy and to send, that stays valid as a name after the
/// connection has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GateConnection {
    pub(crate) shard: ShardIndex,
    pub(crate) token: Token,
}

impl GateConnection {
    /// The shard it is on.
    pub fn shard(&self) -> ShardIndex {
        self.shard
    }
}

/// The application's way to its shard. Cheap to clone; stays on its shard.
#[derive(Clone)]
pub struct Context {
    shard: Rc<ShardSide>,
}

/// What a shard shares with the application code that runs on it.
pub(crate) struct ShardSide {
    index: ShardIndex,
    clock: Box<dyn Fn() -> u64>,
    outbox: RefCell<VecDeque<Deed>>,
    /// The data-plane task, when it is parked and must hear of a new deed.
    parked: RefCell<Option<Waker>>,
    spawn: Box<dyn Spawn>,
    /// Tasks of handlers and of the application that have not ended.
    tasks: Rc<Cell<usize>>,
    /// Tasks that end with their service, whether or not their work is done.
    forks: Rc<Cell<usize>>,
    pub(crate) services: Board,
    /// On whose behalf code runs at this moment.
    scope: RefCell<Scope>,
}

/// Something the shard shall do.
pub(crate) enum Deed {
    /// A command, and who wants its result.
    Command(Command, Option<Rc<Answer>>),
    /// Something about a gate connection.
    Gate(GateConnection, GateDeed),
    /// Forwarding needs the agent itself, which cannot leave the shard.
    Forward(GateConnection, Rc<dyn Agent>),
    /// Open a connection.
    Dial(Box<Dial>, Rc<Pipe>),
    /// Something about a connection that was opened.
    Stream(Rc<Pipe>, StreamDeed),
    /// Wake a sleeper after so many milliseconds.
    Sleep(u64, Rc<Alarm>),
    /// An HTTP connection's handler or stream has done something for it.
    Http(Token),
    /// Something about a WebSocket.
    Socket(Token, SocketDeed),
    /// Something about a room, and who wants to know what comes of it.
    Room(RoomDeed, Rc<Answer>),
    /// A handler has finished.
    Finished(Finished),
    /// A feed wants to hear of every shard's users.
    Watch(Rc<Channel>),
    /// A feed is gone.
    Unwatch(Rc<Channel>),
    /// A letter to a service.
    Letter(Box<Letter>),
    /// A handler or fork of a service has finished, after it had waited.
    Worked(SlabKey),
    /// A handler of a service has finished at once.
    Handled(SlabKey, Output),
}

impl ShardSide {
    /// `clock` is the shard's.
    pub(crate) fn new(
        index: ShardIndex,
        spawn: Box<dyn Spawn>,
        clock: Box<dyn Fn() -> u64>,
        counters: Arc<ShardCounters>,
    ) -> Rc<ShardSide> {
        Rc::new(ShardSide {
            index,
            clock,
            outbox: RefCell::new(VecDeque::new()),
            parked: RefCell::new(None),
            spawn,
            tasks: Rc::default(),
            forks: Rc::default(),
            services: Board::new(counters),
            scope: RefCell::default(),
        })
    }

    pub(crate) fn context(self: &Rc<ShardSide>) -> Context {
        Context { shard: Rc::clone(self) }
    }

    /// The shard this is.
    pub(crate) fn index(&self) -> ShardIndex {
        self.index
    }

    pub(crate) fn push(&self, deed: Deed) {
        self.outbox.borrow_mut().push_back(deed);
        if let Some(waker) = self.parked.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Milliseconds on the shard's clock.
    pub(crate) fn now_ms(&self) -> u64 {
        (self.clock)()
    }

    pub(crate) fn pop(&self) -> Option<Deed> {
        self.outbox.borrow_mut().pop_front()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.outbox.borrow().is_empty()
    }

    /// Wakes `waker` at the next deed.
    pub(crate) fn park(&self, waker: &Waker) {
        *self.parked.borrow_mut() = Some(waker.clone());
    }

    /// Runs a task; one that panics ends, and nothing else does.
    pub(crate) fn spawn(&self, task: Task) {
        self.spawn_counted(task, &self.tasks);
    }

    /// Runs a task that ends with its service: the end of the server does not wait for it.
    pub(crate) fn spawn_fork(&self, task: Task) {
        self.spawn_counted(task, &self.forks);
    }

    fn spawn_counted(&self, task: Task, count: &Rc<Cell<usize>>) {
        let count = Rc::clone(count);
        count.set(count.get() + 1);
        self.spawn.spawn(Box::pin(async move {
            unwinding(task).await;
            count.set(count.get() - 1);
        }));
    }

    /// Runs a task that only looks after something: the end of the server does not wait for it.
    pub(crate) fn spawn_aside(&self, task: Task) {
        self.spawn.spawn(Box::pin(unwinding(task)));
    }

    /// Whether any task has not ended.
    pub(crate) fn has_tasks(&self) -> bool {
        self.tasks.get() > 0
    }

    /// Whether any task has not ended, or any fork.
    pub(crate) fn has_tasks_or_forks(&self) -> bool {
        self.has_tasks() || self.forks.get() > 0
    }
}

impl ShardSide {
    /// A letter goes to the outbox.
    pub(crate) fn post_letter(&self, letter: Box<Letter>) {
        self.services.queued.set(self.services.queued.get() + 1);
        self.push(Deed::Letter(letter));
    }

    /// On whose behalf code runs at this moment.
    pub(crate) fn scope(&self) -> Ref<'_, Scope> {
        self.scope.borrow()
    }

    /// Code runs on behalf of `scope` from now on; on whose it did.
    pub(crate) fn enter(&self, scope: Scope) -> Scope {
        self.scope.replace(scope)
    }

    /// A scope of something that comes from outside.
    pub(crate) fn root_scope(&self) -> Scope {
        Scope::root(self.services.new_trace(self.index))
    }

    /// Runs something that comes from outside, and does not panic: a trace begins.
    pub(crate) fn at_root<T>(&self, run: impl FnOnce() -> T) -> T {
        let outer = self.enter(self.root_scope());
        let output = run();
        self.enter(outer);
        output
    }

    /// The trace that what is sent in a scope belongs to.
    pub(crate) fn trace_of(&self, scope: &Scope) -> TraceId {
        if scope.trace == TraceId::NONE { self.services.new_trace(self.index) } else { scope.trace }
    }

    /// What is sent from here on, in this scope, belongs to a new trace.
    pub(crate) fn begin_trace(&self) {
        self.scope.borrow_mut().trace = self.services.new_trace(self.index);
    }

    /// A future that runs on behalf of a scope.
    pub(crate) fn scoped<F: Future>(
        self: &Rc<ShardSide>,
        scope: Scope,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let side = Rc::clone(self);
        let mut own = Some(scope);
        let mut future = Box::pin(future);
        poll_fn(move |cx| {
            let outer = side.enter(own.take().expect("a scope comes back from every poll"));
            let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
            own = Some(side.enter(outer));
            polled.unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}

/// A task that ends when it panics.
async fn unwinding(mut task: Task) {
    poll_fn(|cx| {
        // What the task shared with others is all that a panic can leave half changed.
        let polled = catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx)));
        polled.unwrap_or(Poll::Ready(()))
    })
    .await;
}

impl Context {
    /// The shard this is.
    pub fn shard(&self) -> ShardIndex {
        self.shard.index
    }

    /// Milliseconds on the shard's clock, which is that of every shard of the server.
    pub fn now_ms(&self) -> u64 {
        self.shard.now_ms()
    }

    /// The way to services.
    pub fn services(&self) -> Services {
        Services { side: Rc::clone(&self.shard) }
    }

    /// Runs a future on this shard. If it panics, it ends.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.shard.spawn(Box::pin(task));
    }

    /// As [`Context::spawn`], for what only looks after something: the end of the server does not
    /// wait for it.
    pub(crate) fn spawn_aside(&self, task: impl Future<Output = ()> + 'static) {
        self.shard.spawn_aside(Box::pin(task));
    }

    /// Waits, at a resolution of one millisecond. Sleepers due at the same instant wake in the
    /// order in which they began.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        let alarm = Rc::new(Alarm::default());
        let delay_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.shard.push(Deed::Sleep(delay_ms, Rc::clone(&alarm)));
        Sleep(alarm)
    }

    /// Opens a connection to another server. It lives on this shard and counts in its table.
    pub fn connect(&self, dial: Dial) -> Connecting {
        Connecting::start(&self.shard, dial)
    }

    /// Opens a connection to the first of these addresses that answers, tried in their order a
    /// quarter of a second apart (RFC 8305, section 5). The address in `dial` does not matter; its
    /// `connect_timeout` is that of each attempt.
    ///
    /// # Errors
    /// Why the last attempt failed; [`ConnectError::NoAddress`] without addresses.
    pub async fn connect_any(
        &self,
        addresses: &[SocketAddr],
        dial: &Dial,
    ) -> Result<Stream, ConnectError> {
        any::connect_any(self, addresses, dial).await
    }

    /// Sends a frame to the attached connections of `target` whose sessions take pushes; the result
    /// is how many there were. On a msg connection the frame is a response with flag 2 and
    /// RequestId 0 (WIRE.md, pushes). A target that is away misses it.
    pub fn push(&self, target: Target, content: Bytes) -> Outcome<usize> {
        self.command(Command::Push { target, content }, CommandResult::count)
    }

    /// Turns pushes on or off for the sessions of `target`; off after login. Only a client that
    /// knows the push extension should get them.
    pub fn allow_pushes(&self, target: Target, allowed: bool) -> Outcome<usize> {
        self.command(Command::AllowPushes { target, allowed }, CommandResult::count)
    }

    /// Ends the sessions of `target` and closes their connections once what is queued has left; the
    /// result is how many there were.
    pub fn kick(&self, target: Target) -> Outcome<usize> {
        let command = Command::End { target, reason: LogoutReason::Kick };
        self.command(command, CommandResult::count)
    }

    /// As [`Context::kick`], for a user who asked for it.
    pub fn logout(&self, target: Target) -> Outcome<usize> {
        let command = Command::End { target, reason: LogoutReason::Logout };
        self.command(command, CommandResult::count)
    }

    /// The sessions of `target` that exist.
    pub fn online(&self, target: Target) -> Outcome<Vec<Presence>> {
        self.command(Command::Lookup { target }, CommandResult::presence)
    }

    /// Who is on line on any shard, and what changes.
    pub fn presence(&self) -> Watchtower {
        Watchtower::new(self.clone())
    }

    /// Starts to read a gate connection; its frames go to `Application::message`.
    pub fn open(&self, connection: GateConnection) {
        self.shard.push(Deed::Gate(connection, GateDeed::Open));
    }

    /// Starts to read a gate connection, if it is not read yet, and gives its frames to `agent` from
    /// now on. An agent stays on its own shard: where the connection belongs to another, as where it
    /// has gone, the agent gets its [`Agent::on_disconnect`] and nothing else.
    pub fn forward(&self, connection: GateConnection, agent: Rc<dyn Agent>) {
        self.shard.push(Deed::Forward(connection, agent));
    }

    /// Sends one frame on a gate connection. Content above 65,535 bytes and connections that have
    /// gone are ignored, the former counted.
    pub fn send(&self, connection: GateConnection, content: Bytes) {
        self.shard.push(Deed::Gate(connection, GateDeed::Send(content)));
    }

    /// Stops reading a gate connection and closes it once what is queued has left.
    pub fn close(&self, connection: GateConnection) {
        self.shard.push(Deed::Gate(connection, GateDeed::Close));
    }

    pub(crate) fn side(&self) -> &Rc<ShardSide> {
        &self.shard
    }

    /// The rooms of the server: groups of members that are told the same at once.
    pub fn rooms(&self) -> Rooms {
        Rooms::new(&self.shard)
    }

    pub(crate) fn command<T>(&self, command: Command, read: fn(CommandResult) -> T) -> Outcome<T> {
        let answer = Rc::new(Answer::default());
        self.shard.push(Deed::Command(command, Some(Rc::clone(&answer))));
        Outcome { answer, read }
    }
}

impl Target {
    /// The session with this username in wire form.
    pub fn username(text: &[u8]) -> Target {
        Target::Username(text.to_vec())
    }

    /// Every session of this account.
    pub fn uid(uid: &[u8]) -> Target {
        Target::Uid(uid.to_vec())
    }

    /// The routing key, none when the username cannot be read.
    pub(crate) fn key(&self) -> Option<Vec<u8>> {
        match self {
            Target::Uid(uid) => Some(uid.clone()),
            Target::Username(text) => username::uid(text, Compat::Skynet),
        }
    }
}

/// The result of a call, which the shard works on whether or not this is awaited.
pub struct Outcome<T> {
    pub(crate) answer: Rc<Answer>,
    pub(crate) read: fn(CommandResult) -> T,
}

/// Where a result is left for whoever waits for it.
#[derive(Default)]
pub(crate) struct Answer {
    result: RefCell<Option<CommandResult>>,
    waiting: RefCell<Option<Waker>>,
}

impl Answer {
    pub(crate) fn give(&self, result: CommandResult) {
        *self.result.borrow_mut() = Some(result);
        if let Some(waker) = self.waiting.borrow_mut().take() {
            waker.wake();
        }
    }
}

impl<T> Future for Outcome<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<T> {
        match self.answer.result.borrow_mut().take() {
            Some(result) => Poll::Ready((self.read)(result)),
            None => {
                *self.answer.waiting.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A sleeper's bell.
#[derive(Default)]
pub(crate) struct Alarm {
    rung: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Alarm {
    pub(crate) fn ring(&self) {
        self.rung.set(true);
        if let Some(waker) = self.waiting.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// Waits for an instant; made by [`Context::sleep`].
pub struct Sleep(Rc<Alarm>);

impl Drop for Sleep {
    /// The wheel keeps the bell until its time; who would be woken need not wait for that.
    fn drop(&mut self) {
        let waiting = self.0.waiting.take();
        drop(waiting);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        if self.0.rung.get() {
            return Poll::Ready(());
        }
        *self.0.waiting.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}
