//! Hand-over: how a connection moves to the shard that owns its user.
//!
//! The message goes first and the descriptor follows by the ring, so the receiver always has the
//! message when the descriptor arrives. The sender's connection has no operation in flight meanwhile,
//! so one that is read when it is to leave waits until its receive has ended. It goes only once it has
//! a place in the receiver's table; without one, or when the ring does not take it after all (then its
//! message is taken back, `Abandon`), the sender keeps the connection and tries again until the attach
//! deadline.
//!
//! TLS and WebSocket travel with the message ([`Parcel`]), and so does what has not been given to the
//! driver: it leaves with the new owner's first send.

use std::sync::{Arc, Mutex, PoisonError};

use super::connections::{Departure, InFlight, Life, Role};
use super::core::Core;
use super::counters::Counter;
use super::deadlines::TimerKey;
use super::message::{HandOver, Message};
use super::web::Web;
use crate::driver::{Errno, Operation, ShardIndex, Token};
use crate::mutation::{self, Mutation};
use crate::transport::tls::Tls;

/// Milliseconds before a hand-over that met a full table is tried again.
const RETRY_MS: u64 = 50;

/// What stands between the wire and the role of a connection on its way to another shard. A hand-over
/// that fails is tried again with another message, so more than one may name it; only one descriptor
/// arrives, and who has that takes the layers out.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    layers: Arc<Mutex<Layers>>,
    /// Bytes that have not been sent, as they go to the wire.
    unsent: Vec<u8>,
}

#[derive(Debug, Default)]
struct Layers {
    tls: Option<Box<Tls>>,
    web: Option<Box<Web>>,
}

impl Departure {
    /// Bytes of memory: its own, and what was received.
    pub(super) fn memory_bytes(&self) -> usize {
        let HandOver { attach, unread, .. } = &self.content;
        size_of::<Departure>() + attach.capacity() + unread.capacity()
    }
}

impl Core {
    /// Sends a connection to its owner shard.
    pub(crate) fn depart(&mut self, slot: u32, to: ShardIndex, content: HandOver) {
        let departure = Departure { to, key: 0, is_posted: false, is_looked_after: false, content };
        self.connections.at_mut(slot).role = Role::Departing(Box::new(departure));
        self.start_departure(slot);
    }

    /// Sends a connection on its way if there is a place for it, else tries again later. While a send
    /// or a receive is in flight it stays; the end of either comes back here.
    pub(super) fn start_departure(&mut self, slot: u32) {
        let token = self.connections.token(slot);
        let connection = self.connections.at_mut(slot);
        let Role::Departing(departure) = &mut connection.role else { return };
        if departure.is_posted || connection.life != Life::Open {
            return;
        }
        if connection.in_flight.has(InFlight::RECEIVE) {
            if !departure.is_looked_after {
                self.operations.push(Operation::CancelReceive { token });
            }
            return self.look_at_departure(token);
        }
        if connection.in_flight.has(InFlight::SEND) {
            return;
        }
        let to = departure.to;
        // One whose keys are used up ends here.
        self.seal(slot);
        if self.connections.at(slot).life != Life::Open {
            return;
        }
        if self.places.take(to, 1, 0) == 0 {
            return self.retry_later(token);
        }
        if mutation::active(Mutation::OutsideChance) {
            let mut bytes = [0; 4];
            getrandom::fill(&mut bytes).expect("a test has random bytes");
            self.mail.next_key = u32::from_ne_bytes(bytes);
        }
        let key = self.mail.next_key;
        self.mail.next_key = key.wrapping_add(1);
        let parcel = self.pack(slot);
        let Role::Departing(departure) = &mut self.connections.at_mut(slot).role else { return };
        if parcel.is_some() {
            departure.content.parcel = parcel;
        }
        (departure.key, departure.is_posted) = (key, true);
        let content = Box::new(departure.content.clone());
        self.mail.departing.insert(key, token);
        self.post(to, Message::HandOver(key, content));
    }

    pub(crate) fn on_handed_over(&mut self, token: Token, result: Result<(), Errno>) {
        let Some(slot) = self.conclude(token, InFlight::HAND_OVER) else { return };
        let connection = self.connections.at_mut(slot);
        let Role::Departing(departure) = &mut connection.role else { return };
        departure.is_posted = false;
        let (to, key, open) = (departure.to, departure.key, connection.life == Life::Open);
        self.mail.departing.remove(&key);
        match result {
            Ok(()) => {
                let connection = self.connections.at_mut(slot);
                connection.role = Role::None;
                connection.uncounted = true;
                self.count(Counter::HandedOver);
                self.close(slot);
            }
            Err(HandOver::UNHEARD) => {
                // The descriptor lies in the receiver's table and the receiver will never know, so
                // the place stays taken, and a second try would be a second descriptor. The peer
                // is told by a FIN, also one that has sent its own: a mere close would not reach it.
                self.post(to, Message::Abandon(key));
                let connection = self.connections.at_mut(slot);
                (connection.role, connection.ended) = (Role::None, false);
                self.finish(slot, Counter::ClosedBroken);
            }
            Err(_) => {
                self.places.give(to);
                self.post(to, Message::Abandon(key));
                if open {
                    self.retry_later(token);
                }
            }
        }
        self.try_close(slot);
    }

    fn retry_later(&mut self, token: Token) {
        if self.has_stopped() {
            return self.abort(token.slot, Counter::ClosedByServer);
        }
        self.count(Counter::HandOverRetried);
        self.look_at_departure(token);
    }

    /// Has the wheel look at a departure that cannot start yet, unless it will: the kernel may miss
    /// that it was told to cancel a receive.
    fn look_at_departure(&mut self, token: Token) {
        let Some(departure) = self.departure(token) else { return };
        if !std::mem::replace(&mut departure.is_looked_after, true) {
            self.timers.arm(self.now_ms + RETRY_MS, TimerKey::HandOver(token));
        }
    }

    /// The wheel looks at a departure.
    pub(crate) fn retry_hand_over(&mut self, token: Token) {
        if let Some(departure) = self.departure(token) {
            departure.is_looked_after = false;
            self.start_departure(token.slot);
        }
    }

    /// What takes an open connection elsewhere, if it is to leave.
    fn departure(&mut self, token: Token) -> Option<&mut Departure> {
        let connection = self.connections.get_mut(token)?;
        match &mut connection.role {
            Role::Departing(departure) if connection.life == Life::Open => Some(departure),
            _ => None,
        }
    }

    pub(crate) fn on_arrived(&mut self, from: ShardIndex, key: u32, slot: u32) {
        if !self.mail.arriving.contains_key(&(from, key)) {
            // The message was posted before the descriptor left, so it is in the queue.
            let boxes = Arc::clone(&self.mail.boxes);
            boxes.take_from(self.index, from, usize::MAX, |from, message| {
                self.on_message(from, message);
            });
        }
        let content = self
            .mail
            .arriving
            .remove(&(from, key))
            .expect("a descriptor arrives after its message and before it is abandoned");
        self.occupy(slot, content.listener, content.peer);
        if let Some(parcel) = &content.parcel {
            self.unpack(slot, parcel);
        }
        if self.has_stopped() {
            return self.abort(slot, Counter::ClosedByServer);
        }
        self.set_deadline(slot, content.deadline_ms);
        self.judge(slot, &content.attach, &content.unread);
        self.take_last_word(slot);
    }

    /// Takes TLS and WebSocket of a connection that is to leave for another shard, if it has either; its output is
    /// sealed.
    fn pack(&mut self, slot: u32) -> Option<Parcel> {
        let connection = self.connections.at(slot);
        if connection.tls.is_none() && connection.web.is_none() {
            return None;
        }
        let unsent = self.connections.take_unsent(slot);
        let connection = self.connections.at_mut(slot);
        let layers = Layers { tls: connection.tls.take(), web: connection.web.take() };
        Some(Parcel { layers: Arc::new(Mutex::new(layers)), unsent })
    }

    /// Gives a connection that has come from another shard what it had there.
    fn unpack(&mut self, slot: u32, parcel: &Parcel) {
        let mut layers = parcel.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let Layers { tls, web } = std::mem::take(&mut *layers);
        debug_assert!(tls.is_some() || web.is_some(), "one descriptor arrives");
        let is_secure = tls.is_some();
        let connection = self.connections.at_mut(slot);
        (connection.tls, connection.web) = (tls, web);
        let queue =
            if is_secure { self.connections.records(slot) } else { self.connections.output(slot) };
        if !mutation::active(Mutation::LoseUnsent) {
            queue.extend_from_slice(&parcel.unsent);
        }
    }

    /// Keeps what came in while a connection waits to leave, for its owner, and stops its receive,
    /// which must end before.
    pub(super) fn hold_for_owner(&mut self, slot: u32, bytes: &[u8]) {
        if let Role::Departing(departure) = &mut self.connections.at_mut(slot).role
            && !mutation::active(Mutation::LoseHeld)
        {
            departure.content.unread.extend_from_slice(bytes);
        }
        self.start_departure(slot);
    }
}
