//! An open-loop load generator for Skynet's login and message protocols that checks every answer.
pub mod check;
pub mod content;
pub mod crowd;
pub mod options;
pub mod plan;
pub mod random;
pub mod record;
pub mod schedule;
