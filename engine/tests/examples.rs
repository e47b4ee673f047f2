//! The examples, each played over real sockets against its own code.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/matchmaking.rs"]
#[allow(dead_code, reason = "a test has a main of its own")]
mod matchmaking;
#[path = "../examples/outside.rs"]
#[allow(dead_code, reason = "a test has a main of its own")]
mod outside;
#[path = "websocket/peer.rs"]
#[allow(dead_code, reason = "tests of WebSockets use more of it")]
mod peer;
#[path = "../examples/sproto_chat.rs"]
#[allow(dead_code, reason = "a test has a main of its own")]
mod sproto_chat;
mod support;
#[path = "../examples/turn_game.rs"]
#[allow(dead_code, reason = "a test has a main of its own")]
mod turn_game;

/// A test for each example.
mod examples {
    mod board;
    mod chat;
    mod matchmaking;
    mod outside;
    mod stage;
    mod turn_game;
}
