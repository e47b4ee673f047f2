//! From options to an upgraded connection: a call of the HTTP client whose answer is 101.

use bytes::Bytes;
use skyring_protocols::http1::ResponseHead;
use skyring_protocols::websocket::upgrade::{Agreement, Offer};

use super::aid;
use super::error::Error;
use super::options::ConnectOptions;
use crate::http::client::network::Wire;
use crate::http::client::{Client, Request};

/// Bytes of randomness in a request's key.
const NONCE_BYTES: usize = 16;

/// What the caller's fields may not be, in any case.
const RESERVED: [&str; 7] = [
    "connection",
    "upgrade",
    "host",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
];

/// A connection that is WebSocket from here on.
pub(super) struct Upgraded {
    pub(super) wire: Box<dyn Wire>,
    /// What came behind the answer.
    pub(super) input: Bytes,
    pub(super) head: ResponseHead,
    pub(super) agreement: Agreement,
}

/// Asks for the upgrade, and checks that it is the one asked for.
pub(super) async fn upgrade(client: &Client, options: &ConnectOptions) -> Result<Upgraded, Error> {
    let offer = offer(options)?;
    let mut request = Request::get(&options.http_url()?.to_string())
        .timeout(options.timeout)
        .redirects_max(0)
        .may_switch();
    for (name, value) in offer.headers() {
        request = request.header(name, value);
    }
    for (name, value) in &options.headers {
        if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return Err(Error::ReservedHeader { name: name.clone() });
        }
        request = request.header(name, value);
    }
    let mut answer = client.request_stream(request).await?;
    let head = answer.head().clone();
    let Some((wire, input)) = answer.take_switched() else {
        return Err(Error::Refused(Box::new(head)));
    };
    let agreement = offer.check(&head)?;
    Ok(Upgraded { wire, input, head, agreement })
}

fn offer(options: &ConnectOptions) -> Result<Offer, Error> {
    let mut nonce = [0; NONCE_BYTES];
    aid::fill(&mut nonce);
    Ok(Offer::new(nonce, &options.subprotocols, options.compression.terms())?)
}
