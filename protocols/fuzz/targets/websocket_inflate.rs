//! Hostile compressed messages.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::websocket::deflate::fuzz::inflate(data));
