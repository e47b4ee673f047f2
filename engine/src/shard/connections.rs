//! The connections of a shard, by slot of the ring's descriptor table.

use std::net::SocketAddr;
use std::rc::Rc;

use skyring_protocols::login::server::LoginServer;
use skyring_protocols::msg::Challenged;
use skyring_protocols::msg::response::{self, Flag};

use super::dialled::DialledRole;
pub(crate) use super::in_flight::InFlight;
use super::message::HandOver;
use super::peer_address::PeerAddress;
use super::sessions::SessionKey;
use super::traffic::{Spare, Traffic};
use super::web::Web;
use super::weighing::Scale;
use crate::driver::{ListenerIndex, ShardIndex, Token};
use crate::handler::Agent;
use crate::limit::Meter;
use crate::listener::http::HttpRole;
use crate::listener::websocket::SocketRole;
use crate::transport::tls::{Tls, TlsError};

/// An instant that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

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
    /// To begin once a trusted proxy has said whose it is.
    Proxied,
    /// To be what its listener says once its TLS handshake is done.
    Securing,
    /// A login conversation.
    Login(Box<LoginRole>),
    /// A message-server connection before its attach.
    Attaching,
    /// A message-server connection that was challenged and has to prove its user (WIRE V13).
    Proving(Box<Challenged>),
    /// On the way to its owner shard.
    Departing(Box<Departure>),
    /// The connection of a session.
    Attached(SessionKey),
    /// A gate connection.
    Gate(Box<GateRole>),
    /// An HTTP connection.
    Http(Box<HttpRole>),
    /// A WebSocket of the application.
    WebSocket(Box<SocketRole>),
    /// A connection that the application opened.
    Dialled(Box<DialledRole>),
}

#[derive(Debug)]
pub(crate) struct LoginRole {
    pub(crate) machine: LoginServer,
}

#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) to: ShardIndex,
    pub(crate) key: u32,
    /// Its message is with the other shard, or waits for room in the mailbox.
    pub(crate) is_posted: bool,
    /// The wheel will look at it.
    pub(super) is_looked_after: bool,
    pub(crate) content: HandOver,
}

#[derive(Default)]
pub(crate) struct GateRole {
    pub(crate) opened: bool,
    pub(crate) agent: Option<Rc<dyn Agent>>,
    /// Messages whose methods still run, and their bytes.
    pub(crate) pending: u32,
    pub(crate) pending_bytes: usize,
    /// What it has sent, where there is a rate.
    pub(crate) meter: Meter,
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
    /// On the list of connections that wait for other shards to take their mail.
    pub(super) held_for_mail: bool,
    /// On the list of connections to be flushed this turn.
    pub(crate) dirty: bool,
    /// The conversation is complete: the peer will send nothing more.
    pub(crate) last_word: bool,
    /// Its listener does not count it: it was refused, or lives on at another shard.
    pub(crate) uncounted: bool,
    /// Which greeting it got while it has not shown who it is; 0: it has.
    pub(super) greeting: u16,
    /// The wheel will look whether its rate lets it be read again.
    pub(super) waits_for_rate: bool,
    /// On the list of connections to be weighed this turn.
    pub(super) is_touched: bool,
    /// On the list of those that hold much.
    pub(super) is_heavy: bool,
    /// Its weight is on the account of those that are being closed.
    pub(super) is_leaving: bool,
    /// Bytes of memory that it held when it was weighed last.
    pub(super) weight_bytes: u32,
    pub(crate) listener: ListenerIndex,
    pub(crate) role: Role,
    /// What turns records into plaintext and back; none where the wire carries plaintext.
    pub(crate) tls: Option<Box<Tls>>,
    /// What turns plaintext into messages and back; none where the role reads plaintext itself.
    pub(crate) web: Option<Box<Web>>,
    peer: PeerAddress,
    /// Bytes under way; none of an idle connection.
    traffic: Option<Box<Traffic>>,
    /// When the phase it is in, or its idleness, is over.
    pub(crate) deadline_ms: u64,
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
            held_for_mail: false,
            dirty: false,
            last_word: false,
            uncounted: false,
            greeting: 0,
            waits_for_rate: false,
            is_touched: false,
            is_heavy: false,
            is_leaving: false,
            weight_bytes: 0,
            listener: ListenerIndex(0),
            role: Role::None,
            tls: None,
            web: None,
            peer: PeerAddress::new(([0, 0, 0, 0], 0).into()),
            traffic: None,
            deadline_ms: NEVER,
            timer_ms: NEVER,
        }
    }

    /// Whether it has not shown who it is.
    pub(crate) fn is_newcomer(&self) -> bool {
        self.greeting != 0
    }

    /// The other end.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer.address()
    }

    /// Takes another address for the other end's.
    pub(super) fn set_peer(&mut self, peer: SocketAddr) {
        self.peer = PeerAddress::new(peer);
    }

    /// The msg listener whose sessions it may attach to, which is its own but for a WebSocket.
    pub(crate) fn session_listener(&self) -> ListenerIndex {
        self.web.as_ref().and_then(|web| web.msg).unwrap_or(self.listener)
    }

    /// Bytes of content that a response on it may have.
    pub(crate) fn content_bytes_max(&self) -> usize {
        self.web.as_ref().map_or(response::CONTENT_BYTES_MAX, |web| web.content_bytes_max)
    }

    /// Bytes that the peer has not taken.
    pub(crate) fn unsent_bytes(&self) -> usize {
        self.traffic.as_ref().map_or(0, |traffic| traffic.unsent_bytes())
    }

    /// Whether its listener's handshake deadline is behind it.
    pub(crate) fn is_past_handshake(&self) -> bool {
        match &self.role {
            Role::Attached(_) => true,
            Role::Gate(gate) => gate.opened,
            // Who is to answer a close has so much time for it, whatever else it sends.
            Role::WebSocket(_) => self.web.as_ref().is_some_and(|web| !web.is_closing()),
            Role::Dialled(dialled) => dialled.is_ready,
            _ => false,
        }
    }

    /// Whether the stream has ended without the peer's word that it is complete, which only TLS has:
    /// whoever needs to know that nothing is missing must look.
    pub(crate) fn is_truncated(&self) -> bool {
        self.ended && self.tls.as_ref().is_some_and(|tls| !tls.is_closed_by_peer())
    }

    /// Whether input waits until it can be taken.
    pub(crate) fn has_remainder(&self) -> bool {
        self.traffic.as_ref().is_some_and(|traffic| !traffic.remainder.is_empty())
    }

    /// When unsent output must have made progress.
    pub(crate) fn write_deadline_ms(&self) -> u64 {
        self.traffic.as_ref().map_or(NEVER, |traffic| traffic.write_deadline_ms)
    }

    /// As [`Connection::traffic_mut`], to look at.
    pub(super) fn traffic(&self) -> Option<&Traffic> {
        self.traffic.as_deref()
    }

    /// What is under way, if anything is.
    pub(super) fn traffic_mut(&mut self) -> Option<&mut Traffic> {
        self.traffic.as_deref_mut()
    }
}

/// Who writes a connection's output.
struct Writers<'a> {
    role: &'a mut Role,
    web: &'a mut Option<Box<Web>>,
}

/// The table. It grows to the highest slot in use.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    pub(super) table: Vec<Connection>,
    open: u32,
    spare: Spare,
    /// Slots with new output.
    dirty: Vec<u32>,
    /// What they weigh together.
    pub(super) scale: Scale,
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
        connection.peer = PeerAddress::new(peer);
        self.scale.touch(slot, connection);
        connection
    }

    /// Empties a slot; its tokens name nothing from now on.
    pub(crate) fn vacate(&mut self, slot: u32) {
        let connection = &mut self.table[slot as usize];
        assert_ne!(connection.life, Life::Vacant, "a connection ends once");
        let generation = (connection.generation + 1) % Token::GENERATIONS;
        self.scale.forget(connection);
        let traffic = connection.traffic.take();
        *connection = Connection { generation, ..Connection::vacant() };
        self.open -= 1;
        if let Some(traffic) = traffic {
            self.spare.keep_traffic(traffic);
        }
    }

    /// The token of what is in a slot now.
    pub(crate) fn token(&self, slot: u32) -> Token {
        Token { slot, generation: self.table[slot as usize].generation }
    }

    /// The connection named by a token, if it still exists.
    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut Connection> {
        let connection = self.table.get_mut(token.slot as usize)?;
        if connection.life == Life::Vacant || connection.generation != token.generation {
            return None;
        }
        self.scale.touch(token.slot, connection);
        Some(connection)
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
        let connection = &mut self.table[slot as usize];
        self.scale.touch(slot, connection);
        connection
    }

    /// Where to append bytes for a connection, which is then on the list of
    /// [`Connections::take_dirty`].
    pub(crate) fn output(&mut self, slot: u32) -> &mut Vec<u8> {
        self.role_and_output(slot).1
    }

    /// As [`Connections::output`], with what the connection is for, which writes there.
    pub(crate) fn role_and_output(&mut self, slot: u32) -> (&mut Role, &mut Vec<u8>) {
        let (writers, traffic, spare) = self.dirty_traffic(slot);
        if traffic.output.capacity() == 0 {
            traffic.output = spare.buffer();
        }
        (writers.role, &mut traffic.output)
    }

    /// As [`Connections::output`], with the connection's WebSocket, if it is one.
    pub(super) fn web_and_output(&mut self, slot: u32) -> Option<(&mut Web, &mut Vec<u8>)> {
        let (writers, traffic, spare) = self.dirty_traffic(slot);
        if traffic.output.capacity() == 0 {
            traffic.output = spare.buffer();
        }
        Some((writers.web.as_deref_mut()?, &mut traffic.output))
    }

    /// As [`Connections::output`], for the records of a TLS connection. They are sent in this order.
    pub(super) fn records(&mut self, slot: u32) -> &mut Vec<u8> {
        let (_, traffic, spare) = self.dirty_traffic(slot);
        if traffic.records.capacity() == 0 {
            traffic.records = spare.buffer();
        }
        &mut traffic.records
    }

    /// Appends a response, as the connection carries them; how many bytes of content. One that is
    /// longer than the connection carries is a failure there.
    pub(crate) fn respond(&mut self, slot: u32, content: &[u8], flag: Flag, id: u32) -> usize {
        let fits = content.len() <= self.at(slot).content_bytes_max();
        let (content, flag) = if fits { (content, flag) } else { (&[][..], Flag::Error) };
        let (writers, traffic, spare) = self.dirty_traffic(slot);
        if traffic.output.capacity() == 0 {
            traffic.output = spare.buffer();
        }
        let output = &mut traffic.output;
        if let Some(web) = writers.web {
            web.respond(content, flag, id, output);
        } else {
            let encoded = response::encode(content, flag, id, output);
            encoded.expect("it fits a frame, and a push has the id of pushes");
        }
        content.len()
    }

    /// Takes what has not been given to the driver.
    pub(super) fn take_unsent(&mut self, slot: u32) -> Vec<u8> {
        let Connection { tls, traffic, .. } = &mut self.table[slot as usize];
        let Some(traffic) = traffic else { return Vec::new() };
        std::mem::take(if tls.is_some() { &mut traffic.records } else { &mut traffic.output })
    }

    fn dirty_traffic(&mut self, slot: u32) -> (Writers<'_>, &mut Traffic, &mut Spare) {
        let Connections { table, spare, dirty, scale, .. } = self;
        let connection = &mut table[slot as usize];
        scale.touch(slot, connection);
        if !connection.dirty {
            connection.dirty = true;
            dirty.push(slot);
        }
        let traffic = connection.traffic.get_or_insert_with(|| spare.traffic());
        (Writers { role: &mut connection.role, web: &mut connection.web }, traffic, spare)
    }

    /// Turns the output of a TLS connection into records, if its handshake is done. What is written
    /// behind its last word is thrown away.
    pub(super) fn seal(&mut self, slot: u32) -> Result<(), TlsError> {
        let Connections { table, spare, scale, .. } = self;
        scale.touch(slot, &mut table[slot as usize]);
        let Connection { tls: Some(tls), traffic: Some(traffic), .. } = &mut table[slot as usize]
        else {
            return Ok(());
        };
        if traffic.output.is_empty() {
            return Ok(());
        }
        if traffic.records.capacity() == 0 {
            traffic.records = spare.buffer();
        }
        let sealed = tls.seal(&traffic.output, &mut traffic.records);
        if sealed == Err(TlsError::NotEstablished) {
            return Ok(());
        }
        spare.keep_buffer(std::mem::take(&mut traffic.output));
        if sealed == Err(TlsError::Ended) { Ok(()) } else { sealed }
    }

    /// Takes the list of connections with new output; give it back to
    /// [`Connections::reuse_dirty`].
    pub(super) fn take_dirty(&mut self) -> Vec<u32> {
        for slot in &self.dirty {
            self.table[*slot as usize].dirty = false;
        }
        std::mem::take(&mut self.dirty)
    }

    /// Takes the list back, for its memory.
    pub(super) fn reuse_dirty(&mut self, mut dirty: Vec<u32>) {
        dirty.clear();
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
    }

    /// Takes the input that waits with a connection.
    pub(crate) fn take_remainder(&mut self, slot: u32) -> Vec<u8> {
        let traffic = self.at_mut(slot).traffic.as_mut();
        traffic.map_or_else(Vec::new, |traffic| std::mem::take(&mut traffic.remainder))
    }

    /// Keeps input with a connection until it can be taken.
    pub(crate) fn keep_remainder(&mut self, slot: u32, remainder: Vec<u8>) {
        let Connections { table, spare, scale, .. } = self;
        scale.touch(slot, &mut table[slot as usize]);
        let traffic = table[slot as usize].traffic.get_or_insert_with(|| spare.traffic());
        traffic.remainder = remainder;
    }

    /// Gives back what a connection holds for bytes under way, if none are.
    pub(super) fn settle(&mut self, slot: u32) {
        let connection = &mut self.table[slot as usize];
        if let Some(traffic) = connection.traffic.take_if(|traffic| traffic.is_over()) {
            self.spare.keep_traffic(traffic);
        }
    }

    /// An empty buffer.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        self.spare.buffer()
    }

    /// Keeps a buffer for the next use.
    pub(crate) fn recycle(&mut self, buffer: Vec<u8>) {
        self.spare.keep_buffer(buffer);
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
