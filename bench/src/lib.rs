//! How we know what skyring costs: paired measurements against its floor and its peers.
//!
//! `METHOD.md` beside this crate states the rules and where we may be biased.

pub mod attack;
mod bars;
pub mod call;
pub mod certificate;
pub mod child;
pub mod claims;
pub mod commands;
pub mod console;
pub mod figure;
pub mod floor;
pub mod generator;
pub mod host;
mod markdown;
pub mod measure;
pub mod micro;
pub mod msg;
pub mod nginx;
pub mod peers;
mod plot;
pub mod readme;
pub mod records;
pub mod ring;
mod scratch;
pub mod sproto;
pub mod statistics;
mod svg;
