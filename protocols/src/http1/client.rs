//! The client half (WIRE H1, H10 to H17, H24 to H26).
//!
//! One machine a connection. [`Client::request`] writes a head, [`Client::send_data`] and
//! [`Client::finish`] its body; [`Client::receive`] reads what the server answers, which may begin
//! before the request is complete. Requests are not sent ahead of answers.
//!
//! Invariants: a response belongs to the one request before it; what comes without a request is an
//! error; a call that fails leaves the output as it was.

use super::error::{ReadError, WriteError};
use super::head::{Headers, ResponseHead};
use super::incoming::{Incoming, Piece};
use super::limits::Limits;
use super::outgoing::{BodySize, Outgoing};
use super::scan::{Part, Scan};
use super::state::{Event as Passed, Lane, Next, State};
use super::write::{self, Given, undone_on_error};
use super::{NO_HEADERS, Reading, Received, parse, target};
use crate::coverage;

/// Responses before the final one that are read. More are an attack, or a broken server.
const INFORMATIONAL_MAX: u8 = 16;

/// What came from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'i> {
    /// A response that is not the last: 100, 102 to 199.
    Informational(ResponseHead),
    /// The final response, or 101. Unless it [has a body](ResponseHead::has_body), it is complete.
    Response(ResponseHead),
    /// A piece of its body, not empty.
    Data(&'i [u8]),
    /// The end of its body, with the trailers.
    End(Headers),
}

/// What a request begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestParts<'a> {
    /// The method, a token; not CONNECT.
    pub method: &'a str,
    /// The target as it is sent: a path with a query, mostly.
    pub target: &'a str,
    /// The value of the header `Host`: a name or an address, and a port unless it is the scheme's.
    pub host: &'a str,
    /// How long the body will be.
    pub body: BodySize,
}

/// One connection, seen from the side that opened it. Owns no buffer.
#[derive(Debug, Default)]
pub struct Client {
    state: State,
    is_head: bool,
    asks_to_switch: bool,
    awaits_continue: bool,
    /// No request is to follow: the client, the server or the caller has said so.
    is_last: bool,
    informational: u8,
    scan: Scan,
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Client {
    /// A fresh connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the head of a request (WIRE H24), and with [`BodySize::Empty`] all of it.
    ///
    /// Headers are the caller's, in order; lengths, codings and Host are the machine's to write.
    /// `connection: close` and `expect: 100-continue` are obeyed, and `upgrade` lets the server
    /// answer 101.
    ///
    /// # Errors
    /// An exchange is under way, or a part that cannot be sent.
    pub fn request<'h>(
        &mut self,
        parts: &RequestParts<'_>,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        if self.state != State::START {
            return Err(WriteError::OutOfTurn);
        }
        check(parts)?;
        let mut given = Given::default();
        undone_on_error(out, |out| {
            write_request(parts, out);
            given.write_request(headers, out)?;
            write_body_size(parts, out);
            given.write_connection(self.is_last, false, out);
            out.extend_from_slice(b"\r\n");
            Ok(())
        })?;
        self.is_head = parts.method == "HEAD";
        self.asks_to_switch = given.upgrade;
        self.awaits_continue = given.fields.expects_continue && parts.body != BodySize::Empty;
        self.is_last |= given.fields.close;
        self.pass(Passed::Request);
        self.outgoing = match parts.body {
            BodySize::Known(length) => Outgoing::known(length),
            BodySize::Unknown => Outgoing::CHUNKED,
            BodySize::Empty => return self.finish(NO_HEADERS, out),
        };
        Ok(())
    }

    /// Whether the body is better held back: the server was asked to say whether it wants it, and
    /// has not answered. Some servers never do, so a caller waits for a while only.
    #[must_use]
    pub fn awaits_continue(&self) -> bool {
        self.awaits_continue
    }

    /// Writes a piece of the request's body.
    ///
    /// # Errors
    /// No request is being sent, or it announced less.
    pub fn send_data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), WriteError> {
        let next = self.state.after(Passed::RequestData).ok_or(WriteError::OutOfTurn)?;
        self.outgoing.data(data, out)?;
        self.enter(Passed::RequestData, next);
        Ok(())
    }

    /// Ends the request's body. Trailers are written where it is chunked, else left out.
    ///
    /// # Errors
    /// No request is being sent, or a bad trailer. Data is missing: then [`Self::next`] is
    /// [`Next::Close`].
    pub fn finish<'h>(
        &mut self,
        trailers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let next = self.state.after(Passed::RequestEnd).ok_or(WriteError::OutOfTurn)?;
        let finished = self.outgoing.finish(trailers, out);
        match finished {
            Ok(()) => self.enter(Passed::RequestEnd, next),
            Err(WriteError::BodyTooShort { .. }) => self.pass(Passed::RequestCut),
            Err(_) => {}
        }
        finished
    }

    /// Takes what there is from the front of `input`, which holds everything not yet consumed. To
    /// be called until there is no event, whenever more input is there. Behind a complete response
    /// nothing is read: what is left then makes the next call of an idle client fail.
    ///
    /// # Errors
    /// The response cannot be believed: close. Later calls read nothing.
    pub fn receive<'i>(
        &mut self,
        input: &'i [u8],
        limits: &Limits,
    ) -> Result<Received<Event<'i>>, ReadError> {
        match (self.state.request, self.state.response) {
            (Lane::Head, _) if input.is_empty() => Ok(Received::nothing(0)),
            (Lane::Head, _) => {
                self.is_last = true;
                Err(ReadError::Unsolicited)
            }
            (_, Lane::Head) => {
                let received = self.receive_head(input, limits);
                received.inspect_err(|_| self.pass(Passed::ResponseCut))
            }
            (_, Lane::Body) => {
                let received = self.receive_body(input, limits);
                received.inspect_err(|_| self.pass(Passed::ResponseCut))
            }
            _ => Ok(Received::nothing(0)),
        }
    }

    /// The server has ended its stream and [`Self::receive`] has nothing more. Returns whether that
    /// is the end of a response's body; if not, nothing was to come.
    ///
    /// # Errors
    /// A response was cut off, or did not come at all.
    pub fn receive_end(&mut self) -> Result<bool, ReadError> {
        self.is_last = true;
        let error = match (self.state.request, self.state.response) {
            (Lane::Head, Lane::Head) => return Ok(false),
            (_, Lane::Head) if self.scan.is_fresh() && self.informational == 0 => {
                ReadError::NoResponse
            }
            (_, Lane::Head) => ReadError::CutHead,
            (_, Lane::Body) if self.incoming.ends_with_connection() => {
                self.pass(Passed::ResponseEnd);
                return Ok(true);
            }
            (_, Lane::Body) => ReadError::CutBody,
            _ => return Ok(false),
        };
        self.pass(Passed::ResponseCut);
        Err(error)
    }

    /// Where the response is.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.state.response.reading()
    }

    /// What becomes of the connection. A request that is not complete when its response is makes it
    /// one to close, unless the caller completes it.
    #[must_use]
    pub fn next(&self) -> Next {
        match self.state.next(!self.is_last) {
            Next::ReadRest => Next::Close,
            next => next,
        }
    }

    /// Begins the next exchange, if [`Self::next`] is [`Next::Reuse`]; else it does nothing.
    pub fn next_exchange(&mut self) {
        if self.next() == Next::Reuse {
            self.pass(Passed::Again);
            *self = Self::default();
        }
    }

    /// Lets no request follow this exchange. A request whose head is not yet written says so.
    pub fn close_after(&mut self) {
        self.is_last = true;
    }

    fn receive_head<'i>(
        &mut self,
        input: &'i [u8],
        limits: &Limits,
    ) -> Result<Received<Event<'i>>, ReadError> {
        let to_head = self.is_head;
        let parse = |input: &[u8]| parse::response(input, limits, to_head);
        let Some((head, consumed)) = self.scan.read(input, Part::Response, limits, parse)? else {
            return Ok(Received::nothing(0));
        };
        let event = match head.status {
            101 => self.on_switch(head)?,
            ..200 => self.on_informational(head)?,
            _ => self.on_response(head, limits)?,
        };
        Ok(Received { consumed, event: Some(event) })
    }

    fn on_switch(&mut self, head: ResponseHead) -> Result<Event<'static>, ReadError> {
        let next = self.state.after(Passed::Switch).filter(|_| self.asks_to_switch);
        self.enter(Passed::Switch, next.ok_or(ReadError::SwitchUnasked)?);
        Ok(Event::Response(head))
    }

    fn on_informational(&mut self, head: ResponseHead) -> Result<Event<'static>, ReadError> {
        self.informational += 1;
        let next = self.state.after(Passed::Informational);
        match next {
            Some(next) if self.informational <= INFORMATIONAL_MAX => {
                self.enter(Passed::Informational, next);
            }
            _ => return Err(ReadError::TooManyInformational),
        }
        self.awaits_continue &= head.status != 100;
        Ok(Event::Informational(head))
    }

    fn on_response(
        &mut self,
        head: ResponseHead,
        limits: &Limits,
    ) -> Result<Event<'static>, ReadError> {
        self.awaits_continue = false;
        self.is_last |= !head.keep_alive;
        self.incoming = Incoming::new(head.body, limits)?;
        self.pass(Passed::Response);
        if self.incoming.reading() == Reading::Done {
            self.pass(Passed::ResponseEnd);
        }
        Ok(Event::Response(head))
    }

    fn receive_body<'i>(
        &mut self,
        input: &'i [u8],
        limits: &Limits,
    ) -> Result<Received<Event<'i>>, ReadError> {
        let received = self.incoming.receive(input, limits, &mut self.scan)?;
        let event = match received.event {
            Some(Piece::Data(data)) => {
                self.pass(Passed::ResponseData);
                Some(Event::Data(data))
            }
            Some(Piece::End(trailers)) => {
                self.pass(Passed::ResponseEnd);
                Some(Event::End(trailers))
            }
            None => None,
        };
        Ok(Received { consumed: received.consumed, event })
    }

    fn pass(&mut self, event: Passed) {
        let next = self.state.after(event);
        self.enter(event, next.expect("the client half passes only what is in the table"));
    }

    /// Takes a step that was looked up before.
    fn enter(&mut self, event: Passed, next: State) {
        coverage::step("HTTP client", self.state, event);
        self.state = next;
    }
}

fn check(parts: &RequestParts<'_>) -> Result<(), WriteError> {
    if !write::is_token(parts.method.as_bytes()) || parts.method == "CONNECT" {
        return Err(WriteError::Method);
    }
    if target::parse(parts.method, parts.target).is_err() {
        return Err(WriteError::Target);
    }
    if target::is_host(parts.host.as_bytes()) { Ok(()) } else { Err(WriteError::Host) }
}

fn write_request(parts: &RequestParts<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(parts.method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(parts.target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    write::line(b"host", parts.host.as_bytes(), out);
}

/// Methods that mostly have a body say that they have none.
fn write_body_size(parts: &RequestParts<'_>, out: &mut Vec<u8>) {
    match parts.body {
        BodySize::Known(length) => write::content_length(length, out),
        BodySize::Unknown => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        BodySize::Empty if matches!(parts.method, "POST" | "PUT" | "PATCH") => {
            write::content_length(0, out);
        }
        BodySize::Empty => {}
    }
}
