//! The checks that need no more than facts: those and the configuration in, findings out.
//!
//! A check fails when the server would not start, or would do less than its configuration says
//! without anybody noticing; it warns when the server runs, but worse than it could.

use skyring::config::{Config, Listener, capacity};

use super::ceiling::Ceiling;
use super::facts::{Facts, Limit};
use super::finding::Finding;

/// The oldest kernel with everything that is needed: older ones keep connections open that are
/// closed.
const KERNEL_MIN: (u32, u32) = (6, 13);

/// Bytes of locked memory without which an executor does not start.
const LOCKED_BYTES_MIN: u64 = 512 * 1024;

/// Shards up to which each has the larger queues.
const SHARDS_FEW: u64 = 8;

/// Bytes that a shard with the larger queues is charged at most: its ring and those of its executor.
const LOCKED_BYTES_FEW: u64 = 2 * 1024 * 1024;

/// Likewise with the smaller queues.
const LOCKED_BYTES_MANY: u64 = 512 * 1024;

/// Connections below which a ceiling deserves a warning.
const CEILING_LOW: u64 = 10_000;

/// Every one of them, in the order they are printed.
pub(super) fn all(config: &Config, facts: &Facts, ceiling: &Ceiling) -> Vec<Finding> {
    let mut findings = vec![
        kernel(facts),
        cores(config, facts, ceiling),
        descriptors(config, facts, ceiling),
        open_files(facts, ceiling),
        locked_memory(facts, ceiling),
        backlog(config, facts),
        syn_backlog(config, facts),
        local_ports(config, facts),
        congestion(config, facts),
    ];
    findings.extend(tracked(facts, ceiling));
    findings
}

fn kernel(facts: &Facts) -> Finding {
    let subject = "kernel";
    let (major, minor) = KERNEL_MIN;
    let Some(release) = &facts.release else {
        return Finding::warn(subject, "the kernel does not tell its release", "is this Linux?");
    };
    if version(release).is_some_and(|version| version < KERNEL_MIN) {
        let seen = format!("{release} is older than {major}.{minor}");
        return Finding::fail(subject, seen, format!("install Linux {major}.{minor} or newer"));
    }
    let seen = format!("{release}, at least {major}.{minor} is needed");
    match facts.io_uring_disabled {
        Some(1) => Finding::warn(
            subject,
            format!("{release}; io_uring is for privileged processes and one group only"),
            "sysctl -w kernel.io_uring_disabled=0, or run in the group kernel.io_uring_group",
        ),
        Some(2..) => Finding::fail(
            subject,
            format!("{release}; io_uring is switched off"),
            "sysctl -w kernel.io_uring_disabled=0",
        ),
        _ => Finding::ok(subject, seen),
    }
}

/// The first two numbers of a release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|character: char| !character.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn cores(config: &Config, facts: &Facts, ceiling: &Ceiling) -> Finding {
    let subject = "cores";
    let cores = if config.cores.is_empty() { &facts.processors } else { &config.cores };
    let count = cores.len() as u64;
    let seen = format!("{} shards on processors {cores:?}", ceiling.shards);
    if ceiling.shards < count {
        return Finding::warn(
            subject,
            seen,
            "some stay idle; set `shards` to 0 or to their number",
        );
    }
    Finding::ok(subject, seen)
}

fn descriptors(config: &Config, facts: &Facts, ceiling: &Ceiling) -> Finding {
    let subject = "descriptors";
    let Some(Limit { soft, hard }) = facts.descriptors else {
        return Finding::warn(subject, "the limit is unknown", "`ulimit -n` shows it");
    };
    let seen = format!("limit {soft}, raised to {hard} at start");
    let needed = ceiling.descriptors();
    if hard < needed {
        let advice = format!("ulimit -n {needed}, or fewer shards");
        return Finding::fail(subject, format!("{seen}, but {needed} are needed"), advice);
    }
    if config.check_table(ceiling.table).is_err() {
        let (slots, needed) = (ceiling.table, capacity::slots_min(config.listeners.len()));
        let seen = format!("{seen}: tables of {slots} slots, but {needed} are needed to accept");
        return Finding::fail(subject, seen, format!("ulimit -n {}", needed.max(1024)));
    }
    if ceiling.connections() < CEILING_LOW {
        let seen = format!("{seen}: {} connections at most", ceiling.connections());
        return Finding::warn(subject, seen, "ulimit -n 1048576, or more shards: see below");
    }
    Finding::ok(subject, seen)
}

fn open_files(facts: &Facts, ceiling: &Ceiling) -> Finding {
    let subject = "open files";
    let wanted = ceiling.connections().saturating_add(ceiling.descriptors());
    match facts.file_max {
        None => Finding::warn(subject, "fs.file-max is unknown", "sysctl fs.file-max"),
        Some(file_max) if file_max < wanted => Finding::warn(
            subject,
            format!("fs.file-max is {file_max}, below the ceiling of connections"),
            format!("sysctl -w fs.file-max={}", wanted.saturating_mul(2)),
        ),
        Some(file_max) => Finding::ok(subject, format!("fs.file-max is {file_max}")),
    }
}

/// Recent kernels (6.18 for one) charge a ring's queues to the user as locked memory, unless the
/// process has CAP_IPC_LOCK, which the doctor may have and the server not.
fn locked_memory(facts: &Facts, ceiling: &Ceiling) -> Finding {
    let subject = "locked memory";
    let Some(Limit { hard, .. }) = facts.locked_memory else {
        return Finding::warn(subject, "the limit is unknown", "`ulimit -l` shows it");
    };
    if hard < LOCKED_BYTES_MIN {
        let seen = format!("limit {hard} bytes, {LOCKED_BYTES_MIN} are needed");
        let advice = "ulimit -l 8192 (KiB), LimitMEMLOCK=8M in a systemd unit";
        return Finding::fail(subject, seen, advice);
    }
    let few = ceiling.shards <= SHARDS_FEW;
    let shard = if few { LOCKED_BYTES_FEW } else { LOCKED_BYTES_MANY };
    let wanted = ceiling.shards.saturating_mul(shard);
    if hard < wanted {
        let seen = format!("limit {hard} bytes, {} shards may take {wanted}", ceiling.shards);
        let advice = format!(
            "ulimit -l {}, LimitMEMLOCK={}M in a systemd unit; CAP_IPC_LOCK needs neither",
            wanted >> 10,
            wanted.div_ceil(1 << 20)
        );
        return Finding::warn(subject, seen, advice);
    }
    let limit =
        if hard == u64::MAX { String::from("no limit") } else { format!("limit {hard} bytes") };
    Finding::ok(subject, format!("{limit}, up to {wanted} are taken"))
}

/// The longest backlog that a listener asks for.
fn backlog_wanted(config: &Config) -> u64 {
    config.listeners.iter().map(|listener| u64::from(listener.backlog)).max().unwrap_or(0)
}

fn backlog(config: &Config, facts: &Facts) -> Finding {
    let subject = "backlog";
    let wanted = backlog_wanted(config);
    match facts.somaxconn {
        None => {
            Finding::warn(subject, "net.core.somaxconn is unknown", "sysctl net.core.somaxconn")
        }
        Some(somaxconn) if somaxconn < wanted => Finding::warn(
            subject,
            format!("{wanted} wanted, net.core.somaxconn cuts it to {somaxconn}"),
            format!("sysctl -w net.core.somaxconn={wanted}"),
        ),
        Some(somaxconn) => {
            Finding::ok(subject, format!("{wanted} wanted, net.core.somaxconn is {somaxconn}"))
        }
    }
}

/// The limit of half-open connections holds only where cookies are off; with cookies the backlog
/// bounds them.
fn syn_backlog(config: &Config, facts: &Facts) -> Finding {
    let subject = "half-open connections";
    let wanted = backlog_wanted(config);
    match (facts.syn_cookies, facts.syn_backlog) {
        (Some(0), Some(limit)) if limit < wanted => Finding::warn(
            subject,
            format!("net.ipv4.tcp_max_syn_backlog is {limit} and SYN cookies are off"),
            format!("sysctl -w net.ipv4.tcp_syncookies=1 or tcp_max_syn_backlog={wanted}"),
        ),
        (Some(0), Some(limit)) => {
            Finding::ok(subject, format!("net.ipv4.tcp_max_syn_backlog is {limit}"))
        }
        (Some(_), _) => Finding::ok(subject, "SYN cookies are on"),
        _ => Finding::ok(subject, "the kernel tells no limit"),
    }
}

/// The range matters twice: an outgoing connection may sit on a listener's port, and the range
/// bounds what a load generator on this machine can open to one address.
fn local_ports(config: &Config, facts: &Facts) -> Finding {
    let subject = "local ports";
    let Some((first, last)) = facts.local_ports else {
        return Finding::ok(subject, "the kernel tells no range");
    };
    let inside = |listener: &&Listener| (first..=last).contains(&listener.address.port());
    let count = u32::from(last).saturating_sub(first.into()) + 1;
    let seen =
        format!("{first} to {last}: {count} outgoing connections for each pair of addresses");
    match config.listeners.iter().find(inside) {
        Some(listener) => Finding::warn(
            subject,
            format!("{first} to {last} contains the {} listener's port", listener.kind),
            format!("sysctl -w net.ipv4.ip_local_reserved_ports={}", listener.address.port()),
        ),
        None => Finding::ok(subject, seen),
    }
}

fn congestion(config: &Config, facts: &Facts) -> Finding {
    let subject = "congestion control";
    let named = config.listeners.iter().filter_map(|listener| listener.congestion.as_deref());
    let loaded = |name: &str| facts.congestions.iter().any(|loaded| loaded == name);
    let list = facts.congestions.join(", ");
    if let Some(missing) = named.clone().find(|name| !loaded(name)) {
        let advice = format!("modprobe tcp_{missing}, or one of those");
        return Finding::fail(subject, format!("{missing} is not among {list}"), advice);
    }
    let default = facts.congestion.as_deref().unwrap_or("unknown");
    let default_used = config.listeners.iter().any(|listener| listener.congestion.is_none());
    if default == "bbr" && default_used {
        return Finding::warn(
            subject,
            "the system's is bbr, which keeps a timer a connection to pace it",
            "congestion = \"cubic\" on listeners of a local network is cheaper",
        );
    }
    Finding::ok(subject, format!("the system's is {default}; there are {list}"))
}

fn tracked(facts: &Facts, ceiling: &Ceiling) -> Option<Finding> {
    let subject = "connection tracking";
    let limit = facts.conntrack_max?;
    let wanted = ceiling.connections();
    if limit >= wanted {
        return Some(Finding::ok(subject, format!("net.netfilter.nf_conntrack_max is {limit}")));
    }
    Some(Finding::warn(
        subject,
        format!("net.netfilter.nf_conntrack_max is {limit}, below the ceiling of connections"),
        format!("sysctl -w net.netfilter.nf_conntrack_max={}", wanted.saturating_mul(2)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Status;

    /// A machine on which every check passes.
    fn healthy() -> Facts {
        Facts {
            processors: vec![0, 1],
            release: Some(String::from("6.13.3-amd64")),
            io_uring_disabled: Some(0),
            descriptors: Some(Limit { soft: 1024, hard: 1 << 20 }),
            locked_memory: Some(Limit { soft: 8 << 20, hard: 8 << 20 }),
            nr_open: Some(1 << 20),
            file_max: Some(u64::MAX),
            somaxconn: Some(4096),
            syn_backlog: Some(512),
            syn_cookies: Some(1),
            local_ports: Some((32_768, 60_999)),
            conntrack_max: None,
            congestion: Some(String::from("cubic")),
            congestions: vec![String::from("reno"), String::from("cubic")],
            ..Facts::default()
        }
    }

    /// The findings that are not ok, by subject.
    fn complaints(config: &Config, facts: &Facts) -> Vec<(Status, &'static str)> {
        let findings = all(config, facts, &Ceiling::of(config, facts));
        let bad = findings.into_iter().filter(|finding| finding.status != Status::Ok);
        bad.map(|finding| {
            assert!(finding.advice.is_some(), "{finding}");
            (finding.status, finding.subject)
        })
        .collect()
    }

    #[test]
    fn a_healthy_machine_gets_no_complaint() {
        assert_eq!(complaints(&Config::default(), &healthy()), []);
    }

    /// One thing is wrong on an otherwise healthy machine.
    fn complaint(change: impl FnOnce(&mut Facts)) -> (Status, &'static str) {
        let mut facts = healthy();
        change(&mut facts);
        let complaints = complaints(&Config::default(), &facts);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        complaints[0]
    }

    #[test]
    fn each_fact_is_looked_at() {
        let release = |text: &str| Some(String::from(text));
        let limit = |hard| Some(Limit { soft: hard, hard });
        let (warn, fail) = (Status::Warn, Status::Fail);
        assert_eq!(complaint(|facts| facts.release = release("5.15.0")), (fail, "kernel"));
        assert_eq!(complaint(|facts| facts.release = release("6.12.48-1")), (fail, "kernel"));
        assert_eq!(complaint(|facts| facts.release = None), (warn, "kernel"));
        assert_eq!(complaint(|facts| facts.io_uring_disabled = Some(1)), (warn, "kernel"));
        assert_eq!(complaint(|facts| facts.io_uring_disabled = Some(2)), (fail, "kernel"));
        assert_eq!(complaint(|facts| facts.descriptors = limit(20)), (fail, "descriptors"));
        assert_eq!(complaint(|facts| facts.descriptors = limit(1024)), (warn, "descriptors"));
        assert_eq!(complaint(|facts| facts.file_max = Some(100_000)), (warn, "open files"));
        assert_eq!(complaint(|facts| facts.locked_memory = limit(65_536)), (fail, "locked memory"));
        assert_eq!(
            complaint(|facts| facts.locked_memory = limit(1 << 20)),
            (warn, "locked memory")
        );
        assert_eq!(complaint(|facts| facts.somaxconn = Some(128)), (warn, "backlog"));
        assert_eq!(complaint(|facts| facts.syn_cookies = Some(0)), (warn, "half-open connections"));
        let all_ports = Some((1024, 65_535));
        assert_eq!(complaint(|facts| facts.local_ports = all_ports), (warn, "local ports"));
        let bbr = release("bbr");
        assert_eq!(complaint(|facts| facts.congestion = bbr), (warn, "congestion control"));
        let tracked = (warn, "connection tracking");
        assert_eq!(complaint(|facts| facts.conntrack_max = Some(65_536)), tracked);
    }

    #[test]
    fn a_table_in_which_nobody_is_accepted_is_found() {
        let tight = Config { connections_per_shard_max: 4, ..Config::default() };
        let found = descriptors(&tight, &healthy(), &Ceiling::of(&tight, &healthy()));
        assert_eq!(found.status, Status::Fail);
        assert!(found.seen.contains("4 slots, but 7 are needed"), "{found}");
    }

    #[test]
    fn the_configuration_is_looked_at() {
        let idle = Config { shards: 1, ..Config::default() };
        assert_eq!(complaints(&idle, &healthy()), [(Status::Warn, "cores")]);
        let mut vegas = Config::default();
        vegas.listeners[1].congestion = Some(String::from("vegas"));
        assert_eq!(complaints(&vegas, &healthy()), [(Status::Fail, "congestion control")]);
        let mut crowded = Config::default();
        crowded.listeners[0].backlog = 5000;
        assert_eq!(complaints(&crowded, &healthy()), [(Status::Warn, "backlog")]);
    }

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(version("6.12.3-amd64"), Some((6, 12)));
        assert_eq!(version("10.0-rc1"), Some((10, 0)));
        assert_eq!(version("next"), None);
    }
}
