// Made from a sproto schema, by skyring. What is changed here is lost with the next
// schema.

use skyring_protocols::sproto::{
    DecodeError, Decoder, EncodeError, Encoder, FromFields, Schema, ToFields, Words,
};

/// The schema, as a bundle.
pub const BUNDLE: &[u8] = b"\
    \x02\x00\x00\x00\x00\x00\xf1\x00\x00\x00\x2c\x00\x00\x00\x02\x00\x00\x00\x00\x00\x0b\x00\x00\
    \x00ask.request\x13\x00\x00\x00\x0f\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x02\x00\x01\
    \x00\x00\x00q\x2d\x00\x00\x00\x02\x00\x00\x00\x00\x00\x0c\x00\x00\x00ask.response\x13\x00\x00\
    \x00\x0f\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x02\x00\x01\x00\x00\x00aX\x00\x00\x00\x02\
    \x00\x00\x00\x00\x00\x07\x00\x00\x00packageC\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x00\x02\
    \x00\x01\x00\x02\x00\x04\x00\x00\x00type\x15\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x04\
    \x00\x07\x00\x00\x00session\x10\x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x06\x00\x02\x00\
    \x00\x00ud0\x00\x00\x00\x02\x00\x00\x00\x00\x00\x0c\x00\x00\x00push.request\x16\x00\x00\x00\
    \x12\x00\x00\x00\x04\x00\x00\x00\x06\x00\x04\x00\x02\x00\x04\x00\x00\x00data\x40\x00\x00\x00\
    \x13\x00\x00\x00\x02\x00\x00\x00\x04\x00\x09\x00\x00\x00heartbeat\x10\x00\x00\x00\x03\x00\x00\
    \x00\x06\x00\x08\x00\x04\x00\x00\x00push\x11\x00\x00\x00\x04\x00\x00\x00\x08\x00\x02\x00\x04\
    \x00\x03\x00\x00\x00ask";

/// The schema.
pub fn schema() -> Schema {
    Schema::from_bundle(BUNDLE).expect("it was made from a schema")
}

/// `ask.request`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AskRequest {
    /// `q 0 : integer`
    pub q: Option<i64>,
}

impl ToFields for AskRequest {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.q.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.q {
            encoder.integer(0, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for AskRequest {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.q = Some(field.integer()?);
            }
        }
        Ok(read)
    }
}

/// `ask.response`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AskResponse {
    /// `a 0 : integer`
    pub a: Option<i64>,
}

impl ToFields for AskResponse {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.a.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.a {
            encoder.integer(0, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for AskResponse {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.a = Some(field.integer()?);
            }
        }
        Ok(read)
    }
}

/// `package`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Package {
    /// `type 0 : integer`
    pub r#type: Option<i64>,
    /// `session 1 : integer`
    pub session: Option<i64>,
    /// `ud 2 : string`
    pub ud: Option<String>,
}

impl ToFields for Package {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.r#type.is_some());
        words.field(1, self.session.is_some());
        words.field(2, self.ud.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.r#type {
            encoder.integer(0, *value)?;
        }
        if let Some(value) = &self.session {
            encoder.integer(1, *value)?;
        }
        if let Some(value) = &self.ud {
            encoder.bytes(2, value.as_bytes())?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Package {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.r#type = Some(field.integer()?),
                1 => read.session = Some(field.integer()?),
                2 => read.ud = Some(field.text()?.to_owned()),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `push.request`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PushRequest {
    /// `data 0 : binary`
    pub data: Option<Vec<u8>>,
}

impl ToFields for PushRequest {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.data.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.data {
            encoder.bytes(0, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for PushRequest {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.data = Some(field.bytes()?.to_vec());
            }
        }
        Ok(read)
    }
}

/// What may be asked.
pub mod rpc {
    use skyring_protocols::sproto::rpc::{Answer, Asked, BodyError, Request, Stub};

    /// `heartbeat 1 {}`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Heartbeat;

    impl Stub for Heartbeat {
        type Request = ();
        type Response = ();
        const NAME: &'static str = "heartbeat";
        const TAG: u16 = 1;
    }

    /// `push 2 { request push.request }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Push;

    impl Stub for Push {
        type Request = super::PushRequest;
        type Response = ();
        const NAME: &'static str = "push";
        const TAG: u16 = 2;
    }

    /// `ask 3 { request ask.request response ask.response }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Ask;

    impl Stub for Ask {
        type Request = super::AskRequest;
        type Response = super::AskResponse;
        const NAME: &'static str = "ask";
        const TAG: u16 = 3;
    }

    /// Requests that come in, for whoever is asked.
    #[derive(Debug, PartialEq)]
    #[allow(clippy::large_enum_variant)]
    pub enum Incoming {
        /// `heartbeat`
        Heartbeat(Asked<Heartbeat>),
        /// `push`
        Push(Asked<Push>),
        /// `ask`
        Ask(Asked<Ask>),
    }

    impl Incoming {
        /// Reads the arguments of a request.
        ///
        /// # Errors
        /// There is no such protocol here, or its arguments cannot be read.
        pub fn read(request: Request<'_>) -> Result<Self, BodyError> {
            Ok(match request.protocol.tag() {
                Heartbeat::TAG => Self::Heartbeat(Asked::read(request)?),
                Push::TAG => Self::Push(Asked::read(request)?),
                Ask::TAG => Self::Ask(Asked::read(request)?),
                tag => return Err(BodyError::Protocol { tag }),
            })
        }
    }

    /// Answers that come in, for whoever has asked.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(clippy::large_enum_variant)]
    pub enum Answered {
        /// `heartbeat`
        Heartbeat,
        /// `push`
        Push,
        /// `ask`
        Ask(super::AskResponse),
    }

    impl Answered {
        /// Reads the result in an answer.
        ///
        /// # Errors
        /// There is no such protocol here, or its result cannot be read.
        pub fn read(answer: &Answer<'_>) -> Result<Self, BodyError> {
            Ok(match answer.protocol.tag() {
                Heartbeat::TAG => {
                    answer.read::<Heartbeat>()?;
                    Self::Heartbeat
                }
                Push::TAG => {
                    answer.read::<Push>()?;
                    Self::Push
                }
                Ask::TAG => Self::Ask(answer.read::<Ask>()?),
                tag => return Err(BodyError::Protocol { tag }),
            })
        }
    }
}
