//! Those who only want to play: the load generator's own users, in three groups.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use skyring::driver::uring::limits;
use skyring_loadgen::live::Live;
use skyring_loadgen::options::{Options, TlsOptions, WebServer, WsOptions};
use skyring_loadgen::plan::{Limits, Plan};
use skyring_loadgen::report::{Report, Status};
use skyring_loadgen::{probe, run};
use skyring_protocols::crypt::base64decode_canonical;

use super::record::Group;
use super::server::Served;
use crate::certificate::NAME;

/// Users behind one address.
const USERS_PER_ADDRESS: u32 = 10;
/// Connections a second that one address opens at most: a third of what it may.
const CONNECTS_PER_ADDRESS: u32 = 3;
/// Requests a second of one user.
const REQUESTS_PER_USER: u32 = 2;
/// Parts per million of the requests after which a user loses its connection, and of the users that log
/// in anew each second.
const DROP_PPM: u32 = 5_000;
const CHURN_PPM: u32 = 1_000;

/// The groups, and their parts of all users, in tenths.
const GROUPS: [(&str, u32); 3] = [
    ("Skynet's handshake, TCP", 4),
    ("secure handshake, TCP", 3),
    ("Skynet's handshake, WebSocket over TLS", 3),
];

/// How they play.
#[derive(Clone, Copy, Debug)]
pub(super) struct Play {
    /// Users in all.
    pub(super) users: u32,
    /// How long, from when all are in.
    pub(super) lasts: Duration,
    /// What their choices are drawn from.
    pub(super) seed: u64,
}

/// The groups while they play.
pub(super) struct Playing {
    stop: Arc<AtomicBool>,
    threads: Vec<(&'static str, JoinHandle<Result<Report, String>>)>,
}

/// Sends all groups to play.
pub(super) fn begin(served: &Served, play: Play) -> Result<Playing, Box<dyn Error>> {
    let descriptors = limits::raise_descriptor_limit()?;
    let descriptors = u32::try_from(descriptors).unwrap_or(u32::MAX).min(limits::SLOTS_MAX);
    let limits = Limits { descriptors, ports: probe::ephemeral_ports() };
    let stop = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    for (number, (name, _)) in GROUPS.into_iter().enumerate() {
        let plan = Plan::new(options(served, play, number)?, limits)?;
        let stop = Arc::clone(&stop);
        let played = move || {
            let outcome = run::run(plan.clone(), &mut Live::new(true), &stop);
            let outcome = outcome.map_err(|error| error.to_string())?;
            Ok(Report::new(&plan, &outcome, Vec::new()))
        };
        threads.push((name, thread::spawn(played)));
    }
    Ok(Playing { stop, threads })
}

impl Playing {
    /// Whether a group is still at it.
    pub(super) fn goes_on(&self) -> bool {
        self.threads.iter().any(|(_, thread)| !thread.is_finished())
    }

    /// How the groups fared; waits for them.
    pub(super) fn end(self) -> Vec<Group> {
        let judge = |(name, thread): (&str, JoinHandle<_>)| {
            let played = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            group(name, played)
        };
        self.threads.into_iter().map(judge).collect()
    }

    /// Has them end early.
    pub(super) fn stop(&self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

fn options(served: &Served, play: Play, group: usize) -> Result<Options, Box<dyn Error>> {
    let users = (play.users * GROUPS[group].1 / 10).max(1);
    let addresses = users.div_ceil(USERS_PER_ADDRESS);
    let first = u32::from(Ipv4Addr::new(127, 5, group as u8, 1));
    let sources = (first..first + addresses).map(|it| IpAddr::from(Ipv4Addr::from(it)));
    let base = Options {
        users,
        sources: sources.collect(),
        user_prefix: if group == 0 { "player".into() } else { format!("player-{group}-") },
        play_ns: play.lasts.as_nanos() as u64,
        rate: u64::from(users * REQUESTS_PER_USER),
        payload_bytes_min: 20,
        payload_bytes_max: 512,
        drop_ppm: DROP_PPM,
        churn_ppm: CHURN_PPM,
        connects_per_second: u64::from(addresses * CONNECTS_PER_ADDRESS),
        shards: 1,
        allow_late: true,
        seed: play.seed + group as u64,
        quiet: true,
        ..Options::default()
    };
    let targets = served.targets;
    let over_tcp = Options { logins: vec![targets.login], msgs: vec![targets.msg], ..base.clone() };
    Ok(match group {
        0 => over_tcp,
        1 => {
            let key = base64decode_canonical(served.public_key.as_bytes());
            let key = key.ok().and_then(|key| key.try_into().ok()).ok_or("no public key")?;
            Options { v2: vec![key], ..over_tcp }
        }
        _ => {
            let place = |path: &str| WebServer {
                address: targets.https,
                host: NAME.into(),
                path: path.into(),
            };
            let (logins, msgs) = (vec![place("/login")], vec![place("/msg")]);
            let (name, authorities) = (Some(NAME.into()), Some(served.authority()));
            let tls = TlsOptions { is_on: true, authorities, name, ..TlsOptions::default() };
            Options { ws: WsOptions { logins, msgs, ..WsOptions::default() }, tls, ..base }
        }
    })
}

fn group(name: &str, played: Result<Report, String>) -> Group {
    let report = match played {
        Ok(report) => report,
        Err(error) => {
            let reasons = vec![error];
            return Group { name: name.into(), reasons, ..Group::default() };
        }
    };
    let has_passed = report.verdict.status == Status::Passed;
    let findings = report.check.findings.iter().take(5).cloned();
    let reasons = report.verdict.reasons.iter().cloned().chain(findings);
    Group {
        name: name.into(),
        users: report.login.users,
        right: report.check.right,
        wrong: report.check.wrong,
        logins: report.login.login.count,
        attaches: report.login.attach.count,
        response_p50_us: report.play.response.p50_ns as f64 / 1e3,
        response_p99_us: report.play.response.p99_ns as f64 / 1e3,
        troubles: troubles(&report),
        reasons: if has_passed { Vec::new() } else { reasons.collect() },
    }
}

/// What went wrong with connections, by what it was.
fn troubles(report: &Report) -> BTreeMap<String, u64> {
    report.troubles.iter().map(|(what, times)| (what.to_string(), *times)).collect()
}
