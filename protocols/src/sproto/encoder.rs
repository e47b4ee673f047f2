//! Writing fields, one by one, in the order of their tags (WIRE S6 to S9).
//!
//! A struct is words first, one a field, and then what has no place in a word. How many words there
//! will be is told before, or guessed: room for so many is left, and closed up or widened at the
//! end. Whoever knows exactly moves nothing.

use super::error::EncodeError;
use super::limits::Limits;
use super::{TAG_MAX, WORD_VALUE_MAX};

/// A struct that writes its fields: a generated type, or a dynamic value with its schema.
pub trait ToFields {
    /// How many field words [`Self::write_fields`] is about to need, those for gaps between tags
    /// included. It need not be right, but encoding is fastest if it is.
    fn words(&self) -> usize;

    /// Writes all fields that are present, by rising tags.
    ///
    /// # Errors
    /// Those of the [`Encoder`].
    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError>;
}

impl<T: ToFields + ?Sized> ToFields for &T {
    fn words(&self) -> usize {
        (**self).words()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        (**self).write_fields(encoder)
    }
}

impl<T: ToFields + ?Sized> ToFields for Box<T> {
    fn words(&self) -> usize {
        (**self).words()
    }

    fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        (**self).write_fields(encoder)
    }
}

/// Appends an encoded message to `out`.
///
/// # Errors
/// Those of [`ToFields::write_fields`]; a limit was passed. `out` is as it was.
pub fn encode<T: ToFields + ?Sized>(
    message: &T,
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let begin = out.len();
    let mut root = Root { out, begin, limits };
    let written = root.structure(message, limits.depth_max);
    if written.is_err() {
        out.truncate(begin);
    }
    written
}

/// The message that is being written.
struct Root<'o> {
    out: &'o mut Vec<u8>,
    /// Where it begins in `out`.
    begin: usize,
    limits: &'o Limits,
}

impl Root<'_> {
    fn structure<T: ToFields + ?Sized>(
        &mut self,
        message: &T,
        depth_left: u32,
    ) -> Result<(), EncodeError> {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return Err(EncodeError::TooDeep { max: self.limits.depth_max });
        };
        let begin = self.out.len();
        let room = message.words().min(WORDS_MAX);
        self.put_zeros(2 + 2 * room)?;
        let root = Root { out: self.out, begin: self.begin, limits: self.limits };
        let mut encoder = Encoder { root, begin, room, words: 0, tag_next: 0, depth_left };
        message.write_fields(&mut encoder)?;
        encoder.finish();
        Ok(())
    }

    /// Bytes that may still be written.
    fn check(&self, more: usize) -> Result<(), EncodeError> {
        let max = self.limits.message_bytes_max.min(u32::MAX as usize);
        if self.out.len() - self.begin + more > max {
            return Err(EncodeError::TooLong { max });
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.check(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn put_zeros(&mut self, count: usize) -> Result<(), EncodeError> {
        self.check(count)?;
        self.out.resize(self.out.len() + count, 0);
        Ok(())
    }

    /// Writes a length in front of what `body` writes.
    fn measured(
        &mut self,
        body: impl FnOnce(&mut Root<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let at = self.out.len();
        self.put_zeros(4)?;
        body(self)?;
        let length = (self.out.len() - at - 4) as u32;
        self.out[at..at + 4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    fn put_measured(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.check(bytes.len().saturating_add(4))?;
        self.out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// The most words that a struct can need: one a tag, since a gap spares at least one.
const WORDS_MAX: usize = TAG_MAX as usize + 1;

/// Writes the fields of one struct. What cannot be written ends the whole message.
pub struct Encoder<'o> {
    root: Root<'o>,
    /// Where the struct begins in the output.
    begin: usize,
    /// Words that there is room for.
    room: usize,
    /// Words that are written.
    words: usize,
    /// The lowest tag that may follow.
    tag_next: u16,
    /// Levels of structs that may follow inside.
    depth_left: u32,
}

impl Encoder<'_> {
    /// Writes an integer (WIRE S7).
    ///
    /// # Errors
    /// As all the others here: [`EncodeError::Order`], [`EncodeError::Tag`] and
    /// [`EncodeError::TooLong`].
    pub fn integer(&mut self, tag: u16, value: i64) -> Result<(), EncodeError> {
        if let Ok(small) = u16::try_from(value)
            && small <= WORD_VALUE_MAX
        {
            return self.word(tag, (small + 1) * 2);
        }
        self.word(tag, 0)?;
        match i32::try_from(value) {
            Ok(short) => self.root.put_measured(&short.to_le_bytes()),
            Err(_) => self.root.put_measured(&value.to_le_bytes()),
        }
    }

    /// Writes a fixed-point number with so many decimals (WIRE S8).
    ///
    /// # Errors
    /// Also [`EncodeError::Fixed`].
    pub fn fixed(&mut self, tag: u16, value: f64, decimals: u8) -> Result<(), EncodeError> {
        self.integer(tag, to_fixed(tag, value, decimals)?)
    }

    /// Writes a boolean (WIRE S7).
    ///
    /// # Errors
    /// As [`Self::integer`].
    pub fn boolean(&mut self, tag: u16, value: bool) -> Result<(), EncodeError> {
        self.word(tag, (u16::from(value) + 1) * 2)
    }

    /// Writes a floating-point number (WIRE S7).
    ///
    /// # Errors
    /// As [`Self::integer`].
    pub fn double(&mut self, tag: u16, value: f64) -> Result<(), EncodeError> {
        self.word(tag, 0)?;
        self.root.put_measured(&value.to_le_bytes())
    }

    /// Writes a string or binary (WIRE S7).
    ///
    /// # Errors
    /// As [`Self::integer`].
    pub fn bytes(&mut self, tag: u16, value: &[u8]) -> Result<(), EncodeError> {
        self.word(tag, 0)?;
        self.root.put_measured(value)
    }

    /// Writes a struct (WIRE S7).
    ///
    /// # Errors
    /// As [`Self::integer`]; [`EncodeError::TooDeep`]; those of the struct.
    pub fn structure<T: ToFields + ?Sized>(
        &mut self,
        tag: u16,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.word(tag, 0)?;
        let depth_left = self.depth_left;
        self.root.measured(|root| root.structure(value, depth_left))
    }

    /// Writes an array of integers (WIRE S9).
    ///
    /// # Errors
    /// As [`Self::integer`].
    pub fn integers(
        &mut self,
        tag: u16,
        items: impl IntoIterator<Item = i64>,
    ) -> Result<(), EncodeError> {
        self.try_integers(tag, items.into_iter().map(Ok))
    }

    /// Writes an array of fixed-point numbers (WIRE S8, S9).
    ///
    /// # Errors
    /// As [`Self::fixed`].
    pub fn fixeds(
        &mut self,
        tag: u16,
        items: impl IntoIterator<Item = f64>,
        decimals: u8,
    ) -> Result<(), EncodeError> {
        self.try_integers(tag, items.into_iter().map(|item| to_fixed(tag, item, decimals)))
    }

    /// Writes an array of booleans (WIRE S9).
    ///
    /// # Errors
    /// As [`Self::integer`].
    pub fn booleans(
        &mut self,
        tag: u16,
        items: impl IntoIterator<Item = bool>,
    ) -> Result<(), EncodeError> {
        self.try_booleans(tag, items.into_iter().map(Ok))
    }

    /// Writes an array of floating-point numbers (WIRE S9).
    ///
    /// # Errors
    /// As [`Self::integer`].
    pub fn doubles(
        &mut self,
        tag: u16,
        items: impl IntoIterator<Item = f64>,
    ) -> Result<(), EncodeError> {
        self.try_doubles(tag, items.into_iter().map(Ok))
    }

    /// Writes an array of strings (WIRE S9).
    ///
    /// # Errors
    /// As [`Self::integer`].
    pub fn strings<T: AsRef<[u8]>>(
        &mut self,
        tag: u16,
        items: impl IntoIterator<Item = T>,
    ) -> Result<(), EncodeError> {
        self.try_strings(tag, items.into_iter().map(Ok))
    }

    /// Writes an array of structs (WIRE S9).
    ///
    /// # Errors
    /// As [`Self::structure`].
    pub fn structures<T: ToFields>(
        &mut self,
        tag: u16,
        items: impl IntoIterator<Item = T>,
    ) -> Result<(), EncodeError> {
        self.try_structures(tag, items.into_iter().map(Ok))
    }

    pub(super) fn try_integers(
        &mut self,
        tag: u16,
        items: impl Iterator<Item = Result<i64, EncodeError>>,
    ) -> Result<(), EncodeError> {
        self.word(tag, 0)?;
        self.root.measured(|root| {
            let width_at = root.out.len();
            let mut is_wide = false;
            for item in items {
                let item = item?;
                if root.out.len() == width_at {
                    root.put(&[4])?;
                }
                match i32::try_from(item) {
                    Ok(short) if !is_wide => root.put(&short.to_le_bytes())?,
                    Ok(_) => root.put(&item.to_le_bytes())?,
                    Err(_) => {
                        if !is_wide {
                            root.check(root.out.len() - width_at)?;
                            widen(root.out, width_at);
                            is_wide = true;
                        }
                        root.put(&item.to_le_bytes())?;
                    }
                }
            }
            Ok(())
        })
    }

    pub(super) fn try_booleans(
        &mut self,
        tag: u16,
        mut items: impl Iterator<Item = Result<bool, EncodeError>>,
    ) -> Result<(), EncodeError> {
        self.word(tag, 0)?;
        self.root.measured(|root| items.try_for_each(|item| root.put(&[u8::from(item?)])))
    }

    pub(super) fn try_doubles(
        &mut self,
        tag: u16,
        items: impl Iterator<Item = Result<f64, EncodeError>>,
    ) -> Result<(), EncodeError> {
        self.word(tag, 0)?;
        self.root.measured(|root| {
            for (index, item) in items.enumerate() {
                if index == 0 {
                    root.put(&[8])?;
                }
                root.put(&item?.to_le_bytes())?;
            }
            Ok(())
        })
    }

    pub(super) fn try_strings<T: AsRef<[u8]>>(
        &mut self,
        tag: u16,
        mut items: impl Iterator<Item = Result<T, EncodeError>>,
    ) -> Result<(), EncodeError> {
        self.word(tag, 0)?;
        self.root.measured(|root| items.try_for_each(|item| root.put_measured(item?.as_ref())))
    }

    pub(super) fn try_structures<T: ToFields>(
        &mut self,
        tag: u16,
        mut items: impl Iterator<Item = Result<T, EncodeError>>,
    ) -> Result<(), EncodeError> {
        self.word(tag, 0)?;
        let depth_left = self.depth_left;
        self.root.measured(|root| {
            items.try_for_each(|item| {
                let item = item?;
                root.measured(|root| root.structure(&item, depth_left))
            })
        })
    }

    /// Writes the word of a field, with one for the gap in front of it (WIRE S6).
    fn word(&mut self, tag: u16, word: u16) -> Result<(), EncodeError> {
        if tag > TAG_MAX {
            return Err(EncodeError::Tag { tag });
        }
        let gap = tag.checked_sub(self.tag_next).ok_or(EncodeError::Order { tag })?;
        if gap > 0 {
            self.push(2 * gap - 1)?;
        }
        self.push(word)?;
        self.tag_next = tag + 1;
        Ok(())
    }

    fn push(&mut self, word: u16) -> Result<(), EncodeError> {
        if self.words == self.room {
            self.make_room()?;
        }
        let at = self.begin + 2 + 2 * self.words;
        self.root.out[at..at + 2].copy_from_slice(&word.to_le_bytes());
        self.words += 1;
        Ok(())
    }

    /// More words than were told: makes room for as many again.
    fn make_room(&mut self) -> Result<(), EncodeError> {
        let more = self.room.max(4);
        let from = self.begin + 2 + 2 * self.room;
        let to = self.root.out.len();
        self.root.put_zeros(2 * more)?;
        self.root.out.copy_within(from..to, from + 2 * more);
        self.room += more;
        Ok(())
    }

    /// Writes the count of words and closes up the room that was not used.
    fn finish(self) {
        let Self { root, begin, room, words, .. } = self;
        // At most WORDS_MAX, which tags see to.
        root.out[begin..begin + 2].copy_from_slice(&(words as u16).to_le_bytes());
        if words < room {
            let data = begin + 2 + 2 * room;
            root.out.copy_within(data.., begin + 2 + 2 * words);
            root.out.truncate(root.out.len() - 2 * (room - words));
        }
    }
}

/// Makes an array of 4-byte integers, whose width is told at this place, one of 8-byte integers.
fn widen(out: &mut Vec<u8>, width_at: usize) {
    out[width_at] = 8;
    let items_at = width_at + 1;
    let count = (out.len() - items_at) / 4;
    out.resize(items_at + 8 * count, 0);
    for index in (0..count).rev() {
        let short = out[items_at + 4 * index..].first_chunk().copied().unwrap_or_default();
        let wide = i64::from(i32::from_le_bytes(short)).to_le_bytes();
        out[items_at + 8 * index..][..8].copy_from_slice(&wide);
    }
}

/// The integer that stands for a fixed-point number (WIRE S8).
pub(super) fn to_fixed(tag: u16, value: f64, decimals: u8) -> Result<i64, EncodeError> {
    /// 2⁶³, the first number that has no place.
    const END: f64 = 9_223_372_036_854_775_808.0;
    let scaled = (value * power_of_ten(decimals)).round();
    if (-END..END).contains(&scaled) { Ok(scaled as i64) } else { Err(EncodeError::Fixed { tag }) }
}

/// 10ⁿ, exactly up to the 22nd.
pub(super) fn power_of_ten(decimals: u8) -> f64 {
    10_f64.powi(i32::from(decimals))
}
