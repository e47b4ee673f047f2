//! What a connection is asked for, and how it is kept.

use std::time::Duration;

use skyring_protocols::Compat;
use skyring_protocols::http1::url::{Url, UrlError};
use skyring_protocols::websocket::Limits;
use skyring_protocols::websocket::deflate::Mode;

use super::error::Error;
use crate::dns::ResolverSettings;
use crate::transport::tls::ClientTls;

/// A WebSocket connection to be made, for [`connect`](super::connect). Made by
/// [`ConnectOptions::new`]; change what matters.
///
/// ```no_run
/// # use std::time::Duration;
/// # use skyring::context::Context;
/// # use skyring::websocket::client::{ConnectOptions, Error, connect};
/// # async fn example(context: Context) -> Result<(), Error> {
/// let options = ConnectOptions::new("wss://example.com/chat")
///     .header("Authorization", "Bearer 1234")
///     .subprotocol("chat.v2")
///     .timeout(Duration::from_secs(5));
/// let socket = connect(&context, &options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Where to: `ws://` or `wss://`.
    pub url: String,
    /// Header fields of the request, beside those that make it an upgrade; in this order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Sub-protocols to offer, the one liked best first. The server chooses one of them, or none.
    pub subprotocols: Vec<String>,
    /// Whether compression is offered, and whether with memory between messages.
    pub compression: Mode,
    /// Time for everything up to the server's answer: look-up, connect, TLS, upgrade.
    pub timeout: Duration,
    /// Time for the server's close frame behind ours, and then for the end of its stream; from when
    /// the connection has taken all that is to be sent, in which it may stall no longer than a
    /// stream's `write_timeout`.
    pub close_timeout: Duration,
    /// After so long without a byte from the server it gets a ping, and after as long again the
    /// connection is given up. None: silence is no failure. A millisecond at least.
    pub keep_alive: Option<Duration>,
    /// How much of a message is read.
    pub limits: Limits,
    /// Bytes of messages that wait to be taken, from which on nothing more is read.
    pub unread_bytes_max: usize,
    /// Bytes that wait to be sent, beside those that the connection has, from which on sending waits.
    pub unsent_bytes_max: usize,
    /// [`Compat::Skynet`] also talks to a server of Skynet's that leaves without a close frame when it
    /// has been sent one.
    pub compat: Compat,
    /// Whom to trust behind `wss`; none: the system's roots. Of no effect in
    /// [`connect_with`](super::connect_with), whose client has its own.
    pub tls: Option<ClientTls>,
    /// How names are looked up; none: as the system says. Of no effect in
    /// [`connect_with`](super::connect_with).
    pub dns: Option<ResolverSettings>,
}

impl ConnectOptions {
    /// A connection to this URL: 30 s to connect, 5 s to close, messages of 1 MiB, 64 KiB waiting
    /// either way, no compression.
    pub fn new(url: &str) -> ConnectOptions {
        ConnectOptions {
            url: url.to_owned(),
            headers: Vec::new(),
            subprotocols: Vec::new(),
            compression: Mode::Off,
            timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(5),
            keep_alive: None,
            limits: Limits::default(),
            unread_bytes_max: 64 << 10,
            unsent_bytes_max: 64 << 10,
            compat: Compat::Strict,
            tls: None,
            dns: None,
        }
    }

    /// One more header field. Those that make the request an upgrade are not to be given.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> ConnectOptions {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// One more sub-protocol to offer.
    #[must_use]
    pub fn subprotocol(mut self, name: &str) -> ConnectOptions {
        self.subprotocols.push(name.to_owned());
        self
    }

    /// Time up to the server's answer.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> ConnectOptions {
        ConnectOptions { timeout, ..self }
    }

    /// Offers compression, or not.
    #[must_use]
    pub fn compression(self, compression: Mode) -> ConnectOptions {
        ConnectOptions { compression, ..self }
    }

    /// Bytes of one message that are read at most.
    #[must_use]
    pub fn message_bytes_max(mut self, bytes: usize) -> ConnectOptions {
        self.limits.message_bytes_max = bytes;
        self
    }

    /// The URL, as HTTP has it.
    pub(super) fn http_url(&self) -> Result<Url, Error> {
        let (scheme, rest) = self.url.split_once("://").ok_or(Error::Scheme)?;
        let http = [("ws", "http"), ("wss", "https")];
        let known = http.into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name));
        let (name, http) = known.ok_or(Error::Scheme)?;
        Url::parse(&format!("{http}://{rest}")).map_err(|error| match error {
            // What stands in front of it is longer there.
            UrlError::Character { at } => {
                UrlError::Character { at: at - (http.len() - name.len()) }.into()
            }
            error => error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_those_of_http_under_other_names() {
        let url = |text: &str| ConnectOptions::new(text).http_url().map(|url| url.to_string());
        assert_eq!(url("ws://a/b?c#d").unwrap(), "http://a/b?c");
        assert_eq!(url("WSS://[::1]:1").unwrap(), "https://[::1]:1/");
        for wrong in ["http://a/", "https://a/", "a", "://a", "wsx://a", ""] {
            assert!(matches!(url(wrong), Err(Error::Scheme)), "{wrong}");
        }
        let blank = url("ws://a/b c");
        assert!(matches!(blank, Err(Error::Url(UrlError::Character { at: 8 }))), "{blank:?}");
        assert!(matches!(url("wss://"), Err(Error::Url(UrlError::Host))));
    }
}
