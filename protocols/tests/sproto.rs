//! sproto (section S of `WIRE.md`): schemas, fields, values and calls, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "sproto/bundles.rs"]
mod bundles;
#[path = "sproto/calls.rs"]
mod calls;
#[path = "sproto/fields.rs"]
mod fields;
#[path = "sproto/random.rs"]
mod random;
#[path = "sproto/schemas.rs"]
mod schemas;
#[path = "sproto/texts.rs"]
mod texts;
#[path = "sproto/values.rs"]
mod values;
