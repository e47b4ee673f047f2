//! Thousands of peers that are slow on purpose, and one that is not.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use skyring::shard::counters::Counter;

use crate::peer::{Peer, get};
use crate::stage::Stage;
use crate::support::eventually;

/// Slow peers, where the descriptor limit allows.
const PEERS_MAX: usize = 5_000;
/// Bytes of memory for each of them, the kernel's not counted.
const BYTES_EACH_MAX: usize = 160 << 10;
/// Descriptors of the process that are for others.
const OTHERS: usize = 300;

/// Peers that this process can hold: a server has raised its limit to the highest.
fn peers() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let limit = line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    PEERS_MAX.min(limit.saturating_sub(OTHERS))
}

fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// A third each: a head without end, a body without end, an answer that nobody reads.
fn slow_request(number: usize) -> String {
    match number % 3 {
        0 => format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}", "a".repeat(5000)),
        1 => {
            let head = "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
            format!("{head}{}", "b".repeat(5000))
        }
        _ => get("/endless"),
    }
}

#[test]
fn thousands_of_slow_peers_are_bounded_and_cut() {
    let stage = Stage::start_with(|it| {
        it.head_timeout_ms = 8_000;
        it.body_timeout_ms = 8_000;
        it.write_timeout_ms = 8_000;
    });
    let count = peers();
    let (stop, mut other) = (Arc::new(AtomicBool::new(false)), stage.connect());
    assert_eq!(other.get("/hello").text(), "hello");
    let stopped = Arc::clone(&stop);
    let bystander = std::thread::spawn(move || {
        let mut answers = 0_u64;
        while !stopped.load(Ordering::Relaxed) {
            assert_eq!(other.get("/hello").text(), "hello");
            answers += 1;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        answers
    });
    let before = resident_bytes();
    let slow: Vec<Peer> = (0..count)
        .map(|number| {
            let mut peer = stage.connect();
            peer.send(slow_request(number));
            peer
        })
        .collect();
    eventually("all have been accepted", || stage.count(Counter::Accepted) > count as u64);
    let used = resident_bytes().saturating_sub(before);
    assert!(used < count * BYTES_EACH_MAX, "{used} bytes for {count} slow peers");
    eventually("all are cut", || {
        let late = stage.count(Counter::ClosedHandshakeLate);
        late + stage.count(Counter::ClosedSlowConsumer) >= count as u64
    });
    assert_eq!(
        stage.count(Counter::HttpRefusedLate),
        count.div_ceil(3) as u64 + (count as u64 + 1) / 3
    );
    assert_eq!(stage.count(Counter::ClosedSlowConsumer), count as u64 / 3);
    stop.store(true, Ordering::Relaxed);
    assert!(bystander.join().expect("the bystander got every answer") > 0);
    drop(slow);
    stage.end();
}
