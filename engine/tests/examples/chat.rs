//! Plays the chat in sproto, over the gate and over WebSocket.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use skyring::config::ListenerKind;
use skyring::protocols::sproto::Limits;
use skyring::protocols::sproto::rpc::{Asked, Dispatch, Host, PACKAGE, Rpc, Stub};
use skyring::protocols::websocket::Event;
use skyring::protocols::{Decode, frame};
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::peer::Peer;
use crate::sproto_chat::schema::rpc::{Heartbeat, Incoming, Join, Joined, Leave, Left, Said, Say};
use crate::sproto_chat::schema::{self, Done, Line};
use crate::sproto_chat::start;
use crate::support::arena::sum;
use crate::support::{config, connect, eventually, read_more, read_to_end};

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

struct Chat {
    server: Server,
}

impl Chat {
    fn start(heartbeat: Duration) -> Chat {
        let mut config = config(2);
        let kinds = [ListenerKind::Gate, ListenerKind::Http];
        config.listeners.retain(|it| kinds.contains(&it.kind) && it.tls.is_none());
        Chat { server: start(&config, heartbeat).expect("the server starts") }
    }

    fn over_gate(&self) -> Client {
        Client::new(Carrier::Gate(connect(self.address(0)), Vec::new()))
    }

    fn over_websocket(&self) -> Client {
        Client::new(Carrier::WebSocket(Box::new(Peer::open(self.address(1), "/"))))
    }

    fn address(&self, listener: usize) -> SocketAddr {
        self.server.addresses()[listener]
    }

    fn end(self) {
        let handle = self.server.handle();
        eventually("nobody is connected", || sum(&handle, Counter::ConnectionsNow) == 0);
        handle.drain();
        self.server.join().expect("a clean end");
    }
}

enum Carrier {
    Gate(TcpStream, Vec<u8>),
    WebSocket(Box<Peer>),
}

/// A client made of the generated types.
struct Client {
    carrier: Carrier,
    rpc: Rpc,
    host: Host,
    last_session: i64,
    /// Pushes that came ahead of an answer.
    pushes: VecDeque<Incoming>,
}

impl Client {
    fn new(carrier: Carrier) -> Client {
        let (told, asked) = (schema::schema(), schema::schema());
        let rpc = Rpc::new(told, asked, PACKAGE, Limits::default(), 16).unwrap();
        Client { carrier, rpc, host: Host::new(), last_session: 0, pushes: VecDeque::new() }
    }

    fn send<P: Stub>(&mut self, session: Option<i64>, args: &P::Request) {
        let (mut work, mut package) = (Vec::new(), Vec::new());
        self.host.call::<P>(&self.rpc, session, args, None, &mut work, &mut package).unwrap();
        match &mut self.carrier {
            Carrier::WebSocket(peer) => peer.send_binary(&package),
            Carrier::Gate(stream, _) => {
                let mut bytes = Vec::new();
                frame::encode(&package, &mut bytes).unwrap();
                stream.write_all(&bytes).unwrap();
            }
        }
    }

    /// Asks and waits for the answer; what is pushed meanwhile is kept.
    fn ask<P: Stub>(&mut self, args: &P::Request) -> P::Response {
        self.last_session += 1;
        self.send::<P>(Some(self.last_session), args);
        loop {
            let (package, mut work) = (self.package(), Vec::new());
            match self.host.dispatch(&self.rpc, &package, &mut work).unwrap() {
                Dispatch::Request(push) => self.pushes.push_back(Incoming::read(push).unwrap()),
                Dispatch::Answer(answer) => {
                    assert_eq!(answer.session, self.last_session);
                    return answer.read::<P>().unwrap();
                }
            }
        }
    }

    /// What is pushed next.
    fn heard(&mut self) -> Incoming {
        self.pushes.pop_front().unwrap_or_else(|| {
            let (package, mut work) = (self.package(), Vec::new());
            match self.host.dispatch(&self.rpc, &package, &mut work).unwrap() {
                Dispatch::Request(push) => Incoming::read(push).unwrap(),
                Dispatch::Answer(answer) => panic!("a push was expected, not {answer:?}"),
            }
        })
    }

    fn package(&mut self) -> Vec<u8> {
        match &mut self.carrier {
            Carrier::WebSocket(peer) => match peer.event() {
                Some(Event::Message { data, .. }) => data.to_vec(),
                other => panic!("a package was expected, not {other:?}"),
            },
            Carrier::Gate(stream, unread) => loop {
                if let Decode::Done { value, consumed } = frame::decode(unread) {
                    let package = value.to_vec();
                    unread.drain(..consumed);
                    return package;
                }
                assert!(read_more(stream, unread), "the connection has ended");
            },
        }
    }

    fn join(&mut self, room: &str, name: &str) -> bool {
        self.done::<Join>(&line(room, name, None))
    }

    fn say(&mut self, room: &str, text: &str) -> bool {
        let (room, text) = (Some(room.to_owned()), Some(text.to_owned()));
        self.done::<Say>(&Line { room, name: None, text })
    }

    fn leave(&mut self, room: &str) -> bool {
        self.done::<Leave>(&Line { room: Some(room.to_owned()), ..Line::default() })
    }

    fn done<P: Stub<Request = Line, Response = Done>>(&mut self, line: &Line) -> bool {
        self.ask::<P>(line).ok.unwrap()
    }
}

fn line(room: &str, name: &str, text: Option<&str>) -> Line {
    let (room, name) = (Some(room.to_owned()), Some(name.to_owned()));
    Line { room, name, text: text.map(str::to_owned) }
}

fn joined(room: &str, name: &str) -> Incoming {
    Incoming::Joined(Asked::<Joined> { args: line(room, name, None), reply: None })
}

fn left(room: &str, name: &str) -> Incoming {
    Incoming::Left(Asked::<Left> { args: line(room, name, None), reply: None })
}

fn said(room: &str, name: &str, text: &str) -> Incoming {
    Incoming::Said(Asked::<Said> { args: line(room, name, Some(text)), reply: None })
}

#[test]
fn the_committed_types_are_those_of_the_schema() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let compile = Command::new(env!("CARGO_BIN_EXE_skyring"))
        .args(["sproto", "compile"])
        .arg(examples.join("chat.sproto"))
        .output()
        .unwrap();
    assert!(compile.status.success(), "{compile:?}");
    let committed = std::fs::read(examples.join("chat/schema.rs")).unwrap();
    assert!(compile.stdout == committed, "compile chat.sproto anew, as the example says");
}

/// Guests on both shards and over both carriers, all of whom hear everything in one order.
#[test]
fn a_room_hears_who_comes_speaks_and_leaves() {
    let chat = Chat::start(NEVER);
    let mut guests: Vec<Client> = Vec::new();
    for count in 0..8 {
        let mut guest = if count % 2 == 0 { chat.over_gate() } else { chat.over_websocket() };
        assert!(guest.join("hall", &format!("guest {count}")));
        guests.push(guest);
    }
    for (number, guest) in guests.iter_mut().enumerate() {
        for later in number..8 {
            assert_eq!(guest.heard(), joined("hall", &format!("guest {later}")));
        }
    }
    assert!(guests[3].say("hall", "hello"));
    assert_eq!(guests[1].heard(), said("hall", "guest 3", "hello"));
    assert!(guests[1].leave("hall"));
    assert!(!guests[1].leave("hall"), "it is not there any more");
    assert!(guests[0].say("hall", "bye"));
    drop(guests.remove(1));
    for guest in &mut guests {
        assert_eq!(guest.heard(), said("hall", "guest 3", "hello"));
        assert_eq!(guest.heard(), left("hall", "guest 1"));
        assert_eq!(guest.heard(), said("hall", "guest 0", "bye"));
    }
    // Whoever loses the connection has left, too.
    drop(guests.remove(0));
    for guest in &mut guests {
        assert_eq!(guest.heard(), left("hall", "guest 0"));
    }
    drop(guests);
    chat.end();
}

#[test]
fn rooms_are_apart() {
    let chat = Chat::start(NEVER);
    let (mut ann, mut bob) = (chat.over_gate(), chat.over_websocket());
    // There is no order between rooms.
    assert!(ann.join("hall", "ann"));
    assert_eq!(ann.heard(), joined("hall", "ann"));
    assert!(!ann.join("hall", "ann again"), "once a room");
    assert!(bob.join("yard", "bob"));
    assert!(!bob.say("hall", "who is there?"), "only who is in a room speaks there");
    assert!(bob.say("yard", "nobody here"));
    assert!(ann.join("yard", "annie"));
    assert_eq!(ann.heard(), joined("yard", "annie"));
    assert!(ann.say("hall", "still here"));
    assert_eq!(ann.heard(), said("hall", "ann", "still here"));
    let all = [joined("yard", "bob"), said("yard", "bob", "nobody here"), joined("yard", "annie")];
    assert_eq!([bob.heard(), bob.heard(), bob.heard()], all);
    assert!(!bob.join(&"x".repeat(256), "bob"), "a name that is too long");
    drop((ann, bob));
    chat.end();
}

#[test]
fn everybody_hears_heartbeats() {
    let chat = Chat::start(Duration::from_millis(20));
    for mut client in [chat.over_gate(), chat.over_websocket()] {
        for _ in 0..3 {
            assert_eq!(
                client.heard(),
                Incoming::Heartbeat(Asked::<Heartbeat> { args: (), reply: None })
            );
        }
    }
    chat.end();
}

#[test]
fn a_client_that_plays_the_server_is_cut_off() {
    let chat = Chat::start(NEVER);
    let mut client = chat.over_gate();
    client.send::<Said>(None, &Line::default());
    let Carrier::Gate(mut stream, _) = client.carrier else { unreachable!() };
    assert_eq!(read_to_end(&mut stream), b"");
    chat.end();
}

/// What the example's head says to type is understood.
#[test]
fn the_bytes_at_the_head_of_the_example_join() {
    let chat = Chat::start(NEVER);
    let text = include_str!("../../examples/sproto_chat.rs");
    let printf = text.split_once("printf '").unwrap().1.split_once('\'').unwrap().0;
    let (mut bob, mut stream) = (chat.over_websocket(), connect(chat.address(0)));
    assert!(bob.join("hall", "bob"));
    stream.write_all(&printed(printf)).unwrap();
    assert_eq!([bob.heard(), bob.heard()], [joined("hall", "bob"), joined("hall", "ann")]);
    drop((bob, stream));
    chat.end();
}

/// What `printf` makes of a text with octal escapes.
fn printed(text: &str) -> Vec<u8> {
    let mut parts = text.split('\\');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (digits, letters) = part.split_at(3);
        bytes.push(u8::from_str_radix(digits, 8).unwrap());
        bytes.extend_from_slice(letters.as_bytes());
    }
    bytes
}
