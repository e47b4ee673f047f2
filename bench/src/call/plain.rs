//! The floor: a function, and an `async fn`, called without anything between.

use std::convert::Infallible;
use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use futures_lite::future::{block_on, pending, poll_once};

use super::tally::{Plan, Tally, answer_to};
use crate::host;

#[inline(never)]
fn function(question: u64) -> u64 {
    answer_to(question)
}

#[inline(never)]
async fn future(question: u64) -> Result<u64, Infallible> {
    Ok(function(question))
}

/// One caller after the other: nothing waits, so none would let another one in between.
pub(super) fn run_function(plan: &Plan) -> io::Result<()> {
    host::pin(plan.cores[0])?;
    let tally = Tally::new(plan.clone());
    loop {
        let mut next = Some(Instant::now());
        while let Some(began) = next {
            for _ in 0..tally.batch() {
                let question = tally.question();
                tally.check(question, function(black_box(question)));
            }
            next = tally.finished(began);
        }
        tally.leave();
    }
}

/// The same.
pub(super) fn run_async(plan: &Plan) -> io::Result<()> {
    host::pin(plan.cores[0])?;
    let tally = Tally::new(plan.clone());
    loop {
        let caller = Arc::clone(&tally).call(|it| future(black_box(it)), |_| pending());
        block_on(poll_once(caller));
    }
}
