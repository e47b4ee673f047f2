//! What goes wrong with values and their bytes, and whose fault it is.

use thiserror::Error;

use super::TAG_MAX;
use crate::Blame;

/// Why packed bytes cannot be unpacked. Nothing was appended to the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum UnpackError {
    /// Bytes are missing at the end.
    #[error("packed bytes are cut off")]
    Cut,
    /// More would come out than the limit.
    #[error("more than {max} unpacked bytes")]
    TooLong {
        /// The limit in bytes.
        max: usize,
    },
}

impl UnpackError {
    /// Whose fault it is: a limit's where one was passed, else the peer's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Cut => Blame::Peer,
            Self::TooLong { .. } => Blame::Limit,
        }
    }
}

/// Why bytes are no message of the type that is read. A `tag` is that of the field in its struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum DecodeError {
    /// A struct ends inside its field words.
    #[error("a struct is cut off in its field words")]
    WordsCut,
    /// A block reaches beyond the end of its struct.
    #[error("a struct is cut off in its data")]
    DataCut,
    /// A struct inside another has bytes behind its last block.
    #[error("a struct with {bytes} bytes too many")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A value in the field word, where a block of bytes belongs.
    #[error("field {tag}: a small number where data belong")]
    Word {
        /// The field.
        tag: u16,
    },
    /// A block, where a value in the field word belongs.
    #[error("field {tag}: data where a small number belongs")]
    Block {
        /// The field.
        tag: u16,
    },
    /// A number of so many bytes: integers have 4 or 8, doubles 8.
    #[error("field {tag}: a number of {bytes} bytes")]
    NumberBytes {
        /// The field.
        tag: u16,
        /// How many there are.
        bytes: usize,
    },
    /// An array of numbers of so many bytes each: integers have 4 or 8, doubles 8.
    #[error("field {tag}: an array of numbers of {bytes} bytes")]
    Width {
        /// The field.
        tag: u16,
        /// The width that it says.
        bytes: u8,
    },
    /// The last number of an array is cut off.
    #[error("field {tag}: an array that ends inside a number")]
    ArrayCut {
        /// The field.
        tag: u16,
    },
    /// An item of an array reaches beyond its end.
    #[error("field {tag}: an array that ends inside an item")]
    ItemCut {
        /// The field.
        tag: u16,
    },
    /// A text is no UTF-8. Only readers that want text say so: to sproto, it is bytes.
    #[error("field {tag}: text that is not UTF-8")]
    Text {
        /// The field.
        tag: u16,
    },
    /// An entry of a keyed array or map has no key.
    #[error("field {tag}: an entry without its key")]
    KeyMissing {
        /// The field that is the array.
        tag: u16,
    },
    /// The key of an entry is NaN, which nothing can be found by.
    #[error("field {tag}: a key that is not a number")]
    KeyNan {
        /// The field that is the array.
        tag: u16,
    },
    /// An entry of a map has no value.
    #[error("field {tag}: an entry without its value")]
    ValueMissing {
        /// The field that is the map.
        tag: u16,
    },
    /// More bytes than the limit.
    #[error("a message of more than {max} bytes")]
    TooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// Structs inside one another, more than the limit.
    #[error("structs in more than {max} levels")]
    TooDeep {
        /// The limit.
        max: u32,
    },
    /// More fields and items than the limit.
    #[error("more than {max} values")]
    TooManyValues {
        /// The limit.
        max: u32,
    },
}

impl DecodeError {
    /// Whose fault it is: a limit's where one was passed, else the peer's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooLong { .. } | Self::TooDeep { .. } | Self::TooManyValues { .. } => {
                Blame::Limit
            }
            _ => Blame::Peer,
        }
    }
}

/// Why a value is not encoded. Nothing was appended to the output.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum EncodeError {
    /// A field is written behind one with a higher tag, or a second time.
    #[error("field {tag} is out of order")]
    Order {
        /// The field.
        tag: u16,
    },
    /// No field can have this tag.
    #[error("field {tag} is above {TAG_MAX}")]
    Tag {
        /// The field.
        tag: u16,
    },
    /// A value of another kind than the schema says.
    #[error("field {tag} is to be {wanted}")]
    Kind {
        /// The field.
        tag: u16,
        /// What it is to be.
        wanted: Wanted,
    },
    /// A fixed-point number that is none, or has no place in 64 bits.
    #[error("field {tag} is no number of 64 bits")]
    Fixed {
        /// The field.
        tag: u16,
    },
    /// The struct that is encoded has no such field in the schema, or has it twice.
    #[error("no field {name}, or a second one")]
    Field {
        /// The name.
        name: Box<str>,
    },
    /// An entry of a keyed array has another key than the one it is found by; or none, or NaN.
    #[error("field {tag}: an entry that is not of its key")]
    Key {
        /// The field that is the array.
        tag: u16,
    },
    /// What is to be encoded is no struct.
    #[error("a message is a struct")]
    Message,
    /// More bytes than the limit.
    #[error("a message of more than {max} bytes")]
    TooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// Structs inside one another, more than the limit.
    #[error("structs in more than {max} levels")]
    TooDeep {
        /// The limit.
        max: u32,
    },
}

impl EncodeError {
    /// Whose fault it is: a limit's where one was passed, else the caller's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooLong { .. } | Self::TooDeep { .. } => Blame::Limit,
            _ => Blame::Caller,
        }
    }
}

/// What a field is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Wanted {
    /// An integer.
    #[error("an integer")]
    Integer,
    /// A number.
    #[error("a number")]
    Number,
    /// A boolean.
    #[error("a boolean")]
    Boolean,
    /// Bytes.
    #[error("a string")]
    Bytes,
    /// A struct.
    #[error("a struct")]
    Struct,
    /// An array.
    #[error("an array")]
    Array,
    /// Entries by key.
    #[error("a map")]
    Map,
}
