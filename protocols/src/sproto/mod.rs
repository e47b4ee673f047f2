//! sproto, Skynet's language for messages (section S of `WIRE.md`).
//!
//! Layers, each on the one below it:
//!
//! | layer | what it knows |
//! | --- | --- |
//! | [`rpc`] | requests, answers and who waits for them |
//! | [`Value`], generated types | what fields mean: from a [`Schema`], or by heart |
//! | [`Encoder`], [`Decoder`] | fields by tag: how each kind is written, limits |
//! | [`pack()`], [`unpack`] | bytes, most of them zero |
//!
//! [`codegen`] makes types and calls of a schema, as Rust source. A generated type implements [`ToFields`] and [`FromFields`] and is then all that a [`Value`]
//! with its [`Schema`] is, without looking anything up: [`encode`] and [`decode`] take it, fields
//! hold it, and the RPC layer sends it. Decoding copies nothing by itself: what [`Field`] gives
//! borrows from the message, so a type may have `&[u8]` and `&str` where it likes, and a [`Value`]
//! does.
//!
//! Nothing that a peer sends is believed before it is checked: lengths against what is there, and
//! counts, depth and sizes against [`Limits`].

pub mod codegen;
mod decode;
mod decoder;
mod encode;
mod encoder;
mod error;
mod fault;
mod fixed;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod items;
mod limits;
mod pack;
pub mod rpc;
pub mod schema;
mod serialize;
mod typed;
mod value;

pub use decoder::{Decoder, Field, FromFields, Raw, decode, decode_with};
pub use encode::Typed;
pub use encoder::{Encoder, ToFields, encode};
pub use error::{DecodeError, EncodeError, UnpackError, Wanted};
pub use fault::Fault;
pub use items::{Booleans, Doubles, Integers, Items};
pub use limits::Limits;
pub use pack::{pack, unpack, unpacked_bytes};
pub use schema::{BundleError, Schema, SchemaError};
pub use typed::{DoubleKey, MapKey, Words};
pub use value::{Key, Struct, Value};

/// The highest tag of a field or protocol (WIRE S2).
pub const TAG_MAX: u16 = 32_766;

/// The highest number that has its place in a field word (WIRE S7).
pub const WORD_VALUE_MAX: u16 = 32_766;
