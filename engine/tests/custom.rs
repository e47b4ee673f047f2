//! Application protocols on real sockets: payloads of clients and messages of services, and what the
//! sender is told of those that nobody understands.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::rc::Rc;

use serde_json::json;

use skyring::context::Context;
use skyring::custom::Protocols;
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Identity, Login, Reply, Request, Subid,
    User,
};
use skyring::protocols::custom::refusal::Why;
use skyring::protocols::custom::{JsonValue, MsgPackValue, Protocol, ProtocolId, Refusal, payload};
use skyring::protocols::login::token::SampleToken;
use skyring::server::Server;
use skyring::service::{Content, Fault, Message, Service, ServiceContext, Settings};
use skyring::shard::counters::Counter;
use support::arena::sum;
use support::{Player, config, eventually, login};

fn raw() -> Protocol<skyring::protocols::custom::Raw> {
    Protocol::raw()
}

fn json() -> Protocol<skyring::protocols::custom::Json<JsonValue>> {
    Protocol::json()
}

fn msgpack() -> Protocol<skyring::protocols::custom::MsgPack<MsgPackValue>> {
    Protocol::msgpack()
}

/// A service that knows JSON only: adds up numbers.
struct Adder(Protocols<()>);

impl Adder {
    fn new(me: &ServiceContext) -> Adder {
        let mut protocols = Protocols::new(me.context());
        let add = |(): &mut (), numbers: JsonValue| async move {
            let numbers = numbers.as_array().ok_or(Fault::Failed)?;
            let sum: i64 = numbers.iter().filter_map(JsonValue::as_i64).sum();
            Ok(Content::packed(ProtocolId::JSON, json().pack(&json!(sum)).unwrap()))
        };
        protocols.on(json(), add).unwrap();
        Adder(protocols)
    }
}

impl Service for Adder {
    async fn handle(self: Rc<Self>, message: Message) -> Result<Content, Fault> {
        self.0.handle(&mut (), &message).await
    }
}

/// Gives what clients say in JSON or MessagePack to the adder, and answers raw bytes itself.
struct Game(Protocols<User>);

impl Game {
    fn new(context: &Context) -> Game {
        if context.shard().0 == 1 {
            let settings = Settings::named("adder");
            context.services().spawn(settings, |me| Adder::new(&me)).unwrap();
        }
        let services = context.services();
        let ask = move |content: Content| {
            let services = services.clone();
            async move { services.call("adder", content).await }
        };
        let ask_too = ask.clone();
        let mut protocols = Protocols::new(context.clone());
        protocols
            .on(json(), move |_, value| {
                ask(Content::packed(ProtocolId::JSON, json().pack(&value).unwrap()))
            })
            .unwrap();
        protocols
            .on(msgpack(), move |_, value| {
                ask_too(Content::packed(ProtocolId::MSGPACK, msgpack().pack(&value).unwrap()))
            })
            .unwrap();
        protocols
            .on(raw(), |user: &mut User, said| {
                let uid = user.uid().to_vec();
                async move {
                    match &said[..] {
                        b"nothing" => Ok(Content::NOTHING),
                        b"value" => Ok(Content::value(7)),
                        _ => Ok(Content::raw([&uid[..], b" said ", &said[..]].concat())),
                    }
                }
            })
            .unwrap();
        Game(protocols)
    }
}

impl Application for Game {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, _: Login) -> Result<Subid, Denied> {
        Ok(Subid::from(1))
    }

    async fn request(self: Rc<Self>, request: Request) -> Reply {
        let mut user = request.user.clone();
        Ok(self.0.answer(&mut user, &request.content).await)
    }
}

/// Plays users of both shards.
fn play(what: impl Fn(&Server, &mut Player)) {
    let server = Server::start(&config(2), |context| Game::new(&context)).unwrap();
    for uid in ["ann", "bob", "cid", "dan"] {
        let user = login(server.addresses()[0], uid).unwrap();
        let mut player = Player::attach(server.addresses()[1], &user, 1).unwrap();
        what(&server, &mut player);
    }
    let handle = server.handle();
    eventually("nobody is connected", || sum(&handle, Counter::ConnectionsNow) == 0);
    handle.stop();
    server.join().unwrap();
}

/// The payload that answers this one.
fn answer(player: &mut Player, id: u32, protocol: ProtocolId, content: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    payload::encode_content(protocol, content, &mut payload);
    player.ask(id, &payload)
}

fn refusal(payload: &[u8]) -> Refusal {
    let (protocol, content) = payload::decode(payload).unwrap();
    assert_eq!(protocol, ProtocolId::REFUSAL, "{payload:?}");
    Refusal::decode(content).unwrap()
}

/// WIRE P1, P2.
#[test]
fn payloads_go_to_what_is_registered() {
    play(|_, player| {
        let said = answer(player, 1, ProtocolId::RAW, b"hello");
        assert!(said.starts_with(b"\x00") && said.ends_with(b" said hello"), "{said:?}");
        let sum = answer(player, 2, ProtocolId::JSON, b"[1, 2, 39]");
        assert_eq!(sum, b"\x0242");
        assert_eq!(answer(player, 3, ProtocolId::RAW, b"nothing"), b"");
    });
}

/// WIRE P2, P7: the sender is told, it is counted, and nothing else is disturbed.
#[test]
fn what_is_not_understood_is_refused() {
    play(|server, player| {
        let handle = server.handle();
        let before = sum(&handle, Counter::PayloadsRefused);
        let unknown = refusal(&answer(player, 1, ProtocolId(99), b"what?"));
        assert_eq!((unknown.why, unknown.protocol), (Why::Unknown, ProtocolId(99)));
        let unread = refusal(&answer(player, 2, ProtocolId::JSON, b"[1, 2"));
        assert_eq!((unread.why, unread.protocol), (Why::Content, ProtocolId::JSON));
        assert!(unread.text.contains("not such JSON"), "{}", unread.text);
        assert_eq!(refusal(&player.ask(3, b"")).why, Why::Empty);
        assert_eq!(sum(&handle, Counter::PayloadsRefused), before + 3);
        assert_eq!(answer(player, 4, ProtocolId::JSON, b"[2, 3]"), b"\x025");
    });
}

/// The service does not know MessagePack: its caller gets the fault, and the client hears of it.
#[test]
fn a_service_refuses_what_it_does_not_know() {
    play(|server, player| {
        let handle = server.handle();
        let before = sum(&handle, Counter::ServiceUnread);
        let failed = refusal(&answer(player, 1, ProtocolId::MSGPACK, b"\x07"));
        assert_eq!((failed.why, failed.protocol), (Why::Failed, ProtocolId::MSGPACK));
        assert_eq!(failed.text, Fault::ProtocolUnknown(ProtocolId::MSGPACK).to_string());
        assert_eq!(sum(&handle, Counter::ServiceUnread), before + 1);
        let failed = refusal(&answer(player, 2, ProtocolId::JSON, b"{}"));
        assert_eq!((failed.why, &*failed.text), (Why::Failed, "the handler failed"));
        let value = refusal(&answer(player, 3, ProtocolId::RAW, b"value"));
        assert_eq!(value.why, Why::Failed);
    });
}
