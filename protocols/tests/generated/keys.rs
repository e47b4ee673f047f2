// Made from a sproto schema, by skyring. What is changed here is lost with the next
// schema.

use std::collections::BTreeMap;

use skyring_protocols::sproto::{
    DecodeError, Decoder, DoubleKey, EncodeError, Encoder, FromFields, Schema, ToFields, Words,
};

/// The schema, as a bundle.
pub const BUNDLE: &[u8] = b"\
    \x01\x00\x00\x00\xf4\x02\x00\x00k\x00\x00\x00\x02\x00\x00\x00\x00\x00\x08\x00\x00\x00ByDoub\
    leU\x00\x00\x00\x10\x00\x00\x00\x04\x00\x00\x00\x08\x00\x01\x00\x04\x00\x02\x00\x00\x00at\x11\
    \x00\x00\x00\x04\x00\x00\x00\x02\x00\x06\x00\x06\x00\x03\x00\x00\x00far\x13\x00\x00\x00\x04\
    \x00\x00\x00\x04\x00\x01\x00\x0a\x00\x05\x00\x00\x00is_on\x11\x00\x00\x00\x04\x00\x00\x00\x06\
    \x00\x04\x00\x0c\x00\x03\x00\x00\x00raw\x29\x00\x00\x00\x02\x00\x00\x00\x00\x00\x05\x00\x00\
    \x00Chain\x16\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x00\x01\x00\x04\x00\x08\x00\x04\x00\x00\
    \x00next\x3b\x01\x00\x00\x02\x00\x00\x00\x00\x00\x04\x00\x00\x00Keys\x29\x01\x00\x00\x1b\x00\
    \x00\x00\x06\x00\x00\x00\x01\x00\x02\x00\x02\x00\x04\x00\x04\x00\x09\x00\x00\x00by_double\x1a\
    \x00\x00\x00\x06\x00\x00\x00\x01\x00\x02\x00\x04\x00\x04\x00\x06\x00\x08\x00\x00\x00by_fixe\
    d\x1c\x00\x00\x00\x06\x00\x00\x00\x01\x00\x02\x00\x06\x00\x04\x00\x0a\x00\x0a\x00\x00\x00by\
    _boolean\x1b\x00\x00\x00\x06\x00\x00\x00\x01\x00\x02\x00\x08\x00\x04\x00\x0c\x00\x09\x00\x00\
    \x00by_binary\x19\x00\x00\x00\x07\x00\x00\x00\x01\x00\x08\x00\x16\x00\x04\x00\x02\x00\x04\x00\
    \x05\x00\x00\x00boxes\x19\x00\x00\x00\x07\x00\x00\x00\x01\x00\x0c\x00\x18\x00\x04\x00\x02\x00\
    \x04\x00\x05\x00\x00\x00lists\x19\x00\x00\x00\x07\x00\x00\x00\x01\x00\x0a\x00\x1a\x00\x04\x00\
    \x02\x00\x04\x00\x05\x00\x00\x00items\x18\x00\x00\x00\x07\x00\x00\x00\x01\x00\x0e\x00\x1c\x00\
    \x04\x00\x02\x00\x04\x00\x04\x00\x00\x00maps6\x00\x00\x00\x06\x00\x00\x00\x01\x00\x02\x00\x1e\
    \x00\x04\x00\x04\x00\x24\x00\x00\x00a_name_that_is_long_but_not_too_long\x40\x00\x00\x00\x02\
    \x00\x00\x00\x00\x00\x05\x00\x00\x00ToBox\x2d\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x00\x06\
    \x00\x01\x00\x02\x00\x04\x00\x00\x00name\x13\x00\x00\x00\x04\x00\x00\x00\x01\x00\x04\x00\x04\
    \x00\x05\x00\x00\x00chainF\x00\x00\x00\x02\x00\x00\x00\x00\x00\x06\x00\x00\x00ToItem2\x00\x00\
    \x00\x11\x00\x00\x00\x04\x00\x00\x00\x06\x00\x04\x00\x02\x00\x03\x00\x00\x00raw\x19\x00\x00\
    \x00\x06\x00\x00\x00\x01\x00\x08\x00\x04\x00\x04\x00\x02\x00\x07\x00\x00\x00by_name\x40\x00\
    \x00\x00\x02\x00\x00\x00\x00\x00\x06\x00\x00\x00ToList\x2c\x00\x00\x00\x10\x00\x00\x00\x04\x00\
    \x00\x00\x04\x00\x01\x00\x02\x00\x02\x00\x00\x00on\x14\x00\x00\x00\x05\x00\x00\x00\x02\x00\x04\
    \x00\x04\x00\x04\x00\x04\x00\x00\x00listC\x00\x00\x00\x02\x00\x00\x00\x00\x00\x05\x00\x00\x00\
    ToMap0\x00\x00\x00\x11\x00\x00\x00\x04\x00\x00\x00\x02\x00\x08\x00\x02\x00\x03\x00\x00\x00f\
    ar\x17\x00\x00\x00\x07\x00\x00\x00\x01\x00\x0e\x00\x04\x00\x04\x00\x02\x00\x04\x00\x03\x00\x00\
    \x00map";

/// The schema.
pub fn schema() -> Schema {
    Schema::from_bundle(BUNDLE).expect("it was made from a schema")
}

/// `ByDouble`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ByDouble {
    /// `at 1 : double`
    pub at: Option<f64>,
    /// `far 2 : integer(2)`
    pub far: Option<f64>,
    /// `is_on 4 : boolean`
    pub is_on: Option<bool>,
    /// `raw 5 : binary`
    pub raw: Option<Vec<u8>>,
}

impl ToFields for ByDouble {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(1, self.at.is_some());
        words.field(2, self.far.is_some());
        words.field(4, self.is_on.is_some());
        words.field(5, self.raw.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.at {
            encoder.double(1, *value)?;
        }
        if let Some(value) = &self.far {
            encoder.fixed(2, *value, 2)?;
        }
        if let Some(value) = &self.is_on {
            encoder.boolean(4, *value)?;
        }
        if let Some(value) = &self.raw {
            encoder.bytes(5, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for ByDouble {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                1 => read.at = Some(field.double()?),
                2 => read.far = Some(field.fixed(2)?),
                4 => read.is_on = Some(field.boolean()?),
                5 => read.raw = Some(field.bytes()?.to_vec()),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Chain`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// `next 3 : Chain`
    pub next: Option<Box<Chain>>,
}

impl ToFields for Chain {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(3, self.next.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.next {
            encoder.structure(3, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Chain {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            if field.tag() == 3 {
                read.next = Some(field.structure()?);
            }
        }
        Ok(read)
    }
}

/// `Keys`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keys {
    /// `by_double 0 : *ByDouble(at)`
    pub by_double: Option<BTreeMap<DoubleKey, ByDouble>>,
    /// `by_fixed 1 : *ByDouble(far)`
    pub by_fixed: Option<BTreeMap<DoubleKey, ByDouble>>,
    /// `by_boolean 2 : *ByDouble(is_on)`
    pub by_boolean: Option<BTreeMap<bool, ByDouble>>,
    /// `by_binary 3 : *ByDouble(raw)`
    pub by_binary: Option<BTreeMap<Vec<u8>, ByDouble>>,
    /// `boxes 10 : *ToBox()`
    pub boxes: Option<BTreeMap<String, Chain>>,
    /// `lists 11 : *ToList()`
    pub lists: Option<BTreeMap<bool, Vec<f64>>>,
    /// `items 12 : *ToItem()`
    pub items: Option<BTreeMap<Vec<u8>, BTreeMap<String, ToBox>>>,
    /// `maps 13 : *ToMap()`
    pub maps: Option<BTreeMap<DoubleKey, ToMap>>,
    /// `a_name_that_is_long_but_not_too_long 14 : *ByDouble(at)`
    pub a_name_that_is_long_but_not_too_long: Option<BTreeMap<DoubleKey, ByDouble>>,
}

impl ToFields for Keys {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.by_double.is_some());
        words.field(1, self.by_fixed.is_some());
        words.field(2, self.by_boolean.is_some());
        words.field(3, self.by_binary.is_some());
        words.field(10, self.boxes.is_some());
        words.field(11, self.lists.is_some());
        words.field(12, self.items.is_some());
        words.field(13, self.maps.is_some());
        words.field(14, self.a_name_that_is_long_but_not_too_long.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.by_double {
            encoder.keyed(0, value, |item| item.at.as_ref())?;
        }
        if let Some(value) = &self.by_fixed {
            encoder.keyed(1, value, |item| item.far.as_ref())?;
        }
        if let Some(value) = &self.by_boolean {
            encoder.keyed(2, value, |item| item.is_on.as_ref())?;
        }
        if let Some(value) = &self.by_binary {
            encoder.keyed(3, value, |item| item.raw.as_ref())?;
        }
        if let Some(value) = &self.boxes {
            encoder.map(10, value, |encoder, key, value| {
                encoder.bytes(0, key.as_bytes())?;
                encoder.structure(1, value)
            })?;
        }
        if let Some(value) = &self.lists {
            encoder.map(11, value, |encoder, key, value| {
                encoder.boolean(0, *key)?;
                encoder.fixeds(1, value.iter().copied(), 1)
            })?;
        }
        if let Some(value) = &self.items {
            encoder.map(12, value, |encoder, key, value| {
                encoder.bytes(0, key)?;
                encoder.keyed(1, value, |item| item.name.as_ref())
            })?;
        }
        if let Some(value) = &self.maps {
            encoder.keyed(13, value, |item| {
                let key = item.far.as_ref()?;
                item.map.as_ref().map(|_| key)
            })?;
        }
        if let Some(value) = &self.a_name_that_is_long_but_not_too_long {
            encoder.keyed(14, value, |item| item.at.as_ref())?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Keys {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.by_double = Some(field.keyed(|item: &ByDouble| item.at.as_ref())?),
                1 => read.by_fixed = Some(field.keyed(|item: &ByDouble| item.far.as_ref())?),
                2 => read.by_boolean = Some(field.keyed(|item: &ByDouble| item.is_on.as_ref())?),
                3 => read.by_binary = Some(field.keyed(|item: &ByDouble| item.raw.as_ref())?),
                10 => read.boxes = Some(field.map(|item: ToBox| (item.name, item.chain))?),
                11 => read.lists = Some(field.map(|item: ToList| (item.on, item.list))?),
                12 => read.items = Some(field.map(|item: ToItem| (item.raw, item.by_name))?),
                13 => {
                    let value = field.keyed(|item: &ToMap| {
                        let key = item.far.as_ref()?;
                        item.map.as_ref().map(|_| key)
                    })?;
                    read.maps = Some(value);
                }
                14 => {
                    let value = field.keyed(|item: &ByDouble| item.at.as_ref())?;
                    read.a_name_that_is_long_but_not_too_long = Some(value);
                }
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `ToBox`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToBox {
    /// `name 0 : string`
    pub name: Option<String>,
    /// `chain 1 : Chain`
    pub chain: Option<Chain>,
}

impl ToFields for ToBox {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.name.is_some());
        words.field(1, self.chain.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.name {
            encoder.bytes(0, value.as_bytes())?;
        }
        if let Some(value) = &self.chain {
            encoder.structure(1, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for ToBox {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.name = Some(field.text()?.to_owned()),
                1 => read.chain = Some(field.structure()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `ToItem`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToItem {
    /// `raw 0 : binary`
    pub raw: Option<Vec<u8>>,
    /// `by_name 1 : *ToBox(name)`
    pub by_name: Option<BTreeMap<String, ToBox>>,
}

impl ToFields for ToItem {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.raw.is_some());
        words.field(1, self.by_name.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.raw {
            encoder.bytes(0, value)?;
        }
        if let Some(value) = &self.by_name {
            encoder.keyed(1, value, |item| item.name.as_ref())?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for ToItem {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.raw = Some(field.bytes()?.to_vec()),
                1 => read.by_name = Some(field.keyed(|item: &ToBox| item.name.as_ref())?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `ToList`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToList {
    /// `on 0 : boolean`
    pub on: Option<bool>,
    /// `list 1 : *integer(1)`
    pub list: Option<Vec<f64>>,
}

impl ToFields for ToList {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.on.is_some());
        words.field(1, self.list.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.on {
            encoder.boolean(0, *value)?;
        }
        if let Some(value) = &self.list {
            encoder.fixeds(1, value.iter().copied(), 1)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for ToList {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.on = Some(field.boolean()?),
                1 => read.list = Some(field.fixeds(1)?.collect()),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `ToMap`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToMap {
    /// `far 0 : integer(3)`
    pub far: Option<f64>,
    /// `map 1 : *ToMap()`
    pub map: Option<BTreeMap<DoubleKey, ToMap>>,
}

impl ToFields for ToMap {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.far.is_some());
        words.field(1, self.map.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.far {
            encoder.fixed(0, *value, 3)?;
        }
        if let Some(value) = &self.map {
            encoder.keyed(1, value, |item| {
                let key = item.far.as_ref()?;
                item.map.as_ref().map(|_| key)
            })?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for ToMap {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.far = Some(field.fixed(3)?),
                1 => {
                    let value = field.keyed(|item: &ToMap| {
                        let key = item.far.as_ref()?;
                        item.map.as_ref().map(|_| key)
                    })?;
                    read.map = Some(value);
                }
                _ => {}
            }
        }
        Ok(read)
    }
}
