//! The checks of the kernel's TCP that go beyond listening: facts and the configuration in, findings
//! out, as in `checks`. What the kernel does not tell gets no finding.

use skyring::config::Config;

use super::ceiling::Ceiling;
use super::facts::Facts;
use super::finding::Finding;

/// Bytes of a page, as nearly every machine has it.
const PAGE_BYTES: u64 = 4096;

/// Every one of them, in the order they are printed.
pub(super) fn all(config: &Config, facts: &Facts, ceiling: &Ceiling) -> Vec<Finding> {
    let connections = ceiling.connections();
    let findings =
        [memory(facts, connections), buffers(facts, connections), allowed(config, facts)];
    findings.into_iter().flatten().collect()
}

/// A connection with bytes that wait to be read or acknowledged is charged a page at least; an idle
/// one is charged none.
fn memory(facts: &Facts, connections: u64) -> Option<Finding> {
    let subject = "tcp memory";
    let [.., limit] = facts.tcp_pages?;
    let seen = format!("net.ipv4.tcp_mem ends at {limit} pages");
    if limit >= connections {
        return Some(Finding::ok(subject, seen));
    }
    let (low, pressure) = (connections / 2, connections / 4 * 3);
    Some(Finding::warn(
        subject,
        format!("{seen}, less than one for each of {connections} connections"),
        format!("sysctl -w net.ipv4.tcp_mem=\"{low} {pressure} {connections}\""),
    ))
}

/// A socket may hold the minimum even when memory is short, so that the minimum of all of them must
/// fit into what TCP has.
fn buffers(facts: &Facts, connections: u64) -> Option<Finding> {
    let subject = "tcp buffers";
    let [_, pressure, _] = facts.tcp_pages?;
    let (receive, send) = (facts.tcp_receive_bytes_min?, facts.tcp_send_bytes_min?);
    let seen = format!("every connection may hold {receive} bytes to receive, {send} to send");
    let raised = receive > PAGE_BYTES || send > PAGE_BYTES;
    let wanted = receive.saturating_add(send).saturating_mul(connections);
    if !raised || wanted <= pressure.saturating_mul(PAGE_BYTES) {
        return Some(Finding::ok(subject, seen));
    }
    Some(Finding::warn(
        subject,
        format!("{seen}: for {connections}, more than net.ipv4.tcp_mem has"),
        format!("set the first number of net.ipv4.tcp_rmem and tcp_wmem to {PAGE_BYTES}"),
    ))
}

/// A process without CAP_NET_ADMIN chooses among the allowed ones only.
fn allowed(config: &Config, facts: &Facts) -> Option<Finding> {
    let subject = "congestion allowed";
    let allowed = |name: &str| facts.congestions_allowed.iter().any(|allowed| allowed == name);
    let mut named = config.listeners.iter().filter_map(|listener| listener.congestion.as_deref());
    if facts.congestions_allowed.is_empty() {
        return None;
    }
    let list = facts.congestions_allowed.join(" ");
    let refused = named.find(|name| !allowed(name));
    Some(match refused {
        None => Finding::ok(subject, format!("without privileges: {list}")),
        Some(name) => Finding::warn(
            subject,
            format!("only a privileged process may choose {name}"),
            format!("sysctl -w net.ipv4.tcp_allowed_congestion_control=\"{list} {name}\""),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::facts::Limit;
    use crate::command::doctor::finding::Status;

    /// Holds 2 x 9,500 connections.
    fn facts() -> Facts {
        let descriptors = Some(Limit { soft: 10_000, hard: 10_000 });
        Facts {
            processors: vec![0, 1],
            descriptors,
            tcp_pages: Some([10_000, 20_000, 40_000]),
            tcp_receive_bytes_min: Some(4096),
            tcp_send_bytes_min: Some(4096),
            congestions_allowed: vec![String::from("reno"), String::from("cubic")],
            ..Facts::default()
        }
    }

    fn complaints(config: &Config, facts: &Facts) -> Vec<String> {
        let findings = all(config, facts, &Ceiling::of(config, facts));
        let bad = findings.into_iter().filter(|finding| finding.status != Status::Ok);
        bad.map(|finding| {
            assert_eq!(finding.status, Status::Warn);
            finding.advice.expect("a warning says what to do")
        })
        .collect()
    }

    #[test]
    fn a_machine_with_room_gets_no_complaint() {
        assert_eq!(complaints(&Config::default(), &facts()), [] as [&str; 0]);
        assert_eq!(
            all(&Config::default(), &facts(), &Ceiling::of(&Config::default(), &facts())).len(),
            3
        );
    }

    #[test]
    fn a_page_for_every_connection() {
        let few = Facts { tcp_pages: Some([1000, 2000, 4000]), ..facts() };
        let advice = &complaints(&Config::default(), &few)[0];
        assert!(advice.starts_with("sysctl -w net.ipv4.tcp_mem=\""), "{advice}");
        let held = Config { connections_per_shard_max: 2000, ..Config::default() };
        assert_eq!(complaints(&held, &few), [] as [&str; 0], "fewer connections need fewer");
    }

    #[test]
    fn raised_minimums_must_fit() {
        let small = Facts { tcp_receive_bytes_min: Some(8192), ..facts() };
        let big = Facts { tcp_pages: Some([1 << 20; 3]), ..small.clone() };
        let advice = &complaints(&Config::default(), &small)[0];
        assert!(advice.contains("tcp_rmem"), "{advice}");
        assert_eq!(complaints(&Config::default(), &big), [] as [&str; 0]);
    }

    #[test]
    fn a_congestion_control_may_be_for_the_privileged() {
        let mut config = Config::default();
        config.listeners[2].congestion = Some(String::from("bbr"));
        let wanted = "sysctl -w net.ipv4.tcp_allowed_congestion_control=\"reno cubic bbr\"";
        assert_eq!(complaints(&config, &facts()), [wanted]);
        config.listeners[2].congestion = Some(String::from("cubic"));
        assert_eq!(complaints(&config, &facts()), [] as [&str; 0]);
    }

    #[test]
    fn what_is_not_told_gets_no_finding() {
        let config = Config::default();
        let told = Facts::default();
        assert_eq!(all(&config, &told, &Ceiling::of(&config, &told)), []);
    }
}
