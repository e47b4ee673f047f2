//! Any server of a login.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::login::fuzz::client(data));
