//! Any bytes as an attach line and as a username.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::msg::fuzz::attach(data));
