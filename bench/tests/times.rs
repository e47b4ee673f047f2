//! Threads that end take nothing away from the time of their process. Alone in its program, so that
//! no other test's time hides what is missing.
#![allow(clippy::unwrap_used)]

use std::sync::mpsc;
use std::thread;

use skyring_bench::measure::times::Times;

const SPUN_NS: u64 = 50_000_000;

fn spin() {
    let began = Times::of_this_thread().unwrap();
    while Times::of_this_thread().unwrap().since(began).ran_ns < SPUN_NS {}
}

#[test]
fn a_thread_that_ends_between_two_readings_still_counts() {
    let (spun, is_spun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let helper = thread::spawn(move || {
        spin();
        spun.send(()).unwrap();
        may_go_on.recv().unwrap();
        spin();
    });
    is_spun.recv().unwrap();
    let before = Times::of_process(std::process::id()).unwrap();
    assert!(before.ran_ns >= SPUN_NS, "{before:?}");
    go_on.send(()).unwrap();
    helper.join().unwrap();
    let ran_ns = Times::of_process(std::process::id()).unwrap().since(before).ran_ns;
    assert!((SPUN_NS..2 * SPUN_NS).contains(&ran_ns), "{ran_ns}");
    assert!(Times::of_process(u32::MAX).is_err());
}
