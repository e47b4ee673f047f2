//! What a client writes and reads behind the handshake (WIRE W1, W4, W9, W12). Its answers are
//! masked, unlike those of Skynet's client: that is looked through here.

use serde::Deserialize;
use skyring_protocols::Compat;
use skyring_protocols::crypt::{hexencode, sha1};
use skyring_protocols::websocket::deflate::Tool;
use skyring_protocols::websocket::{Aid, CloseCode, Connection, Event, Kind, Limits, Role};

use crate::source;
use crate::websocket::read as recording;
use crate::websocket_differences::{Differences, Ours, as_binary};

#[derive(Deserialize)]
struct Recording {
    frames_written: Vec<Written>,
    frames_read: Vec<Read>,
}

#[derive(Deserialize)]
struct Written {
    op: String,
    payload: Option<Payload>,
    code: Option<u16>,
    #[serde(default)]
    reason: String,
    mask: Option<String>,
    bytes: Option<String>,
    bytes_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Payload {
    Hex(String),
    Repeat { repeat: String, count: usize },
}

#[derive(Deserialize)]
struct Read {
    name: String,
    bytes: Stream,
    reads: Vec<Got>,
    answer: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stream {
    Hex(String),
    Long { head: String, repeat: String, length: usize },
}

/// What the application read.
#[derive(Deserialize)]
#[serde(untagged)]
enum Got {
    Closed { closed: bool, payload: String },
    Error { error: String },
    Hex { data: String },
    Long { data: Digest },
}

#[derive(Deserialize)]
struct Digest {
    sha1: String,
    length: usize,
}

pub(crate) fn replay() -> Vec<String> {
    let recording: Recording = recording("client");
    let mut differences = Differences::of("client");
    let mut wrong = Vec::new();
    wrong.extend(recording.frames_written.iter().filter_map(Written::replay));
    for read in &recording.frames_read {
        let ours = differences.find(&read.name);
        wrong.extend(read.replay(ours.as_ref()));
    }
    wrong.extend(differences.unmet());
    wrong
}

impl Written {
    /// Frames without a key are as a server writes them.
    fn replay(&self) -> Option<String> {
        let key = self.mask.as_ref().map(|mask| <[u8; 4]>::try_from(source::bytes(mask)).unwrap());
        let role = if key.is_some() { Role::Client } else { Role::Server };
        let mut connection = Connection::new(role, Compat::Skynet, None);
        let (limits, mut keys, mut tool) = (Limits::default(), || key.unwrap(), Tool::default());
        let mut aid = Aid { limits: &limits, keys: &mut keys, tool: &mut tool };
        let payload = match &self.payload {
            Some(Payload::Hex(hex)) => source::bytes(hex),
            Some(Payload::Repeat { repeat, count }) => source::bytes(repeat).repeat(*count),
            None => Vec::new(),
        };
        let reason = String::from_utf8(source::bytes(&self.reason)).unwrap();
        let mut out = Vec::new();
        match self.op.as_str() {
            "text" => connection.send(Kind::Text, &payload, &mut aid, &mut out),
            "binary" => connection.send(Kind::Binary, &payload, &mut aid, &mut out),
            "ping" => connection.ping(&payload, &mut aid, &mut out),
            "close" => {
                let code = self.code.map(|code| CloseCode::new(code).unwrap());
                connection.close(code, &reason, &mut aid, &mut out)
            }
            other => panic!("what is {other:?}?"),
        }
        .unwrap();
        let is_same = match (&self.bytes, &self.bytes_prefix) {
            (Some(bytes), None) => out == source::bytes(bytes),
            (None, Some(prefix)) => out.starts_with(&source::bytes(prefix)),
            _ => panic!("either all bytes or the first"),
        };
        (!is_same).then(|| format!("written: {} is not {:?}", hexencode(&out), self.bytes))
    }
}

impl Read {
    fn replay(&self, ours: Option<&Ours>) -> Option<String> {
        let stream = match &self.bytes {
            Stream::Hex(hex) => source::bytes(hex),
            Stream::Long { head, repeat, length } => {
                let mut stream = source::bytes(head);
                stream.extend(source::bytes(repeat).repeat(length - stream.len()));
                stream
            }
        };
        let recorded = (self.reads.iter().map(Got::told).collect(), self.answer.clone());
        let (stream, expected) = match ours {
            Some(Ours::Text) => {
                let refused = read(&stream);
                if refused != (vec!["error".to_owned()], "880203ef".to_owned()) {
                    return Some(format!("{}: text is not refused: {refused:?}", self.name));
                }
                (as_binary(&stream), recorded)
            }
            Some(Ours::Reads { answer, reads }) => (stream, (reads.clone(), answer.clone())),
            _ => (stream, recorded),
        };
        let read = read(&stream);
        (read != expected).then(|| format!("{}: {read:?} is not {expected:?}", self.name))
    }
}

/// What the application reads, and what is answered, unmasked.
fn read(stream: &[u8]) -> (Vec<String>, String) {
    let mut connection = Connection::new(Role::Client, Compat::Skynet, None);
    // With a key of zeroes a masked payload is the plain one.
    let (limits, mut keys, mut tool) = (Limits::default(), || [0; 4], Tool::default());
    let mut aid = Aid { limits: &limits, keys: &mut keys, tool: &mut tool };
    let (mut rest, mut out, mut told) = (stream, Vec::new(), Vec::new());
    loop {
        let event = match connection.receive(rest, &mut aid, &mut out) {
            Ok(received) => {
                rest = &rest[received.consumed..];
                received.event
            }
            Err(_) => {
                told.push("error".to_owned());
                None
            }
        };
        match event {
            Some(Event::Message { data, .. }) => told.push(digest(&data)),
            Some(Event::Close { code, reason }) => {
                let code = code.map(|code| code.get().to_be_bytes());
                let payload = [code.as_slice().as_flattened(), &reason].concat();
                told.push(format!("closed {}", hexencode(&payload)));
            }
            Some(Event::Ping(_) | Event::Pong(_)) => {}
            None => return (told, unmasked(&out)),
        }
    }
}

/// Short frames masked with zeroes, without their keys.
fn unmasked(mut frames: &[u8]) -> String {
    let mut plain = Vec::new();
    while let [first, second, rest @ ..] = frames {
        assert_eq!((second & 0x80, &rest[..4]), (0x80, &[0; 4][..]), "a client masks");
        let length = second & 0x7f;
        let (payload, behind) = rest[4..].split_at(usize::from(length));
        plain.extend([*first, length]);
        plain.extend(payload);
        frames = behind;
    }
    hexencode(&plain)
}

impl Got {
    fn told(&self) -> String {
        match self {
            Self::Closed { closed, payload } => {
                assert!(closed);
                format!("closed {payload}")
            }
            Self::Error { error } => {
                assert!(!error.is_empty());
                "error".to_owned()
            }
            Self::Hex { data } => digest(&source::bytes(data)),
            Self::Long { data } => format!("{} {}", data.length, data.sha1),
        }
    }
}

fn digest(data: &[u8]) -> String {
    format!("{} {}", data.len(), hexencode(&sha1(data)))
}
