//! Responses from nobody, however they are cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::http1::fuzz::response_head(data));
