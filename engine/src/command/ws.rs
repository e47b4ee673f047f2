//! `skyring ws`: the WebSocket client on the command line.
//!
//! A thread reads the lines of standard input and waits while many of them are unsent. A slow reader
//! of standard output holds up the shard, which has nobody else to serve, and so the server.

mod lines;
mod options;

use std::cell::Cell;
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

/// How long the server may leave the last lines unanswered while nothing moves either way.
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
    #[error("the input cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    #[error(
        "the server may not have read everything: no pong, and nothing else, for {} s",
        PONG_WAIT.as_secs()
    )]
    Unanswered,
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
            complain!("skyring: {error}");
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
        let sent = match message {
            Ok(message) => socket.send(message).await,
            Err(error) => Err(error),
        };
        match sent {
            // The server has closed meanwhile, or broken the protocol: the next message tells.
            Ok(()) | Err(Error::Closed) => {}
            Err(error) => return Err(see_off(&mut socket, error).await),
        }
    }
    judge(socket.end())
}

/// Waits until the server has been told what was wrong.
async fn see_off(socket: &mut WebSocket, error: Error) -> WsError {
    while socket.next().await.is_some() {}
    error.into()
}

/// Sends lines and writes messages, side by side.
async fn exchange(context: &Context, mut socket: WebSocket, binary: bool) -> Result<(), WsError> {
    let (lines, writer, come) = (Lines::of_standard_input(), socket.writer(), Cell::new(0));
    let mut sending = pin!(async {
        send_lines(&lines, &writer, binary).await?;
        finish(context, &writer, &come).await
    });
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
        let message = match message.await {
            None => break,
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                let error = see_off(&mut socket, error).await;
                // What went wrong first is told.
                return Err(sent.and_then(Result::err).unwrap_or(error));
            }
        };
        come.set(come.get() + 1);
        match write(&message) {
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

/// Sends the lines, until their end or that of the connection.
async fn send_lines(lines: &Lines, writer: &Writer, binary: bool) -> Result<(), WsError> {
    while let Some(line) = lines.next().await {
        let line = line.map_err(WsError::Unreadable)?;
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
    Ok(())
}

/// Waits until the server has read everything, and closes. `come` counts the messages that come:
/// what the server answers before the pong is written before it closes.
async fn finish(context: &Context, writer: &Writer, come: &Cell<u64>) -> Result<(), WsError> {
    let mut pong = pin!(writer.ping(""));
    loop {
        let (before, mut patience) = (come.get(), context.sleep(PONG_WAIT));
        let unsent_bytes = writer.unsent_bytes();
        let answered = poll_fn(|cx| match pong.as_mut().poll(cx) {
            Poll::Pending => Pin::new(&mut patience).poll(cx).map(|()| None),
            answered => answered.map(Some),
        });
        if let Some(answered) = answered.await {
            let closed = answered.and_then(|()| writer.close(CloseCode::NORMAL, ""));
            return Ok(closed.or_else(is_closed)?);
        }
        if (before, unsent_bytes) == (come.get(), writer.unsent_bytes()) {
            return Err(WsError::Unanswered);
        }
    }
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
