//! Reading fields, one by one, as they come (WIRE S6, S11).
//!
//! Nothing is copied: a field is a number, or a slice of the message. What a field is to be is the
//! reader's to say, by the method that it calls; a field that it does not know it leaves alone.
//!
//! Invariant: a struct inside another is read to its end, also where its reader stops before, and
//! fills its block. Recursion ends at [`Limits::depth_max`].

use std::cell::Cell;

use super::error::DecodeError;
use super::items::{Booleans, Doubles, Integers, Items};
use super::limits::Limits;

/// A struct that is read from its fields: a generated type.
pub trait FromFields<'i>: Sized {
    /// Takes the fields that it knows from [`Decoder::next`] until there are no more.
    ///
    /// # Errors
    /// Those of the [`Decoder`] and of its fields.
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError>;
}

impl<'i, T: FromFields<'i>> FromFields<'i> for Box<T> {
    fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
        T::read_fields(decoder).map(Self::new)
    }
}

/// Reads the message at the front of the input; and how many bytes it took up. Bytes behind it are
/// left alone (WIRE S11).
///
/// # Errors
/// The bytes are no such message, or a limit was passed.
pub fn decode<'i, T: FromFields<'i>>(
    input: &'i [u8],
    limits: &Limits,
) -> Result<(T, usize), DecodeError> {
    decode_with(input, limits, |decoder| T::read_fields(decoder))
}

/// As [`decode`], for readers that are no type.
///
/// # Errors
/// As [`decode`], and those of the reader.
pub fn decode_with<'i, T, E: From<DecodeError>>(
    input: &'i [u8],
    limits: &Limits,
    read: impl FnOnce(&mut Decoder<'i, '_>) -> Result<T, E>,
) -> Result<(T, usize), E> {
    let budget = Budget { limits: *limits, values_left: Cell::new(limits.values_max as usize) };
    let mut decoder = Decoder::open(input, &budget, limits.depth_max)?;
    let value = read(&mut decoder)?;
    let behind = decoder.finish()?;
    let consumed = input.len() - behind.len();
    if consumed > limits.message_bytes_max {
        return Err(DecodeError::TooLong { max: limits.message_bytes_max }.into());
    }
    Ok((value, consumed))
}

/// What is left of the limits of one message.
pub(super) struct Budget {
    limits: Limits,
    values_left: Cell<usize>,
}

impl Budget {
    /// Takes so many values from what is left.
    #[inline]
    pub(super) fn charge(&self, count: usize) -> Result<(), DecodeError> {
        let Some(left) = self.values_left.get().checked_sub(count) else {
            return Err(DecodeError::TooManyValues { max: self.limits.values_max });
        };
        self.values_left.set(left);
        Ok(())
    }
}

/// Reads the fields of one struct.
pub struct Decoder<'i, 'b> {
    /// Words that are not read yet.
    words: std::slice::Iter<'i, [u8; 2]>,
    /// Data behind the blocks that are read.
    data: &'i [u8],
    /// The tag of the next word, if that is none for a gap.
    tag_next: u32,
    budget: &'b Budget,
    /// Levels of structs that may be inside.
    depth_left: u32,
}

impl<'i, 'b> Decoder<'i, 'b> {
    #[inline]
    pub(super) fn open(
        input: &'i [u8],
        budget: &'b Budget,
        depth_left: u32,
    ) -> Result<Self, DecodeError> {
        let too_deep = DecodeError::TooDeep { max: budget.limits.depth_max };
        let depth_left = depth_left.checked_sub(1).ok_or(too_deep)?;
        let (count, rest) = input.split_first_chunk().ok_or(DecodeError::WordsCut)?;
        let words_bytes = 2 * usize::from(u16::from_le_bytes(*count));
        let (words, data) = rest.split_at_checked(words_bytes).ok_or(DecodeError::WordsCut)?;
        let (words, _) = words.as_chunks();
        Ok(Self { words: words.iter(), data, tag_next: 0, budget, depth_left })
    }

    /// The next field, by rising tags; none at the end of the struct (WIRE S6).
    ///
    /// # Errors
    /// The field reaches beyond the end, or there are more than [`Limits::values_max`].
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "an iterator could not be asked again")]
    pub fn next(&mut self) -> Result<Option<Field<'i, 'b>>, DecodeError> {
        while let Some(word) = self.words.next() {
            let word = u16::from_le_bytes(*word);
            let tag = self.tag_next;
            // 65,535 words, each of which skips 32,768 tags, end below 2³¹.
            self.tag_next += 1;
            if word & 1 == 1 {
                self.tag_next += u32::from(word / 2);
                continue;
            }
            let raw = if word == 0 { Raw::Block(self.block()?) } else { Raw::Word(word / 2 - 1) };
            // No field has a tag that is higher.
            let Ok(tag) = u16::try_from(tag) else { continue };
            self.budget.charge(1)?;
            let (budget, depth_left) = (self.budget, self.depth_left);
            return Ok(Some(Field { tag, raw, budget, depth_left }));
        }
        Ok(None)
    }

    /// How many fields may still come: no more than that do.
    pub(super) fn fields_left(&self) -> usize {
        self.words.as_slice().iter().filter(|word| word[0] & 1 == 0).count()
    }

    /// The next block of data.
    #[inline]
    fn block(&mut self) -> Result<&'i [u8], DecodeError> {
        let (block, rest) = split_measured(self.data).ok_or(DecodeError::DataCut)?;
        self.data = rest;
        Ok(block)
    }

    /// Passes over the fields that were not read; what is behind the struct.
    #[inline]
    fn finish(mut self) -> Result<&'i [u8], DecodeError> {
        while self.next()?.is_some() {}
        Ok(self.data)
    }
}

/// What a length is in front of, and what is behind that.
#[inline]
pub(super) fn split_measured(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// A field as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw<'i> {
    /// A number from 0 to 32,766 in the field word.
    Word(u16),
    /// A block of data.
    Block(&'i [u8]),
}

/// A field whose tag is known, and whose kind is the reader's to say.
#[derive(Clone, Copy)]
pub struct Field<'i, 'b> {
    tag: u16,
    raw: Raw<'i>,
    budget: &'b Budget,
    depth_left: u32,
}

impl<'i, 'b> Field<'i, 'b> {
    /// Its tag.
    #[must_use]
    #[inline]
    pub fn tag(&self) -> u16 {
        self.tag
    }

    /// What was sent, for whoever has no schema.
    #[must_use]
    pub fn raw(&self) -> Raw<'i> {
        self.raw
    }

    /// An integer (WIRE S7).
    ///
    /// # Errors
    /// [`DecodeError::NumberBytes`].
    #[inline]
    pub fn integer(&self) -> Result<i64, DecodeError> {
        let block = match self.raw {
            Raw::Word(value) => return Ok(i64::from(value)),
            Raw::Block(block) => block,
        };
        if let Ok(short) = block.try_into() {
            return Ok(i64::from(i32::from_le_bytes(short)));
        }
        block.try_into().map(i64::from_le_bytes).map_err(|_| self.number_bytes(block))
    }

    /// A fixed-point number with so many decimals (WIRE S8).
    ///
    /// # Errors
    /// As [`Self::integer`].
    pub fn fixed(&self, decimals: u8) -> Result<f64, DecodeError> {
        Ok(self.integer()? as f64 / super::fixed::power_of_ten(decimals))
    }

    /// A boolean; any number but 0 is true (WIRE S7).
    ///
    /// # Errors
    /// [`DecodeError::Block`].
    #[inline]
    pub fn boolean(&self) -> Result<bool, DecodeError> {
        match self.raw {
            Raw::Word(value) => Ok(value != 0),
            Raw::Block(_) => Err(DecodeError::Block { tag: self.tag }),
        }
    }

    /// A floating-point number (WIRE S7).
    ///
    /// # Errors
    /// [`DecodeError::Word`]; [`DecodeError::NumberBytes`].
    #[inline]
    pub fn double(&self) -> Result<f64, DecodeError> {
        let block = self.bytes()?;
        block.try_into().map(f64::from_le_bytes).map_err(|_| self.number_bytes(block))
    }

    /// A string or binary (WIRE S7).
    ///
    /// # Errors
    /// [`DecodeError::Word`].
    #[inline]
    pub fn bytes(&self) -> Result<&'i [u8], DecodeError> {
        match self.raw {
            Raw::Word(_) => Err(DecodeError::Word { tag: self.tag }),
            Raw::Block(block) => Ok(block),
        }
    }

    /// A string that is text.
    ///
    /// # Errors
    /// Also [`DecodeError::Text`].
    #[inline]
    pub fn text(&self) -> Result<&'i str, DecodeError> {
        str::from_utf8(self.bytes()?).map_err(|_| DecodeError::Text { tag: self.tag })
    }

    /// A struct (WIRE S7).
    ///
    /// # Errors
    /// [`DecodeError::Word`], [`DecodeError::TooDeep`], [`DecodeError::Trailing`], those of the
    /// struct.
    #[inline]
    pub fn structure<T: FromFields<'i>>(&self) -> Result<T, DecodeError> {
        self.structure_with(|decoder| T::read_fields(decoder))
    }

    /// As [`Self::structure`], for readers that are no type.
    ///
    /// # Errors
    /// As [`Self::structure`], and those of the reader.
    #[inline]
    pub fn structure_with<T, E: From<DecodeError>>(
        &self,
        read: impl FnOnce(&mut Decoder<'i, 'b>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.inside(self.bytes()?, read)
    }

    /// An array of integers (WIRE S9).
    ///
    /// # Errors
    /// [`DecodeError::Word`], [`DecodeError::Width`], [`DecodeError::ArrayCut`];
    /// [`DecodeError::TooManyValues`] as for all arrays.
    pub fn integers(&self) -> Result<Integers<'i>, DecodeError> {
        let items = Integers::new(self.bytes()?, self.tag)?;
        self.budget.charge(items.len())?;
        Ok(items)
    }

    /// An array of fixed-point numbers with so many decimals (WIRE S8, S9).
    ///
    /// # Errors
    /// As [`Self::integers`].
    pub fn fixeds(
        &self,
        decimals: u8,
    ) -> Result<impl ExactSizeIterator<Item = f64> + use<'i>, DecodeError> {
        let scale = super::fixed::power_of_ten(decimals);
        Ok(self.integers()?.map(move |item| item as f64 / scale))
    }

    /// An array of floating-point numbers (WIRE S9).
    ///
    /// # Errors
    /// As [`Self::integers`].
    pub fn doubles(&self) -> Result<Doubles<'i>, DecodeError> {
        let items = Doubles::new(self.bytes()?, self.tag)?;
        self.budget.charge(items.len())?;
        Ok(items)
    }

    /// An array of booleans (WIRE S9).
    ///
    /// # Errors
    /// [`DecodeError::Word`].
    pub fn booleans(&self) -> Result<Booleans<'i>, DecodeError> {
        let items = Booleans::new(self.bytes()?);
        self.budget.charge(items.len())?;
        Ok(items)
    }

    /// An array of strings, or of structs that are still bytes (WIRE S9). All are there: nothing is
    /// refused behind the first items.
    ///
    /// # Errors
    /// [`DecodeError::Word`]; [`DecodeError::ItemCut`].
    #[inline]
    pub fn items(&self) -> Result<Items<'i>, DecodeError> {
        let items = Items::new(self.bytes()?).ok_or(DecodeError::ItemCut { tag: self.tag })?;
        self.budget.charge(items.len())?;
        Ok(items)
    }

    /// Reads an array of structs, one after the other (WIRE S9).
    ///
    /// # Errors
    /// As [`Self::items`] and [`Self::structure`].
    #[inline]
    pub fn structures<T: FromFields<'i>>(
        &self,
    ) -> Result<impl ExactSizeIterator<Item = Result<T, DecodeError>> + use<'i, 'b, T>, DecodeError>
    {
        let field = *self;
        Ok(self.items()?.map(move |item| field.inside(item, |decoder| T::read_fields(decoder))))
    }

    /// Reads a struct that is these bytes of the field.
    ///
    /// # Errors
    /// As [`Self::structure_with`].
    #[inline]
    pub fn inside<T, E: From<DecodeError>>(
        &self,
        bytes: &'i [u8],
        read: impl FnOnce(&mut Decoder<'i, 'b>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut decoder = Decoder::open(bytes, self.budget, self.depth_left)?;
        let value = read(&mut decoder)?;
        match decoder.finish()? {
            [] => Ok(value),
            behind => Err(DecodeError::Trailing { bytes: behind.len() }.into()),
        }
    }

    fn number_bytes(&self, block: &[u8]) -> DecodeError {
        DecodeError::NumberBytes { tag: self.tag, bytes: block.len() }
    }
}
