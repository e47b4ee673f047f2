//! Any bytes where a header of the PROXY protocol must be.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::proxy::fuzz::proxy(data));
