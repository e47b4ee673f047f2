//! One question to one server: over UDP, and over TCP when the answer was cut off.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::error::DnsError;
use super::message::{Question, Reply};
use super::wait::within;
use crate::context::Context;
use crate::net::{ConnectError, Dial, Stream, StreamError};

/// Datagrams that answer something else before we think that somebody floods us.
const STRAY_MAX: usize = 64;

impl From<StreamError> for DnsError {
    fn from(error: StreamError) -> DnsError {
        match error {
            StreamError::WriteTimedOut => DnsError::TimedOut,
            StreamError::Reset => DnsError::Unreachable(ConnectError::Ended),
            StreamError::Closed => DnsError::Unreachable(ConnectError::Stopping),
            StreamError::Tls(_) => DnsError::Malformed,
            StreamError::Broken(errno) => DnsError::Unreachable(errno.into()),
        }
    }
}

/// Asks a server, each way in so much time at most.
pub(super) async fn ask(
    context: &Context,
    server: SocketAddr,
    question: &Question,
    timeout: Duration,
) -> Result<Reply, DnsError> {
    let late = Err(DnsError::TimedOut);
    let reply = within(context, timeout, over_udp(context, server, question)).await;
    match reply.unwrap_or_else(|| late.clone())? {
        Reply::Truncated => {
            within(context, timeout, over_tcp(context, server, question)).await.unwrap_or(late)
        }
        reply => Ok(reply),
    }
}

async fn over_udp(
    context: &Context,
    server: SocketAddr,
    question: &Question,
) -> Result<Reply, DnsError> {
    let stream = context.connect(Dial::datagram(server)).await?;
    stream.write(question.encode()?).await?;
    for _ in 0..STRAY_MAX {
        let Some(datagram) = stream.read().await? else { break };
        if let Some(reply) = question.read_reply(&datagram)? {
            return Ok(reply);
        }
    }
    Err(DnsError::Malformed)
}

async fn over_tcp(
    context: &Context,
    server: SocketAddr,
    question: &Question,
) -> Result<Reply, DnsError> {
    let stream = context.connect(Dial::stream(server)).await?;
    let message = question.encode()?;
    let bytes = u16::try_from(message.len()).map_err(|_| DnsError::BadName)?;
    let framed = [&bytes.to_be_bytes(), &*message].concat();
    stream.write(framed).await?;
    let message = read_message(&stream).await?;
    match question.read_reply(&message)? {
        // There is no more room anywhere than here.
        Some(Reply::Truncated) | None => Err(DnsError::Malformed),
        Some(reply) => Ok(reply),
    }
}

/// Reads one message behind its length (RFC 1035, section 4.2.2).
async fn read_message(stream: &Stream) -> Result<Bytes, DnsError> {
    let mut received = Vec::new();
    loop {
        if let [high, low, message @ ..] = &*received {
            let bytes = usize::from(u16::from_be_bytes([*high, *low]));
            if let Some(message) = message.get(..bytes) {
                return Ok(Bytes::copy_from_slice(message));
            }
        }
        let ended = DnsError::Unreachable(ConnectError::Ended);
        received.extend_from_slice(&stream.read().await?.ok_or(ended)?);
    }
}
