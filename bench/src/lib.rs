//! How we know what skyring costs: paired measurements against its floor and its peers.
//!
//! `METHOD.md` beside this crate states the rules and where we may be biased.

mod bars;
pub mod child;
pub mod commands;
pub mod floor;
pub mod generator;
pub mod host;
pub mod measure;
pub mod micro;
pub mod msg;
pub mod peers;
pub mod readme;
pub mod records;
pub mod ring;
pub mod statistics;
mod svg;
