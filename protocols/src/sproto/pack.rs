//! 0-packing: most bytes of encoded numbers and lengths are zero, and are left out (WIRE S13, S14).
//!
//! Bytes are taken in words of eight, the last one filled up with zeros. A word becomes a byte that
//! says which of its bytes are not zero, followed by these. Where few bytes are zero, whole words
//! follow as they are, up to [`RUN_WORDS_MAX`] behind one pair of bytes.
//!
//! Packing has one result only, and so do its choices of runs: others compare packed bytes.

use super::error::UnpackError;

/// The most words of one run.
const RUN_WORDS_MAX: usize = 256;

/// The byte in front of a run, before its count.
const RUN: u8 = 0xff;

/// How many bytes of a word are not zero, at least, for a run to go on over it.
const RUN_GOES_ON: u32 = 6;

/// Appends the packed bytes to `out`: at most 10 for 8, and 2 more for each full run (WIRE S13).
pub fn pack(input: &[u8], out: &mut Vec<u8>) {
    // What grows is bounded by 2 bytes a run and 1 a word; most input shrinks.
    out.reserve(input.len() / 2 + 16);
    let (words, rest) = input.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let last = (!rest.is_empty()).then_some(&last);
    let mut run: Option<Run> = None;
    for word in words.iter().chain(last) {
        let tag = tag_of(*word);
        if let Some(open) = &mut run
            && tag.count_ones() >= RUN_GOES_ON
        {
            if open.push(word, out) {
                run = None;
            }
        } else if tag == RUN {
            run = Some(Run::begin(word, out));
        } else {
            run = None;
            put_word(*word, tag, out);
        }
    }
}

/// A run that is being written.
struct Run {
    /// Where its count stands in the output: one less than the words of it.
    count_at: usize,
    words: usize,
}

impl Run {
    fn begin(word: &[u8; 8], out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(&[RUN, 0]);
        let count_at = out.len() - 1;
        out.extend_from_slice(word);
        Self { count_at, words: 1 }
    }

    /// Adds a word; true if the run is full.
    fn push(&mut self, word: &[u8; 8], out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(word);
        out[self.count_at] = self.words as u8;
        self.words += 1;
        self.words == RUN_WORDS_MAX
    }
}

/// Bit i is set if byte i is not zero.
fn tag_of(word: [u8; 8]) -> u8 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // Bit 7 of each byte of `marks` is set if any bit of that byte is; nothing carries across.
    let word = u64::from_le_bytes(word);
    let marks = (((word & LOW) + LOW) | word) & !LOW;
    // The multiplication gathers the eight marks in the top byte, that of byte 0 lowest.
    ((marks >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// A word outside a run: its tag and the bytes that are not zero.
///
/// What is in words cannot be foretold, and a wrong guess costs more than a word: so there is no
/// branch. A zero is put down like any other byte, and the next one over it.
fn put_word(word: [u8; 8], tag: u8, out: &mut Vec<u8>) {
    let mut packed = 0;
    let mut shift = 0;
    for (index, byte) in word.into_iter().enumerate() {
        packed |= u64::from(byte) << shift;
        shift += u32::from(tag >> index & 1) * 8;
    }
    let mut block = [tag; 9];
    block[1..].copy_from_slice(&packed.to_le_bytes());
    let end = out.len() + 1 + tag.count_ones() as usize;
    out.extend_from_slice(&block);
    out.truncate(end);
}

/// Appends the unpacked bytes to `out`, a multiple of 8 (WIRE S14). How many there are is found out
/// before any is written, so no memory is taken for more than `bytes_max`.
///
/// # Errors
/// Bytes are missing, or more than `bytes_max` would come out. `out` is as it was.
pub fn unpack(input: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), UnpackError> {
    let bytes = unpacked_bytes(input)?;
    if bytes > bytes_max {
        return Err(UnpackError::TooLong { max: bytes_max });
    }
    out.reserve_exact(bytes);
    let mut rest = input;
    while let Some((&tag, behind)) = rest.split_first() {
        let (count, behind) = word_bytes(tag, behind)?;
        let (packed, behind) = behind.split_at(count);
        if tag == RUN {
            out.extend_from_slice(packed);
        } else {
            out.extend_from_slice(&spread(tag, packed));
        }
        rest = behind;
    }
    Ok(())
}

/// How many bytes [`unpack`] makes of these (WIRE S14).
///
/// # Errors
/// Bytes are missing.
pub fn unpacked_bytes(input: &[u8]) -> Result<usize, UnpackError> {
    let mut bytes = 0_usize;
    let mut rest = input;
    while let Some((&tag, behind)) = rest.split_first() {
        let (count, behind) = word_bytes(tag, behind)?;
        rest = behind.get(count..).ok_or(UnpackError::Cut)?;
        // Eight for each byte of input at most: this cannot overflow.
        bytes += if tag == RUN { count } else { 8 };
    }
    Ok(bytes)
}

/// How many bytes belong to a tag, and what stands where they begin.
fn word_bytes(tag: u8, behind: &[u8]) -> Result<(usize, &[u8]), UnpackError> {
    if tag == RUN {
        let (&words, behind) = behind.split_first().ok_or(UnpackError::Cut)?;
        return Ok(((usize::from(words) + 1) * 8, behind));
    }
    Ok((tag.count_ones() as usize, behind))
}

/// The word whose bytes of `tag` are these, of which there are as many as bits.
fn spread(tag: u8, packed: &[u8]) -> [u8; 8] {
    let mut word = [0; 8];
    let mut packed = packed.iter();
    for (index, byte) in word.iter_mut().enumerate() {
        if tag >> index & 1 == 1 {
            *byte = packed.next().copied().unwrap_or_default();
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        pack(input, &mut out);
        out
    }

    fn unpacked(input: &[u8]) -> Result<Vec<u8>, UnpackError> {
        let mut out = Vec::new();
        unpack(input, usize::MAX, &mut out)?;
        Ok(out)
    }

    /// Words with so many bytes that are not zero.
    fn words(counts: &[usize]) -> Vec<u8> {
        counts.iter().flat_map(|&count| (0..8).map(move |index| u8::from(index < count))).collect()
    }

    /// WIRE S13: 6 bytes are enough to go on, and never to begin.
    #[test]
    fn a_run_begins_with_a_full_word() {
        assert_eq!(
            packed(&words(&[6, 8])),
            [0x3f, 1, 1, 1, 1, 1, 1, 255, 0, 1, 1, 1, 1, 1, 1, 1, 1]
        );
        let run = packed(&words(&[8, 6, 7, 5, 7]));
        assert_eq!(run[..2], [255, 2]);
        assert_eq!(run[2..26], words(&[8, 6, 7]));
        assert_eq!(run[26..], [0x1f, 1, 1, 1, 1, 1, 0x7f, 1, 1, 1, 1, 1, 1, 1]);
    }

    /// WIRE S13: behind a full run the rule starts afresh.
    #[test]
    fn a_run_is_of_256_words_at_most() {
        let mut counts = vec![8; 256];
        counts.push(7);
        counts.push(8);
        let run = packed(&words(&counts));
        assert_eq!(run[..2], [255, 255]);
        assert_eq!(run[2 + 2048], 0x7f);
        assert_eq!(run[2 + 2048 + 8..][..2], [255, 0]);
        assert_eq!(unpacked(&run).unwrap(), words(&counts));
    }

    /// WIRE S14.
    #[test]
    fn what_is_missing_is_told_and_nothing_is_written() {
        for cut in [&[1_u8][..], &[255], &[255, 0, 1, 2, 3, 4, 5, 6, 7], &[0, 0x81, 1]] {
            let mut out = vec![9];
            assert_eq!(unpack(cut, 100, &mut out), Err(UnpackError::Cut));
            assert_eq!(out, [9]);
        }
        let mut out = Vec::new();
        assert_eq!(unpack(&[0; 4], 31, &mut out), Err(UnpackError::TooLong { max: 31 }));
        assert_eq!(out.capacity(), 0);
        assert_eq!(unpack(&[0; 4], 32, &mut out), Ok(()));
        assert_eq!(out, [0; 32]);
        // Bytes that are said not to be zero may be.
        assert_eq!(unpacked(&[2, 0]).unwrap(), [0; 8]);
    }

    proptest! {
        #[test]
        fn the_tag_is_of_bytes_that_are_not_zero(word: [u8; 8], kept: u8) {
            let mut word = word;
            for (index, byte) in word.iter_mut().enumerate() {
                *byte *= kept >> index & 1;
            }
            for (index, byte) in word.iter().enumerate() {
                prop_assert_eq!(tag_of(word) >> index & 1 == 1, *byte != 0);
            }
        }

        /// WIRE S13, S14.
        #[test]
        fn unpacking_undoes_packing(
            counts in prop::collection::vec(prop_oneof![0..9_usize, Just(8_usize)], 0..600),
            cut in 0..8_usize,
        ) {
            let mut input = words(&counts);
            input.truncate(input.len().saturating_sub(cut));
            let packed = packed(&input);
            prop_assert!(packed.len() <= input.len().div_ceil(8) * 10);
            input.resize(input.len().next_multiple_of(8), 0);
            prop_assert_eq!(unpacked(&packed), Ok(input));
        }

        /// WIRE S14: nothing comes out that was not told before, and packing it again gives no
        /// more.
        #[test]
        fn noise_is_unpacked_or_refused(input: Vec<u8>) {
            let told = unpacked_bytes(&input);
            let out = unpacked(&input);
            prop_assert_eq!(told, out.as_ref().map(Vec::len).map_err(|&error| error));
            if let Ok(out) = out {
                prop_assert_eq!(unpacked(&packed(&out)), Ok(out));
            }
        }
    }
}
