//! Any bytes as all that a peer sends.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::secure::fuzz::secure(data));
