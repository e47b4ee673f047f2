//! Any bytes as a message, within any limits.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::sproto::fuzz::decode(data));
