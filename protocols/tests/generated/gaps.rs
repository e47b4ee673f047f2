// Made from a sproto schema, by skyring. What is changed here is lost with the next
// schema.

use skyring_protocols::sproto::{
    DecodeError, Decoder, EncodeError, Encoder, FromFields, Schema, ToFields, Words,
};

/// The schema, as a bundle.
pub const BUNDLE: &[u8] = b"\
    \x01\x00\x00\x00\xbd\x01\x00\x00\x0d\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00Empty\x14\x01\
    \x00\x00\x02\x00\x00\x00\x00\x00\x03\x00\x00\x00Gap\x03\x01\x00\x00\x10\x00\x00\x00\x04\x00\
    \x00\x00\x02\x00\x01\x00\x04\x00\x02\x00\x00\x00i1\x10\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\
    \x00\x08\x00\x02\x00\x00\x00i3\x10\x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x10\x00\x02\x00\
    \x00\x00s7\x10\x00\x00\x00\x04\x00\x00\x00\x04\x00\x01\x00\x12\x00\x02\x00\x00\x00b8\x12\x00\
    \x00\x00\x04\x00\x00\x00\x01\x00\x06\x00\x2a\x00\x04\x00\x00\x00st20\x15\x00\x00\x00\x05\x00\
    \x00\x00\x02\x00\x01\x00\xca\x00\x04\x00\x05\x00\x00\x00ai100\x15\x00\x00\x00\x05\x00\x00\x00\
    \x06\x00\x01\x00\xcc\x00\x04\x00\x05\x00\x00\x00as101\x17\x00\x00\x00\x05\x00\x00\x00\x06\x00\
    \x04\x00Z\x02\x04\x00\x07\x00\x00\x00abin300\x17\x00\x00\x00\x05\x00\x00\x00\x01\x00\x06\x00\
    \xd2\x07\x04\x00\x07\x00\x00\x00ast1000\x17\x00\x00\x00\x05\x00\x00\x00\x02\x00\x08\x00\x12\
    \x27\x04\x00\x07\x00\x00\x00dec5000\x16\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\xfe\xff\
    \x08\x00\x00\x00big327669\x00\x00\x00\x02\x00\x00\x00\x00\x00\x05\x00\x00\x00Inner\x26\x00\x00\
    \x00\x0f\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x0c\x00\x01\x00\x00\x00a\x0f\x00\x00\x00\
    \x04\x00\x00\x00\x06\x00\x01\x00\x14\x00\x01\x00\x00\x00b\x28\x00\x00\x00\x02\x00\x00\x00\x00\
    \x00\x04\x00\x00\x00Late\x16\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x00\x04\x00\x01\x00B\x1f\
    \x04\x00\x00\x00only\x27\x00\x00\x00\x02\x00\x00\x00\x00\x00\x03\x00\x00\x00One\x16\x00\x00\
    \x00\x12\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x02\x00\x04\x00\x00\x00only";

/// The schema.
pub fn schema() -> Schema {
    Schema::from_bundle(BUNDLE).expect("it was made from a schema")
}

/// `Empty`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Empty {}

impl ToFields for Empty {
    fn words(&self) -> usize {
        Words::default().count()
    }

    fn write_fields(&self, _: &mut Encoder<'_>) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl<'i> FromFields<'i> for Empty {
    fn read_fields(_: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        Ok(Self::default())
    }
}

/// `Gap`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Gap {
    /// `i1 1 : integer`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub i1: Option<i64>,
    /// `i3 3 : integer`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub i3: Option<i64>,
    /// `s7 7 : string`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s7: Option<String>,
    /// `b8 8 : boolean`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b8: Option<bool>,
    /// `st20 20 : Inner`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub st20: Option<Inner>,
    /// `ai100 100 : *integer`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ai100: Option<Vec<i64>>,
    /// `as101 101 : *string`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as101: Option<Vec<String>>,
    /// `abin300 300 : *binary`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abin300: Option<Vec<Vec<u8>>>,
    /// `ast1000 1000 : *Inner`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ast1000: Option<Vec<Inner>>,
    /// `dec5000 5000 : *integer(3)`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dec5000: Option<Vec<f64>>,
    /// `big32766 32766 : integer`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub big32766: Option<i64>,
}

impl ToFields for Gap {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(1, self.i1.is_some());
        words.field(3, self.i3.is_some());
        words.field(7, self.s7.is_some());
        words.field(8, self.b8.is_some());
        words.field(20, self.st20.is_some());
        words.field(100, self.ai100.is_some());
        words.field(101, self.as101.is_some());
        words.field(300, self.abin300.is_some());
        words.field(1000, self.ast1000.is_some());
        words.field(5000, self.dec5000.is_some());
        words.field(32766, self.big32766.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.i1 {
            encoder.integer(1, *value)?;
        }
        if let Some(value) = &self.i3 {
            encoder.integer(3, *value)?;
        }
        if let Some(value) = &self.s7 {
            encoder.bytes(7, value.as_bytes())?;
        }
        if let Some(value) = &self.b8 {
            encoder.boolean(8, *value)?;
        }
        if let Some(value) = &self.st20 {
            encoder.structure(20, value)?;
        }
        if let Some(value) = &self.ai100 {
            encoder.integers(100, value.iter().copied())?;
        }
        if let Some(value) = &self.as101 {
            encoder.strings(101, value)?;
        }
        if let Some(value) = &self.abin300 {
            encoder.strings(300, value)?;
        }
        if let Some(value) = &self.ast1000 {
            encoder.structures(1000, value)?;
        }
        if let Some(value) = &self.dec5000 {
            encoder.fixeds(5000, value.iter().copied(), 3)?;
        }
        if let Some(value) = &self.big32766 {
            encoder.integer(32766, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Gap {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                1 => read.i1 = Some(field.integer()?),
                3 => read.i3 = Some(field.integer()?),
                7 => read.s7 = Some(field.text()?.to_owned()),
                8 => read.b8 = Some(field.boolean()?),
                20 => read.st20 = Some(field.structure()?),
                100 => read.ai100 = Some(field.integers()?.collect()),
                101 => read.as101 = Some(field.string_vec()?),
                300 => read.abin300 = Some(field.binary_vec()?),
                1000 => read.ast1000 = Some(field.structure_vec()?),
                5000 => read.dec5000 = Some(field.fixeds(3)?.collect()),
                32766 => read.big32766 = Some(field.integer()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Inner`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Inner {
    /// `a 5 : integer`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub a: Option<i64>,
    /// `b 9 : string`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b: Option<String>,
}

impl ToFields for Inner {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(5, self.a.is_some());
        words.field(9, self.b.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.a {
            encoder.integer(5, *value)?;
        }
        if let Some(value) = &self.b {
            encoder.bytes(9, value.as_bytes())?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Inner {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                5 => read.a = Some(field.integer()?),
                9 => read.b = Some(field.text()?.to_owned()),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Late`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Late {
    /// `only 4000 : boolean`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<bool>,
}

impl ToFields for Late {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(4000, self.only.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.only {
            encoder.boolean(4000, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Late {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 4000 {
                read.only = Some(field.boolean()?);
            }
        }
        Ok(read)
    }
}

/// `One`
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct One {
    /// `only 0 : integer`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<i64>,
}

impl ToFields for One {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.only.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.only {
            encoder.integer(0, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for One {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 0 {
                read.only = Some(field.integer()?);
            }
        }
        Ok(read)
    }
}
