//! A WebSocket client on the shard's ring.
//!
//! [`connect`] makes a connection: a call of the [HTTP client](crate::http::client) whose answer is
//! 101, so names, addresses, TLS and the deadline are treated as there. What it gives is a stream of
//! messages, and as many writers as the application wants. The connection lives on its shard: pings
//! are answered, silence is noticed and the two close handshakes are done whether or not somebody
//! reads, as long as messages that nobody takes are not in the way.
//!
//! Masking keys come from the operating system. A connection that is dropped closes, with code 1001.
//!
//! What differs from Skynet's client: frames are masked, all of them; a close frame is answered; the
//! size of messages has a limit; everything has a deadline; IPv6 addresses and sub-protocols work.
//!
//! Not supported: redirects (an answer like others: [`Error::Refused`]), proxies, cookies, extensions
//! other than permessage-deflate, messages that are streamed.
//!
//! Source: RFC 6455, RFC 7692; WIRE.md, WebSocket.

mod aid;
mod error;
mod handshake;
mod line;
mod options;
mod pings;
mod socket;

use std::future::poll_fn;
use std::rc::Rc;

pub use skyring_protocols::websocket::deflate::Mode;
pub use skyring_protocols::websocket::upgrade::AnswerError;
pub use skyring_protocols::websocket::{CloseCode, Limits, ReadError, WriteError};

pub use self::error::Error;
pub use self::options::ConnectOptions;
pub use self::socket::{WebSocket, Writer};

use self::line::Line;
use crate::context::Context;
use crate::http::client::{Client, Settings};

/// Makes a connection, with a client of its own. Whoever makes many is better served by
/// [`connect_with`]: making a client reads how the system looks up names and whom it trusts.
///
/// # Errors
/// [`Error`]: whatever keeps the connection from being made within the time that `options` give.
pub async fn connect(context: &Context, options: &ConnectOptions) -> Result<WebSocket, Error> {
    let (tls, dns) = (options.tls.clone(), options.dns.clone());
    let client = Client::with_settings(context, Settings { tls, dns, ..Settings::default() });
    connect_with(&client, options).await
}

/// Makes a connection the way a client makes its own: its resolver, its trust, its place among those
/// to the same host until the server has answered.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(client: &Client, options: &ConnectOptions) -> Result<WebSocket, Error> {
    let upgraded = handshake::upgrade(client, options).await?;
    let (head, subprotocol) = (upgraded.head.clone(), upgraded.agreement.subprotocol.clone());
    let is_compressed = upgraded.agreement.deflate.is_some();
    let line = Rc::new(Line::new(upgraded, options, client.deadlines()));
    let driven = Rc::clone(&line);
    client.context().spawn_aside(async move { poll_fn(|cx| driven.poll_drive(cx)).await });
    Ok(WebSocket::new(line, head, subprotocol, is_compressed))
}
