//! The state of a shard, and what every part of it does: events in, operations out.
//!
//! A `Core` knows no driver. It takes events and appends operations to a list, which the shard
//! hands to whatever driver it runs on. The listeners' files (`listener/`) say what login, msg,
//! gate and http connections do; `accepting`, `stream`, `deadlines`
//! and `ending` say what all connections have in common; `mail` and `deeds` say what comes from
//! other shards and from the application.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use skyring_protocols::http1::Limits;
use skyring_protocols::msg::session::SessionPolicy;
use skyring_protocols::websocket;

use super::connections::{Connections, InFlight};
use super::counters::{Counter, ShardCounters};
use super::deadlines::TimerKey;
use super::dialled::Dialling;
use super::dispatch::Dispatch;
use super::drain::{DrainPlan, ServerEnd};
use super::mail::Mail;
use super::memory::Memory;
use super::newcomers::Newcomers;
use super::presence::PresenceDesk;
use super::rooms::RoomTable;
use super::secure::Room;
use super::sessions::{SessionKey, Sessions};
use super::timers::Wheel;
use super::web::{self, WebRoom};
use crate::config::{Listener, capacity};
use crate::context::ShardSide;
use crate::driver::{Event, ListenerIndex, Operation, ShardIndex, Token};
use crate::identity::ServerIdentity;
use crate::limit::{Bucket, Meter, Rate, RateTable, Rates};
use crate::listener::http;
use crate::listener::http::date::{DateCache, WallClock};
use crate::mutation::{self, Mutation};
use crate::places::Places;
use crate::room;
use crate::route::Router;
use crate::service::{self, Deliveries};
use crate::transport::tls::ServerTls;
use crate::websocket::Terms;

/// A listener as a shard sees it.
pub(crate) struct ListenerSide {
    pub(crate) settings: Listener,
    pub(crate) server: Rc<str>,
    pub(crate) policy: SessionPolicy,
    /// What an HTTP request may be.
    pub(crate) http: Limits,
    /// What a WebSocket message may be.
    pub(crate) web: websocket::Limits,
    /// What its WebSockets agree on.
    pub(crate) terms: Rc<Terms>,
    pub(crate) shared: Arc<ListenerShared>,
    pub(crate) rates: Rates,
    /// Connections taken in, of the rate for all.
    pub(super) accepted: Bucket,
    /// Accepts in flight.
    pub(super) accepts: u32,
    /// Whether the last look found room for one.
    pub(super) accepting: bool,
    pub(super) paused_until_ms: u64,
}

/// What the shards of a server must agree on about one listener. Touched once a connection, never
/// on the way of a message.
pub(crate) struct ListenerShared {
    /// Connections of this listener, wherever they are; one on its way counts once.
    pub(crate) connections: AtomicU32,
    /// Who opens connections, and who logs in; none where nobody is limited.
    addresses: Option<Mutex<RateTable>>,
    logins: Option<Mutex<RateTable>>,
    /// Its certificates, if it speaks TLS.
    pub(crate) tls: Option<ServerTls>,
    /// Who it is in the secure handshake, if it is anybody.
    pub(crate) identity: Option<ServerIdentity>,
}

impl std::fmt::Debug for ListenerShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.connections.load(Relaxed);
        write!(f, "ListenerShared {{ connections: {count}, tls: {} }}", self.tls.is_some())
    }
}

impl ListenerShared {
    /// What a listener with these settings needs. `keys` must be secret and random.
    pub(crate) fn new(
        settings: &Listener,
        keys: [(u64, u64); 2],
        tls: Option<ServerTls>,
        identity: Option<ServerIdentity>,
    ) -> Self {
        let rates = Rates::new(&settings.limits, 1);
        let table = |rate: Option<Rate>, key| rate.map(|_| Mutex::new(RateTable::new(key)));
        ListenerShared {
            connections: AtomicU32::new(0),
            addresses: table(rates.connections, keys[0]),
            logins: table(rates.logins, keys[1]),
            tls,
            identity,
        }
    }

    /// Whether an address may open one more connection now.
    pub(crate) fn admits_address(&self, peer: IpAddr, rates: &Rates, now_ms: u64) -> bool {
        take(self.addresses.as_ref(), rates.connections, peer, now_ms).is_ok()
    }

    /// Whether an address may log in once more now.
    ///
    /// # Errors
    /// Milliseconds until it may.
    pub(crate) fn admits_login(&self, peer: IpAddr, rates: &Rates, now_ms: u64) -> Result<(), u64> {
        take(self.logins.as_ref(), rates.logins, peer, now_ms)
    }

    /// Counts one more connection, unless there are `max` already; 0 is no limit. Shards that accept
    /// at the same moment agree on who is the last one.
    pub(crate) fn admit(&self, max: u32) -> bool {
        let room = |count: u32| (max == 0 || count < max).then_some(count + 1);
        self.connections.fetch_update(Relaxed, Relaxed, room).is_ok()
    }

    /// One connection less.
    pub(crate) fn leave(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }
}

/// Takes a token of an address, where there is a limit.
fn take(
    table: Option<&Mutex<RateTable>>,
    rate: Option<Rate>,
    peer: IpAddr,
    now_ms: u64,
) -> Result<(), u64> {
    let (Some(table), Some(rate)) = (table, rate) else { return Ok(()) };
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    let who = table.address(peer);
    table.admit(who, rate, now_ms)
}

/// Fills with random bytes, for challenges, key exchanges and nonces.
pub(crate) type Entropy = Box<dyn FnMut(&mut [u8])>;

/// What a shard is made of.
pub(crate) struct CoreParts {
    pub(crate) index: ShardIndex,
    pub(crate) router: Router,
    pub(crate) table_key: (u64, u64),
    pub(crate) slots: u32,
    pub(crate) listeners: Vec<(Listener, Arc<ListenerShared>)>,
    pub(crate) mail: Mail,
    pub(crate) places: Arc<Places>,
    pub(crate) side: Rc<ShardSide>,
    pub(crate) dispatch: Dispatch,
    pub(crate) counters: Arc<ShardCounters>,
    pub(crate) entropy: Entropy,
    pub(crate) cache_bytes_max: u64,
    /// Bytes of memory that it may use.
    pub(crate) memory_bytes_max: u64,
    /// Users that may be logged in.
    pub(crate) sessions_max: usize,
    /// Logins that may wait for the application.
    pub(crate) deciding_max: usize,
    /// Connections that may not have shown who they are; 0: half of the table.
    pub(crate) unauthenticated_max: u32,
    pub(crate) now_ms: u64,
    pub(crate) server_end: Arc<ServerEnd>,
    pub(crate) wall_clock: WallClock,
}

/// The state of a shard.
pub(crate) struct Core {
    pub(crate) index: ShardIndex,
    pub(crate) router: Router,
    pub(crate) now_ms: u64,
    pub(super) slots: u32,
    pub(crate) listeners: Vec<ListenerSide>,
    pub(super) next_listener: usize,
    pub(crate) connections: Connections,
    pub(crate) sessions: Sessions,
    /// Connects in flight, by tag, and the next one's tag.
    pub(super) dialling: BTreeMap<u32, Dialling>,
    pub(super) next_dial: u32,
    /// Accounts whose login is being decided.
    pub(crate) logins: HashSet<Vec<u8>>,
    /// Logins that wait for the application, and how many may.
    pub(crate) deciding: usize,
    pub(crate) deciding_max: usize,
    /// Who logs in how often, by uid; made with the first limited login.
    pub(crate) user_logins: Option<Box<RateTable>>,
    /// Of sessions of listeners with a limit.
    pub(crate) meters: HashMap<SessionKey, Meter>,
    pub(crate) newcomers: Newcomers,
    /// Bytes of stored answers that all sessions may have together.
    pub(crate) cache_bytes_max: u64,
    /// Users that may be logged in.
    pub(crate) sessions_max: usize,
    pub(crate) memory: Memory,
    /// Bytes of the content of an answer that some listener's connections can carry.
    pub(crate) wide_bytes_max: usize,
    pub(crate) timers: Wheel<TimerKey>,
    pub(super) fired: Vec<TimerKey>,
    /// Timers above which those are looked for that wake nobody any more.
    pub(super) timers_swept_above: usize,
    /// Connections that read on once the outbox is empty.
    pub(super) resuming: VecDeque<Token>,
    pub(crate) operations: Vec<Operation>,
    /// Where TLS connections are decrypted, one at a time.
    pub(super) room: Room,
    /// What WebSockets need while one is read or written, one at a time.
    pub(super) web_room: WebRoom,
    pub(crate) mail: Mail,
    pub(super) presence: PresenceDesk,
    pub(super) places: Arc<Places>,
    pub(crate) side: Rc<ShardSide>,
    pub(crate) dispatch: Dispatch,
    pub(crate) counters: Arc<ShardCounters>,
    pub(crate) entropy: Entropy,
    /// The date that HTTP answers carry.
    pub(crate) date: DateCache,
    /// What is to be delivered to services.
    pub(crate) deliveries: Deliveries,
    pub(crate) rooms: RoomTable,
    pub(crate) draining: bool,
    pub(super) plan: DrainPlan,
}

impl Drop for Core {
    /// Services hold the way to their shard, which holds them.
    fn drop(&mut self) {
        self.side.services.clear();
    }
}

/// A limit of the response cache.
fn limit<T>(limit: T, none: T) -> T {
    if mutation::active(Mutation::UnlimitedCache) { none } else { limit }
}

impl Core {
    pub(crate) fn new(parts: CoreParts) -> Core {
        let shards = parts.router.shards();
        let unauthenticated_max = capacity::unauthenticated(parts.unauthenticated_max, parts.slots);
        let listeners = parts.listeners.into_iter().map(|(settings, shared)| ListenerSide {
            rates: Rates::new(&settings.limits, shards),
            accepted: Bucket::default(),
            server: Rc::from(settings.server.as_str()),
            policy: SessionPolicy {
                compat: settings.compat,
                replay_duplicates: settings.duplicate_request
                    == crate::config::DuplicateRequest::Replay,
                expired_number: limit(settings.expired_number, 1 << 20),
                cache_bytes_max: limit(settings.cache_bytes_max, 1 << 30),
                pending_requests_max: settings.pending_requests_max,
            },
            http: http::limits(&settings),
            web: web::limits(&settings),
            terms: Rc::new(Terms::of_listener(&settings)),
            settings,
            shared,
            accepts: 0,
            accepting: true,
            paused_until_ms: 0,
        });
        let listeners: Vec<ListenerSide> = listeners.collect();
        let wide_bytes_max = web::widest_content_bytes(&listeners);
        parts.places.open(parts.index, parts.slots);
        parts.side.services.open(&parts.router);
        for (bound, value) in [
            (Counter::MemoryBytesMax, parts.memory_bytes_max),
            (Counter::CacheBytesMax, parts.cache_bytes_max),
            (Counter::ConnectionsMax, parts.slots.into()),
            (Counter::UnauthenticatedMax, unauthenticated_max.into()),
            (Counter::SessionsMax, parts.sessions_max as u64),
            (Counter::RoomsMax, room::ROOMS_A_SHARD_MAX as u64),
            (Counter::RoomHomesMax, room::ROOMS_A_SHARD_MAX as u64),
            (Counter::ServicesMax, service::SERVICES_MAX as u64),
        ] {
            parts.counters.set(bound, value);
        }
        Core {
            index: parts.index,
            router: parts.router,
            now_ms: parts.now_ms,
            slots: parts.slots,
            listeners,
            next_listener: 0,
            connections: Connections::default(),
            sessions: Sessions::new(parts.table_key),
            dialling: BTreeMap::new(),
            next_dial: 0,
            logins: HashSet::new(),
            deciding: 0,
            deciding_max: parts.deciding_max,
            user_logins: None,
            meters: HashMap::new(),
            newcomers: Newcomers::new(unauthenticated_max),
            cache_bytes_max: parts.cache_bytes_max,
            sessions_max: parts.sessions_max,
            memory: Memory::new(parts.memory_bytes_max),
            wide_bytes_max,
            timers: Wheel::new(parts.now_ms),
            fired: Vec::new(),
            timers_swept_above: 0,
            resuming: VecDeque::new(),
            operations: Vec::new(),
            room: Room::default(),
            web_room: WebRoom::default(),
            mail: parts.mail,
            presence: PresenceDesk::default(),
            places: parts.places,
            side: parts.side,
            dispatch: parts.dispatch,
            counters: parts.counters,
            entropy: parts.entropy,
            date: DateCache::new(parts.wall_clock),
            deliveries: Deliveries::default(),
            rooms: RoomTable::default(),
            draining: false,
            plan: DrainPlan::new(parts.server_end),
        }
    }

    pub(crate) fn listener(&self, at: ListenerIndex) -> &ListenerSide {
        &self.listeners[usize::from(at.0)]
    }

    /// Random bytes.
    pub(crate) fn random<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        (self.entropy)(&mut bytes);
        bytes
    }

    pub(crate) fn count(&self, counter: Counter) {
        self.counters.count(counter);
    }

    /// Takes any event but received bytes, which [`Core::on_received`] takes.
    pub(crate) fn on_event(&mut self, event: Event) {
        match event {
            Event::Accepted { listener, slot, peer } => self.on_accepted(listener, slot, peer),
            Event::AcceptFailed { listener, errno } => self.on_accept_failed(listener, errno),
            Event::ReceiveEnded { token, reason } => self.on_receive_ended(token, reason),
            Event::Sent { token, buffer, result } => self.on_sent(token, buffer, result),
            Event::ShutDown { token } => self.on_shut_down(token),
            Event::Closed { token } => self.on_closed(token),
            Event::HandedOver { token, result } => self.on_handed_over(token, result),
            Event::Arrived { from, key, slot } => self.on_arrived(from, key, slot),
            Event::Woken => {}
            Event::Received { .. } => unreachable!("the shard gives leased bytes separately"),
            Event::Connected { tag, result } => self.on_connected(tag, result),
        }
    }

    /// The connection an event is about, its operation ended; None, counted, for an event of an
    /// earlier life or of an operation that is not in flight.
    pub(crate) fn conclude(&mut self, token: Token, operation: InFlight) -> Option<u32> {
        let known = self
            .connections
            .get_mut(token)
            .is_some_and(|connection| connection.in_flight.end(operation));
        if !known {
            self.count(Counter::StaleEvents);
        }
        known.then_some(token.slot)
    }
}
