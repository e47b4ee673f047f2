//! Conversations with a server and the recorded application, behind the handshake (WIRE W1 to W4,
//! W6 to W8, W10 to W13).

use serde::Deserialize;
use skyring_protocols::Compat;
use skyring_protocols::crypt::{hexencode, sha1};
use skyring_protocols::websocket::deflate::Tool;
use skyring_protocols::websocket::{
    Aid, CloseCode, Connection, Event, Kind, Limits, ReadError, Role,
};

use crate::pieces;
use crate::source;
use crate::transcript::Step;
use crate::websocket::read;
use crate::websocket_differences::{Differences, Ours, as_binary};

/// The longest message that the recorded server took.
const MESSAGE_BYTES_MAX: usize = 262_144;

#[derive(Deserialize)]
struct Recording {
    transcripts: Vec<Transcript>,
}

#[derive(Deserialize)]
struct Transcript {
    name: String,
    events: Vec<Seen>,
    steps: Vec<Step>,
}

/// Something that the application saw.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub(crate) struct Seen {
    event: String,
    op: Option<String>,
    data: Option<Data>,
    code: Option<u16>,
    reason: Option<String>,
    ok: Option<bool>,
}

/// A message's payload.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Data {
    Hex(String),
    Long { sha1: String, length: usize },
}

/// The frames that a server sent, what its application saw, and how it ended.
#[derive(Clone, Debug, PartialEq)]
struct Talk {
    frames: Vec<u8>,
    events: Vec<Seen>,
    end: String,
}

pub(crate) fn replay() -> Vec<String> {
    let Recording { transcripts } = read("server");
    let mut differences = Differences::of("server");
    let mut wrong = Vec::new();
    for transcript in transcripts.iter().filter(|it| it.is_upgraded()) {
        let ours = differences.find(&transcript.name);
        let lines = transcript.replay(ours.as_ref());
        wrong.extend(lines.map(|line| format!("{}: {line}", transcript.name)));
    }
    wrong.extend(differences.unmet());
    wrong
}

impl Transcript {
    fn is_upgraded(&self) -> bool {
        self.received().starts_with(b"HTTP/1.1 101 ")
    }

    fn received(&self) -> Vec<u8> {
        self.steps.iter().filter(|step| step.op == "recv").flat_map(Step::bytes).collect()
    }

    fn sent(&self) -> Vec<u8> {
        self.steps.iter().filter(|step| step.op == "send").flat_map(Step::bytes).collect()
    }

    /// What went wrong, in the first way in which it did.
    fn replay(&self, ours: Option<&Ours>) -> Option<String> {
        let (sent, mut expected) = (behind_head(&self.sent()), self.recorded());
        match ours {
            Some(Ours::Text) => {
                let refused = self.run(std::slice::from_ref(&sent));
                if refused.end != "1007 Text" || !refused.frames.ends_with(&[0x88, 2, 3, 0xef]) {
                    return Some(format!("its text is not refused: {refused:?}"));
                }
                expected.frames = as_binary(&expected.frames);
                for event in &mut expected.events {
                    event.op = event.op.take().map(|_| "binary".to_owned());
                }
                return self.compare(&expected, &as_binary(&sent));
            }
            Some(Ours::Frames { sent, events, end }) => {
                expected.frames = source::bytes(sent);
                expected.events = events.iter().map(Seen::told).collect();
                expected.end.clone_from(end);
            }
            Some(Ours::Reads { .. }) => panic!("that is of a client"),
            None => {}
        }
        self.compare(&expected, &sent)
    }

    /// Whole, byte by byte, and in pieces.
    fn compare(&self, expected: &Talk, sent: &[u8]) -> Option<String> {
        let cuts = [vec![sent.to_vec()], pieces::bytewise(sent), pieces::random(sent, 30, 1)];
        cuts.iter().find_map(|cut| {
            let talk = self.run(cut);
            (talk != *expected).then(|| format!("{talk:?} is not {expected:?}"))
        })
    }

    fn recorded(&self) -> Talk {
        let events = self.events.iter();
        let finished = events.clone().find(|it| it.event == "finished").unwrap();
        let told = events.filter(|it| {
            !matches!(it.event.as_str(), "connect" | "handshake" | "error" | "finished")
        });
        let end = match (self.ends_by_peer(), finished.ok) {
            (true, _) => "Lost",
            (false, Some(true)) => "closed",
            (false, _) => "dropped without a word",
        };
        let frames = behind_head(&self.received());
        Talk { frames, events: told.map(Seen::told).collect(), end: end.to_owned() }
    }

    fn ends_by_peer(&self) -> bool {
        self.steps.last().unwrap().op == "close"
    }

    fn run(&self, pieces: &[Vec<u8>]) -> Talk {
        let mut run = Run {
            connection: Connection::new(Role::Server, Compat::Skynet, None),
            input: Vec::new(),
            talk: Talk { frames: Vec::new(), events: Vec::new(), end: String::new() },
            tool: Tool::default(),
        };
        for piece in pieces {
            run.input.extend_from_slice(piece);
            while let Some(event) = run.event() {
                run.see(event);
            }
        }
        let Run { mut connection, mut talk, .. } = run;
        if talk.end.is_empty() {
            talk.end = match (connection.is_closed(), self.ends_by_peer()) {
                (true, _) => "closed".to_owned(),
                (false, true) => format!("{:?}", connection.receive_end().unwrap_err()),
                (false, false) => "awaits".to_owned(),
            };
        }
        talk
    }
}

fn behind_head(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    bytes[end + 4..].to_vec()
}

impl Seen {
    /// Payloads as their digests, so that they can be compared.
    fn told(&self) -> Self {
        let data = self.data.as_ref().map(|data| match data {
            Data::Hex(hex) => Data::of(&source::bytes(hex)),
            long => long.clone(),
        });
        Self { data, ..self.clone() }
    }
}

impl Data {
    fn of(bytes: &[u8]) -> Self {
        Self::Long { sha1: hexencode(&sha1(bytes)), length: bytes.len() }
    }
}

/// One connection of the server.
struct Run {
    connection: Connection,
    input: Vec<u8>,
    talk: Talk,
    tool: Tool,
}

impl Run {
    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut Connection, &[u8], &mut Aid<'_>, &mut Vec<u8>) -> T,
    ) -> T {
        let limits = Limits { message_bytes_max: MESSAGE_BYTES_MAX, ..Limits::default() };
        let mut keys = || -> [u8; 4] { panic!("a server draws no keys") };
        let mut aid = Aid { limits: &limits, keys: &mut keys, tool: &mut self.tool };
        call(&mut self.connection, &self.input, &mut aid, &mut self.talk.frames)
    }

    fn event(&mut self) -> Option<Event> {
        match self.call(Connection::receive) {
            Ok(received) => {
                self.input.drain(..received.consumed);
                received.event
            }
            Err(error) => {
                let code = error.close_code().map_or(0, CloseCode::get);
                let error = match error {
                    ReadError::MessageTooLong { .. } => "MessageTooLong".to_owned(),
                    other => format!("{other:?}"),
                };
                self.talk.end = format!("{code} {error}");
                None
            }
        }
    }

    /// The recorded application.
    fn see(&mut self, event: Event) {
        let seen = |event: &str| Seen { event: event.to_owned(), ..Seen::default() };
        self.talk.events.push(match &event {
            Event::Message { kind, data } => {
                let op = if *kind == Kind::Text { "text" } else { "binary" };
                Seen { op: Some(op.to_owned()), data: Some(Data::of(data)), ..seen("message") }
            }
            Event::Ping(_) => seen("ping"),
            Event::Pong(_) => seen("pong"),
            Event::Close { code, reason } => Seen {
                code: code.map(CloseCode::get),
                reason: code.map(|_| hexencode(reason)),
                ..seen("close")
            },
        });
        if let Event::Message { kind, data } = event {
            self.answer(kind, &data);
        }
    }

    fn answer(&mut self, kind: Kind, data: &[u8]) {
        let text = str::from_utf8(data).unwrap_or_default();
        if text == "cmd:ping" {
            self.call(|connection, _, aid, out| connection.ping(b"", aid, out)).unwrap();
        } else if text == "cmd:error" {
            let code = Some(CloseCode::INTERNAL_ERROR);
            self.call(|connection, _, aid, out| connection.close(code, "", aid, out)).unwrap();
        } else if let Some(close) = text.strip_prefix("cmd:close:") {
            let (code, reason) = close.split_once(':').unwrap();
            let code = CloseCode::new(code.parse().unwrap());
            self.call(|connection, _, aid, out| connection.close(code, reason, aid, out)).unwrap();
        } else {
            self.call(|connection, _, aid, out| connection.send(kind, data, aid, out)).unwrap();
        }
    }
}
