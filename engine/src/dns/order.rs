//! The order in which addresses are worth trying (RFC 8305, section 4): one of each family in turn,
//! the newer family first, each family in the order in which it was given.

use std::net::IpAddr;

/// Addresses in that order, each once.
pub(super) fn interleaved(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let (mut six, mut four) = (Vec::new(), Vec::new());
    for address in addresses {
        let family = if address.is_ipv6() { &mut six } else { &mut four };
        if !family.contains(&address) {
            family.push(address);
        }
    }
    let turns = six.len().max(four.len());
    let turn = |at: usize| [six.get(at), four.get(at)].into_iter().flatten().copied();
    (0..turns).flat_map(turn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let parse =
            |text: &str| text.split(' ').map(|it| it.parse().unwrap()).collect::<Vec<IpAddr>>();
        let ordered = interleaved(parse("10.0.0.1 10.0.0.2 10.0.0.1 ::2 10.0.0.3 ::1"));
        assert_eq!(ordered, parse("::2 10.0.0.1 ::1 10.0.0.2 10.0.0.3"));
        assert_eq!(interleaved(parse("10.0.0.1")), parse("10.0.0.1"));
        assert_eq!(interleaved([]), [] as [IpAddr; 0]);
    }
}
