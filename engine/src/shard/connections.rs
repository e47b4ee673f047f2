//! The connections of a shard, by slot of the ring's descriptor table.

use std::net::SocketAddr;
use std::rc::Rc;

use skyring_protocols::crypt::Secret;
use skyring_protocols::login::server::LoginServer;

use super::message::HandOver;
use super::sessions::SessionKey;
use crate::driver::{ListenerIndex, ShardIndex, Token};
use crate::handler::Agent;

/// An instant that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

/// Operations in flight on a connection, at most one of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InFlight(u8);

impl InFlight {
    pub(crate) const RECEIVE: InFlight = InFlight(1);
    pub(crate) const SEND: InFlight = InFlight(2);
    pub(crate) const SHUT_DOWN: InFlight = InFlight(4);
    pub(crate) const CLOSE: InFlight = InFlight(8);
    pub(crate) const HAND_OVER: InFlight = InFlight(16);

    pub(crate) fn any(self) -> bool {
        self.0 != 0
    }
    pub(crate) fn has(self, operation: InFlight) -> bool {
        self.0 & operation.0 != 0
    }
    /// Marks an operation as in flight.
    pub(crate) fn begin(&mut self, operation: InFlight) {
        debug_assert!(!self.has(operation), "one operation of a kind at a time");
        self.0 |= operation.0;
    }
    /// Marks an operation as over; false when it was not in flight.
    pub(crate) fn end(&mut self, operation: InFlight) -> bool {
        let was = self.has(operation);
        self.0 &= !operation.0;
        was
    }
}

/// How far a connection is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// No connection is in this slot.
    Vacant,
    /// In use.
    Open,
    /// What is queued still goes out, then FIN.
    Finishing,
    /// FIN is sent; what the peer still sends is read and thrown away until it closes too, so that
    /// the kernel sends no reset that could overtake our last bytes.
    Lingering,
    /// Waits for operations to end, then for the close.
    Closing,
}

/// What a connection is for.
#[derive(Debug)]
pub(crate) enum Role {
    /// Nothing any more.
    None,
    /// A login conversation.
    Login(Box<LoginRole>),
    /// A message-server connection before its attach.
    Attaching,
    /// On the way to its owner shard.
    Departing(Box<Departure>),
    /// The connection of a session.
    Attached(SessionKey),
    /// A gate connection.
    Gate(Box<GateRole>),
}

#[derive(Debug)]
pub(crate) struct LoginRole {
    pub(crate) machine: LoginServer,
    /// Held while the application looks at the token.
    pub(crate) secret: Option<Secret>,
}

#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) to: ShardIndex,
    pub(crate) key: u32,
    pub(crate) content: HandOver,
}

#[derive(Default)]
pub(crate) struct GateRole {
    pub(crate) opened: bool,
    pub(crate) agent: Option<Rc<dyn Agent>>,
    /// Messages whose methods still run.
    pub(crate) pending: u32,
}

impl std::fmt::Debug for GateRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GateRole {{ opened: {}, pending: {} }}", self.opened, self.pending)
    }
}

/// One slot of the table and the connection in it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) generation: u32,
    pub(crate) life: Life,
    pub(crate) in_flight: InFlight,
    /// The peer has sent FIN.
    pub(crate) ended: bool,
    /// Reading waits until output has left or handlers have finished.
    pub(crate) paused: bool,
    /// On the list of connections to be flushed this turn.
    pub(crate) dirty: bool,
    /// Closes when its last pending request is answered.
    pub(crate) draining: bool,
    /// The conversation is complete: the peer will send nothing more.
    pub(crate) last_word: bool,
    /// Lives on at another shard, which counts it.
    pub(crate) moved: bool,
    pub(crate) listener: ListenerIndex,
    pub(crate) role: Role,
    pub(crate) peer: SocketAddr,
    /// Bytes to send, not yet given to the driver.
    pub(crate) output: Vec<u8>,
    /// Bytes the driver is sending.
    pub(crate) sending_bytes: usize,
    /// Input that could not be taken yet: part of a frame, or what came while reading was paused.
    pub(crate) remainder: Vec<u8>,
    /// When the phase it is in, or its idleness, is over.
    pub(crate) deadline_ms: u64,
    /// When unsent output must have made progress.
    pub(crate) write_deadline_ms: u64,
    /// When the wheel looks at it next.
    pub(crate) timer_ms: u64,
}

impl Connection {
    fn vacant() -> Connection {
        Connection {
            generation: 0,
            life: Life::Vacant,
            in_flight: InFlight::default(),
            ended: false,
            paused: false,
            dirty: false,
            draining: false,
            last_word: false,
            moved: false,
            listener: ListenerIndex(0),
            role: Role::None,
            peer: ([0, 0, 0, 0], 0).into(),
            output: Vec::new(),
            sending_bytes: 0,
            remainder: Vec::new(),
            deadline_ms: NEVER,
            write_deadline_ms: NEVER,
            timer_ms: NEVER,
        }
    }

    /// Bytes that the peer has not taken.
    pub(crate) fn unsent_bytes(&self) -> usize {
        self.output.len() + self.sending_bytes
    }
}

/// The table. It grows to the highest slot in use.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    table: Vec<Connection>,
    open: u32,
}

impl Connections {
    /// Slots in use.
    pub(crate) fn len(&self) -> u32 {
        self.open
    }

    /// Puts a new connection into a vacant slot.
    pub(crate) fn occupy(
        &mut self,
        slot: u32,
        listener: ListenerIndex,
        peer: SocketAddr,
    ) -> &mut Connection {
        while self.table.len() <= slot as usize {
            self.table.push(Connection::vacant());
        }
        let connection = &mut self.table[slot as usize];
        assert_eq!(connection.life, Life::Vacant, "a slot holds one connection at a time");
        self.open += 1;
        connection.life = Life::Open;
        connection.listener = listener;
        connection.peer = peer;
        connection
    }

    /// Empties a slot; its tokens name nothing from now on.
    pub(crate) fn vacate(&mut self, slot: u32) {
        let connection = &mut self.table[slot as usize];
        assert_ne!(connection.life, Life::Vacant, "a connection ends once");
        let generation = (connection.generation + 1) % Token::GENERATIONS;
        *connection = Connection { generation, ..Connection::vacant() };
        self.open -= 1;
    }

    /// The token of what is in a slot now.
    pub(crate) fn token(&self, slot: u32) -> Token {
        Token { slot, generation: self.table[slot as usize].generation }
    }

    /// The connection named by a token, if it still exists.
    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut Connection> {
        let connection = self.table.get_mut(token.slot as usize)?;
        let named = connection.life != Life::Vacant && connection.generation == token.generation;
        named.then_some(connection)
    }

    /// The connection in a slot.
    ///
    /// # Panics
    /// When the slot was never used.
    pub(crate) fn at(&self, slot: u32) -> &Connection {
        &self.table[slot as usize]
    }

    /// As [`Connections::at`].
    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut Connection {
        &mut self.table[slot as usize]
    }

    /// Whether a connection is in the slot.
    pub(crate) fn is_occupied(&self, slot: u32) -> bool {
        self.table.get(slot as usize).is_some_and(|connection| connection.life != Life::Vacant)
    }

    /// Slots in use, in order.
    pub(crate) fn slots(&self) -> Vec<u32> {
        (0..self.table.len() as u32).filter(|slot| self.is_occupied(*slot)).collect()
    }
}
