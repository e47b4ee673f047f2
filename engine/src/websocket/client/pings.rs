//! Pings that were sent, and who waits for their pongs.
//!
//! A pong answers the ping whose payload it repeats, and with it those before: a server may answer
//! the latest only (RFC 6455 section 5.5.3). Pongs that nobody asked for mean nothing.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;

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

    pub(super) fn is_answered(&self, number: u64) -> bool {
        number <= self.answered
    }

    /// Wakes this one at the next pong, and at the end.
    pub(super) fn wait(&mut self, waker: &Waker) {
        self.waiting.push(waker.clone());
    }

    pub(super) fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
