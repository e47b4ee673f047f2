//! Dynamic values for serde, mostly to be printed as JSON.
//!
//! In formats for people a struct is a map of its fields, a map has texts for keys, and bytes are
//! text if they are UTF-8, else `{"hex": "…"}`; a number that is none is a text, for JSON has no
//! other place for it. In other formats all is as it is, and bytes are bytes.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::typed::DoubleKey;
use super::value::{Key, Struct, Value};
use crate::crypt::hexencode;

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Double(value) if serializer.is_human_readable() && !value.is_finite() => {
                serializer.collect_str(value)
            }
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Bytes(value) => bytes(value, serializer),
            Self::Struct(value) => value.serialize(serializer),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Map(entries) => serializer.collect_map(entries),
        }
    }
}

impl Serialize for Struct<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for Key<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return self.to_value().serialize(serializer);
        }
        match self {
            Self::Integer(value) => serializer.collect_str(value),
            Self::Double(value) => serializer.collect_str(value),
            Self::Boolean(value) => serializer.collect_str(value),
            Self::Bytes(value) => match str::from_utf8(value) {
                Ok(text) => serializer.serialize_str(text),
                Err(_) => serializer.serialize_str(&format!("hex {}", hexencode(value))),
            },
        }
    }
}

impl Serialize for DoubleKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get())
    }
}

impl<'d> serde::Deserialize<'d> for DoubleKey {
    fn deserialize<D: serde::Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Self::new(number).ok_or_else(|| serde::de::Error::custom("nothing is found by NaN"))
    }
}

fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    if !serializer.is_human_readable() {
        return serializer.serialize_bytes(bytes);
    }
    match str::from_utf8(bytes) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry("hex", &hexencode(bytes))?;
            map.end()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn doubles_are_keys() {
        let key = |number| DoubleKey::new(number).expect("a number");
        let map: BTreeMap<_, _> = [(key(-0.5), 1), (key(3.0), 2)].into();
        let text = serde_json::to_string(&map).expect("it is JSON");
        assert_eq!(text, "{\"-0.5\":1,\"3.0\":2}");
        let back: BTreeMap<DoubleKey, i32> = serde_json::from_str(&text).expect("it was written");
        assert_eq!(back, map);
    }

    #[test]
    fn values_are_printed_as_json() {
        let entries = [(Key::Integer(-1), Value::from(true)), (Key::Double(0.5), "x".into())];
        let more =
            [(Key::Bytes(b"\xff".into()), f64::NAN.into()), (Key::Boolean(true), 1.5.into())];
        let value = Struct::new()
            .with("text", "a\n\u{e9}")
            .with("bytes", &b"\xff\x00"[..])
            .with("list", [i64::MIN, i64::MAX].into_iter().collect::<Value<'_>>())
            .with("map", Value::Map(entries.into_iter().chain(more).collect()));
        let expected = "{\"text\":\"a\\n\u{e9}\",\"bytes\":{\"hex\":\"ff00\"},\
            \"list\":[-9223372036854775808,9223372036854775807],\
            \"map\":{\"-1\":true,\"0.5\":\"x\",\"true\":1.5,\"hex ff\":\"NaN\"}}";
        assert_eq!(serde_json::to_string(&value).expect("it is JSON"), expected);
    }
}
