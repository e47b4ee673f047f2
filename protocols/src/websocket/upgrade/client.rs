//! Asking a server, and checking what it answers (WIRE W28, W29).

use super::error::AnswerError;
use super::server::has_repeats;
use super::{VERSION, accept_key, extensions, lists, only, sent};
use crate::crypt::base64encode;
use crate::http1::{Headers, ResponseHead, is_token};
use crate::websocket::deflate::{self, Agreed, Terms};

/// What a client asks with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    key: String,
    subprotocols: Vec<String>,
    subprotocols_text: String,
    compression: Option<Terms>,
    extensions: Option<String>,
}

/// What both sides agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// The sub-protocol that the server chose among those offered.
    pub subprotocol: Option<String>,
    /// Compression, if it was offered and taken.
    pub deflate: Option<Agreed>,
}

impl Offer {
    /// An offer of these sub-protocols, the best first, and of compression on these terms. The
    /// nonce is to be random: it keeps caches from answering what another client was answered.
    ///
    /// # Errors
    /// [`AnswerError::Offer`] if a sub-protocol is no token or stands there twice.
    pub fn new(
        nonce: [u8; 16],
        subprotocols: &[String],
        compression: Option<Terms>,
    ) -> Result<Self, AnswerError> {
        let are_tokens = subprotocols.iter().all(|it| is_token(it.as_bytes()));
        if !are_tokens || has_repeats(subprotocols) {
            return Err(AnswerError::Offer);
        }
        Ok(Self {
            key: base64encode(&nonce),
            subprotocols: subprotocols.to_vec(),
            subprotocols_text: subprotocols.join(", "),
            compression,
            extensions: compression.map(|terms| terms.write()),
        })
    }

    /// The headers of the request, which has the method GET and no body (WIRE W28).
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let subprotocols = Some(self.subprotocols_text.as_bytes()).filter(|text| !text.is_empty());
        sent([
            ("upgrade", Some(&b"websocket"[..])),
            ("connection", Some(b"upgrade")),
            ("sec-websocket-key", Some(self.key.as_bytes())),
            ("sec-websocket-version", Some(VERSION)),
            ("sec-websocket-protocol", subprotocols),
            ("sec-websocket-extensions", self.extensions.as_deref().map(str::as_bytes)),
        ])
    }

    /// Checks the answer (WIRE W29).
    ///
    /// # Errors
    /// It is no answer to this offer: close. With [`AnswerError::Status`] it is an ordinary
    /// response, whose body may say more.
    pub fn check(&self, head: &ResponseHead) -> Result<Agreement, AnswerError> {
        if head.status() != 101 {
            return Err(AnswerError::Status(head.status()));
        }
        let headers = head.headers();
        let upgrade = only(headers, "upgrade");
        if !upgrade.is_some_and(|it| it.eq_ignore_ascii_case(b"websocket")) {
            return Err(AnswerError::Upgrade);
        }
        if !lists(headers, "connection", b"upgrade") {
            return Err(AnswerError::Connection);
        }
        self.check_accept(headers)?;
        let subprotocol = self.check_subprotocol(headers)?;
        let lines = headers.get_all("sec-websocket-extensions");
        let answers = extensions::parse(lines).ok_or(AnswerError::Extensions)?;
        let deflate = deflate::check(self.compression.as_ref(), &answers);
        Ok(Agreement { subprotocol, deflate: deflate.ok_or(AnswerError::Extensions)? })
    }

    fn check_accept(&self, headers: &Headers) -> Result<(), AnswerError> {
        let name = "sec-websocket-accept";
        if headers.get(name).is_none() {
            return Err(AnswerError::AcceptMissing);
        }
        let wanted = accept_key(self.key.as_bytes());
        if only(headers, name) == Some(&wanted) { Ok(()) } else { Err(AnswerError::Accept) }
    }

    /// One of the offered, in their case, or none.
    fn check_subprotocol(&self, headers: &Headers) -> Result<Option<String>, AnswerError> {
        let name = "sec-websocket-protocol";
        if headers.get(name).is_none() {
            return Ok(None);
        }
        let chosen = only(headers, name).ok_or(AnswerError::Subprotocol)?;
        let mut offered = self.subprotocols.iter();
        let chosen = offered.find(|offered| offered.as_bytes() == chosen);
        chosen.cloned().map(Some).ok_or(AnswerError::Subprotocol)
    }
}
