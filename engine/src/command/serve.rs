//! `skyring serve`: the demo application behind the configured listeners, until a signal.
//!
//! SIGTERM or SIGINT starts the drain: no more accepts, what runs is answered, then everything is
//! closed and the exit status is 0. A second signal ends it at once, also with status 0: that is
//! what was asked for. A shard that panics ends it too: the others are stopped, one line names the shard
//! and the reason, and the exit status is 1. SIGHUP has certificates, identities and the keys of tokens
//! read again.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use skyring::admin::{self, Admin, CounterRow};
use skyring::auth::AuthSettings;
use skyring::config::{Config, ListenerKind};
use skyring::demo::Demo;
use skyring::error::{ShardFailed, StartError};
use skyring::server::{Server, ServerHandle};
use skyring::shard::counters::Counter;

const WARNING: &str = "\
warning: this is the demo application, and the protocol it speaks protects nobody by itself: see
         README.md, \"What the protocol protects\".";

const WARNING_PASSWORD: &str = "\
warning: every user's password is \"password\".";

const WARNING_OPEN: &str = "\
warning: a listener is reachable from other machines. Anybody there can log in as anybody.";

/// Why serving failed.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("signals cannot be caught: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("admin port {address}: {source}")]
    Admin { address: std::net::SocketAddr, source: io::Error },
    #[error(transparent)]
    Shard(#[from] ShardFailed),
}

pub(super) fn run(path: Option<&Path>) -> ExitCode {
    let config = match super::load(path) {
        Ok(config) => config,
        Err(error) => return super::refuse(&error),
    };
    match serve(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain!("skyring: {error}");
            if !matches!(error, ServeError::Shard(_)) {
                complain!("Try `skyring doctor`.");
            }
            ExitCode::FAILURE
        }
    }
}

fn serve(config: &Config) -> Result<(), ServeError> {
    // Before anything listens: a signal that comes early must not kill a server half started.
    let signals = Signals::new([SIGHUP, SIGTERM, SIGINT]).map_err(ServeError::Signals)?;
    let settings = config.clone();
    let server = Server::start(config, move |context| Demo::configured(context, &settings))?;
    let admin = match open_admin(config, &server.handle()) {
        Ok(admin) => admin,
        Err(error) => {
            server.handle().stop();
            server.join()?;
            return Err(error);
        }
    };
    super::print(&report(config, &server, admin.as_ref()));
    complain!("{WARNING}");
    // Where the configuration says who judges tokens, the demo's password lets nobody in.
    let is_open = config.auth == AuthSettings::Application;
    if is_open {
        complain!("{WARNING_PASSWORD}");
    }
    if is_open && server.addresses().iter().any(|address| !address.ip().is_loopback()) {
        complain!("{WARNING_OPEN}");
    }
    heed_signals(signals, server.handle());
    Ok(server.join()?)
}

fn open_admin(config: &Config, handle: &ServerHandle) -> Result<Option<Admin>, ServeError> {
    let Some(address) = config.admin else { return Ok(None) };
    let handle = handle.clone();
    let admin = Admin::start(address, move || admin::format(&rows(&handle)));
    admin.map(Some).map_err(|source| ServeError::Admin { address, source })
}

/// Every counter of every shard.
fn rows(handle: &ServerHandle) -> Vec<CounterRow> {
    let shards = handle.counters();
    let row = |&counter: &Counter| CounterRow {
        name: counter.name(),
        help: counter.help(),
        shards: shards.iter().map(|shard| shard.read(counter)).collect(),
    };
    Counter::ALL.iter().map(row).collect()
}

/// What is up, for whoever started it: real addresses, so that port 0 tells which port it became.
fn report(config: &Config, server: &Server, admin: Option<&Admin>) -> String {
    let mut lines = vec![format!("skyring {}", env!("CARGO_PKG_VERSION"))];
    let mut cores = server.cores().to_vec();
    let shards = cores.len();
    cores.sort_unstable();
    cores.dedup();
    lines.push(format!("  shards  {shards} on processors {cores:?}"));
    for (listener, address) in config.listeners.iter().zip(server.addresses()) {
        let server = match listener.kind {
            ListenerKind::Msg => format!("  server {:?}", listener.server),
            ListenerKind::Login | ListenerKind::Gate | ListenerKind::Http => String::new(),
        };
        let tls = if listener.tls.is_some() { "  tls" } else { "" };
        lines.push(format!("  {:<6}  {address}{server}{tls}", listener.kind.name()));
    }
    if let Some(admin) = admin {
        lines.push(format!("  admin   {}", admin.address()));
    }
    lines.push(String::from("ready; SIGTERM or Ctrl-C drains, a second one stops\n"));
    lines.join("\n")
}

/// Drains at the first signal that ends, stops at the second; SIGHUP reloads. The thread ends with the
/// process.
fn heed_signals(mut signals: Signals, handle: ServerHandle) {
    thread::spawn(move || {
        let mut draining = false;
        for signal in signals.forever() {
            match (signal, draining) {
                (SIGHUP, _) => complain!("{}", reload(&handle).trim_end()),
                (_, false) => {
                    complain!("skyring: draining");
                    handle.drain();
                    draining = true;
                }
                (_, true) => {
                    complain!("skyring: stopping");
                    handle.stop();
                    return;
                }
            }
        }
    });
}

/// Reads certificates and identities again; what to say about it.
fn reload(handle: &ServerHandle) -> String {
    let certificates = handle.reload_certificates();
    let certificates = certificates
        .into_iter()
        .map(|one| said_of(one.listener, "certificates", one.result.map_err(|e| e.to_string())));
    let identities = handle.reload_identities();
    let identities = identities
        .into_iter()
        .map(|one| said_of(one.listener, "identity", one.result.map_err(|e| e.to_string())));
    let keys = handle.reload_auth().into_iter().map(|result| match result {
        Ok(()) => String::from("skyring: auth: keys reloaded\n"),
        Err(error) => format!("skyring: auth keeps its keys: {error}\n"),
    });
    let said: String = certificates.chain(identities).chain(keys).collect();
    match said.is_empty() {
        true => String::from("skyring: there are no certificates, identities or keys to reload\n"),
        false => said,
    }
}

fn said_of(listener: usize, what: &str, result: Result<(), String>) -> String {
    match result {
        Ok(()) => format!("skyring: listener[{listener}]: {what} reloaded\n"),
        Err(error) => format!("skyring: listener[{listener}] keeps its {what}: {error}\n"),
    }
}
