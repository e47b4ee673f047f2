//! The application behind the gate and the WebSocket, which writes down what it hears of.
//!
//! `echo` answers with its text: at once, `hold` once the test lets it, `panic` and `panic later`
//! never. `bow` is
//! answered with nothing. `provoke` does what its text says: see [`Host::provoke`]. Of a hall whose doors
//! are shut, whoever comes is shown out.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use skyring::Bytes;
use skyring::config::ListenerKind;
use skyring::context::{Context, GateConnection};
use skyring::handler::Application;
use skyring::http;
use skyring::protocols::sproto::rpc::{BodyError, PACKAGE, Request, Rpc};
use skyring::protocols::sproto::{Limits, Schema, Struct};
use skyring::rpc::{Body, Dynamic, Handler, Interface, Peer, Refusal, Settings, Verdict};
use skyring::server::Server;
use skyring::service::{self, Content, Fault, Message, Service};
use skyring::shard::counters::Counter;

use crate::support::arena::sum;
use crate::support::held::Held;
use crate::support::{PATIENCE, config, eventually};

/// Requests of a peer that may wait.
pub(crate) const REQUESTS_MAX: usize = 4;
/// Questions to a peer that may wait.
const ASKED_MAX: usize = 16;
/// More than a frame holds, packed.
pub(crate) const LONG_BYTES: usize = 70_000;

const SCHEMA: &str = "
    .package { type 0 : integer  session 1 : integer }
    .Line { text 0 : string }
";
/// What clients ask.
const ASKED: &str = "
    echo 1 { request Line response Line }
    bow 2 { response nil }
    provoke 3 { request Line }
";
/// What clients are asked.
const ASKS: &str = "
    news 1 { request Line }
    guess 2 { request Line response Line }
";

fn schema(protocols: &str) -> Schema {
    Schema::parse(format!("{SCHEMA}{protocols}")).expect("it is one")
}

/// The RPC of one end, a client's or the server's.
pub(crate) fn rpc(is_client: bool) -> Rpc {
    let (local, remote) = if is_client { (ASKS, ASKED) } else { (ASKED, ASKS) };
    Rpc::new(schema(local), schema(remote), PACKAGE, Limits::default(), ASKED_MAX)
        .expect("a header")
}

type Log = Arc<Mutex<Vec<String>>>;

/// A server.
pub(crate) struct Hall {
    server: Server,
    pub(crate) held: Held,
    pub(crate) is_shut: Arc<AtomicBool>,
    log: Log,
}

impl Hall {
    pub(crate) fn start() -> Hall {
        let (held, log) = (Held::default(), Log::default());
        let is_shut = Arc::<AtomicBool>::default();
        let (game_held, game_log, doors) = (held.clone(), Arc::clone(&log), Arc::clone(&is_shut));
        let make = move |context: Context| {
            let (held, log, is_shut) =
                (game_held.clone(), Arc::clone(&game_log), Arc::clone(&doors));
            let lenient = Cell::new(false);
            let host = Host { context: context.clone(), held, log, is_shut, lenient };
            let settings = Settings { requests_max: REQUESTS_MAX };
            Hosting(Interface::new(context, rpc(false), Rc::new(host), settings))
        };
        let mut config = config(2);
        let kinds = [ListenerKind::Gate, ListenerKind::Http];
        config.listeners.retain(|it| kinds.contains(&it.kind) && it.tls.is_none());
        let server = Server::start(&config, make).expect("the server starts");
        Hall { server, held, is_shut, log }
    }

    pub(crate) fn gate(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.server.addresses()[1]
    }

    /// Waits until the application has heard of as much as this, which must be it.
    pub(crate) fn expect(&self, events: &[&str]) {
        assert_eq!(self.expect_count(events.len()), events);
    }

    pub(crate) fn expect_count(&self, count: usize) -> Vec<String> {
        eventually("the application hears of it", || self.log.lock().unwrap().len() >= count);
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn end(self) {
        let handle = self.server.handle();
        eventually("nobody is connected", || sum(&handle, Counter::ConnectionsNow) == 0);
        handle.stop();
        self.server.join().expect("a clean end");
    }
}

struct Hosting(Interface<Host>);

impl Application for Hosting {
    fn on_connect(&self, connection: GateConnection, _: SocketAddr) {
        self.0.serve(connection);
    }

    async fn http(self: Rc<Self>, request: http::Request) -> http::Response {
        self.0.accept(&request)
    }
}

struct Host {
    context: Context,
    held: Held,
    log: Log,
    is_shut: Arc<AtomicBool>,
    lenient: Cell<bool>,
}

fn line(text: &str) -> Body {
    Some(Struct::new().with("text", text.as_bytes().to_vec()))
}

impl Handler for Host {
    type Request = Dynamic;

    fn read(&self, request: Request<'_>) -> Result<Dynamic, BodyError> {
        Dynamic::read(request)
    }

    async fn request(self: Rc<Self>, peer: Peer, request: Dynamic) {
        let text = request.args.as_ref().and_then(|args| args.get("text")?.as_bytes());
        let text = String::from_utf8_lossy(text.unwrap_or_default()).into_owned();
        match (&*request.protocol, &*text) {
            ("echo", "panic later") => {
                self.context.sleep(Duration::from_millis(1)).await;
                panic!("on purpose");
            }
            ("echo", "panic") => panic!("on purpose"),
            ("echo", "hold") => self.held.wait(&self.context, b"hold").await,
            ("provoke", _) => return self.provoke(&peer, &text).await,
            _ => {}
        }
        // A client that has left hears nothing.
        let _ = peer.reply_dynamic(request.responder, request.args);
    }

    fn on_open(&self, peer: &Peer) {
        self.note("open");
        if self.is_shut.load(SeqCst) {
            peer.close();
        }
    }

    fn on_refused(&self, _: &Peer, refusal: &Refusal) -> Verdict {
        self.note(&refusal.to_string());
        if self.lenient.get() { Verdict::GoOn } else { Verdict::Close }
    }

    fn on_close(&self, _: &Peer) {
        self.note("close");
    }
}

/// Says which trace it is asked in.
struct Tracer;

impl Service for Tracer {
    async fn handle(self: Rc<Self>, message: Message) -> Result<Content, Fault> {
        Ok(Content::raw(message.trace().id().to_string()))
    }
}

impl Host {
    /// Whether what a handler asks before and after it has waited belongs together.
    async fn traces(&self) -> String {
        let services = self.context.services();
        let tracer = services.spawn(service::Settings::default(), |_| Tracer).unwrap();
        let mut traces = Vec::new();
        for _ in 0..3 {
            let trace: Bytes =
                services.call(tracer, Content::NOTHING).await.unwrap().take().unwrap();
            traces.push(trace);
            self.context.sleep(Duration::from_millis(1)).await;
        }
        services.stop(tracer);
        traces.dedup();
        format!("{} trace", traces.len())
    }

    fn note(&self, event: &str) {
        self.log.lock().unwrap().push(event.to_owned());
    }

    /// Does what a client asks for, and tells it what came of it.
    async fn provoke(self: Rc<Self>, peer: &Peer, text: &str) {
        let said = match text {
            "push" => "push".to_owned(),
            "encoded" => {
                let interface = Interface::new(
                    self.context.clone(),
                    rpc(false),
                    Rc::clone(&self),
                    Settings::default(),
                );
                let package = interface.encode_dynamic("news", line("encoded")).unwrap();
                return peer.push_encoded(package).unwrap();
            }
            "ask" | "hurry" => {
                let patience = if text == "ask" { PATIENCE } else { Duration::from_millis(5) };
                match peer.call_dynamic("guess", line(text), patience).await {
                    Ok(Some(answer)) => {
                        let text = answer.get("text").and_then(|it| it.as_bytes()).unwrap();
                        String::from_utf8_lossy(text).into_owned()
                    }
                    other => {
                        let said = format!("{:?}", other.unwrap_err());
                        if !peer.is_open() {
                            self.note(&said);
                        }
                        said
                    }
                }
            }
            "unknown" => peer.push_dynamic("unknown", None).unwrap_err().to_string(),
            "wrong" => {
                let wrong = Some(Struct::new().with("text", 7));
                peer.push_dynamic("news", wrong).unwrap_err().to_string()
            }
            "long" => {
                let long = String::from_utf8(vec![b'x'; LONG_BYTES]).unwrap();
                match peer.push_dynamic("news", line(&long)) {
                    Ok(()) => return,
                    Err(error) => error.to_string(),
                }
            }
            "close" => return peer.close(),
            "close, then push" => {
                peer.close();
                return self.note(&peer.push_dynamic("news", None).unwrap_err().to_string());
            }
            "ask too long" => {
                let long = "x".repeat(LONG_BYTES);
                for _ in 0..2 * ASKED_MAX {
                    let asked = peer.call_dynamic("guess", line(&long), Duration::ZERO).await;
                    asked.unwrap_err();
                }
                "asked".to_owned()
            }
            "trace" => self.traces().await,
            _ => return self.lenient.set(true),
        };
        let _ = peer.push_dynamic("news", line(&said));
    }
}
