//! Floods of connections.

use std::time::Duration;

use skyring::shard::counters::Counter;

use super::Kind;
use crate::attack::sortie::Move;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        weight: 150,
        has_one_address: true,
        is_ended: false,
        ..Kind::new(
            "flood from one address",
            "connections from one address, far above its rate",
            &[Counter::RefusedAddressRate],
            |muster| {
                let pause = Move::Rest(Duration::from_millis(100));
                (muster.targets.msg, vec![pause, Move::Reset])
            },
        )
    },
    Kind {
        weight: 300,
        at_once_max: 2_000,
        is_ended: false,
        ..Kind::new(
            "flood from many addresses",
            "connections that say nothing, more than there is room for",
            &[Counter::ClosedUnauthenticated],
            |muster| {
                let silence = Move::Rest(Duration::from_secs(8));
                let login_or_msg = [muster.targets.login, muster.targets.msg];
                (login_or_msg[muster.random.below(2) as usize], vec![silence, Move::Reset])
            },
        )
    },
];
