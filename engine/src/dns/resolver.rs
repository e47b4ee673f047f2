//! The resolver: what is known, what is being asked, and in which order servers are.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::cache::{Cache, Known};
use super::error::DnsError;
use super::exchange;
use super::flight::{Flight, Outcome};
use super::message::{Family, Question, Reply};
use super::name::HostName;
use super::order::interleaved;
use super::settings::ResolverSettings;
use super::wait::within;
use crate::context::Context;
use crate::net::ConnectError;

/// Names that may stand for each other in turn.
const CHAIN_MAX: usize = 8;
/// Addresses of one family of a name that are taken.
const ADDRESSES_MAX: usize = 32;
/// How long the other family may take once one is known; the recommendation of RFC 8305, section 3.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// How long it is remembered that servers failed (RFC 9520).
const FAILURE_TTL_MS: u64 = 1_000;

/// Random numbers for the ids of questions.
type Entropy = Box<dyn FnMut() -> u16>;

/// Looks names up; stays on its shard. Clones share what they know and what they ask.
#[derive(Clone)]
pub struct Resolver(Rc<Inner>);

struct Inner {
    context: Context,
    settings: ResolverSettings,
    cache: RefCell<Cache>,
    flights: RefCell<BTreeMap<String, Rc<Flight>>>,
    entropy: RefCell<Entropy>,
    /// Where in the list of servers the next question begins.
    first_server: Cell<usize>,
}

impl Resolver {
    /// A resolver that knows nothing yet.
    pub fn new(context: &Context, settings: ResolverSettings) -> Resolver {
        Resolver::with_entropy(context, settings, Box::new(random))
    }

    /// As [`Resolver::new`], with ids from elsewhere.
    pub(crate) fn with_entropy(
        context: &Context,
        settings: ResolverSettings,
        entropy: Entropy,
    ) -> Resolver {
        Resolver(Rc::new(Inner {
            context: context.clone(),
            cache: RefCell::new(Cache::new(settings.cache_answers_max)),
            settings,
            flights: RefCell::default(),
            entropy: RefCell::new(entropy),
            first_server: Cell::new(0),
        }))
    }

    /// The addresses of a host, at least one, in the order in which they are worth trying. An
    /// address is taken too, IPv6 with or without brackets.
    ///
    /// This may take as long as all servers together: wait as long as suits you. The lookup goes on
    /// without you, so that the next one finds its answer.
    ///
    /// # Errors
    /// See [`DnsError`].
    pub async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, DnsError> {
        if let Some(address) = literal(name) {
            return Ok(vec![address]);
        }
        let name = HostName::parse(name)?;
        let settings = &self.0.settings;
        if let Some(addresses) = settings.hosts.lookup(name.as_str()) {
            return Ok(interleaved(addresses.iter().copied()));
        }
        if name.is_localhost() {
            return Ok(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]);
        }
        let mut error = DnsError::NoSuchName;
        for candidate in name.candidates(&settings.search, settings.ndots as usize) {
            match self.resolve(&candidate).await {
                Ok(addresses) => return Ok(addresses),
                // What the last name says counts less than that one exists, or that a server failed.
                Err(DnsError::NoSuchName) => {}
                Err(DnsError::NoAddress) if error != DnsError::NoSuchName => {}
                Err(other) if other.is_answer() || other.is_servers_own() => error = other,
                Err(other) => return Err(other),
            }
        }
        Err(error)
    }

    /// One name, as servers know it.
    async fn resolve(&self, name: &str) -> Outcome {
        let known = |family| self.0.known(name, family);
        if let (Some(six), Some(four)) = (known(Family::Six), known(Family::Four)) {
            return combined(Some(&six), Some(&four));
        }
        let flight = self.flight(name)?;
        flight.wait().await
    }

    /// The lookup of a name that is under way, or a new one.
    fn flight(&self, name: &str) -> Result<Rc<Flight>, DnsError> {
        let mut flights = self.0.flights.borrow_mut();
        if let Some(flight) = flights.get(name) {
            return Ok(Rc::clone(flight));
        }
        if flights.len() >= self.0.settings.lookups_max {
            return Err(DnsError::Busy);
        }
        let flight = Rc::new(Flight::default());
        flights.insert(name.to_owned(), Rc::clone(&flight));
        let (inner, name) = (Rc::clone(&self.0), name.to_owned());
        let landing = Landing { inner, name, flight: Rc::clone(&flight) };
        // Whoever waits for it is a task, too: the end of the server need not wait for this one.
        self.0.context.spawn_aside(async move { landing.fly().await });
        Ok(flight)
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resolver({:?})", self.0.settings.servers)
    }
}

/// A lookup's task. However it ends, nobody waits for it afterwards.
struct Landing {
    inner: Rc<Inner>,
    name: String,
    flight: Rc<Flight>,
}

impl Landing {
    /// Asks for both families. When one is known and the other keeps everybody waiting, they get
    /// the one; the other is still waited for, and remembered.
    async fn fly(&self) {
        let mut pair = Pair {
            six: Box::pin(self.inner.family(&self.name, Family::Six)),
            four: Box::pin(self.inner.family(&self.name, Family::Four)),
            known: (None, None),
        };
        pair.first_success().await;
        let rest = within(&self.inner.context, RESOLUTION_DELAY, pair.both());
        rest.await;
        let (six, four) = &pair.known;
        self.flight.land(combined(six.as_ref(), four.as_ref()));
        pair.both().await;
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.inner.flights.borrow_mut().remove(&self.name);
        // Only after a panic is there anybody left.
        self.flight.land(Err(DnsError::ServerFailed));
    }
}

/// Both families of a name, asked side by side.
struct Pair<'a> {
    six: Pin<Box<dyn Future<Output = Known> + 'a>>,
    four: Pin<Box<dyn Future<Output = Known> + 'a>>,
    known: (Option<Known>, Option<Known>),
}

impl Pair<'_> {
    /// Waits until one family has addresses, or both have answered.
    async fn first_success(&mut self) {
        self.until(|six, four| {
            let is_found = |known: Option<&Known>| known.is_some_and(Result::is_ok);
            is_found(six) || is_found(four) || (six.is_some() && four.is_some())
        })
        .await;
    }

    async fn both(&mut self) {
        self.until(|six, four| six.is_some() && four.is_some()).await;
    }

    async fn until(&mut self, is_enough: impl Fn(Option<&Known>, Option<&Known>) -> bool) {
        poll_fn(|cx| {
            let (six, four) = &mut self.known;
            for (known, future) in [(&mut *six, &mut self.six), (&mut *four, &mut self.four)] {
                if let (None, Poll::Ready(ready)) = (&known, poll_if(known.is_none(), future, cx)) {
                    *known = Some(ready);
                }
            }
            if is_enough(six.as_ref(), four.as_ref()) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Polls a future that is not over.
fn poll_if<T>(
    is_running: bool,
    future: &mut Pin<Box<dyn Future<Output = T> + '_>>,
    cx: &mut std::task::Context<'_>,
) -> Poll<T> {
    if is_running { future.as_mut().poll(cx) } else { Poll::Pending }
}

impl Inner {
    fn known(&self, name: &str, family: Family) -> Option<Known> {
        self.cache.borrow().get(name, family, self.context.now_ms())
    }

    /// One family of a name, from the cache or from servers.
    async fn family(&self, name: &str, family: Family) -> Known {
        if let Some(known) = self.known(name, family) {
            return known;
        }
        let (known, ttl_ms) = match self.follow(name, family).await {
            Ok((known, ttl)) => (known, u64::from(ttl).saturating_mul(1000)),
            Err(error @ DnsError::Unreachable(_)) => return Err(error),
            Err(error) => (Err(error), FAILURE_TTL_MS),
        };
        let longest = match &known {
            Ok(_) => self.settings.ttl_max,
            Err(_) => self.settings.negative_ttl_max,
        };
        let ttl_ms = ttl_ms.min(u64::try_from(longest.as_millis()).unwrap_or(u64::MAX));
        let now_ms = self.context.now_ms();
        self.cache.borrow_mut().put(name, family, known.clone(), ttl_ms, now_ms);
        known
    }

    /// Asks for a name and for those it stands for. What is known then, and for how many seconds.
    async fn follow(&self, name: &str, family: Family) -> Result<(Known, u32), DnsError> {
        let mut name = name.to_owned();
        let (mut hops, mut ttl) = (0, u32::MAX);
        loop {
            match self.query(&name, family).await? {
                Reply::Addresses { mut addresses, ttl: last } => {
                    addresses.truncate(ADDRESSES_MAX);
                    return Ok((Ok(addresses.into()), ttl.min(last)));
                }
                Reply::Nothing { error, ttl: last } => return Ok((Err(error), ttl.min(last))),
                Reply::Alias { name: next, hops: more, ttl: least } => {
                    (hops, ttl) = (hops + more, ttl.min(least));
                    name = next;
                }
                Reply::Truncated | Reply::NoExtensions => return Err(DnsError::Malformed),
            }
            if hops > CHAIN_MAX {
                return Ok((Err(DnsError::ChainTooLong), ttl));
            }
        }
    }

    /// Asks the servers in turn until one answers. Where it does, the next question begins.
    async fn query(&self, name: &str, family: Family) -> Result<Reply, DnsError> {
        let servers = &self.settings.servers;
        let first = self.first_server.get();
        if self.settings.rotate {
            self.first_server.set(first.wrapping_add(1));
        }
        let mut error = DnsError::NoServer;
        for turn in 0..servers.len() * self.settings.attempts.max(1) as usize {
            let at = first.wrapping_add(turn) % servers.len();
            match self.ask(servers[at], name, family).await {
                Ok(reply) => {
                    if !self.settings.rotate {
                        self.first_server.set(at);
                    }
                    return Ok(reply);
                }
                Err(stopping @ DnsError::Unreachable(ConnectError::Stopping)) => {
                    return Err(stopping);
                }
                Err(other) => error = other,
            }
        }
        Err(error)
    }

    /// Asks one server, once more without extensions if it does not know them.
    async fn ask(&self, server: SocketAddr, name: &str, family: Family) -> Result<Reply, DnsError> {
        for has_extensions in [true, false] {
            let id = self.entropy.borrow_mut()();
            let question = Question { id, name: name.to_owned(), family, has_extensions };
            let timeout = self.settings.timeout;
            match exchange::ask(&self.context, server, &question, timeout).await? {
                Reply::NoExtensions => {}
                reply => return Ok(reply),
            }
        }
        Err(DnsError::ServerFailed)
    }
}

impl DnsError {
    /// Whether a server could not answer, which says nothing of other names.
    fn is_servers_own(&self) -> bool {
        matches!(self, DnsError::ServerFailed | DnsError::Refused | DnsError::Malformed)
    }
}

/// A name that is an address.
fn literal(name: &str) -> Option<IpAddr> {
    let bracketed = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match bracketed {
        Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok(),
    }
}

/// What both families come to, as far as they are known.
fn combined(six: Option<&Known>, four: Option<&Known>) -> Outcome {
    let families = [six, four].into_iter().flatten();
    let found = families.clone().filter_map(|known| known.as_ref().ok());
    let addresses = interleaved(found.flat_map(|addresses| addresses.iter().copied()));
    if !addresses.is_empty() {
        return Ok(addresses);
    }
    let errors: Vec<&DnsError> = families.filter_map(|known| known.as_ref().err()).collect();
    let failed = errors.iter().find(|error| !error.is_answer());
    let gone = errors.iter().find(|error| ***error != DnsError::NoAddress);
    Err(failed.or(gone).map_or(DnsError::NoAddress, |error| (**error).clone()))
}

/// An id that nobody foresees.
///
/// # Panics
/// When the operating system gives no random bytes, which it did when the server started.
fn random() -> u16 {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).expect("the operating system gave random bytes before");
    u16::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> Known {
        Ok(text.split(' ').map(|address| address.parse::<IpAddr>().unwrap()).collect())
    }

    #[test]
    fn addresses_of_both_families_or_why_there_are_none() {
        let (six, four) = (known("::1 ::2"), known("10.0.0.1"));
        let all = combined(Some(&six), Some(&four)).unwrap();
        assert_eq!(
            all.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["::1", "10.0.0.1", "::2"]
        );
        let (none, gone) = (Err(DnsError::NoAddress), Err(DnsError::NoSuchName));
        let late = Err(DnsError::TimedOut);
        assert!(combined(Some(&late), Some(&four)).is_ok(), "one family is enough");
        assert!(combined(None, Some(&four)).is_ok());
        assert_eq!(combined(Some(&none), Some(&none)), Err(DnsError::NoAddress));
        assert_eq!(combined(Some(&none), Some(&gone)), Err(DnsError::NoSuchName));
        assert_eq!(combined(Some(&gone), Some(&late)), Err(DnsError::TimedOut));
    }

    #[test]
    fn addresses_are_their_own_names() {
        let text = |name| literal(name).map(|address| address.to_string());
        assert_eq!(text("10.0.0.1").unwrap(), "10.0.0.1");
        assert_eq!(text("::1"), text("[::1]"));
        assert_eq!(text("[10.0.0.1]"), None);
        assert_eq!(text("10.0.0"), None);
    }
}
