//! Bounded queues between shards.
//!
//! Every ordered pair of shards has a queue of its own, whose memory is allocated when the first
//! message is posted. A receiver has a bitmap of senders whose queues may hold something, so that a
//! turn without mail costs a few loads whatever the number of shards.
//!
//! A message is posted before its sender looks whether the receiver sleeps, and the receiver says
//! that it sleeps before it looks at its queues a last time; both in one total order, so one of them
//! always sees the other and no wake-up is lost.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};

use crossbeam::queue::ArrayQueue;

use crate::driver::ShardIndex;

/// All queues of a server; every shard holds the same one.
#[derive(Debug)]
pub struct Mailboxes<M> {
    capacity: usize,
    receivers: Box<[Receiver<M>]>,
}

#[derive(Debug)]
struct Receiver<M> {
    /// Published by the receiver before it waits.
    sleeping: AtomicBool,
    /// One bit a sender.
    unread: Box<[AtomicU64]>,
    /// The sender whose turn it is to be read first; touched by the receiver only.
    first: AtomicU16,
    queues: Box<[OnceLock<ArrayQueue<M>>]>,
}

impl<M> Mailboxes<M> {
    /// Queues for `shards` shards, `capacity` messages a pair.
    pub fn new(shards: u16, capacity: usize) -> Arc<Mailboxes<M>> {
        let receiver = || Receiver {
            sleeping: AtomicBool::new(false),
            unread: (0..shards.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            first: AtomicU16::new(0),
            queues: (0..shards).map(|_| OnceLock::new()).collect(),
        };
        let receivers = (0..shards).map(|_| receiver()).collect();
        Arc::new(Mailboxes { capacity, receivers })
    }

    /// Puts a message behind the others from this sender. Ok says whether the receiver sleeps and
    /// must be woken; a full queue gives the message back.
    pub fn post(&self, from: ShardIndex, to: ShardIndex, message: M) -> Result<bool, M> {
        let receiver = &self.receivers[usize::from(to.0)];
        let queue =
            receiver.queues[usize::from(from.0)].get_or_init(|| ArrayQueue::new(self.capacity));
        queue.push(message)?;
        let (word, bit) = (usize::from(from.0) / 64, 1 << (from.0 % 64));
        receiver.unread[word].fetch_or(bit, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        Ok(receiver.sleeping.load(Ordering::SeqCst)
            && receiver.sleeping.swap(false, Ordering::SeqCst))
    }

    /// Takes up to `budget` messages, calling `take` for each with its sender; the order of one
    /// sender's messages is kept. Whoever comes behind the last sender read is first the next time,
    /// so that a busy one holds up nobody. Returns how many.
    pub fn take(
        &self,
        at: ShardIndex,
        budget: usize,
        mut take: impl FnMut(ShardIndex, M),
    ) -> usize {
        let receiver = &self.receivers[usize::from(at.0)];
        let first = receiver.first.load(Ordering::Relaxed);
        let (first_word, below) = (usize::from(first) / 64, (1_u64 << (first % 64)) - 1);
        let words = receiver.unread.len();
        let mut taken = 0;
        // The word of the first sender is looked at twice: from it on, and at last below it.
        for step in 0..=words {
            let word = (first_word + step) % words;
            let senders = receiver.unread[word].load(Ordering::Relaxed);
            let senders = match step {
                0 => senders & !below,
                _ if step == words => senders & below,
                _ => senders,
            };
            taken += self.take_from_each(at, word, senders, budget - taken, &mut take);
        }
        taken
    }

    /// Takes from the senders named by the bits of one word, in order.
    fn take_from_each(
        &self,
        at: ShardIndex,
        word: usize,
        mut senders: u64,
        budget: usize,
        take: &mut impl FnMut(ShardIndex, M),
    ) -> usize {
        let receiver = &self.receivers[usize::from(at.0)];
        let mut taken = 0;
        while senders != 0 && taken < budget {
            let sender = word as u16 * 64 + senders.trailing_zeros() as u16;
            senders &= senders - 1;
            // Cleared before the queue is read: whoever posts meanwhile sets it again.
            receiver.unread[word].fetch_and(!(1 << (sender % 64)), Ordering::SeqCst);
            taken += self.take_from(at, ShardIndex(sender), budget - taken, &mut *take);
            let next = usize::from(sender) + 1;
            let next = if next < receiver.queues.len() { next as u16 } else { 0 };
            receiver.first.store(next, Ordering::Relaxed);
        }
        taken
    }

    /// As [`Mailboxes::take`], from one sender only.
    pub fn take_from(
        &self,
        at: ShardIndex,
        sender: ShardIndex,
        budget: usize,
        mut take: impl FnMut(ShardIndex, M),
    ) -> usize {
        let receiver = &self.receivers[usize::from(at.0)];
        let Some(queue) = receiver.queues[usize::from(sender.0)].get() else { return 0 };
        let mut taken = 0;
        while taken < budget {
            let Some(message) = queue.pop() else { return taken };
            take(sender, message);
            taken += 1;
        }
        if !queue.is_empty() {
            let bit = 1 << (sender.0 % 64);
            receiver.unread[usize::from(sender.0) / 64].fetch_or(bit, Ordering::SeqCst);
        }
        taken
    }

    /// Says that this shard is about to wait. False: something is unread and it must not.
    pub fn prepare_to_sleep(&self, at: ShardIndex) -> bool {
        let receiver = &self.receivers[usize::from(at.0)];
        receiver.sleeping.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let quiet = !self.has_unread(at);
        if !quiet {
            self.wake_up(at);
        }
        quiet
    }

    /// Says that this shard is awake again.
    pub fn wake_up(&self, at: ShardIndex) {
        self.receivers[usize::from(at.0)].sleeping.store(false, Ordering::SeqCst);
    }

    /// Whether no queue to any shard may hold a message.
    pub fn are_empty(&self) -> bool {
        let shards = (0..self.receivers.len() as u16).map(ShardIndex);
        shards.into_iter().all(|shard| !self.has_unread(shard))
    }

    /// Whether any queue to this shard may hold a message.
    pub fn has_unread(&self, at: ShardIndex) -> bool {
        let receiver = &self.receivers[usize::from(at.0)];
        receiver.unread.iter().any(|bits| bits.load(Ordering::SeqCst) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ShardIndex = ShardIndex(1);

    #[test]
    fn order_is_kept_and_a_full_queue_gives_the_message_back() {
        let mail = Mailboxes::new(3, 4);
        for number in 0..4 {
            assert_eq!(mail.post(ShardIndex(0), HERE, number), Ok(false));
        }
        assert_eq!(mail.post(ShardIndex(0), HERE, 4), Err(4));
        assert_eq!(mail.post(ShardIndex(2), HERE, 9), Ok(false));
        let mut got = Vec::new();
        assert_eq!(mail.take(HERE, 3, |from, number| got.push((from.0, number))), 3);
        assert!(mail.has_unread(HERE));
        mail.take(HERE, 100, |from, number| got.push((from.0, number)));
        assert_eq!(got, [(0, 0), (0, 1), (0, 2), (2, 9), (0, 3)]);
        assert!(!mail.has_unread(HERE));
    }

    /// A sender that fills its queue again and again does not keep the others waiting.
    #[test]
    fn senders_are_read_in_turn() {
        let mail = Mailboxes::new(130, 4);
        let post = |from, number| mail.post(ShardIndex(from), HERE, number).expect("there is room");
        for from in [0, 3, 3, 70, 129] {
            post(from, from);
        }
        let mut order = Vec::new();
        for _ in 0..5 {
            let _ = mail.post(ShardIndex(0), HERE, 0);
            mail.take(HERE, 1, |from, _| order.push(from.0));
        }
        assert_eq!(order, [0, 3, 70, 129, 0]);
        post(129, 1);
        mail.take(HERE, 100, |from, _| order.push(from.0));
        assert_eq!(order[5..], [3, 129, 0, 0, 0], "the rest, each sender's together");
        assert!(!mail.has_unread(HERE));
    }

    #[test]
    fn a_sleeper_is_woken_once_and_never_sleeps_on_mail() {
        let mail = Mailboxes::new(2, 4);
        assert!(mail.prepare_to_sleep(HERE));
        assert_eq!(mail.post(ShardIndex(0), HERE, 1), Ok(true));
        assert_eq!(mail.post(ShardIndex(0), HERE, 2), Ok(false));
        assert!(!mail.prepare_to_sleep(HERE));
        assert_eq!(mail.take(HERE, 9, |_, _| ()), 2);
        assert!(mail.prepare_to_sleep(HERE));
        mail.wake_up(HERE);
        assert_eq!(mail.post(ShardIndex(0), HERE, 3), Ok(false));
    }

    #[test]
    fn no_wake_up_is_lost_between_threads() {
        let mail = Mailboxes::new(2, 8);
        let (ring, bell) = std::sync::mpsc::channel();
        let poster = {
            let mail = Arc::clone(&mail);
            std::thread::spawn(move || {
                for number in 0..20_000u32 {
                    let mut message = number;
                    loop {
                        match mail.post(ShardIndex(0), HERE, message) {
                            Ok(true) => break ring.send(()).expect("the receiver lives"),
                            Ok(false) => break,
                            Err(back) => message = back,
                        }
                        std::thread::yield_now();
                    }
                }
            })
        };
        let mut next = 0;
        while next < 20_000 {
            mail.take(HERE, 5, |_, number| {
                assert_eq!(number, next);
                next += 1;
            });
            if next < 20_000 && mail.prepare_to_sleep(HERE) {
                bell.recv_timeout(std::time::Duration::from_secs(20)).expect("a wake-up was lost");
            }
        }
        poster.join().expect("the poster ends");
    }
}
