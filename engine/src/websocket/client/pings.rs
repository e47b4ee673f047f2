//! Pings that were sent, and who waits for their pongs.
//!
//! A pong answers the ping whose payload it repeats, and with it those before: a server may answer
//! the latest only (RFC 6455 section 5.5.3). Pongs that nobody asked for mean nothing. Pings of which
//! [`UNANSWERED_MAX`] have no pong are followed by no more.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;

/// Pings without a pong, from which on the next one waits.
const UNANSWERED_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Pings {
    /// Payloads of those without a pong, the oldest first.
    unanswered: VecDeque<Bytes>,
    /// How many have one.
    answered: u64,
    waiting: Vec<Waker>,
}

impl Pings {
    /// Notes a ping; its number.
    pub(super) fn sent(&mut self, data: Bytes) -> u64 {
        self.unanswered.push_back(data);
        self.answered + self.unanswered.len() as u64
    }

    /// Notes a pong.
    pub(super) fn answer(&mut self, data: &[u8]) {
        let Some(at) = self.unanswered.iter().position(|ping| *ping == data) else { return };
        self.unanswered.drain(..=at);
        self.answered += at as u64 + 1;
        self.wake();
    }

    /// Whether the next ping is to wait for a pong.
    pub(super) fn is_full(&self) -> bool {
        self.unanswered.len() >= UNANSWERED_MAX
    }

    pub(super) fn is_answered(&self, number: u64) -> bool {
        number <= self.answered
    }

    /// Wakes this one at the next pong, and at the end.
    pub(super) fn wait(&mut self, waker: &Waker) {
        wait(&mut self.waiting, waker);
    }

    pub(super) fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

/// Adds a waker to others, unless one of them wakes the same task.
pub(super) fn wait(waiting: &mut Vec<Waker>, waker: &Waker) {
    if !waiting.iter().any(|other| other.will_wake(waker)) {
        waiting.push(waker.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_waits_once() {
        let (mut waiting, wakers) = (Vec::new(), [counting(), counting()]);
        for _ in 0..3 {
            wakers.iter().for_each(|waker| wait(&mut waiting, waker));
        }
        assert_eq!(waiting.len(), wakers.len());
    }

    /// A waker like no other.
    fn counting() -> Waker {
        struct Nobody(#[expect(dead_code, reason = "what has a size has an address")] u8);
        impl std::task::Wake for Nobody {
            fn wake(self: std::sync::Arc<Self>) {}
        }
        std::sync::Arc::new(Nobody(0)).into()
    }

    #[test]
    fn a_pong_answers_its_ping_and_those_before() {
        let mut pings = Pings::default();
        let numbers = ["a", "b", "c"].map(|data| pings.sent(Bytes::from(data)));
        pings.answer(b"x");
        assert_eq!(numbers.map(|number| pings.is_answered(number)), [false; 3]);
        pings.answer(b"b");
        assert_eq!(numbers.map(|number| pings.is_answered(number)), [true, true, false]);
        pings.answer(b"a");
        assert!(!pings.is_answered(numbers[2]));
        let fourth = pings.sent(Bytes::from("c"));
        pings.answer(b"c");
        assert_eq!([numbers[2], fourth].map(|number| pings.is_answered(number)), [true, false]);
    }
}
