//! What one shard owns.

pub mod limits;
