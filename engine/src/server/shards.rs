//! Starts the shards of a server and runs each on its thread.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::{Control, Server, Shared};
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
use crate::host;
use crate::mailbox::Mailboxes;
use crate::route::Router;
use crate::shard::Shard;
use crate::shard::core::{Core, CoreParts, Entropy, ListenerShared};
use crate::shard::dispatch::Dispatch;
use crate::shard::limits::AddressLimiter;
use crate::shard::mail::Mail;
use crate::shard::message::Message;

/// Messages between two shards that may wait, at most.
const MAILBOX_MESSAGES: usize = 128;
/// Shards up to which each gets the larger share of receive buffers.
const FEW_SHARDS: u16 = 8;

/// A random key for a challenge or a key exchange.
///
/// # Panics
/// When the operating system gives none, which it did when the server started.
pub(super) fn random() -> [u8; 8] {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the operating system gave random bytes before");
    skyring_protocols::crypt::randomkey(bytes)
}

fn random_word() -> Result<u64, StartError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| StartError::Entropy(error.to_string()))?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Everything a shard's thread is given.
struct ShardStart<M, E> {
    index: ShardIndex,
    settings: Vec<(Listener, Arc<ListenerShared>)>,
    sockets: Vec<OwnedFd>,
    options: UringOptions,
    directory: Arc<RingDirectory>,
    boxes: Arc<Mailboxes<Message>>,
    shared: Arc<Shared>,
    table_key: (u64, u64),
    cache_bytes_max: u64,
    started: Instant,
    make: M,
    entropy: E,
    up: SyncSender<Result<(), StartError>>,
    go: Receiver<bool>,
}

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
    let shared = Shared::new(router, config.drain_timeout_ms);
    let (addresses, mut sockets) = listen(config, shards)?;
    let listeners = listener_sides(config)?;
    let directory = Arc::new(RingDirectory::new(usize::from(shards)));
    let boxes = Mailboxes::new(shards, MAILBOX_MESSAGES);
    let (up, ups) = sync_channel(usize::from(shards));
    let started = Instant::now();
    let mut threads = Vec::new();
    let mut gos = Vec::new();
    let mut pinned = Vec::new();
    for index in (0..shards).map(ShardIndex) {
        let (go, wait) = sync_channel(1);
        let part = ShardStart {
            index,
            settings: listeners.clone(),
            sockets: sockets.pop().expect("one set of sockets a shard"),
            options: ring_options(config, shards),
            directory: Arc::clone(&directory),
            boxes: Arc::clone(&boxes),
            shared: Arc::clone(&shared),
            table_key: (random_word()?, random_word()?),
            cache_bytes_max: config.cache_bytes_a_shard(),
            started,
            make: make.clone(),
            entropy: entropy.clone(),
            up: up.clone(),
            go: wait,
        };
        let core = allowed[usize::from(index.0) % allowed.len()];
        let name = format!("shard-{}", index.0);
        match host::spawn(&name, core, move || run(part)) {
            Ok(thread) => threads.push(thread),
            Err(source) => {
                up.send(Err(StartError::Shard { shard: index.0, source })).expect("we receive it");
            }
        }
        gos.push(go);
        pinned.push(core);
    }
    let results: Vec<_> = ups.iter().take(usize::from(shards)).collect();
    let failed = results.into_iter().find_map(Result::err);
    for go in gos {
        // A shard that failed has stopped listening.
        let _ = go.send(failed.is_none());
    }
    match failed {
        None => Ok(Server { addresses, cores: pinned, threads, shared }),
        Some(error) => {
            threads.into_iter().for_each(|thread| drop(host::join(thread)));
            Err(error)
        }
    }
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
    let side = |listener: &Listener| {
        let per_second = listener.connections_per_second_per_address;
        let limiter = match per_second {
            0 => None,
            _ => {
                Some(Mutex::new(AddressLimiter::new(per_second, (random_word()?, random_word()?))))
            }
        };
        Ok((listener.clone(), Arc::new(ListenerShared { connections: 0.into(), limiter })))
    };
    config.listeners.iter().map(side).collect()
}

/// A shard's thread: set up, wait for the others, turn until the server ends.
async fn run<A, M, E>(mut start: ShardStart<M, E>)
where
    A: Application,
    M: Fn(Context) -> A,
    E: Fn(u16) -> Result<Entropy, StartError>,
{
    let (up, index) = (start.up.clone(), start.index);
    let made = set_up(&mut start);
    let (report, shard) = match made {
        Ok(shard) => (Ok(()), Some(shard)),
        Err(error) => (Err(error), None),
    };
    // The starter receives one report a shard, whatever happens.
    let _ = up.send(report);
    let go = start.go.recv().unwrap_or(false);
    let Some((shard, side)) = shard.filter(|_| go) else { return };
    let ended = turn(shard, side, &start.shared, index).await;
    ended.expect("the shard's eventfd exists as long as its ring");
}

fn turn(
    shard: Shard<UringDriver>,
    side: Rc<ShardSide>,
    shared: &Arc<Shared>,
    index: ShardIndex,
) -> impl Future<Output = io::Result<()>> {
    let shared = Arc::clone(shared);
    let mut stop_at = None;
    let mut reported = false;
    let mut listeners = shard.core().listeners.len();
    host::run(shard, side, move |shard| {
        while let Some(control) = shared.place(index).controls.pop() {
            match control {
                Control::Drain(timeout_ms) => {
                    let core = shard.core_mut();
                    core.drain();
                    stop_at.get_or_insert(core.now_ms.saturating_add(timeout_ms));
                }
                Control::Stop => stop_at = Some(0),
                Control::Command(command, sender) => {
                    let result = shard.core_mut().execute(command);
                    // Whoever asked may have stopped waiting.
                    let _ = sender.try_send(result);
                }
            }
        }
        if stop_at.is_some_and(|at| at <= shard.core().now_ms) {
            shard.core_mut().stop();
        }
        if shard.core().has_stopped_accepting() {
            close_listeners(shard.driver_mut(), &mut listeners);
        }
        if !reported && shard.core().is_drained() {
            reported = true;
            shared.drained();
        }
        !(reported && shared.all_drained())
    })
}

/// Closes the first `left` listening sockets, once: from then on the kernel refuses who connects.
fn close_listeners(driver: &mut UringDriver, left: &mut usize) {
    for at in 0..std::mem::take(left) {
        drop(driver.remove_listener(ListenerIndex(at as u16)));
    }
}

fn set_up<A, M, E>(
    start: &mut ShardStart<M, E>,
) -> Result<(Shard<UringDriver>, Rc<ShardSide>), StartError>
where
    A: Application,
    M: Fn(Context) -> A,
    E: Fn(u16) -> Result<Entropy, StartError>,
{
    let index = start.index;
    let wrong = |source| StartError::Shard { shard: index.0, source };
    let mut driver =
        UringDriver::new(&start.options, index, Arc::clone(&start.directory)).map_err(wrong)?;
    for (at, socket) in start.sockets.drain(..).enumerate() {
        driver.add_listener(ListenerIndex(at as u16), socket);
    }
    let place = start.shared.place(index);
    let unset = place.waker.set(driver.waker()).is_ok();
    debug_assert!(unset, "a shard starts once");
    let clock_start = start.started;
    let clock = move || clock_start.elapsed().as_millis() as u64;
    let side = ShardSide::new(index, Box::new(host::Tasks), Box::new(clock));
    let application = Rc::new((start.make)(side.context()));
    let core = Core::new(CoreParts {
        index,
        router: start.shared.router,
        table_key: start.table_key,
        slots: driver.slots(),
        listeners: std::mem::take(&mut start.settings),
        mail: Mail::new(Arc::clone(&start.boxes)),
        dispatch: Dispatch::new(application, Rc::clone(&side)),
        side: Rc::clone(&side),
        counters: Arc::clone(&place.counters),
        entropy: (start.entropy)(index.0)?,
        cache_bytes_max: start.cache_bytes_max,
        now_ms: clock(),
    });
    Ok((Shard::new(driver, core, Box::new(clock)), side))
}
