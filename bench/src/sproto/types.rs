//! The messages' types, as they would be generated from the schema: every field may be absent, and
//! knows its tag.
//!
//! `S` is what strings are ([`Text`]): copies, or parts of the message, checked to be text or not.

use serde::{Deserialize, Serialize};
use skyring_protocols::sproto::{
    DecodeError, Decoder, EncodeError, Encoder, Field, FromFields, ToFields,
};

/// What a string is read as.
pub(super) trait Text<'i>: Sized {
    /// None: it is no text.
    fn of(bytes: &'i [u8]) -> Option<Self>;
}

impl<'i> Text<'i> for String {
    fn of(bytes: &'i [u8]) -> Option<Self> {
        str::from_utf8(bytes).ok().map(str::to_owned)
    }
}

impl<'i> Text<'i> for &'i str {
    fn of(bytes: &'i [u8]) -> Option<Self> {
        str::from_utf8(bytes).ok()
    }
}

/// Whatever it is: to sproto strings are bytes.
impl<'i> Text<'i> for &'i [u8] {
    fn of(bytes: &'i [u8]) -> Option<Self> {
        Some(bytes)
    }
}

/// The strings of an array.
fn texts<'i, S: Text<'i>>(field: &Field<'i, '_>) -> Result<Vec<S>, DecodeError> {
    let text = |item| S::of(item).ok_or(DecodeError::Text { tag: field.tag() });
    field.items()?.map(text).collect()
}

/// The structs of an array.
fn structs<'i, T: FromFields<'i>>(field: &Field<'i, '_>) -> Result<Vec<T>, DecodeError> {
    /// Room that is taken at once; for more of them as they are read.
    const ROOM_MAX: usize = 1024;
    let items = field.structures()?;
    let mut all = Vec::with_capacity(items.len().min(ROOM_MAX));
    for item in items {
        all.push(item?);
    }
    Ok(all)
}

macro_rules! write_field {
    ($encoder:ident, $tag:literal, $value:ident, integer) => {
        $encoder.integer($tag, *$value)
    };
    ($encoder:ident, $tag:literal, $value:ident, double) => {
        $encoder.double($tag, *$value)
    };
    ($encoder:ident, $tag:literal, $value:ident, boolean) => {
        $encoder.boolean($tag, *$value)
    };
    ($encoder:ident, $tag:literal, $value:ident, string) => {
        $encoder.bytes($tag, $value.as_ref())
    };
    ($encoder:ident, $tag:literal, $value:ident, structure) => {
        $encoder.structure($tag, $value)
    };
    ($encoder:ident, $tag:literal, $value:ident, integers) => {
        $encoder.integers($tag, $value.iter().copied())
    };
    ($encoder:ident, $tag:literal, $value:ident, strings) => {
        $encoder.strings($tag, $value)
    };
    ($encoder:ident, $tag:literal, $value:ident, structures) => {
        $encoder.structures($tag, $value)
    };
}

macro_rules! read_field {
    ($field:ident, string) => {
        Text::of($field.bytes()?).ok_or(DecodeError::Text { tag: $field.tag() })?
    };
    ($field:ident, integers) => {
        $field.integers()?.collect()
    };
    ($field:ident, strings) => {
        texts(&$field)?
    };
    ($field:ident, structures) => {
        structs(&$field)?
    };
    ($field:ident, $kind:ident) => {
        $field.$kind()?
    };
}

macro_rules! structs {
    ($($(#[$about:meta])* $name:ident $(<$string:ident>)? {
        $($tag:literal $field:ident : $kind:ident $of:ty,)*
    })*) => { $(
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct $name $(<$string>)? {
            $(pub(super) $field: Option<$of>,)*
        }

        impl $(<$string: AsRef<[u8]>>)? ToFields for $name $(<$string>)? {
            fn words(&self) -> usize {
                let (mut words, mut tag_next) = (0, 0);
                $(if self.$field.is_some() {
                    words += 1 + usize::from($tag > tag_next);
                    tag_next = $tag + 1;
                })*
                let _ = tag_next;
                words
            }

            fn write_fields(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
                $(if let Some(value) = &self.$field {
                    write_field!(encoder, $tag, value, $kind)?;
                })*
                Ok(())
            }
        }

        impl<'i, $($string: Text<'i>)?> FromFields<'i> for $name $(<$string>)? {
            fn read_fields(decoder: &mut Decoder<'i, '_>) -> Result<Self, DecodeError> {
                let mut value = Self { $($field: None,)* };
                while let Some(field) = decoder.next()? {
                    match field.tag() {
                        $($tag => value.$field = Some(read_field!(field, $kind)),)*
                        _ => {}
                    }
                }
                Ok(value)
            }
        }
    )* };
}

structs! {
    /// Where somebody went.
    Move {
        0 id: integer i64,
        1 x: integer i64,
        2 y: integer i64,
        3 z: integer i64,
        4 facing: integer i64,
    }

    /// What somebody said.
    Chat<S> {
        0 id: integer i64,
        1 from: string S,
        2 channel: integer i64,
        3 text: string S,
        4 at: integer i64,
    }

    /// What somebody carries.
    Item<S> {
        0 id: integer i64,
        1 kind: integer i64,
        2 count: integer i64,
        3 name: string S,
        4 bound: boolean bool,
    }

    /// What somebody can.
    Stats {
        0 strength: integer i64,
        1 agility: integer i64,
        2 stamina: integer i64,
        3 wisdom: integer i64,
        4 health: integer i64,
        5 health_max: integer i64,
    }

    /// Where somebody is.
    Place {
        0 map: integer i64,
        1 x: double f64,
        2 y: double f64,
        3 z: double f64,
    }

    /// Who somebody is.
    Sheet<S> {
        0 id: integer i64,
        1 name: string S,
        2 level: integer i64,
        3 experience: integer i64,
        4 stats: structure Stats,
        5 place: structure Place,
        6 guild: string S,
        7 titles: strings Vec<S>,
        8 skills: integers Vec<i64>,
        9 bag: structures Vec<Item<S>>,
    }

    /// What somebody does.
    Entity {
        0 id: integer i64,
        1 x: integer i64,
        2 y: integer i64,
        3 facing: integer i64,
        4 health: integer i64,
    }

    /// What somebody sees.
    Update {
        0 tick: integer i64,
        1 entities: structures Vec<Entity>,
    }
}
