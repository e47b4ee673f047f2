//! The server half (WIRE H1, H15 to H23).
//!
//! One machine a connection. Call [`Server::receive`] with the bytes that are there until it has no
//! event; answer each request with [`Server::respond`], [`Server::send_data`] and
//! [`Server::finish`], or all at once; then [`Server::next`] says what becomes of the connection.
//! A request behind one that is not answered yet stays in the caller's buffer, so answers leave in
//! the order of their requests and a client that sends ahead is held back by its own bytes.
//!
//! Invariants: at most one final answer to a request; nothing is written behind an answer that was
//! not finished as announced; a call that fails leaves the output as it was.

use super::error::{ReadError, WriteError};
use super::framing::has_content;
use super::head::{Headers, RequestHead, Version};
use super::incoming::{Incoming, Piece};
use super::limits::Limits;
use super::outgoing::{BodySize, Outgoing};
use super::scan::{Part, Scan};
use super::state::{Event as Passed, Lane, Next, State};
use super::write::{self, Given, undone_on_error};
use super::{NO_HEADERS, Reading, Received, parse, reason};
use crate::coverage;

/// Empty lines in front of a request line that are passed over (RFC 9112 section 2.2 wants one).
const EMPTY_LINES_MAX: u8 = 4;

/// What came from the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'i> {
    /// A request. Unless it [has a body](RequestHead::has_body), it is complete. Boxed where it is
    /// made: it goes through many hands.
    Request(Box<RequestHead>),
    /// A piece of its body, not empty.
    Data(&'i [u8]),
    /// The end of its body, with the trailers.
    End(Headers),
}

/// What an answer begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseParts<'a> {
    /// The status, from 200 to 999.
    pub status: u16,
    /// How long the body will be. For an answer to HEAD, what it would be for GET.
    pub body: BodySize,
    /// The value of the header `Date`, unless the headers have one. See [`super::imf_fixdate`].
    pub date: Option<&'a [u8]>,
}

/// What is known of the request being answered.
#[derive(Clone, Copy, Debug)]
struct Request {
    is_http10: bool,
    is_head: bool,
    asks_to_switch: bool,
    awaits_continue: bool,
    /// Whether the connection may be used again, as far as both sides have said.
    reusable: bool,
}

/// Before the first request has been read, refusals are written for HTTP/1.1.
impl Default for Request {
    fn default() -> Self {
        Self {
            is_http10: false,
            is_head: false,
            asks_to_switch: false,
            awaits_continue: false,
            reusable: true,
        }
    }
}

/// One connection, seen from the side that accepted it. Owns no buffer.
#[derive(Debug, Default)]
pub struct Server {
    state: State,
    request: Request,
    /// No request is to follow, whatever the client says.
    is_last: bool,
    empty_lines: u8,
    scan: Scan,
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Server {
    /// A fresh connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what there is from the front of `input`, which holds everything not yet consumed.
    ///
    /// To be called until there is no event: after more input, and after
    /// [`Self::next_exchange`]. While a complete request is not answered, nothing is read.
    ///
    /// # Errors
    /// The request is refused: [`Self::refuse`] with the error's status, then close. Later calls
    /// read nothing.
    pub fn receive<'i>(
        &mut self,
        input: &'i [u8],
        limits: &Limits,
    ) -> Result<Received<Event<'i>>, ReadError> {
        let received = match (self.state.request, self.state.response) {
            (Lane::Head, Lane::Head) => self.receive_head(input, limits),
            (Lane::Body, _) => self.receive_body(input, limits),
            _ => Ok(Received::nothing(0)),
        };
        if received.is_err() {
            self.pass(Passed::RequestCut);
        }
        received
    }

    /// The client has ended its stream and [`Self::receive`] has nothing more. With an answer still
    /// due, it is to be finished, and [`Self::receive`] and this function are to be called again
    /// in the next exchange.
    ///
    /// # Errors
    /// A request was cut off.
    pub fn receive_end(&mut self) -> Result<(), ReadError> {
        let error = match self.state.request {
            Lane::Head if !self.scan.is_fresh() => ReadError::CutHead,
            Lane::Body => ReadError::CutBody,
            _ => return Ok(()),
        };
        self.pass(Passed::RequestCut);
        Err(error)
    }

    /// Whether no request is being read or answered. Empty lines are not part of one.
    #[must_use]
    pub fn is_between_exchanges(&self) -> bool {
        self.state == State::START && self.scan.is_fresh()
    }

    /// Where the request is.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.state.request.reading()
    }

    /// Whether an answer has begun and is not finished.
    #[must_use]
    pub fn is_answering(&self) -> bool {
        self.state.response == Lane::Body
    }

    /// What becomes of the connection. To be asked after [`Self::finish`], and again when the rest
    /// of a request's body was read.
    #[must_use]
    pub fn next(&self) -> Next {
        self.state.next(self.request.reusable && !self.is_last)
    }

    /// Begins the next exchange, if [`Self::next`] is [`Next::Reuse`]; else it does nothing.
    pub fn next_exchange(&mut self) {
        if self.next() == Next::Reuse {
            self.pass(Passed::Again);
            *self = Self::default();
        }
    }

    /// Lets no request follow this exchange. An answer whose head is not yet written says so.
    pub fn close_after(&mut self) {
        self.is_last = true;
    }

    fn receive_head<'i>(
        &mut self,
        input: &'i [u8],
        limits: &Limits,
    ) -> Result<Received<Event<'i>>, ReadError> {
        let skipped = self.skip_empty_lines(input)?;
        let rest = &input[skipped..];
        if rest.is_empty() || (rest == b"\r" && self.scan.is_fresh()) {
            return Ok(Received::nothing(skipped));
        }
        let parse = |input: &[u8]| parse::request(input, limits);
        let Some((head, length)) = self.scan.read(rest, Part::Request, limits, parse)? else {
            return Ok(Received::nothing(skipped));
        };
        self.begin(&head, limits)?;
        Ok(Received { consumed: skipped + length, event: Some(Event::Request(head)) })
    }

    /// The length of the empty lines at the front of what is to be a request (WIRE H6).
    fn skip_empty_lines(&mut self, input: &[u8]) -> Result<usize, ReadError> {
        let mut skipped = 0;
        while self.scan.is_fresh() && input[skipped..].starts_with(b"\r\n") {
            skipped += 2;
            self.empty_lines += 1;
            if self.empty_lines > EMPTY_LINES_MAX {
                return Err(ReadError::EmptyLines);
            }
        }
        Ok(skipped)
    }

    fn begin(&mut self, head: &RequestHead, limits: &Limits) -> Result<(), ReadError> {
        self.request = Request {
            is_http10: head.version == Version::Http10,
            is_head: head.is_head(),
            asks_to_switch: head.asks_to_switch,
            awaits_continue: head.expects_continue,
            reusable: head.keep_alive,
        };
        self.incoming = Incoming::new(head.body, limits)?;
        self.pass(Passed::Request);
        if self.incoming.reading() == Reading::Done {
            self.pass(Passed::RequestEnd);
        }
        Ok(())
    }

    fn receive_body<'i>(
        &mut self,
        input: &'i [u8],
        limits: &Limits,
    ) -> Result<Received<Event<'i>>, ReadError> {
        self.request.awaits_continue &= input.is_empty();
        let received = self.incoming.receive(input, limits, &mut self.scan)?;
        let event = match received.event {
            Some(Piece::Data(data)) => {
                self.pass(Passed::RequestData);
                Some(Event::Data(data))
            }
            Some(Piece::End(trailers)) => {
                self.pass(Passed::RequestEnd);
                Some(Event::End(trailers))
            }
            None => None,
        };
        Ok(Received { consumed: received.consumed, event })
    }

    fn pass(&mut self, event: Passed) {
        let next = self.state.after(event);
        self.enter(event, next.expect("the server half passes only what is in the table"));
    }

    /// Takes a step that was looked up before.
    fn enter(&mut self, event: Passed, next: State) {
        coverage::step("HTTP server", self.state, event);
        self.state = next;
    }
}

/// Answering.
impl Server {
    /// Whether the client holds its body back until it is told to go on.
    #[must_use]
    pub fn awaits_continue(&self) -> bool {
        self.request.awaits_continue && self.state.response == Lane::Head
    }

    /// Tells a client that waits to send its body (WIRE H16); else it does nothing.
    pub fn send_continue(&mut self, out: &mut Vec<u8>) {
        if self.awaits_continue() {
            self.pass(Passed::Informational);
            self.request.awaits_continue = false;
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Writes a response before the final one, with a status from 102 to 199. Clients of HTTP/1.0
    /// get none.
    ///
    /// # Errors
    /// Another status, a final answer already begun, or a bad header.
    pub fn inform<'h>(
        &mut self,
        status: u16,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        if !(102..=199).contains(&status) {
            return Err(WriteError::Status(status));
        }
        let next = self.state.after(Passed::Informational).ok_or(WriteError::OutOfTurn)?;
        if !self.request.is_http10 {
            undone_on_error(out, |out| {
                write_status(status, out);
                Given::default().write(headers, out)?;
                out.extend_from_slice(b"\r\n");
                Ok(())
            })?;
        }
        self.enter(Passed::Informational, next);
        Ok(())
    }

    /// Writes the head of the answer (WIRE H21).
    ///
    /// A `connection` header with `close` is obeyed; lengths and codings are the machine's to write.
    ///
    /// # Errors
    /// No answer is due, the status is none of a final answer, or a bad header.
    pub fn respond<'h>(
        &mut self,
        parts: &ResponseParts<'_>,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let next = self.state.after(Passed::Response).ok_or(WriteError::OutOfTurn)?;
        if !(200..=999).contains(&parts.status) {
            return Err(WriteError::Status(parts.status));
        }
        let (announced, outgoing) = self.body(parts);
        let close = self.is_last
            || self.state.request == Lane::Broken
            || !self.request.reusable
            || self.request.awaits_continue
            || outgoing == Outgoing::UNTIL_CLOSE;
        let mut given = Given::default();
        undone_on_error(out, |out| {
            write_status(parts.status, out);
            given.write(headers, out)?;
            if parts.status == 426 && !given.upgrade {
                return Err(WriteError::UpgradeMissing);
            }
            if let Some(date) = parts.date.filter(|_| !given.date) {
                write::value("date", date, out)?;
            }
            announced.write(out);
            given.write_connection(close, self.request.is_http10 && !close, out);
            out.extend_from_slice(b"\r\n");
            Ok(())
        })?;
        self.enter(Passed::Response, next);
        self.request.reusable = !close && !given.fields.close;
        self.outgoing = outgoing;
        Ok(())
    }

    /// Writes a whole answer. See [`Self::respond`].
    ///
    /// # Errors
    /// Those of [`Self::respond`].
    pub fn respond_whole<'h>(
        &mut self,
        status: u16,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        date: Option<&[u8]>,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let size =
            if body.is_empty() { BodySize::Empty } else { BodySize::Known(body.len() as u64) };
        self.respond(&ResponseParts { status, body: size, date }, headers, out)?;
        self.send_data(body, out)?;
        self.finish(NO_HEADERS, out)
    }

    /// Gives the connection to the protocol that the client asked for (WIRE H17). The headers must
    /// name it by `upgrade`.
    ///
    /// # Errors
    /// The client has not asked, its request is not complete or is answered, or a bad header.
    pub fn switch<'h>(
        &mut self,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let next = self.state.after(Passed::Switch).filter(|_| self.request.asks_to_switch);
        let next = next.ok_or(WriteError::OutOfTurn)?;
        undone_on_error(out, |out| {
            write_status(101, out);
            let mut given = Given::default();
            given.write(headers, out)?;
            if !given.upgrade {
                return Err(WriteError::UpgradeMissing);
            }
            given.write_connection(false, false, out);
            out.extend_from_slice(b"\r\n");
            Ok(())
        })?;
        self.enter(Passed::Switch, next);
        Ok(())
    }

    /// Whether data of the answer's body will be sent: not behind an answer to HEAD, nor behind
    /// those that have no body. Then data given is thrown away and need not be produced.
    #[must_use]
    pub fn sends_body(&self) -> bool {
        self.is_answering() && self.outgoing.sends()
    }

    /// Writes a piece of the answer's body.
    ///
    /// # Errors
    /// No answer has begun, or it announced less.
    pub fn send_data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), WriteError> {
        let next = self.state.after(Passed::ResponseData).ok_or(WriteError::OutOfTurn)?;
        self.outgoing.data(data, out)?;
        self.enter(Passed::ResponseData, next);
        Ok(())
    }

    /// Ends the answer. Trailers are written where the body is chunked, else left out.
    ///
    /// # Errors
    /// No answer has begun, or a bad trailer. Data is missing: then the answer is broken, and
    /// [`Self::next`] is [`Next::Close`].
    pub fn finish<'h>(
        &mut self,
        trailers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let next = self.state.after(Passed::ResponseEnd).ok_or(WriteError::OutOfTurn)?;
        let finished = self.outgoing.finish(trailers, out);
        match finished {
            Ok(()) => self.enter(Passed::ResponseEnd, next),
            Err(WriteError::BodyTooShort { .. }) => self.pass(Passed::ResponseCut),
            Err(_) => {}
        }
        finished
    }

    /// Writes an empty answer that closes the connection, unless one has begun: for a
    /// [`ReadError::status`], a deadline (408), a server that is full (503). What the client sends
    /// is not read any more. Returns whether something was written.
    pub fn refuse(&mut self, status: u16, date: Option<&[u8]>, out: &mut Vec<u8>) -> bool {
        if self.state.after(Passed::RequestCut).is_some() {
            self.pass(Passed::RequestCut);
        }
        self.is_last = true;
        self.respond_whole(status, NO_HEADERS, date, b"", out).is_ok()
    }

    fn body(&self, parts: &ResponseParts<'_>) -> (Announced, Outgoing) {
        let without_content = self.request.is_head || !has_content(parts.status);
        match (parts.status, parts.body) {
            (204, _) => (Announced::Nothing, Outgoing::NOTHING),
            (205, _) => (Announced::Length(0), Outgoing::NOTHING),
            (_, BodySize::Known(length)) if without_content => {
                (Announced::Length(length), Outgoing::NOTHING)
            }
            (_, _) if without_content => (Announced::Nothing, Outgoing::NOTHING),
            (_, BodySize::Empty) => (Announced::Length(0), Outgoing::known(0)),
            (_, BodySize::Known(length)) => (Announced::Length(length), Outgoing::known(length)),
            (_, BodySize::Unknown) if self.request.is_http10 => {
                (Announced::Nothing, Outgoing::UNTIL_CLOSE)
            }
            (_, BodySize::Unknown) => (Announced::Chunked, Outgoing::CHUNKED),
        }
    }
}

/// What a head says about the length of its body.
#[derive(Clone, Copy)]
enum Announced {
    Nothing,
    Length(u64),
    Chunked,
}

impl Announced {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Nothing => {}
            Self::Length(length) => write::content_length(length, out),
            Self::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        }
    }
}

fn write_status(status: u16, out: &mut Vec<u8>) {
    if status == 200 {
        return out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    write::decimal(u64::from(status), out);
    out.push(b' ');
    out.extend_from_slice(reason::reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}
