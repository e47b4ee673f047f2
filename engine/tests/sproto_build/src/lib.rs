//! A crate whose types come from a schema.
#![deny(warnings, missing_docs)]

/// The game.
pub mod game {
    include!(concat!(env!("OUT_DIR"), "/game.rs"));
}
