//! What holds for any peer of the message server: the bodies of fuzz targets in `protocols/fuzz`.

mod bodies;
mod challenges;
mod model;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

pub use bodies::{attach, client, payload, session};
pub use challenges::attach_v2;
