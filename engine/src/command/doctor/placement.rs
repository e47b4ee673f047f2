//! The checks of where work happens: nodes, clocks, huge pages, interrupts. Facts and the
//! configuration in, findings out, as in `checks`.
//!
//! Nothing here stops a server, so nothing fails, and what the hardware does not tell gets no finding.

use skyring::config::Config;

use super::facts::Facts;
use super::finding::Finding;
use super::hardware::{Card, Hardware};

/// Every one of them, in the order they are printed.
pub(super) fn all(config: &Config, facts: &Facts, hardware: &Hardware) -> Vec<Finding> {
    let processors = if config.cores.is_empty() { &facts.processors } else { &config.cores };
    let mut findings = Vec::new();
    findings.extend(nodes(processors, hardware));
    findings.extend(governor(processors, hardware));
    findings.extend(huge_pages(hardware));
    findings.extend(hardware.cards.iter().map(|card| interrupts(processors, card)));
    findings
}

/// A shard's memory is on its own node, but connections go to the shard that owns their user,
/// wherever the packets come in.
fn nodes(processors: &[usize], hardware: &Hardware) -> Option<Finding> {
    let subject = "nodes";
    let held = |node: &[usize]| node.iter().any(|processor| processors.contains(processor));
    let mut used = hardware.nodes.iter().filter(|(_, node)| held(node));
    let (first, first_processors) = used.next()?;
    if let Some((second, _)) = used.next() {
        return Some(Finding::warn(
            subject,
            format!("the shards' processors are on node {first}, node {second} and maybe more"),
            format!("`cores = {first_processors:?}`, and a server of its own for another node"),
        ));
    }
    let away = hardware.cards.iter().find(|card| card.node.is_some_and(|node| node != *first));
    Some(match away {
        None => Finding::ok(subject, format!("all shards are on node {first}")),
        Some(card) => Finding::note(
            subject,
            format!("the shards are on node {first}, {} is on another", card.name),
            "name the processors of the card's node in `cores`, if it carries the traffic",
        ),
    })
}

/// Waiting for the clock to rise costs more than a message does.
fn governor(processors: &[usize], hardware: &Hardware) -> Option<Finding> {
    let subject = "clock governor";
    let told = hardware.governors.iter().filter(|(processor, _)| processors.contains(processor));
    let slow = told.clone().find(|(_, governor)| governor != "performance");
    let (processor, governor) = slow.or_else(|| told.clone().next())?;
    Some(match slow {
        None => Finding::ok(subject, governor),
        Some(_) => Finding::warn(
            subject,
            format!("{governor} on processor {processor}"),
            "cpupower frequency-set -g performance",
        ),
    })
}

fn huge_pages(hardware: &Hardware) -> Option<Finding> {
    let subject = "huge pages";
    let tunable = "GLIBC_TUNABLES=glibc.malloc.hugetlb=1 for the server (glibc 2.35 or newer)";
    let setting = hardware.huge_pages.as_deref()?;
    Some(match setting {
        "madvise" if hardware.heap_asks => Finding::ok(subject, "madvise, and the heap asks"),
        "madvise" => Finding::note(subject, "for those who ask; the heap does not", tunable),
        "never" => Finding::note(
            subject,
            "switched off",
            format!(
                "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, and\n{:33}{tunable}",
                ""
            ),
        ),
        _ => Finding::ok(subject, setting),
    })
}

fn interrupts(processors: &[usize], card: &Card) -> Finding {
    let subject = "interrupts";
    let Card { name, receive_queues, spread, interrupted, .. } = card;
    let queues = if *receive_queues == 1 { "queue" } else { "queues" };
    let mut seen = format!("{name} has {receive_queues} receive {queues}");
    if *spread {
        return Finding::ok(subject, seen + ", and packets are passed on (RPS)");
    }
    if *receive_queues == 1 && processors.len() > 1 {
        return Finding::note(
            subject,
            seen + ": one processor takes all packets",
            format!("echo {} > /sys/class/net/{name}/queues/rx-0/rps_cpus", mask(processors)),
        );
    }
    if let ([one], true) = (interrupted.as_slice(), *receive_queues > 1) {
        let seen = format!("{seen}, all on processor {one}");
        let advice = "spread them: irqbalance, or /proc/irq/NUMBER/smp_affinity_list by hand";
        return Finding::note(subject, seen, advice);
    }
    if !interrupted.is_empty() {
        seen += &format!(", interrupts on processors {interrupted:?}");
    }
    Finding::ok(subject, seen)
}

/// Processors as the kernel takes them: hexadecimal, 32 to a group, the highest first.
fn mask(processors: &[usize]) -> String {
    let highest = processors.iter().max().copied().unwrap_or(0);
    let mut groups = vec![0u32; highest / 32 + 1];
    for processor in processors {
        groups[processor / 32] |= 1 << (processor % 32);
    }
    let mut text = String::new();
    for group in groups.iter().rev() {
        text += &if text.is_empty() { format!("{group:x}") } else { format!(",{group:08x}") };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Status;

    fn facts() -> Facts {
        Facts { processors: vec![0, 1, 2, 3], ..Facts::default() }
    }

    fn card() -> Card {
        Card {
            name: String::from("eth0"),
            node: Some(0),
            receive_queues: 4,
            spread: false,
            interrupted: vec![0, 1, 2, 3],
        }
    }

    /// A machine of one node on which every check passes.
    fn healthy() -> Hardware {
        Hardware {
            nodes: vec![(0, vec![0, 1, 2, 3])],
            governors: (0..4).map(|processor| (processor, String::from("performance"))).collect(),
            huge_pages: Some(String::from("always")),
            heap_asks: false,
            cards: vec![card()],
        }
    }

    /// The only finding that is not ok: its status, subject and advice.
    fn complaint(config: &Config, hardware: &Hardware) -> (Status, &'static str, String) {
        let findings = all(config, &facts(), hardware).into_iter();
        let mut bad: Vec<_> = findings.filter(|finding| finding.status != Status::Ok).collect();
        assert_eq!(bad.len(), 1, "{bad:?}");
        let Finding { status, subject, advice, .. } = bad.remove(0);
        (status, subject, advice.expect("it says what to do"))
    }

    fn changed(change: impl FnOnce(&mut Hardware)) -> (Status, &'static str, String) {
        let mut hardware = healthy();
        change(&mut hardware);
        complaint(&Config::default(), &hardware)
    }

    #[test]
    fn a_healthy_machine_gets_no_complaint() {
        let findings = all(&Config::default(), &facts(), &healthy());
        assert_eq!(findings.len(), 4);
        assert!(findings.iter().all(|finding| finding.status == Status::Ok), "{findings:?}");
        let untold = all(&Config::default(), &facts(), &Hardware::default());
        assert_eq!(untold, [], "what is not told gets no finding");
    }

    #[test]
    fn shards_belong_on_one_node_and_it_on_the_cards() {
        let two = |hardware: &mut Hardware| {
            hardware.nodes = vec![(0, vec![0, 1]), (1, vec![2, 3])];
        };
        let (status, subject, advice) = changed(two);
        assert_eq!((status, subject), (Status::Warn, "nodes"));
        assert!(advice.contains("`cores = [0, 1]`"), "{advice}");
        let mut hardware = healthy();
        two(&mut hardware);
        let config = Config { cores: vec![2, 3], ..Config::default() };
        let (status, subject, _) = complaint(&config, &hardware);
        assert_eq!((status, subject), (Status::Note, "nodes"), "the card is on node 0");
        hardware.cards[0].node = Some(1);
        assert!(all(&config, &facts(), &hardware).iter().all(|it| it.status == Status::Ok));
    }

    #[test]
    fn a_slow_clock_matters_where_a_shard_is() {
        let slow = |hardware: &mut Hardware| hardware.governors[3].1 = String::from("powersave");
        let (status, subject, advice) = changed(slow);
        assert_eq!((status, subject), (Status::Warn, "clock governor"));
        assert!(advice.contains("cpupower"), "{advice}");
        let mut hardware = healthy();
        slow(&mut hardware);
        let config = Config { cores: vec![0, 1], ..Config::default() };
        assert!(all(&config, &facts(), &hardware).iter().all(|it| it.status == Status::Ok));
    }

    #[test]
    fn huge_pages_are_advised() {
        for setting in ["madvise", "never"] {
            let (status, subject, advice) =
                changed(|hardware| hardware.huge_pages = Some(String::from(setting)));
            assert_eq!((status, subject), (Status::Note, "huge pages"));
            assert!(advice.contains("GLIBC_TUNABLES=glibc.malloc.hugetlb=1"), "{advice}");
        }
        let asking =
            Hardware { huge_pages: Some(String::from("madvise")), heap_asks: true, ..healthy() };
        let all = all(&Config::default(), &facts(), &asking);
        assert!(all.iter().all(|finding| finding.status == Status::Ok), "{all:?}");
    }

    #[test]
    fn packets_belong_on_many_processors() {
        let (status, subject, advice) = changed(|hardware| hardware.cards[0].receive_queues = 1);
        assert_eq!((status, subject), (Status::Note, "interrupts"));
        assert_eq!(advice, "echo f > /sys/class/net/eth0/queues/rx-0/rps_cpus");
        let (_, _, advice) = changed(|hardware| hardware.cards[0].interrupted = vec![2]);
        assert!(advice.contains("smp_affinity_list"), "{advice}");
        let spread = Card { receive_queues: 1, spread: true, ..card() };
        assert_eq!(interrupts(&[0, 1], &spread).status, Status::Ok);
        let untold = Card { interrupted: Vec::new(), ..card() };
        assert_eq!(interrupts(&[0, 1], &untold).status, Status::Ok);
    }

    #[test]
    fn masks_are_what_the_kernel_reads() {
        assert_eq!(mask(&[0, 1, 2, 3]), "f");
        assert_eq!(mask(&[1, 36]), "10,00000002");
        assert_eq!(mask(&[]), "0");
    }
}
