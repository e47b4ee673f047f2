//! A server half that is given an input in pieces and answers every request with nothing.

use skyring_protocols::http1::server::{Event, ResponseParts};
use skyring_protocols::http1::{BodySize, Headers, Limits, NO_HEADERS, Next, RequestHead, Server};

use crate::message::{End, Field, Message, Outcome};

/// What a server reads from the pieces. Panics where the machine breaks a promise: takes more than
/// is there, waits with an event at hand, or says two things about where it is.
pub(crate) fn serve(pieces: &[Vec<u8>], limits: Limits) -> Outcome {
    let mut run = Run { limits, ..Run::default() };
    for piece in pieces {
        run.input.extend_from_slice(piece);
        if run.receive().is_some() {
            return run.outcome;
        }
    }
    run.end();
    run.outcome
}

#[derive(Default)]
struct Run {
    server: Server,
    limits: Limits,
    input: Vec<u8>,
    outcome: Outcome,
    out: Vec<u8>,
}

impl Run {
    /// Takes all that may be taken. Some when nothing more is read.
    fn receive(&mut self) -> Option<()> {
        loop {
            let (consumed, event) = match self.server.receive(&self.input, &self.limits) {
                Ok(received) => (received.consumed, received.event.map(Owned::of)),
                Err(error) => {
                    self.refuse(error.status());
                    return Some(());
                }
            };
            assert!(consumed <= self.input.len(), "{consumed} bytes were taken");
            self.input.drain(..consumed);
            match event? {
                Owned::Request(head) => {
                    self.outcome.partial = Some(request(&head));
                    if !head.has_body() {
                        self.answer()?;
                    }
                }
                Owned::Data(data) => self.partial().body.extend(data),
                Owned::End(trailers) => {
                    self.partial().trailers = fields(&trailers);
                    self.answer()?;
                }
            }
            if self.outcome.end == End::Closed {
                return Some(());
            }
        }
    }

    fn partial(&mut self) -> &mut Message {
        self.outcome.partial.as_mut().expect("a body belongs to a request")
    }

    fn answer(&mut self) -> Option<()> {
        let waiting = self.server.receive(&self.input, &self.limits).unwrap();
        assert_eq!((waiting.consumed, waiting.event), (0, None), "an answer is due");
        let parts = ResponseParts { status: 200, body: BodySize::Empty, date: None };
        self.server.respond(&parts, NO_HEADERS, &mut self.out).unwrap();
        self.server.finish(NO_HEADERS, &mut self.out).unwrap();
        let mut message = self.outcome.partial.take().unwrap();
        message.last = self.server.next() == Next::Close;
        if message.last {
            self.outcome.end = End::Closed;
        } else {
            assert_eq!(self.server.next(), Next::Reuse);
            self.server.next_exchange();
        }
        self.outcome.messages.push(message);
        Some(())
    }

    /// A refused request is answered, and nothing more is read.
    fn refuse(&mut self, status: u16) {
        self.outcome.end = End::Refused(status);
        let mut answer = Vec::new();
        assert!(self.server.refuse(status, None, &mut answer));
        assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()));
        assert_eq!(self.server.next(), Next::Close);
        let after = self.server.receive(&self.input, &self.limits).unwrap();
        assert_eq!((after.consumed, after.event), (0, None), "nothing is read behind a refusal");
    }

    /// The input is over.
    fn end(&mut self) {
        let is_idle = self.server.is_between_exchanges();
        let ended = self.server.receive_end();
        assert_eq!(ended.is_ok(), is_idle, "{ended:?}");
        self.outcome.end = if is_idle { End::Idle } else { End::Incomplete };
    }
}

/// An event without what it borrows.
enum Owned {
    Request(Box<RequestHead>),
    Data(Vec<u8>),
    End(Headers),
}

impl Owned {
    fn of(event: Event<'_>) -> Self {
        match event {
            Event::Request(head) => Self::Request(head),
            Event::Data(data) => Self::Data(data.to_vec()),
            Event::End(trailers) => Self::End(trailers),
        }
    }
}

fn request(head: &RequestHead) -> Message {
    Message {
        start: [head.method(), " ", head.target()].concat().into_bytes(),
        host: Some(head.host().as_bytes().to_vec()),
        fields: fields(head.headers()),
        is_continue: head.expects_continue(),
        ..Message::default()
    }
}

/// Every header line, in order.
pub(crate) fn fields(headers: &Headers) -> Vec<Field> {
    headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}
