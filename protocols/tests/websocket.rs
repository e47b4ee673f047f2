//! The WebSocket machine by itself: rows of text by section of RFC 6455, each read whole, byte by
//! byte and in random pieces, with the same result; two machines against each other; memory.
//!
//! What the rows mean stands in `tables/websocket/case.rs`; the rows are the text files beside it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "tables/websocket/case.rs"]
mod case;
#[path = "drivers/escape.rs"]
mod escape;
#[path = "websocket/frames.rs"]
mod frames;
#[path = "websocket/memory.rs"]
mod memory;
#[path = "drivers/pieces.rs"]
mod pieces;
#[path = "drivers/rows.rs"]
mod rows;
#[path = "websocket/sending.rs"]
mod sending;
#[path = "websocket/stored.rs"]
mod stored;
