//! What holds for any bytes in the codecs of one file: the bodies of fuzz targets in `protocols/fuzz`.
//!
//! Modules that are folders have their bodies beside them. Each body takes bytes from nobody and
//! panics when a promise is broken; what it needs to choose it draws from the first of them.

mod codecs;
pub(crate) mod draw;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

pub use codecs::{base64, crypt, frame, line};
