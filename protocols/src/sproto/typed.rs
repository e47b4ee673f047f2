//! What generated types need beside single fields: vectors, maps, and the count of words.
//!
//! A map of a generated type is a [`BTreeMap`], so that it is written by rising keys, as a dynamic
//! value is (WIRE S12). What it is found by is a [`MapKey`]: all kinds of fields that may be keys
//! are ones, but a double, which has no order, is a [`DoubleKey`] there.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::decoder::{Field, FromFields};
use super::encoder::{Encoder, ToFields};
use super::error::{DecodeError, EncodeError};

/// What the entries of a map are found by.
pub trait MapKey: Ord + Sized {
    /// The field that is the key of an entry.
    type Field: Clone;

    /// The key that a field is; none if nothing can be found by it.
    fn of(field: Self::Field) -> Option<Self>;

    /// Whether a field is this key.
    fn is(&self, field: &Self::Field) -> bool;
}

macro_rules! own_key {
    ($($key:ty),*) => {$(
        impl MapKey for $key {
            type Field = Self;

            fn of(field: Self) -> Option<Self> {
                Some(field)
            }

            fn is(&self, field: &Self) -> bool {
                self == field
            }
        }
    )*};
}

own_key!(i64, bool, String, Vec<u8>);

impl MapKey for DoubleKey {
    type Field = f64;

    fn of(field: f64) -> Option<Self> {
        Self::new(field)
    }

    fn is(&self, field: &f64) -> bool {
        self.0 == *field
    }
}

/// A number that something is found by: not NaN. 0.0 and -0.0 are one key.
#[derive(Clone, Copy, Debug)]
pub struct DoubleKey(f64);

impl DoubleKey {
    /// The key of a number; none of NaN.
    #[must_use]
    pub fn new(number: f64) -> Option<Self> {
        (!number.is_nan()).then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Ord for DoubleKey {
    fn cmp(&self, other: &Self) -> Ordering {
        // Adding 0.0 takes the sign off a zero and changes nothing else.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

impl PartialOrd for DoubleKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DoubleKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for DoubleKey {}

/// Counts the field words of a struct, told of all its fields by rising tags.
///
/// It is for [`ToFields::words`]: where it counts right, encoding moves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words {
    count: usize,
    /// The tag that would follow without a gap.
    tag_next: u16,
}

impl Words {
    /// Counts a field if it is there, and the gap in front of it.
    pub fn field(&mut self, tag: u16, is_there: bool) {
        if is_there {
            self.count += 1 + usize::from(tag > self.tag_next);
            self.tag_next = tag.saturating_add(1);
        }
    }

    /// The words of the fields that were told.
    #[must_use]
    pub fn count(self) -> usize {
        self.count
    }
}

impl<'i> Field<'i, '_> {
    /// Texts.
    ///
    /// # Errors
    /// As [`Self::items`]; [`DecodeError::Text`].
    pub fn string_vec(&self) -> Result<Vec<String>, DecodeError> {
        let text = |item| match str::from_utf8(item) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(DecodeError::Text { tag: self.tag() }),
        };
        self.items()?.map(text).collect()
    }

    /// Strings or binaries.
    ///
    /// # Errors
    /// As [`Self::items`].
    pub fn binary_vec(&self) -> Result<Vec<Vec<u8>>, DecodeError> {
        Ok(self.items()?.map(<[u8]>::to_vec).collect())
    }

    /// Structs.
    ///
    /// # Errors
    /// As [`Self::structures`].
    pub fn structure_vec<T: FromFields<'i>>(&self) -> Result<Vec<T>, DecodeError> {
        self.structures()?.collect()
    }

    /// A keyed array: structs by their keys, of two with one key the later (WIRE S12).
    ///
    /// # Errors
    /// As [`Self::structures`]; [`DecodeError::KeyMissing`], [`DecodeError::KeyNan`].
    pub fn keyed<K: MapKey, T: FromFields<'i>>(
        &self,
        key: impl Fn(&T) -> Option<&K::Field>,
    ) -> Result<BTreeMap<K, T>, DecodeError> {
        let tag = self.tag();
        let mut entries = BTreeMap::new();
        for item in self.structures()? {
            let item = item?;
            let key = key(&item).ok_or(DecodeError::KeyMissing { tag })?.clone();
            entries.insert(K::of(key).ok_or(DecodeError::KeyNan { tag })?, item);
        }
        Ok(entries)
    }

    /// A map: what entries are taken apart into, of two with one key the later (WIRE S12).
    ///
    /// # Errors
    /// As [`Self::keyed`]; [`DecodeError::ValueMissing`].
    pub fn map<K: MapKey, V, T: FromFields<'i>>(
        &self,
        parts: impl Fn(T) -> (Option<K::Field>, Option<V>),
    ) -> Result<BTreeMap<K, V>, DecodeError> {
        let tag = self.tag();
        let mut entries = BTreeMap::new();
        for item in self.structures()? {
            let (key, value) = parts(item?);
            let key = K::of(key.ok_or(DecodeError::KeyMissing { tag })?);
            let key = key.ok_or(DecodeError::KeyNan { tag })?;
            entries.insert(key, value.ok_or(DecodeError::ValueMissing { tag })?);
        }
        Ok(entries)
    }
}

impl Encoder<'_> {
    /// Writes a keyed array, by rising keys (WIRE S12).
    ///
    /// # Errors
    /// As [`Self::structures`]; [`EncodeError::Key`].
    pub fn keyed<K: MapKey, T: ToFields>(
        &mut self,
        tag: u16,
        entries: &BTreeMap<K, T>,
        key: impl Fn(&T) -> Option<&K::Field>,
    ) -> Result<(), EncodeError> {
        let is_found = |found_by: &K, item| key(item).is_some_and(|key| found_by.is(key));
        let items = entries.iter().map(|(found_by, item)| {
            if is_found(found_by, item) { Ok(item) } else { Err(EncodeError::Key { tag }) }
        });
        self.try_structures(tag, items)
    }

    /// Writes a map, by rising keys; `write` writes both fields of an entry (WIRE S12).
    ///
    /// # Errors
    /// As [`Self::structures`]; those of `write`.
    pub fn map<K, V>(
        &mut self,
        tag: u16,
        entries: &BTreeMap<K, V>,
        write: impl Fn(&mut Encoder<'_>, &K, &V) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.structures(tag, entries.iter().map(|(key, value)| Entry { key, value, write: &write }))
    }
}

/// An entry of a map that is being written.
struct Entry<'e, K, V, W> {
    key: &'e K,
    value: &'e V,
    write: &'e W,
}

impl<K, V, W> ToFields for Entry<'_, K, V, W>
where
    W: Fn(&mut Encoder<'_>, &K, &V) -> Result<(), EncodeError>,
{
    fn words(&self) -> usize {
        2
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        (self.write)(encoder, self.key, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_found_by_nan() {
        assert_eq!(DoubleKey::new(f64::NAN), None);
        let [minus, plus, one] = [-0.0, 0.0, 1.0].map(|it| DoubleKey::new(it).expect("a number"));
        assert!(minus == plus && plus < one);
        assert!(minus.is(&0.0) && !one.is(&f64::NAN));
        assert_eq!(one.get(), 1.0);
    }

    /// WIRE S6: a word a field, and one a gap.
    #[test]
    fn gaps_are_counted() {
        let mut words = Words::default();
        for (tag, is_there) in [(0, true), (1, false), (2, true), (3, true), (u16::MAX, false)] {
            words.field(tag, is_there);
        }
        assert_eq!(words.count(), 4);
    }
}
