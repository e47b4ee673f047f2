//! What was read from a connection: messages, and the state they left it in.

use std::fmt;

/// Name and value of a header line.
pub(crate) type Field = (String, Vec<u8>);

/// A message that was read to its end.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Method and target, or status and reason, with one blank between.
    pub(crate) start: Vec<u8>,
    /// Whom a request is for. In a row of a table: where it is the point.
    pub(crate) host: Option<Vec<u8>>,
    /// The header lines. In a row of a table: those that are the point, in order.
    pub(crate) fields: Vec<Field>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<Field>,
    /// Whether the connection ends with this exchange.
    pub(crate) last: bool,
    /// Whether 100 was asked for.
    pub(crate) is_continue: bool,
    /// Interim answers before this one.
    pub(crate) interim: usize,
}

/// How the input leaves the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// Between two exchanges; everything was read.
    #[default]
    Idle,
    /// The last exchange was the last one: what follows is not read.
    Closed,
    /// Inside a message.
    Incomplete,
    /// Refused by a server, with this status.
    Refused(u16),
    /// Refused by a client, which has nothing to answer.
    Bad,
}

/// All that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The messages that were whole.
    pub(crate) messages: Vec<Message>,
    /// The message that was being read when the input ended or was refused, as far as it came. That
    /// differs with how the input was cut, so it is no part of what is compared.
    pub(crate) partial: Option<Message>,
    pub(crate) end: End,
}

impl fmt::Debug for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| bytes[..bytes.len().min(200)].escape_ascii().to_string();
        write!(out, "{:?}", text(&self.start))?;
        if let Some(host) = &self.host {
            write!(out, " host {:?}", text(host))?;
        }
        for (name, value) in &self.fields {
            write!(out, " field {name}: {:?}", text(value))?;
        }
        write!(out, " body {:?}", text(&self.body))?;
        for (name, value) in &self.trailers {
            write!(out, " trailer {name}: {:?}", text(value))?;
        }
        write!(out, " last {} continue {}", self.last, self.is_continue)?;
        write!(out, " interim {}", self.interim)
    }
}
