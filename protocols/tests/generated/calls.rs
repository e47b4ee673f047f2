// Made from a sproto schema, by skyring. What is changed here is lost with the next
// schema.

use skyring_protocols::sproto::{
    DecodeError, Decoder, EncodeError, Encoder, FromFields, Schema, ToFields, Words,
};

/// The schema, as a bundle.
pub const BUNDLE: &[u8] = b"\
    \x02\x00\x00\x00\x00\x00\xaf\x01\x00\x009\x00\x00\x00\x02\x00\x00\x00\x00\x00\x05\x00\x00\x00\
    Point\x26\x00\x00\x00\x0f\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x02\x00\x01\x00\x00\x00\
    x\x0f\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x04\x00\x01\x00\x00\x00y0\x00\x00\x00\x02\
    \x00\x00\x00\x00\x00\x0c\x00\x00\x00echo.request\x16\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\
    \x00\x06\x00\x01\x00\x02\x00\x04\x00\x00\x00textD\x00\x00\x00\x02\x00\x00\x00\x00\x00\x0d\x00\
    \x00\x00echo.response\x29\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x02\x00\
    \x04\x00\x00\x00text\x0f\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x04\x00\x01\x00\x00\x00\
    n1\x00\x00\x00\x02\x00\x00\x00\x00\x00\x0b\x00\x00\x00far.request\x18\x00\x00\x00\x14\x00\x00\
    \x00\x05\x00\x00\x00\x01\x00\x02\x00\x02\x00\x04\x00\x04\x00\x00\x00list.\x00\x00\x00\x02\x00\
    \x00\x00\x00\x00\x0c\x00\x00\x00far.response\x14\x00\x00\x00\x10\x00\x00\x00\x04\x00\x00\x00\
    \x04\x00\x01\x00\x02\x00\x02\x00\x00\x00okX\x00\x00\x00\x02\x00\x00\x00\x00\x00\x07\x00\x00\
    \x00packageC\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x02\x00\x04\x00\x00\
    \x00type\x15\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x04\x00\x07\x00\x00\x00session\x10\
    \x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x06\x00\x02\x00\x00\x00ud\x2f\x00\x00\x00\x02\x00\
    \x00\x00\x00\x00\x0d\x00\x00\x00touch.request\x14\x00\x00\x00\x10\x00\x00\x00\x04\x00\x00\x00\
    \x02\x00\x01\x00\x02\x00\x02\x00\x00\x00id\x81\x00\x00\x00\x0e\x00\x00\x00\x02\x00\x00\x00\x04\
    \x00\x04\x00\x00\x00ping\x12\x00\x00\x00\x04\x00\x00\x00\x06\x00\x04\x00\x06\x00\x04\x00\x00\
    \x00echo\x10\x00\x00\x00\x03\x00\x00\x00\x08\x00\x02\x00\x04\x00\x00\x00move\x13\x00\x00\x00\
    \x04\x00\x00\x00\x0a\x00\x01\x00\x02\x00\x05\x00\x00\x00where\x15\x00\x00\x00\x05\x00\x00\x00\
    \x0c\x00\x0e\x00\x01\x00\x04\x00\x05\x00\x00\x00touch\x11\x00\x00\x00\x04\x00\x00\x00Z\x02\x08\
    \x00\x0a\x00\x03\x00\x00\x00far";

/// The schema.
pub fn schema() -> Schema {
    Schema::from_bundle(BUNDLE).expect("it was made from a schema")
}

/// `Point`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// `x 0 : integer`
    pub x: Option<i64>,
    /// `y 1 : integer`
    pub y: Option<i64>,
}

impl ToFields for Point {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.x.is_some());
        words.field(1, self.y.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.x {
            encoder.integer(0, *value)?;
        }
        if let Some(value) = &self.y {
            encoder.integer(1, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Point {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.x = Some(field.integer()?),
                1 => read.y = Some(field.integer()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `echo.request`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EchoRequest {
    /// `text 0 : string`
    pub text: Option<String>,
}

impl ToFields for EchoRequest {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.text.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.text {
            encoder.bytes(0, value.as_bytes())?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for EchoRequest {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.text = Some(field.text()?.to_owned());
            }
        }
        Ok(read)
    }
}

/// `echo.response`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EchoResponse {
    /// `text 0 : string`
    pub text: Option<String>,
    /// `n 1 : integer`
    pub n: Option<i64>,
}

impl ToFields for EchoResponse {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.text.is_some());
        words.field(1, self.n.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.text {
            encoder.bytes(0, value.as_bytes())?;
        }
        if let Some(value) = &self.n {
            encoder.integer(1, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for EchoResponse {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.text = Some(field.text()?.to_owned()),
                1 => read.n = Some(field.integer()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `far.request`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FarRequest {
    /// `list 0 : *Point`
    pub list: Option<Vec<Point>>,
}

impl ToFields for FarRequest {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.list.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.list {
            encoder.structures(0, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for FarRequest {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.list = Some(field.structure_vec()?);
            }
        }
        Ok(read)
    }
}

/// `far.response`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FarResponse {
    /// `ok 0 : boolean`
    pub ok: Option<bool>,
}

impl ToFields for FarResponse {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.ok.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.ok {
            encoder.boolean(0, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for FarResponse {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.ok = Some(field.boolean()?);
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

/// `touch.request`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TouchRequest {
    /// `id 0 : integer`
    pub id: Option<i64>,
}

impl ToFields for TouchRequest {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.id.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.id {
            encoder.integer(0, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for TouchRequest {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.id = Some(field.integer()?);
            }
        }
        Ok(read)
    }
}

/// What may be asked.
pub mod rpc {
    use skyring_protocols::sproto::rpc::{Answer, Asked, BodyError, Request, Stub};

    /// `ping 1 {}`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Ping;

    impl Stub for Ping {
        type Request = ();
        type Response = ();
        const NAME: &'static str = "ping";
        const TAG: u16 = 1;
    }

    /// `echo 2 { request echo.request response echo.response }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Echo;

    impl Stub for Echo {
        type Request = super::EchoRequest;
        type Response = super::EchoResponse;
        const NAME: &'static str = "echo";
        const TAG: u16 = 2;
    }

    /// `move 3 { request Point }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Move;

    impl Stub for Move {
        type Request = super::Point;
        type Response = ();
        const NAME: &'static str = "move";
        const TAG: u16 = 3;
    }

    /// `where 4 { response Point }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Where;

    impl Stub for Where {
        type Request = ();
        type Response = super::Point;
        const NAME: &'static str = "where";
        const TAG: u16 = 4;
    }

    /// `touch 5 { request touch.request response nil }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Touch;

    impl Stub for Touch {
        type Request = super::TouchRequest;
        type Response = ();
        const NAME: &'static str = "touch";
        const TAG: u16 = 5;
    }

    /// `far 300 { request far.request response far.response }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Far;

    impl Stub for Far {
        type Request = super::FarRequest;
        type Response = super::FarResponse;
        const NAME: &'static str = "far";
        const TAG: u16 = 300;
    }

    /// Requests that come in, for whoever is asked.
    #[derive(Debug, PartialEq)]
    #[allow(clippy::large_enum_variant)]
    pub enum Incoming {
        /// `ping`
        Ping(Asked<Ping>),
        /// `echo`
        Echo(Asked<Echo>),
        /// `move`
        Move(Asked<Move>),
        /// `where`
        Where(Asked<Where>),
        /// `touch`
        Touch(Asked<Touch>),
        /// `far`
        Far(Asked<Far>),
    }

    impl Incoming {
        /// Reads the arguments of a request.
        ///
        /// # Errors
        /// There is no such protocol here, or its arguments cannot be read.
        pub fn read(request: Request<'_>) -> Result<Self, BodyError> {
            Ok(match request.protocol.tag() {
                Ping::TAG => Self::Ping(Asked::read(request)?),
                Echo::TAG => Self::Echo(Asked::read(request)?),
                Move::TAG => Self::Move(Asked::read(request)?),
                Where::TAG => Self::Where(Asked::read(request)?),
                Touch::TAG => Self::Touch(Asked::read(request)?),
                Far::TAG => Self::Far(Asked::read(request)?),
                tag => return Err(BodyError::Protocol { tag }),
            })
        }
    }

    /// Answers that come in, for whoever has asked.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(clippy::large_enum_variant)]
    pub enum Answered {
        /// `ping`
        Ping,
        /// `echo`
        Echo(super::EchoResponse),
        /// `move`
        Move,
        /// `where`
        Where(super::Point),
        /// `touch`
        Touch,
        /// `far`
        Far(super::FarResponse),
    }

    impl Answered {
        /// Reads the result in an answer.
        ///
        /// # Errors
        /// There is no such protocol here, or its result cannot be read.
        pub fn read(answer: &Answer<'_>) -> Result<Self, BodyError> {
            Ok(match answer.protocol.tag() {
                Ping::TAG => {
                    answer.read::<Ping>()?;
                    Self::Ping
                }
                Echo::TAG => Self::Echo(answer.read::<Echo>()?),
                Move::TAG => {
                    answer.read::<Move>()?;
                    Self::Move
                }
                Where::TAG => Self::Where(answer.read::<Where>()?),
                Touch::TAG => {
                    answer.read::<Touch>()?;
                    Self::Touch
                }
                Far::TAG => Self::Far(answer.read::<Far>()?),
                tag => return Err(BodyError::Protocol { tag }),
            })
        }
    }
}
