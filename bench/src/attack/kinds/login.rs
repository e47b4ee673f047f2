//! Attacks on logins.

use std::time::Duration;

use skyring::shard::counters::Counter;
use skyring_protocols::crypt::{DH_PRIME, base64encode, dhexchange, randomkey};

use super::{Kind, OUTLAST, say, trickle};
use crate::attack::muster::Muster;
use crate::attack::sortie::Move;

const LATE: &[Counter] = &[Counter::ClosedHandshakeLate];
const UNAUTHORIZED: &[Counter] = &[Counter::LoginUnauthorized];
const DROPPED: &[Counter] = &[Counter::LoginDropped];

pub(super) const KINDS: &[Kind] = &[
    Kind::new("login silence", "a login that never says a word", LATE, |muster| {
        (muster.targets.login, vec![Move::Outlast(OUTLAST)])
    }),
    Kind::new("login slowloris", "a login line that never ends, byte for byte", LATE, |muster| {
        (muster.targets.login, trickle(vec![b'A'; 60]))
    }),
    Kind::new(
        "login garbage",
        "noise in place of a login line",
        &[Counter::LoginUnauthorized, Counter::LoginDropped],
        |muster| {
            let mut line = muster.noise(48);
            line.push(b'\n');
            (muster.targets.login, say(line))
        },
    ),
    Kind::new("login oversize", "a login line of 64 KiB", DROPPED, |muster| {
        (muster.targets.login, say(vec![b'A'; 64 << 10]))
    }),
    Kind::new(
        "login weak key",
        "public values from which the secret is known",
        UNAUTHORIZED,
        |muster| {
            let weak = [0, 1, DH_PRIME - 1, DH_PRIME, u64::MAX];
            let value = weak[muster.random.below(weak.len() as u64) as usize];
            (muster.targets.login, say(format!("{}\n", base64encode(&value.to_le_bytes()))))
        },
    ),
    Kind::new("login v2 weak key", "a point of small order", UNAUTHORIZED, |muster| {
        (muster.targets.login, say(format!("v2 {}\n", base64encode(&[0; 32]))))
    }),
    Kind::new("login second spelling", "base64 that is not canonical", UNAUTHORIZED, |muster| {
        let mut text = base64encode(&public(muster)).into_bytes();
        // The last letter before the padding has bits that stand for nothing: set one.
        let last = text.len() - 2;
        text[last] += 1;
        text.push(b'\n');
        (muster.targets.login, say(text))
    }),
    Kind::new(
        "login wrong password",
        "a whole login with a password that is wrong",
        UNAUTHORIZED,
        |muster| {
            let client = muster.login("mallory", "guess");
            (muster.targets.login, vec![Move::Login(client), Move::Outlast(OUTLAST)])
        },
    ),
    Kind {
        is_ended: false,
        ..Kind::new("login left half way", "a public value, and gone", DROPPED, |muster| {
            let line = format!("{}\n", base64encode(&public(muster)));
            let pause = Move::Rest(Duration::from_millis(200));
            (muster.targets.login, vec![Move::Send(line.into()), pause, Move::Reset])
        })
    },
    Kind {
        weight: 40,
        has_one_address: true,
        is_refused: false,
        ..Kind::new(
            "login flood",
            "right logins of one user from one address, without end",
            &[Counter::LoginsTooOften, Counter::LoginGranted],
            |muster| {
                let client = muster.login("trudy", "password");
                (muster.targets.login, vec![Move::Login(client), Move::Outlast(OUTLAST)])
            },
        )
    },
];

/// A public value that is sound.
fn public(muster: &mut Muster) -> [u8; 8] {
    let private = randomkey(muster.random.bits().to_le_bytes());
    dhexchange(&private).expect("randomkey gives no zero")
}
