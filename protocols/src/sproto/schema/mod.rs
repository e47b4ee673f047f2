//! What messages are made of: types, their fields, and the protocols that use them (WIRE S1 to S5).
//!
//! A schema is written as text ([`Schema::parse`]) or comes as a bundle, the same in bytes
//! ([`Schema::from_bundle`]). Either way it is checked as a whole, so whoever has a [`Schema`] need
//! not doubt it: every type that is named is there, keys are fields, and tags rise.
//!
//! Schemas may come from anywhere: both forms are bounded in size, in the nesting of types and in
//! the length of names, and what is made of them is bounded by that.

mod draft;
mod error;
mod grammar;
mod lint;
mod load;
mod notation;
mod resolve;
mod save;
mod scan;

pub use error::{BundleError, Flaw, SchemaError};
pub use lint::{Doubt, SchemaWarning};

/// The longest schema text, and the most that all full names of its types may take, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// The longest bundle in bytes. No text of [`TEXT_BYTES_MAX`] makes a longer one.
pub const BUNDLE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The longest name in bytes, with the names of the types around it.
pub const NAME_BYTES_MAX: usize = 255;

/// The most types inside one another.
pub const NESTING_MAX: usize = 64;

/// The most types of one schema: their numbers have to fit in a field word.
pub const TYPES_MAX: usize = 32_767;

/// The most decimals of a fixed-point number (WIRE S8).
pub const DECIMALS_MAX: u8 = 9;

/// Types and protocols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// In the order of their numbers.
    types: Vec<Type>,
    /// By rising tags.
    protocols: Vec<Protocol>,
    /// Numbers of types, in the order of their names.
    types_by_name: Vec<TypeId>,
    /// Places of protocols, in the order of their names.
    protocols_by_name: Vec<u16>,
}

/// The number of a type in its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(u16);

impl TypeId {
    /// The place of the type in [`Schema::types`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    name: Box<str>,
    /// By rising tags.
    fields: Vec<TypeField>,
    words: usize,
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeField {
    name: Box<str>,
    tag: u16,
    kind: Kind,
    shape: Shape,
}

/// What a field is, or what its array is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `integer`, 64 bits.
    Integer,
    /// `integer(n)`, a number that is sent as the integer nearest to it times 10ⁿ.
    Fixed {
        /// n, [`DECIMALS_MAX`] at most.
        decimals: u8,
    },
    /// `boolean`.
    Boolean,
    /// `string`.
    String,
    /// `binary`, the same on the wire as a string.
    Binary,
    /// `double`.
    Double,
    /// A struct of this type.
    Struct(TypeId),
}

/// How many of a kind a field has, and how they are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One.
    One,
    /// `*T`: any number, in order.
    Array,
    /// `*T(field)`: structs, found by one of their fields. A later one replaces an earlier.
    Keyed {
        /// The tag of that field.
        key: u16,
    },
    /// `*T()`: T has two fields, the first is what the second is found by.
    Map {
        /// The tag of the first field.
        key: u16,
        /// The tag of the second.
        value: u16,
    },
}

/// A request and what is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    name: Box<str>,
    tag: u16,
    request: Option<TypeId>,
    response: Response,
}

/// What a request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// The schema says nothing of an answer.
    None,
    /// `response nil`: an answer that says nothing.
    Confirm,
    /// A struct.
    Struct(TypeId),
}

impl Schema {
    /// Reads schema text (WIRE S1 to S3). Comments may hold any bytes.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, SchemaError> {
        resolve::resolve(grammar::parse(text.as_ref())?)
    }

    /// Reads a bundle (WIRE S4, S5).
    ///
    /// # Errors
    /// It is none, or what it says is no schema.
    pub fn from_bundle(bundle: &[u8]) -> Result<Self, BundleError> {
        load::load(bundle)
    }

    /// The schema as a bundle, the same bytes as Skynet's (WIRE S4).
    #[must_use]
    pub fn to_bundle(&self) -> Vec<u8> {
        save::save(self)
    }

    /// All types, in the order of their numbers.
    #[must_use]
    pub fn types(&self) -> &[Type] {
        &self.types
    }

    /// All protocols, by rising tags.
    #[must_use]
    pub fn protocols(&self) -> &[Protocol] {
        &self.protocols
    }

    /// The number of the type of this full name.
    #[must_use]
    pub fn type_id(&self, name: &str) -> Option<TypeId> {
        let place =
            self.types_by_name.binary_search_by(|&id| (*self.type_of(id).name).cmp(name)).ok()?;
        Some(self.types_by_name[place])
    }

    /// The type of a number.
    ///
    /// # Panics
    /// The number is of another schema, which has more types.
    #[must_use]
    pub fn type_of(&self, id: TypeId) -> &Type {
        &self.types[id.index()]
    }

    /// The protocol of a name.
    #[must_use]
    pub fn protocol(&self, name: &str) -> Option<&Protocol> {
        let of = |place: u16| &self.protocols[usize::from(place)];
        let found =
            self.protocols_by_name.binary_search_by(|&place| (*of(place).name).cmp(name)).ok()?;
        Some(of(self.protocols_by_name[found]))
    }

    /// The protocol of a tag.
    #[must_use]
    pub fn protocol_of_tag(&self, tag: u16) -> Option<&Protocol> {
        let place = self.protocols.binary_search_by_key(&tag, |it| it.tag).ok()?;
        Some(&self.protocols[place])
    }
}

impl Type {
    /// Its full name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its fields, by rising tags.
    #[must_use]
    pub fn fields(&self) -> &[TypeField] {
        &self.fields
    }

    /// The field of a name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&TypeField> {
        self.fields.iter().find(|it| &*it.name == name)
    }

    /// The field of a tag.
    #[must_use]
    pub fn field_of_tag(&self, tag: u16) -> Option<&TypeField> {
        let place = self.fields.binary_search_by_key(&tag, |it| it.tag).ok()?;
        Some(&self.fields[place])
    }

    /// How many field words a struct takes that has all its fields (WIRE S6).
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }
}

impl TypeField {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its tag, up to [`TAG_MAX`](super::TAG_MAX).
    #[must_use]
    pub fn tag(&self) -> u16 {
        self.tag
    }

    /// What it is, or what its array is made of.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How many there are.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }
}

impl Protocol {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its tag, up to [`TAG_MAX`](super::TAG_MAX).
    #[must_use]
    pub fn tag(&self) -> u16 {
        self.tag
    }

    /// What a request holds.
    #[must_use]
    pub fn request(&self) -> Option<TypeId> {
        self.request
    }

    /// What an answer holds.
    #[must_use]
    pub fn response(&self) -> Response {
        self.response
    }
}

impl Response {
    /// The type of the answer, if it holds anything.
    #[must_use]
    pub fn type_id(self) -> Option<TypeId> {
        match self {
            Self::None | Self::Confirm => None,
            Self::Struct(id) => Some(id),
        }
    }
}
