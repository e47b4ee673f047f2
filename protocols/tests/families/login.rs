//! Conversations with the login server (WIRE L1 to L14), on a compatible listener.
//!
//! Each connection is one machine with the recorded keys. The recorded application runs beside
//! them in virtual time: time passes in `pause` and `silent` steps, and when a step waits for an
//! answer that a slow login still holds back. Closing after the result line is not in the
//! recordings, so it is checked here for every connection that got one (WIRE L14).
//!
//! No recording of this family is a listed difference.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;
use skyring_protocols::Compat;
use skyring_protocols::login::{LoginClose, LoginOutput, LoginServer, LoginVerdict, SampleToken};

use crate::source::{self, Family};
use crate::transcript::Step;

pub(crate) const FAMILY: Family = Family { name: "login", files: &["transcripts"], replay_file };

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

/// The random values that the server drew, and the secret for checking.
#[derive(Deserialize)]
struct Keys {
    challenge: String,
    server_key: Option<String>,
    secret: Option<String>,
}

fn replay_file(file: &str) -> Vec<String> {
    let recording: Recording = source::read(FAMILY.name, file);
    assert!(!recording.transcripts.is_empty(), "{file} holds no transcript");
    let replay = |transcript: &Transcript| {
        assert!(!transcript.quirk, "{}: list our bytes for this difference", transcript.name);
        Replay::new(transcript).run().map_err(|wrong| format!("{}: {wrong}", transcript.name))
    };
    recording.transcripts.iter().filter_map(|transcript| replay(transcript).err()).collect()
}

/// A login server and its application, one transcript long.
struct Replay<'a> {
    transcript: &'a Transcript,
    now_ms: u64,
    connections: BTreeMap<&'a str, Connection>,
    /// Logins whose handler still waits, in the order they are due.
    waiting: Vec<Waiting>,
}

struct Connection {
    machine: LoginServer,
    /// Sent by the server, not yet expected by a step.
    sent: VecDeque<u8>,
    close: Option<LoginClose>,
}

struct Waiting {
    connection: String,
    user: Vec<u8>,
    due_ms: u64,
    verdict: LoginVerdict,
}

impl<'a> Replay<'a> {
    fn new(transcript: &'a Transcript) -> Self {
        let (connections, waiting) = (BTreeMap::new(), Vec::new());
        Self { transcript, now_ms: 0, connections, waiting }
    }

    fn run(mut self) -> Result<(), String> {
        for (number, step) in self.transcript.steps.iter().enumerate() {
            self.step(step).map_err(|wrong| format!("step {number} ({}): {wrong}", step.op))?;
        }
        for (name, connection) in &self.connections {
            if !connection.sent.is_empty() {
                return Err(format!("{name} got more than recorded: {:?}", connection.sent));
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &'a Step) -> Result<(), String> {
        let name = step.conn.as_str();
        match step.op.as_str() {
            "connect" => self.connect(name),
            "send" => {
                for piece in step.pieces() {
                    self.connection(name).machine.on_bytes(&piece);
                    self.drain(name)?;
                }
                Ok(())
            }
            "recv" => self.expect_bytes(name, &step.bytes()),
            "silent" => {
                self.pass(step.ms)?;
                self.expect_silence(name)
            }
            "closed" => self.expect_closed(name),
            "close" => {
                self.connections.remove(name);
                Ok(())
            }
            "pause" => self.pass(step.ms),
            other => Err(format!("unknown step {other}")),
        }
    }

    fn connect(&mut self, name: &'a str) -> Result<(), String> {
        let keys = &self.transcript.keys[name];
        // A connection without a recorded key never got as far as using one.
        let private_key = keys.server_key.as_deref().map_or([0xa5; 8], source::key);
        let machine = LoginServer::new(Compat::Skynet, source::key(&keys.challenge), private_key);
        let connection = Connection { machine, sent: VecDeque::new(), close: None };
        self.connections.insert(name, connection);
        self.drain(name)
    }

    fn connection(&mut self, name: &str) -> &mut Connection {
        self.connections.get_mut(name).unwrap_or_else(|| panic!("{name} is not connected"))
    }

    /// Does what the machine wants done.
    fn drain(&mut self, name: &str) -> Result<(), String> {
        while let Some(output) = self.connection(name).machine.poll_output() {
            match output {
                LoginOutput::Send(bytes) => self.connection(name).sent.extend(bytes),
                LoginOutput::Close(close) => self.connection(name).close = Some(close),
                LoginOutput::Judge { token } => {
                    let recorded = self.transcript.keys[name].secret.as_deref().map(source::key);
                    if recorded != self.connection(name).machine.secret().map(|it| *it.expose()) {
                        return Err(format!("{name} agreed on another secret than recorded"));
                    }
                    self.judge(name, &token);
                }
            }
        }
        Ok(())
    }

    /// The recorded server: authenticate, take the user's lock, ask the login handler. The lock is
    /// this test's; the engine's is shown where the same recordings are replayed on it.
    fn judge(&mut self, name: &str, token: &[u8]) {
        let known = SampleToken::parse(token).filter(|token| *token.password == b"password");
        let Some(token) = known else {
            return self.connection(name).machine.on_verdict(LoginVerdict::Unauthorized);
        };
        let in_progress = self.waiting.iter().any(|waiting| waiting.user == token.user);
        if in_progress && !self.transcript.multilogin {
            return self.connection(name).machine.on_verdict(LoginVerdict::InProgress);
        }
        let (wait_ms, verdict) = login_handler(&token);
        if wait_ms == 0 {
            return self.connection(name).machine.on_verdict(verdict);
        }
        let (connection, due_ms) = (name.to_owned(), self.now_ms + wait_ms);
        self.waiting.push(Waiting { connection, user: token.user, due_ms, verdict });
    }

    /// Lets time pass. All handlers wait equally long, so the first to begin is the first due.
    fn pass(&mut self, ms: u64) -> Result<(), String> {
        let until = self.now_ms + ms;
        while self.waiting.first().is_some_and(|waiting| waiting.due_ms <= until) {
            self.finish_first()?;
        }
        self.now_ms = until;
        Ok(())
    }

    fn finish_first(&mut self) -> Result<(), String> {
        let waiting = self.waiting.remove(0);
        self.now_ms = self.now_ms.max(waiting.due_ms);
        let name = waiting.connection.as_str();
        match self.connections.get_mut(name) {
            Some(connection) => connection.machine.on_verdict(waiting.verdict),
            None => return Ok(()),
        }
        self.drain(name)
    }

    fn expect_bytes(&mut self, name: &str, expected: &[u8]) -> Result<(), String> {
        while self.connection(name).sent.len() < expected.len() && !self.waiting.is_empty() {
            self.finish_first()?;
        }
        let connection = self.connection(name);
        let available = connection.sent.len().min(expected.len());
        let actual: Vec<u8> = connection.sent.drain(..available).collect();
        if actual != expected {
            let (expected, actual) = (expected.escape_ascii(), actual.escape_ascii());
            return Err(format!("{name} expected \"{expected}\", got \"{actual}\""));
        }
        let is_result = matches!(expected, [b'2' | b'4', b'0', _, b' ', ..]);
        match (is_result, connection.close) {
            (true, Some(LoginClose::Answered(_))) | (false, _) => Ok(()),
            (true, close) => Err(format!("{name} got its result line, close is {close:?}")),
        }
    }

    fn expect_silence(&mut self, name: &str) -> Result<(), String> {
        let connection = self.connection(name);
        match (connection.sent.is_empty(), connection.close) {
            (true, None) => Ok(()),
            (_, close) => Err(format!("{name}: {:?}, close {close:?}", connection.sent)),
        }
    }

    fn expect_closed(&mut self, name: &str) -> Result<(), String> {
        let connection = self.connection(name);
        match (connection.sent.is_empty(), connection.close) {
            (true, Some(_)) => Ok(()),
            (_, close) => Err(format!("{name}: {:?}, close {close:?}", connection.sent)),
        }
    }
}

/// The recorded application's login handler: how long it waits, and its decision.
fn login_handler(token: &SampleToken) -> (u64, LoginVerdict) {
    let user = &token.user;
    if token.server != b"sample" || user.starts_with(b"deny") {
        return (0, LoginVerdict::Forbidden);
    }
    let wait_ms = if user.starts_with(b"slow") { 500 } else { 0 };
    let subid = match user {
        user if user.starts_with(b"nosub") => Vec::new(),
        user if user.starts_with(b"num") => b"42".to_vec(),
        user => [b"sub-", user.as_slice()].concat(),
    };
    (wait_ms, LoginVerdict::Granted { subid })
}
