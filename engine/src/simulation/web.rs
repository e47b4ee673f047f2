//! Visitors of the game's web site, and the site.
//!
//! A visitor sends requests one behind the other, in pieces of the seed's choosing, and knows what
//! must come back: every answer in order, once, whole. Where something broke on the way it begins
//! anew, and asks nothing twice, so a request that ran twice ran because of the server.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use skyring_protocols::http1::client::{Client, Event, RequestParts};
use skyring_protocols::http1::{BodySize, Limits, NO_HEADERS};

use super::game::Ledger;
use crate::context::Context;
use crate::driver::sim::{SimClient, SimNet, SimRandom};
use crate::http::{Request, Response};

/// Requests that one visitor makes, at most.
const REQUESTS_MAX: u32 = 40;
/// More than an answer is copied at once.
const BIG_BYTES: usize = 70_000;
/// What an answer announces and does not keep.
const SHORT_BYTES: u64 = 100;
/// Requests on one connection that are not answered, at most.
const OPEN_MAX: usize = 8;

/// Answers `/KIND/PLAYER/NUMBER`.
pub(super) async fn answer(
    context: &Context,
    ledger: &Rc<RefCell<Ledger>>,
    mut request: Request,
) -> Response {
    let path = request.path().to_owned();
    let words: Vec<&str> = path.split('/').collect();
    let [_, kind, player, number] = words[..] else { return Response::new(404) };
    ledger.borrow_mut().check(kind != "poison", || "a smuggled request ran".to_owned());
    let (player, number) = (player.parse().unwrap_or(0), number.parse().unwrap_or(0));
    let is_new = ledger.borrow_mut().visits.insert((player, number));
    ledger.borrow_mut().check(is_new, || format!("visit {player}/{number} ran twice"));
    match kind {
        "slow" => context.sleep(Duration::from_millis(u64::from(number) % 40)).await,
        "stall" => context.sleep(Duration::from_millis(300)).await,
        "read" => {
            let Ok(body) = request.body().read(usize::MAX).await else { return Response::new(400) };
            return Response::new(200).body(body);
        }
        "echo" => return Response::new(200).stream(request.into_body()),
        "pieces" => {
            let pieces = Pieces { context: context.clone(), left: number % 7, sleep: None };
            return Response::new(200).stream(pieces);
        }
        "short" => {
            let pieces = Pieces { context: context.clone(), left: 1, sleep: None };
            return Response::new(200).sized_stream(SHORT_BYTES, pieces);
        }
        "big" => return Response::new(200).body(vec![b'b'; BIG_BYTES]),
        _ => {}
    }
    Response::new(200).body(path)
}

/// A few pieces, some of which take their time.
struct Pieces {
    context: Context,
    left: u32,
    sleep: Option<crate::context::Sleep>,
}

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let pieces = &mut *self;
        if pieces.left == 0 {
            return Poll::Ready(None);
        }
        if pieces.left % 2 == 1 {
            let wait = || pieces.context.sleep(Duration::from_millis(2));
            if Pin::new(pieces.sleep.get_or_insert_with(wait)).poll(cx).is_pending() {
                return Poll::Pending;
            }
            pieces.sleep = None;
        }
        pieces.left -= 1;
        Poll::Ready(Some(Ok(Bytes::from_static(b"piece"))))
    }
}

/// What must come back.
struct Expected {
    is_head: bool,
    /// A 100 may come first.
    may_continue: bool,
    status: u16,
    body: Vec<u8>,
}

impl std::fmt::Debug for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} and {} bytes", self.status, self.body.len())
    }
}

/// One connection of a visitor.
struct Visit {
    connection: SimClient,
    /// Bytes of requests that are still to be written.
    unsent: VecDeque<u8>,
    unread: Vec<u8>,
    open: VecDeque<Expected>,
    /// Reads the answer under way, and what has come of it.
    reader: Option<Client>,
    status: u16,
    body: Vec<u8>,
    /// Nothing more will be asked here.
    is_last: bool,
}

pub(super) struct Visitor {
    number: usize,
    address: SocketAddr,
    ledger: Rc<RefCell<Ledger>>,
    visit: Option<Visit>,
    next: u32,
    /// Times that it does not read.
    deaf: u64,
    /// Answers taken.
    pub(super) answers: u64,
}

impl Visitor {
    pub(super) fn new(number: usize, address: SocketAddr, ledger: Rc<RefCell<Ledger>>) -> Visitor {
        Visitor { number, address, ledger, visit: None, next: 0, deaf: 0, answers: 0 }
    }

    /// Nothing is unanswered.
    pub(super) fn is_content(&self) -> bool {
        self.visit.as_ref().is_none_or(|visit| visit.open.is_empty())
    }

    pub(super) fn describe(&self) -> String {
        let told = self.visit.as_ref().map(|visit| {
            let connection = (visit.connection.address(), visit.connection.end());
            (connection, visit.unsent.len(), &visit.open)
        });
        format!("visitor {}, with what is unsent and unanswered: {told:?}", self.number)
    }

    pub(super) fn leave(self) {
        if let Some(visit) = self.visit {
            visit.connection.close();
        }
    }

    /// One thing, chosen by the seed. `calm`: only what leads to contentment.
    pub(super) fn act(&mut self, net: &SimNet, random: &mut SimRandom, calm: bool) {
        let Some(mut visit) = self.visit.take() else {
            if !calm && self.next < REQUESTS_MAX {
                self.visit = Some(Visit::new(net.connect(self.address)));
            }
            return;
        };
        if !calm && random.chance(600) {
            self.deaf = random.between(5, 60);
        }
        self.deaf = if calm { 0 } else { self.deaf.saturating_sub(1) };
        if self.deaf == 0 {
            self.answers += visit.read();
        }
        if visit.connection.end().is_some() {
            // Whatever has come of an answer by now is all there will be.
            self.answers += visit.read();
            if let Some(reader) = &mut visit.reader {
                let end = reader.receive_end();
                assert!(end.is_err(), "no answer ends with its connection: {end:?}");
            }
            return visit.connection.close();
        }
        if !calm {
            match random.below(60) {
                0 => return visit.connection.close(),
                1 => return visit.connection.reset(),
                2 => {
                    visit.is_last = true;
                    visit.unsent.clear();
                    visit.connection.shut_down();
                }
                3..30 => self.ask(&mut visit, random),
                _ => {}
            }
        }
        visit.write(random, calm);
        self.visit = Some(visit);
    }

    /// Adds a request to what is to be written.
    fn ask(&mut self, visit: &mut Visit, random: &mut SimRandom) {
        if visit.is_last || visit.open.len() >= OPEN_MAX || self.next >= REQUESTS_MAX {
            return;
        }
        let number = self.next;
        self.next += 1;
        debug_assert!(!self.ledger.borrow().visits.contains(&(self.number, number)));
        let kinds = ["say", "say", "slow", "read", "echo", "echo", "ignore", "pieces", "stall"];
        let kind = match random.below(100) {
            0 => "bad",
            1 => "big",
            2 | 3 => "short",
            _ => kinds[random.index(kinds.len())],
        };
        let path = format!("/{kind}/{}/{number}", self.number);
        let (request, expected) = match kind {
            "bad" => {
                visit.is_last = true;
                let status = 400;
                (
                    b"GET /\x01\r\n\r\n".to_vec(),
                    Expected { is_head: false, may_continue: false, status, body: vec![] },
                )
            }
            // It ends before its answer does.
            "short" => {
                visit.is_last = true;
                match random.chance(1 << 15) {
                    true => post(&path, kind, random),
                    false => get(&path, kind, number, false),
                }
            }
            "read" | "echo" | "ignore" => post(&path, kind, random),
            _ => get(&path, kind, number, random.chance(1 << 13)),
        };
        visit.unsent.extend(request);
        visit.open.push_back(expected);
    }
}

fn get(path: &str, kind: &str, number: u32, is_head: bool) -> (Vec<u8>, Expected) {
    let method = if is_head { "HEAD" } else { "GET" };
    let body = match kind {
        _ if is_head => Vec::new(),
        "pieces" => b"piece".repeat(number as usize % 7),
        "big" => vec![b'b'; BIG_BYTES],
        "short" => vec![b's'; SHORT_BYTES as usize],
        _ => path.as_bytes().to_vec(),
    };
    let request = format!("{method} {path} HTTP/1.1\r\nHost: game\r\n\r\n");
    (request.into_bytes(), Expected { is_head, may_continue: false, status: 200, body })
}

fn post(path: &str, kind: &str, random: &mut SimRandom) -> (Vec<u8>, Expected) {
    let content = vec![b'a' + random.below(26) as u8; random.below(3_000) as usize];
    let mut request = format!("POST {path} HTTP/1.1\r\nHost: game\r\n").into_bytes();
    if random.chance(1 << 14) {
        request.extend(b"Expect: 100-continue\r\n");
    }
    if random.chance(1 << 15) {
        request.extend(format!("Content-Length: {}\r\n\r\n", content.len()).bytes());
        request.extend(&content);
    } else {
        request.extend(b"Transfer-Encoding: chunked\r\n\r\n");
        for chunk in content.chunks(1 + random.index(700)) {
            request.extend(format!("{:X}\r\n", chunk.len()).bytes());
            request.extend(chunk);
            request.extend(b"\r\n");
        }
        request.extend(b"0\r\n\r\n");
    }
    let body = if kind == "ignore" { path.as_bytes().to_vec() } else { content };
    (request, Expected { is_head: false, may_continue: true, status: 200, body })
}

impl Visit {
    fn new(connection: SimClient) -> Visit {
        let (unsent, unread, open) = (VecDeque::new(), Vec::new(), VecDeque::new());
        let (reader, status, body, is_last) = (None, 0, Vec::new(), false);
        Visit { connection, unsent, unread, open, reader, status, body, is_last }
    }

    /// Writes a piece of what is to be written.
    fn write(&mut self, random: &mut SimRandom, calm: bool) {
        let whole = calm || random.chance(1 << 15);
        let bytes = if whole { self.unsent.len() } else { random.index(self.unsent.len() + 1) };
        let piece: Vec<u8> = self.unsent.drain(..bytes).collect();
        if !piece.is_empty() {
            // A broken connection shows at the next look.
            let _ = self.connection.write(&piece);
        }
    }

    /// Reads and checks what has come; how many answers are complete.
    fn read(&mut self) -> u64 {
        self.unread.extend(self.connection.read());
        let mut answers = 0;
        // The end of a body of known length takes no bytes.
        while !self.unread.is_empty() || self.reader.is_some() {
            let expected = self.open.front().expect("an answer to nothing");
            let reader = self.reader.get_or_insert_with(|| reader(expected.is_head));
            let limits = Limits { body_bytes_max: u64::MAX, ..Limits::default() };
            let received = reader.receive(&self.unread, &limits).expect("a sound answer");
            let mut is_over = false;
            match received.event {
                Some(Event::Response(head)) => {
                    self.status = head.status();
                    is_over = !head.has_body();
                }
                Some(Event::Data(data)) => self.body.extend_from_slice(data),
                Some(Event::End(_)) => is_over = true,
                Some(Event::Informational(head)) => {
                    assert!(expected.may_continue && head.status() == 100, "nobody expects that");
                }
                None if received.consumed == 0 => break,
                None => {}
            }
            self.unread.drain(..received.consumed);
            if is_over {
                answers += 1;
                self.take();
            }
        }
        answers
    }

    /// Checks an answer that is complete.
    fn take(&mut self) {
        let expected = self.open.pop_front().expect("it was there when the answer began");
        self.reader = None;
        let body = std::mem::take(&mut self.body);
        if self.status == 408 {
            // Too slow: nothing more is answered.
            self.is_last = true;
            self.unsent.clear();
            return self.open.clear();
        }
        assert_eq!(self.status, expected.status, "instead of {expected:?}");
        assert!(body == expected.body, "{} bytes instead of {expected:?}", body.len());
    }
}

/// Reads one answer.
fn reader(is_head: bool) -> Client {
    let mut client = Client::new();
    let method = if is_head { "HEAD" } else { "GET" };
    let parts = RequestParts { method, target: "/", host: "game", body: BodySize::Empty };
    client.request(&parts, NO_HEADERS, &mut Vec::new()).expect("a plain request");
    client
}
