//! Offers and answers of extensions.
#![no_main]

use skyring_protocols::websocket::upgrade::fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::extensions(data);
    fuzz::negotiation(data);
});
