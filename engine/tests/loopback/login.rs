//! Conversations with the login server (WIRE L1 to L15), on a compatible listener: the lock of a user
//! (WIRE L15) and the close after the result (WIRE L14) are the engine's.
//!
//! The server draws its challenges and keys from a queue that a test fills just before it connects
//! and finds empty just after: so a connection gets the recorded values on any number of shards.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use skyring::config::{Config, Listener, ListenerKind};
use skyring::context::{Context, Target};
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Identity, Login, Subid,
};
use skyring::protocols::Compat;
use skyring::protocols::login::token::SampleToken;
use skyring::server::Server;

use crate::source;
use crate::support::{self, eventually};
use crate::transcript::Step;
use crate::wire::Wires;

/// What a connection draws when the recording does not say: it never got as far as using it.
const UNUSED_KEY: [u8; 8] = [0xa5; 8];

#[derive(Deserialize)]
struct Recording {
    transcripts: Vec<Transcript>,
}

#[derive(Deserialize)]
struct Transcript {
    name: String,
    multilogin: bool,
    keys: BTreeMap<String, Keys>,
    #[serde(default)]
    quirk: bool,
    steps: Vec<Step>,
}

/// The random values that the server drew.
#[derive(Deserialize)]
struct Keys {
    challenge: String,
    server_key: Option<String>,
}

/// Random values that the server will draw next.
#[derive(Clone, Default)]
struct Draws(Arc<Mutex<VecDeque<[u8; 8]>>>);

impl Draws {
    fn next(&self) -> [u8; 8] {
        self.0.lock().unwrap().pop_front().unwrap_or(UNUSED_KEY)
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

/// Replays every recording on a server with so many shards.
pub(crate) fn replay(shards: usize) {
    let recording: Recording = source::read("login", "transcripts");
    let draws = Draws::default();
    let drawn = draws.clone();
    let server = Server::start_with_entropy(&config(shards), RecordedLogins::new, move |_shard| {
        let drawn = drawn.clone();
        Box::new(move |bytes: &mut [u8]| bytes.copy_from_slice(&drawn.next()))
    })
    .expect("the server starts");
    let connecting = Mutex::new(());
    let stage = Stage { addresses: server.addresses(), draws: &draws, connecting: &connecting };
    crate::replay_all(&recording.transcripts, |transcript| {
        assert!(!transcript.quirk, "{}: list our bytes for this difference", transcript.name);
        stage.run(transcript).map_err(|wrong| format!("{}: {wrong}", transcript.name))
    });
    server.handle().stop();
    server.join().expect("a clean end");
}

/// A login listener of either kind, and the message server that users want to go to.
fn config(shards: usize) -> Config {
    let mut config = support::config(shards);
    let login = |multilogin| Listener {
        multilogin,
        compat: Compat::Skynet,
        address: ([127, 0, 0, 1], 0).into(),
        ..Listener::new(ListenerKind::Login)
    };
    let msg = support::listener(&mut config, ListenerKind::Msg).clone();
    config.listeners = vec![login(false), login(true), msg];
    config
}

struct Stage<'a> {
    addresses: &'a [SocketAddr],
    draws: &'a Draws,
    connecting: &'a Mutex<()>,
}

impl Stage<'_> {
    fn run(&self, transcript: &Transcript) -> Result<(), String> {
        let mut wires = Wires::default();
        let mut answered = BTreeSet::new();
        for (number, step) in transcript.steps.iter().enumerate() {
            let done = self.step(transcript, step, &mut wires);
            done.map_err(|wrong| format!("step {number} ({}): {wrong}", step.op))?;
            if step.op == "recv" && is_result(&step.bytes()) {
                answered.insert(step.conn.as_str());
            }
            if step.op == "close" {
                answered.remove(step.conn.as_str());
            }
        }
        wires.expect_no_more()?;
        // What follows a result line is not recorded. Here it is the close (WIRE L14).
        answered.into_iter().try_for_each(|name| wires.expect_closed(name))
    }

    fn step(&self, of: &Transcript, step: &Step, wires: &mut Wires) -> Result<(), String> {
        if let Some(done) = wires.step(step) {
            return done;
        }
        match step.op.as_str() {
            "connect" => {
                let keys = &of.keys[&step.conn];
                let private_key = keys.server_key.as_deref().map_or(UNUSED_KEY, source::key);
                let address = self.addresses[usize::from(of.multilogin)];
                let _alone = self.connecting.lock().unwrap();
                let challenge = source::key(&keys.challenge);
                self.draws.0.lock().unwrap().extend([challenge, private_key]);
                wires.connected(&step.conn, support::connect(address));
                eventually("the server draws its keys", || self.draws.is_empty());
            }
            "pause" => std::thread::sleep(Duration::from_millis(step.ms)),
            other => return Err(format!("unknown step {other}")),
        }
        Ok(())
    }
}

fn is_result(line: &[u8]) -> bool {
    matches!(line, [b'2' | b'4', b'0', _, b' ', ..])
}

/// The application that was recorded (README of the recordings, login).
struct RecordedLogins {
    context: Context,
    /// When the next login of a uid may end.
    turns_ms: RefCell<HashMap<Vec<u8>, u64>>,
}

impl RecordedLogins {
    fn new(context: Context) -> RecordedLogins {
        RecordedLogins { context, turns_ms: RefCell::default() }
    }

    /// Waits until nobody else is ending a login of this uid. The recorded application puts nobody
    /// on line; here a name that is on line cannot be given again, so the older session must have
    /// ended and the newer must not yet exist.
    async fn wait_for_turn(&self, uid: &[u8]) {
        let now_ms = self.context.now_ms();
        let turn_ms = {
            let mut turns_ms = self.turns_ms.borrow_mut();
            let free_ms = turns_ms.get(uid).map_or(now_ms, |free_ms| now_ms.max(*free_ms));
            turns_ms.insert(uid.to_vec(), free_ms + 10);
            free_ms
        };
        if turn_ms > now_ms {
            self.context.sleep(Duration::from_millis(turn_ms - now_ms)).await;
        }
        self.context.kick(Target::uid(uid)).await;
    }
}

impl Application for RecordedLogins {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        if *token.password != b"password" {
            return Err(AuthenticateError::Denied);
        }
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        let uid = login.uid;
        if uid.starts_with(b"deny") {
            return Err(Denied);
        }
        if uid.starts_with(b"slow") {
            self.context.sleep(Duration::from_millis(500)).await;
        }
        self.wait_for_turn(&uid).await;
        match uid {
            uid if uid.starts_with(b"nosub") => Ok(Subid::default()),
            uid if uid.starts_with(b"num") => Ok(Subid::from(42)),
            uid => Ok(Subid([b"sub-", uid.as_slice()].concat())),
        }
    }
}
