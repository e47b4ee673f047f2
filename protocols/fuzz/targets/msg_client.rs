//! Any message server.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::msg::fuzz::client(data));
