// Made from a sproto schema, by skyring. What is changed here is lost with the next
// schema.

use skyring_protocols::sproto::{
    DecodeError, Decoder, EncodeError, Encoder, FromFields, Schema, ToFields, Words,
};

/// The schema, as a bundle.
pub const BUNDLE: &[u8] = b"\
    \x02\x00\x00\x00\x00\x00\xfa\x01\x00\x00\x40\x00\x00\x00\x02\x00\x00\x00\x00\x00\x05\x00\x00\
    \x00Chain\x2d\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x00\x01\x00\x02\x00\x08\x00\x04\x00\x00\
    \x00next\x13\x00\x00\x00\x04\x00\x00\x00\x01\x00\x0a\x00\x0a\x00\x05\x00\x00\x00other\xb1\x00\
    \x00\x00\x02\x00\x00\x00\x00\x00\x06\x00\x00\x00Option\x9d\x00\x00\x00\x12\x00\x00\x00\x04\x00\
    \x00\x00\x06\x00\x01\x00\x02\x00\x04\x00\x00\x00type\x12\x00\x00\x00\x04\x00\x00\x00\x02\x00\
    \x01\x00\x04\x00\x04\x00\x00\x00self\x14\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x06\x00\
    \x06\x00\x00\x00roomId\x15\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x08\x00\x07\x00\x00\x00\
    room_id\x0f\x00\x00\x00\x04\x00\x00\x00\x04\x00\x01\x00\x0a\x00\x01\x00\x00\x00_\x13\x00\x00\
    \x00\x04\x00\x00\x00\x01\x00\x06\x00\x0c\x00\x05\x00\x00\x00inner\x12\x00\x00\x00\x04\x00\x00\
    \x00\x06\x00\x01\x00\x10\x00\x04\x00\x00\x00text.\x00\x00\x00\x02\x00\x00\x00\x00\x00\x0a\x00\
    \x00\x00Option.Vec\x16\x00\x00\x00\x12\x00\x00\x00\x05\x00\x00\x00\x01\x00\x06\x00\x02\x00\x04\
    \x00\x02\x00\x00\x00fn3\x00\x00\x00\x02\x00\x00\x00\x00\x00\x0d\x00\x00\x00Option.string\x18\
    \x00\x00\x00\x14\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x02\x00\x06\x00\x00\x00hidden\x2d\
    \x00\x00\x00\x02\x00\x00\x00\x00\x00\x09\x00\x00\x00OptionVec\x16\x00\x00\x00\x12\x00\x00\x00\
    \x04\x00\x00\x00\x01\x00\x02\x00\x02\x00\x04\x00\x00\x00back\x2b\x00\x00\x00\x02\x00\x00\x00\
    \x00\x00\x05\x00\x00\x00chain\x18\x00\x00\x00\x14\x00\x00\x00\x05\x00\x00\x00\x01\x00\x02\x00\
    \x02\x00\x04\x00\x04\x00\x00\x00ends4\x00\x00\x00\x02\x00\x00\x00\x00\x00\x0f\x00\x00\x00re\
    quest.request\x17\x00\x00\x00\x13\x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x02\x00\x05\x00\
    \x00\x00awaitG\x00\x00\x00\x15\x00\x00\x00\x04\x00\x00\x00\x10\x00\x02\x00\x0a\x00\x07\x00\x00\
    \x00Request\x17\x00\x00\x00\x05\x00\x00\x00\x12\x00\x0e\x00\x01\x00\x04\x00\x07\x00\x00\x00\
    request\x0f\x00\x00\x00\x02\x00\x00\x00\x14\x00\x05\x00\x00\x00Asked";

/// The schema.
pub fn schema() -> Schema {
    Schema::from_bundle(BUNDLE).expect("it was made from a schema")
}

/// `Chain`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Chain {
    /// `next 3 : Chain`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Box<Chain>>,
    /// `other 4 : OptionVec`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Box<OptionVec2>>,
}

impl ToFields for Chain {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(3, self.next.is_some());
        words.field(4, self.other.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.next {
            encoder.structure(3, value)?;
        }
        if let Some(value) = &self.other {
            encoder.structure(4, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Chain {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                3 => read.next = Some(field.structure()?),
                4 => read.other = Some(field.structure()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Option`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct OptionType {
    /// `type 0 : string`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// `self 1 : integer`
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    pub self_: Option<i64>,
    /// `roomId 2 : integer`
    #[serde(rename = "roomId", skip_serializing_if = "Option::is_none")]
    pub room_id: Option<i64>,
    /// `room_id 3 : integer`
    #[serde(rename = "room_id", skip_serializing_if = "Option::is_none")]
    pub room_id_2: Option<i64>,
    /// `_ 4 : boolean`
    #[serde(rename = "_", skip_serializing_if = "Option::is_none")]
    pub n: Option<bool>,
    /// `inner 5 : Option.Vec`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inner: Option<OptionVec>,
    /// `text 7 : string`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl ToFields for OptionType {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.r#type.is_some());
        words.field(1, self.self_.is_some());
        words.field(2, self.room_id.is_some());
        words.field(3, self.room_id_2.is_some());
        words.field(4, self.n.is_some());
        words.field(5, self.inner.is_some());
        words.field(7, self.text.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.r#type {
            encoder.bytes(0, value.as_bytes())?;
        }
        if let Some(value) = &self.self_ {
            encoder.integer(1, *value)?;
        }
        if let Some(value) = &self.room_id {
            encoder.integer(2, *value)?;
        }
        if let Some(value) = &self.room_id_2 {
            encoder.integer(3, *value)?;
        }
        if let Some(value) = &self.n {
            encoder.boolean(4, *value)?;
        }
        if let Some(value) = &self.inner {
            encoder.structure(5, value)?;
        }
        if let Some(value) = &self.text {
            encoder.bytes(7, value.as_bytes())?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for OptionType {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.r#type = Some(field.text()?.to_owned()),
                1 => read.self_ = Some(field.integer()?),
                2 => read.room_id = Some(field.integer()?),
                3 => read.room_id_2 = Some(field.integer()?),
                4 => read.n = Some(field.boolean()?),
                5 => read.inner = Some(field.structure()?),
                7 => read.text = Some(field.text()?.to_owned()),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Option.Vec`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct OptionVec {
    /// `fn 0 : *Option.Vec`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#fn: Option<Vec<OptionVec>>,
}

impl ToFields for OptionVec {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.r#fn.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.r#fn {
            encoder.structures(0, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for OptionVec {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.r#fn = Some(field.structure_vec()?);
            }
        }
        Ok(read)
    }
}

/// `Option.string`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct OptionString {
    /// `hidden 0 : integer`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<i64>,
}

impl ToFields for OptionString {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.hidden.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.hidden {
            encoder.integer(0, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for OptionString {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.hidden = Some(field.integer()?);
            }
        }
        Ok(read)
    }
}

/// `OptionVec`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct OptionVec2 {
    /// `back 0 : Chain`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back: Option<Box<Chain>>,
}

impl ToFields for OptionVec2 {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.back.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.back {
            encoder.structure(0, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for OptionVec2 {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.back = Some(field.structure()?);
            }
        }
        Ok(read)
    }
}

/// `chain`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Chain2 {
    /// `ends 0 : *Chain`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Vec<Chain>>,
}

impl ToFields for Chain2 {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.ends.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.ends {
            encoder.structures(0, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Chain2 {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.ends = Some(field.structure_vec()?);
            }
        }
        Ok(read)
    }
}

/// `request.request`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct RequestRequest {
    /// `await 0 : string`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#await: Option<String>,
}

impl ToFields for RequestRequest {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.r#await.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.r#await {
            encoder.bytes(0, value.as_bytes())?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for RequestRequest {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.r#await = Some(field.text()?.to_owned());
            }
        }
        Ok(read)
    }
}

/// What may be asked.
pub mod rpc {
    use skyring_protocols::sproto::rpc::{Answer, Asked, BodyError, Request, Stub};

    /// `Request 7 { request Chain response OptionVec }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RequestCall;

    impl Stub for RequestCall {
        type Request = super::Chain;
        type Response = super::OptionVec2;
        const NAME: &'static str = "Request";
        const TAG: u16 = 7;
    }

    /// `request 8 { request request.request response nil }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RequestCall2;

    impl Stub for RequestCall2 {
        type Request = super::RequestRequest;
        type Response = ();
        const NAME: &'static str = "request";
        const TAG: u16 = 8;
    }

    /// `Asked 9 {}`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AskedCall;

    impl Stub for AskedCall {
        type Request = ();
        type Response = ();
        const NAME: &'static str = "Asked";
        const TAG: u16 = 9;
    }

    /// Requests that come in, for whoever is asked.
    #[derive(Debug, PartialEq)]
    #[allow(clippy::large_enum_variant)]
    pub enum Incoming {
        /// `Request`
        RequestCall(Asked<RequestCall>),
        /// `request`
        RequestCall2(Asked<RequestCall2>),
        /// `Asked`
        AskedCall(Asked<AskedCall>),
    }

    impl Incoming {
        /// Reads the arguments of a request.
        ///
        /// # Errors
        /// There is no such protocol here, or its arguments cannot be read.
        pub fn read(request: Request<'_>) -> Result<Self, BodyError> {
            Ok(match request.protocol.tag() {
                RequestCall::TAG => Self::RequestCall(Asked::read(request)?),
                RequestCall2::TAG => Self::RequestCall2(Asked::read(request)?),
                AskedCall::TAG => Self::AskedCall(Asked::read(request)?),
                tag => return Err(BodyError::Protocol { tag }),
            })
        }
    }

    /// Answers that come in, for whoever has asked.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(clippy::large_enum_variant)]
    pub enum Answered {
        /// `Request`
        RequestCall(super::OptionVec2),
        /// `request`
        RequestCall2,
        /// `Asked`
        AskedCall,
    }

    impl Answered {
        /// Reads the result in an answer.
        ///
        /// # Errors
        /// There is no such protocol here, or its result cannot be read.
        pub fn read(answer: &Answer<'_>) -> Result<Self, BodyError> {
            Ok(match answer.protocol.tag() {
                RequestCall::TAG => Self::RequestCall(answer.read::<RequestCall>()?),
                RequestCall2::TAG => {
                    answer.read::<RequestCall2>()?;
                    Self::RequestCall2
                }
                AskedCall::TAG => {
                    answer.read::<AskedCall>()?;
                    Self::AskedCall
                }
                tag => return Err(BodyError::Protocol { tag }),
            })
        }
    }
}
