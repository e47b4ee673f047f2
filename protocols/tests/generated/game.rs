// Made from a sproto schema, by skyring. What is changed here is lost with the next
// schema.

use std::collections::BTreeMap;

use skyring_protocols::sproto::{
    DecodeError, Decoder, EncodeError, Encoder, FromFields, Schema, ToFields, Words,
};

/// The schema, as a bundle.
pub const BUNDLE: &[u8] = b"\
    \x02\x00\x00\x00\x00\x00\x93\x01\x00\x00\x3d\x00\x00\x00\x02\x00\x00\x00\x00\x00\x04\x00\x00\
    \x00Item\x2b\x00\x00\x00\x10\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x02\x00\x02\x00\x00\
    \x00id\x13\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x04\x00\x05\x00\x00\x00countY\x00\x00\
    \x00\x02\x00\x00\x00\x00\x00\x06\x00\x00\x00PlayerE\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\
    \x00\x06\x00\x01\x00\x02\x00\x04\x00\x00\x00name\x10\x00\x00\x00\x04\x00\x00\x00\x01\x00\x06\
    \x00\x04\x00\x02\x00\x00\x00at\x17\x00\x00\x00\x06\x00\x00\x00\x01\x00\x02\x00\x06\x00\x04\x00\
    \x02\x00\x05\x00\x00\x00items\x3c\x00\x00\x00\x02\x00\x00\x00\x00\x00\x08\x00\x00\x00Positi\
    on\x26\x00\x00\x00\x0f\x00\x00\x00\x04\x00\x00\x00\x02\x00\x06\x00\x02\x00\x01\x00\x00\x00x\
    \x0f\x00\x00\x00\x04\x00\x00\x00\x02\x00\x06\x00\x04\x00\x01\x00\x00\x00y1\x00\x00\x00\x02\x00\
    \x00\x00\x00\x00\x0d\x00\x00\x00login.request\x16\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x00\
    \x06\x00\x01\x00\x02\x00\x04\x00\x00\x00name4\x00\x00\x00\x02\x00\x00\x00\x00\x00\x0e\x00\x00\
    \x00login.response\x18\x00\x00\x00\x14\x00\x00\x00\x04\x00\x00\x00\x01\x00\x04\x00\x02\x00\x06\
    \x00\x00\x00playerD\x00\x00\x00\x02\x00\x00\x00\x00\x00\x07\x00\x00\x00package\x2f\x00\x00\x00\
    \x12\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x02\x00\x04\x00\x00\x00type\x15\x00\x00\x00\
    \x04\x00\x00\x00\x02\x00\x01\x00\x04\x00\x07\x00\x00\x00sessionA\x00\x00\x00\x13\x00\x00\x00\
    \x04\x00\x00\x00\x04\x00\x08\x00\x0a\x00\x05\x00\x00\x00login\x14\x00\x00\x00\x05\x00\x00\x00\
    \x06\x00\x06\x00\x01\x00\x04\x00\x04\x00\x00\x00move\x0e\x00\x00\x00\x02\x00\x00\x00\x08\x00\
    \x04\x00\x00\x00quit";

/// The schema.
pub fn schema() -> Schema {
    Schema::from_bundle(BUNDLE).expect("it was made from a schema")
}

/// `Item`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// `id 0 : integer`
    pub id: Option<i64>,
    /// `count 1 : integer`
    pub count: Option<i64>,
}

impl ToFields for Item {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.id.is_some());
        words.field(1, self.count.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.id {
            encoder.integer(0, *value)?;
        }
        if let Some(value) = &self.count {
            encoder.integer(1, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Item {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.id = Some(field.integer()?),
                1 => read.count = Some(field.integer()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Player`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Player {
    /// `name 0 : string`
    pub name: Option<String>,
    /// `at 1 : Position`
    pub at: Option<Position>,
    /// `items 2 : *Item(id)`
    pub items: Option<BTreeMap<i64, Item>>,
}

impl ToFields for Player {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.name.is_some());
        words.field(1, self.at.is_some());
        words.field(2, self.items.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.name {
            encoder.bytes(0, value.as_bytes())?;
        }
        if let Some(value) = &self.at {
            encoder.structure(1, value)?;
        }
        if let Some(value) = &self.items {
            encoder.keyed(2, value, |item| item.id.as_ref())?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Player {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.name = Some(field.text()?.to_owned()),
                1 => read.at = Some(field.structure()?),
                2 => read.items = Some(field.keyed(|item: &Item| item.id.as_ref())?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Position`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Position {
    /// `x 0 : integer(2)`
    pub x: Option<f64>,
    /// `y 1 : integer(2)`
    pub y: Option<f64>,
}

impl ToFields for Position {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.x.is_some());
        words.field(1, self.y.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.x {
            encoder.fixed(0, *value, 2)?;
        }
        if let Some(value) = &self.y {
            encoder.fixed(1, *value, 2)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Position {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.x = Some(field.fixed(2)?),
                1 => read.y = Some(field.fixed(2)?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `login.request`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoginRequest {
    /// `name 0 : string`
    pub name: Option<String>,
}

impl ToFields for LoginRequest {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.name.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.name {
            encoder.bytes(0, value.as_bytes())?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for LoginRequest {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.name = Some(field.text()?.to_owned());
            }
        }
        Ok(read)
    }
}

/// `login.response`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoginResponse {
    /// `player 0 : Player`
    pub player: Option<Player>,
}

impl ToFields for LoginResponse {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.player.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.player {
            encoder.structure(0, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for LoginResponse {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.player = Some(field.structure()?);
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

    /// `login 1 { request login.request response login.response }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Login;

    impl Stub for Login {
        type Request = super::LoginRequest;
        type Response = super::LoginResponse;
        const NAME: &'static str = "login";
        const TAG: u16 = 1;
    }

    /// `move 2 { request Position response nil }`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Move;

    impl Stub for Move {
        type Request = super::Position;
        type Response = ();
        const NAME: &'static str = "move";
        const TAG: u16 = 2;
    }

    /// `quit 3 {}`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Quit;

    impl Stub for Quit {
        type Request = ();
        type Response = ();
        const NAME: &'static str = "quit";
        const TAG: u16 = 3;
    }

    /// Requests that come in, for whoever is asked.
    #[derive(Debug, PartialEq)]
    #[allow(clippy::large_enum_variant)]
    pub enum Incoming {
        /// `login`
        Login(Asked<Login>),
        /// `move`
        Move(Asked<Move>),
        /// `quit`
        Quit(Asked<Quit>),
    }

    impl Incoming {
        /// Reads the arguments of a request.
        ///
        /// # Errors
        /// There is no such protocol here, or its arguments cannot be read.
        pub fn read(request: Request<'_>) -> Result<Self, BodyError> {
            Ok(match request.protocol.tag() {
                Login::TAG => Self::Login(Asked::read(request)?),
                Move::TAG => Self::Move(Asked::read(request)?),
                Quit::TAG => Self::Quit(Asked::read(request)?),
                tag => return Err(BodyError::Protocol { tag }),
            })
        }
    }

    /// Answers that come in, for whoever has asked.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(clippy::large_enum_variant)]
    pub enum Answered {
        /// `login`
        Login(super::LoginResponse),
        /// `move`
        Move,
        /// `quit`
        Quit,
    }

    impl Answered {
        /// Reads the result in an answer.
        ///
        /// # Errors
        /// There is no such protocol here, or its result cannot be read.
        pub fn read(answer: &Answer<'_>) -> Result<Self, BodyError> {
            Ok(match answer.protocol.tag() {
                Login::TAG => Self::Login(answer.read::<Login>()?),
                Move::TAG => {
                    answer.read::<Move>()?;
                    Self::Move
                }
                Quit::TAG => {
                    answer.read::<Quit>()?;
                    Self::Quit
                }
                tag => return Err(BodyError::Protocol { tag }),
            })
        }
    }
}
