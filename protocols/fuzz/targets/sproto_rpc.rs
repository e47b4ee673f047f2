//! Any operations of an end of a connection, and noise from the other.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::sproto::fuzz::rpc(data));
