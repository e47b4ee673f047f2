//! Connecting to the first of several addresses that answers (RFC 8305, section 5).
//!
//! The addresses come in the order of preference. The next attempt starts a moment after the last
//! one, or as soon as that has failed; the first connection that stands is taken and all other
//! attempts are given up.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use super::dial::{Connecting, Dial};
use super::error::ConnectError;
use super::stream::Stream;
use crate::context::{Context, Sleep};

/// Time between two attempts; the RFC's recommendation.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Attempts that are under way, and those to come.
struct Race<'a> {
    context: &'a Context,
    dial: &'a Dial,
    waiting: std::slice::Iter<'a, SocketAddr>,
    running: Vec<Connecting>,
    /// When the next attempt starts although the last has not failed.
    next: Option<Sleep>,
    last_error: ConnectError,
}

impl Race<'_> {
    /// Starts the next attempt, if there is another address.
    fn start(&mut self) {
        let Some(address) = self.waiting.next() else { return };
        let dial = Dial { address: *address, ..self.dial.clone() };
        self.running.push(self.context.connect(dial));
        let more = !self.waiting.as_slice().is_empty();
        self.next = more.then(|| self.context.sleep(ATTEMPT_DELAY));
    }

    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Stream, ConnectError>> {
        loop {
            let mut at = 0;
            let mut failed = false;
            while let Some(attempt) = self.running.get_mut(at) {
                match Pin::new(attempt).poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(error)) => {
                        self.last_error = error;
                        drop(self.running.remove(at));
                        failed = true;
                    }
                    Poll::Pending => at += 1,
                }
            }
            let due = self.next.as_mut().is_some_and(|next| Pin::new(next).poll(cx).is_ready());
            if failed || due {
                self.start();
                continue; // What was started must be polled once.
            }
            if self.running.is_empty() {
                return Poll::Ready(Err(self.last_error.clone()));
            }
            return Poll::Pending;
        }
    }
}

pub(crate) async fn connect_any(
    context: &Context,
    addresses: &[SocketAddr],
    dial: &Dial,
) -> Result<Stream, ConnectError> {
    let mut race = Race {
        context,
        dial,
        waiting: addresses.iter(),
        running: Vec::new(),
        next: None,
        last_error: ConnectError::NoAddress,
    };
    race.start();
    poll_fn(|cx| race.poll(cx)).await
}
