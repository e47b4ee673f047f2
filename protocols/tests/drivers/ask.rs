//! A client half that has sent requests and is given what comes back in pieces.

use skyring_protocols::http1::client::{Event, RequestParts};
use skyring_protocols::http1::{BodySize, Client, Limits, NO_HEADERS, Next, ResponseHead};

use crate::message::{End, Field, Message, Outcome};
use crate::serve::fields;

/// What a client reads from the pieces, having asked with these methods one after another, and then
/// from the end of the connection if it `ended`. Panics where the machine breaks a promise.
pub(crate) fn ask(methods: &[&str], pieces: &[Vec<u8>], limits: Limits, ended: bool) -> Outcome {
    let mut run = Run { limits, ..Run::default() };
    run.methods = methods.iter().rev().map(|&method| method.to_owned()).collect();
    run.ask();
    for piece in pieces {
        run.input.extend_from_slice(piece);
        if run.receive().is_none() {
            return run.outcome;
        }
    }
    run.end(ended);
    run.outcome
}

#[derive(Default)]
struct Run {
    client: Client,
    limits: Limits,
    input: Vec<u8>,
    /// Methods not yet sent, the next one last.
    methods: Vec<String>,
    interim: usize,
    is_asked: bool,
    outcome: Outcome,
}

/// An event without what it borrows.
enum Owned {
    Interim,
    Response(Message, bool),
    Data(Vec<u8>),
    End(Vec<Field>),
}

impl Run {
    /// Sends the next request, if there is one.
    fn ask(&mut self) {
        let Some(method) = self.methods.pop() else { return };
        let method = method.as_str();
        let parts = RequestParts { method, target: "/", host: "a", body: BodySize::Empty };
        self.client.request(&parts, NO_HEADERS, &mut Vec::new()).unwrap();
        self.is_asked = true;
    }

    /// Takes all that may be taken. None when nothing more is read.
    fn receive(&mut self) -> Option<()> {
        loop {
            let Ok(received) = self.client.receive(&self.input, &self.limits) else {
                self.outcome.end = End::Bad;
                let after = self.client.receive(&[], &self.limits).unwrap();
                assert_eq!((after.consumed, after.event), (0, None));
                assert_ne!(self.client.next(), Next::Reuse, "what is broken is not used again");
                return None;
            };
            let (consumed, event) = (received.consumed, received.event.map(owned));
            assert!(consumed <= self.input.len(), "{consumed} bytes were taken");
            self.input.drain(..consumed);
            let Some(event) = event else { return Some(()) };
            match event {
                Owned::Interim => self.interim += 1,
                Owned::Response(mut message, has_body) => {
                    message.interim = std::mem::take(&mut self.interim);
                    self.outcome.partial = Some(message);
                    if !has_body {
                        self.complete();
                    }
                }
                Owned::Data(data) => self.partial().body.extend(data),
                Owned::End(trailers) => {
                    self.partial().trailers = trailers;
                    self.complete();
                }
            }
            if self.outcome.end == End::Closed {
                return None;
            }
        }
    }

    fn partial(&mut self) -> &mut Message {
        self.outcome.partial.as_mut().expect("a body belongs to a response")
    }

    fn complete(&mut self) {
        let mut message = self.outcome.partial.take().unwrap();
        message.last = self.client.next() == Next::Close;
        if message.last {
            self.outcome.end = End::Closed;
        } else {
            assert_eq!(self.client.next(), Next::Reuse);
            self.client.next_exchange();
            self.is_asked = false;
            self.ask();
        }
        self.outcome.messages.push(message);
    }

    /// The input is over, and the connection if it `ended`.
    fn end(&mut self, ended: bool) {
        self.outcome.end = if self.is_asked { End::Incomplete } else { End::Idle };
        if !ended {
            return;
        }
        match self.client.receive_end() {
            Ok(true) => self.complete(),
            Ok(false) => assert!(!self.is_asked, "an answer is missing"),
            Err(_) => self.outcome.end = End::Bad,
        }
    }
}

fn owned(event: Event<'_>) -> Owned {
    match event {
        Event::Informational(_) => Owned::Interim,
        Event::Response(head) => Owned::Response(response(&head), head.has_body()),
        Event::Data(data) => Owned::Data(data.to_vec()),
        Event::End(trailers) => Owned::End(fields(&trailers)),
    }
}

fn response(head: &ResponseHead) -> Message {
    let mut start = head.status().to_string();
    if !head.reason().is_empty() {
        start = format!("{start} {}", head.reason());
    }
    Message { start: start.into_bytes(), fields: fields(head.headers()), ..Message::default() }
}
