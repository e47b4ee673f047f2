//! Any bytes as base64 and hexadecimal.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::fuzz::base64(data));
