//! Any bytes as a payload of any protocol.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::custom::fuzz::custom(data));
