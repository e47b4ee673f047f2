//! Requests, answers, and which answer belongs to which request (WIRE S15 to S17).
//!
//! [`Rpc`] is what all connections of a kind share and nothing changes: both schemas and the
//! header. [`Host`] is one end of one connection, and knows only who still waits for an answer.
//! Both ends may ask. A body is given as something that writes its fields, and taken as the bytes
//! of it, so the same calls serve dynamic values and generated types. A generated protocol is a
//! [`Stub`]; [`Host::call`], [`Asked`], [`Reply`] and [`Answer::read`] take and give its types.
//!
//! How packages are told apart in a stream is the transport's business.

mod error;
mod header;
mod typed;

use std::collections::BTreeMap;

use super::encoder::{self, ToFields};
use super::error::{DecodeError, EncodeError};
use super::limits::Limits;
use super::schema::{Protocol, Response, Schema, TypeId};
use super::value::{Struct, Value};
use super::{FromFields, decode, pack, unpack};
use header::{Header, Layout};

pub use error::{BodyError, DispatchError, RequestError, SetupError};
pub use typed::{Asked, Reply, Side, Stub};

/// The usual name of the header's type.
pub const PACKAGE: &str = "package";

/// What all connections of a kind share.
#[derive(Clone, Debug)]
pub struct Rpc {
    local: Schema,
    remote: Schema,
    layout: Layout,
    limits: Limits,
    asked_max: usize,
}

/// One end of a connection: the requests that are not answered yet.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Tags of the protocols that are asked, by session.
    asked: BTreeMap<i64, u16>,
}

/// What goes into a package beside its header's numbers.
#[derive(Clone, Copy, Default)]
pub struct Content<'c> {
    /// User data, if the header has a field for them.
    pub ud: Option<&'c Value<'c>>,
    /// Arguments or result: needed where the protocol has a type for them, and refused elsewhere.
    pub body: Option<&'c dyn ToFields>,
}

/// What came in a package.
#[derive(Debug, PartialEq)]
pub enum Dispatch<'r> {
    /// The peer asks.
    Request(Request<'r>),
    /// The peer answers.
    Answer(Answer<'r>),
}

/// A request of the peer's.
#[derive(Debug, PartialEq)]
pub struct Request<'r> {
    /// What is asked.
    pub protocol: &'r Protocol,
    /// Arguments, not read yet.
    pub args: Body<'r>,
    /// What the answer needs, if one is wanted.
    pub responder: Option<Responder>,
    /// User data, if any were sent.
    pub ud: Option<Value<'r>>,
}

/// The peer's answer to a request of this host.
#[derive(Debug, PartialEq)]
pub struct Answer<'r> {
    /// The session that was asked under. It is free again.
    pub session: i64,
    /// What was asked.
    pub protocol: &'r Protocol,
    /// What is answered, not read yet.
    pub result: Body<'r>,
    /// User data, if any were sent.
    pub ud: Option<Value<'r>>,
}

/// Permission to answer one request once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "somebody waits for an answer"]
pub struct Responder {
    session: i64,
    response: Option<TypeId>,
}

/// What stands behind a header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Body<'r> {
    schema: &'r Schema,
    body_type: Option<TypeId>,
    bytes: &'r [u8],
    limits: Limits,
}

impl Rpc {
    /// `local` is what the peer may ask, and has the header's type; `remote` is what may be asked
    /// of the peer. At most `asked_max` requests of one host wait for an answer.
    ///
    /// # Errors
    /// The header's type is not there, or is none.
    pub fn new(
        local: Schema,
        remote: Schema,
        package: &str,
        limits: Limits,
        asked_max: usize,
    ) -> Result<Self, SetupError> {
        let layout = Layout::of(&local, package)?;
        Ok(Self { local, remote, layout, limits, asked_max })
    }

    /// What the peer may ask.
    #[must_use]
    pub fn local(&self) -> &Schema {
        &self.local
    }

    /// What may be asked of the peer.
    #[must_use]
    pub fn remote(&self) -> &Schema {
        &self.remote
    }

    /// Appends a package to `out`; `work` holds it before it is packed.
    fn put(
        &self,
        (protocol, session): (Option<u16>, Option<i64>),
        body_type: Option<TypeId>,
        content: &Content<'_>,
        work: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        if body_type.is_some() != content.body.is_some() {
            return Err(RequestError::Body);
        }
        work.clear();
        let header = Header { rpc: self, protocol, session, ud: content.ud };
        encoder::encode(&header, &self.limits, work)?;
        if let Some(body) = content.body {
            encoder::encode(body, &self.limits, work)?;
        }
        let max = self.limits.message_bytes_max;
        // Packages are unpacked to whole words, and refused by their length then.
        if work.len().next_multiple_of(8) > max {
            return Err(EncodeError::TooLong { max }.into());
        }
        pack(work, out);
        Ok(())
    }
}

impl Host {
    /// A host that has asked nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a request to `out`, under a session if an answer is wanted (WIRE S15). `work` is any
    /// buffer, whose content is lost.
    ///
    /// # Errors
    /// The remote schema has no such protocol, the session still waits for an answer, or the
    /// content is wrong. Nothing is appended, and no answer is waited for.
    pub fn request(
        &mut self,
        rpc: &Rpc,
        protocol: &str,
        session: Option<i64>,
        content: &Content<'_>,
        work: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        let unknown = || RequestError::ProtocolUnknown { name: protocol.into() };
        let protocol = rpc.remote.protocol(protocol).ok_or_else(unknown)?;
        self.ask(rpc, protocol, session, content, work, out)
    }

    /// As [`Self::request`], of the protocol with this tag.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn request_by_tag(
        &mut self,
        rpc: &Rpc,
        tag: u16,
        session: Option<i64>,
        content: &Content<'_>,
        work: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        let protocol = rpc.remote.protocol_of_tag(tag);
        let protocol = protocol.ok_or(RequestError::TagUnknown { tag })?;
        self.ask(rpc, protocol, session, content, work, out)
    }

    fn ask(
        &mut self,
        rpc: &Rpc,
        protocol: &Protocol,
        session: Option<i64>,
        content: &Content<'_>,
        work: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        if let Some(session) = session {
            if self.asked.contains_key(&session) {
                return Err(RequestError::SessionTaken { session });
            }
            if self.asked.len() >= rpc.asked_max {
                return Err(RequestError::TooManyAsked { max: rpc.asked_max });
            }
        }
        rpc.put((Some(protocol.tag()), session), protocol.request(), content, work, out)?;
        if let Some(session) = session {
            self.asked.insert(session, protocol.tag());
        }
        Ok(())
    }

    /// Takes a package apart (WIRE S16). `work` is any buffer, whose content is lost; what is
    /// returned borrows from it.
    ///
    /// # Errors
    /// It is no package, asks for what the local schema does not have, or answers what nobody
    /// asked.
    pub fn dispatch<'r>(
        &mut self,
        rpc: &'r Rpc,
        package: &[u8],
        work: &'r mut Vec<u8>,
    ) -> Result<Dispatch<'r>, DispatchError> {
        work.clear();
        unpack(package, rpc.limits.message_bytes_max, work)?;
        let (header, consumed) = header::read(rpc, work)?;
        let bytes = &work[consumed..];
        let body = |schema, body_type| Body { schema, body_type, bytes, limits: rpc.limits };
        if let Some(number) = header.protocol {
            let found = u16::try_from(number).ok().and_then(|it| rpc.local.protocol_of_tag(it));
            let protocol = found.ok_or(DispatchError::ProtocolUnknown { number })?;
            let response = protocol.response().type_id();
            let responder = header.session.map(|session| Responder { session, response });
            let args = body(&rpc.local, protocol.request());
            return Ok(Dispatch::Request(Request { protocol, args, responder, ud: header.ud }));
        }
        let session = header.session.ok_or(DispatchError::SessionMissing)?;
        let asked = self.asked.remove(&session).and_then(|tag| rpc.remote.protocol_of_tag(tag));
        let protocol = asked.ok_or(DispatchError::SessionUnknown { session })?;
        let result = body(&rpc.remote, protocol.response().type_id());
        Ok(Dispatch::Answer(Answer { session, protocol, result, ud: header.ud }))
    }

    /// No longer waits for an answer; whether one was waited for. An answer that still comes is
    /// refused.
    pub fn forget(&mut self, session: i64) -> bool {
        self.asked.remove(&session).is_some()
    }

    /// Sessions that wait for an answer.
    pub fn asked(&self) -> impl ExactSizeIterator<Item = i64> {
        self.asked.keys().copied()
    }
}

impl Responder {
    /// The session of the request.
    #[must_use]
    pub fn session(&self) -> i64 {
        self.session
    }

    /// The type of the answer in the local schema, if it has any content.
    #[must_use]
    pub fn response(&self) -> Option<TypeId> {
        self.response
    }

    /// Appends the answer to `out` (WIRE S15). `work` is any buffer, whose content is lost.
    ///
    /// # Errors
    /// The content is wrong. Nothing is appended; the permission comes back, for another answer.
    pub fn respond(
        self,
        rpc: &Rpc,
        content: &Content<'_>,
        work: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), (Self, RequestError)> {
        let written = rpc.put((None, Some(self.session)), self.response, content, work, out);
        written.map_err(|error| (self, error))
    }
}

impl<'r> Body<'r> {
    /// As a dynamic value; none where the protocol has no content.
    ///
    /// # Errors
    /// The bytes are no such struct. Those that are missing read as zeros as long as packing has
    /// filled up with some.
    pub fn value(&self) -> Result<Option<Struct<'r>>, DecodeError> {
        let Some(body_type) = self.body_type else { return Ok(None) };
        self.schema.decode(body_type, self.bytes, &self.limits).map(|(value, _)| Some(value))
    }

    /// As the type that belongs to the protocol.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn read<T: FromFields<'r>>(&self) -> Result<T, DecodeError> {
        decode(self.bytes, &self.limits).map(|(value, _)| value)
    }

    /// The type of it in its schema; none where the protocol has no content.
    #[must_use]
    pub fn body_type(&self) -> Option<TypeId> {
        self.body_type
    }

    /// All bytes behind the header, and zeros that packing has added.
    #[must_use]
    pub fn bytes(&self) -> &'r [u8] {
        self.bytes
    }
}

impl Protocol {
    /// Whether the schema says that there is an answer, be it without content.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.response() != Response::None
    }
}
