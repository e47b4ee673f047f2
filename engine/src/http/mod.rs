//! HTTP on the data plane.

pub mod client;

pub use self::client::Client;
