//! The items of arrays (WIRE S9). What an array holds is checked before the first item is given.

use super::decoder::split_measured;
use super::error::DecodeError;

/// The items of an array of integers.
#[derive(Clone, Debug)]
pub struct Integers<'i> {
    numbers: Numbers<'i>,
}

/// The items of an array of floating-point numbers.
#[derive(Clone, Debug)]
pub struct Doubles<'i> {
    numbers: Numbers<'i>,
}

/// The items of an array of booleans; any byte but 0 is true.
#[derive(Clone, Debug)]
pub struct Booleans<'i> {
    bytes: std::slice::Iter<'i, u8>,
}

/// The items of an array of strings or structs.
#[derive(Clone, Debug)]
pub struct Items<'i> {
    rest: &'i [u8],
    count: usize,
}

/// Numbers that are all of the same width.
#[derive(Clone, Debug)]
enum Numbers<'i> {
    Short(std::slice::Iter<'i, [u8; 4]>),
    Long(std::slice::Iter<'i, [u8; 8]>),
}

impl<'i> Numbers<'i> {
    fn new(block: &'i [u8], tag: u16) -> Result<Self, DecodeError> {
        let Some((&width, items)) = block.split_first() else { return Ok(Self::Long([].iter())) };
        let (numbers, rest) = match width {
            4 => {
                let (items, rest) = items.as_chunks();
                (Self::Short(items.iter()), rest)
            }
            8 => {
                let (items, rest) = items.as_chunks();
                (Self::Long(items.iter()), rest)
            }
            bytes => return Err(DecodeError::Width { tag, bytes }),
        };
        if rest.is_empty() { Ok(numbers) } else { Err(DecodeError::ArrayCut { tag }) }
    }

    fn count(&self) -> usize {
        match self {
            Self::Short(items) => items.len(),
            Self::Long(items) => items.len(),
        }
    }
}

impl<'i> Integers<'i> {
    pub(super) fn new(block: &'i [u8], tag: u16) -> Result<Self, DecodeError> {
        Ok(Self { numbers: Numbers::new(block, tag)? })
    }
}

impl Iterator for Integers<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        match &mut self.numbers {
            Numbers::Short(items) => items.next().map(|item| i64::from(i32::from_le_bytes(*item))),
            Numbers::Long(items) => items.next().map(|item| i64::from_le_bytes(*item)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.numbers.count(), Some(self.numbers.count()))
    }
}

impl<'i> Doubles<'i> {
    pub(super) fn new(block: &'i [u8], tag: u16) -> Result<Self, DecodeError> {
        match Numbers::new(block, tag)? {
            Numbers::Short(items) if items.len() > 0 => Err(DecodeError::Width { tag, bytes: 4 }),
            numbers => Ok(Self { numbers }),
        }
    }
}

impl Iterator for Doubles<'_> {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        match &mut self.numbers {
            // Only an empty array is so.
            Numbers::Short(_) => None,
            Numbers::Long(items) => items.next().map(|item| f64::from_le_bytes(*item)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.numbers.count(), Some(self.numbers.count()))
    }
}

impl<'i> Booleans<'i> {
    pub(super) fn new(block: &'i [u8]) -> Self {
        Self { bytes: block.iter() }
    }
}

impl Iterator for Booleans<'_> {
    type Item = bool;

    fn next(&mut self) -> Option<bool> {
        self.bytes.next().map(|&byte| byte != 0)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.bytes.size_hint()
    }
}

impl<'i> Items<'i> {
    /// None if the last item is cut off.
    pub(super) fn new(block: &'i [u8]) -> Option<Self> {
        let mut rest = block;
        let mut count = 0;
        while !rest.is_empty() {
            (_, rest) = split_measured(rest)?;
            count += 1;
        }
        Some(Self { rest: block, count })
    }
}

impl<'i> Iterator for Items<'i> {
    type Item = &'i [u8];

    fn next(&mut self) -> Option<&'i [u8]> {
        let (item, rest) = split_measured(self.rest)?;
        self.rest = rest;
        self.count -= 1;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Integers<'_> {}
impl ExactSizeIterator for Doubles<'_> {}
impl ExactSizeIterator for Booleans<'_> {}
impl ExactSizeIterator for Items<'_> {}
