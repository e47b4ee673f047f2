//! What is wrong with a schema, and where.

use thiserror::Error;

use super::{
    BUNDLE_BYTES_MAX, DECIMALS_MAX, NAME_BYTES_MAX, NESTING_MAX, TEXT_BYTES_MAX, TYPES_MAX,
};
use crate::Blame;
use crate::sproto::{DecodeError, TAG_MAX};

/// Why a text is no schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[error("line {line}: {flaw}")]
pub struct SchemaError {
    /// The line, the first being 1.
    pub line: u32,
    /// What is wrong in it.
    pub flaw: Flaw,
}

impl SchemaError {
    /// Always the caller's, who wrote the schema or took it from somewhere.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }
}

/// What is wrong with a schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum Flaw {
    /// Something else was to stand here.
    #[error("syntax error")]
    Syntax,
    /// A text, or full names of its types, of more bytes than are read.
    #[error("a schema of more than {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// Types inside one another, more than are read.
    #[error("types in more than {NESTING_MAX} levels")]
    TooDeep,
    /// More types than can be numbered.
    #[error("more than {TYPES_MAX} types")]
    TooManyTypes,
    /// A name, with those around it, that is too long.
    #[error("a name of more than {NAME_BYTES_MAX} bytes")]
    NameTooLong,
    /// A tag that no field and no protocol can have.
    #[error("a tag above {TAG_MAX}")]
    Tag,
    /// More decimals than 32 bits can tell, or what is no number of them.
    #[error("up to {DECIMALS_MAX} decimals, in digits")]
    Decimals,
    /// Two types of one name.
    #[error("a second type {name}")]
    TypeRepeated {
        /// The full name.
        name: Box<str>,
    },
    /// Two fields of one name.
    #[error("a second field {name}")]
    FieldRepeated {
        /// The name.
        name: Box<str>,
    },
    /// Two fields of one tag, or tags that do not rise in a bundle.
    #[error("field tag {tag} again, or out of order")]
    FieldTag {
        /// The tag.
        tag: u16,
    },
    /// Two protocols of one name.
    #[error("a second protocol {name}")]
    ProtocolRepeated {
        /// The name.
        name: Box<str>,
    },
    /// Two protocols of one tag, or tags that do not rise in a bundle.
    #[error("protocol tag {tag} again, or out of order")]
    ProtocolTag {
        /// The tag.
        tag: u16,
    },
    /// A second request or response in one protocol.
    #[error("a second request or response")]
    SideRepeated,
    /// A type that nothing defines. Protocols need a struct, by its full name.
    #[error("no type {name}")]
    TypeUnknown {
        /// The name as it is written.
        name: Box<str>,
    },
    /// A key of an array that is not of structs.
    #[error("a key of what is no array of structs")]
    KeyOfNone,
    /// A key that is no field of the struct, or one that nothing can be found by.
    #[error("a key that is no plain field of the struct")]
    Key,
    /// A map of a struct that has not two fields.
    #[error("a map of a struct that has not two fields")]
    MapFields,
    /// Protocols, but no type, which a bundle cannot say.
    #[error("protocols without any type")]
    ProtocolsAlone,
}

/// Why bytes are no bundle.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum BundleError {
    /// More bytes than are read.
    #[error("a bundle of more than {BUNDLE_BYTES_MAX} bytes")]
    TooLong,
    /// It is no message.
    #[error("not a message: {0}")]
    Decode(#[from] DecodeError),
    /// Bytes behind it.
    #[error("{bytes} bytes behind the bundle")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// Something that each item has is missing.
    #[error("a type, field or protocol without its name, tag or kind")]
    Missing,
    /// Something that no bundle has.
    #[error("what is field {tag} of a type, field or protocol?")]
    Unknown {
        /// Its tag.
        tag: u16,
    },
    /// A name that could not stand in a text.
    #[error("a malformed name")]
    Name,
    /// A number that is too large or means nothing in its place.
    #[error("a number out of range")]
    Number,
    /// A bundle without types.
    #[error("no type")]
    Empty,
    /// It can be read, but is no schema.
    #[error(transparent)]
    Schema(#[from] Flaw),
}

impl BundleError {
    /// Always the caller's, who took the bundle from somewhere.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }
}
