//! Which protocols there are, and what is called for their messages.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::codec::Codec;
use super::error::{DispatchError, RegisterError, UnpackError};
use super::payload;
use super::protocol::Protocol;
use super::{JsonValue, MsgPackValue, ProtocolId};

/// Protocols by number, each with a function for its messages. The functions work on an `S`, which is
/// given anew for each message, and give an `O`: an answer, or a future of one.
///
/// Invariant: numbers and names are each there once.
pub struct Registry<S: ?Sized, O> {
    entries: Vec<Entry<S, O>>,
    /// Where the entry of a number is.
    places: [Option<u8>; 256],
}

struct Entry<S: ?Sized, O> {
    id: ProtocolId,
    name: Arc<str>,
    dispatch: Box<Dispatch<S, O>>,
}

/// Unpacks, and calls the function if that succeeds.
type Dispatch<S, O> = dyn Fn(&mut S, &Bytes) -> Result<O, UnpackError>;

/// A message of one of the protocols that [`Registry::with_defaults`] registers.
#[derive(Clone, Debug, PartialEq)]
pub enum Untyped {
    /// Of `raw`.
    Raw(Bytes),
    /// Of `msgpack`.
    MsgPack(MsgPackValue),
    /// Of `json`.
    Json(JsonValue),
}

impl<S: ?Sized, O> Default for Registry<S, O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: ?Sized, O> Registry<S, O> {
    /// Without protocols.
    #[must_use]
    pub fn new() -> Self {
        Self { entries: Vec::new(), places: [None; 256] }
    }

    /// With `raw`, `msgpack` and `json`, and one function for whatever is said in them: as short as
    /// Lua, and as little checked. Who has types for messages begins with [`Self::new`] and registers
    /// [`Protocol::msgpack`] or [`Protocol::json`] of those. sproto cannot be here: it says nothing
    /// without a type.
    #[must_use]
    pub fn with_defaults(dispatch: impl Fn(&mut S, Untyped) -> O + 'static) -> Self
    where
        S: 'static,
        O: 'static,
    {
        let mut registry = Self::new();
        let dispatch = Rc::new(dispatch);
        let (of_msgpack, of_json) = (Rc::clone(&dispatch), Rc::clone(&dispatch));
        registry
            .register(Protocol::raw(), move |state, it| dispatch(state, Untyped::Raw(it)))
            .and_then(|()| {
                registry.register(Protocol::msgpack(), move |state, it| {
                    of_msgpack(state, Untyped::MsgPack(it))
                })
            })
            .and_then(|()| {
                registry
                    .register(Protocol::json(), move |state, it| of_json(state, Untyped::Json(it)))
            })
            .expect("three numbers, three names");
        registry
    }

    /// Adds a protocol and what is called with its messages.
    ///
    /// # Errors
    /// The number or the name is taken. Nothing changed.
    pub fn register<C>(
        &mut self,
        protocol: Protocol<C>,
        dispatch: impl Fn(&mut S, C::Message) -> O + 'static,
    ) -> Result<(), RegisterError>
    where
        C: Codec + 'static,
    {
        let (id, name, codec) = protocol.into_parts();
        if let Some(entry) = self.entry(id) {
            return Err(RegisterError::IdTaken { id, name: Arc::clone(&entry.name) });
        }
        if let Some(id) = self.id_of(&name) {
            return Err(RegisterError::NameTaken { name, id });
        }
        let place = u8::try_from(self.entries.len()).expect("there are 256 numbers");
        let dispatch = Box::new(move |state: &mut S, content: &Bytes| {
            codec.unpack(content).map(|message| dispatch(state, message))
        });
        self.entries.push(Entry { id, name, dispatch });
        self.places[usize::from(id.0)] = Some(place);
        Ok(())
    }

    /// Unpacks a message and calls what is registered for it.
    ///
    /// # Errors
    /// There is no such protocol, or the content is no message of it (WIRE P2). Nothing was called.
    pub fn dispatch(
        &self,
        state: &mut S,
        id: ProtocolId,
        content: &Bytes,
    ) -> Result<O, DispatchError> {
        let entry = self.entry(id).ok_or(DispatchError::Unknown { id })?;
        (entry.dispatch)(state, content).map_err(|why| {
            let name = Arc::clone(&entry.name);
            DispatchError::Unpack { id, name, why }
        })
    }

    /// The same for a client's payload, which has the number in front.
    ///
    /// # Errors
    /// As [`Self::dispatch`]; an empty payload.
    pub fn dispatch_payload(&self, state: &mut S, payload: &Bytes) -> Result<O, DispatchError> {
        let (id, content) = payload::split(payload)?;
        self.dispatch(state, id, &content)
    }

    /// The number of the protocol of this name.
    #[must_use]
    pub fn id_of(&self, name: &str) -> Option<ProtocolId> {
        self.entries.iter().find(|it| &*it.name == name).map(|it| it.id)
    }

    /// The name of the protocol of this number.
    #[must_use]
    pub fn name_of(&self, id: ProtocolId) -> Option<&str> {
        self.entry(id).map(|it| &*it.name)
    }

    /// All protocols, in the order in which they were registered.
    pub fn protocols(&self) -> impl ExactSizeIterator<Item = (ProtocolId, &str)> {
        self.entries.iter().map(|it| (it.id, &*it.name))
    }

    fn entry(&self, id: ProtocolId) -> Option<&Entry<S, O>> {
        let place = self.places[usize::from(id.0)]?;
        Some(&self.entries[usize::from(place)])
    }
}

impl<S: ?Sized, O> fmt::Debug for Registry<S, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.protocols().map(|(id, name)| (id.0, name))).finish()
    }
}
