//! Both halves of the message server (WIRE M1 to M19, M22, M23): a client that loses connections and repeats
//! what was not answered gets every answer once, and no request is run twice.

use std::collections::BTreeMap;

use proptest::prelude::*;
use skyring_protocols::crypt::Secret;
use skyring_protocols::msg::state::{Event, State};
use skyring_protocols::msg::{
    Answer, AttachAnswer, AttachLine, ClientEvent, Flag, MsgClient, MsgError, Session,
    SessionPolicy, StoredAnswer, Ticket, Verdict, request, response,
};
use skyring_protocols::{Blame, Compat, Decode, frame};

const USERNAME: &[u8] = b"dQ==@cw==#MQ==";
const SECRET: [u8; 8] = [1, 1, 2, 3, 5, 8, 13, 21];

const POLICY: SessionPolicy = SessionPolicy {
    compat: Compat::Strict,
    replay_duplicates: false,
    expired_number: 10_000,
    cache_bytes_max: usize::MAX,
    pending_requests_max: u32::MAX,
};

/// What the application makes of a request.
fn result_of(content: &[u8]) -> Vec<u8> {
    content.iter().rev().copied().collect()
}

/// A server for one session: at most one connection, handlers that wait until they are ended.
struct Server {
    session: Session,
    state: State,
    received: Vec<u8>,
    sent: Vec<u8>,
    handlers: Vec<(Ticket, Vec<u8>)>,
    /// How often each content was run.
    runs: BTreeMap<Vec<u8>, u32>,
}

impl Server {
    fn new() -> Server {
        let (received, sent, handlers) = (Vec::new(), Vec::new(), Vec::new());
        let session = Session::new(Secret::new(SECRET));
        Server { session, state: State::Closed, received, sent, handlers, runs: BTreeMap::new() }
    }

    fn connect(&mut self) {
        self.state = State::AwaitAttach;
        (self.received, self.sent) = (Vec::new(), Vec::new());
    }

    fn on_bytes(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
        while let Decode::Done { value, consumed } = frame::decode(&self.received) {
            let payload = value.to_vec();
            self.received.drain(..consumed);
            match self.state.client_frame() {
                Some(Event::AttachLine) => self.on_attach_line(&payload),
                Some(_) => self.on_request(&payload),
                None => {}
            }
        }
    }

    fn happened(&mut self, event: Event) {
        self.state = self.state.after(event).unwrap();
    }

    fn on_attach_line(&mut self, payload: &[u8]) {
        self.happened(Event::AttachLine);
        let line = AttachLine::parse(payload);
        assert_eq!(line.username, Some(USERNAME));
        let (answer, event) = match self.session.attach(&line, &POLICY) {
            Ok(()) => (AttachAnswer::Ok, Event::Accepted),
            Err(answer) => (answer, Event::Denied),
        };
        self.happened(event);
        frame::encode(answer.payload(), &mut self.sent).unwrap();
    }

    fn on_request(&mut self, payload: &[u8]) {
        self.happened(Event::Request);
        let request = request::decode(payload).unwrap();
        match self.session.on_request(request.id, &POLICY) {
            Verdict::Run(ticket) => {
                *self.runs.entry(request.content.to_vec()).or_default() += 1;
                self.handlers.push((ticket, result_of(request.content)));
            }
            Verdict::Replay(StoredAnswer { flag, content }) => {
                response::encode(content, flag, request.id, &mut self.sent).unwrap();
            }
            Verdict::Absorbed => {}
            verdict @ (Verdict::Conflict | Verdict::Refused) => panic!("{verdict:?}"),
        }
    }

    fn end_handler(&mut self, place: usize) {
        let (ticket, result) = self.handlers.swap_remove(place);
        let answer = self.session.on_answer(ticket, Answer::Content(&result), &POLICY);
        if let (Some(answer), State::Attached) = (answer, self.state) {
            response::encode(answer.content, answer.flag, ticket.id(), &mut self.sent).unwrap();
        }
    }
}

/// A client, a server, and the two pipes between them.
struct Pair {
    client: MsgClient,
    server: Server,
    to_server: Vec<u8>,
    /// Contents by id, until they are answered.
    open: BTreeMap<u32, Vec<u8>>,
    answered: u32,
    index: u64,
    ids: u32,
}

#[derive(Clone, Debug)]
enum Operation {
    Request(Vec<u8>),
    /// So many bytes go through the pipe.
    ToServer(usize),
    ToClient(usize),
    EndHandler(prop::sample::Index),
    /// The connection breaks and what is in the pipes is lost; a new one is made.
    Reconnect,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 0..12).prop_map(Operation::Request),
        4 => (1_usize..80).prop_map(Operation::ToServer),
        4 => (1_usize..80).prop_map(Operation::ToClient),
        3 => any::<prop::sample::Index>().prop_map(Operation::EndHandler),
        1 => Just(Operation::Reconnect),
    ]
}

impl Pair {
    fn new() -> Pair {
        let client = MsgClient::new(USERNAME.to_vec(), Secret::new(SECRET));
        let (to_server, open) = (Vec::new(), BTreeMap::new());
        let server = Server::new();
        let mut pair = Pair { client, server, to_server, open, answered: 0, index: 0, ids: 0 };
        pair.reconnect();
        pair
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Request(content) => self.request(content),
            Operation::ToServer(bytes) => self.carry_to_server(*bytes),
            Operation::ToClient(bytes) => self.carry_to_client(*bytes),
            Operation::EndHandler(_) if self.server.handlers.is_empty() => {}
            Operation::EndHandler(place) => {
                self.server.end_handler(place.index(self.server.handlers.len()));
            }
            Operation::Reconnect => self.reconnect(),
        }
    }

    /// A request that was never made before.
    fn request(&mut self, content: &[u8]) {
        self.ids += 1;
        let content = [&self.ids.to_be_bytes(), content].concat();
        self.client.request(self.ids, &content, &mut self.to_server).unwrap();
        self.open.insert(self.ids, content);
    }

    /// Repeats what is open behind the attach line, without waiting for its answer.
    fn reconnect(&mut self) {
        self.client.on_disconnect();
        self.server.connect();
        self.index += 1;
        self.to_server = self.client.attach(self.index);
        for (id, content) in &self.open {
            self.client.request(*id, content, &mut self.to_server).unwrap();
        }
    }

    fn carry_to_server(&mut self, bytes: usize) {
        let bytes: Vec<u8> = self.to_server.drain(..bytes.min(self.to_server.len())).collect();
        self.server.on_bytes(&bytes);
    }

    fn carry_to_client(&mut self, bytes: usize) {
        let sent = &mut self.server.sent;
        let bytes: Vec<u8> = sent.drain(..bytes.min(sent.len())).collect();
        self.client.on_bytes(&bytes);
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientEvent::Attached => assert_eq!(self.client.state(), State::Attached),
                ClientEvent::Response { flag, id, content } => {
                    assert_eq!(flag, Flag::Ok);
                    let asked = self.open.remove(&id).expect("one answer for each request");
                    assert_eq!(content, result_of(&asked));
                    self.answered += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Lets everything come to its end over one last connection.
    fn settle(&mut self) {
        self.reconnect();
        self.carry_to_server(usize::MAX);
        while !self.server.handlers.is_empty() {
            self.server.end_handler(0);
        }
        self.carry_to_client(usize::MAX);
    }
}

proptest! {
    /// WIRE M19.
    #[test]
    fn every_request_is_run_at_most_once_and_answered_once(
        operations in prop::collection::vec(operation(), 0..300),
    ) {
        let mut pair = Pair::new();
        operations.iter().for_each(|operation| pair.apply(operation));
        pair.settle();
        prop_assert!(pair.open.is_empty());
        prop_assert_eq!(pair.answered, pair.ids);
        prop_assert_eq!(pair.server.runs.len(), pair.ids as usize);
        prop_assert!(pair.server.runs.values().all(|&runs| runs == 1));
    }

    /// Whole, byte by byte and in random pieces: the same events.
    #[test]
    fn the_client_does_not_care_how_bytes_are_split(
        contents in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..20), 0_u8..4), 0..20),
        tail in prop::collection::vec(any::<u8>(), 0..12),
        cuts in prop::collection::vec(1_usize..9, 1..20),
    ) {
        let mut stream = Vec::new();
        frame::encode(AttachAnswer::Ok.payload(), &mut stream).unwrap();
        for (id, (content, flag)) in contents.iter().enumerate() {
            let payload = [content.as_slice(), &[*flag], &(id as u32).to_be_bytes()].concat();
            frame::encode(&payload, &mut stream).unwrap();
        }
        stream.extend_from_slice(&tail);
        let whole = events(std::iter::once(stream.as_slice()));
        prop_assert_eq!(&whole, &events(stream.chunks(1)));
        let mut rest = stream.as_slice();
        let pieces = cuts.iter().cycle().map_while(|cut| {
            let (piece, behind) = rest.split_at_checked((*cut).min(rest.len()))?;
            rest = behind;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(&whole, &events(pieces));
    }

    #[test]
    fn the_client_survives_garbage(bytes: Vec<u8>) {
        let heard = events(std::iter::once(bytes.as_slice()));
        let broken = heard.iter().position(|event| matches!(event, ClientEvent::Broken(_)));
        prop_assert!(broken.is_none_or(|place| place + 1 == heard.len()));
    }
}

/// What a client that has sent its attach line hears.
fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<ClientEvent> {
    let mut client = MsgClient::new(USERNAME.to_vec(), Secret::new(SECRET));
    client.attach(1);
    let mut heard = Vec::new();
    for piece in pieces {
        client.on_bytes(piece);
        heard.extend(std::iter::from_fn(|| client.poll_event()));
    }
    heard
}

fn heard_of(payloads: &[&[u8]]) -> Vec<ClientEvent> {
    let mut stream = Vec::new();
    payloads.iter().for_each(|payload| frame::encode(payload, &mut stream).unwrap());
    events(std::iter::once(stream.as_slice()))
}

/// WIRE M5, M6: what follows a refusal is not read.
#[test]
fn a_refusal_ends_the_connection() {
    let late = b"x\x01\x00\x00\x00\x01";
    assert_eq!(heard_of(&[b"403 Index Expired", late]), [ClientEvent::Refused(403)]);
    let unreadable = ClientEvent::Broken(MsgError::UnreadableAttachAnswer);
    assert_eq!(heard_of(&[b"hello", late]), [unreadable]);
}

/// What was received belongs to the application: it is not printed by accident.
#[test]
fn a_client_prints_no_content() {
    let mut client = MsgClient::new(USERNAME.to_vec(), Secret::new(SECRET));
    client.attach(1);
    client.on_bytes(b"\0\x06200 OK\0\x0cprivate\x01\0\0\0\x07\0\x0cunread");
    assert_eq!(client.poll_event(), Some(ClientEvent::Attached));
    let event = client.poll_event().unwrap();
    assert_eq!(format!("{event:?}"), "Response(Ok, id 7, 7 bytes)");
    let name = USERNAME.escape_ascii();
    let expected =
        format!("MsgClient {{ username: \"{name}\", state: Attached, unread_bytes: 8, .. }}");
    assert_eq!(format!("{client:?}"), expected);
}

/// WIRE M22.
#[test]
fn a_push_is_told_apart_from_an_answer() {
    let push = ClientEvent::Response { flag: Flag::Push, id: 0, content: b"hi".to_vec() };
    assert_eq!(heard_of(&[b"200 OK", b"hi\x02\0\0\0\0"]), [ClientEvent::Attached, push]);
    let broken = ClientEvent::Broken(MsgError::PushWithId { id: 9 });
    assert_eq!(heard_of(&[b"200 OK", b"hi\x02\0\0\0\x09"]), [ClientEvent::Attached, broken]);
}

/// WIRE M23.
#[test]
fn requests_need_a_connection() {
    let mut client = MsgClient::new(USERNAME.to_vec(), Secret::new(SECRET));
    let mut out = Vec::new();
    assert_eq!(client.request(1, b"", &mut out), Err(MsgError::NotAttached));
    assert_eq!(MsgError::NotAttached.blame(), Blame::Caller);
    client.attach(1);
    client.request(1, b"", &mut out).unwrap();
    assert!(matches!(
        client.request(1, &[0; 65_532], &mut out),
        Err(MsgError::ContentTooLong { bytes: 65_532, bytes_max: 65_531 })
    ));
    assert_eq!(out, b"\0\x04\0\0\0\x01");
    client.on_disconnect();
    assert_eq!(client.request(1, b"", &mut out), Err(MsgError::NotAttached));
}

/// WIRE M3. Part of a username comes from a login server, so no length of it may panic.
#[test]
fn a_username_that_fits_no_attach_line_is_told() {
    let behind = b":1:".len() + 12;
    let mut client = MsgClient::new(vec![b'A'; 8192 - behind], Secret::new(SECRET));
    assert_eq!(client.attach(1).len(), 2 + 8192);
    assert_eq!((client.state(), client.poll_event()), (State::Judging, None));
    let mut client = MsgClient::new(vec![b'A'; 8193 - behind], Secret::new(SECRET));
    assert!(client.attach(1).is_empty());
    let error = MsgError::UsernameTooLong { bytes: 8193 - behind };
    assert_eq!(error.blame(), Blame::Caller);
    assert_eq!(client.poll_event(), Some(ClientEvent::Broken(error)));
    assert_eq!(client.poll_event(), None);
    assert_eq!(client.state(), State::Closing);
}
