//! Any text as a URL.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::http1::fuzz::url(data));
