//! Messages of a capture, one by one, as JSON.
//!
//! A frame that cannot be read is told and passed over, so that those behind it are shown.

use skyring::protocols::sproto::rpc::DispatchError;
use skyring::protocols::sproto::schema::{Protocol, TypeId};
use skyring::protocols::sproto::{
    DecodeError, Fault, Limits, Raw, Schema, Struct, UnpackError, Value, decode_with, unpack,
};

use super::options::{DecodeOptions, Form};

/// What is decoded.
pub(super) struct Reader<'s> {
    schema: &'s Schema,
    form: Ids<'s>,
    packed: bool,
    framed: bool,
    limits: Limits,
}

/// [`Form`] in numbers of the schema.
enum Ids<'s> {
    Type(TypeId),
    Rpc { package: TypeId, answers: Option<&'s Protocol> },
}

/// Why a message is not shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    #[error("the schema has no type {0}")]
    NoType(String),
    #[error("the schema has no protocol {0}")]
    NoProtocol(String),
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error("{0}")]
    Message(Fault),
    #[error("in the header, {0}")]
    Header(Fault),
    #[error("in the body of {name}, {fault}")]
    Body { name: String, fault: Fault },
    #[error("in the body, {0}")]
    Nameless(DecodeError),
    #[error(transparent)]
    Package(DispatchError),
    #[error("a frame of {length} bytes, of which {there} are there")]
    FrameCut { length: usize, there: usize },
    #[error("a length is cut off")]
    LengthCut,
    #[error("it cannot be printed: {0}")]
    Json(#[from] serde_json::Error),
}

/// A message, or why there is none, and where it begins in the input.
pub(super) struct Shown {
    pub(super) number: usize,
    pub(super) offset: usize,
    pub(super) text: Result<String, MessageError>,
    /// Bytes behind the message that mean nothing.
    pub(super) behind: usize,
}

impl<'s> Reader<'s> {
    pub(super) fn new(schema: &'s Schema, options: &DecodeOptions) -> Result<Self, MessageError> {
        let of =
            |name: &String| schema.type_id(name).ok_or_else(|| MessageError::NoType(name.clone()));
        let form = match &options.form {
            Form::Type(name) => Ids::Type(of(name)?),
            Form::Rpc { package, answers } => {
                let protocol = |name: &String| {
                    schema.protocol(name).ok_or_else(|| MessageError::NoProtocol(name.clone()))
                };
                let answers = answers.as_ref().map(protocol).transpose()?;
                Ids::Rpc { package: of(package)?, answers }
            }
        };
        let (packed, framed) = (options.packed, options.framed);
        Ok(Self { schema, form, packed, framed, limits: Limits::default() })
    }

    /// All messages of the input.
    pub(super) fn messages(&self, input: &[u8]) -> impl Iterator<Item = Shown> {
        let mut offset = 0;
        let mut numbers = 1..;
        std::iter::from_fn(move || {
            let rest = input.get(offset..)?;
            if rest.is_empty() && (self.framed || offset > 0) {
                return None;
            }
            let (number, begin) = (numbers.next()?, offset);
            let (message, length) = if self.framed { frame(rest) } else { (Ok(rest), rest.len()) };
            // An empty message is one, too, and the last.
            offset += length.max(1);
            let shown = message.and_then(|message| self.message(message));
            let (text, behind) = match shown {
                Ok((value, behind)) => (serde_json::to_string_pretty(&value), behind),
                Err(error) => {
                    return Some(Shown { number, offset: begin, text: Err(error), behind: 0 });
                }
            };
            Some(Shown { number, offset: begin, text: text.map_err(Into::into), behind })
        })
    }

    /// A message, and how many bytes are behind it that packing does not explain.
    fn message(&self, message: &[u8]) -> Result<(Struct<'static>, usize), MessageError> {
        let mut unpacked = Vec::new();
        let message = if self.packed {
            unpack(message, self.limits.message_bytes_max, &mut unpacked)?;
            &unpacked
        } else {
            message
        };
        let (value, consumed) = match self.form {
            Ids::Type(id) => {
                let read = self.read(id, message).map_err(MessageError::Message)?;
                (read.0.into_owned(), read.1)
            }
            Ids::Rpc { package, answers } => {
                (self.package(package, answers, message)?, message.len())
            }
        };
        let behind = message.get(consumed..).unwrap_or_default();
        let is_padding = self.packed && behind.len() < 8 && behind.iter().all(|&it| it == 0);
        Ok((value, if is_padding { 0 } else { behind.len() }))
    }

    fn read<'m>(&'m self, id: TypeId, message: &'m [u8]) -> Result<(Struct<'m>, usize), Fault> {
        self.schema.decode(id, message, &self.limits).map_err(|error| {
            let fault = self.schema.find_fault(id, message, &self.limits);
            fault.unwrap_or(Fault { path: String::new(), offset: 0, error })
        })
    }

    /// A package: what is asked or answered, and the body.
    fn package(
        &self,
        package: TypeId,
        answers: Option<&Protocol>,
        unpacked: &[u8],
    ) -> Result<Struct<'static>, MessageError> {
        let (header, consumed) = self.read(package, unpacked).map_err(MessageError::Header)?;
        let body = &unpacked[consumed..];
        let number = header.get("type").and_then(Value::as_integer);
        let session = header.get("session").cloned();
        let mut shown = Struct::new();
        let (protocol, label, id) = match number {
            Some(number) => {
                let found = u16::try_from(number).ok();
                let found = found.and_then(|tag| self.schema.protocol_of_tag(tag));
                let unknown = MessageError::Package(DispatchError::ProtocolUnknown { number });
                let protocol = found.ok_or(unknown)?;
                shown.push("request", protocol.name().to_owned());
                (Some(protocol), "args", protocol.request())
            }
            None if session.is_none() => {
                return Err(MessageError::Package(DispatchError::SessionMissing));
            }
            None => {
                let name = answers.map_or("?", Protocol::name);
                shown.push("answer", name.to_owned());
                (answers, "result", answers.and_then(|it| it.response().type_id()))
            }
        };
        if let Some(session) = session {
            shown.push("session", session.into_owned());
        }
        if let Some(ud) = header.get("ud") {
            shown.push("ud", ud.clone().into_owned());
        }
        match (protocol, id) {
            (None, _) => shown.push(label, nameless(body, &self.limits)?),
            (Some(_), None) => {}
            (Some(protocol), Some(id)) => {
                let read = self.read(id, body).map_err(|fault| MessageError::Body {
                    name: protocol.name().to_owned(),
                    fault,
                })?;
                shown.push(label, read.0.into_owned());
            }
        }
        Ok(shown)
    }
}

/// The frame at the front, and how many bytes it takes with its length; all there are if it is cut.
fn frame(input: &[u8]) -> (Result<&[u8], MessageError>, usize) {
    let Some((length, rest)) = input.split_first_chunk() else {
        return (Err(MessageError::LengthCut), input.len());
    };
    let length = usize::from(u16::from_be_bytes(*length));
    match rest.get(..length) {
        Some(frame) => (Ok(frame), 2 + length),
        None => (Err(MessageError::FrameCut { length, there: rest.len() }), input.len()),
    }
}

/// A struct of a type that nobody knows: its fields by their tags.
fn nameless(body: &[u8], limits: &Limits) -> Result<Struct<'static>, MessageError> {
    let read = decode_with(body, limits, |decoder| {
        let mut fields = Struct::new();
        while let Some(field) = decoder.next()? {
            let value = match field.raw() {
                Raw::Word(number) => Value::from(i64::from(number)),
                Raw::Block(block) => Value::from(block.to_vec()),
            };
            fields.push(field.tag().to_string(), value);
        }
        Ok::<_, DecodeError>(fields)
    });
    read.map(|(fields, _)| fields).map_err(MessageError::Nameless)
}
