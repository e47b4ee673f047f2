//! A client that speaks sproto RPC over either connection.

use std::io::Write;
use std::net::TcpStream;

use skyring::protocols::sproto::rpc::{Content, Dispatch, Host, Responder, Rpc};
use skyring::protocols::sproto::{Schema, Struct, Value, pack};
use skyring::protocols::websocket::Event;

use super::hall::{self, Hall};
use super::peer::Peer;
use crate::support::{connect, read_more, read_to_end};

enum Connection {
    Gate(TcpStream, Vec<u8>),
    WebSocket(Box<Peer>),
}

/// A request of the server's: protocol, arguments, and what answering it needs.
pub(crate) type Asked = (String, Option<Struct<'static>>, Option<Responder>);

pub(crate) struct Client {
    connection: Connection,
    rpc: Rpc,
    host: Host,
}

impl Client {
    pub(crate) fn over_gate(hall: &Hall) -> Client {
        Client::new(Connection::Gate(connect(hall.gate()), Vec::new()))
    }

    pub(crate) fn over_websocket(hall: &Hall) -> Client {
        Client::new(Connection::WebSocket(Box::new(Peer::open(hall.http(), "/"))))
    }

    fn new(connection: Connection) -> Client {
        Client { connection, rpc: hall::rpc(true), host: Host::new() }
    }

    pub(crate) fn is_websocket(&self) -> bool {
        matches!(self.connection, Connection::WebSocket(_))
    }

    /// Asks, and wants an answer under this session.
    pub(crate) fn ask(&mut self, session: i64, protocol: &str, args: Option<Struct<'static>>) {
        self.request_of(protocol, Some(session), args);
    }

    /// Asks, and wants no answer.
    pub(crate) fn tell(&mut self, protocol: &str, args: Option<Struct<'static>>) {
        self.request_of(protocol, None, args);
    }

    fn request_of(&mut self, protocol: &str, session: Option<i64>, args: Option<Struct<'static>>) {
        let args = args.map(Value::Struct);
        let schema = self.rpc.remote();
        let args_type = schema.protocol(protocol).unwrap().request();
        let typed = args.as_ref().map(|args| schema.typed(args_type.unwrap(), args).unwrap());
        let content = Content { ud: None, body: typed.as_ref().map(|it| it as _) };
        let (mut work, mut out) = (Vec::new(), Vec::new());
        self.host
            .request(&self.rpc, protocol, session, &content, &mut work, &mut out)
            .expect("the schema has it");
        self.send(&out);
    }

    /// Sends a header of its own making, without a body.
    fn header(&mut self, header: &Struct<'static>, body: &[u8]) {
        let schema: &Schema = self.rpc.local();
        let package = schema.type_id("package").unwrap();
        let value = Value::Struct(header.clone());
        let (mut bytes, mut packed) = (Vec::new(), Vec::new());
        let typed = schema.typed(package, &value).unwrap();
        let limits = Default::default();
        skyring::protocols::sproto::encode(&typed, &limits, &mut bytes).unwrap();
        bytes.extend_from_slice(body);
        pack(&bytes, &mut packed);
        self.send(&packed);
    }

    /// Asks for a protocol by its number.
    pub(crate) fn ask_number(&mut self, number: i64) {
        self.header(&Struct::new().with("type", number), &[]);
    }

    /// Asks with arguments that end too early.
    pub(crate) fn ask_cut_off(&mut self, protocol: &str) {
        let tag = self.rpc.remote().protocol(protocol).unwrap().tag();
        self.header(&Struct::new().with("type", i64::from(tag)), &[1, 0, 0, 0, 9, 9, 9, 9]);
    }

    /// Answers what nobody asked.
    pub(crate) fn answer_nothing(&mut self, session: i64) {
        self.header(&Struct::new().with("session", session), &[]);
    }

    /// Sends a package.
    pub(crate) fn send(&mut self, package: &[u8]) {
        match &mut self.connection {
            Connection::WebSocket(peer) => peer.send_binary(package),
            Connection::Gate(stream, _) => {
                let mut frame = Vec::new();
                skyring::protocols::frame::encode(package, &mut frame).unwrap();
                stream.write_all(&frame).unwrap();
            }
        }
    }

    pub(crate) fn say_text(&mut self, text: &str) {
        match &mut self.connection {
            Connection::WebSocket(peer) => peer.send_text(text),
            Connection::Gate(..) => panic!("a gate has no text"),
        }
    }

    fn package(&mut self) -> Vec<u8> {
        match &mut self.connection {
            Connection::WebSocket(peer) => match peer.event() {
                Some(Event::Message { data, .. }) => data.to_vec(),
                other => panic!("a package was expected, not {other:?}"),
            },
            Connection::Gate(stream, unread) => loop {
                use skyring::protocols::{Decode, frame};
                if let Decode::Done { value, consumed } = frame::decode(unread) {
                    let package = value.to_vec();
                    unread.drain(..consumed);
                    return package;
                }
                assert!(read_more(stream, unread), "the connection has ended");
            },
        }
    }

    /// The next package, which must be an answer: its session and result.
    pub(crate) fn answer(&mut self) -> (i64, Option<Struct<'static>>) {
        let (package, mut work) = (self.package(), Vec::new());
        match self.host.dispatch(&self.rpc, &package, &mut work).expect("a package") {
            Dispatch::Answer(answer) => {
                let result = answer.result.value().expect("a result");
                (answer.session, result.map(Struct::into_owned))
            }
            Dispatch::Request(request) => panic!("an answer was expected, not {request:?}"),
        }
    }

    /// The next package, which must be a request.
    pub(crate) fn request(&mut self) -> Asked {
        let (package, mut work) = (self.package(), Vec::new());
        match self.host.dispatch(&self.rpc, &package, &mut work).expect("a package") {
            Dispatch::Request(request) => {
                let args = request.args.value().expect("arguments").map(Struct::into_owned);
                (request.protocol.name().to_owned(), args, request.responder)
            }
            Dispatch::Answer(answer) => panic!("a request was expected, not {answer:?}"),
        }
    }

    /// Answers a request of the server's.
    pub(crate) fn respond(&mut self, responder: Responder, result: Option<Struct<'static>>) {
        let result = result.map(Value::Struct);
        let schema = self.rpc.local();
        let result_type = responder.response();
        let typed = result.as_ref().map(|it| schema.typed(result_type.unwrap(), it).unwrap());
        let content = Content { ud: None, body: typed.as_ref().map(|it| it as _) };
        let (mut work, mut out) = (Vec::new(), Vec::new());
        responder.respond(&self.rpc, &content, &mut work, &mut out).expect("a result");
        self.send(&out);
    }

    /// Waits until the server has closed the connection.
    pub(crate) fn expect_end(&mut self) {
        match &mut self.connection {
            Connection::Gate(stream, _) => {
                read_to_end(stream);
            }
            Connection::WebSocket(peer) => while peer.event().is_some() {},
        }
    }
}
