//! WebSocket echoes on tokio's current-thread runtime, one task a connection, as the libraries' own
//! examples have them, but for one thing: echoes of messages that came together leave together. Both would
//! send each by itself otherwise, at several times the cost when messages are pipelined.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use fastwebsockets::{FragmentCollector, OpCode, WebSocketError, upgrade};
use futures_util::{FutureExt, SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, protocol::WebSocketConfig};

use super::PeerOptions;
use super::hyper::accept_all;

/// Bytes of echoes that are held back at most.
const HELD_BYTES_MAX: usize = 64 << 10;

/// tokio-tungstenite, with its default buffers of 128 KiB or with others.
pub(super) fn serve_tungstenite(
    options: &PeerOptions,
    buffer_bytes: Option<usize>,
) -> io::Result<()> {
    let config = WebSocketConfig::default();
    let config = match buffer_bytes {
        Some(bytes) => config.read_buffer_size(bytes).write_buffer_size(bytes),
        None => config,
    };
    accept_all(options, move |stream| async move {
        // A broken connection ends its own task and nothing else.
        let _ = echo_tungstenite(stream, config).await;
    })
}

async fn echo_tungstenite(
    stream: TcpStream,
    config: WebSocketConfig,
) -> Result<(), tungstenite::Error> {
    let mut socket = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?;
    loop {
        let message = match socket.next().now_or_never() {
            Some(message) => message,
            None => {
                socket.flush().await?;
                socket.next().await
            }
        };
        match message.transpose()? {
            Some(message) if message.is_binary() || message.is_text() => {
                socket.feed(message).await?;
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

/// fastwebsockets, whose upgrade is hyper's.
pub(super) fn serve_fast(options: &PeerOptions) -> io::Result<()> {
    accept_all(options, |stream| async move {
        let stream = TokioIo::new(Together { stream, held: Vec::new() });
        let served = http1::Builder::new()
            .serve_connection(stream, service_fn(upgrade_fast))
            .with_upgrades();
        // A broken connection ends its own task and nothing else.
        served.await.unwrap_or_default();
    })
}

async fn upgrade_fast(
    mut request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, upgraded) = upgrade::upgrade(&mut request)?;
    tokio::task::spawn_local(tokio::task::unconstrained(async move {
        // A broken connection ends its own task and nothing else.
        let _ = echo_fast(upgraded).await;
    }));
    Ok(response)
}

async fn echo_fast(upgraded: upgrade::UpgradeFut) -> Result<(), WebSocketError> {
    let mut socket = FragmentCollector::new(upgraded.await?);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}

/// A stream that holds back what is written until somebody wants to read, which is when all messages
/// that came have been answered; or until it is too much.
struct Together {
    stream: TcpStream,
    held: Vec<u8>,
}

impl Together {
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, &self.held))?;
            self.held.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Together {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Together {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.held.len() >= HELD_BYTES_MAX {
            ready!(self.poll_send(context))?;
        }
        self.held.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
