//! `skyring ws`: the WebSocket client on the command line.
//!
//! A thread reads the lines of standard input and waits while many of them are unsent. A slow reader
//! of standard output holds up the shard, which has nobody else to serve, and so the server.

mod lines;
mod options;

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Write};
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use skyring::context::Context;
use skyring::dns::ResolverSettings;
use skyring::transport::tls::SetupError;
use skyring::websocket::client::{CloseCode, ConnectOptions, Error, WebSocket, Writer, connect};
use skyring::websocket::{End, Message, Text};

use self::lines::Lines;
pub(super) use self::options::{HELP, WsOptions, WsUsageError};
use super::alone::{self, Alone};
use super::values;

/// How long the server has to answer the last lines.
const PONG_WAIT: Duration = Duration::from_secs(5);

/// Why a talk did not come about, or ended badly.
#[derive(Debug, thiserror::Error)]
enum WsError {
    #[error(transparent)]
    Connection(#[from] Error),
    #[error(transparent)]
    Tls(#[from] SetupError),
    #[error(transparent)]
    Shard(#[from] Alone),
    #[error("a line of the input is no text: {0}")]
    Input(#[source] std::str::Utf8Error),
    #[error("a message cannot be written: {0}")]
    Output(#[source] io::Error),
    #[error("the server closes: {0}")]
    Closed(String),
}

pub(super) fn run(options: &WsOptions) -> ExitCode {
    match talk(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skyring: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts a shard for the connection, and waits for its end.
fn talk(options: &WsOptions) -> Result<(), WsError> {
    let connection = connection(options)?;
    let (echo, binary) = (options.echo, options.binary);
    alone::run(move |context| {
        let connection = connection.clone();
        async move {
            let socket = connect(&context, &connection).await?;
            if echo { echo_all(socket).await } else { exchange(&context, socket, binary).await }
        }
    })?
}

fn connection(options: &WsOptions) -> Result<ConnectOptions, WsError> {
    let mut connection = ConnectOptions::new(&options.url)
        .compression(options.compression)
        .message_bytes_max(options.message_bytes_max);
    for (name, value) in &options.headers {
        connection = connection.header(name, value);
    }
    // A command line is no victim of a server that it was told to talk to.
    connection.limits.fragments_max = u32::MAX;
    connection.subprotocols.clone_from(&options.subprotocols);
    connection.timeout = options.timeout.unwrap_or(connection.timeout);
    connection.keep_alive = options.keep_alive;
    connection.tls = values::tls(options.authorities.as_ref(), &options.pins)?;
    connection.dns = options.dns.map(ResolverSettings::with_server);
    Ok(connection)
}

/// Sends back what comes, until the server closes.
async fn echo_all(mut socket: WebSocket) -> Result<(), WsError> {
    while let Some(message) = socket.next().await {
        match socket.send(message?).await {
            // The server has closed meanwhile, or broken the protocol: the next message tells.
            Ok(()) | Err(Error::Closed) => {}
            Err(error) => return Err(error.into()),
        }
    }
    judge(socket.end())
}

/// Sends lines and writes messages, side by side.
async fn exchange(context: &Context, mut socket: WebSocket, binary: bool) -> Result<(), WsError> {
    let (lines, writer) = (Lines::of_standard_input(), socket.writer());
    let mut sending = pin!(send_lines(context, &lines, &writer, binary));
    let mut sent = None;
    loop {
        let message = poll_fn(|cx| {
            if sent.is_none()
                && let Poll::Ready(result) = sending.as_mut().poll(cx)
            {
                sent = Some(result.inspect_err(|_| give_up(&writer)));
            }
            Pin::new(&mut socket).poll_next(cx)
        });
        let Some(message) = message.await else { break };
        match write(&message?) {
            Ok(()) => {}
            // A reader that has seen enough (`| head`) is no failure.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(WsError::Output(error)),
        }
    }
    match sent {
        Some(Err(error)) => Err(error),
        _ => judge(socket.end()),
    }
}

/// Closes although not everything has been sent.
fn give_up(writer: &Writer) {
    // It may be closed already, which is as well.
    let _ = writer.close(CloseCode::GOING_AWAY, "");
}

/// Sends the lines, waits until the server has read them, and closes.
async fn send_lines(
    context: &Context,
    lines: &Lines,
    writer: &Writer,
    binary: bool,
) -> Result<(), WsError> {
    while let Some(line) = lines.next().await {
        let message = if binary {
            Message::Binary(line.into())
        } else {
            let text = Text::try_from(skyring::Bytes::from(line)).map_err(WsError::Input)?;
            Message::Text(text)
        };
        match writer.send(message).await {
            Err(Error::Closed) => return Ok(()),
            sent => sent?,
        }
    }
    // What the server answers before the pong is written before it closes.
    let (mut pong, mut patience) = (pin!(writer.ping("")), context.sleep(PONG_WAIT));
    let answered = poll_fn(|cx| match pong.as_mut().poll(cx) {
        Poll::Pending => Pin::new(&mut patience).poll(cx).map(Ok),
        answered => answered,
    });
    answered.await.and_then(|()| writer.close(CloseCode::NORMAL, "")).or_else(is_closed)?;
    Ok(())
}

/// That the server was faster is no failure.
fn is_closed(error: Error) -> Result<(), Error> {
    match error {
        Error::Closed => Ok(()),
        error => Err(error),
    }
}

fn write(message: &Message) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(message.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Whether the server has closed without a complaint.
fn judge(end: Option<End>) -> Result<(), WsError> {
    let Some(End { code: Some(code), reason, .. }) = end else { return Ok(()) };
    if matches!(code, CloseCode::NORMAL | CloseCode::GOING_AWAY) {
        return Ok(());
    }
    let reason = reason.as_str();
    let colon = if reason.is_empty() { "" } else { ": " };
    Err(WsError::Closed(format!("{code}{colon}{reason}")))
}
