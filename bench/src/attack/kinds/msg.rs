//! Attacks on attaches, sessions and gate connections.

use std::time::Duration;

use skyring::shard::counters::Counter;
use skyring_protocols::crypt::base64encode;
use skyring_protocols::msg::username::Username;

use super::{Kind, OUTLAST, deafen, say, trickle};
use crate::attack::muster::{Muster, Role, SERVER, framed};
use crate::attack::sortie::Move;

const LATE: &[Counter] = &[Counter::ClosedHandshakeLate];
const EXPIRED: &[Counter] = &[Counter::AttachIndexExpired];
const REFUSED: &[Counter] = &[
    Counter::AttachBadRequest,
    Counter::AttachUnauthorized,
    Counter::AttachIndexExpired,
    Counter::AttachUserNotFound,
];
const SLOW_CONSUMER: &[Counter] = &[Counter::ClosedSlowConsumer];
/// Frames of a flood, and of those who do not read.
const FLOOD_FRAMES: usize = 5_000;
const DEAF_FRAMES: usize = 200;
const LARGE_BYTES: usize = 60_000;

pub(super) const KINDS: &[Kind] = &[
    Kind::new("attach silence", "a connection that never attaches", LATE, |muster| {
        (muster.targets.msg, vec![Move::Outlast(OUTLAST)])
    }),
    Kind::new("attach slowloris", "an attach byte for byte", LATE, |muster| {
        (muster.targets.msg, trickle(framed(&[b'A'; 60])))
    }),
    Kind::new("attach garbage", "noise in place of an attach", REFUSED, |muster| {
        let noise = muster.noise(200);
        (muster.targets.msg, say(framed(&noise)))
    }),
    Kind::new("attach oversize", "an attach as long as a frame can be", REFUSED, |muster| {
        (muster.targets.msg, say(framed(&[b'A'; 65_535])))
    }),
    Kind::new("attach replay", "an attach that was accepted, again", EXPIRED, |muster| {
        let recorded = muster.recorded();
        (muster.targets.msg, say(recorded))
    }),
    Kind::new(
        "attach stale index",
        "a sound attach with an index that is over",
        EXPIRED,
        |muster| {
            let stale = muster.attach(Role::Stale);
            (muster.targets.msg, say(stale))
        },
    ),
    Kind::new("attach forged", "an attach in an honest user's name", REFUSED, |muster| {
        let name = honest(muster);
        let line = format!("{name}:1000000:{}", base64encode(&muster.noise(8)));
        (muster.targets.msg, say(framed(line.as_bytes())))
    }),
    Kind::new("attach v2 forged", "the secure attach with a proof of noise", REFUSED, |muster| {
        let (name, nonce) = (honest(muster), base64encode(&muster.noise(16)));
        let hello = framed(format!("v2:{name}:1000000:{nonce}").as_bytes());
        let proof = framed(format!("v2:{}", base64encode(&muster.noise(32))).as_bytes());
        (muster.targets.msg, say([hello, proof].concat()))
    }),
    Kind::new("attach v2 half way", "a challenge that is never answered", LATE, |muster| {
        let (name, nonce) = (honest(muster), base64encode(&muster.noise(16)));
        (muster.targets.msg, say(framed(format!("v2:{name}:7:{nonce}").as_bytes())))
    }),
    Kind {
        is_refused: false,
        ..Kind::new(
            "session broken request",
            "a request too short to have an id",
            &[Counter::ClosedProtocol, Counter::Superseded],
            |muster| {
                let attach = muster.attach(Role::Broken);
                (muster.targets.msg, say([attach, framed(b"ab")].concat()))
            },
        )
    },
    Kind {
        at_once_max: 3,
        is_refused: false,
        is_ended: false,
        ..Kind::new(
            "session flood",
            "thousands of requests at once, far above the rate",
            &[Counter::RateExceeded],
            |muster| {
                let attach = muster.attach(Role::Flood);
                let requests = (0..FLOOD_FRAMES as u32).map(|id| framed(&request(b"flood", id)));
                let flood: Vec<u8> = [attach].into_iter().chain(requests).flatten().collect();
                let pause = Move::Rest(Duration::from_secs(3));
                (muster.targets.msg, vec![Move::Send(flood.into()), pause, Move::Reset])
            },
        )
    },
    Kind {
        at_once_max: 3,
        is_refused: false,
        ..Kind::new(
            "session slow reader",
            "12 MB of answers asked for, and none read",
            &[Counter::ClosedSlowConsumer, Counter::Superseded],
            |muster| {
                let attach = muster.attach(Role::Deaf);
                let content = vec![b'x'; LARGE_BYTES];
                let requests = (0..DEAF_FRAMES as u32).map(|id| framed(&request(&content, id)));
                let asks: Vec<u8> = [attach].into_iter().chain(requests).flatten().collect();
                (muster.targets.msg, deafen(asks))
            },
        )
    },
    Kind {
        at_once_max: 5,
        is_refused: false,
        ..Kind::new(
            "gate slow reader",
            "12 MB to be echoed, and nothing read",
            SLOW_CONSUMER,
            |muster| {
                (muster.targets.gate, deafen(framed(&[b'x'; LARGE_BYTES]).repeat(DEAF_FRAMES)))
            },
        )
    },
    Kind {
        at_once_max: 5,
        is_refused: false,
        is_ended: false,
        ..Kind::new(
            "gate flood",
            "thousands of frames at once, far above the rate",
            &[Counter::RateExceeded],
            |muster| {
                let flood = framed(b"flood").repeat(FLOOD_FRAMES);
                let pause = Move::Rest(Duration::from_secs(3));
                (muster.targets.gate, vec![Move::Send(flood.into()), pause, Move::Reset])
            },
        )
    },
    Kind::new(
        "gate half frame",
        "the beginning of a frame, and silence",
        &[Counter::ClosedIdle],
        |muster| (muster.targets.gate, say(&b"\xff\xffhalf"[..])),
    ),
];

/// The payload of a request (WIRE M8).
fn request(content: &[u8], id: u32) -> Vec<u8> {
    [content, &id.to_be_bytes()].concat()
}

/// The name of somebody who plays, or nearly.
fn honest(muster: &mut Muster) -> String {
    let (user, login) = (muster.random.below(400), muster.random.below(2_000));
    let name = Username {
        uid: format!("player{user}").into(),
        server: SERVER.into(),
        subid: (login << 10).to_string().into(),
    };
    String::from_utf8(name.format()).expect("base64 is text")
}
