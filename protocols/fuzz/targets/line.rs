//! Any bytes as lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::fuzz::line(data));
