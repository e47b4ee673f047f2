//! Values of sproto as recordings write them.

use std::collections::BTreeMap;

use serde::Deserialize;
use skyring_protocols::sproto::{Key, Struct, Value};

use crate::source;

/// A value. What belongs to it is of the form of [`Shown`].
#[derive(Clone, Debug, Deserialize)]
pub(crate) enum Written {
    /// An integer in digits.
    #[serde(rename = "i")]
    Integer(String),
    /// The bits of a double.
    #[serde(rename = "d")]
    Double(String),
    #[serde(rename = "b")]
    Boolean(bool),
    #[serde(rename = "s")]
    Bytes(String),
    #[serde(rename = "o")]
    Struct(BTreeMap<String, Written>),
    #[serde(rename = "a")]
    Array(Vec<Written>),
    #[serde(rename = "m")]
    Map(Vec<(Written, Written)>),
}

impl Written {
    pub(crate) fn value(&self) -> Value<'static> {
        match self {
            Self::Integer(digits) => Value::Integer(digits.parse().unwrap()),
            Self::Double(bits) => {
                Value::Double(f64::from_bits(u64::from_str_radix(bits, 16).unwrap()))
            }
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Bytes(hex) => source::bytes(hex).into(),
            Self::Struct(fields) => {
                let mut value = Struct::new();
                for (name, field) in fields {
                    value.push(name.clone(), field.value());
                }
                value.into()
            }
            Self::Array(items) => items.iter().map(Self::value).collect(),
            Self::Map(entries) => {
                let entry =
                    |(key, value): &(Self, Self)| (Key::of(&key.value()).unwrap(), value.value());
                Value::Map(entries.iter().map(entry).collect())
            }
        }
    }
}

/// A value in one form, to be compared: doubles by their bits, fields by their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shown {
    Integer(i64),
    Double(u64),
    Boolean(bool),
    Bytes(Vec<u8>),
    Struct(BTreeMap<String, Shown>),
    Array(Vec<Shown>),
    Map(BTreeMap<Shown, Shown>),
}

pub(crate) fn shown(value: &Value<'_>) -> Shown {
    match value {
        Value::Integer(value) => Shown::Integer(*value),
        Value::Double(value) => Shown::Double(value.to_bits()),
        Value::Boolean(value) => Shown::Boolean(*value),
        Value::Bytes(value) => Shown::Bytes(value.to_vec()),
        Value::Struct(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.to_owned(), shown(value)));
            Shown::Struct(fields.collect())
        }
        Value::Array(items) => Shown::Array(items.iter().map(shown).collect()),
        Value::Map(entries) => {
            let entries = entries.iter();
            Shown::Map(entries.map(|(key, it)| (shown(&key.to_value()), shown(it))).collect())
        }
    }
}
