//! An open-loop load generator for Skynet's login and message protocols that checks every answer.
pub mod check;
pub mod content;
pub mod control;
pub mod crowd;
pub mod figures;
pub mod live;
pub mod options;
pub mod plan;
pub mod probe;
pub mod random;
pub mod record;
pub mod run;
pub mod schedule;
pub mod worker;
