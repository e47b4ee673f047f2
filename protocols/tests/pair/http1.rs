//! Both halves of HTTP against each other (WIRE H1, H10, H14, H15): exchanges one after the other
//! on one connection, whole, byte by byte and in random pieces.

use proptest::prelude::*;
use skyring_protocols::http1::client::{self, Client, RequestParts};
use skyring_protocols::http1::server::{self, ResponseParts, Server};
use skyring_protocols::http1::{BodySize, Limits, Next, ReadError, Reading, imf_fixdate};

/// More rounds than an exchange needs to and fro, byte by byte included.
const ROUNDS_MAX: usize = 10;

/// Cuts what one side wrote into the pieces in which the other side gets it.
type Cut<'a> = &'a mut dyn FnMut(&[u8]) -> Vec<Vec<u8>>;

type Lines = Vec<(String, Vec<u8>)>;

/// A message, without its start line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    headers: Lines,
    pieces: Vec<Vec<u8>>,
    is_chunked: bool,
    trailers: Lines,
}

impl Message {
    fn size(&self) -> BodySize {
        match self.body().len() {
            _ if self.is_chunked => BodySize::Unknown,
            0 => BodySize::Empty,
            length => BodySize::Known(length as u64),
        }
    }

    fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    /// As the reader has to see it: without a body there is neither that nor a trailer.
    fn seen(&self, has_body: bool) -> Seen {
        let trailers = if self.is_chunked && has_body { self.trailers.clone() } else { vec![] };
        Seen {
            headers: self.headers.clone(),
            body: if has_body { self.body() } else { vec![] },
            trailers,
        }
    }
}

#[derive(Clone, Debug)]
struct Exchange {
    method: String,
    target: String,
    request: Message,
    status: u16,
    response: Message,
    waits: bool,
}

impl Exchange {
    /// Whether the server will wait for no body when it answers.
    fn response_has_body(&self) -> bool {
        self.method != "HEAD" && !matches!(self.status, 204 | 205 | 304)
    }
}

/// A message as its reader saw it: only the caller's headers, which begin with `x-`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    headers: Lines,
    body: Vec<u8>,
    trailers: Lines,
}

fn lines<'h>(headers: impl Iterator<Item = (&'h str, &'h [u8])>) -> Lines {
    let own = headers.filter(|(name, _)| name.starts_with("x-"));
    own.map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

fn borrowed(lines: &Lines) -> impl Iterator<Item = (&str, &[u8])> {
    lines.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
}

/// A client and a server, and what was not consumed of the bytes between them.
#[derive(Default)]
struct Pair {
    client: Client,
    server: Server,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    limits: Limits,
    request: Seen,
    response: Seen,
    method: String,
    status: u16,
    ends: [usize; 2],
}

impl Pair {
    fn exchange(&mut self, exchange: &Exchange, cut: Cut<'_>) {
        (self.request, self.response, self.ends) = Default::default();
        let mut out = Vec::new();
        let Exchange { method, target, request, .. } = exchange;
        let parts = RequestParts { method, target, host: "a:1", body: request.size() };
        let mut headers = request.headers.clone();
        if exchange.waits {
            headers.push(("expect".to_owned(), b"100-continue".to_vec()));
        }
        self.client.request(&parts, borrowed(&headers), &mut out).unwrap();
        let mut body_is_sent = request.size() == BodySize::Empty;
        for _ in 0..ROUNDS_MAX {
            if !body_is_sent && !self.client.awaits_continue() {
                self.send_body(request, &mut out);
                body_is_sent = true;
            }
            let mut back = Vec::new();
            for piece in cut(&std::mem::take(&mut out)) {
                self.to_server.extend(piece);
                self.serve(exchange, &mut back);
            }
            for piece in cut(&back) {
                self.to_client.extend(piece);
                self.read();
            }
            if self.client.reading() == Reading::Done {
                return;
            }
        }
        panic!("the exchange did not end in {ROUNDS_MAX} rounds");
    }

    fn send_body(&mut self, request: &Message, out: &mut Vec<u8>) {
        for piece in &request.pieces {
            self.client.send_data(piece, out).unwrap();
        }
        self.client.finish(borrowed(&request.trailers), out).unwrap();
    }

    fn serve(&mut self, exchange: &Exchange, out: &mut Vec<u8>) {
        loop {
            let received = self.server.receive(&self.to_server, &self.limits).unwrap();
            let Some(event) = received.event else {
                self.to_server.drain(..received.consumed);
                return;
            };
            match event {
                server::Event::Request(head) => {
                    self.method = head.method().to_owned();
                    assert_eq!((head.target(), head.host()), (exchange.target.as_str(), "a:1"));
                    assert_eq!(head.has_body(), exchange.request.size() != BodySize::Empty);
                    self.request.headers = lines(head.headers().iter());
                    self.server.send_continue(out);
                }
                server::Event::Data(data) => self.request.body.extend(data),
                server::Event::End(trailers) => {
                    self.request.trailers = lines(trailers.iter());
                    self.ends[0] += 1;
                }
            }
            self.to_server.drain(..received.consumed);
            if self.server.reading() == Reading::Done {
                self.answer(exchange, out);
            }
        }
    }

    fn answer(&mut self, exchange: &Exchange, out: &mut Vec<u8>) {
        let Exchange { status, response, .. } = exchange;
        let date = imf_fixdate(0);
        let parts = ResponseParts { status: *status, body: response.size(), date: Some(&date) };
        self.server.respond(&parts, borrowed(&response.headers), out).unwrap();
        for piece in &response.pieces {
            self.server.send_data(piece, out).unwrap();
        }
        self.server.finish(borrowed(&response.trailers), out).unwrap();
        assert_eq!(self.server.next(), Next::Reuse);
        self.server.next_exchange();
        assert!(self.server.is_between_exchanges());
    }

    fn read(&mut self) {
        loop {
            let received = self.client.receive(&self.to_client, &self.limits).unwrap();
            match received.event {
                Some(client::Event::Response(head)) => {
                    self.status = head.status();
                    assert_eq!(head.headers().get("DATE"), Some(&imf_fixdate(0)[..]));
                    self.response.headers = lines(head.headers().iter());
                }
                Some(client::Event::Informational(head)) => assert_eq!(head.status(), 100),
                Some(client::Event::Data(data)) => self.response.body.extend(data),
                Some(client::Event::End(trailers)) => {
                    self.response.trailers = lines(trailers.iter());
                    self.ends[1] += 1;
                }
                None => {
                    self.to_client.drain(..received.consumed);
                    return;
                }
            }
            self.to_client.drain(..received.consumed);
        }
    }

    fn check(&mut self, exchange: &Exchange) {
        assert_eq!((&self.method, self.status), (&exchange.method, exchange.status));
        assert_eq!(self.request, exchange.request.seen(true));
        assert_eq!(self.response, exchange.response.seen(exchange.response_has_body()));
        assert_eq!(self.ends[0], usize::from(exchange.request.size() != BodySize::Empty));
        let has_body = exchange.response_has_body() && exchange.response.size() != BodySize::Empty;
        assert_eq!(self.ends[1], usize::from(has_body));
        assert!(self.to_client.is_empty() && self.to_server.is_empty());
        assert_eq!(self.client.next(), Next::Reuse);
        self.client.next_exchange();
    }

    fn run(exchanges: &[Exchange], cut: Cut<'_>) {
        let mut pair = Self::default();
        for exchange in exchanges {
            pair.exchange(exchange, cut);
            pair.check(exchange);
        }
        assert_eq!(pair.client.receive_end(), Ok(false));
        assert_eq!(pair.server.receive_end(), Ok(()));
    }
}

fn whole(bytes: &[u8]) -> Vec<Vec<u8>> {
    vec![bytes.to_vec()]
}

fn byte_by_byte(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.iter().map(|&byte| vec![byte]).collect()
}

/// Cuts after as many bytes as the lengths say, one after the other and over again.
fn pieces(lengths: Vec<usize>) -> impl FnMut(&[u8]) -> Vec<Vec<u8>> {
    let mut lengths = lengths.into_iter().cycle();
    move |mut bytes| {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(lengths.next().unwrap().min(bytes.len()));
            pieces.push(piece.to_vec());
            bytes = rest;
        }
        pieces
    }
}

fn header_lines(count: std::ops::Range<usize>) -> impl Strategy<Value = Lines> {
    let value = "([!-~]([ -~\t]{0,20}[!-~])?)?".prop_map(String::into_bytes);
    prop::collection::vec(("x-[a-z0-9-]{1,12}", value), count)
}

fn message() -> impl Strategy<Value = Message> {
    let pieces = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5);
    (header_lines(0..40), pieces, any::<bool>(), header_lines(0..4)).prop_map(
        |(headers, pieces, is_chunked, trailers)| Message { headers, pieces, is_chunked, trailers },
    )
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "M-SEARCH", "x"]);
    let status = prop::sample::select(vec![200, 201, 204, 205, 206, 299, 304, 404, 500, 999]);
    (method, "/[!-\"$-~]{0,30}", message(), status, message(), any::<bool>()).prop_map(
        |(method, target, request, status, response, waits)| Exchange {
            method: method.to_owned(),
            target,
            request,
            status,
            response,
            waits,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn exchanges_arrive_whole(exchanges in prop::collection::vec(exchange(), 1..4)) {
        Pair::run(&exchanges, &mut whole);
    }

    #[test]
    fn exchanges_arrive_in_pieces(
        exchanges in prop::collection::vec(exchange(), 1..4),
        lengths in prop::collection::vec(1usize..60, 1..10),
    ) {
        Pair::run(&exchanges, &mut pieces(lengths));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn exchanges_arrive_byte_by_byte(exchanges in prop::collection::vec(exchange(), 1..4)) {
        Pair::run(&exchanges, &mut byte_by_byte);
    }
}

fn simple(method: &str, status: u16, body: &[u8]) -> Exchange {
    let empty = Message { headers: vec![], pieces: vec![], is_chunked: false, trailers: vec![] };
    Exchange {
        method: method.to_owned(),
        target: "/".to_owned(),
        request: empty.clone(),
        status,
        response: Message { pieces: vec![body.to_vec()], ..empty },
        waits: false,
    }
}

/// WIRE H26: a body that lasts until the close is complete then, and one with a length is not.
#[test]
fn an_end_is_told_from_a_cut() {
    let answer = |status_line: &str| {
        let mut pair = Pair::default();
        let mut out = Vec::new();
        let parts = RequestParts { method: "GET", target: "/", host: "a", body: BodySize::Empty };
        pair.client.request(&parts, [], &mut out).unwrap();
        pair.to_client.extend(status_line.as_bytes());
        pair.read();
        let end = pair.client.receive_end();
        (end, pair.client.next(), pair.response.body)
    };
    let (next, body) = (Next::Close, b"abc".to_vec());
    let until_close = answer("HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nabc");
    assert_eq!(until_close, (Ok(true), next, body.clone()));
    let date = "date: Thu, 01 Jan 1970 00:00:00 GMT";
    let length = answer(&format!("HTTP/1.1 200 OK\r\n{date}\r\ncontent-length: 4\r\n\r\nabc"));
    assert_eq!(length, (Err(ReadError::CutBody), next, body.clone()));
    let chunks = answer(&format!(
        "HTTP/1.1 200 OK\r\n{date}\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"
    ));
    assert_eq!(chunks, (Err(ReadError::CutBody), next, body));
    assert_eq!(answer("HTTP/1.1 200 OK\r\n"), (Err(ReadError::CutHead), next, vec![]));
    assert_eq!(answer(""), (Err(ReadError::NoResponse), next, vec![]));
}

/// WIRE H13: the reader must know what was asked, or it would wait for a body.
#[test]
fn an_answer_to_head_has_the_length_and_no_body() {
    let mut pair = Pair::default();
    let exchange = simple("HEAD", 200, b"abc");
    pair.exchange(&exchange, &mut whole);
    pair.check(&exchange);
    let exchange = simple("GET", 200, b"abc");
    pair.exchange(&exchange, &mut whole);
    pair.check(&exchange);
}
