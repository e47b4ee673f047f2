//! Attacks on HTTP.

use skyring::shard::counters::Counter;

use super::{Kind, OUTLAST, deafen, say, trickle};
use crate::attack::muster::Muster;
use crate::attack::sortie::Move;

const MALFORMED: &[Counter] = &[Counter::HttpRefusedMalformed];
const TOO_LARGE: &[Counter] = &[Counter::HttpRefusedTooLarge];
const LATE: &[Counter] = &[Counter::HttpRefusedLate, Counter::ClosedHandshakeLate];

/// Requests of which two servers could see two different ends, and others that break the syntax.
const SMUGGLED: [&str; 8] = [
    "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /",
    "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
    "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: +4\r\n\r\nabcd",
    "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    "GET /hello HTTP/1.1\r\nhost: a\r\n folded: yes\r\n\r\n",
    "GET /hello HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    "GET /hello HTTP/1.1\nhost: a\n\n",
];

pub(super) const KINDS: &[Kind] = &[
    Kind::new("http silence", "a connection without a request", LATE, |muster| {
        (muster.targets.http, vec![Move::Outlast(OUTLAST)])
    }),
    Kind::new("http slowloris", "a head that never ends, byte for byte", LATE, |muster| {
        (
            muster.targets.http,
            trickle("GET /hello HTTP/1.1\r\nhost: a\r\nx-slow: aaaaaaaaaaaaaaaaaaaaa"),
        )
    }),
    Kind {
        // The echo begins to answer at once.
        is_refused: false,
        ..Kind::new("http slow body", "a body that never ends, byte for byte", LATE, |muster| {
            let head = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n";
            let moves = [Move::Send(head.into())].into_iter().chain(trickle(vec![b'x'; 60]));
            (muster.targets.http, moves.collect())
        })
    },
    Kind::new("http oversize head", "headers of 128 KiB", TOO_LARGE, |muster| {
        let header = format!("x-long: {}\r\n", "x".repeat(1_000));
        (muster.targets.http, say(format!("GET / HTTP/1.1\r\nhost: a\r\n{}", header.repeat(128))))
    }),
    Kind::new("http oversize body", "a body said to be of 10 GB", TOO_LARGE, |muster| {
        let head = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000000\r\n\r\n";
        (muster.targets.http, say(head))
    }),
    Kind::new(
        "http smuggling",
        "requests with two lengths, or with a syntax that is none",
        &[Counter::HttpRefusedMalformed, Counter::HttpRefusedUnsupported],
        |muster| {
            let chosen = SMUGGLED[muster.random.below(SMUGGLED.len() as u64) as usize];
            (muster.targets.http, say(chosen))
        },
    ),
    Kind::new("http chunk overflow", "a chunk longer than any number", MALFORMED, |muster| {
        let head = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        (muster.targets.http, say(format!("{head}{}\r\n", "f".repeat(17))))
    }),
    Kind::new("http garbage", "noise in place of a request", MALFORMED, |muster| {
        let noise = muster.noise(100);
        (muster.targets.http, say([b"\0".to_vec(), noise].concat()))
    }),
    Kind::new("http forged proxy", "a header of a proxy that nobody trusts", MALFORMED, |muster| {
        (muster.targets.http, say("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\n\r\n"))
    }),
    Kind {
        at_once_max: 5,
        is_refused: false,
        ..Kind::new(
            "http slow reader",
            "64 MiB asked for, and nothing read",
            &[Counter::ClosedSlowConsumer],
            slow_reader,
        )
    },
];

fn slow_reader(muster: &mut Muster) -> (std::net::SocketAddr, Vec<Move>) {
    (muster.targets.http, deafen("GET /big/65536 HTTP/1.1\r\nhost: a\r\n\r\n"))
}
