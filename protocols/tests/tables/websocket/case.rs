//! The rows of the tables, and how their text is read.
//!
//! A row says where its rule is from, what is read, what comes of it, what is answered, and in
//! which state that leaves the connection:
//!
//! ```text
//! [5.4] a ping between two fragments
//! ? fragments 2
//! > 01(Hel) 89(x) 80(lo)
//! < ping x
//! < text Hello
//! ! 8a(x)
//! = open
//! ```
//!
//! The section is one of RFC 6455, unless it says more. `81(Hello)` is a frame: its first byte, and
//! its payload, with a length in the shortest form and masked if the side that sends it must. A `u`
//! before the bracket turns the masking round; `+9` announces nine bytes more than there are. Words
//! without brackets are hexadecimal, as they are. In payloads, and behind `<`, the escapes are
//! those of `drivers/escape.rs`.

use bytes::Bytes;
use skyring_protocols::Compat;
use skyring_protocols::websocket::deflate::Agreed;
use skyring_protocols::websocket::{CloseCode, Event, Kind, Limits, Role};

use crate::escape::{closing, unescape};
use crate::rows::{Row, rows};

/// What the other side masks with.
const THEIR_KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What this side masks with.
pub(crate) const OUR_KEY: [u8; 4] = [1, 0x80, 3, 0xff];

/// One row.
#[derive(Debug)]
pub(crate) struct Case {
    /// Section and what is special.
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) compat: Compat,
    pub(crate) agreed: Option<Agreed>,
    pub(crate) limits: Limits,
    /// Whether this side has sent its close frame before.
    pub(crate) closed: bool,
    /// Whether the peer ends the stream behind the input.
    pub(crate) ended: bool,
    pub(crate) input: Vec<u8>,
    pub(crate) events: Vec<Event>,
    pub(crate) answer: Vec<u8>,
    pub(crate) end: String,
}

/// The rows of a table's text. Their names say the table and the line.
pub(crate) fn read(table: &str, text: &str) -> Vec<Case> {
    rows(table, text).into_iter().map(Case::of).collect()
}

impl Case {
    fn of(row: Row<'_>) -> Self {
        let mut case = Self::new(row.name);
        for (mark, rest) in row.lines {
            match mark {
                "?" => case.set(rest),
                ">" => case.input.extend(frames(rest, case.role == Role::Server, THEIR_KEY)),
                "<" => case.events.push(event(rest)),
                "!" => case.answer.extend(frames(rest, case.role == Role::Client, OUR_KEY)),
                "=" => rest.clone_into(&mut case.end),
                _ => panic!("{}: what is {mark:?}?", case.name),
            }
        }
        case
    }

    fn new(name: String) -> Self {
        Self {
            name,
            role: Role::Server,
            compat: Compat::Strict,
            agreed: None,
            limits: Limits::default(),
            closed: false,
            ended: false,
            input: Vec::new(),
            events: Vec::new(),
            answer: Vec::new(),
            end: String::new(),
        }
    }

    fn set(&mut self, words: &str) {
        let (name, number) = words.split_once(' ').unwrap_or((words, ""));
        match name {
            "client" => self.role = Role::Client,
            "skynet" => self.compat = Compat::Skynet,
            "deflate" => self.agreed = Some(agreed(false)),
            "deflate_alone" => self.agreed = Some(agreed(true)),
            "closed" => self.closed = true,
            "ended" => self.ended = true,
            "message_bytes" => self.limits.message_bytes_max = number.parse().unwrap(),
            "frame_bytes" => self.limits.frame_bytes_max = number.parse().unwrap(),
            "fragments" => self.limits.fragments_max = number.parse().unwrap(),
            other => panic!("what is {other:?}?"),
        }
    }
}

fn agreed(alone: bool) -> Agreed {
    Agreed {
        server_no_context_takeover: alone,
        client_no_context_takeover: alone,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    }
}

/// The bytes of a line of words.
fn frames(text: &str, masks: bool, key: [u8; 4]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find([' ', '(']).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if let Some(bracket) = behind.strip_prefix('(') {
            let (payload, behind) = bracket.split_at(closing(bracket));
            frame(word, &unescape(payload), masks, key, &mut out);
            rest = behind[1..].trim_start();
        } else {
            let pairs = word.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
            out.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
            rest = behind.trim_start();
        }
    }
    out
}

/// One frame, written without the crate under test.
fn frame(word: &str, payload: &[u8], masks: bool, key: [u8; 4], out: &mut Vec<u8>) {
    let (word, missing) = word.split_once('+').unwrap_or((word, "0"));
    let turned = word.ends_with('u');
    let first = u8::from_str_radix(word.trim_end_matches('u'), 16).unwrap();
    let length = payload.len() + missing.parse::<usize>().unwrap();
    let masked = if masks != turned { 0x80 } else { 0 };
    out.push(first);
    match length {
        0..=125 => out.push(masked | length as u8),
        126..=65_535 => {
            out.push(masked | 126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    if masked == 0 {
        out.extend(payload);
    } else {
        out.extend(key);
        out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    }
}

fn event(text: &str) -> Event {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let data = Bytes::from(unescape(rest));
    match name {
        "text" => Event::Message { kind: Kind::Text, data },
        "binary" => Event::Message { kind: Kind::Binary, data },
        "ping" => Event::Ping(data),
        "pong" => Event::Pong(data),
        "close" if rest.is_empty() => Event::Close { code: None, reason: data },
        "close" => {
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let code = CloseCode::new(code.parse().unwrap());
            assert!(code.is_some(), "no event has such a code: {text}");
            Event::Close { code, reason: Bytes::from(unescape(reason)) }
        }
        other => panic!("what is {other:?}?"),
    }
}
