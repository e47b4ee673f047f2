//! Arguments and results by the names of their fields, without generated types.

use skyring_protocols::sproto::rpc::{BodyError, Content, Request, RequestError, Responder};
use skyring_protocols::sproto::schema::TypeId;
use skyring_protocols::sproto::{EncodeError, Schema, Struct, Value};

/// Arguments of a request, or the result of one; none where the protocol has no content.
pub type Body = Option<Struct<'static>>;

/// A request by names.
#[derive(Debug, PartialEq)]
pub struct Dynamic {
    /// The protocol's name.
    pub protocol: Box<str>,
    /// The arguments.
    pub args: Body,
    /// What the answer needs, if one is wanted.
    pub responder: Option<Responder>,
}

impl Dynamic {
    /// What a [`Handler::read`](super::Handler::read) without generated types does.
    ///
    /// # Errors
    /// The arguments are not what the schema says.
    pub fn read(request: Request<'_>) -> Result<Dynamic, BodyError> {
        let args = request.args.value()?.map(Struct::into_owned);
        Ok(Dynamic { protocol: request.protocol.name().into(), args, responder: request.responder })
    }
}

/// Calls `put` with the content that a body is in a schema.
pub(super) fn with_content<T>(
    body: Body,
    schema: &Schema,
    body_type: Option<TypeId>,
    put: impl FnOnce(&Content<'_>) -> T,
) -> Result<T, RequestError> {
    let Some(body) = body else { return Ok(put(&Content::default())) };
    let body_type = body_type.ok_or(EncodeError::Message)?;
    let body = Value::Struct(body);
    let typed = schema.typed(body_type, &body)?;
    Ok(put(&Content { ud: None, body: Some(&typed) }))
}
