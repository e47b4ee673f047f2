//! Starts the shards of a server and runs each on its thread.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use skyring_protocols::crypt::{Key64, randomkey};

use super::steward::Steward;
use super::{Server, Shared};
use crate::auth::{AuthSettings, Authenticator, FileKeys};
use crate::config::{Config, Listener, capacity};
use crate::context::{Context, ShardSide};
use crate::cores;
use crate::driver::uring::directory::RingDirectory;
use crate::driver::uring::options::UringOptions;
use crate::driver::uring::probe::Probe;
use crate::driver::uring::socket::{self, ListenOptions};
use crate::driver::uring::{UringDriver, limits};
use crate::driver::{Driver, ListenerIndex, ShardIndex};
use crate::error::StartError;
use crate::handler::Application;
use crate::host::{self, ShardThread};
use crate::identity::ServerIdentity;
use crate::mailbox::Mailboxes;
use crate::places::Places;
use crate::ram;
use crate::route::Router;
use crate::shard::Shard;
use crate::shard::core::{Core, CoreParts, Entropy, ListenerShared};
use crate::shard::dispatch::Dispatch;
use crate::shard::drain::ServerEnd;
use crate::shard::mail::Mail;
use crate::shard::message::Message;
use crate::transport::tls::{ServerTls, Tickets};

/// Messages between two shards that may wait, at most.
const MAILBOX_MESSAGES: usize = 128;
/// Shards up to which each gets the larger share of receive buffers.
const FEW_SHARDS: u16 = 8;

/// Fills with random bytes; eight of them are a key of the crypt library (WIRE C1).
///
/// # Panics
/// When the operating system gives none, which it did when the server started.
pub(super) fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gave random bytes before");
    if let Ok(key) = <&mut Key64>::try_from(bytes) {
        *key = randomkey(*key);
    }
}

/// Milliseconds since 1970, 0 before.
fn wall_clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

fn random_word() -> Result<u64, StartError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| StartError::Entropy(error.to_string()))?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Everything a shard is made of.
struct ShardStart<M, E> {
    index: ShardIndex,
    settings: Vec<(Listener, Arc<ListenerShared>)>,
    sockets: Vec<OwnedFd>,
    options: UringOptions,
    directory: Arc<RingDirectory>,
    boxes: Arc<Mailboxes<Message>>,
    places: Arc<Places>,
    server_end: Arc<ServerEnd>,
    shared: Arc<Shared>,
    table_key: (u64, u64),
    cache_bytes_max: u64,
    memory_bytes_max: u64,
    sessions_max: usize,
    deciding_max: usize,
    unauthenticated_max: u32,
    auth: AuthSettings,
    started: Instant,
    make: M,
    entropy: E,
}

/// A shard that is set up and does not turn yet.
struct Ready {
    shard: Shard<UringDriver>,
    side: Rc<ShardSide>,
    tasks: host::Tasks,
    /// The eventfd that its ring signals while it is parked.
    bell: OwnedFd,
    steward: Steward,
}

/// Shards on their threads, being set up.
struct Launch {
    /// By shard; none for one whose thread could not be started.
    threads: Vec<Option<ShardThread>>,
    /// By shard: whether to go on, once all are set up.
    gos: Vec<SyncSender<bool>>,
    up: SyncSender<Report>,
    reports: Receiver<Report>,
}

/// What became of setting a shard up.
type Report = Result<(), StartError>;

pub(super) fn start<A, M, E>(config: &Config, make: M, entropy: E) -> Result<Server, StartError>
where
    A: Application,
    M: Fn(Context) -> A + Clone + Send + 'static,
    E: Fn(u16) -> Result<Entropy, StartError> + Clone + Send + 'static,
{
    config.validate()?;
    Probe::run()?;
    // Best effort: a lower limit only means a smaller table, which `doctor` explains.
    let _ = limits::raise_descriptor_limit();
    let _ = limits::raise_locked_memory_limit();
    if let Ok(slots) = limits::slots_allowed(config.connections_per_shard_max) {
        config.check_table(slots)?;
    }
    let allowed = if config.cores.is_empty() { cores::allowed() } else { config.cores.clone() };
    let shards = capacity::shards(config, allowed.len()) as u16;
    let router = Router::new(shards, (random_word()?, random_word()?));
    let settings = listener_sides(config)?;
    let keys = match &config.auth {
        AuthSettings::Jwt(jwt) => Some(Arc::new(FileKeys::load(&jwt.keys)?)),
        _ => None,
    };
    let sides = settings.iter().map(|(_, side)| Arc::clone(side)).collect();
    let shared = Shared::new(router, config.drain_timeout_ms, sides, keys);
    let (addresses, sockets) = listen(config, shards)?;
    let starts = shard_starts(config, &shared, &settings, sockets, &make, &entropy)?;
    let cores: Vec<usize> = allowed.into_iter().cycle().take(usize::from(shards)).collect();
    let mut launch = Launch::new(shards);
    for (start, core) in starts.into_iter().zip(&cores) {
        launch.spawn(start, *core);
    }
    let threads = launch.settle()?;
    Ok(Server { addresses, cores, threads, shared })
}

/// Everything that the shards are made of, one set of sockets each.
fn shard_starts<M: Clone, E: Clone>(
    config: &Config,
    shared: &Arc<Shared>,
    settings: &[(Listener, Arc<ListenerShared>)],
    sockets: Vec<Vec<OwnedFd>>,
    make: &M,
    entropy: &E,
) -> Result<Vec<ShardStart<M, E>>, StartError> {
    let shards = shared.router.shards();
    let server_end = ServerEnd::new(shards, shared.listeners.iter().map(Arc::clone));
    let directory = Arc::new(RingDirectory::new(usize::from(shards)));
    let boxes = Mailboxes::new(shards, MAILBOX_MESSAGES);
    let places = Arc::new(Places::new(shards));
    let started = Instant::now();
    let (configured, count) = (config.memory_bytes_per_shard_max, usize::from(shards));
    let memory_bytes_max = capacity::memory_bytes(configured, ram::available_bytes(), count);
    let start = |(index, sockets)| {
        Ok(ShardStart {
            index: ShardIndex(index),
            settings: settings.to_vec(),
            sockets,
            options: ring_options(config, shards),
            directory: Arc::clone(&directory),
            boxes: Arc::clone(&boxes),
            places: Arc::clone(&places),
            server_end: Arc::clone(&server_end),
            shared: Arc::clone(shared),
            table_key: (random_word()?, random_word()?),
            cache_bytes_max: config.cache_bytes_a_shard(),
            memory_bytes_max,
            sessions_max: capacity::sessions(config.sessions_per_shard_max, memory_bytes_max),
            deciding_max: config.logins_in_progress_per_shard_max as usize,
            unauthenticated_max: config.unauthenticated_per_shard_max,
            started,
            auth: config.auth.clone(),
            make: make.clone(),
            entropy: entropy.clone(),
        })
    };
    (0..shards).zip(sockets).map(start).collect()
}

impl Launch {
    fn new(shards: u16) -> Launch {
        let (up, reports) = sync_channel(usize::from(shards));
        Launch { threads: Vec::new(), gos: Vec::new(), up, reports }
    }

    /// Starts a shard's thread.
    fn spawn<A, M, E>(&mut self, start: ShardStart<M, E>, core: usize)
    where
        A: Application,
        M: Fn(Context) -> A + Send + 'static,
        E: Fn(u16) -> Result<Entropy, StartError> + Send + 'static,
    {
        let shard = start.index.0;
        let (go, wait) = sync_channel(1);
        let up = self.up.clone();
        let spawned = host::spawn(&format!("shard-{shard}"), core, move || run(start, up, wait));
        self.gos.push(go);
        self.threads.push(match spawned {
            Ok(thread) => Some(thread),
            Err(source) => {
                let report = Err(StartError::Shard { shard, source });
                self.up.send(report).expect("we receive it");
                None
            }
        });
    }

    /// Waits until every shard is set up and lets them go, or ends them all because one is not.
    fn settle(self) -> Result<Vec<ShardThread>, StartError> {
        let Launch { threads, gos, up, reports } = self;
        // A shard whose executor cannot be set up, or that panics, says nothing: its sender is gone
        // with it, and the last sender that goes ends the wait.
        drop(up);
        let reports: Vec<Report> = reports.iter().take(gos.len()).collect();
        let complete = reports.len() == gos.len() && reports.iter().all(Result::is_ok);
        for go in gos {
            // A shard that failed has stopped listening.
            let _ = go.send(complete);
        }
        if complete {
            return Ok(threads.into_iter().flatten().collect());
        }
        let (reported, silent) =
            (reports.into_iter().find_map(Result::err), silent_failure(threads));
        Err(reported.or(silent).unwrap_or_else(|| {
            let source = io::Error::other("it ended without a word");
            StartError::Shard { shard: 0, source }
        }))
    }
}

/// Waits for the threads of a start that failed. The first that ended by an error, if any did.
fn silent_failure(threads: Vec<Option<ShardThread>>) -> Option<StartError> {
    let ends = (0..).zip(threads).filter_map(|(shard, thread)| {
        let source = host::join(thread?).err()?;
        Some(StartError::Shard { shard, source })
    });
    // Every thread is waited for.
    ends.collect::<Vec<_>>().into_iter().next()
}

fn ring_options(config: &Config, shards: u16) -> UringOptions {
    let few = shards <= FEW_SHARDS;
    UringOptions {
        slots: config.connections_per_shard_max,
        buffers: if few { 1024 } else { 256 },
        submission_entries: if few { 4096 } else { 1024 },
        completion_entries: if few { 32_768 } else { 8192 },
        ..UringOptions::default()
    }
}

/// Binds every listener's address once for each shard.
fn listen(
    config: &Config,
    shards: u16,
) -> Result<(Vec<std::net::SocketAddr>, Vec<Vec<OwnedFd>>), StartError> {
    let mut addresses = Vec::new();
    let mut sockets: Vec<Vec<OwnedFd>> = (0..shards).map(|_| Vec::new()).collect();
    for listener in &config.listeners {
        let address = listener.address;
        let options = ListenOptions {
            backlog: listener.backlog,
            nodelay: listener.nodelay,
            congestion: listener.congestion.clone(),
            ..ListenOptions::default()
        };
        let wrong = |source| StartError::Listen { address, source };
        let group = socket::listen_group(address, usize::from(shards), &options).map_err(wrong)?;
        addresses.push(socket::local_address(&group[0]).map_err(wrong)?);
        for (set, socket) in sockets.iter_mut().zip(group) {
            set.push(socket);
        }
    }
    Ok((addresses, sockets))
}

fn listener_sides(config: &Config) -> Result<Vec<(Listener, Arc<ListenerShared>)>, StartError> {
    let tickets = Tickets::default();
    let side = |(index, listener): (usize, &Listener)| {
        let keys = [(random_word()?, random_word()?), (random_word()?, random_word()?)];
        let tls = listener.tls.as_ref().map(|tls| tls.of_listener(listener.kind));
        let tls = tls.map(|tls| ServerTls::load_with(&tls, &tickets)).transpose();
        let tls = tls.map_err(|source| StartError::Tls { listener: index, source })?;
        let identity = listener.identity.as_deref().map(ServerIdentity::load).transpose();
        let identity =
            identity.map_err(|source| StartError::Identity { listener: index, source })?;
        Ok((listener.clone(), Arc::new(ListenerShared::new(listener, keys, tls, identity))))
    };
    config.listeners.iter().enumerate().map(side).collect()
}

/// A shard's thread: set up, wait for the others, turn until the server ends.
async fn run<A, M, E>(start: ShardStart<M, E>, up: SyncSender<Report>, go: Receiver<bool>)
where
    A: Application,
    M: Fn(Context) -> A,
    E: Fn(u16) -> Result<Entropy, StartError>,
{
    let (report, ready) = match set_up(start) {
        Ok(ready) => (Ok(()), Some(ready)),
        Err(error) => (Err(error), None),
    };
    // The starter may have given up. It counts on the sender being gone before the wait.
    let _ = up.send(report);
    drop(up);
    let go = go.recv().unwrap_or(false);
    let Some(Ready { shard, side, tasks, bell, mut steward }) = ready.filter(|_| go) else {
        return;
    };
    host::run(shard, side, tasks, bell, move |shard| steward.step(shard)).await;
}

fn set_up<A, M, E>(start: ShardStart<M, E>) -> Result<Ready, StartError>
where
    A: Application,
    M: Fn(Context) -> A,
    E: Fn(u16) -> Result<Entropy, StartError>,
{
    let ShardStart { index, shared, started, .. } = start;
    let wrong = |source| StartError::Shard { shard: index.0, source };
    let mut driver = UringDriver::new(&start.options, index, start.directory).map_err(wrong)?;
    let bell = driver.park_fd().map_err(wrong)?;
    let listeners = start.sockets.len();
    for (at, socket) in start.sockets.into_iter().enumerate() {
        driver.add_listener(ListenerIndex(at as u16), socket);
    }
    let place = shared.place(index);
    let unset = place.waker.set(driver.waker()).is_ok();
    debug_assert!(unset, "a shard starts once");
    let clock = move || started.elapsed().as_millis() as u64;
    let counters = Arc::clone(&place.counters);
    let tasks = host::Tasks::default();
    let side = ShardSide::new(index, Box::new(tasks.clone()), Box::new(clock), counters);
    let application = Rc::new((start.make)(side.context()));
    let (context, keys) = (side.context(), shared.keys.as_ref());
    let authenticator = Authenticator::start(&start.auth, keys, &context, &place.counters)?;
    let core = Core::new(CoreParts {
        index,
        router: shared.router,
        table_key: start.table_key,
        slots: driver.slots(),
        listeners: start.settings,
        mail: Mail::new(start.boxes),
        places: start.places,
        dispatch: Dispatch::new(application, Rc::clone(&side), authenticator),
        side: Rc::clone(&side),
        counters: Arc::clone(&place.counters),
        entropy: (start.entropy)(index.0)?,
        cache_bytes_max: start.cache_bytes_max,
        memory_bytes_max: start.memory_bytes_max,
        sessions_max: start.sessions_max,
        deciding_max: start.deciding_max,
        unauthenticated_max: start.unauthenticated_max,
        now_ms: clock(),
        server_end: start.server_end,
        wall_clock: Box::new(wall_clock_ms),
    });
    let shard = Shard::new(driver, core, Box::new(clock));
    let steward = Steward::new(shared, index, listeners);
    Ok(Ready { shard, side, tasks, bell, steward })
}
