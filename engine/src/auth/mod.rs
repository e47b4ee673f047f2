//! Ready-made answers to the question of
//! [`Application::authenticate`](crate::handler::Application::authenticate): whose token is this?
//!
//! The configuration chooses one ([`AuthSettings`], `[auth]` in `skyring.toml`), and then the application is not asked:
//!
//! | `kind` | who decides |
//! |---|---|
//! | `application` | the application, which may use [`Jwt`] |
//! | `jwt` | whoever has signed the token: a JSON Web Token, with keys from a file or by URL |
//! | `callback` | an HTTP service of the studio, which is asked about every token |
//!
//! Each shard has an authenticator of its own. What cannot be judged now, because keys or the service are
//! not to be had, is answered 503 and counted as `auth_unavailable`: nobody is let in by a failure.

mod authenticator;
mod callback;
mod error;
mod jwt;
mod keys;
mod settings;
mod signature;

pub(crate) use authenticator::Authenticator;
pub use error::AuthError;
pub use jwt::{Jwt, JwtSettings, KeySource};
pub(crate) use keys::FileKeys;
pub use settings::{AuthSettings, CallbackSettings, JwtUrlSettings};
pub use skyring_protocols::jwt::{JwtError, Rules};
