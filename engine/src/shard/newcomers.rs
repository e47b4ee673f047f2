//! Connections that have not shown who they are.
//!
//! They are strangers from accept on: in a TLS handshake, in a login, before their attach, before
//! their first HTTP request, and again when a WebSocket begins a login or an attach. Each has a deadline;
//! but a crowd of them could fill the table meanwhile. So there may be so many, and when there are
//! more the **oldest** is closed: whoever sits there in silence makes room for who comes, however many
//! they are, and who comes has time to say something.
//!
//! The queue holds names of connections, also of some that are strangers no more; those are skipped,
//! and swept out before they are as many as the others.

use std::collections::VecDeque;

use super::connections::{InFlight, Life};
use super::core::Core;
use super::counters::Counter;
use crate::driver::Token;
use crate::mutation::{self, Mutation};

/// Names in the queue below which it is not swept.
const SWEEP_MIN: usize = 64;

/// The strangers of a shard.
#[derive(Debug)]
pub(crate) struct Newcomers {
    /// From the oldest on, each with the number of its greeting: who became a stranger again stands there twice, and
    /// the earlier place is not his any more.
    queue: VecDeque<(Token, u16)>,
    greetings: u16,
    count: u32,
    pub(crate) max: u32,
}

impl Newcomers {
    /// No strangers yet, of so many at most.
    pub(super) fn new(max: u32) -> Newcomers {
        Newcomers { queue: VecDeque::new(), greetings: 0, count: 0, max }
    }
}

impl Core {
    /// A connection is a stranger from now on. The oldest of the others makes room, if it must; this one never does,
    /// whoever calls may go on with it.
    pub(crate) fn greet(&mut self, slot: u32) {
        if !self.connections.at(slot).is_newcomer() {
            // Never 0; one that comes round again is long out of the queue.
            self.newcomers.greetings = self.newcomers.greetings % u16::MAX + 1;
            let greeting = self.newcomers.greetings;
            self.connections.at_mut(slot).greeting = greeting;
            self.newcomers.count += 1;
            self.newcomers.queue.push_back((self.connections.token(slot), greeting));
        }
        self.counters.set(Counter::UnauthenticatedNow, self.newcomers.count.into());
        if self.newcomers.count > self.newcomers.max
            && let Some(oldest) = self.take_oldest_newcomer(Some(slot))
        {
            self.abort(oldest, Counter::ClosedUnauthenticated);
        }
        self.sweep_newcomers();
    }

    /// A connection has shown who it is, or has ended.
    pub(crate) fn vouch(&mut self, slot: u32) {
        let is_there = self.connections.at(slot).life == Life::Open;
        if is_there && mutation::active(Mutation::KeepStrangers) {
            return;
        }
        if std::mem::take(&mut self.connections.at_mut(slot).greeting) != 0 {
            self.newcomers.count -= 1;
            self.counters.set(Counter::UnauthenticatedNow, self.newcomers.count.into());
        }
    }

    /// The one who has been a stranger longest and is to make room, but for the one that is spared.
    pub(super) fn take_oldest_newcomer(&mut self, spared: Option<u32>) -> Option<u32> {
        for _ in 0..self.newcomers.queue.len() {
            let (token, greeting) = self.newcomers.queue.pop_front()?;
            let Some(connection) = self.connections.get_mut(token) else { continue };
            if connection.greeting != greeting || connection.life == Life::Closing {
                continue;
            }
            if connection.in_flight.has(InFlight::HAND_OVER) || spared == Some(token.slot) {
                // The former is as good as gone.
                self.newcomers.queue.push_back((token, greeting));
                continue;
            }
            return Some(token.slot);
        }
        None
    }

    fn sweep_newcomers(&mut self) {
        let connections = &mut self.connections;
        let Newcomers { queue, count, .. } = &mut self.newcomers;
        if queue.len() > SWEEP_MIN + 2 * *count as usize {
            queue.retain(|(token, greeting)| {
                connections.get_mut(*token).is_some_and(|it| it.greeting == *greeting)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ListenerKind;
    use crate::simulation::scene::Props;

    /// Where all others are on their way to other shards, nobody makes room, and least of all the one who comes.
    #[test]
    fn whoever_is_greeted_does_not_make_room() {
        let mut scene = Props::default().start();
        let first = scene.connect(ListenerKind::Msg);
        scene.pass(1);
        let core = scene.core(0);
        let leaving = core.connections.slots()[0];
        core.connections.at_mut(leaving).in_flight.begin(InFlight::HAND_OVER);
        core.newcomers.max = 1;
        let second = scene.connect(ListenerKind::Msg);
        scene.pass(1);
        assert_eq!((first.end(), second.end()), (None, None));
        let core = scene.core(0);
        core.connections.at_mut(leaving).in_flight.end(InFlight::HAND_OVER);
        let third = scene.connect(ListenerKind::Msg);
        scene.pass(5);
        assert!(first.end().is_some(), "it is the oldest");
        assert_eq!((second.end(), third.end()), (None, None));
    }
}
