//! In which order the servers of a round are measured.
//!
//! A rotation would keep everybody behind the same neighbour, and with it whatever that one leaves
//! behind: warm caches, waiting sockets, a busy kernel. So each round has a permutation of its own.

/// A permutation of `0..count`, the same for the same seed and round.
pub(crate) fn of_round(seed: u64, round: u32, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = mix(seed) ^ mix(u64::from(round) + 1);
    for last in (1..count).rev() {
        state = mix(state);
        // The bias is below `count` / 2^64.
        order.swap(last, (state % (last as u64 + 1)) as usize);
    }
    order
}

/// SplitMix64: neighbouring inputs give unrelated outputs.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_round_has_everybody_once_and_its_own_order() {
        for round in 0..50 {
            let mut order = of_round(1, round, 7);
            assert_eq!(order, of_round(1, round, 7));
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3, 4, 5, 6]);
        }
        assert_ne!(of_round(1, 0, 7), of_round(2, 0, 7));
    }

    #[test]
    fn neighbours_change() {
        let before_last: BTreeSet<Option<usize>> = (0..50)
            .map(|round| {
                let order = of_round(1, round, 7);
                let place = order.iter().position(|&index| index == 6).unwrap();
                place.checked_sub(1).map(|before| order[before])
            })
            .collect();
        assert_eq!(before_last.len(), 7, "six others, and nobody: {before_last:?}");
    }
}
