//! Several machines: agents that play, and the one who coordinates them and reports.
//!
//! Every party makes the same [`Plan`](crate::plan::Plan) from the same command line, nonce, limits
//! and number of shards; an agent runs a contiguous range of its shards, so every user is on exactly
//! one machine. The coordinator leads them as it would lead its own shards: each agent has a place
//! in its [`Control`](crate::control::Control), where its glances go and from which its orders come.
//!
//! One conversation:
//!
//! | coordinator | agent |
//! |---|---|
//! | | greeting with a nonce |
//! | claim with a nonce and a proof ([`token`]) | |
//! | | reply with a proof, or a refusal |
//! | | what its machine allows, or that it is busy |
//! | what time? (several times, [`clock`]) | time |
//! | the job: arguments, nonce, limits, shards | ready, or why not |
//! | start, by this clock | |
//! | orders, and a sign of life a second | glances |
//! | | its end: the record, exactly |
//!
//! The agent sets the clock of its run to the coordinator's, so no instant is ever converted.
//! A party that hears nothing for [`QUIET`] takes the other for gone: an agent then ends its run,
//! a coordinator ends that of all, because what is left would be another load.
//!
//! The connection is plain TCP. [`token`] says what it is protected against, and what not.

pub mod agent;
pub mod clock;
pub mod command;
pub mod coordinate;
pub mod follow;
pub mod frame;
pub mod link;
pub mod message;
pub mod note;
pub mod token;

use std::time::Duration;

/// How long a stranger may take to prove that it knows the token.
pub const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long the other side may say nothing before it is taken for gone.
pub const QUIET: Duration = Duration::from_secs(10);
