//! Any bytes as a JSON Web Token and as a set of keys.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::jwt::fuzz::jwt(data));
