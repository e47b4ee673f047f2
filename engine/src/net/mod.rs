//! Streams that the application opens: to other servers, over TCP or UDP.
//!
//! [`Context::connect`](crate::context::Context::connect) asks the shard for a connection, and the
//! shard's turns carry its bytes like those of any other: through the same table of slots, the same
//! buffers and the same driver, so a dialled stream is simulated like the rest. What the application
//! holds is a [`Stream`]; it and the shard share a *pipe*, where received bytes wait to be read and
//! where each side notes what the other must know.
//!
//! **Limits.** Received bytes wait in the pipe; above [`Dial::input_bytes_max`] the shard reads no
//! more until some are taken. A write waits while [`Dial::output_bytes_max`] bytes have not reached
//! the kernel. A dial takes a place in the shard's table first and fails when none is left.
//!
//! **The end of a server.** A shard that drains leaves dialled streams alone as long as tasks of the
//! application run that may need them: they are closed when no listener has a connection any more
//! and no task is left, or when the time of the drain is over.

pub(crate) mod any;
mod dial;
mod error;
pub(crate) mod pipe;
mod stream;

pub use dial::{Connecting, Dial, DialKind};
pub use error::{ConnectError, StreamError};
pub use stream::Stream;
