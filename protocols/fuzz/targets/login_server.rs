//! Any peer of a login server.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::login::fuzz::server(data));
