//! What a message carries, and what a call is answered with.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use skyring_protocols::custom::ProtocolId;

use super::fault::Fault;

/// What a message carries.
///
/// Services written in Rust pass values, which move without being encoded, on any shard; bytes that
/// a client or another language shall read are packed, under the number of their protocol
/// ([`skyring_protocols::custom`]). What a peer sent can only ever become packed content: no byte
/// from outside reaches a value.
#[derive(Debug)]
pub struct Content(Inner);

#[derive(Debug)]
enum Inner {
    Nothing,
    Packed(ProtocolId, Bytes),
    Value(Box<dyn Any + Send>),
    Shared(Arc<dyn Any + Send + Sync>),
}

impl Content {
    /// Nothing: an acknowledgement, or a question that needs no words.
    pub const NOTHING: Content = Content(Inner::Nothing);

    /// Bytes of a protocol.
    pub fn packed(protocol: ProtocolId, bytes: impl Into<Bytes>) -> Content {
        Content(Inner::Packed(protocol, bytes.into()))
    }

    /// Bytes that only the application understands ([`ProtocolId::RAW`]).
    pub fn raw(bytes: impl Into<Bytes>) -> Content {
        Content::packed(ProtocolId::RAW, bytes)
    }

    /// A value, which moves to its one recipient as it is.
    pub fn value<T: Send + 'static>(value: T) -> Content {
        Content(Inner::Value(Box::new(value)))
    }

    /// A value that any number of recipients read; each takes an `Arc<T>`.
    pub fn shared<T: Send + Sync + 'static>(value: Arc<T>) -> Content {
        Content(Inner::Shared(value))
    }

    /// Whether it carries nothing.
    pub fn is_nothing(&self) -> bool {
        matches!(self.0, Inner::Nothing)
    }

    /// The protocol of packed content.
    pub fn protocol(&self) -> Option<ProtocolId> {
        match self.0 {
            Inner::Packed(protocol, _) => Some(protocol),
            _ => None,
        }
    }

    /// The bytes of packed content.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Packed(_, bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Looks at a value, shared or not, without taking it.
    pub fn peek<T: 'static>(&self) -> Option<&T> {
        match &self.0 {
            Inner::Value(value) => value.downcast_ref(),
            Inner::Shared(value) => (**value).downcast_ref(),
            Inner::Nothing | Inner::Packed(..) => None,
        }
    }

    /// Takes out the value that was given as [`Content::value`], the [`Bytes`] of packed content, or
    /// `()` for nothing.
    ///
    /// # Errors
    /// [`Fault::WrongType`] when it is something else; the content is lost.
    pub fn take<T: 'static>(self) -> Result<T, Fault> {
        match self.0 {
            Inner::Value(value) => {
                value.downcast().map(|value| *value).map_err(|_| Fault::WrongType)
            }
            Inner::Packed(_, bytes) => cast(bytes),
            Inner::Nothing => cast(()),
            Inner::Shared(_) => Err(Fault::WrongType),
        }
    }

    /// The shared value.
    ///
    /// # Errors
    /// [`Fault::WrongType`] when it is something else.
    pub fn take_shared<T: Send + Sync + 'static>(self) -> Result<Arc<T>, Fault> {
        match self.0 {
            Inner::Shared(value) => value.downcast().map_err(|_| Fault::WrongType),
            _ => Err(Fault::WrongType),
        }
    }

    /// A second one of the same, unless it is a value for one recipient only.
    pub fn another(&self) -> Option<Content> {
        match &self.0 {
            Inner::Nothing => Some(Content::NOTHING),
            Inner::Packed(protocol, bytes) => Some(Content::packed(*protocol, bytes.clone())),
            Inner::Shared(value) => Some(Content(Inner::Shared(Arc::clone(value)))),
            Inner::Value(_) => None,
        }
    }

    /// Bytes it counts in an inbox: those of packed content, and of a value what it is itself,
    /// without what it points to.
    pub fn weight_bytes(&self) -> usize {
        match &self.0 {
            Inner::Nothing => 0,
            Inner::Packed(_, bytes) => bytes.len(),
            Inner::Value(value) => size_of_val(&**value),
            Inner::Shared(_) => size_of::<Arc<()>>(),
        }
    }
}

/// The value itself, if `T` is what it is.
fn cast<V: 'static, T: 'static>(value: V) -> Result<T, Fault> {
    let mut value = Some(value);
    let same = (&mut value as &mut dyn Any).downcast_mut::<Option<T>>();
    same.and_then(Option::take).ok_or(Fault::WrongType)
}

impl From<Bytes> for Content {
    /// As [`Content::raw`].
    fn from(bytes: Bytes) -> Content {
        Content::raw(bytes)
    }
}

impl From<()> for Content {
    fn from((): ()) -> Content {
        Content::NOTHING
    }
}
