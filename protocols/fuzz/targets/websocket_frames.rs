//! Any bytes from a peer of WebSocket.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::websocket::fuzz::frames(data));
