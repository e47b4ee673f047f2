//! The descriptor table of one simulated ring, and the checker of the driver's contract.
//!
//! A slot is taken when a connection gets into the table and free again when its close has run. The
//! events about both come later, so a slot may live again before its `Closed` is delivered. What
//! the contract forbids panics, with the operation, the token and the reason.
//!
//! Forbidden: a token of another life, or of a slot whose event has not been delivered; a second
//! receive, send or ending in flight; a close or hand-over with anything in flight; a send of
//! nothing; to receive or send after a hand-over that succeeded, which would steal from the new
//! owner; a generation that one of the slot's last lives had.

use super::endpoint::EndpointId;
use super::random::SimRandom;
use crate::driver::{Event, Operation, ReceiveMode, Token};

/// Lives of a slot that are remembered.
const PAST_LIVES: usize = 8;

/// A receive in flight.
#[derive(Debug)]
pub(super) struct ReceiveFlight {
    pub(super) serial: u64,
    pub(super) mode: ReceiveMode,
    /// Begun, and its final event is not yet on its way.
    pub(super) armed: bool,
}

/// A send in flight.
#[derive(Debug)]
pub(super) struct SendFlight {
    pub(super) serial: u64,
    /// What still waits for the peer's window; none once the final event is on its way.
    pub(super) waiting: Option<Unsent>,
}

/// A buffer that is being sent.
#[derive(Debug)]
pub(super) struct Unsent {
    pub(super) buffer: Vec<u8>,
    /// Where this send began.
    pub(super) from: usize,
    /// Bytes already taken from there.
    pub(super) taken: usize,
}

/// A shut-down, hand-over or close in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    ShutDown,
    HandOver,
    Close,
}

/// One connection in one slot.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) endpoint: EndpointId,
    /// The shard has been told of it.
    announced: bool,
    /// Chosen by the shard with its first operation.
    generation: Option<u32>,
    pub(super) receive: Option<ReceiveFlight>,
    pub(super) send: Option<SendFlight>,
    pub(super) ending: Option<Ending>,
    handed_over: bool,
}

#[derive(Debug, Default)]
struct Slot {
    life: Option<Life>,
    /// Generations of the last lives.
    past: Vec<u32>,
    /// Those whose `Closed` has been delivered.
    over: Vec<u32>,
}

/// All slots of one ring.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots with a connection that the shard will never hear of.
    orphans: Vec<u32>,
}

impl Table {
    pub(super) fn new(slots: u32) -> Table {
        Table {
            slots: (0..slots).map(|_| Slot::default()).collect(),
            free: (0..slots).rev().collect(),
            orphans: Vec::new(),
        }
    }

    pub(super) const fn capacity(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Slots with a connection that the shard knows or will hear of.
    pub(super) const fn used(&self) -> usize {
        self.slots.len() - self.free.len() - self.orphans.len()
    }

    /// The shard will never hear of the connection in this slot.
    pub(super) fn orphan(&mut self, slot: u32) {
        self.orphans.push(slot);
    }

    /// Whether that is so.
    pub(super) fn is_orphan(&self, slot: u32) -> bool {
        self.orphans.contains(&slot)
    }

    /// Puts a connection into a free slot: as often as not into the one freed last, because a slot
    /// that lives again at once is the hard case.
    pub(super) fn insert(&mut self, endpoint: EndpointId, random: &mut SimRandom) -> Option<u32> {
        let last = self.free.len().checked_sub(1)?;
        let choice = if random.chance(1 << 15) { last } else { random.index(last + 1) };
        let slot = self.free.remove(choice);
        self.slots[slot as usize].life = Some(Life {
            endpoint,
            announced: false,
            generation: None,
            receive: None,
            send: None,
            ending: None,
            handed_over: false,
        });
        Some(slot)
    }

    /// A close runs: the slot is free, and its connection no longer in the table.
    pub(super) fn remove(&mut self, token: Token) -> EndpointId {
        let slot = &mut self.slots[token.slot as usize];
        let life = slot.life.take().expect("a close runs on a living slot");
        slot.past.push(token.generation);
        if slot.past.len() > PAST_LIVES {
            slot.past.remove(0);
        }
        self.free.push(token.slot);
        life.endpoint
    }

    /// The connection in a slot.
    pub(super) fn life(&mut self, slot: u32) -> Option<&mut Life> {
        self.slots[slot as usize].life.as_mut()
    }

    /// Takes note of an operation on a connection, or panics because the contract forbids it.
    /// Answers the serial number of what a cancel is for, 0 if nothing is in flight there.
    pub(super) fn begin(&mut self, serial: u64, operation: &Operation) -> u64 {
        match operation {
            Operation::Receive { token, mode } => {
                let life = self.named(*token, "Receive");
                life.refuse_after_hand_over(*token, "Receive");
                life.refuse(life.receive.is_some(), *token, "Receive", "one is in flight");
                life.receive = Some(ReceiveFlight { serial, mode: *mode, armed: false });
            }
            Operation::Send { token, buffer, from } => {
                let life = self.named(*token, "Send");
                life.refuse_after_hand_over(*token, "Send");
                life.refuse(life.send.is_some(), *token, "Send", "one is in flight");
                life.refuse(*from >= buffer.len(), *token, "Send", "there is nothing to send");
                life.send = Some(SendFlight { serial, waiting: None });
            }
            Operation::CancelReceive { token } => {
                let life = self.named(*token, "CancelReceive");
                return life.receive.as_ref().map_or(0, |flight| flight.serial);
            }
            Operation::CancelSend { token } => {
                let life = self.named(*token, "CancelSend");
                return life.send.as_ref().map_or(0, |flight| flight.serial);
            }
            Operation::ShutDown { token } => self.begin_ending(*token, Ending::ShutDown),
            Operation::HandOver { token, .. } => self.begin_ending(*token, Ending::HandOver),
            Operation::Close { token } => self.begin_ending(*token, Ending::Close),
            Operation::Accept { .. }
            | Operation::CancelAccepts { .. }
            | Operation::Wake { .. }
            | Operation::Connect { .. }
            | Operation::CancelConnect { .. } => {}
        }
        0
    }

    fn begin_ending(&mut self, token: Token, ending: Ending) {
        let name = match ending {
            Ending::ShutDown => "ShutDown",
            Ending::HandOver => "HandOver",
            Ending::Close => "Close",
        };
        let life = self.named(token, name);
        if let Some(other) = life.ending {
            life.refuse(true, token, name, &format!("a {other:?} is in flight"));
        }
        if ending != Ending::ShutDown {
            life.refuse(life.receive.is_some(), token, name, "a receive is in flight");
            life.refuse(life.send.is_some(), token, name, "a send is in flight");
        }
        life.ending = Some(ending);
    }

    /// The life that a token names, which gets its generation from the first one that does.
    fn named(&mut self, token: Token, name: &str) -> &mut Life {
        let generation = token.generation % Token::GENERATIONS;
        let Some(Slot { life, past, .. }) = self.slots.get_mut(token.slot as usize) else {
            panic!("contract: {name} on {token:?}: no such slot");
        };
        let Some(life) = life.as_mut().filter(|life| life.announced) else {
            panic!("contract: {name} on {token:?}: no connection there");
        };
        let named = *life.generation.get_or_insert_with(|| {
            let used = past.contains(&generation);
            assert!(!used, "contract: {name} on {token:?}: the generation was used before");
            generation
        });
        life.refuse(named != generation, token, name, "the token is stale");
        life.refuse(life.ending == Some(Ending::Close), token, name, "it is being closed");
        life
    }

    /// An event is being delivered: what it ends is no longer in flight.
    pub(super) fn settle(&mut self, event: &Event) {
        match event {
            Event::Accepted { slot, .. }
            | Event::Arrived { slot, .. }
            | Event::Connected { result: Ok(slot), .. } => self.living(*slot).announced = true,
            Event::Received { token, armed: false, .. } | Event::ReceiveEnded { token, .. } => {
                self.living(token.slot).receive = None;
            }
            Event::Sent { token, .. } => self.living(token.slot).send = None,
            Event::ShutDown { token } => self.living(token.slot).ending = None,
            Event::HandedOver { token, result } => {
                let life = self.living(token.slot);
                life.ending = None;
                life.handed_over |= result.is_ok();
            }
            Event::Closed { token } => {
                let Slot { past, over, .. } = &mut self.slots[token.slot as usize];
                over.push(token.generation);
                over.retain(|generation| past.contains(generation));
            }
            Event::Received { armed: true, .. }
            | Event::AcceptFailed { .. }
            | Event::Connected { result: Err(_), .. }
            | Event::Woken => {}
        }
    }

    fn living(&mut self, slot: u32) -> &mut Life {
        self.life(slot).expect("a life lasts until the events of its operations are delivered")
    }

    /// A token whose life is over and done with, if there is one.
    pub(super) fn stale_token(&self, random: &mut SimRandom) -> Option<Token> {
        let start = random.index(self.slots.len());
        let (before, after) = self.slots.split_at(start);
        let (distance, slot) =
            after.iter().chain(before).enumerate().find(|(_, slot)| !slot.over.is_empty())?;
        let generation = slot.over[random.index(slot.over.len())];
        Some(Token { slot: ((start + distance) % self.slots.len()) as u32, generation })
    }
}

impl Life {
    /// Its token, with the generation that events carry; none before its first operation.
    pub(super) fn token(&self, slot: u32) -> Option<Token> {
        self.generation.map(|generation| Token { slot, generation })
    }

    fn refuse(&self, violated: bool, token: Token, name: &str, reason: &str) {
        assert!(!violated, "contract: {name} on {token:?}: {reason}");
    }

    fn refuse_after_hand_over(&self, token: Token, name: &str) {
        self.refuse(self.handed_over, token, name, "it was handed over");
    }
}
