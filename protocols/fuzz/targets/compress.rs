//! Any bytes as a payload that may be compressed, and compressed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::compress::fuzz::compress(data));
