//! What the test programs share: the built-in server with its faults, and runs against it.

#![allow(dead_code, reason = "each test program uses its own part")]

pub(crate) mod authority;
pub(crate) mod cells;
pub(crate) mod socket;
pub(crate) mod web;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use skyring_loadgen::live::Live;
use skyring_loadgen::options::Options;
use skyring_loadgen::plan::{Limits, Plan};
use skyring_loadgen::report::Report;
use skyring_loadgen::run;
use skyring_loadgen::selftest::server::{self, Order};
pub(crate) use skyring_loadgen::selftest::state::Fault;

/// Serves every connection to a port of the kernel's choice on a thread of its own, until the test
/// program ends.
fn serve_all(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it has one");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            // A connection that breaks is the other side's choice.
            thread::spawn(move || stream.set_nodelay(true).and_then(|()| serve(stream)));
        }
    });
    address
}

/// The built-in server; it ends with the test program.
pub(crate) struct Server {
    pub(crate) login: SocketAddr,
    pub(crate) msg: SocketAddr,
    pub(crate) gate: SocketAddr,
}

impl Server {
    /// Answers come in any order.
    pub(crate) fn start(fault: Fault) -> Server {
        Server::of(fault, Order::Mixed)
    }

    /// Answers come in the order of their requests.
    pub(crate) fn start_in_order(fault: Fault) -> Server {
        Server::of(fault, Order::Kept)
    }

    fn of(fault: Fault, order: Order) -> Server {
        let started = server::Server::start(fault, order).expect("ports");
        let (login, msg, gate) = (started.login, started.msg, started.gate);
        // Dropped, it would accept no more.
        std::mem::forget(started);
        Server { login, msg, gate }
    }

    /// Options for a short run against it.
    pub(crate) fn options(&self) -> Options {
        Options {
            logins: vec![self.login],
            msgs: vec![self.msg],
            users: 40,
            play_ns: 700_000_000,
            drain_ns: 1_000_000_000,
            allow_late: true,
            ..Options::default()
        }
    }
}

/// Runs a plan in this process and sums it up.
pub(crate) fn play(options: Options) -> Report {
    let plan = Plan::new(options, Limits { descriptors: 4096, ports: 28_000 }).expect("a plan");
    let outcome = run::run(plan.clone(), &mut Live::new(true), &false.into()).expect("a run");
    Report::new(&plan, &outcome, Vec::new())
}
