//! Calls of generated protocols, whose arguments and results are generated types (WIRE S15 to S17).

use std::fmt;
use std::marker::PhantomData;

use super::error::{BodyError, RequestError};
use super::{Answer, Body, Content, Host, Request, Responder, Rpc};
use crate::sproto::decoder::FromFields;
use crate::sproto::encoder::ToFields;
use crate::sproto::error::DecodeError;
use crate::sproto::schema::Protocol;
use crate::sproto::value::Value;

/// A protocol as a type, which generated code has one of for each.
pub trait Stub {
    /// What is asked with; `()` if with nothing.
    type Request: Side;
    /// What is answered; `()` if nothing.
    type Response: Side;
    /// The protocol's name.
    const NAME: &'static str;
    /// The protocol's tag.
    const TAG: u16;

    /// Whether this is the protocol of a schema. Another version of the schema may have another
    /// protocol of the same tag.
    #[must_use]
    fn is(protocol: &Protocol) -> bool {
        protocol.tag() == Self::TAG && protocol.name() == Self::NAME
    }
}

/// A request or response: a generated type, or `()` where there is nothing.
pub trait Side: Sized {
    /// What there is to be sent.
    fn to_body(&self) -> Option<&dyn ToFields>;

    /// Reads it.
    ///
    /// # Errors
    /// Those of [`Body::read`].
    fn from_body(body: &Body<'_>) -> Result<Self, DecodeError>;
}

impl Side for () {
    fn to_body(&self) -> Option<&dyn ToFields> {
        None
    }

    fn from_body(_: &Body<'_>) -> Result<Self, DecodeError> {
        Ok(())
    }
}

impl<T: ToFields + for<'i> FromFields<'i>> Side for T {
    fn to_body(&self) -> Option<&dyn ToFields> {
        Some(self)
    }

    fn from_body(body: &Body<'_>) -> Result<Self, DecodeError> {
        body.read()
    }
}

/// A request of the peer's whose arguments are read.
#[derive(Debug, PartialEq)]
pub struct Asked<P: Stub> {
    /// The arguments.
    pub args: P::Request,
    /// What the answer needs, if one is wanted.
    pub reply: Option<Reply<P>>,
}

/// Permission to answer one request once, with the result of its protocol.
#[must_use = "somebody waits for an answer"]
pub struct Reply<P> {
    responder: Responder,
    protocol: PhantomData<fn() -> P>,
}

impl<P> fmt::Debug for Reply<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.responder.fmt(formatter)
    }
}

impl<P> PartialEq for Reply<P> {
    fn eq(&self, other: &Self) -> bool {
        self.responder == other.responder
    }
}

impl<P> Eq for Reply<P> {}

impl Host {
    /// As [`Host::request`], of a generated protocol.
    ///
    /// # Errors
    /// As [`Host::request`].
    pub fn call<P: Stub>(
        &mut self,
        rpc: &Rpc,
        session: Option<i64>,
        args: &P::Request,
        ud: Option<&Value<'_>>,
        work: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        let protocol = rpc.remote.protocol_of_tag(P::TAG).filter(|it| P::is(it));
        let unknown = || RequestError::ProtocolUnknown { name: P::NAME.into() };
        let content = Content { ud, body: args.to_body() };
        self.ask(rpc, protocol.ok_or_else(unknown)?, session, &content, work, out)
    }
}

impl<P: Stub> Asked<P> {
    /// Reads the arguments. User data are the caller's to take out before.
    ///
    /// # Errors
    /// The request is of another protocol, or its arguments cannot be read. Nobody answers it then.
    pub fn read(request: Request<'_>) -> Result<Self, BodyError> {
        if !P::is(request.protocol) {
            return Err(BodyError::Protocol { tag: request.protocol.tag() });
        }
        let args = P::Request::from_body(&request.args)?;
        let reply = request.responder.map(|responder| Reply { responder, protocol: PhantomData });
        Ok(Self { args, reply })
    }
}

impl<P: Stub> Reply<P> {
    /// The session of the request.
    #[must_use]
    pub fn session(&self) -> i64 {
        self.responder.session()
    }

    /// Appends the answer to `out`, as [`Responder::respond`].
    ///
    /// # Errors
    /// As [`Responder::respond`].
    pub fn respond(
        self,
        rpc: &Rpc,
        result: &P::Response,
        ud: Option<&Value<'_>>,
        work: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), (Self, RequestError)> {
        let content = Content { ud, body: result.to_body() };
        let responded = self.responder.respond(rpc, &content, work, out);
        responded.map_err(|(responder, error)| (Self { responder, protocol: PhantomData }, error))
    }

    /// The permission without the type.
    pub fn into_responder(self) -> Responder {
        self.responder
    }
}

impl Answer<'_> {
    /// Reads the result of a generated protocol.
    ///
    /// # Errors
    /// The answer is to another protocol, or cannot be read.
    pub fn read<P: Stub>(&self) -> Result<P::Response, BodyError> {
        if !P::is(self.protocol) {
            return Err(BodyError::Protocol { tag: self.protocol.tag() });
        }
        Ok(P::Response::from_body(&self.result)?)
    }
}
