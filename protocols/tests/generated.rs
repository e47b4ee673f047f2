//! Generated types, as they are committed, against dynamic values, against what Skynet has sent, and
//! in calls.
#![allow(unreachable_pub, dead_code, reason = "whoever uses generated code has it all")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "generated/agreement.rs"]
mod agreement;
#[path = "generated/calls.rs"]
mod calls;
#[path = "generated/crew.rs"]
mod crew;
#[path = "generated/game.rs"]
mod game;
#[path = "generated/gaps.rs"]
mod gaps;
#[path = "generated/keys.rs"]
mod keys;
#[path = "generated/maps.rs"]
mod maps;
#[path = "generated/names.rs"]
mod names;
#[path = "generated/pushes.rs"]
mod pushes;
#[path = "sproto/random.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod random;
#[path = "generated/recorded.rs"]
mod recorded;
#[path = "families/source.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod source;
#[path = "generated/talk.rs"]
mod talk;
