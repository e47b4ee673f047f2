//! What holds for any bytes and any operations: the bodies of the fuzz targets in `protocols/fuzz`.
//!
//! As [`crate::http1::fuzz`]: the first bytes choose, the rest is the input, and the same functions
//! run as property tests with inputs that look like frames.

mod frames;
mod pair;

pub use frames::frames;
pub use pair::pair;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// Pieces of which streams are made, good and bad. Keys of zeroes leave payloads as they are.
    const WORDS: &[&[u8]] = &[
        b"\x81\x85\0\0\0\0hello",
        b"\x81\x05hello",
        b"\x82\x83\0\0\0\0\xff\xfe\xfd",
        b"\x01\x82\0\0\0\0\xe2\x82",
        b"\x80\x81\0\0\0\0\xac",
        b"\x00\x80\0\0\0\0",
        b"\x80\x80\0\0\0\0",
        b"\x02\x81\0\0\0\0a",
        b"\x02\x01a",
        b"\x80\x01b",
        b"\x89\x80\0\0\0\0",
        b"\x89\x84\0\0\0\0ping",
        b"\x89\x04ping",
        b"\x8a\x84\0\0\0\0pong",
        b"\x88\x80\0\0\0\0",
        b"\x88\x82\0\0\0\0\x03\xe8",
        b"\x88\x02\x03\xe8",
        b"\x88\x86\0\0\0\0\x0f\xa0bye!",
        b"\x88\x81\0\0\0\0\x03",
        b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00",
        b"\x41\x83\0\0\0\0\xf2\x48\xcd",
        b"\x80\x84\0\0\0\0\xc9\xc9\x07\x00",
        b"\x81\xfe\x00\x7e\0\0\0\0",
        b"\x82\xff\0\0\0\0\0\x01\0\0\0\0\0\0",
        b"\x81\xfe\0\x05\0\0\0\0hello",
        b"\x91",
        b"\x83",
        b"\x09",
        b"\x81",
        b"\xff",
        b"\0",
        b"\x37\xfa\x21\x3d",
        b"hello",
        "κόσμε".as_bytes(),
        b"\xed\xa0\x80",
    ];

    /// Choices, then words.
    fn input() -> impl Strategy<Value = Vec<u8>> {
        let words = prop::collection::vec(select(WORDS), 0..20);
        (any::<[u8; 9]>(), words).prop_map(|(front, words)| [&front[..], &words.concat()].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// WIRE W6, W15.
        #[test]
        fn of_frames(data in input(), noise: Vec<u8>) {
            frames(&data);
            frames(&noise);
        }

        /// WIRE W10, W12, W14.
        #[test]
        fn of_the_pair(data in prop::collection::vec(any::<u8>(), 0..400)) {
            pair(&data);
        }
    }
}
