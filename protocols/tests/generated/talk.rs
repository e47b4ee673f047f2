//! Calls between two ends whose protocols are generated.

use skyring_protocols::sproto::rpc::{
    Answer, BodyError, Dispatch, Host, PACKAGE, Request, RequestError, Rpc, Stub,
};
use skyring_protocols::sproto::{Limits, Schema, Value};

use crate::calls::rpc::{Answered, Echo, Far, Incoming, Move, Ping, Touch, Where};
use crate::calls::{self, EchoRequest, EchoResponse, Point, TouchRequest};
use crate::game;

const EMPTY: &str = ".package { type 0 : integer session 1 : integer ud 2 : string }";

struct Ends {
    server: (Rpc, Host),
    client: (Rpc, Host),
    work: Vec<u8>,
}

impl Ends {
    fn new() -> Self {
        let empty = || Schema::parse(EMPTY).unwrap();
        let rpc = |local, remote| Rpc::new(local, remote, PACKAGE, Limits::default(), 3).unwrap();
        let server = (rpc(calls::schema(), empty()), Host::new());
        let client = (rpc(empty(), calls::schema()), Host::new());
        Self { server, client, work: Vec::new() }
    }

    /// A package that asks.
    fn call<P: Stub>(&mut self, session: Option<i64>, args: &P::Request) -> Vec<u8> {
        let mut package = Vec::new();
        let (rpc, host) = &mut self.client;
        host.call::<P>(rpc, session, args, None, &mut self.work, &mut package).unwrap();
        package
    }

    /// What the server makes of it.
    fn taken<T>(&mut self, package: &[u8], take: impl FnOnce(Request<'_>) -> T) -> T {
        let (rpc, host) = &mut self.server;
        match host.dispatch(rpc, package, &mut self.work) {
            Ok(Dispatch::Request(request)) => take(request),
            other => panic!("a request came as {other:?}"),
        }
    }

    /// What the client makes of an answer.
    fn heard<T>(&mut self, package: &[u8], hear: impl FnOnce(&Answer<'_>) -> T) -> T {
        let (rpc, host) = &mut self.client;
        match host.dispatch(rpc, package, &mut self.work) {
            Ok(Dispatch::Answer(answer)) => hear(&answer),
            other => panic!("an answer came as {other:?}"),
        }
    }
}

/// WIRE S15 to S17.
#[test]
fn a_call_is_answered() {
    let mut ends = Ends::new();
    let args = EchoRequest { text: Some(String::from("hi")) };
    let package = ends.call::<Echo>(Some(5), &args);
    let Ok(Incoming::Echo(asked)) = ends.taken(&package, Incoming::read) else { panic!("an echo") };
    assert_eq!(asked.args, args);
    let reply = asked.reply.unwrap();
    assert_eq!(reply.session(), 5);
    let result = EchoResponse { text: args.text, n: Some(2) };
    let (mut work, mut package) = (Vec::new(), Vec::new());
    let ud = Value::from("seen");
    reply.respond(&ends.server.0, &result, Some(&ud), &mut work, &mut package).unwrap();
    let heard = ends.heard(&package, |answer| {
        assert_eq!(
            (answer.session, answer.protocol.name(), answer.ud.as_ref()),
            (5, "echo", Some(&ud))
        );
        assert_eq!(answer.read::<Far>(), Err(BodyError::Protocol { tag: 2 }));
        assert_eq!(answer.read::<Echo>().as_ref(), Ok(&result));
        Answered::read(answer)
    });
    assert_eq!(heard, Ok(Answered::Echo(result)));
}

/// WIRE S15, S16: protocols that ask with nothing, or answer with nothing.
#[test]
fn nothing_is_sent_where_there_is_nothing() {
    let mut ends = Ends::new();
    let package = ends.call::<Ping>(None, &());
    let ping = ends.taken(&package, Incoming::read);
    assert!(matches!(ping, Ok(Incoming::Ping(asked)) if asked.reply.is_none()));
    let package = ends.call::<Touch>(Some(1), &TouchRequest { id: Some(-1) });
    let Ok(Incoming::Touch(asked)) = ends.taken(&package, Incoming::read) else { panic!("touch") };
    let (mut work, mut package) = (Vec::new(), Vec::new());
    asked.reply.unwrap().respond(&ends.server.0, &(), None, &mut work, &mut package).unwrap();
    assert_eq!(ends.heard(&package, Answered::read), Ok(Answered::Touch));
    let package = ends.call::<Where>(Some(1), &());
    let Ok(Incoming::Where(asked)) = ends.taken(&package, Incoming::read) else { panic!("where") };
    let point = Point { x: Some(1), y: None };
    let mut package = Vec::new();
    let responder = asked.reply.unwrap().into_responder();
    assert!(responder.response().is_some());
    let content = skyring_protocols::sproto::rpc::Content { ud: None, body: Some(&point) };
    responder.respond(&ends.server.0, &content, &mut work, &mut package).unwrap();
    assert_eq!(ends.heard(&package, Answered::read), Ok(Answered::Where(point)));
}

/// A tag may mean something else in another version of a schema.
#[test]
fn another_protocol_is_refused() {
    let mut ends = Ends::new();
    let (rpc, host) = &mut ends.client;
    let (mut work, mut package) = (Vec::new(), Vec::new());
    let quit = host.call::<game::rpc::Quit>(rpc, None, &(), None, &mut work, &mut package);
    assert_eq!(quit, Err(RequestError::ProtocolUnknown { name: "quit".into() }));
    assert!(package.is_empty());
    let content = skyring_protocols::sproto::rpc::Content::default();
    let by_tag = host.request_by_tag(rpc, 299, None, &content, &mut work, &mut package);
    assert_eq!(by_tag, Err(RequestError::TagUnknown { tag: 299 }));
    let by_tag = host.request_by_tag(rpc, Ping::TAG, None, &content, &mut work, &mut package);
    assert_eq!(by_tag, Ok(()));
    assert_eq!(package, ends.call::<Ping>(None, &()));
    // 2 is an echo here, and a move in the game.
    let package = ends.call::<Echo>(None, &EchoRequest::default());
    let read = ends.taken(&package, game::rpc::Incoming::read);
    assert_eq!(read, Err(BodyError::Protocol { tag: 2 }));
}

/// WIRE S7, S16.
#[test]
fn arguments_of_another_kind_are_refused() {
    let mut ends = Ends::new();
    let package = ends.call::<Move>(None, &Point { x: Some(1), y: Some(2) });
    let read = ends.taken(&package, |request| request.args.read::<EchoRequest>());
    assert_eq!(read, Err(skyring_protocols::sproto::DecodeError::Word { tag: 0 }));
}
