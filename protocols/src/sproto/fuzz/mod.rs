//! What holds for any bytes and any operations: the bodies of the fuzz targets in `protocols/fuzz`.
//!
//! As [`crate::http1::fuzz`]: the first bytes choose, the rest is the input, and the same functions
//! run as property tests with inputs that look like what is read.

mod calls;
mod source;
mod values;

pub use calls::rpc;
pub use values::{decode, schema, unpack};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sproto::schema::Schema;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// Pieces of schema text, good and bad.
    const TEXTS: &[&str] = &[
        " ",
        "\n",
        "#",
        "{",
        "}",
        " } ",
        ":",
        " : ",
        "*",
        "(",
        ")",
        "()",
        "(a)",
        "(2)",
        ".",
        ".A {",
        " .B { ",
        "a 0 : ",
        "b 1 : ",
        "c 7 : ",
        "integer ",
        "*integer(3) ",
        "string ",
        "binary ",
        "double ",
        "boolean ",
        "A ",
        "B ",
        "*A ",
        "*B(a) ",
        "*B() ",
        "p 1 { ",
        "q 2 {",
        "request ",
        "response ",
        "nil ",
        "9",
        "32766",
    ];

    /// Pieces of messages: counts, words, lengths and what may be behind them.
    const WORDS: &[&[u8]] = &[
        &[0, 0],
        &[1, 0],
        &[2, 0],
        &[3, 0],
        &[5, 0],
        &[9, 0],
        &[0xff, 0xff],
        &[0xfe, 0xff],
        &[0, 0, 0, 0],
        &[1, 0, 0, 0],
        &[2, 0, 0, 0],
        &[4, 0, 0, 0],
        &[6, 0, 0, 0],
        &[8, 0, 0, 0],
        &[9, 0, 0, 0, 8],
        &[9, 0, 0, 0, 4],
        &[0xff, 0xff, 0xff, 0xff],
        &[0, 0, 0, 0, 0, 0, 0xf0, 0x7f],
        &[1],
        &[4],
        &[8],
        &[255],
    ];

    fn message() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(select(WORDS), 0..20).prop_map(|words| words.concat())
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(select(TEXTS), 0..20).prop_map(|words| words.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// WIRE S10, S11.
        #[test]
        fn of_decode(front: [u8; 4], message in message(), noise: Vec<u8>) {
            decode(&[&front[..], &message].concat());
            decode(&noise);
        }

        /// WIRE S14.
        #[test]
        fn of_unpack(front: [u8; 2], message in message(), noise: Vec<u8>) {
            unpack(&[&front[..], &message].concat());
            unpack(&noise);
        }

        /// WIRE S1, S5.
        #[test]
        fn of_schema(text in text(), message in message(), noise: Vec<u8>) {
            schema(&[text.as_bytes(), &[0], &message].concat());
            schema(&noise);
            if let Ok(schema_read) = Schema::parse(&text) {
                schema(&schema_read.to_bundle());
            }
        }

        /// WIRE S16, S17.
        #[test]
        fn of_rpc(
            data in prop::collection::vec(any::<u8>(), 0..200),
            front: [u8; 2],
            message in message(),
        ) {
            rpc(&data);
            rpc(&[&front[..], &message, &data].concat());
        }
    }
}
