//! An HTTP/1.1 client on the shard's ring: `httpc` of Skynet, with a pool, deadlines and limits.
//!
//! A call resolves the host's name, connects (racing the host's addresses), agrees on TLS if the URL
//! is `https`, sends the request and receives the answer, all before one deadline. Connections that
//! can serve again wait in a pool; one that turns out to have been closed by the server meanwhile is
//! replaced once, for requests that may run twice. Nothing here blocks the shard, and everything
//! goes through the shard's driver.
//!
//! What differs from Skynet's `httpc`: certificates are checked; connections are kept; the deadline
//! counts once and not twice; an answer that is cut short is an error, also when only the end of the
//! connection delimits it; `1xx` is not the final answer; a stream without a length ends like others.
//!
//! Not supported: HTTP/2, proxies, cookies, compression and upgrades (101 is an error), but for that
//! to WebSocket by [`websocket::connect_with`](crate::websocket::client::connect_with).
//!
//! Source: RFC 9110, RFC 9112; WIRE.md, HTTP client.

mod call;
pub(crate) mod deadline;
mod error;
mod exchange;
mod keeper;
pub(crate) mod network;
mod pool;
mod redirect;
mod request;
mod response;
mod settings;
#[cfg(test)]
mod tests;
mod trust;
mod upload;

use std::rc::Rc;

pub use self::error::Error;
pub use self::request::Request;
pub use self::response::{Response, ResponseStream};
pub use self::settings::{Phase, Settings};

use self::deadline::Deadlines;
use self::network::{Network, ShardNetwork};
use self::pool::{Link, Pool};
use crate::context::Context;
use crate::dns::{Resolver, ResolverSettings};
use crate::transport::tls::ClientTls;

/// Makes calls. Cheap to clone; clones share their connections. Stays on its shard.
#[derive(Clone)]
pub struct Client {
    shared: Rc<Shared>,
}

/// What the clones and the calls of a client share.
struct Shared {
    settings: Settings,
    context: Context,
    network: Box<dyn Network>,
    pool: Rc<Pool>,
    deadlines: Rc<Deadlines>,
}

impl Client {
    /// A client with the default settings. It reads how the system looks up names and, once a
    /// process, whom the system trusts, which blocks for a moment: make it with the application.
    pub fn new(context: &Context) -> Client {
        Client::with_settings(context, Settings::default())
    }

    /// A client with these settings.
    pub fn with_settings(context: &Context, settings: Settings) -> Client {
        if settings.tls.is_none() {
            // Now, and not in the middle of the first call.
            let _ = trust::of_the_system();
        }
        let dns = settings.dns.clone().unwrap_or_else(ResolverSettings::system);
        let network = ShardNetwork::new(context, Resolver::new(context, dns));
        Client::on(Box::new(network), context, settings)
    }

    /// A client on any network.
    fn on(network: Box<dyn Network>, context: &Context, settings: Settings) -> Client {
        let pool = Pool::new(settings.pool_limits());
        let deadlines = Deadlines::new(context.clone());
        let context = context.clone();
        Client { shared: Rc::new(Shared { settings, context, network, pool, deadlines }) }
    }

    /// Asks, and collects the whole answer, whatever its status.
    ///
    /// # Errors
    /// When there is no complete answer, or it passes a limit.
    pub async fn request(&self, request: Request) -> Result<Response, Error> {
        let body_bytes_max = self.shared.settings.body_bytes_max;
        call::call(&self.shared, request, body_bytes_max).await?.collect().await
    }

    /// Asks, and gives the answer's body as it comes.
    ///
    /// # Errors
    /// When no head of an answer comes, or it passes a limit. What goes wrong later is an error of
    /// the stream.
    pub async fn request_stream(&self, request: Request) -> Result<ResponseStream, Error> {
        call::call(&self.shared, request, u64::MAX).await
    }

    /// Asks for what a URL names.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn get(&self, url: &str) -> Result<Response, Error> {
        self.request(Request::get(url)).await
    }

    /// Asks for the head alone of what a URL names.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn head(&self, url: &str) -> Result<Response, Error> {
        self.request(Request::head(url)).await
    }

    /// Sends a form.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Result<Response, Error> {
        self.request(Request::post(url).form(fields)).await
    }

    /// Connections that wait for another request.
    pub fn idle_connections(&self) -> usize {
        self.shared.pool.counts().0
    }

    /// Connections that are open, the idle ones included.
    pub fn open_connections(&self) -> usize {
        self.shared.pool.counts().1
    }
}

impl Client {
    /// The client's shard.
    pub(crate) fn context(&self) -> &Context {
        &self.shared.context
    }

    /// Instants to wait for.
    pub(crate) fn deadlines(&self) -> &Rc<Deadlines> {
        &self.shared.deadlines
    }
}

impl Shared {
    /// Whom to trust.
    fn tls(&self) -> Result<ClientTls, Error> {
        match &self.settings.tls {
            Some(tls) => Ok(tls.clone()),
            None => trust::of_the_system().map_err(Error::Trust),
        }
    }

    /// Keeps a connection whose exchange is over.
    fn put(&self, link: Link) {
        self.pool.put(link, self.deadlines.now_ms());
        if self.pool.wants_keeper() {
            let keeper = keeper::keep(Rc::downgrade(&self.pool), Rc::downgrade(&self.deadlines));
            self.context.spawn_aside(keeper);
        }
    }
}
