//! Any history of a session, beside a model.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::msg::fuzz::session(data));
