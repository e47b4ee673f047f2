//! Looks after the idle connections of a client, in a task that lives as long as there are any.

use std::future::poll_fn;
use std::rc::Weak;
use std::task::Poll;

use super::deadline::{Deadline, Deadlines};
use super::pool::Pool;

/// Closes connections that have waited too long, or that their server ends. Done when none is left,
/// or the client is gone.
pub(super) async fn keep(pool: Weak<Pool>, deadlines: Weak<Deadlines>) {
    let mut next: Option<Deadline> = None;
    poll_fn(|cx| {
        let Some((pool, deadlines)) = pool.upgrade().zip(deadlines.upgrade()) else {
            return Poll::Ready(());
        };
        loop {
            let Some(next_ms) = pool.sweep(deadlines.now_ms(), cx) else {
                return Poll::Ready(());
            };
            let deadline = next.insert(deadlines.at(next_ms));
            if deadline.poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await;
}
