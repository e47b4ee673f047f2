//! Values whose schema is known only while the program runs.
//!
//! A value borrows what it can: a decoded one the bytes of its message and the names of its schema,
//! a written one whatever the caller has at hand. [`Value::into_owned`] lets go of both.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A value of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'v> {
    /// Of an `integer`.
    Integer(i64),
    /// Of a `double` or a fixed-point `integer(n)`. For these an [`Self::Integer`] may be written.
    Double(f64),
    /// Of a `boolean`.
    Boolean(bool),
    /// Of a `string` or `binary`. To sproto both are bytes.
    Bytes(Cow<'v, [u8]>),
    /// Of a struct.
    Struct(Struct<'v>),
    /// Of an array `*T`. For a keyed array `*T(field)` it may be written.
    Array(Vec<Value<'v>>),
    /// Of a keyed array `*T(field)`, the whole structs by their keys; of a map `*T()`, the second
    /// fields by the first.
    Map(BTreeMap<Key<'v>, Value<'v>>),
}

/// What an entry of a keyed array or map is found by.
#[derive(Clone, Debug)]
pub enum Key<'v> {
    /// Of an `integer`.
    Integer(i64),
    /// Of a `double` or a fixed-point number; not NaN.
    Double(f64),
    /// Of a `boolean`.
    Boolean(bool),
    /// Of a `string` or `binary`.
    Bytes(Cow<'v, [u8]>),
}

/// Fields by name. Those that are absent are not in it; the order means nothing.
#[derive(Clone, Debug, Default)]
pub struct Struct<'v> {
    fields: Vec<(Cow<'v, str>, Value<'v>)>,
}

impl<'v> Struct<'v> {
    /// A struct without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A struct with room for so many fields.
    pub(super) fn with_room(fields: usize) -> Self {
        Self { fields: Vec::with_capacity(fields) }
    }

    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.fields.capacity()
    }

    /// Adds a field. Whoever gives it twice learns so when it is encoded.
    pub fn push(&mut self, name: impl Into<Cow<'v, str>>, value: impl Into<Value<'v>>) {
        self.fields.push((name.into(), value.into()));
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'v, str>>, value: impl Into<Value<'v>>) -> Self {
        self.push(name, value);
        self
    }

    /// The field of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'v>> {
        self.fields.iter().find(|(it, _)| it == name).map(|(_, value)| value)
    }

    /// All fields. Decoded ones are in the order of their tags.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value<'v>)> {
        self.fields.iter().map(|(name, value)| (&**name, value))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields in a place, to be looked at in turn.
    pub(super) fn at(&self, index: usize) -> Option<(&str, &Value<'v>)> {
        self.fields.get(index).map(|(name, value)| (&**name, value))
    }

    /// The same, borrowed from nobody.
    #[must_use]
    pub fn into_owned(self) -> Struct<'static> {
        let fields = self.fields.into_iter();
        let owned = |(name, value): (Cow<'_, str>, Value<'_>)| {
            (Cow::Owned(name.into_owned()), value.into_owned())
        };
        Struct { fields: fields.map(owned).collect() }
    }
}

/// Equal if the same fields are in it, in any order.
impl PartialEq for Struct<'_> {
    fn eq(&self, other: &Self) -> bool {
        let has = |(name, value): &(Cow<'_, str>, Value<'_>)| other.get(name) == Some(value);
        self.len() == other.len() && self.fields.iter().all(has)
    }
}

impl Value<'_> {
    /// The same, borrowed from nobody.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Integer(value) => Value::Integer(value),
            Self::Double(value) => Value::Double(value),
            Self::Boolean(value) => Value::Boolean(value),
            Self::Bytes(value) => Value::Bytes(Cow::Owned(value.into_owned())),
            Self::Struct(value) => Value::Struct(value.into_owned()),
            Self::Array(items) => Value::Array(items.into_iter().map(Value::into_owned).collect()),
            Self::Map(entries) => {
                let entries = entries.into_iter();
                Value::Map(entries.map(|(key, it)| (key.into_owned(), it.into_owned())).collect())
            }
        }
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    #[must_use]
    pub fn as_boolean(&self) -> Option<bool> {
        if let Self::Boolean(value) = self { Some(*value) } else { None }
    }

    /// The bytes, if they are some.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }
}

impl<'v> Value<'v> {
    /// The struct, if it is one.
    #[must_use]
    pub fn as_struct(&self) -> Option<&Struct<'v>> {
        if let Self::Struct(value) = self { Some(value) } else { None }
    }

    /// The items, if it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value<'v>]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The entries, if it is a keyed array or map.
    #[must_use]
    pub fn as_map(&self) -> Option<&BTreeMap<Key<'v>, Value<'v>>> {
        if let Self::Map(entries) = self { Some(entries) } else { None }
    }
}

impl<'v> Key<'v> {
    /// The key that a value is, if it can be one.
    #[must_use]
    pub fn of(value: &Value<'v>) -> Option<Self> {
        Some(match value {
            Value::Integer(value) => Self::Integer(*value),
            Value::Double(value) if !value.is_nan() => Self::Double(*value),
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Bytes(value) => Self::Bytes(value.clone()),
            _ => return None,
        })
    }

    /// The key as a value.
    #[must_use]
    pub fn to_value(&self) -> Value<'v> {
        match self {
            Self::Integer(value) => Value::Integer(*value),
            Self::Double(value) => Value::Double(*value),
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Bytes(value) => Value::Bytes(value.clone()),
        }
    }

    fn into_owned(self) -> Key<'static> {
        match self {
            Self::Integer(value) => Key::Integer(value),
            Self::Double(value) => Key::Double(value),
            Self::Boolean(value) => Key::Boolean(value),
            Self::Bytes(value) => Key::Bytes(Cow::Owned(value.into_owned())),
        }
    }

    /// The place of the kind in the order of keys.
    fn rank(&self) -> u8 {
        match self {
            Self::Integer(_) => 0,
            Self::Double(_) => 1,
            Self::Boolean(_) => 2,
            Self::Bytes(_) => 3,
        }
    }
}

/// By kind, then by value; 0.0 and -0.0 are one key.
impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(two)) => one.cmp(two),
            // Adding 0.0 takes the sign off a zero and changes nothing else.
            (Self::Double(one), Self::Double(two)) => (one + 0.0).total_cmp(&(two + 0.0)),
            (Self::Boolean(one), Self::Boolean(two)) => one.cmp(two),
            (Self::Bytes(one), Self::Bytes(two)) => one.cmp(two),
            (one, two) => one.rank().cmp(&two.rank()),
        }
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key<'_> {}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(value: &'v str) -> Self {
        Self::Bytes(Cow::Borrowed(value.as_bytes()))
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(value: &'v [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(value))
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::Bytes(Cow::Owned(value.into_bytes()))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(Cow::Owned(value))
    }
}

impl<'v> From<Struct<'v>> for Value<'v> {
    fn from(value: Struct<'v>) -> Self {
        Self::Struct(value)
    }
}

impl<'v, T: Into<Value<'v>>> FromIterator<T> for Value<'v> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Key<'static>> {
        prop_oneof![
            (-2..2_i64).prop_map(Key::Integer),
            prop::sample::select(vec![-1.0, -0.0, 0.0, 1.0, f64::INFINITY]).prop_map(Key::Double),
            any::<bool>().prop_map(Key::Boolean),
            prop::collection::vec(0..2_u8, 0..2).prop_map(|it| Key::Bytes(it.into())),
        ]
    }

    proptest! {
        /// WIRE S12: keys are found again, so their order has to be one.
        #[test]
        fn keys_are_in_order(keys in prop::collection::vec(key(), 3)) {
            let [a, b, c] = &keys[..] else { unreachable!("three are asked for") };
            prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
            prop_assert!(!(a <= b && b <= c) || a <= c);
            prop_assert_eq!(a == b, a.to_value() == b.to_value());
            let value = a.to_value();
            prop_assert_eq!(Key::of(&value), Some(a.clone()));
            prop_assert_eq!(&a.clone().into_owned(), a);
        }
    }

    #[test]
    fn what_cannot_be_found_is_no_key() {
        for value in [Value::from(f64::NAN), Struct::new().into(), Value::Array(Vec::new())] {
            assert_eq!(Key::of(&value), None);
        }
    }

    #[test]
    fn the_order_of_fields_means_nothing() {
        let one = Struct::new().with("a", 1).with("b", "x");
        let other = Struct::new().with("b", "x").with("a", 1);
        assert_eq!(one, other);
        assert_ne!(one, Struct::new().with("a", 1).with("b", "y"));
        assert_ne!(one, Struct::new().with("a", 1));
        assert_ne!(Struct::new().with("a", 1).with("c", "x"), one);
        assert_eq!((one.get("b"), one.get("c"), one.len()), (Some(&"x".into()), None, 2));
        let owned: Value<'static> = Value::from(one.clone()).into_owned();
        assert_eq!(owned.as_struct(), Some(&one));
    }

    #[test]
    fn a_value_is_one_of_its_kinds() {
        let items: Value<'_> = [1, 2].into_iter().collect();
        assert_eq!(items.as_array().map(<[_]>::len), Some(2));
        assert_eq!((items.as_integer(), items.as_number(), items.as_map()), (None, None, None));
        let three = Value::from(3);
        assert_eq!((three.as_integer(), three.as_number()), (Some(3), Some(3.0)));
        assert_eq!((three.as_boolean(), three.as_bytes(), three.as_array()), (None, None, None));
        let half = Value::from(0.5);
        assert_eq!(
            (half.as_integer(), half.as_number(), half.as_struct()),
            (None, Some(0.5), None)
        );
        assert_eq!(Value::from(String::from("x")).as_bytes(), Value::from(&b"x"[..]).as_bytes());
        assert_eq!(Value::from(true).as_boolean(), Some(true));
        assert!(size_of::<Value<'_>>() <= 32);
    }
}
