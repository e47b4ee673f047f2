//! Conversations with the message server (WIRE M1 to M19), on a compatible listener.
//!
//! The server around the machines is as small as the recordings allow: users by username,
//! connections by name, and the recorded application with its held requests. Time does not pass, so
//! what a step expects must be there at once. The recordings show the machines here, not this server:
//! how sessions and connections end is shown where the engine replays them.
//!
//! Recordings marked as quirks show what skyring mends. Where its bytes differ, the replacement of
//! the recorded steps and the reason stand in `msg_differences.json`; a recording that is listed
//! there must not pass as recorded.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;
use skyring_protocols::crypt::Secret;
use skyring_protocols::msg::state::{Event, State};
use skyring_protocols::msg::{
    Answer, AttachAnswer, AttachLine, Session, SessionPolicy, StoredAnswer, Ticket, Username,
    Verdict, request, response,
};
use skyring_protocols::{Compat, Decode, frame};

use crate::differences::{self, Difference};
use crate::source::{self, Family};
use crate::transcript::Step;

pub(crate) const FAMILY: Family =
    Family { name: "msgserver", files: &["transcripts", "quirks"], replay_file };

#[derive(Deserialize)]
struct Recording {
    transcripts: Vec<Transcript>,
}

#[derive(Deserialize)]
struct Transcript {
    name: String,
    config: Config,
    #[serde(default)]
    quirk: bool,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Config {
    servername: String,
    maxclient: usize,
    expired_number: u32,
}

fn replay_file(file: &str) -> Vec<String> {
    let recording: Recording = source::read(FAMILY.name, file);
    assert!(!recording.transcripts.is_empty(), "{file} holds no transcript");
    let differences = differences::of_msg();
    let mut wrong = Vec::new();
    for transcript in &recording.transcripts {
        let difference = differences.iter().find(|difference| difference.name == transcript.name);
        for byte_by_byte in [false, true] {
            if let Err(line) = replay(transcript, difference, byte_by_byte) {
                wrong.push(format!("{}: {line}", transcript.name));
            }
        }
        let may_differ = transcript.quirk || file == "quirks";
        if difference.is_some() && !may_differ {
            wrong.push(format!("{}: a contract has no differences", transcript.name));
        }
    }
    wrong
}

/// Listed differences that are of no recording, or of one that has another.
pub(crate) fn stray_differences() -> Vec<String> {
    let files = FAMILY.files.iter().map(|file| source::read::<Recording>(FAMILY.name, file));
    let transcripts: Vec<Transcript> = files.flat_map(|file| file.transcripts).collect();
    let differences = differences::of_msg();
    let recordings = |name: &str| transcripts.iter().filter(|it| it.name == name).count();
    let listed = |name: &str| differences.iter().filter(|it| it.name == name).count();
    let names = differences.iter().map(|it| it.name.as_str());
    names.filter(|it| (recordings(it), listed(it)) != (1, 1)).map(str::to_owned).collect()
}

/// Replays what skyring must do; with a difference, also what it must not.
fn replay(
    transcript: &Transcript,
    difference: Option<&Difference>,
    byte_by_byte: bool,
) -> Result<(), String> {
    let recorded: Vec<&Step> = transcript.steps.iter().collect();
    let Some(difference) = difference else {
        return Server::new(&transcript.config, byte_by_byte).run(&recorded);
    };
    if Server::new(&transcript.config, byte_by_byte).run(&recorded).is_ok() {
        return Err(format!("no longer a difference: {}", difference.reason));
    }
    Server::new(&transcript.config, byte_by_byte).run(&difference.apply(recorded))
}

/// A message server and its application, one transcript long.
struct Server<'a> {
    config: &'a Config,
    byte_by_byte: bool,
    policy: SessionPolicy,
    users: BTreeMap<Vec<u8>, User>,
    connections: BTreeMap<&'a str, Connection>,
    held: Vec<Held>,
    logins: u32,
}

struct User {
    session: Session,
    /// Which login this is, since a username may log in again.
    login: u32,
    /// Requests handled since login.
    calls: u32,
    /// The attached connection.
    connection: Option<String>,
}

struct Connection {
    state: State,
    received: Vec<u8>,
    /// Sent by the server, not yet expected by a step.
    sent: VecDeque<u8>,
    username: Vec<u8>,
}

/// A request whose handler waits for a `release` step.
struct Held {
    token: Vec<u8>,
    username: Vec<u8>,
    login: u32,
    ticket: Ticket,
    result: Vec<u8>,
}

impl<'a> Server<'a> {
    fn new(config: &'a Config, byte_by_byte: bool) -> Self {
        let policy = SessionPolicy {
            compat: Compat::Skynet,
            replay_duplicates: false,
            expired_number: config.expired_number,
            cache_bytes_max: usize::MAX,
            pending_requests_max: u32::MAX,
        };
        let (users, connections, held) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Server { config, byte_by_byte, policy, users, connections, held, logins: 0 }
    }

    fn run(mut self, steps: &[&'a Step]) -> Result<(), String> {
        // Some recordings end by releasing what is held, without reading the answers.
        let releases = steps.iter().rev().take_while(|step| step.op == "release").count();
        let end = steps.len() - releases;
        for (number, step) in steps.iter().enumerate() {
            if number == end {
                self.expect_nothing_left()?;
            }
            self.step(step).map_err(|wrong| format!("step {number} ({}): {wrong}", step.op))?;
        }
        if releases == 0 { self.expect_nothing_left() } else { Ok(()) }
    }

    fn expect_nothing_left(&self) -> Result<(), String> {
        match self.connections.iter().find(|(_, connection)| !connection.sent.is_empty()) {
            Some((name, more)) => Err(format!("{name} got more than recorded: {:?}", more.sent)),
            None => Ok(()),
        }
    }

    fn step(&mut self, step: &'a Step) -> Result<(), String> {
        let name = step.conn.as_str();
        match step.op.as_str() {
            "connect" => self.connect(name),
            "send" => self.receive(name, step),
            "recv" => return self.expect_bytes(name, &step.bytes()),
            "silent" => return self.expect(name, is_open, "open and silent"),
            "closed" => return self.expect(name, |state| !is_open(state), "closed"),
            "close" => self.disconnect(name),
            "pause" => {}
            "login" => {
                let done = self.login(step);
                return expect_done(step, done);
            }
            "logout" | "kick" => {
                let done = self.end(&self.username(step));
                return expect_done(step, done);
            }
            "release" => self.release(step.token.as_bytes()),
            other => return Err(format!("unknown step {other}")),
        }
        Ok(())
    }

    fn username(&self, step: &Step) -> Vec<u8> {
        let server = self.config.servername.clone().into_bytes();
        let (uid, subid) = (source::bytes(&step.uid), source::bytes(&step.subid));
        Username { uid, server, subid }.format()
    }

    fn login(&mut self, step: &Step) -> bool {
        let username = self.username(step);
        if self.users.contains_key(&username) {
            return false;
        }
        let session = Session::new(Secret::new(source::key(&step.secret)));
        self.logins += 1;
        let user = User { session, login: self.logins, calls: 0, connection: None };
        self.users.insert(username, user);
        true
    }

    /// Logout and kick: the user is gone, with its cache and its connection.
    fn end(&mut self, username: &[u8]) -> bool {
        let Some(user) = self.users.remove(username) else {
            return false;
        };
        if let Some(connection) = user.connection {
            self.happened(&connection, Event::End);
        }
        true
    }

    fn connect(&mut self, name: &'a str) {
        let open = |connection: &&Connection| is_open(connection.state);
        let is_full = self.connections.values().filter(open).count() >= self.config.maxclient;
        let state = if is_full { State::Closed } else { State::AwaitAttach };
        let (received, sent, username) = (Vec::new(), VecDeque::new(), Vec::new());
        self.connections.insert(name, Connection { state, received, sent, username });
    }

    fn disconnect(&mut self, name: &str) {
        if self.connection(name).state == State::Closed {
            return;
        }
        self.happened(name, Event::Disconnect);
        self.connection(name).sent.clear();
        let mut users = self.users.values_mut();
        if let Some(user) = users.find(|user| user.connection.as_deref() == Some(name)) {
            user.connection = None;
        }
    }

    fn connection(&mut self, name: &str) -> &mut Connection {
        self.connections.get_mut(name).unwrap_or_else(|| panic!("{name} is not connected"))
    }

    fn happened(&mut self, name: &str, event: Event) {
        let state = &mut self.connection(name).state;
        let next = state.after(event);
        *state = next.unwrap_or_else(|| panic!("{name}: {event:?} cannot happen in {state:?}"));
    }

    fn receive(&mut self, name: &str, step: &Step) {
        let pieces = step.pieces();
        let smallest = if self.byte_by_byte { 1 } else { usize::MAX };
        for piece in pieces.iter().flat_map(|piece| piece.chunks(smallest)) {
            self.connection(name).received.extend_from_slice(piece);
            while let Some(payload) = next_frame(&mut self.connection(name).received) {
                self.on_frame(name, &payload);
            }
        }
    }

    fn on_frame(&mut self, name: &str, payload: &[u8]) {
        match self.connection(name).state.client_frame() {
            Some(Event::AttachLine) => self.on_attach_line(name, payload),
            Some(_) => self.on_request(name, payload),
            None => {}
        }
    }

    fn on_attach_line(&mut self, name: &str, payload: &[u8]) {
        self.happened(name, Event::AttachLine);
        let line = AttachLine::parse(payload);
        let user = line.username.and_then(|username| self.users.get_mut(username));
        let judged = user.ok_or(AttachAnswer::UserNotFound).and_then(|user| {
            user.session.attach(&line, &self.policy)?;
            Ok(user.connection.replace(name.to_owned()))
        });
        let (answer, event) = match judged {
            Ok(_) => (AttachAnswer::Ok, Event::Accepted),
            Err(answer) => (answer, Event::Denied),
        };
        self.happened(name, event);
        let mut out = Vec::new();
        frame::encode(answer.payload(), &mut out).unwrap();
        let connection = self.connection(name);
        connection.sent.extend(out);
        connection.username = line.username.unwrap_or_default().to_vec();
        if let Ok(Some(older)) = judged {
            self.happened(&older, Event::End);
        }
    }

    fn on_request(&mut self, name: &str, payload: &[u8]) {
        let Ok(request) = request::decode(payload) else {
            return self.break_off(name);
        };
        self.happened(name, Event::Request);
        let username = self.connection(name).username.clone();
        let user = self.users.get_mut(&username).expect("logout closes the connection");
        match user.session.on_request(request.id, &self.policy) {
            Verdict::Run(ticket) => self.handle(username, ticket, request.content),
            Verdict::Replay(answer) => {
                let frame = response_frame(request.id, answer);
                self.respond(name, &frame);
            }
            Verdict::Absorbed => {}
            Verdict::Conflict => self.break_off(name),
            Verdict::Refused => panic!("the recordings know no limit"),
        }
    }

    /// A fault of the client: the connection closes, the user stays.
    fn break_off(&mut self, name: &str) {
        self.happened(name, Event::Fault);
        let username = &self.connections[name].username;
        self.users.get_mut(username).expect("logout closes the connection").connection = None;
    }

    /// The recorded application (README of the recordings, msgserver).
    fn handle(&mut self, username: Vec<u8>, ticket: Ticket, content: &[u8]) {
        let user = self.users.get_mut(&username).expect("its session gave the ticket");
        user.calls += 1;
        let login = user.login;
        let counted = |rest: &[u8]| [format!("n={}:", user.calls).as_bytes(), rest].concat();
        let letters = content.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (word, rest) = content.split_at(letters);
        let rest = rest.strip_prefix(b":").unwrap_or(rest);
        let result = match word {
            b"hold" => {
                let colon = rest.iter().position(|&byte| byte == b':').expect("hold:TOKEN:X");
                let (token, result) = (rest[..colon].to_vec(), counted(&rest[colon + 1..]));
                return self.held.push(Held { token, username, login, ticket, result });
            }
            b"count" => Some(counted(rest)),
            b"fail" | b"tab" => None,
            b"none" => Some(Vec::new()),
            b"num" => Some(b"12345".to_vec()),
            b"big" => Some(vec![b'x'; String::from_utf8_lossy(rest).parse().unwrap()]),
            _ => Some(content.to_vec()),
        };
        self.finish(
            &username,
            login,
            ticket,
            result.as_deref().map_or(Answer::Failed, Answer::Content),
        );
    }

    fn release(&mut self, token: &[u8]) {
        let place = self.held.iter().position(|held| held.token == token).expect("it is held");
        let held = self.held.remove(place);
        self.finish(&held.username, held.login, held.ticket, Answer::Content(&held.result));
    }

    /// A handler has ended: its answer goes to the connection attached now, or waits (WIRE M16).
    fn finish(&mut self, username: &[u8], login: u32, ticket: Ticket, answer: Answer<'_>) {
        let user = self.users.get_mut(username).filter(|user| user.login == login);
        let Some(user) = user else {
            return;
        };
        let Some(answer) = user.session.on_answer(ticket, answer, &self.policy) else {
            return;
        };
        let frame = response_frame(ticket.id(), answer);
        if let Some(name) = user.connection.clone() {
            self.respond(&name, &frame);
        }
    }

    fn respond(&mut self, name: &str, frame: &[u8]) {
        self.happened(name, Event::Response);
        self.connection(name).sent.extend(frame);
    }

    fn expect_bytes(&mut self, name: &str, expected: &[u8]) -> Result<(), String> {
        let connection = self.connection(name);
        let available = connection.sent.len().min(expected.len());
        let actual: Vec<u8> = connection.sent.drain(..available).collect();
        if actual == expected {
            return Ok(());
        }
        let shown = |bytes: &[u8]| bytes[..bytes.len().min(200)].escape_ascii().to_string();
        Err(format!("{name} expected \"{}\", got \"{}\"", shown(expected), shown(&actual)))
    }

    fn expect(&mut self, name: &str, is_so: fn(State) -> bool, what: &str) -> Result<(), String> {
        let connection = self.connection(name);
        if connection.sent.is_empty() && is_so(connection.state) {
            return Ok(());
        }
        let (state, sent) = (connection.state, &connection.sent);
        Err(format!("{name} should be {what}, is {state:?} with {sent:?} sent"))
    }
}

/// Whether the client sees the connection open.
fn is_open(state: State) -> bool {
    state.client_frame().is_some()
}

fn expect_done(step: &Step, done: bool) -> Result<(), String> {
    match step.ok == Some(done) {
        true => Ok(()),
        false => Err(format!("expected {:?}, got {done}", step.ok)),
    }
}

fn next_frame(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let Decode::Done { value, consumed } = frame::decode(received) else {
        return None;
    };
    let payload = value.to_vec();
    received.drain(..consumed);
    Some(payload)
}

fn response_frame(id: u32, answer: StoredAnswer<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    response::encode(answer.content, answer.flag, id, &mut frame).unwrap();
    frame
}
