//! Both halves of a login, over a wire that cuts and changes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::login::fuzz::pair(data));
