//! Seeds for as long as there is time.
//!
//! `SKYRING_SIM_SECONDS=3600 SKYRING_SIM_FIRST=1000000 cargo test -p skyring --release --lib
//! simulation::tests::nightly -- --nocapture` runs seed after seed for an hour, from that one on, and
//! says how many; the first that fails ends it. Without the variables these are a few seeds behind
//! those of the test command.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{SEEDS, THREADS, number, run};

/// Seeds that are run when there is no time given.
const FEW: u64 = 40;

#[test]
fn nightly() {
    let first = number("SKYRING_SIM_FIRST").unwrap_or(SEEDS);
    let seconds = number("SKYRING_SIM_SECONDS").map(Duration::from_secs);
    let (begin, next) = (Instant::now(), AtomicU64::new(first));
    let goes_on = |seed| match seconds {
        Some(seconds) => begin.elapsed() < seconds,
        None => seed < first + FEW,
    };
    let run_all = || {
        let mut count = 0;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !goes_on(seed) {
                return count;
            }
            run(seed);
            count += 1;
        }
    };
    let count: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run_all)).collect();
        threads.into_iter().map(|thread| thread.join().expect("every seed passes")).sum()
    });
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{count} seeds from {first} on in {seconds:.0} s, {:.0} a second",
        count as f64 / seconds
    );
    assert!(count > 0, "no seed was run");
}
