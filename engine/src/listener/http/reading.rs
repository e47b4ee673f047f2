//! From bytes to calls of the application.

use std::rc::Rc;

use bytes::Bytes;
use skyring_protocols::http1::server::{Event, Server};
use skyring_protocols::http1::{ReadError, Reading, Received, RequestHead};

use super::{BEGUN_BYTES_MAX, Phase, UNKNOWN};
use crate::http::{BodyError, Pipe, Request, RequestBody};
use crate::mutation::{self, Mutation};
use crate::shard::connections::Role;
use crate::shard::core::Core;
use crate::shard::counters::Counter;

/// A request whose handler has not been called: what has come of its body is collected first, so
/// that a small one is there at once.
struct Begun {
    head: Box<RequestHead>,
    body: Vec<u8>,
}

impl Core {
    /// Takes input, until reading pauses or more is needed.
    pub(crate) fn on_http_bytes(&mut self, slot: u32, bytes: &[u8]) {
        let mut joined = self.connections.take_remainder(slot);
        if bytes.is_empty() && mutation::active(Mutation::LoseRequests) {
            joined.clear();
        }
        let mut input = bytes;
        if !joined.is_empty() {
            joined.extend_from_slice(bytes);
            input = &joined;
        }
        let rest = self.read_http(slot, input);
        self.keep_rest(slot, rest, bytes, joined);
        if self.connections.at(slot).web.is_some() {
            return self.on_web_bytes(slot, &[]);
        }
        self.settle_http(slot);
    }

    /// Reads requests and has them answered; how many bytes at the end were not read.
    fn read_http(&mut self, slot: u32, mut input: &[u8]) -> usize {
        let mut begun: Option<Begun> = None;
        while let Some(received) = self.receive_http(slot, input) {
            input = &input[received.consumed..];
            match received.event {
                Some(Event::Request(head)) => begun = self.begin_exchange(slot, head),
                Some(Event::Data(data)) => begun = self.take_data(slot, begun, data),
                Some(Event::End(_)) => self.end_body(slot, begun.take()),
                None if received.consumed > 0 && !input.is_empty() => {} // Empty lines.
                None => break,
            }
        }
        if let Some(begun) = begun {
            self.ask_with_pipe(slot, begun);
        }
        self.wait_if_busy(slot, input.len());
        input.len()
    }

    /// The machine's next event; None: nothing may be read.
    fn receive_http<'i>(&mut self, slot: u32, input: &'i [u8]) -> Option<Received<Event<'i>>> {
        let connection = self.connections.at_mut(slot);
        let limits = &self.listeners[usize::from(connection.listener.0)].http;
        let Role::Http(http) = &mut connection.role else { return None };
        if connection.paused || http.pipe.as_ref().is_some_and(|pipe| pipe.is_full()) {
            return None;
        }
        match http.machine.receive(input, limits) {
            Ok(received) => Some(received),
            Err(error) => {
                if mutation::active(Mutation::ReadOnRefused) {
                    http.machine = Server::new();
                    let end = input.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
                    return Some(Received { consumed: end + 4, event: None });
                }
                self.on_http_error(slot, error);
                None
            }
        }
    }

    /// A head: its handler is called at once if no body follows.
    fn begin_exchange(&mut self, slot: u32, head: Box<RequestHead>) -> Option<Begun> {
        self.count(Counter::HttpRequests);
        self.vouch(slot);
        if !head.has_body() {
            self.ask(slot, head, RequestBody::whole(Bytes::new()), None);
            return None;
        }
        let http = self.http(slot)?;
        http.body_left_bytes = head.content_length().unwrap_or(UNKNOWN);
        Some(Begun { head, body: Vec::new() })
    }

    /// A piece of a body: collected, or on its way to the handler.
    fn take_data(&mut self, slot: u32, begun: Option<Begun>, data: &[u8]) -> Option<Begun> {
        self.counters.add(Counter::HttpBodyBytesReceived, data.len() as u64);
        let http = self.http(slot)?;
        let left = http.body_left_bytes;
        if left != UNKNOWN {
            http.body_left_bytes = left.saturating_sub(data.len() as u64);
        }
        let Some(mut begun) = begun else {
            if let Some(pipe) = &http.pipe {
                pipe.push(data);
            }
            if http.is_answered() && left < data.len() as u64 {
                self.finish(slot, Counter::ClosedByServer);
            }
            return None;
        };
        begun.body.extend_from_slice(data);
        if begun.body.len() < BEGUN_BYTES_MAX {
            return Some(begun);
        }
        self.ask_with_pipe(slot, begun);
        None
    }

    /// The end of a body, after which its handler runs at the latest.
    fn end_body(&mut self, slot: u32, begun: Option<Begun>) {
        if let Some(begun) = begun {
            let body = RequestBody::whole(Bytes::from(begun.body));
            return self.ask(slot, begun.head, body, None);
        }
        let Some(http) = self.http(slot) else { return };
        if let Some(pipe) = http.pipe.take() {
            pipe.complete();
        }
        if http.is_answered() {
            // It was answered before: this was the rest.
            self.end_exchange(slot);
        }
    }

    fn ask_with_pipe(&mut self, slot: u32, begun: Begun) {
        let expected = begun.head.expects_continue() && begun.body.is_empty();
        let pipe = Pipe::new(&self.side, self.connections.token(slot), expected);
        let body = RequestBody::begun(Bytes::from(begun.body), Rc::clone(&pipe));
        self.ask(slot, begun.head, body, Some(pipe));
    }

    /// Calls the application, and answers if it does at once.
    fn ask(
        &mut self,
        slot: u32,
        head: Box<RequestHead>,
        body: RequestBody,
        pipe: Option<Rc<Pipe>>,
    ) {
        let token = self.connections.token(slot);
        let connection = self.connections.at(slot);
        let (at, peer) = (connection.listener, connection.peer());
        let Some(http) = self.http(slot) else { return };
        http.is_asked = true;
        http.pipe = pipe;
        let request = Request::new(head, peer, body, Rc::clone(&self.listener(at).terms));
        match self.dispatch.http(token, request) {
            Some(answer) => self.answer_http(slot, answer),
            None => self.count(Counter::HandlerWaited),
        }
    }

    /// Stops reading where nothing more can be taken: input is kept, and no more of it is fetched.
    fn wait_if_busy(&mut self, slot: u32, rest_bytes: usize) {
        let Some(http) = self.http(slot) else { return };
        let full = http.pipe.as_ref().is_some_and(|pipe| pipe.is_full());
        if full || (rest_bytes > 0 && http.machine.reading() == Reading::Done) {
            self.pause(slot);
        }
    }

    /// The peer broke the protocol or passed a limit.
    fn on_http_error(&mut self, slot: u32, error: ReadError) {
        let status = error.status();
        self.count(match status {
            413 | 414 | 431 => Counter::HttpRefusedTooLarge,
            417 | 501 | 505 => Counter::HttpRefusedUnsupported,
            _ => Counter::HttpRefusedMalformed,
        });
        let told = if status == 413 { BodyError::TooLong } else { BodyError::Malformed };
        self.refuse_http(slot, status, told, Counter::ClosedProtocol);
    }

    /// Answers with a bare status, if no answer has begun, and ends the connection.
    pub(super) fn refuse_http(&mut self, slot: u32, status: u16, told: BodyError, reason: Counter) {
        let date = self.date.text(self.now_ms);
        let (role, output) = self.connections.role_and_output(slot);
        let Role::Http(http) = role else { return };
        if let Some(pipe) = &http.pipe {
            pipe.fail(told);
        }
        if http.machine.refuse(status, Some(date), output) {
            self.count_http_answer(status);
        }
        self.finish(slot, reason);
    }

    /// Sets the deadline of the phase that the connection is in by now.
    pub(crate) fn settle_http(&mut self, slot: u32) {
        let connection = self.connections.at(slot);
        let (has_input, paused) = (connection.has_remainder(), connection.paused);
        let Some(http) = self.http(slot) else { return };
        let phase = match http.machine.reading() {
            // The peer does not take its answers: that has a deadline of its own.
            Reading::Head if paused => Phase::Answer,
            Reading::Head if has_input => Phase::Head,
            // After accept the first head is awaited, whatever empty lines come.
            Reading::Head if http.phase == Phase::Head => Phase::Head,
            Reading::Head => Phase::Idle,
            Reading::Body if paused || http.machine.awaits_continue() => Phase::Held,
            Reading::Body => Phase::Body,
            _ => Phase::Answer,
        };
        self.enter_http_phase(slot, phase);
    }
}
