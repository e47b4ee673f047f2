//! Login v2 over a wire that changes a byte.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::login::fuzz::v2(data));
