//! The demo's web site: one route for each thing that an HTTP server must do.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;

use super::{Demo, page};
use crate::context::{Context, Sleep};
use crate::http::{Request, Response};
use crate::websocket::{self, Handler, Message, Socket};

/// KiB that `/big/N` gives at most.
const BIG_KIB_MAX: usize = 1 << 20;
/// Lines of `/stream`.
const LINES: u32 = 10;
/// Bytes of one piece of `/big/N` above which it is streamed.
const PIECE_BYTES: usize = 64 << 10;

/// Letters for `/big/N`.
static LETTERS: [u8; PIECE_BYTES] = [b'x'; PIECE_BYTES];

const PLAIN: &str = "text/plain; charset=utf-8";

/// What may be asked of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allowed {
    Read,
    Post,
}

impl Allowed {
    fn methods(self) -> &'static str {
        match self {
            Allowed::Read => "GET, HEAD, OPTIONS",
            Allowed::Post => "POST, OPTIONS",
        }
    }

    fn covers(self, method: &str) -> bool {
        match self {
            Allowed::Read => matches!(method, "GET" | "HEAD"),
            Allowed::Post => method == "POST",
        }
    }
}

/// Sends every message back.
struct Echo;

impl Handler for Echo {
    fn on_message(&self, socket: &Socket, message: Message) {
        socket.send(message);
    }
}

/// Answers a request for the site.
pub(super) async fn answer(demo: Rc<Demo>, request: Request) -> Response {
    let (method, path) = (request.method(), request.path());
    match path {
        "/ws" => return websocket::accept(&request, Rc::new(Echo)),
        "/login" => return websocket::accept_login(&request),
        "/msg" => return websocket::accept_msg(&request, &demo.server),
        _ => {}
    }
    let Some(allowed) = allowed(path) else {
        return Response::new(404).header("content-type", PLAIN).body("no such page\n");
    };
    if method == "OPTIONS" {
        return Response::new(204).header("allow", allowed.methods());
    }
    if !allowed.covers(method) {
        return Response::new(405).header("allow", allowed.methods());
    }
    match path {
        "/hello" => plain("hello\n"),
        "/echo" => echo(request),
        path => read(&demo, path).await,
    }
}

/// What may be asked of this path; None: there is nothing.
fn allowed(path: &str) -> Option<Allowed> {
    match path {
        "/echo" => Some(Allowed::Post),
        "*" | "/" | "/hello" | "/stream" | "/slow" | "/status/204" | "/status/304" => {
            Some(Allowed::Read)
        }
        path if page::is_part(path) => Some(Allowed::Read),
        path => big_bytes(path).map(|_| Allowed::Read),
    }
}

async fn read(demo: &Demo, path: &str) -> Response {
    match path {
        "/" => page::front(demo.context.shard(), demo.delay, &demo.server),
        "/stream" => {
            let (context, delay) = (demo.context.clone(), demo.delay);
            let lines = Lines { context, delay, sleep: None, next: 1 };
            Response::new(200).header("content-type", PLAIN).stream(lines)
        }
        "/slow" => {
            demo.context.sleep(demo.delay).await;
            plain("slow\n")
        }
        "/status/204" => Response::new(204),
        "/status/304" => Response::new(304).header("etag", "\"demo\""),
        path => match page::part(path) {
            Some(part) => part,
            None => big(big_bytes(path).unwrap_or_default()),
        },
    }
}

fn plain(text: &'static str) -> Response {
    Response::new(200).header("content-type", PLAIN).body(text)
}

/// Gives the body back as it comes.
fn echo(request: Request) -> Response {
    let kind =
        request.headers().get("content-type").unwrap_or(b"application/octet-stream").to_vec();
    Response::new(200).header("content-type", kind).stream(request.into_body())
}

/// Bytes of `/big/N`, where N is a number of KiB without a sign.
fn big_bytes(path: &str) -> Option<usize> {
    let number = path.strip_prefix("/big/")?;
    let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let kib: usize = number.parse().ok().filter(|kib| is_plain && *kib <= BIG_KIB_MAX)?;
    Some(kib << 10)
}

fn big(bytes: usize) -> Response {
    let answer = Response::new(200).header("content-type", "application/octet-stream");
    match LETTERS.get(..bytes) {
        Some(letters) => answer.body(letters),
        None => answer.sized_stream(bytes as u64, Letters { left: bytes }),
    }
}

/// So many letters, a piece at a time: the answer is never in memory as a whole.
struct Letters {
    left: usize,
}

impl Stream for Letters {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let bytes = self.left.min(PIECE_BYTES);
        self.left -= bytes;
        let piece = Bytes::from_static(&LETTERS[..bytes]);
        Poll::Ready(Some(Ok(piece)).filter(|_| bytes > 0))
    }
}

/// Lines of text, with the demo's delay before each.
struct Lines {
    context: Context,
    delay: Duration,
    sleep: Option<Sleep>,
    next: u32,
}

impl Stream for Lines {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let lines = &mut *self;
        if lines.next > LINES {
            return Poll::Ready(None);
        }
        if !lines.delay.is_zero() {
            let sleep = lines.sleep.get_or_insert_with(|| lines.context.sleep(lines.delay));
            if Pin::new(sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
            lines.sleep = None;
        }
        let line = format!("line {} of {LINES}\n", lines.next);
        lines.next += 1;
        Poll::Ready(Some(Ok(Bytes::from(line))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_kib_is_digits() {
        assert_eq!(big_bytes("/big/0"), Some(0));
        assert_eq!(big_bytes("/big/64"), Some(65_536));
        assert_eq!(big_bytes("/big/1048576"), Some(1 << 30));
        for path in ["/big", "/big/", "/big/+1", "/big/-1", "/big/1048577", "/big/x", "/big/1/"] {
            assert_eq!(big_bytes(path), None, "{path}");
        }
    }
}
