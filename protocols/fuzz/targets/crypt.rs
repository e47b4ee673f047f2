//! Any keys and texts for the crypt library.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::fuzz::crypt(data));
