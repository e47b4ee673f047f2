//! A gate whose application is made of generated calls, and Python on the other side of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use skyring::Bytes;
use skyring::config::ListenerKind;
use skyring::context::{Context, GateConnection};
use skyring::handler::Application;
use skyring::protocols::sproto::rpc::{Answer, Dispatch, Host, PACKAGE, Reply, Request, Rpc, Stub};
use skyring::protocols::sproto::{Limits, Value};
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::calls::rpc::Incoming;
use crate::calls::{EchoResponse, FarResponse, Point};
use crate::pushes::rpc::{Answered, Ask, Heartbeat, Push};
use crate::pushes::{AskRequest, PushRequest};
use crate::support::arena::sum;
use crate::support::{config, eventually};
use crate::{calls, hex, peer, pushes};

/// What is known of a connection.
#[derive(Default)]
struct Guest {
    host: Host,
    at: Point,
    /// What the guest has answered.
    said: Option<String>,
}

struct House {
    context: Context,
    rpc: Rpc,
    guests: RefCell<HashMap<GateConnection, Guest>>,
}

impl House {
    fn new(context: Context) -> House {
        let limits = Limits::default();
        let rpc = Rpc::new(calls::schema(), pushes::schema(), PACKAGE, limits, 10).unwrap();
        House { context, rpc, guests: RefCell::default() }
    }

    fn send(&self, connection: GateConnection, package: Vec<u8>) {
        self.context.send(connection, Bytes::from(package));
    }

    fn reply<P: Stub>(
        &self,
        connection: GateConnection,
        reply: Option<Reply<P>>,
        result: &P::Response,
        ud: Option<&Value<'_>>,
    ) {
        let Some(reply) = reply else { return };
        let (mut work, mut package) = (Vec::new(), Vec::new());
        reply.respond(&self.rpc, result, ud, &mut work, &mut package).unwrap();
        self.send(connection, package);
    }

    fn call<P: Stub>(
        &self,
        connection: GateConnection,
        guest: &mut Guest,
        session: Option<i64>,
        args: &P::Request,
    ) {
        let (mut work, mut package) = (Vec::new(), Vec::new());
        let asked = guest.host.call::<P>(&self.rpc, session, args, None, &mut work, &mut package);
        asked.unwrap();
        self.send(connection, package);
    }

    fn asked(&self, connection: GateConnection, guest: &mut Guest, mut request: Request<'_>) {
        let ud = request.ud.take();
        match Incoming::read(request).unwrap() {
            Incoming::Echo(asked) => {
                let text = asked.args.text;
                let n = text.as_ref().map_or(0, String::len) as i64;
                let result = EchoResponse { text, n: Some(n) };
                self.reply(connection, asked.reply, &result, ud.as_ref());
            }
            Incoming::Touch(asked) => {
                assert_eq!(asked.args.id, Some(1 << 40));
                self.reply(connection, asked.reply, &(), None);
            }
            Incoming::Far(asked) => {
                let list = asked.args.list.unwrap();
                let sums = list.iter().map(|it| it.x.unwrap() + it.y.unwrap());
                let ok = !list.is_empty() && sums.sum::<i64>() == 0;
                self.reply(connection, asked.reply, &FarResponse { ok: Some(ok) }, None);
            }
            Incoming::Move(asked) => guest.at = asked.args,
            Incoming::Where(asked) => {
                let said = guest.said.as_deref().map(Value::from);
                self.reply(connection, asked.reply, &guest.at, said.as_ref());
            }
            Incoming::Ping(_) => {
                self.call::<Heartbeat>(connection, guest, None, &());
                let data = PushRequest { data: Some(vec![0, 255]) };
                self.call::<Push>(connection, guest, None, &data);
                self.call::<Ask>(connection, guest, Some(-5), &AskRequest { q: Some(77) });
            }
        }
    }
}

fn answered(answer: &Answer<'_>) -> String {
    assert_eq!(answer.session, -5);
    let Ok(Answered::Ask(result)) = Answered::read(answer) else { panic!("only that is asked") };
    let said = answer.ud.as_ref().and_then(Value::as_bytes).unwrap();
    format!("{} {}", String::from_utf8_lossy(said), result.a.unwrap())
}

impl Application for House {
    fn on_connect(&self, connection: GateConnection, _: SocketAddr) {
        self.guests.borrow_mut().insert(connection, Guest::default());
        self.context.open(connection);
    }

    async fn message(self: Rc<Self>, connection: GateConnection, content: Bytes) {
        let mut guests = self.guests.borrow_mut();
        let guest = guests.get_mut(&connection).unwrap();
        let mut host = std::mem::take(&mut guest.host);
        let mut work = Vec::new();
        let dispatched = host.dispatch(&self.rpc, &content, &mut work).unwrap();
        guest.host = host;
        match dispatched {
            Dispatch::Request(request) => self.asked(connection, guest, request),
            Dispatch::Answer(answer) => guest.said = Some(answered(&answer)),
        }
    }

    fn on_disconnect(&self, connection: GateConnection) {
        self.guests.borrow_mut().remove(&connection);
    }
}

/// WIRE G1, S15 to S17: both ask, and both are answered.
#[test]
fn python_calls_and_is_called() {
    for shards in [1, 2] {
        let mut config = config(shards);
        config.listeners.retain(|listener| listener.kind == ListenerKind::Gate);
        let server = Server::start(&config, House::new).expect("it starts");
        let port = server.addresses()[0].port().to_string();
        let bundles = [calls::schema(), pushes::schema()].map(|it| hex(&it.to_bundle()));
        let (said, output) = peer(&["calls", &port, &bundles[0], &bundles[1]], Vec::new());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said:#?}{error}");
        let handle = server.handle();
        eventually("the peer has left", || sum(&handle, Counter::ConnectionsNow) == 0);
        eventually("all four have ended well", || sum(&handle, Counter::ClosedByPeer) == 4);
        handle.stop();
        server.join().expect("a clean end");
    }
}
