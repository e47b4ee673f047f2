//! What a client needs from below: names looked up, streams dialled, bytes moved.
//!
//! The shard is one such network; a test's script is another.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::{Bytes, BytesMut};

use crate::context::Context;
use crate::dns::{DnsError, Resolver};
use crate::net::{ConnectError, Dial, Stream, StreamError};
use crate::transport::tls::ClientTls;

/// A future of the shard's.
pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = T>>>;

/// Where connections come from.
pub(crate) trait Network {
    /// Addresses of a host, in the order in which to try them; never none.
    fn lookup(&self, host: &str) -> Pending<Result<Vec<IpAddr>, DnsError>>;

    /// A stream to one of the addresses, over TLS to a server that proves to have a name, if one is
    /// given.
    fn connect(
        &self,
        addresses: Vec<SocketAddr>,
        tls: Option<(ClientTls, String)>,
    ) -> Pending<Result<Box<dyn Wire>, ConnectError>>;
}

/// A connected stream. One waker is kept for reading and one for writing.
pub(crate) trait Wire {
    /// The next bytes; None for the peer's end.
    fn poll_read(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Option<Bytes>, StreamError>>;

    /// Ready when there is room for some bytes.
    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), StreamError>>;

    /// Takes from the front of `bytes` what there is room for.
    fn try_write(&mut self, bytes: &mut Bytes) -> Result<(), StreamError>;

    /// Whether nothing has come, nothing has ended and nothing is unsent.
    fn is_quiet(&self) -> bool;

    /// Whether the peer's end came without the end of its TLS session, so that somebody between
    /// may have cut the stream.
    fn is_truncated(&self) -> bool;
}

/// Puts what was read behind what is still there.
pub(crate) fn append(input: &mut Bytes, bytes: Bytes) {
    if input.is_empty() {
        *input = bytes;
        return;
    }
    let kept = std::mem::take(input).try_into_mut();
    let mut joined = kept.unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    joined.extend_from_slice(&bytes);
    *input = joined.freeze();
}

/// The network of a shard.
pub(crate) struct ShardNetwork {
    context: Context,
    resolver: Resolver,
}

impl ShardNetwork {
    pub(crate) fn new(context: &Context, resolver: Resolver) -> ShardNetwork {
        ShardNetwork { context: context.clone(), resolver }
    }
}

impl Network for ShardNetwork {
    fn lookup(&self, host: &str) -> Pending<Result<Vec<IpAddr>, DnsError>> {
        let (resolver, host) = (self.resolver.clone(), host.to_owned());
        Box::pin(async move { resolver.lookup(&host).await })
    }

    fn connect(
        &self,
        addresses: Vec<SocketAddr>,
        tls: Option<(ClientTls, String)>,
    ) -> Pending<Result<Box<dyn Wire>, ConnectError>> {
        let context = self.context.clone();
        Box::pin(async move {
            let first = addresses.first().copied().ok_or(ConnectError::NoAddress)?;
            let dial = Dial::stream(first);
            let dial = match tls {
                Some((config, name)) => dial.with_tls(&config, &name),
                None => dial,
            };
            let stream = context.connect_any(&addresses, &dial).await?;
            Ok(Box::new(stream) as Box<dyn Wire>)
        })
    }
}

impl Wire for Stream {
    fn poll_read(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        Stream::poll_read(self, cx)
    }

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), StreamError>> {
        Stream::poll_ready(self, cx)
    }

    fn try_write(&mut self, bytes: &mut Bytes) -> Result<(), StreamError> {
        Stream::try_write(self, bytes)
    }

    fn is_quiet(&self) -> bool {
        Stream::is_quiet(self)
    }

    fn is_truncated(&self) -> bool {
        Stream::is_truncated(self)
    }
}
