//! Judging a request (WIRE W20 to W27).

use super::error::UpgradeError;
use super::extensions::{self, Extension};
use super::{ACCEPT_BYTES, VERSION, accept_key, lists, only, sent};
use crate::crypt::base64decode_as;
use crate::decode::Compat;
use crate::http1::{Headers, RequestHead, Version, elements, is_token};
use crate::websocket::deflate::{self, Agreed};

/// The length of a key, in bytes.
const KEY_BYTES: usize = 16;

/// What a server wants of those who connect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy<'a> {
    /// How keys are read: canonical base64 only, or as Skynet's base64 is.
    pub compat: Compat,
    /// The sub-protocols that the server speaks, the best first.
    pub subprotocols: &'a [String],
    /// Whether clients must speak one of them.
    pub requires_subprotocol: bool,
    /// The origins whose pages may connect; all, if there are none. Requests without an origin come
    /// from no browser, so they pass.
    pub origins: &'a [String],
    /// How messages may be compressed.
    pub compression: deflate::Mode,
}

/// How a request is answered that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    key: [u8; ACCEPT_BYTES],
    subprotocol: Option<String>,
    deflate: Option<Agreed>,
    extensions: Option<String>,
}

impl Accepted {
    /// The sub-protocol that was chosen.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// What was agreed on about compression.
    #[must_use]
    pub fn deflate(&self) -> Option<Agreed> {
        self.deflate
    }

    /// The headers of the answer, which has the status 101 (WIRE W27).
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        sent([
            ("upgrade", Some(&b"websocket"[..])),
            ("connection", Some(b"upgrade")),
            ("sec-websocket-accept", Some(&self.key)),
            ("sec-websocket-protocol", self.subprotocol.as_deref().map(str::as_bytes)),
            ("sec-websocket-extensions", self.extensions.as_deref().map(str::as_bytes)),
        ])
    }
}

/// Whether a request asks for WebSocket: then it is to be judged by [`accept`] and by nobody else.
#[must_use]
pub fn is_upgrade(head: &RequestHead) -> bool {
    lists(head.headers(), "upgrade", b"websocket")
}

/// Judges a request (WIRE W20 to W26).
///
/// # Errors
/// It is refused, with the answer that the error says.
pub fn accept(head: &RequestHead, policy: &Policy<'_>) -> Result<Accepted, UpgradeError> {
    let headers = head.headers();
    check_request(head)?;
    let key = key(headers, policy.compat)?;
    if only(headers, "sec-websocket-version") != Some(VERSION) {
        return Err(UpgradeError::WebSocketVersion);
    }
    check_origin(headers, policy.origins)?;
    let subprotocol = choose_subprotocol(headers, policy)?;
    let extensions = read_extensions(headers)?;
    let (deflate, extensions) = deflate::accept(policy.compression, &extensions).unzip();
    Ok(Accepted { key: accept_key(key), subprotocol, deflate, extensions })
}

/// What is about HTTP and not yet about WebSocket (WIRE W20).
fn check_request(head: &RequestHead) -> Result<(), UpgradeError> {
    if head.method() != "GET" {
        return Err(UpgradeError::Method);
    }
    if head.version() == Version::Http10 {
        return Err(UpgradeError::Version);
    }
    if !is_upgrade(head) {
        return Err(UpgradeError::Upgrade);
    }
    if head.host().is_empty() {
        return Err(UpgradeError::Host);
    }
    if !lists(head.headers(), "connection", b"upgrade") {
        return Err(UpgradeError::Connection);
    }
    if head.has_body() {
        return Err(UpgradeError::Body);
    }
    Ok(())
}

/// The key as it was sent (WIRE W22).
fn key(headers: &Headers, compat: Compat) -> Result<&[u8], UpgradeError> {
    let name = "sec-websocket-key";
    if headers.get(name).is_none() {
        return Err(UpgradeError::KeyMissing);
    }
    let key = only(headers, name).ok_or(UpgradeError::Key)?;
    let bytes = base64decode_as(key, compat).map_err(|_| UpgradeError::Key)?;
    if bytes.len() == KEY_BYTES { Ok(key) } else { Err(UpgradeError::Key) }
}

/// Browsers say which page connects, and cannot be made to lie about it by the page (WIRE W24).
fn check_origin(headers: &Headers, allowed: &[String]) -> Result<(), UpgradeError> {
    let is_allowed =
        |origin: &[u8]| allowed.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(origin));
    let mut origins = headers.get_all("origin");
    match (origins.next(), origins.next()) {
        _ if allowed.is_empty() => Ok(()),
        (None, _) => Ok(()),
        (Some(origin), None) if is_allowed(origin) => Ok(()),
        _ => Err(UpgradeError::Origin),
    }
}

/// The first of the server's that was offered (WIRE W25).
fn choose_subprotocol(
    headers: &Headers,
    policy: &Policy<'_>,
) -> Result<Option<String>, UpgradeError> {
    let mut lines = headers.get_all("sec-websocket-protocol").peekable();
    let is_there = lines.peek().is_some();
    let offered: Vec<_> = lines.flat_map(elements).filter(|element| !element.is_empty()).collect();
    let is_list = !is_there || !offered.is_empty();
    if !is_list || !offered.iter().all(|element| is_token(element)) || has_repeats(&offered) {
        return Err(UpgradeError::Subprotocols);
    }
    let mut spoken = policy.subprotocols.iter();
    let chosen = spoken.find(|spoken| offered.contains(&spoken.as_bytes()));
    if policy.requires_subprotocol && chosen.is_none() {
        return Err(UpgradeError::SubprotocolRequired);
    }
    Ok(chosen.cloned())
}

/// In time that grows with the length of the list and not with its square.
pub(super) fn has_repeats<T: Ord>(elements: &[T]) -> bool {
    let mut sorted: Vec<_> = elements.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

fn read_extensions(headers: &Headers) -> Result<Vec<Extension<'_>>, UpgradeError> {
    let lines = headers.get_all("sec-websocket-extensions");
    extensions::parse(lines).ok_or(UpgradeError::Extensions)
}
