//! HTTP/1.1 for applications: what an `http` listener gives to
//! [`Application::http`](crate::handler::Application::http) and what it takes back.
//!
//! The protocol itself (`skyring_protocols::http1`) and the connections (`listener/http`) are
//! elsewhere; here are the types that a handler sees. All of them stay on their shard.
//!
//! **Back-pressure both ways.** A request's body is read from the socket as fast as the handler
//! takes it, and an answer's body is taken from the handler as fast as the peer reads it. In between
//! there are never more than a few pieces in memory.

mod body;
mod flow;
mod request;
mod response;

pub use body::{BodyError, RequestBody};
pub use request::Request;
pub use response::{HeaderValue, Response};
pub use skyring_protocols::http1::{Headers, RequestHead, Version};

pub(crate) use body::Pipe;
pub(crate) use flow::{Flow, Pieces, TakeNext, produce};
pub(crate) use response::Content;
