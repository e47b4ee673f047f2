//! Two sides of WebSocket against each other.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::websocket::fuzz::pair(data));
