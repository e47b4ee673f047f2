// Made from a sproto schema, by skyring. What is changed here is lost with the next
// schema.

use std::collections::BTreeMap;

use skyring_protocols::sproto::{
    DecodeError, Decoder, EncodeError, Encoder, FromFields, Schema, ToFields, Words,
};

/// The schema, as a bundle.
pub const BUNDLE: &[u8] = b"\
    \x01\x00\x00\x00\xec\x01\x00\x00\x93\x00\x00\x00\x02\x00\x00\x00\x00\x00\x03\x00\x00\x00Bag\
    \x82\x00\x00\x00\x17\x00\x00\x00\x06\x00\x00\x00\x01\x00\x06\x00\x02\x00\x04\x00\x02\x00\x05\
    \x00\x00\x00items\x18\x00\x00\x00\x06\x00\x00\x00\x01\x00\x06\x00\x04\x00\x04\x00\x04\x00\x06\
    \x00\x00\x00byname\x17\x00\x00\x00\x06\x00\x00\x00\x01\x00\x0a\x00\x06\x00\x04\x00\x08\x00\x05\
    \x00\x00\x00named\x16\x00\x00\x00\x07\x00\x00\x00\x01\x00\x08\x00\x08\x00\x04\x00\x02\x00\x04\
    \x00\x02\x00\x00\x00kv\x12\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x0c\x00\x04\x00\x00\x00\
    tail8\x00\x00\x00\x02\x00\x00\x00\x00\x00\x04\x00\x00\x00Flag\x26\x00\x00\x00\x0f\x00\x00\x00\
    \x04\x00\x00\x00\x04\x00\x01\x00\x02\x00\x01\x00\x00\x00f\x0f\x00\x00\x00\x04\x00\x00\x00\x01\
    \x00\x06\x00\x04\x00\x01\x00\x00\x00tS\x00\x00\x00\x02\x00\x00\x00\x00\x00\x04\x00\x00\x00I\
    temA\x00\x00\x00\x10\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x02\x00\x02\x00\x00\x00id\x12\
    \x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x04\x00\x04\x00\x00\x00name\x13\x00\x00\x00\x04\
    \x00\x00\x00\x02\x00\x01\x00\x06\x00\x05\x00\x00\x00count6\x00\x00\x00\x02\x00\x00\x00\x00\x00\
    \x02\x00\x00\x00KV\x26\x00\x00\x00\x0f\x00\x00\x00\x04\x00\x00\x00\x02\x00\x01\x00\x02\x00\x01\
    \x00\x00\x00k\x0f\x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x04\x00\x01\x00\x00\x00v\x40\x00\
    \x00\x00\x02\x00\x00\x00\x00\x00\x05\x00\x00\x00Named\x2d\x00\x00\x00\x12\x00\x00\x00\x04\x00\
    \x00\x00\x06\x00\x01\x00\x08\x00\x04\x00\x00\x00name\x13\x00\x00\x00\x04\x00\x00\x00\x08\x00\
    \x01\x00\x0a\x00\x05\x00\x00\x00value\x40\x00\x00\x00\x02\x00\x00\x00\x00\x00\x02\x00\x00\x00\
    SV0\x00\x00\x00\x11\x00\x00\x00\x04\x00\x00\x00\x06\x00\x01\x00\x02\x00\x03\x00\x00\x00key\x17\
    \x00\x00\x00\x06\x00\x00\x00\x01\x00\x06\x00\x06\x00\x04\x00\x02\x00\x05\x00\x00\x00value";

/// The schema.
pub fn schema() -> Schema {
    Schema::from_bundle(BUNDLE).expect("it was made from a schema")
}

/// `Bag`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bag {
    /// `items 0 : *Item(id)`
    pub items: Option<BTreeMap<i64, Item>>,
    /// `byname 1 : *Item(name)`
    pub byname: Option<BTreeMap<Vec<u8>, Item>>,
    /// `named 2 : *Named(name)`
    pub named: Option<BTreeMap<Vec<u8>, Named>>,
    /// `kv 3 : *KV()`
    pub kv: Option<BTreeMap<i64, Vec<u8>>>,
    /// `tail 5 : integer`
    pub tail: Option<i64>,
}

impl ToFields for Bag {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.items.is_some());
        words.field(1, self.byname.is_some());
        words.field(2, self.named.is_some());
        words.field(3, self.kv.is_some());
        words.field(5, self.tail.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.items {
            encoder.keyed(0, value, |item| item.id.as_ref())?;
        }
        if let Some(value) = &self.byname {
            encoder.keyed(1, value, |item| item.name.as_ref())?;
        }
        if let Some(value) = &self.named {
            encoder.keyed(2, value, |item| item.name.as_ref())?;
        }
        if let Some(value) = &self.kv {
            encoder.map(3, value, |encoder, key, value| {
                encoder.integer(0, *key)?;
                encoder.bytes(1, value)
            })?;
        }
        if let Some(value) = &self.tail {
            encoder.integer(5, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Bag {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.items = Some(field.keyed(|item: &Item| item.id.as_ref())?),
                1 => read.byname = Some(field.keyed(|item: &Item| item.name.as_ref())?),
                2 => read.named = Some(field.keyed(|item: &Named| item.name.as_ref())?),
                3 => read.kv = Some(field.map(|item: Kv| (item.k, item.v))?),
                5 => read.tail = Some(field.integer()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Flag`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flag {
    /// `f 0 : boolean`
    pub f: Option<bool>,
    /// `t 1 : Item`
    pub t: Option<Item>,
}

impl ToFields for Flag {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.f.is_some());
        words.field(1, self.t.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.f {
            encoder.boolean(0, *value)?;
        }
        if let Some(value) = &self.t {
            encoder.structure(1, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Flag {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.f = Some(field.boolean()?),
                1 => read.t = Some(field.structure()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Item`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// `id 0 : integer`
    pub id: Option<i64>,
    /// `name 1 : string`
    pub name: Option<Vec<u8>>,
    /// `count 2 : integer`
    pub count: Option<i64>,
}

impl ToFields for Item {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.id.is_some());
        words.field(1, self.name.is_some());
        words.field(2, self.count.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.id {
            encoder.integer(0, *value)?;
        }
        if let Some(value) = &self.name {
            encoder.bytes(1, value)?;
        }
        if let Some(value) = &self.count {
            encoder.integer(2, *value)?;
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
                1 => read.name = Some(field.bytes()?.to_vec()),
                2 => read.count = Some(field.integer()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `KV`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kv {
    /// `k 0 : integer`
    pub k: Option<i64>,
    /// `v 1 : string`
    pub v: Option<Vec<u8>>,
}

impl ToFields for Kv {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.k.is_some());
        words.field(1, self.v.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.k {
            encoder.integer(0, *value)?;
        }
        if let Some(value) = &self.v {
            encoder.bytes(1, value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Kv {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.k = Some(field.integer()?),
                1 => read.v = Some(field.bytes()?.to_vec()),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `Named`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named {
    /// `name 3 : string`
    pub name: Option<Vec<u8>>,
    /// `value 4 : double`
    pub value: Option<f64>,
}

impl ToFields for Named {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(3, self.name.is_some());
        words.field(4, self.value.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.name {
            encoder.bytes(3, value)?;
        }
        if let Some(value) = &self.value {
            encoder.double(4, *value)?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Named {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                3 => read.name = Some(field.bytes()?.to_vec()),
                4 => read.value = Some(field.double()?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// `SV`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sv {
    /// `key 0 : string`
    pub key: Option<Vec<u8>>,
    /// `value 2 : *Item(id)`
    pub value: Option<BTreeMap<i64, Item>>,
}

impl ToFields for Sv {
    fn words(&self) -> usize {
        let mut words = Words::default();
        words.field(0, self.key.is_some());
        words.field(2, self.value.is_some());
        words.count()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(value) = &self.key {
            encoder.bytes(0, value)?;
        }
        if let Some(value) = &self.value {
            encoder.keyed(2, value, |item| item.id.as_ref())?;
        }
        Ok(())
    }
}

impl<'i> FromFields<'i> for Sv {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        let mut read = Self::default();
        while let Some(field) = decoder.next()? {
            match field.tag() {
                0 => read.key = Some(field.bytes()?.to_vec()),
                2 => read.value = Some(field.keyed(|item: &Item| item.id.as_ref())?),
                _ => {}
            }
        }
        Ok(read)
    }
}
