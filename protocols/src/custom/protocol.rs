//! A number, a name and a codec.

use std::sync::Arc;

use bytes::Bytes;

use super::ProtocolId;
use super::codec::{Codec, Raw};
use super::error::{PackError, RegisterError};
use super::json::Json;
use super::msgpack::MsgPack;
use super::sproto::{Sproto, SprotoOf};

/// An application protocol. The numbers below [`ProtocolId::FIRST_FREE`] are for those that this
/// module makes.
#[derive(Clone, Debug)]
pub struct Protocol<C> {
    id: ProtocolId,
    name: Arc<str>,
    codec: C,
}

impl<C> Protocol<C> {
    /// A protocol of the application.
    ///
    /// # Errors
    /// [`RegisterError::IdReserved`].
    pub fn new(id: ProtocolId, name: impl Into<Arc<str>>, codec: C) -> Result<Self, RegisterError> {
        if id < ProtocolId::FIRST_FREE {
            return Err(RegisterError::IdReserved { id });
        }
        Ok(Self::standard(id, &name.into(), codec))
    }

    fn standard(id: ProtocolId, name: &Arc<str>, codec: C) -> Self {
        Self { id, name: Arc::clone(name), codec }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> ProtocolId {
        self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What packs and unpacks its messages.
    #[must_use]
    pub fn codec(&self) -> &C {
        &self.codec
    }

    pub(super) fn into_parts(self) -> (ProtocolId, Arc<str>, C) {
        (self.id, self.name, self.codec)
    }
}

impl<C: Codec> Protocol<C> {
    /// The content of a message.
    ///
    /// # Errors
    /// Those of the codec.
    pub fn pack(&self, message: &C::Message) -> Result<Bytes, PackError> {
        let mut content = Vec::new();
        self.pack_to(message, &mut content)?;
        Ok(content.into())
    }

    /// Appends the content of a message to `out`.
    ///
    /// # Errors
    /// Those of the codec. `out` is as it was.
    pub fn pack_to(&self, message: &C::Message, out: &mut Vec<u8>) -> Result<(), PackError> {
        let begin = out.len();
        let packed = self.codec.pack(message, out);
        if packed.is_err() {
            out.truncate(begin);
        }
        packed
    }
}

impl Protocol<Raw> {
    /// `raw`: bytes as they are.
    #[must_use]
    pub fn raw() -> Self {
        Self::standard(ProtocolId::RAW, &"raw".into(), Raw)
    }
}

impl<T> Protocol<MsgPack<T>> {
    /// `msgpack`, with messages of a type.
    #[must_use]
    pub fn msgpack() -> Self {
        Self::msgpack_with(MsgPack::default())
    }

    /// `msgpack`, with limits other than the default.
    #[must_use]
    pub fn msgpack_with(codec: MsgPack<T>) -> Self {
        Self::standard(ProtocolId::MSGPACK, &"msgpack".into(), codec)
    }
}

impl<T> Protocol<Json<T>> {
    /// `json`, with messages of a type.
    #[must_use]
    pub fn json() -> Self {
        Self::json_with(Json::default())
    }

    /// `json`, with limits other than the default.
    #[must_use]
    pub fn json_with(codec: Json<T>) -> Self {
        Self::standard(ProtocolId::JSON, &"json".into(), codec)
    }
}

impl Protocol<Sproto> {
    /// `sproto`, with the values of a type of a schema.
    #[must_use]
    pub fn sproto(codec: Sproto) -> Self {
        Self::standard(ProtocolId::SPROTO, &"sproto".into(), codec)
    }
}

impl<T> Protocol<SprotoOf<T>> {
    /// `sproto`, with messages of a generated type.
    #[must_use]
    pub fn sproto_of(codec: SprotoOf<T>) -> Self {
        Self::standard(ProtocolId::SPROTO, &"sproto".into(), codec)
    }
}
