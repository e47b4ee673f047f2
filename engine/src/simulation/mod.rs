//! The whole server in one thread, from a seed.
//!
//! Shards run on [`crate::driver::sim`]; players log in, attach, ask, lose their connections and
//! come back, and others attack, while the network does what the seed says. The invariants of the
//! engine are checked all along, from what players and the game have seen and by looking into the
//! shards after every turn.
//!
//! `SKYRING_SIM_SEEDS` sets how many seeds are run, `SKYRING_SIM_SEED` runs a single one and prints
//! what it has of everything, and every operation and event. `SKYRING_SIM_REPORT` names a file for what
//! was seen of the state tables. `tests/nightly.rs` runs seeds for a given time.

mod attack;
mod coverage;
mod crowd;
mod dial;
mod errand;
pub(crate) mod executor;
mod game;
mod guest;
mod half;
mod line;
mod parrot;
mod place;
mod player;
mod rates;
mod room_scenes;
mod rooms;
pub(crate) mod scene;
mod scenes;
mod secure;
mod settings;
mod socket;
mod talker;
mod tests;
mod town;
mod townsman;
mod upheaval;
mod watcher;
mod web;
mod world;
