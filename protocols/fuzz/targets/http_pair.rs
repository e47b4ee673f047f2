//! The two halves of HTTP against each other.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::http1::fuzz::pair(data));
