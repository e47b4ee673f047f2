//! A call from its request to the head of its answer: a connection, an exchange, perhaps another
//! try, perhaps a redirect.
//!
//! **Another try.** The server may close an idle connection at the moment in which it is used again.
//! A request on such a connection that got not a single byte of an answer is sent once more, on a new
//! connection, if it may run twice (RFC 9112 section 9.3.1): the server may have seen the first.

use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use skyring_protocols::http1::ResponseHead;
use skyring_protocols::http1::host::Host;
use skyring_protocols::http1::url::{Scheme, Url};

use super::Shared;
use super::deadline::Deadline;
use super::error::Error;
use super::exchange::{Event, Exchange};
use super::pool::{Link, Place, Taken};
use super::redirect::Redirects;
use super::request::Request;
use super::response::ResponseStream;
use super::settings::Phase;
use crate::net::ConnectError;

/// The time of one call.
pub(super) struct Timer {
    deadline: Deadline,
    after: Duration,
}

impl Timer {
    pub(super) fn new(shared: &Shared, after: Duration) -> Timer {
        Timer { deadline: shared.deadlines.after(after), after }
    }

    /// What comes of an exchange, unless the call's time is over: then it ends.
    pub(super) fn poll(
        &self,
        cx: &mut TaskContext<'_>,
        exchange: &mut Exchange,
    ) -> Poll<Result<Event, Error>> {
        if self.deadline.poll(cx).is_pending() {
            return exchange.poll_event(cx);
        }
        let phase = exchange.phase();
        exchange.close();
        Poll::Ready(Err(self.over(phase)))
    }

    fn over(&self, phase: Phase) -> Error {
        Error::Deadline { phase, after: self.after }
    }

    /// What a future brings, unless the call's time is over first.
    async fn within<T>(&self, phase: Phase, future: impl Future<Output = T>) -> Result<T, Error> {
        let mut future = pin!(future);
        poll_fn(|cx| match self.deadline.poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(self.over(phase))),
            Poll::Pending => future.as_mut().poll(cx).map(Ok),
        })
        .await
    }
}

/// Makes a call, up to its answer's head. `body_bytes_max`: of the answer.
pub(super) async fn call(
    shared: &Rc<Shared>,
    mut request: Request,
    body_bytes_max: u64,
) -> Result<ResponseStream, Error> {
    let mut url = Url::parse(&request.url)?;
    let timer = Rc::new(Timer::new(shared, request.timeout.unwrap_or(shared.settings.timeout)));
    let redirects_max = request.redirects_max.unwrap_or(shared.settings.redirects_max);
    let mut redirects = Redirects::new(redirects_max);
    let body_bytes_max = request.body_bytes_max.unwrap_or(body_bytes_max);
    loop {
        let one = Attempt { shared, url: &url, timer: &timer, body_bytes_max };
        let (head, exchange) = one.run(&mut request).await?;
        let next = redirects.follow(&mut request, &url, &head)?;
        let stream = ResponseStream::new(head, url, exchange, Rc::clone(&timer));
        let Some(next) = next else { return Ok(stream) };
        stream.discard().await;
        url = next;
    }
}

/// One request to one URL.
struct Attempt<'a> {
    shared: &'a Rc<Shared>,
    url: &'a Url,
    timer: &'a Timer,
    body_bytes_max: u64,
}

impl Attempt<'_> {
    /// The head of the answer, and what is left of the exchange.
    async fn run(&self, request: &mut Request) -> Result<(ResponseHead, Exchange), Error> {
        let may_repeat = request.may_repeat();
        let (link, is_used) = self.link(false).await?;
        let (failed, is_answered) = match self.exchange(link, request).await {
            Ok(done) => return Ok(done),
            Err(failed) => failed,
        };
        if !(is_used && may_repeat && !is_answered && failed.may_be_stale()) {
            return Err(failed);
        }
        let (link, _) = self.link(true).await?;
        self.exchange(link, request).await.map_err(|(error, _)| error)
    }

    /// Sends the request and waits for the head. With the error: whether a byte of an answer came.
    async fn exchange(
        &self,
        link: Link,
        request: &mut Request,
    ) -> Result<(ResponseHead, Exchange), (Error, bool)> {
        let limits = self.shared.settings.limits(self.body_bytes_max);
        let mut exchange = Exchange::new(self.shared, link, request, self.url, limits)
            .map_err(|error| (error, false))?;
        let event = poll_fn(|cx| self.timer.poll(cx, &mut exchange)).await;
        match event {
            Ok(Event::Response(head)) => Ok((head, exchange)),
            Ok(_) => unreachable!("the head comes first"),
            Err(error) => Err((error, exchange.is_answered())),
        }
    }

    /// A connection, and whether it has served before.
    async fn link(&self, fresh: bool) -> Result<(Link, bool), Error> {
        let shared = self.shared;
        let waiting_max = shared.settings.waiting_per_host_max;
        let ticket = shared.pool.queue(&self.url.origin(), fresh);
        let ticket = ticket.ok_or(Error::HostBusy { waiting_max })?;
        let taken = poll_fn(|cx| ticket.poll_take(shared.deadlines.now_ms(), cx));
        let taken = self.timer.within(Phase::Queue, taken).await?;
        // The next in line looks for a place while this call connects.
        drop(ticket);
        match taken {
            Taken::Used(link) => Ok((link, true)),
            Taken::Room(place) => Ok((self.connect(place).await?, false)),
        }
    }

    async fn connect(&self, place: Place) -> Result<Link, Error> {
        let (shared, url) = (self.shared, self.url);
        let addresses = self.addresses().await?;
        let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, url.port())).collect();
        let tls = match url.scheme() {
            Scheme::Http => None,
            Scheme::Https => Some((shared.tls()?, tls_name(url.host()))),
        };
        let connecting = shared.network.connect(addresses, tls);
        let host = format!("{}:{}", url.host(), url.port());
        match self.timer.within(Phase::Connect, connecting).await? {
            Ok(wire) => Ok(Link::new(wire, place)),
            Err(ConnectError::Tls(source)) => Err(Error::Tls { host, source }),
            Err(ConnectError::Stopping) => Err(Error::Stopping),
            Err(source) => Err(Error::Connect { host, source }),
        }
    }

    async fn addresses(&self) -> Result<Vec<IpAddr>, Error> {
        let name = match self.url.host() {
            Host::V4(address) => return Ok(vec![(*address).into()]),
            Host::V6(address) => return Ok(vec![(*address).into()]),
            Host::Name(name) => name,
        };
        let found = self.timer.within(Phase::Dns, self.shared.network.lookup(name)).await?;
        found.map_err(|source| Error::Dns { host: name.clone(), source })
    }
}

/// The name that the server's certificate must be for.
fn tls_name(host: &Host) -> String {
    match host {
        Host::Name(name) => name.clone(),
        Host::V4(address) => address.to_string(),
        Host::V6(address) => address.to_string(),
    }
}
