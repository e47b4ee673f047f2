//! The client against scripted servers, with a clock that the test turns.

mod answers;
mod connections;
mod redirects;
mod requests;
mod rig;
mod simulated;
mod times;
