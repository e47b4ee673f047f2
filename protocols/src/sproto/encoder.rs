//! Writing fields, one by one, in the order of their tags (WIRE S6 to S9).
//!
//! A struct is words first, one a field, and then what has no place in a word. How many words there
//! will be is told before, or guessed: room for so many is left, and closed up or widened at the
//! end. Whoever knows exactly moves nothing.
//!
//! What writes a field with a small block is inlined into whoever calls it: there the tag is a
//! constant, and what is left of it are a few instructions. A third of the time is gained by that.

use super::error::EncodeError;
use super::fixed::to_fixed;
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
    let end = begin.saturating_add(limits.message_bytes_max.min(u32::MAX as usize));
    let mut root = Root { out, end, limits };
    let written = root.structure(message, limits.depth_max);
    if written.is_err() {
        out.truncate(begin);
    }
    written
}

/// The message that is being written.
///
/// Its length is looked at before anything is written whose length the caller chooses, and at the
/// end of each struct. Between that, it may pass the limit by what the words and numbers of one
/// struct take.
struct Root<'o> {
    out: &'o mut Vec<u8>,
    /// What the length of `out` may be at most.
    end: usize,
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
        let word_at = begin + 2;
        let words_end = word_at + 2 * message.words().min(WORDS_MAX);
        put_zeros(self.out, words_end - begin);
        let root = Root { out: self.out, end: self.end, limits: self.limits };
        let mut encoder = Encoder { root, begin, word_at, words_end, tag_next: 0, depth_left };
        message.write_fields(&mut encoder)?;
        encoder.finish()
    }

    /// Whether so many bytes may still be written.
    #[inline]
    fn check(&self, more: usize) -> Result<(), EncodeError> {
        if self.out.len().saturating_add(more) > self.end {
            return Err(self.too_long());
        }
        Ok(())
    }

    #[cold]
    fn too_long(&self) -> EncodeError {
        EncodeError::TooLong { max: self.limits.message_bytes_max.min(u32::MAX as usize) }
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.check(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes a length in front of what `body` writes.
    #[inline]
    fn measured(
        &mut self,
        body: impl FnOnce(&mut Root<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let at = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        body(self)?;
        self.check(0)?;
        let length = (self.out.len() - at - 4) as u32;
        self.out[at..at + 4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    #[inline]
    fn put_measured(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.check(bytes.len().saturating_add(4))?;
        self.out.reserve(4 + bytes.len());
        self.out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// Appends zeros. Most structs have few words, for which two stores do.
#[inline]
fn put_zeros(out: &mut Vec<u8>, count: usize) {
    const FEW: usize = 32;
    let end = out.len() + count;
    if count <= FEW {
        out.extend_from_slice(&[0; FEW]);
        out.truncate(end);
    } else {
        out.resize(end, 0);
    }
}

/// The most words that a struct can need: one a tag, since a gap spares at least one.
const WORDS_MAX: usize = TAG_MAX as usize + 1;

/// Writes the fields of one struct. What cannot be written ends the whole message.
pub struct Encoder<'o> {
    root: Root<'o>,
    /// Where the struct begins in the output.
    begin: usize,
    /// Where its next word is to be.
    word_at: usize,
    /// Where the room for words ends, and data begin.
    words_end: usize,
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
    #[inline(always)]
    pub fn integer(&mut self, tag: u16, value: i64) -> Result<(), EncodeError> {
        if let Ok(small) = u16::try_from(value)
            && small <= WORD_VALUE_MAX
        {
            return self.word(tag, (small + 1) * 2);
        }
        self.block(tag)?;
        match i32::try_from(value) {
            Ok(short) => self.put_number(short.to_le_bytes()),
            Err(_) => self.put_long(value.to_le_bytes()),
        }
        Ok(())
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
    #[inline(always)]
    pub fn boolean(&mut self, tag: u16, value: bool) -> Result<(), EncodeError> {
        self.word(tag, (u16::from(value) + 1) * 2)
    }

    /// Writes a floating-point number (WIRE S7).
    ///
    /// # Errors
    /// As [`Self::integer`].
    #[inline(always)]
    pub fn double(&mut self, tag: u16, value: f64) -> Result<(), EncodeError> {
        self.block(tag)?;
        self.put_long(value.to_le_bytes());
        Ok(())
    }

    /// Writes a string or binary (WIRE S7).
    ///
    /// # Errors
    /// As [`Self::integer`].
    #[inline(always)]
    pub fn bytes(&mut self, tag: u16, value: &[u8]) -> Result<(), EncodeError> {
        self.block(tag)?;
        self.root.put_measured(value)
    }

    /// Writes a struct (WIRE S7).
    ///
    /// # Errors
    /// As [`Self::integer`]; [`EncodeError::TooDeep`]; those of the struct.
    #[inline]
    pub fn structure<T: ToFields + ?Sized>(
        &mut self,
        tag: u16,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.block(tag)?;
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
        self.block(tag)?;
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
        self.block(tag)?;
        self.root.measured(|root| items.try_for_each(|item| root.put(&[u8::from(item?)])))
    }

    pub(super) fn try_doubles(
        &mut self,
        tag: u16,
        items: impl Iterator<Item = Result<f64, EncodeError>>,
    ) -> Result<(), EncodeError> {
        self.block(tag)?;
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
        self.block(tag)?;
        self.root.measured(|root| items.try_for_each(|item| root.put_measured(item?.as_ref())))
    }

    pub(super) fn try_structures<T: ToFields>(
        &mut self,
        tag: u16,
        mut items: impl Iterator<Item = Result<T, EncodeError>>,
    ) -> Result<(), EncodeError> {
        self.block(tag)?;
        let depth_left = self.depth_left;
        self.root.measured(|root| {
            items.try_for_each(|item| {
                let item = item?;
                root.measured(|root| root.structure(&item, depth_left))
            })
        })
    }

    /// Writes the word of a field, with one for the gap in front of it (WIRE S6).
    #[inline(always)]
    fn word(&mut self, tag: u16, word: u16) -> Result<(), EncodeError> {
        self.block(tag)?;
        let at = self.word_at - 2;
        self.root.out[at..at + 2].copy_from_slice(&word.to_le_bytes());
        Ok(())
    }

    /// The same for a field that is in the next block of data. Its word is zero, as all are for
    /// which there is room.
    #[inline(always)]
    fn block(&mut self, tag: u16) -> Result<(), EncodeError> {
        if tag != self.tag_next || tag > TAG_MAX || self.word_at == self.words_end {
            self.prepare(tag)?;
        }
        self.word_at += 2;
        self.tag_next = tag + 1;
        Ok(())
    }

    /// Sees to the gap in front of a field, and that there is room for its word.
    #[inline(never)]
    fn prepare(&mut self, tag: u16) -> Result<(), EncodeError> {
        if tag > TAG_MAX {
            return Err(EncodeError::Tag { tag });
        }
        let gap = tag.checked_sub(self.tag_next).ok_or(EncodeError::Order { tag })?;
        let words = 1 + usize::from(gap > 0);
        if self.words_end - self.word_at < 2 * words {
            self.make_room();
        }
        if gap > 0 {
            self.root.out[self.word_at..][..2].copy_from_slice(&(2 * gap - 1).to_le_bytes());
            self.word_at += 2;
        }
        Ok(())
    }

    /// More words than were told: makes room for as many again.
    #[cold]
    fn make_room(&mut self) {
        let more = (self.words_end - self.begin).max(8);
        let end = self.root.out.len();
        put_zeros(self.root.out, more);
        self.root.out.copy_within(self.words_end..end, self.words_end + more);
        self.root.out[self.words_end..][..more].fill(0);
        self.words_end += more;
    }

    /// A number of 4 bytes, and its length.
    #[inline(always)]
    fn put_number(&mut self, number: [u8; 4]) {
        let [a, b, c, d] = number;
        self.root.out.extend_from_slice(&[4, 0, 0, 0, a, b, c, d]);
    }

    /// A number of 8 bytes, and its length.
    #[inline(always)]
    fn put_long(&mut self, number: [u8; 8]) {
        let mut block = [0; 12];
        block[0] = 8;
        block[4..].copy_from_slice(&number);
        self.root.out.extend_from_slice(&block);
    }

    /// Writes the count of words and closes up the room that was not used.
    #[inline]
    fn finish(self) -> Result<(), EncodeError> {
        let Self { root, begin, word_at, words_end, .. } = self;
        // At most WORDS_MAX, which tags see to.
        let words = (word_at - begin) / 2 - 1;
        root.out[begin..][..2].copy_from_slice(&(words as u16).to_le_bytes());
        if word_at < words_end {
            root.out.copy_within(words_end.., word_at);
            root.out.truncate(root.out.len() - (words_end - word_at));
        }
        root.check(0)
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
