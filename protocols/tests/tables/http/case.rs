//! The rows of the tables, and how their text is read.
//!
//! A row says where its rule is from, what is sent, what is read, and in which state that leaves
//! the connection:
//!
//! ```text
//! [9112 7.1.2] trailers stand apart from the head
//! ? body_bytes 8
//! > POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n
//! > 2\r\nhi\r\n0\r\nX: y\r\n\r\n
//! < POST / ; body hi ; trailer X: y
//! = idle
//! ```
//!
//! The section is an RFC's, or the name of a technique. The lines behind `>` are joined as they
//! are; in them and behind `<` the escapes are `\r \n \t \0 \\ \xHH` and `\*9(text)`, which is the
//! text nine times. An `@` at the front of the input stands for the head of a chunked request.

use crate::escape::unescape;
use crate::message::{End, Field, Message};
use crate::rows::{Row, rows};

/// What `@` stands for.
const CHUNKED_HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// One row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    /// Section and what is special.
    pub(crate) name: String,
    pub(crate) input: Vec<u8>,
    pub(crate) narrow: Vec<(String, usize)>,
    /// Methods of the requests that a client has sent.
    pub(crate) asked: Vec<String>,
    /// Whether the peer ends the connection behind the input.
    pub(crate) ended: bool,
    /// What is read whole, in order.
    pub(crate) messages: Vec<Message>,
    pub(crate) end: End,
}

/// The rows of a table's text. Their names say the table and the line.
pub(crate) fn read(table: &str, text: &str) -> Vec<Case> {
    rows(table, text).into_iter().map(Case::of).collect()
}

impl Case {
    fn of(row: Row<'_>) -> Self {
        let mut case = Self { name: row.name, ..Self::default() };
        for (mark, rest) in row.lines {
            match mark {
                "?" => case.set(rest),
                ">" => case.input.extend(input(rest)),
                "<" => case.messages.push(message(rest)),
                "=" => case.end = end(rest),
                _ => panic!("{}: what is {mark:?}?", case.name),
            }
        }
        case
    }

    /// Whether these are the messages of the row. Of the header lines only those are compared that
    /// the row names, in their order.
    pub(crate) fn is_read_as(&self, messages: &[Message]) -> bool {
        self.messages.len() == messages.len()
            && self.messages.iter().zip(messages).all(|(row, read)| is_row(row, read))
    }

    fn set(&mut self, words: &str) {
        let mut words = words.split(' ');
        match words.next().unwrap() {
            "ended" => self.ended = true,
            "asked" => self.asked = words.map(str::to_owned).collect(),
            limit => {
                let number = words.next().unwrap().parse().unwrap();
                self.narrow.push((limit.to_owned(), number));
            }
        }
    }
}

fn is_row(row: &Message, read: &Message) -> bool {
    let mut fields = read.fields.iter();
    let mut read = read.clone();
    if row.host.is_none() {
        read.host = None;
    }
    let has_fields = row.fields.iter().all(|wanted| fields.any(|field| field == wanted));
    read.fields.clone_from(&row.fields);
    has_fields && *row == read
}

fn message(text: &str) -> Message {
    let mut parts = text.split(" ; ");
    let start = unescape(parts.next().unwrap());
    let mut message = Message { start, ..Message::default() };
    for part in parts {
        let (name, value) = part.split_once(' ').unwrap_or((part, ""));
        match name {
            "host" => message.host = Some(unescape(value)),
            "field" => message.fields.push(field(value)),
            "body" => message.body = unescape(value),
            "trailer" => message.trailers.push(field(value)),
            "last" => message.last = true,
            "continue" => message.is_continue = true,
            "interim" => message.interim = value.parse().unwrap(),
            other => panic!("what is {other:?}?"),
        }
    }
    message
}

fn field(text: &str) -> Field {
    let (name, value) = text.split_once(':').unwrap();
    (name.to_owned(), unescape(value.strip_prefix(' ').unwrap_or(value)))
}

fn end(text: &str) -> End {
    match text {
        "idle" => End::Idle,
        "closed" => End::Closed,
        "incomplete" => End::Incomplete,
        "bad" => End::Bad,
        status => End::Refused(status.parse().unwrap()),
    }
}

fn input(text: &str) -> Vec<u8> {
    match text.strip_prefix('@') {
        Some(chunks) => [CHUNKED_HEAD, &unescape(chunks)].concat(),
        None => unescape(text),
    }
}
