//! Any bytes as a bundle, and as schema text with a message.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::sproto::fuzz::schema(data));
