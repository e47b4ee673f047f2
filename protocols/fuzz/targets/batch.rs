//! Any bytes as a batch, and as operations of a batcher.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skyring_protocols::batch::fuzz::batch(data));
