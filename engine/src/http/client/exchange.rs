//! One request and its answer on one connection: bytes to the machine, bytes from it.
//!
//! Sending and receiving go on side by side, so a server may answer before it has the whole body,
//! or refuse the body. Whoever polls an exchange drives both. After an error the exchange is over
//! and its connection is closed. After the last event of an answer the connection goes back to the
//! pool, if both sides are done with it and nothing that nobody asked for came behind the answer.
//!
//! A failure to send does not end the exchange at once: the server may have said why, and what it
//! said may still be on its way.

use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use bytes::{Buf, Bytes};
use skyring_protocols::blame::Blame;
use skyring_protocols::http1::client::{self, Client as Machine, RequestParts};
use skyring_protocols::http1::url::Url;
use skyring_protocols::http1::{
    BodySize, Headers, Limits, Next, ReadError, Reading, ResponseHead, WriteError,
};

use super::Shared;
use super::error::Error;
use super::network::{Wire, append};
use super::pool::Link;
use super::request::{Payload, Request};
use super::settings::Phase;
use super::upload::{CONSENT_WAIT, Upload};
use crate::net::StreamError;

/// Answers from this status on mean that the rest of the request's body is not wanted.
const BODY_UNWANTED: u16 = 300;

/// What an exchange brings, in this order: one head, pieces of its body, one end. An answer without
/// a body has no end of its own.
#[derive(Debug)]
pub(super) enum Event {
    /// An answer is still to come, and the body may go. Not seen outside of the exchange.
    Informational,
    Response(ResponseHead),
    /// Never empty.
    Data(Bytes),
    /// The trailers.
    End(Headers),
}

/// See the file's header.
pub(super) struct Exchange {
    shared: Rc<Shared>,
    /// The other end, for errors.
    authority: String,
    /// None: the exchange is over.
    link: Option<Link>,
    machine: Machine,
    limits: Limits,
    upload: Upload,
    /// Whether the request asks for another protocol, and the connection may be switched to it.
    may_switch: bool,
    input: Bytes,
    peer_ended: bool,
    has_head: bool,
    /// Whether a byte of an answer has come.
    is_answered: bool,
    body_bytes: u64,
}

impl Exchange {
    /// Begins an exchange; nothing is sent before it is polled. The body is taken out of the
    /// request if it is a stream.
    ///
    /// # Errors
    /// When the request cannot be written, or its body has been taken before.
    pub(super) fn new(
        shared: &Rc<Shared>,
        link: Link,
        request: &mut Request,
        url: &Url,
        limits: Limits,
    ) -> Result<Exchange, Error> {
        let mut machine = Machine::new();
        let mut head = Vec::new();
        let size = request.payload_size();
        write_head(&mut machine, request, url, size, &shared.settings.user_agent, &mut head)?;
        let payload = match &request.payload {
            Payload::Gone => return Err(Error::BodyGone),
            Payload::Bytes(bytes) => Payload::Bytes(bytes.clone()),
            Payload::Stream(..) => std::mem::replace(&mut request.payload, Payload::Gone),
        };
        let consent = machine.awaits_continue().then(|| shared.deadlines.after(CONSENT_WAIT));
        let is_empty = matches!(size, BodySize::Empty);
        Ok(Exchange {
            shared: Rc::clone(shared),
            authority: url.authority(),
            link: Some(link),
            machine,
            limits,
            upload: Upload::new(head, payload, is_empty, consent),
            may_switch: request.may_switch,
            input: Bytes::new(),
            peer_ended: false,
            has_head: false,
            is_answered: false,
            body_bytes: 0,
        })
    }

    /// What it waits for.
    pub(super) fn phase(&self) -> Phase {
        match (self.has_head, self.upload.is_done()) {
            (true, _) => Phase::Receive,
            (false, false) => Phase::Send,
            (false, true) => Phase::Wait,
        }
    }

    /// Whether a byte of an answer has come.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether the whole request has been sent.
    pub(super) fn is_sent(&self) -> bool {
        self.upload.is_done()
    }

    /// Whether it is over, by its end or by an error.
    pub(super) fn is_over(&self) -> bool {
        self.link.is_none()
    }

    /// The connection of an answer that switched protocols, and what came behind the answer. None if
    /// there was no such answer. The exchange is over with it.
    pub(super) fn take_switched(&mut self) -> Option<(Box<dyn Wire>, Bytes)> {
        if self.machine.next() != Next::Upgraded {
            return None;
        }
        let link = self.link.take()?;
        Some((link.into_wire(), std::mem::take(&mut self.input)))
    }

    /// Ends it here; the connection is closed unless it has gone back to the pool already.
    pub(super) fn close(&mut self) {
        self.link = None;
    }

    /// The next event. Not to be called once the exchange is over.
    pub(super) fn poll_event(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Event, Error>> {
        let polled = self.poll_both(cx);
        if let Poll::Ready(Err(_)) = polled {
            self.close();
        }
        polled
    }

    fn poll_both(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Event, Error>> {
        loop {
            let link = self.link.as_mut().expect("an exchange that is over is not polled");
            self.upload.advance(&mut self.machine, &mut *link.wire, cx)?;
            match self.take_event()? {
                Some(Event::Informational) => continue,
                Some(event) => return Poll::Ready(Ok(event)),
                None => {}
            }
            if self.peer_ended {
                return Poll::Ready(self.take_end());
            }
            let link = self.link.as_mut().expect("only an event ends an exchange");
            match link.wire.poll_read(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(Some(bytes))) => {
                    self.is_answered = true;
                    append(&mut self.input, bytes);
                }
                Poll::Ready(Ok(None)) => self.peer_ended = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.broken(&error))),
            }
        }
    }

    /// The next event of what has come, if it makes one. The end of a body of known length needs no
    /// byte more.
    fn take_event(&mut self) -> Result<Option<Event>, Error> {
        let received = match self.machine.receive(&self.input, &self.limits) {
            Ok(received) => received,
            Err(error) => return Err(self.unreadable(error)),
        };
        let event = received.event.map(|event| match event {
            client::Event::Informational(_) => Event::Informational,
            client::Event::Response(head) => Event::Response(head),
            client::Event::Data(data) => Event::Data(self.input.slice_ref(data)),
            client::Event::End(trailers) => Event::End(trailers),
        });
        self.input.advance(received.consumed);
        event.map(|event| self.note(event)).transpose()
    }

    /// Notes what an event means for the exchange.
    fn note(&mut self, event: Event) -> Result<Event, Error> {
        match &event {
            Event::Informational => {}
            Event::Response(head) if head.status() == 101 => {
                if !(self.may_switch && self.upload.is_done()) {
                    return Err(Error::Upgraded);
                }
                self.has_head = true;
            }
            Event::Response(head) => {
                self.has_head = true;
                if head.status() >= BODY_UNWANTED {
                    self.upload.abandon();
                }
                if self.machine.reading() == Reading::Done {
                    self.release();
                }
            }
            Event::Data(data) => self.body_bytes += data.len() as u64,
            Event::End(_) => self.release(),
        }
        Ok(event)
    }

    /// The peer's end: that of a body that lasts until then, or too early.
    fn take_end(&mut self) -> Result<Event, Error> {
        if !self.is_answered {
            let failure = self.upload.failure().cloned();
            return Err(failure.map_or(Error::NoAnswer, |error| self.broken(&error)));
        }
        let link = self.link.as_ref().expect("only an event ends an exchange");
        let is_cut = link.wire.is_truncated();
        match self.machine.receive_end() {
            Ok(true) if !is_cut => {
                self.close();
                Ok(Event::End(Headers::default()))
            }
            Ok(_) => Err(Error::Truncated { body_bytes: self.body_bytes }),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    /// The answer is complete: the connection serves others, or nobody.
    fn release(&mut self) {
        let Some(link) = self.link.take() else { return };
        let is_clean = self.input.is_empty() && !self.peer_ended && self.upload.is_done();
        if is_clean && self.machine.next() == Next::Reuse {
            self.shared.put(link);
        }
    }

    fn unreadable(&self, error: ReadError) -> Error {
        match error {
            ReadError::CutHead | ReadError::CutBody => {
                Error::Truncated { body_bytes: self.body_bytes }
            }
            ReadError::NoResponse => Error::NoAnswer,
            ReadError::SwitchUnasked => Error::Upgraded,
            ReadError::BodyTooLong { .. } => {
                Error::BodyTooLarge { bytes_max: self.limits.body_bytes_max }
            }
            _ if error.blame() == Blame::Limit => Error::HeadTooLarge(error),
            _ => Error::Protocol(error),
        }
    }

    fn broken(&self, error: &StreamError) -> Error {
        match error {
            StreamError::Reset | StreamError::Broken(_) => Error::Reset,
            StreamError::WriteTimedOut => Error::SendStalled,
            StreamError::Closed => Error::Stopping,
            StreamError::Tls(source) => {
                Error::Tls { host: self.authority.clone(), source: source.clone() }
            }
        }
    }
}

/// Writes the head of a request for a URL.
fn write_head(
    machine: &mut Machine,
    request: &Request,
    url: &Url,
    body: BodySize,
    user_agent: &str,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let authority = url.authority();
    let host = match request.field("host") {
        Some(given) => std::str::from_utf8(given).map_err(|_| WriteError::Host)?,
        None => &authority,
    };
    let parts = RequestParts { method: &request.method, target: url.target(), host, body };
    let adds_agent = !user_agent.is_empty() && request.field("user-agent").is_none();
    let agent = adds_agent.then_some(("User-Agent", user_agent.as_bytes()));
    // Without a body there is nothing to wait with (RFC 9110 section 10.1.1).
    let expects = request.awaits_continue && body != BodySize::Empty;
    let expect = expects.then_some(("Expect", &b"100-continue"[..]));
    let given = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
    let given = given.filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
    machine.request(&parts, agent.into_iter().chain(given).chain(expect), out)?;
    Ok(())
}
