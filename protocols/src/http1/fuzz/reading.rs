//! One half and bytes from nobody. However they are cut, the same is read and the same is refused,
//! nothing is taken that is not there, and what is read keeps the limits.

use crate::fuzz::draw::Draw;
use crate::http1::client::{self, RequestParts};
use crate::http1::server::{self, ResponseParts};
use crate::http1::{
    BodySize, Client, Headers, Limits, NO_HEADERS, Next, ReadError, RequestHead, ResponseHead,
    Server,
};

/// What a half made of the front of its input.
enum Step {
    Request(Box<RequestHead>),
    Response(ResponseHead),
    Data(Vec<u8>),
    End(Headers),
}

/// A half that is driven through messages.
trait Half {
    /// What is at the front of the input, and how many bytes of it were taken.
    fn receive(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<(usize, Option<Step>), ReadError>;

    /// A message is complete. Whether another may follow.
    fn complete(&mut self) -> bool;

    /// The input was refused.
    fn check_refusal(&mut self, input: &[u8], limits: &Limits, error: ReadError);

    /// The connection ends. Whether that is the end of a body.
    fn end(&mut self) -> Result<bool, ReadError>;
}

/// What was read from some bytes.
#[derive(Debug, Default, PartialEq)]
struct Read {
    requests: Vec<RequestHead>,
    responses: Vec<ResponseHead>,
    /// Bodies and trailers that were whole.
    bodies: Vec<(Vec<u8>, Headers)>,
    refused: Option<ReadError>,
}

/// Narrow or usual limits.
fn limits(draw: &mut Draw<'_>) -> Limits {
    if draw.flag() {
        return Limits::default();
    }
    Limits {
        line_bytes_max: 8 + draw.below(64),
        head_bytes_max: 16 + draw.below(128),
        header_count_max: draw.below(8),
        body_bytes_max: draw.byte().into(),
        chunk_line_bytes_max: 1 + draw.below(24),
        trailer_bytes_max: 2 + draw.below(64),
    }
}

/// The bytes as a whole, one by one, and in pieces of up to so many.
fn cuts(input: &[u8], piece_bytes: usize) -> [Vec<&[u8]>; 3] {
    [vec![input], input.chunks(1).collect(), input.chunks(piece_bytes).collect()]
}

fn same_however_cut(input: &[u8], piece_bytes: usize, read: impl Fn(&[&[u8]]) -> Read) {
    let [whole, bytewise, pieces] = cuts(input, piece_bytes).map(|cut| read(&cut));
    assert_eq!(whole, bytewise);
    assert_eq!(whole, pieces);
}

/// Requests, one behind the other, each answered when it is complete.
pub fn request_head(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (limits, piece_bytes) = (limits(&mut draw), 2 + draw.below(30));
    same_however_cut(draw.all(), piece_bytes, |cut| read_all(cut, &limits, Answering::default()));
}

/// Chunks behind the head of a request.
pub fn chunked(data: &[u8]) {
    const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut draw = Draw::new(data);
    let mut limits = limits(&mut draw);
    limits.head_bytes_max += HEAD.len();
    limits.line_bytes_max += HEAD.len();
    limits.header_count_max += 2;
    let piece_bytes = 2 + draw.below(30);
    let input = [HEAD, draw.all()].concat();
    same_however_cut(&input, piece_bytes, |cut| read_all(cut, &limits, Answering::default()));
}

/// Responses to a few requests, and the end of the connection.
pub fn response_head(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (limits, piece_bytes) = (limits(&mut draw), 2 + draw.below(30));
    let is_head = draw.flag();
    same_however_cut(draw.all(), piece_bytes, |cut| read_all(cut, &limits, Asking::new(is_head)));
}

fn read_all(cut: &[&[u8]], limits: &Limits, mut half: impl Half) -> Read {
    let mut read = Read::default();
    let (mut kept, mut body) = (Vec::new(), Vec::new());
    for piece in cut {
        kept.extend_from_slice(piece);
        loop {
            let (consumed, step) = match half.receive(&kept, limits) {
                Ok(received) => received,
                Err(error) => {
                    half.check_refusal(&kept, limits, error);
                    return Read { refused: Some(error), ..read };
                }
            };
            assert!(consumed <= kept.len());
            kept.drain(..consumed);
            let Some(step) = step else { break };
            if read.on_step(step, consumed, limits, &mut body) && !half.complete() {
                return read;
            }
        }
    }
    match half.end() {
        Ok(true) => read.bodies.push((body, Headers::default())),
        Ok(false) => {}
        Err(error) => read.refused = Some(error),
    }
    read
}

impl Read {
    /// Takes note of what was read, and checks it. Whether a message is complete.
    fn on_step(
        &mut self,
        step: Step,
        consumed: usize,
        limits: &Limits,
        body: &mut Vec<u8>,
    ) -> bool {
        match step {
            Step::Request(head) => {
                check_head(consumed, head.headers(), limits);
                let is_complete = !head.has_body();
                self.requests.push(*head);
                is_complete
            }
            Step::Response(head) => {
                check_head(consumed, head.headers(), limits);
                let is_interim = head.status() < 200 && head.status() != 101;
                let is_complete = !head.has_body() && !is_interim;
                self.responses.push(head);
                is_complete
            }
            Step::Data(data) => {
                assert!(!data.is_empty(), "a piece of nothing");
                body.extend_from_slice(&data);
                assert!(body.len() as u64 <= limits.body_bytes_max);
                false
            }
            Step::End(trailers) => {
                assert!(trailers.len() <= limits.header_count_max);
                self.bodies.push((std::mem::take(body), trailers));
                true
            }
        }
    }
}

fn check_head(consumed: usize, headers: &Headers, limits: &Limits) {
    // Empty lines before a request are no part of its head.
    const EMPTY_LINES: usize = 8;
    assert!(consumed <= limits.head_bytes_max + EMPTY_LINES, "{consumed} bytes of head");
    assert!(headers.len() <= limits.header_count_max);
    for (name, value) in headers.iter() {
        assert!(name.len() + value.len() < limits.line_bytes_max);
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(!value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')));
    }
}

/// A server that answers every request with nothing.
#[derive(Default)]
struct Answering {
    server: Server,
    out: Vec<u8>,
}

impl Half for Answering {
    fn receive(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<(usize, Option<Step>), ReadError> {
        let received = self.server.receive(input, limits)?;
        let step = received.event.map(|event| match event {
            server::Event::Request(head) => Step::Request(head),
            server::Event::Data(data) => Step::Data(data.to_vec()),
            server::Event::End(trailers) => Step::End(trailers),
        });
        Ok((received.consumed, step))
    }

    fn complete(&mut self) -> bool {
        let (server, out) = (&mut self.server, &mut self.out);
        let parts = ResponseParts { status: 200, body: BodySize::Empty, date: None };
        server.respond(&parts, NO_HEADERS, out).expect("an answer is due");
        server.finish(NO_HEADERS, out).expect("an answer has begun");
        let next = server.next();
        assert!(matches!(next, Next::Reuse | Next::Close), "{next:?}");
        server.next_exchange();
        next == Next::Reuse
    }

    /// What was refused is answered once, and nothing more is read.
    fn check_refusal(&mut self, input: &[u8], limits: &Limits, error: ReadError) {
        let (server, out) = (&mut self.server, &mut self.out);
        assert!(server.refuse(error.status(), None, out));
        assert!(!server.refuse(error.status(), None, out));
        assert_eq!(server.next(), Next::Close);
        let after = server.receive(input, limits).expect("nothing is read");
        assert!(after.consumed == 0 && after.event.is_none());
    }

    fn end(&mut self) -> Result<bool, ReadError> {
        self.server.receive_end().map(|()| false)
    }
}

/// A client that asks the same again and again.
struct Asking {
    client: Client,
    method: &'static str,
}

impl Asking {
    fn new(is_head: bool) -> Self {
        let mut asking =
            Self { client: Client::new(), method: if is_head { "HEAD" } else { "GET" } };
        asking.ask();
        asking
    }

    fn ask(&mut self) {
        let method = self.method;
        let parts = RequestParts { method, target: "/", host: "a", body: BodySize::Empty };
        let asked = self.client.request(&parts, NO_HEADERS, &mut Vec::new());
        asked.expect("no request is under way");
    }
}

impl Half for Asking {
    fn receive(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<(usize, Option<Step>), ReadError> {
        let received = self.client.receive(input, limits)?;
        let step = received.event.map(|event| match event {
            client::Event::Informational(head) | client::Event::Response(head) => {
                Step::Response(head)
            }
            client::Event::Data(data) => Step::Data(data.to_vec()),
            client::Event::End(trailers) => Step::End(trailers),
        });
        Ok((received.consumed, step))
    }

    fn complete(&mut self) -> bool {
        if self.client.next() != Next::Reuse {
            return false;
        }
        self.client.next_exchange();
        self.ask();
        true
    }

    fn check_refusal(&mut self, _: &[u8], _: &Limits, _: ReadError) {
        assert_ne!(self.client.next(), Next::Reuse, "what is broken is not used again");
    }

    fn end(&mut self) -> Result<bool, ReadError> {
        self.client.receive_end()
    }
}
