//! Rust source from a schema: types that encode and decode themselves, and calls with their types.
//!
//! In a `build.rs`, with `skyring-protocols` among the build dependencies:
//!
#![doc = "```no_run"]
#![doc = include_str!("../../../tests/generated/build.rs")]
#![doc = "```"]
//!
//! and where the types are to be, with `skyring-protocols` among the dependencies:
//!
//! ```text
//! pub mod game {
//!     include!(concat!(env!("OUT_DIR"), "/game.rs"));
//! }
//! ```
//!
//! `skyring sproto compile` does the same on the command line. A client then asks, and a server
//! answers, over a [`Host`](super::rpc::Host) each:
//!
//! ```text
//! host.call::<Login>(&rpc, Some(session), &args, None, &mut work, &mut package)?;
//!
//! if let Dispatch::Request(request) = host.dispatch(&rpc, &package, &mut work)? {
//!     match Incoming::read(request)? {
//!         Incoming::Login(Asked { args, reply: Some(reply) }) => {
//!             reply.respond(&rpc, &login(args), None, &mut work, &mut answer)?;
//!         }
//!         …
//!
//! if let Dispatch::Answer(answer) = host.dispatch(&rpc, &answer, &mut work)? {
//!     let LoginResponse { player } = answer.read::<Login>()?;
//! ```
//!
//! # What comes out
//!
//! The same schema always gives the same text, formatted as rustfmt leaves it while names are of
//! usual length. It holds:
//!
//! - a struct for each type, `Ship.Radio` becoming `ShipRadio` and `login.request` `LoginRequest`,
//!   with [`ToFields`](super::ToFields) and [`FromFields`](super::FromFields);
//! - `BUNDLE` and `schema()`, the schema itself;
//! - if there are protocols, a module `rpc` with a [`Stub`](super::rpc::Stub) for each, and the enums
//!   `Incoming` and `Answered` of what the other end may ask and answer.
//!
//! | sproto | Rust |
//! | --- | --- |
//! | `integer`, `boolean`, `double` | `i64`, `bool`, `f64` |
//! | `integer(n)` | `f64`, rounded as it is written, halves away from zero (WIRE S8) |
//! | `string` | `String`, or `Vec<u8>` by [`Options::strings_as_bytes`] |
//! | `binary` | `Vec<u8>` |
//! | a type | its struct, in a `Box` where it would hold itself |
//! | `*T` | `Vec` |
//! | `*T(field)` | `BTreeMap` of the structs by that field |
//! | `*T()` | `BTreeMap` of the second field by the first; of the whole structs, if the second is a map again |
//!
//! Keys that are doubles are [`DoubleKey`](super::DoubleKey)s. Names become Rust's: `CamelCase` types,
//! `snake_case` fields, `r#` in front of keywords. Behind a name that is taken goes `Type`, `Call` or
//! `_` if Rust or this generator has it, else a number, in the order of types and tags.
//!
//! # What is kept
//!
//! Every field is an `Option`, for every field of sproto may be absent, and an absent array is not
//! an empty one: Lua sees `nil` there. So what is decoded is what was sent, but for fields that the
//! schema does not have, which are lost. A field of another kind than the schema says is a
//! [`DecodeError`](super::DecodeError), and so is a `string` that is not UTF-8 and an entry of a map
//! without its key or value. A struct in a map whose key field is not the key it is found by is an
//! [`EncodeError`](super::EncodeError).
//!
//! Structs take as much memory as all their fields, also where few bytes said that one is there:
//! decoded, a message takes up to [`Limits::values_max`](super::Limits) times the largest.

mod fields;
mod names;
mod recursion;
mod stubs;
mod text;
mod types;

use super::schema::Schema;
use names::Names;
use text::Text;

/// What generated code is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The path of [`crate::sproto`] from where the code will be. By default
    /// `skyring_protocols::sproto`.
    pub path: String,
    /// Whether strings are bytes, for peers whose strings are not UTF-8.
    pub strings_as_bytes: bool,
    /// Whether types are `serde::Serialize` and `serde::Deserialize`, under the names of the schema;
    /// absent fields are left out. Doubles that are no numbers, and keys that are bytes, are not for
    /// JSON.
    pub serde: bool,
}

impl Default for Options {
    fn default() -> Self {
        let path = String::from("skyring_protocols::sproto");
        Self { path, strings_as_bytes: false, serde: false }
    }
}

/// The Rust source of a schema.
#[must_use]
pub fn generate(schema: &Schema, options: &Options) -> String {
    let names = Names::of(schema);
    let generator = Generator { schema, options, names, boxed: recursion::boxed(schema) };
    let mut text = Text::default();
    text.line(
        "// Made from a sproto schema, by skyring. What is changed here is lost with the next",
    );
    text.line("// schema.");
    if !schema.types().is_empty() {
        generator.imports(&mut text);
        generator.bundle(&mut text);
    }
    for number in 0..schema.types().len() {
        generator.type_definition(number, &mut text);
    }
    if !schema.protocols().is_empty() {
        generator.protocols(&mut text);
    }
    text.finish()
}

struct Generator<'g> {
    schema: &'g Schema,
    options: &'g Options,
    names: Names,
    /// For each type, the tags of the fields that are in a `Box`.
    boxed: Vec<Vec<u16>>,
}

impl Generator<'_> {
    fn bundle(&self, text: &mut Text) {
        text.line("");
        text.line("/// The schema, as a bundle.");
        text.line("pub const BUNDLE: &[u8] = b\"\\");
        let mut line = String::new();
        for byte in self.schema.to_bundle() {
            match byte {
                b'_' | b'.' => line.push(char::from(byte)),
                _ if byte.is_ascii_alphanumeric() => line.push(char::from(byte)),
                _ => line.push_str(&format!("\\x{byte:02x}")),
            }
            if line.len() > 90 {
                text.line(&format!("    {line}\\"));
                line.clear();
            }
        }
        text.line(&format!("    {line}\";"));
        text.line("");
        text.line("/// The schema.");
        text.line("pub fn schema() -> Schema {");
        text.line("Schema::from_bundle(BUNDLE).expect(\"it was made from a schema\")");
        text.line("}");
    }
}
