//! Any bytes as packed ones, and packed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::sproto::fuzz::unpack(data));
