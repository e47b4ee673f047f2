//! A server: its shards, started, drained and stopped together.
//!
//! [`Server::start`] binds every address once a shard, starts one pinned executor a shard, and lets
//! them accept only when all of them are up. From then on the shards share nothing but their
//! mailboxes; the rest of the process reaches them through a [`ServerHandle`].

mod shards;
mod steward;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use crossbeam::queue::ArrayQueue;
use skyring_protocols::login::LoginSecret;

use crate::auth::{AuthError, FileKeys};
use crate::config::Config;
use crate::context::Context;
use crate::driver::ShardIndex;
use crate::driver::uring::waker::Waker;
use crate::error::{ShardFailed, StartError};
use crate::handler::{Application, LogoutReason};
use crate::host;
use crate::identity::IdentityError;
use crate::route::Router;
use crate::shard::command::{Command, CommandResult, Presence, Target};
use crate::shard::core::ListenerShared;
use crate::shard::counters::{Counter, ShardCounters};
use crate::transport::tls::SetupError;

/// Commands from other threads that wait for one shard, at most.
const COMMANDS_MAX: usize = 1024;
/// How long another thread waits for a shard's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Something another thread asks of a shard, and who wants to know what came of it.
#[derive(Debug)]
struct Asked {
    command: Command,
    sender: SyncSender<CommandResult>,
}

/// How the server shall end, if it shall. It can only become more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Wish {
    /// Not at all.
    GoOn = 0,
    /// Stop accepting, answer what is in flight, close; after the drain's time, stop.
    Drain = 1,
    /// Close everything now.
    Stop = 2,
}

/// What the threads of a server share. The shards look at it once a turn.
#[derive(Debug)]
pub(crate) struct Shared {
    router: Router,
    drain_timeout_ms: u64,
    places: Box<[ShardPlace]>,
    listeners: Box<[Arc<ListenerShared>]>,
    /// Keys of JSON Web Tokens, where they are in a file.
    keys: Option<Arc<FileKeys>>,
    /// A [`Wish`]. Not a message in a queue: it must find its way when every queue is full.
    wish: AtomicU8,
    /// Whether the thread of a shard has panicked.
    failed: AtomicBool,
}

#[derive(Debug)]
pub(crate) struct ShardPlace {
    asked: ArrayQueue<Asked>,
    waker: OnceLock<Waker>,
    counters: Arc<ShardCounters>,
}

impl Shared {
    fn new(
        router: Router,
        drain_timeout_ms: u64,
        listeners: Box<[Arc<ListenerShared>]>,
        keys: Option<Arc<FileKeys>>,
    ) -> Arc<Shared> {
        let place = || ShardPlace {
            asked: ArrayQueue::new(COMMANDS_MAX),
            waker: OnceLock::new(),
            counters: Arc::default(),
        };
        Arc::new(Shared {
            router,
            drain_timeout_ms,
            places: (0..router.shards()).map(|_| place()).collect(),
            listeners,
            keys,
            wish: AtomicU8::new(Wish::GoOn as u8),
            failed: AtomicBool::new(false),
        })
    }

    fn place(&self, shard: ShardIndex) -> &ShardPlace {
        &self.places[usize::from(shard.0)]
    }

    /// Tells every shard how the server shall end.
    fn end(&self, wish: Wish) {
        self.wish.fetch_max(wish as u8, Ordering::SeqCst);
        self.wake_all();
    }

    fn wish(&self) -> Wish {
        match self.wish.load(Ordering::Relaxed) {
            0 => Wish::GoOn,
            1 => Wish::Drain,
            _ => Wish::Stop,
        }
    }

    /// A shard's thread panics: without it the server is not whole, so the others stop.
    fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
        self.end(Wish::Stop);
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    fn wake_all(&self) {
        for place in &self.places {
            place.wake();
        }
    }
}

impl ShardPlace {
    /// Hands a shard something to do. False: the queue is full.
    fn ask(&self, asked: Asked) -> bool {
        let taken = self.asked.push(asked).is_ok();
        self.wake();
        taken
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }
}

/// A running server. Dropping it does not stop it; [`Server::join`] waits until it has ended.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    cores: Vec<usize>,
    threads: Vec<host::ShardThread>,
    shared: Arc<Shared>,
}

impl Server {
    /// Starts a server. `make` is called once on every shard and makes the application there.
    ///
    /// # Errors
    /// When the configuration cannot work, the kernel lacks something, an address is taken, or a shard cannot be set up. Nothing
    /// is left running then.
    pub fn start<A: Application>(
        config: &Config,
        make: impl Fn(Context) -> A + Clone + Send + 'static,
    ) -> Result<Server, StartError> {
        shards::start(config, make, |_| Ok(Box::new(shards::random)))
    }

    /// As [`Server::start`], with challenges and private keys drawn from `entropy`, called with the
    /// index of each shard. For tests that replay recorded conversations; not in release builds.
    ///
    /// # Errors
    /// As [`Server::start`].
    #[cfg(debug_assertions)]
    pub fn start_with_entropy<A: Application>(
        config: &Config,
        make: impl Fn(Context) -> A + Clone + Send + 'static,
        entropy: impl Fn(u16) -> Box<dyn FnMut(&mut [u8])> + Clone + Send + 'static,
    ) -> Result<Server, StartError> {
        shards::start(config, make, move |shard| Ok(entropy(shard)))
    }

    /// Where each listener listens, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The core that each shard is pinned to.
    pub fn cores(&self) -> &[usize] {
        &self.cores
    }

    /// The way to the server from any thread.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { shared: Arc::clone(&self.shared) }
    }

    /// Waits until the server has ended, after [`ServerHandle::drain`] or [`ServerHandle::stop`], or
    /// because a shard's thread panicked: the others stop then.
    ///
    /// # Errors
    /// When a shard's thread panicked.
    pub fn join(self) -> Result<(), ShardFailed> {
        // Every thread is waited for before one is spoken of.
        let ends: Vec<_> = self.threads.into_iter().map(host::join).collect();
        let mut failures = (0..).zip(ends).filter_map(|(shard, end)| Some((shard, end.err()?)));
        let Some((shard, source)) = failures.next() else { return Ok(()) };
        let counters = &self.shared.place(ShardIndex(shard)).counters;
        let connections = counters.read(Counter::ConnectionsNow);
        Err(ShardFailed { shard, connections, source })
    }
}

/// What became of reading a listener's identity again.
#[derive(Debug)]
pub struct ReloadedIdentity {
    /// The listener's index in the configuration, from 0.
    pub listener: usize,
    /// Why it keeps its old identity, if it does.
    pub result: Result<(), IdentityError>,
}

/// What became of reading a listener's certificates again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The listener's index in the configuration, from 0.
    pub listener: usize,
    /// Why it keeps its old certificates, if it does.
    pub result: Result<(), SetupError>,
}

/// The way to a server from any thread.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    shared: Arc<Shared>,
}

impl ServerHandle {
    /// Stops accepting, answers what is in flight, then closes and ends. Returns at once.
    pub fn drain(&self) {
        self.shared.end(Wish::Drain);
    }

    /// Closes every connection and ends. Returns at once.
    pub fn stop(&self) {
        self.shared.end(Wish::Stop);
    }

    /// Reads the certificates of every TLS listener again; what became of each. A listener that has a
    /// bad file keeps what it has. Connections that exist go on as they are. Blocks while files are
    /// read.
    pub fn reload_certificates(&self) -> Vec<Reloaded> {
        let listeners = self.shared.listeners.iter().enumerate();
        let reload = |(listener, side): (usize, &Arc<ListenerShared>)| {
            Some(Reloaded { listener, result: side.tls.as_ref()?.reload() })
        };
        listeners.filter_map(reload).collect()
    }

    /// Reads the identities of every listener that has one again, as
    /// [`ServerHandle::reload_certificates`] does certificates.
    pub fn reload_identities(&self) -> Vec<ReloadedIdentity> {
        let listeners = self.shared.listeners.iter().enumerate();
        let reload = |(listener, side): (usize, &Arc<ListenerShared>)| {
            let result = side.identity.as_ref()?.reload();
            Some(ReloadedIdentity { listener, result })
        };
        listeners.filter_map(reload).collect()
    }

    /// Reads the keys of JSON Web Tokens again, where they are in a file; none where they are not. Bad ones are
    /// not taken: what there is stays.
    pub fn reload_auth(&self) -> Option<Result<(), AuthError>> {
        self.shared.keys.as_ref().map(|keys| keys.reload())
    }

    /// The counters of every shard, in order.
    pub fn counters(&self) -> Vec<Arc<ShardCounters>> {
        self.shared.places.iter().map(|place| Arc::clone(&place.counters)).collect()
    }

    /// Logs a user in without a login conversation, under a secret agreed elsewhere. False: the
    /// server name is unknown, the username taken, as many are logged in as may be, or the server does
    /// not answer.
    pub fn login(
        &self,
        uid: &[u8],
        server: &[u8],
        subid: &[u8],
        secret: impl Into<LoginSecret>,
    ) -> bool {
        let command = Command::LogIn {
            uid: uid.to_vec(),
            server: server.to_vec(),
            subid: subid.to_vec(),
            secret: secret.into(),
        };
        self.command(command).is_some_and(|result| result.count() > 0)
    }

    /// Ends the sessions of `target`; how many there were.
    pub fn logout(&self, target: Target) -> usize {
        self.end(target, LogoutReason::Logout)
    }

    /// As [`ServerHandle::logout`], told to the application as a kick.
    pub fn kick(&self, target: Target) -> usize {
        self.end(target, LogoutReason::Kick)
    }

    /// As [`Context::push`].
    pub fn push(&self, target: Target, content: Bytes) -> usize {
        self.command(Command::Push { target, content }).map_or(0, CommandResult::count)
    }

    /// The sessions of `target` that exist.
    pub fn online(&self, target: Target) -> Vec<Presence> {
        self.command(Command::Lookup { target }).map_or_else(Vec::new, CommandResult::presence)
    }

    fn end(&self, target: Target, reason: LogoutReason) -> usize {
        self.command(Command::End { target, reason }).map_or(0, CommandResult::count)
    }

    fn command(&self, command: Command) -> Option<CommandResult> {
        let owner = command.owner(&self.shared.router)?;
        let (sender, receiver) = sync_channel(1);
        if !self.shared.place(owner).ask(Asked { command, sender }) {
            return None;
        }
        receiver.recv_timeout(ANSWER_TIMEOUT).ok()
    }
}
