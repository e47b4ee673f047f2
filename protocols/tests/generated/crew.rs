// Made from a sproto schema, by skyring. What is changed here is lost with the next
// schema.

use skyring_protocols::sproto::{
    DecodeError, Decoder, EncodeError, Encoder, FromFields, Schema, ToFields, Words,
};

/// The schema, as a bundle.
pub const BUNDLE: &[u8] = b"\
    \x01\x00\x00\x00\x85\x02\x00\x00\xbc\x00\x00\x00\x02\x00\x00\x00\x00\x00\x06\x00\x00\x00Mem\
    ber\xa8\x00\x00\x00\x16\x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x02\x00\x08\x00\x00\x00\
    callsign\x14\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x04\x00\x06\x00\x00\x00serial\x14\x00\
    \x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x06\x00\x06\x00\x00\x00remark\x16\x00\x00\x00\x05\x00\
    \x00\x00\x01\x00\x04\x00\x08\x00\x04\x00\x06\x00\x00\x00radios\x12\x00\x00\x00\x04\x00\x00\x00\
    \x02\x00\x06\x00\x0a\x00\x04\x00\x00\x00mass\x13\x00\x00\x00\x04\x00\x00\x00\x06\x00\x04\x00\
    \x0c\x00\x05\x00\x00\x00badge\x13\x00\x00\x00\x04\x00\x00\x00\x08\x00\x01\x00\x0e\x00\x05\x00\
    \x00\x00skillI\x00\x00\x00\x02\x00\x00\x00\x00\x00\x0c\x00\x00\x00Member.Radio\x2f\x00\x00\x00\
    \x15\x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x02\x00\x07\x00\x00\x00channel\x12\x00\x00\
    \x00\x04\x00\x00\x00\x02\x00\x01\x00\x04\x00\x04\x00\x00\x00band\xba\x00\x00\x00\x02\x00\x00\
    \x00\x00\x00\x03\x00\x00\x00Mix\xa9\x00\x00\x00\x16\x00\x00\x00\x05\x00\x00\x00\x02\x00\x01\
    \x00\x02\x00\x04\x00\x06\x00\x00\x00counts\x15\x00\x00\x00\x05\x00\x00\x00\x04\x00\x01\x00\x04\
    \x00\x04\x00\x05\x00\x00\x00flags\x13\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x06\x00\x05\
    \x00\x00\x00small\x13\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x08\x00\x05\x00\x00\x00la\
    rge\x13\x00\x00\x00\x04\x00\x00\x00\x08\x00\x01\x00\x0a\x00\x05\x00\x00\x00ratio\x16\x00\x00\
    \x00\x05\x00\x00\x00\x08\x00\x01\x00\x0c\x00\x04\x00\x06\x00\x00\x00ratios\x13\x00\x00\x00\x04\
    \x00\x00\x00\x02\x00\x06\x00\x0e\x00\x05\x00\x00\x00priceD\x00\x00\x00\x02\x00\x00\x00\x00\x00\
    \x04\x00\x00\x00Ship2\x00\x00\x00\x14\x00\x00\x00\x05\x00\x00\x00\x01\x00\x02\x00\x02\x00\x04\
    \x00\x04\x00\x00\x00crew\x16\x00\x00\x00\x05\x00\x00\x00\x01\x00\x02\x00\x04\x00\x04\x00\x06\
    \x00\x00\x00guestsn\x00\x00\x00\x02\x00\x00\x00\x00\x00\x04\x00\x00\x00Tree\x5c\x00\x00\x00\
    \x13\x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x02\x00\x05\x00\x00\x00label\x13\x00\x00\x00\
    \x04\x00\x00\x00\x02\x00\x01\x00\x04\x00\x05\x00\x00\x00depth\x12\x00\x00\x00\x04\x00\x00\x00\
    \x04\x00\x01\x00\x06\x00\x04\x00\x00\x00leaf\x14\x00\x00\x00\x05\x00\x00\x00\x01\x00\x0a\x00\
    \x08\x00\x04\x00\x04\x00\x00\x00kids";

/// The schema.
pub fn schema() -> Schema {
    Schema::from_bundle(BUNDLE).expect("it was made from a schema")
}

/// `Member`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// `callsign 0 : string`
    pub callsign: Option<String>,
    /// `serial 1 : integer`
    pub serial: Option<i64>,
    /// `remark 2 : string`
    pub remark: Option<String>,
    /// `radios 3 : *Member.Radio`
    pub radios: Option<Vec<MemberRadio>>,
    /// `mass 4 : integer(2)`
    pub mass: Option<f64>,
    /// `badge 5 : binary`
    pub badge: Option<Vec<u8>>,
    /// `skill 6 : double`
    pub skill: Option<f64>,
}

impl ToFields for Member {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.callsign.is_some());
        words.field(1, self.serial.is_some());
        words.field(2, self.remark.is_some());
        words.field(3, self.radios.is_some());
        words.field(4, self.mass.is_some());
        words.field(5, self.badge.is_some());
        words.field(6, self.skill.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.callsign {
            encoder.bytes(0, value.as_bytes())?;
        }
        if let Some(value) = &self.serial {
            encoder.integer(1, *value)?;
        }
        if let Some(value) = &self.remark {
            encoder.bytes(2, value.as_bytes())?;
        }
        if let Some(value) = &self.radios {
            encoder.structures(3, value)?;
        }
        if let Some(value) = &self.mass {
            encoder.fixed(4, *value, 2)?;
        }
        if let Some(value) = &self.badge {
            encoder.bytes(5, value)?;
        }
        if let Some(value) = &self.skill {
            encoder.double(6, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Member {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.callsign = Some(field.text()?.to_owned()),
                1 => read.serial = Some(field.integer()?),
                2 => read.remark = Some(field.text()?.to_owned()),
                3 => read.radios = Some(field.structure_vec()?),
                4 => read.mass = Some(field.fixed(2)?),
                5 => read.badge = Some(field.bytes()?.to_vec()),
                6 => read.skill = Some(field.double()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Member.Radio`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberRadio {
    /// `channel 0 : string`
    pub channel: Option<String>,
    /// `band 1 : integer`
    pub band: Option<i64>,
}

impl ToFields for MemberRadio {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.channel.is_some());
        words.field(1, self.band.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.channel {
            encoder.bytes(0, value.as_bytes())?;
        }
        if let Some(value) = &self.band {
            encoder.integer(1, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for MemberRadio {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.channel = Some(field.text()?.to_owned()),
                1 => read.band = Some(field.integer()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Mix`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mix {
    /// `counts 0 : *integer`
    pub counts: Option<Vec<i64>>,
    /// `flags 1 : *boolean`
    pub flags: Option<Vec<bool>>,
    /// `small 2 : integer`
    pub small: Option<i64>,
    /// `large 3 : integer`
    pub large: Option<i64>,
    /// `ratio 4 : double`
    pub ratio: Option<f64>,
    /// `ratios 5 : *double`
    pub ratios: Option<Vec<f64>>,
    /// `price 6 : integer(2)`
    pub price: Option<f64>,
}

impl ToFields for Mix {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.counts.is_some());
        words.field(1, self.flags.is_some());
        words.field(2, self.small.is_some());
        words.field(3, self.large.is_some());
        words.field(4, self.ratio.is_some());
        words.field(5, self.ratios.is_some());
        words.field(6, self.price.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.counts {
            encoder.integers(0, value.iter().copied())?;
        }
        if let Some(value) = &self.flags {
            encoder.booleans(1, value.iter().copied())?;
        }
        if let Some(value) = &self.small {
            encoder.integer(2, *value)?;
        }
        if let Some(value) = &self.large {
            encoder.integer(3, *value)?;
        }
        if let Some(value) = &self.ratio {
            encoder.double(4, *value)?;
        }
        if let Some(value) = &self.ratios {
            encoder.doubles(5, value.iter().copied())?;
        }
        if let Some(value) = &self.price {
            encoder.fixed(6, *value, 2)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Mix {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.counts = Some(field.integers()?.collect()),
                1 => read.flags = Some(field.booleans()?.collect()),
                2 => read.small = Some(field.integer()?),
                3 => read.large = Some(field.integer()?),
                4 => read.ratio = Some(field.double()?),
                5 => read.ratios = Some(field.doubles()?.collect()),
                6 => read.price = Some(field.fixed(2)?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Ship`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ship {
    /// `crew 0 : *Member`
    pub crew: Option<Vec<Member>>,
    /// `guests 1 : *Member`
    pub guests: Option<Vec<Member>>,
}

impl ToFields for Ship {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.crew.is_some());
        words.field(1, self.guests.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.crew {
            encoder.structures(0, value)?;
        }
        if let Some(value) = &self.guests {
            encoder.structures(1, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Ship {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.crew = Some(field.structure_vec()?),
                1 => read.guests = Some(field.structure_vec()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Tree`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// `label 0 : string`
    pub label: Option<String>,
    /// `depth 1 : integer`
    pub depth: Option<i64>,
    /// `leaf 2 : boolean`
    pub leaf: Option<bool>,
    /// `kids 3 : *Tree`
    pub kids: Option<Vec<Tree>>,
}

impl ToFields for Tree {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.label.is_some());
        words.field(1, self.depth.is_some());
        words.field(2, self.leaf.is_some());
        words.field(3, self.kids.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.label {
            encoder.bytes(0, value.as_bytes())?;
        }
        if let Some(value) = &self.depth {
            encoder.integer(1, *value)?;
        }
        if let Some(value) = &self.leaf {
            encoder.boolean(2, *value)?;
        }
        if let Some(value) = &self.kids {
            encoder.structures(3, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Tree {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.label = Some(field.text()?.to_owned()),
                1 => read.depth = Some(field.integer()?),
                2 => read.leaf = Some(field.boolean()?),
                3 => read.kids = Some(field.structure_vec()?),
                _ => {}
            }
        }
        Ok(read)
    }
}
