// Made from a sproto schema, by skyring. What is changed here is lost with the next
// schema.

use skyring_protocols::sproto::{
    DecodeError, Decoder, EncodeError, Encoder, FromFields, Schema, ToFields, Words,
};

/// The schema, as a bundle.
pub const BUNDLE: &[u8] = b"\
    \x02\x00\x00\x00\x00\x00\xca\x00\x00\x00\x26\x00\x00\x00\x02\x00\x00\x00\x00\x00\x04\x00\x00\
    \x00Done\x14\x00\x00\x00\x10\x00\x00\x00\x04\x00\x00\x00\x04\x00\x01\x00\x02\x00\x02\x00\x00\
    \x00okT\x00\x00\x00\x02\x00\x00\x00\x00\x00\x04\x00\x00\x00LineB\x00\x00\x00\x12\x00\x00\x00\
    \x04\x00\x00\x00\x06\x00\x01\x00\x02\x00\x04\x00\x00\x00room\x12\x00\x00\x00\x04\x00\x00\x00\
    \x06\x00\x01\x00\x04\x00\x04\x00\x00\x00name\x12\x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\
    \x06\x00\x04\x00\x00\x00textD\x00\x00\x00\x02\x00\x00\x00\x00\x00\x07\x00\x00\x00package\x2f\
    \x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x02\x00\x04\x00\x00\x00type\x15\
    \x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x04\x00\x07\x00\x00\x00session\x97\x00\x00\x00\
    \x12\x00\x00\x00\x04\x00\x00\x00\x04\x00\x04\x00\x02\x00\x04\x00\x00\x00join\x13\x00\x00\x00\
    \x04\x00\x00\x00\x06\x00\x04\x00\x02\x00\x05\x00\x00\x00leave\x11\x00\x00\x00\x04\x00\x00\x00\
    \x08\x00\x04\x00\x02\x00\x03\x00\x00\x00say\x12\x00\x00\x00\x03\x00\x00\x00\x22\x00\x04\x00\
    \x06\x00\x00\x00joined\x10\x00\x00\x00\x03\x00\x00\x00\x24\x00\x04\x00\x04\x00\x00\x00left\x10\
    \x00\x00\x00\x03\x00\x00\x00\x26\x00\x04\x00\x04\x00\x00\x00said\x13\x00\x00\x00\x02\x00\x00\
    \x00\x28\x00\x09\x00\x00\x00heartbeat";

/// The schema.
pub fn schema() -> Schema {
    Schema::from_bundle(BUNDLE).expect("it was made from a schema")
}

/// `Done`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// `ok 0 : boolean`
    pub ok: Option<bool>,
}

impl ToFields for Done {
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

impl<'i> FromFields<'i> for Done {
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

/// `Line`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// `room 0 : string`
    pub room: Option<String>,
    /// `name 1 : string`
    pub name: Option<String>,
    /// `text 2 : string`
    pub text: Option<String>,
}

impl ToFields for Line {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.room.is_some());
        words.field(1, self.name.is_some());
        words.field(2, self.text.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.room {
            encoder.bytes(0, value.as_bytes())?;
        }
        if let Some(value) = &self.name {
            encoder.bytes(1, value.as_bytes())?;
        }
        if let Some(value) = &self.text {
            encoder.bytes(2, value.as_bytes())?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Line {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.room = Some(field.text()?.to_owned()),
                1 => read.name = Some(field.text()?.to_owned()),
                2 => read.text = Some(field.text()?.to_owned()),
                _ => {}
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
}

impl ToFields for Package {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.r#type.is_some());
        words.field(1, self.session.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.r#type {
            encoder.integer(0, *value)?;
        }
        if let Some(value) = &self.session {
            encoder.integer(1, *value)?;
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
                _ => {}
            }
        }
        Ok(read)
    }
}

/// What may be asked.
pub mod rpc {
    use skyring_protocols::sproto::rpc::{Answer, Asked, BodyError, Request, Stub};

    /// `join 1 { request Line response Done }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Join;

    impl Stub for Join {
        type Request = super::Line;
        type Response = super::Done;
        const NAME: &'static str = "join";
        const TAG: u16 = 1;
    }

    /// `leave 2 { request Line response Done }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Leave;

    impl Stub for Leave {
        type Request = super::Line;
        type Response = super::Done;
        const NAME: &'static str = "leave";
        const TAG: u16 = 2;
    }

    /// `say 3 { request Line response Done }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Say;

    impl Stub for Say {
        type Request = super::Line;
        type Response = super::Done;
        const NAME: &'static str = "say";
        const TAG: u16 = 3;
    }

    /// `joined 16 { request Line }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Joined;

    impl Stub for Joined {
        type Request = super::Line;
        type Response = ();
        const NAME: &'static str = "joined";
        const TAG: u16 = 16;
    }

    /// `left 17 { request Line }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Left;

    impl Stub for Left {
        type Request = super::Line;
        type Response = ();
        const NAME: &'static str = "left";
        const TAG: u16 = 17;
    }

    /// `said 18 { request Line }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Said;

    impl Stub for Said {
        type Request = super::Line;
        type Response = ();
        const NAME: &'static str = "said";
        const TAG: u16 = 18;
    }

    /// `heartbeat 19 {}`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Heartbeat;

    impl Stub for Heartbeat {
        type Request = ();
        type Response = ();
        const NAME: &'static str = "heartbeat";
        const TAG: u16 = 19;
    }

    /// Requests that come in, for whoever is asked.
    #[derive(Debug, PartialEq)]
    #[allow(clippy::large_enum_variant)]
    pub enum Incoming {
        /// `join`
        Join(Asked<Join>),
        /// `leave`
        Leave(Asked<Leave>),
        /// `say`
        Say(Asked<Say>),
        /// `joined`
        Joined(Asked<Joined>),
        /// `left`
        Left(Asked<Left>),
        /// `said`
        Said(Asked<Said>),
        /// `heartbeat`
        Heartbeat(Asked<Heartbeat>),
    }

    impl Incoming {
        /// Reads the arguments of a request.
        ///
        /// # Errors
        /// There is no such protocol here, or its arguments cannot be read.
        pub fn read(request: Request<'_>) -> Result<Self, BodyError> {
            Ok(match request.protocol.tag() {
                Join::TAG => Self::Join(Asked::read(request)?),
                Leave::TAG => Self::Leave(Asked::read(request)?),
                Say::TAG => Self::Say(Asked::read(request)?),
                Joined::TAG => Self::Joined(Asked::read(request)?),
                Left::TAG => Self::Left(Asked::read(request)?),
                Said::TAG => Self::Said(Asked::read(request)?),
                Heartbeat::TAG => Self::Heartbeat(Asked::read(request)?),
                tag => return Err(BodyError::Protocol { tag }),
            })
        }
    }

    /// Answers that come in, for whoever has asked.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(clippy::large_enum_variant)]
    pub enum Answered {
        /// `join`
        Join(super::Done),
        /// `leave`
        Leave(super::Done),
        /// `say`
        Say(super::Done),
        /// `joined`
        Joined,
        /// `left`
        Left,
        /// `said`
        Said,
        /// `heartbeat`
        Heartbeat,
    }

    impl Answered {
        /// Reads the result in an answer.
        ///
        /// # Errors
        /// There is no such protocol here, or its result cannot be read.
        pub fn read(answer: &Answer<'_>) -> Result<Self, BodyError> {
            Ok(match answer.protocol.tag() {
                Join::TAG => Self::Join(answer.read::<Join>()?),
                Leave::TAG => Self::Leave(answer.read::<Leave>()?),
                Say::TAG => Self::Say(answer.read::<Say>()?),
                Joined::TAG => {
                    answer.read::<Joined>()?;
                    Self::Joined
                }
                Left::TAG => {
                    answer.read::<Left>()?;
                    Self::Left
                }
                Said::TAG => {
                    answer.read::<Said>()?;
                    Self::Said
                }
                Heartbeat::TAG => {
                    answer.read::<Heartbeat>()?;
                    Self::Heartbeat
                }
                tag => return Err(BodyError::Protocol { tag }),
            })
        }
    }
}
