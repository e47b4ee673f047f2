//! Any bytes as a request and as a response.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::msg::fuzz::payload(data));
