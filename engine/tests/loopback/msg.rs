//! Conversations with the message server (WIRE M1 to M21), on compatible listeners: sessions that begin
//! and end (WIRE M20), connections that supersede each other (WIRE M7), too many of them (WIRE M21).

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use skyring::Bytes;
use skyring::config::{Config, Listener, ListenerKind};
use skyring::context::{Context, Target};
use skyring::handler::{Application, Failed, LogoutReason, Reply, Request, User};
use skyring::protocols::Compat;
use skyring::protocols::crypt::Secret;
use skyring::protocols::msg::username::Username;
use skyring::server::{Server, ServerHandle};

use crate::differences::{self, Difference};
use crate::source;
use crate::support::held::Held;
use crate::support::{self, settle};
use crate::transcript::Step;
use crate::wire::Wires;

#[derive(Deserialize)]
struct Recording {
    transcripts: Vec<Transcript>,
}

#[derive(Deserialize)]
struct Transcript {
    name: String,
    config: Settings,
    steps: Vec<Step>,
}

/// What a recording asks of its server.
#[derive(Clone, PartialEq, Eq, Deserialize)]
struct Settings {
    servername: String,
    maxclient: u32,
    expired_number: u32,
}

/// Replays one file on a server with so many shards and a listener for each of its settings.
pub(crate) fn replay(file: &str, shards: usize, byte_by_byte: bool) {
    let recording: Recording = source::read("msgserver", file);
    let settings = distinct(recording.transcripts.iter().map(|it| it.config.clone()));
    let held = Held::default();
    let make = {
        let held = held.clone();
        move |context| RecordedGame { context, held: held.clone(), calls: RefCell::default() }
    };
    let server = Server::start(&config(shards, &settings), make).expect("the server starts");
    let differences = differences::of_msg();
    crate::replay_all(&recording.transcripts, |transcript| {
        let at = settings.iter().position(|it| *it == transcript.config).unwrap();
        let stage = Stage {
            server: server.handle(),
            address: server.addresses()[at],
            held: held.clone(),
            transcript,
        };
        let difference = differences.iter().find(|it| it.name == transcript.name);
        let run = stage.run(difference, Wires::new(byte_by_byte));
        run.map_err(|wrong| format!("{}: {wrong}", transcript.name))
    });
    server.handle().stop();
    server.join().expect("a clean end");
}

fn distinct(all: impl Iterator<Item = Settings>) -> Vec<Settings> {
    all.fold(Vec::new(), |mut found, settings| {
        if !found.contains(&settings) {
            found.push(settings);
        }
        found
    })
}

fn config(shards: usize, settings: &[Settings]) -> Config {
    let listener = |settings: &Settings| Listener {
        address: ([127, 0, 0, 1], 0).into(),
        server: settings.servername.clone(),
        maxclient: settings.maxclient,
        expired_number: settings.expired_number,
        compat: Compat::Skynet,
        uniform_errors: false,
        ..Listener::new(ListenerKind::Msg)
    };
    Config { listeners: settings.iter().map(listener).collect(), ..support::config(shards) }
}

/// One recording and its server.
struct Stage<'a> {
    server: ServerHandle,
    address: SocketAddr,
    held: Held,
    transcript: &'a Transcript,
}

impl Stage<'_> {
    fn run(&self, difference: Option<&Difference>, mut wires: Wires) -> Result<(), String> {
        let recorded: Vec<&Step> = self.transcript.steps.iter().collect();
        let steps = match difference {
            Some(difference) => difference.apply(recorded),
            None => recorded,
        };
        for (number, step) in steps.iter().enumerate() {
            let done = self.step(step, &mut wires);
            done.map_err(|wrong| format!("step {number} ({}): {wrong}", step.op))?;
        }
        // What was held to the very end answers, but nobody has recorded it.
        let cut_off = steps.last().is_some_and(|step| step.op == "release");
        if cut_off { Ok(()) } else { wires.expect_no_more() }
    }

    fn step(&self, step: &Step, wires: &mut Wires) -> Result<(), String> {
        let done = match step.op.as_str() {
            "connect" => {
                wires.connected(&step.conn, support::connect(self.address));
                Ok(())
            }
            "pause" => {
                std::thread::sleep(Duration::from_millis(step.ms));
                Ok(())
            }
            "release" => {
                self.held.release(step.token.as_bytes());
                Ok(())
            }
            "login" => expect_done(step, self.login(step)),
            "logout" => expect_done(step, self.server.logout(self.target(step)) > 0),
            "kick" => expect_done(step, self.server.kick(self.target(step)) > 0),
            other => wires.step(step).unwrap_or_else(|| Err(format!("unknown step {other}"))),
        };
        // A busy machine may need longer than the recorded one to notice what came before.
        if matches!(step.op.as_str(), "silent" | "pause" | "release") {
            let logins = self.transcript.steps.iter().filter(|step| step.op == "login");
            logins.for_each(|login| settle(&self.server, &source::bytes(&login.uid)));
        }
        done
    }

    /// A username that is on line cannot log in again (WIRE M20): the recordings say where.
    fn login(&self, step: &Step) -> bool {
        let (uid, subid) = (source::bytes(&step.uid), source::bytes(&step.subid));
        let secret = Secret::new(source::key(&step.secret));
        self.server.login(&uid, self.transcript.config.servername.as_bytes(), &subid, secret)
    }

    fn target(&self, step: &Step) -> Target {
        let server = self.transcript.config.servername.clone().into_bytes();
        let (uid, subid) = (source::bytes(&step.uid), source::bytes(&step.subid));
        Target::username(&Username { uid, server, subid }.format())
    }
}

fn expect_done(step: &Step, done: bool) -> Result<(), String> {
    match step.ok == Some(done) {
        true => Ok(()),
        false => Err(format!("expected {:?}, got {done}", step.ok)),
    }
}

/// The application that was recorded (README of the recordings, msgserver).
struct RecordedGame {
    context: Context,
    held: Held,
    /// Requests of every user since its login.
    calls: RefCell<HashMap<Vec<u8>, u32>>,
}

impl RecordedGame {
    fn count_call(&self, user: &User) -> u32 {
        let mut calls = self.calls.borrow_mut();
        let count = calls.entry(user.username().to_vec()).or_default();
        *count += 1;
        *count
    }
}

impl Application for RecordedGame {
    async fn request(self: Rc<Self>, request: Request) -> Reply {
        let calls = self.count_call(&request.user);
        let counted = |rest: &[u8]| [format!("n={calls}:").as_bytes(), rest].concat();
        let content = &request.content[..];
        let letters = content.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (word, rest) = content.split_at(letters);
        let rest = rest.strip_prefix(b":").unwrap_or(rest);
        let reply = match word {
            b"count" => counted(rest),
            b"fail" | b"tab" => return Err(Failed),
            b"none" => Vec::new(),
            b"num" => b"12345".to_vec(),
            b"big" => vec![b'x'; String::from_utf8_lossy(rest).parse().map_err(|_| Failed)?],
            b"hold" => {
                let colon = rest.iter().position(|byte| *byte == b':').ok_or(Failed)?;
                self.held.wait(&self.context, &rest[..colon]).await;
                counted(&rest[colon + 1..])
            }
            _ => return Ok(request.content),
        };
        Ok(Bytes::from(reply))
    }

    fn on_logout(&self, user: &User, _reason: LogoutReason) {
        self.calls.borrow_mut().remove(user.username());
    }
}
