//! Attach v2 over a wire that changes bytes and loses answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::msg::fuzz::attach_v2(data));
