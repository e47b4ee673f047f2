//! What a run will do, decided before it begins: who connects from where to where, on which shard,
//! under which load. Impossible combinations are refused here, with the flag that mends them.
//!
//! **Ports.** A TCP connection is named by both ends, so one source address reaches one destination
//! through at most as many connections as there are ephemeral ports, and every connection closed
//! from this side keeps its port for a while. So users are spread evenly over all pairs of source
//! and destination; on loopback the plan brings enough sources itself (all of 127.0.0.0/8 is
//! local).
//!
//! **Shards.** A ring has at most as many descriptors as the process's limit allows. Some are kept
//! back for connections that are still closing.

mod check;
mod error;
mod places;
mod secure;

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

pub use self::error::PlanError;
pub use self::places::Place;
use self::places::{Caller, Places};
pub use self::secure::Secure;
use skyring_protocols::login::PinnedKeys;
use skyring_protocols::secure::VerifyingKey;

use crate::content::Contents;
use crate::http::Calls;
use crate::options::Options;
use crate::protocol::Protocol;
use crate::random::{Purpose, choice};
use crate::scenario::{RequestKind, Scenario, pick_weighted, short};

/// Users on one source address when the plan chooses. A seventh of the usual ephemeral ports: after
/// a reconnect storm the old ports still wait, and the kernel's search for a free port among mostly
/// taken ones costs more than all the rest of a connect.
const USERS_PER_SOURCE: u32 = 4_000;

/// Answers that a server must keep while they are not delivered: `expired_number` of the wire
/// format, and the bytes of a modest cache.
const CACHE_ANSWERS: u32 = 128;
const CACHE_BYTES: usize = 256 << 10;

/// Requests of one user on the wire at most.
pub const DEPTH_MAX: u32 = 1024;

/// Users of one run at most.
pub const USERS_MAX: u32 = 10_000_000;

/// What the machine allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Descriptors of one ring.
    pub descriptors: u32,
    /// Ephemeral ports of one source address.
    pub ports: u32,
}

/// The users of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Number of the first user.
    pub first: u32,
    /// Users.
    pub users: u32,
    /// How many of them, from the first, send requests.
    pub players: u32,
}

/// A run, decided.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the command line said, for names, durations and the record.
    pub options: Options,
    /// Which protocol.
    pub protocol: Protocol,
    /// What users do, and when.
    pub scenario: Scenario,
    /// Requests of one user on the wire at once.
    pub depth: u32,
    /// Steps of its script that a player is at at once, in a closed loop: one by itself, also where
    /// another stage is an open loop.
    pub steps: u32,
    /// One a shard.
    pub shares: Vec<Share>,
    /// Descriptors of each ring.
    pub slots: u32,
    /// Where users connect from. Empty: the kernel's choice.
    pub sources: Vec<IpAddr>,
    /// What requests say.
    pub contents: Contents,
    /// What else they are on HTTP; none on another protocol.
    pub calls: Option<Arc<Calls>>,
    logins: Places,
    plays: Places,
    /// TLS to the servers, if it is used.
    pub secure: Option<Secure>,
    /// The servers that are believed in the secure handshake, if it is spoken.
    pub pinned: Option<PinnedKeys>,
    /// What tells them from those of other runs.
    pub nonce: u64,
    /// Whether the server must still know the answer to a request that was not delivered.
    pub cache_holds: bool,
}

impl Plan {
    /// Decides a run.
    ///
    /// # Errors
    /// What cannot be done.
    pub fn new(options: Options, limits: Limits) -> Result<Plan, PlanError> {
        let protocol = protocol(&options)?;
        check::load(&options, protocol)?;
        let logins = Places::logins(&options, protocol);
        let plays = Places::plays(&options, protocol);
        let sources = choose_sources(&options, [&logins, &plays])?;
        check_ports(&options, [&logins, &plays], &sources, limits)?;
        let shares = divide(&options, limits)?;
        let players = shares.iter().map(|share| share.players).sum();
        let scenario = match &options.scenario {
            Some(file) => file.scenario(&options, protocol, players)?,
            None => short::scenario(&options, protocol, players),
        };
        scenario.check_scopes()?;
        if scenario.awaits_pushes() && !protocol.has_pushes() {
            return Err(PlanError::Meaningless("await_push", check::without("pushes", protocol)));
        }
        let nonce = options.nonce.unwrap_or_else(fresh_nonce);
        let is_deep = scenario.is_open() && !options.http_close;
        let depth = options.depth.unwrap_or(if is_deep { 64 } else { 1 });
        let calls = calls(&options, &scenario.requests)?;
        let secure = Secure::of(&options, protocol, [&logins, &plays])?;
        let pinned = pinned(&options, protocol)?;
        let bytes_max = scenario.bytes_max() as usize;
        Ok(Plan {
            protocol,
            scenario,
            depth,
            steps: options.depth.unwrap_or(1),
            shares,
            slots: limits.descriptors,
            sources,
            contents: Contents::new(options.seed, nonce),
            calls,
            logins,
            plays,
            secure,
            pinned,
            nonce,
            cache_holds: depth <= CACHE_ANSWERS && depth as usize * bytes_max <= CACHE_BYTES,
            options,
        })
    }

    /// Users of all shards.
    pub fn users(&self) -> u32 {
        self.options.users
    }

    /// Users of all shards that send requests.
    pub fn players(&self) -> u32 {
        self.shares.iter().map(|share| share.players).sum()
    }

    /// Where a user logs in with the connection that follows so many others of its own.
    pub fn login_of(&self, user: u32, dials: u32) -> &Place {
        self.logins.pick(Caller { seed: self.options.seed, user, dials })
    }

    /// Where a user plays with it.
    pub fn play_of(&self, user: u32, dials: u32) -> &Place {
        self.plays.pick(Caller { seed: self.options.seed, user, dials })
    }

    /// Where users log in and where they play, in words.
    pub(crate) fn told_places(&self) -> [Vec<String>; 2] {
        let scheme = if self.secure.is_some() { "wss" } else { "ws" };
        let told = |place: &Place| match &place.web {
            Some(web) => format!("{scheme}://{}{}", web.host, web.path),
            None => place.address.to_string(),
        };
        [&self.logins, &self.plays].map(|places| places.all().map(told).collect())
    }

    /// What sessions go over: `tcp`, `websocket`, or `mixed`.
    pub(crate) fn transport(&self) -> &'static str {
        let [logins, plays] = [self.logins.are(), self.plays.are()];
        match (logins.0 || plays.0, logins.1 || plays.1) {
            (true, true) => "mixed",
            (false, true) => "websocket",
            _ => "tcp",
        }
    }

    /// Appends a whole request of a user, ready to be sent; `content` is empty where its kind has
    /// none.
    pub fn encode(&self, user: u32, kind: u8, id: u32, content: &[u8], out: &mut Vec<u8>) {
        match &self.calls {
            Some(calls) => {
                calls.encode(user as usize % self.plays.fewest(), kind, content, out);
            }
            None => self.protocol.encode(content, id, out),
        }
    }

    /// Where a user connects to one of `destinations` from. The source advances when the
    /// destinations have had their turn, so that all pairs are used alike.
    pub fn source_of(&self, user: u32, login: bool) -> Option<SocketAddr> {
        let destinations = if login { &self.logins } else { &self.plays }.fewest();
        let index = (user as usize / destinations.max(1)).checked_rem(self.sources.len())?;
        Some(SocketAddr::new(self.sources[index], 0))
    }

    /// Which of the scenario's bots a user is.
    pub fn bot_of(&self, user: u32) -> u8 {
        let bots = &self.scenario.bots;
        let mut random = choice(self.options.seed, user, 0, Purpose::Bot);
        // There are no more than a byte can name.
        if bots.len() == 1 { 0 } else { pick_weighted(bots, |it| it.weight, &mut random) as u8 }
    }

    /// Bytes of the content of a user's request of a kind.
    pub fn bytes_of(&self, user: u32, id: u32, kind: u8) -> usize {
        let bytes = self.scenario.requests[usize::from(kind)].bytes;
        if bytes.least == bytes.greatest {
            return bytes.least as usize;
        }
        bytes.pick(&mut choice(self.options.seed, user, id.into(), Purpose::Size)) as usize
    }

    /// The account name of a user.
    pub fn name_of(&self, user: u32) -> String {
        format!("{}{user}", self.options.user_prefix)
    }
}

/// Another number in every run, also of two that start at once.
fn fresh_nonce() -> u64 {
    // The standard library seeds its hashers from the operating system.
    RandomState::new().hash_one(std::process::id())
}

fn protocol(options: &Options) -> Result<Protocol, PlanError> {
    let has_login = !(options.logins.is_empty() && options.ws.logins.is_empty());
    let has_msg = !(options.msgs.is_empty() && options.ws.msgs.is_empty());
    let kinds = [
        (Protocol::Msg, has_login || has_msg),
        (Protocol::Gate, !options.gates.is_empty()),
        (Protocol::Http, !options.https.is_empty()),
        (Protocol::Ws, !options.ws.echoes.is_empty()),
    ];
    let mut named = kinds.into_iter().filter(|(_, is_named)| *is_named).map(|(kind, _)| kind);
    match (named.next(), named.next()) {
        (Some(Protocol::Msg), None) if !(has_login && has_msg) => Err(PlanError::NoServer),
        (Some(protocol), None) => Ok(protocol),
        (None, _) => Err(PlanError::NoServer),
        (Some(_), Some(_)) => Err(PlanError::BothKinds),
    }
}

/// The requests of HTTP, if that is the protocol.
fn calls(options: &Options, kinds: &[RequestKind]) -> Result<Option<Arc<Calls>>, PlanError> {
    if options.https.is_empty() {
        return Ok(None);
    }
    let calls = Calls::new(kinds, options.http_hosts.clone(), options.http_close);
    let calls = calls.map_err(|(name, source)| PlanError::Request { name, source })?;
    Ok(Some(Arc::new(calls)))
}

fn choose_sources(options: &Options, places: [&Places; 2]) -> Result<Vec<IpAddr>, PlanError> {
    let all = places.into_iter().flat_map(Places::all);
    let destinations: Vec<SocketAddr> = all.map(|place| place.address).collect();
    let fits = |source: &IpAddr| destinations.iter().all(|to| to.is_ipv4() == source.is_ipv4());
    if !options.sources.iter().all(fits) {
        return Err(PlanError::Families);
    }
    let loopback = destinations.iter().all(|to| to.is_ipv4() && to.ip().is_loopback());
    if !options.sources.is_empty() || !loopback || options.users <= USERS_PER_SOURCE {
        return Ok(options.sources.clone());
    }
    // From 127.1.0.1 on: addresses that nobody is likely to use for a server.
    let count = options.users.div_ceil(USERS_PER_SOURCE);
    let first = u32::from(Ipv4Addr::new(127, 1, 0, 1));
    Ok((first..first + count).map(|bits| IpAddr::from(Ipv4Addr::from(bits))).collect())
}

fn check_ports(
    options: &Options,
    places: [&Places; 2],
    sources: &[IpAddr],
    limits: Limits,
) -> Result<(), PlanError> {
    let counts = places.map(Places::fewest).into_iter().filter(|count| *count > 0);
    let destinations = counts.min().unwrap_or(1);
    let pairs = (sources.len().max(1) * destinations) as u32;
    if options.users.div_ceil(pairs) > limits.ports {
        return Err(PlanError::Ports { users: options.users, ports: limits.ports, pairs });
    }
    Ok(())
}

fn divide(options: &Options, limits: Limits) -> Result<Vec<Share>, PlanError> {
    let room = (limits.descriptors - limits.descriptors / 20).max(1);
    let needed = options.users.div_ceil(room);
    let shards = if options.shards == 0 { needed } else { options.shards.min(options.users) };
    if shards < needed {
        return Err(PlanError::Descriptors {
            users: options.users,
            shards,
            descriptors: limits.descriptors,
            needed,
        });
    }
    // Dealt in turn, as the schedule deals requests: player p of all is on shard p mod shards.
    let dealt = |count: u32, shard: u32| count.saturating_sub(shard).div_ceil(shards);
    let players = u64::from(options.users) * u64::from(options.subset_ppm);
    let players = players.div_ceil(1_000_000) as u32;
    let mut first = 0;
    let share = |shard| {
        let users = dealt(options.users, shard);
        first += users;
        Share { first: first - users, users, players: dealt(players, shard) }
    };
    Ok((0..shards).map(share).collect())
}

/// The keys of the secure handshake.
fn pinned(options: &Options, protocol: Protocol) -> Result<Option<PinnedKeys>, PlanError> {
    if options.v2.is_empty() {
        return Ok(None);
    }
    if !protocol.has_login() {
        return Err(PlanError::Meaningless("--v2", "a run without logins"));
    }
    let keys = options.v2.iter().map(VerifyingKey::new).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|_| PlanError::Meaningless("--v2", "a key that is none"))?;
    Ok(Some(PinnedKeys::new(keys)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { descriptors: 20_000, ports: 28_000 };

    fn options(users: u32) -> Options {
        Options {
            logins: vec!["127.0.0.1:8001".parse().unwrap()],
            msgs: vec!["127.0.0.1:8888".parse().unwrap()],
            users,
            ..Options::default()
        }
    }

    fn refused(change: impl FnOnce(&mut Options)) -> PlanError {
        let mut options = options(1000);
        change(&mut options);
        Plan::new(options, LIMITS).unwrap_err()
    }

    #[test]
    fn everybody_is_on_exactly_one_shard() {
        let plan = Plan::new(options(200_001), LIMITS).unwrap();
        assert_eq!(plan.shares.len(), 11);
        let mut next = 0;
        for share in &plan.shares {
            assert_eq!(share.first, next);
            assert!(share.users <= 19_000 && share.players == share.users);
            next += share.users;
        }
        assert_eq!(next, 200_001);
    }

    #[test]
    fn a_part_of_every_shard_plays() {
        let wanted = Options { subset_ppm: 100_000, shards: 4, ..options(1000) };
        let plan = Plan::new(wanted, LIMITS).unwrap();
        assert!(plan.shares.iter().all(|share| (share.users, share.players) == (250, 25)));
        assert_eq!(plan.players(), 100);
    }

    #[test]
    fn loopback_gets_sources_when_ports_are_short() {
        assert!(Plan::new(options(4_000), LIMITS).unwrap().sources.is_empty());
        let plan = Plan::new(options(200_000), LIMITS).unwrap();
        assert_eq!(plan.sources.len(), 50);
        assert!(plan.sources.iter().all(IpAddr::is_loopback));
    }

    #[test]
    fn all_pairs_of_source_and_destination_are_used_alike() {
        let mut wanted = options(600);
        wanted.msgs.push("127.0.0.2:8888".parse().unwrap());
        wanted.sources =
            ["127.0.0.7", "127.0.0.8", "127.0.0.9"].map(|one| one.parse().unwrap()).into();
        let plan = Plan::new(wanted, LIMITS).unwrap();
        let mut counts = std::collections::BTreeMap::new();
        for user in 0..600 {
            *counts
                .entry((plan.source_of(user, false), plan.play_of(user, 0).address))
                .or_insert(0) += 1;
        }
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [100; 6]);
    }

    #[test]
    fn elsewhere_too_few_ports_are_refused() {
        let error = refused(|options| {
            options.users = 60_000;
            options.logins = vec!["192.0.2.1:8001".parse().unwrap()];
            options.msgs = vec!["192.0.2.1:8888".parse().unwrap()];
        });
        assert_eq!(error, PlanError::Ports { users: 60_000, ports: 28_000, pairs: 1 });
    }

    #[test]
    fn impossible_wishes_are_refused() {
        assert_eq!(refused(|it| it.msgs.clear()), PlanError::NoServer);
        assert_eq!(refused(|it| it.gates = it.msgs.clone()), PlanError::BothKinds);
        assert_eq!(refused(|it| it.users = 0), PlanError::Users);
        assert_eq!(refused(|it| it.depth = Some(0)), PlanError::Depth);
        assert_eq!(refused(|it| it.subset_ppm = 0), PlanError::Subset);
        assert_eq!(refused(|it| it.storm_ns = Some(it.play_ns)), PlanError::Outside("--storm"));
        assert_eq!(refused(|it| it.warm_ns = it.play_ns), PlanError::Outside("--warm"));
        assert_eq!(refused(|it| it.sources = vec!["::1".parse().unwrap()]), PlanError::Families);
        assert!(matches!(refused(|it| it.payload_bytes_min = 4), PlanError::Payload { .. }));
        let crowded = refused(|it| (it.users, it.shards) = (100_000, 2));
        assert!(matches!(crowded, PlanError::Descriptors { needed: 6, .. }));
        let both = refused(|it| (it.rate, it.think_ns) = (1, 1));
        assert!(both.to_string().contains("--think"));
    }

    #[test]
    fn a_deep_or_heavy_user_may_outgrow_the_cache() {
        let holds = |depth, bytes| {
            let sized = Options {
                depth: Some(depth),
                payload_bytes_min: bytes,
                payload_bytes_max: bytes,
                ..options(1)
            };
            Plan::new(sized, LIMITS).unwrap().cache_holds
        };
        assert!(holds(128, 64) && holds(4, 65_530));
        assert!(!holds(129, 64) && !holds(5, 65_530));
    }
}
