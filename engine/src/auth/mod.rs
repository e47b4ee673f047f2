//! Ready-made answers to the question of
//! [`Application::authenticate`](crate::handler::Application::authenticate).
//!
//! [`Jwt`] lets in whoever shows a JSON Web Token that a known key has signed. It belongs to one shard, is
//! made with the application and asked from its `authenticate`; it waits for nothing.

mod error;
mod jwt;
mod signature;

pub use error::AuthError;
pub use jwt::{Jwt, JwtSettings, KeySource};
pub use skyring_protocols::jwt::{JwtError, Rules};
