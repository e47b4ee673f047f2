//! What the tests ask for.
//!
//! | path | what happens |
//! |---|---|
//! | `/hello` | `hello` |
//! | `/peer` | the peer's address |
//! | `/hold/NAME` | answers once the test releases NAME |
//! | `/read` | reads the body, answers its length and the sum of its bytes |
//! | `/read-held/NAME` | the same, once NAME is released |
//! | `/read-few` | reads at most 1,000 bytes, 413 beyond |
//! | `/ignore` | answers at once, whatever the body |
//! | `/echo` | the body, as it comes |
//! | `/big/N` | N bytes of a pattern in one piece |
//! | `/pieces/N` | N pieces of 10,000 bytes, chunked |
//! | `/sized/N/M` | announces N bytes and sends M |
//! | `/endless` | pieces without end |
//! | `/fail` | one piece, then the stream fails |
//! | `/panic`, `/late-panic`, `/stream-panic` | panics at once, after a moment, in the stream |
//! | `/bad-header` | a header that splits the answer |
//! | `/close` | answers and asks for the end |
//! | `/status/N` | N, with the body `body` |

use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_core::Stream;
use skyring::Bytes;
use skyring::context::Context;
use skyring::handler::Application;
use skyring::http::{BodyError, Request, Response};

use crate::peer::pattern;
use crate::support::held::Held;

/// Streams that are alive, in the process.
pub(crate) static STREAMS: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Site {
    context: Context,
    held: Held,
}

impl Site {
    pub(crate) fn new(context: Context, held: Held) -> Site {
        Site { context, held }
    }

    async fn read(&self, mut request: Request) -> Response {
        let (mut bytes, mut sum) = (0_usize, 0_u64);
        while let Some(piece) = request.body().next().await {
            let Ok(piece) = piece else { return Response::new(400) };
            bytes += piece.len();
            sum += piece.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        }
        Response::new(200).body(format!("{bytes} {sum}"))
    }

    async fn moment(&self) {
        self.context.sleep(Duration::from_millis(2)).await;
    }
}

impl Application for Site {
    async fn http(self: Rc<Self>, mut request: Request) -> Response {
        let path = request.path().to_owned();
        let mut words = path.split('/').skip(1);
        let (word, name) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let number = || name.parse::<usize>().expect("a test writes numbers");
        match word {
            "hello" => Response::new(200).header("content-type", "text/plain").body("hello"),
            "peer" => Response::new(200).body(request.peer().to_string()),
            "hold" => {
                self.held.wait(&self.context, name.as_bytes()).await;
                Response::new(200).body(name.to_owned())
            }
            "read" => self.read(request).await,
            "read-held" => {
                self.held.wait(&self.context, name.as_bytes()).await;
                self.read(request).await
            }
            "read-few" => match request.body().read(1000).await {
                Ok(body) => Response::new(200).body(body),
                Err(BodyError::TooLong) => Response::new(413),
                Err(_) => Response::new(400),
            },
            "ignore" => Response::new(200).body("ignored"),
            "echo" => Response::new(200).stream(request.into_body()),
            "big" => Response::new(200).body(pattern(number())),
            "pieces" => Response::new(200).stream(Pieces::new(number(), After::End)),
            "sized" => {
                let sent: usize = words.next().unwrap_or("").parse().unwrap();
                let pieces = Pieces::new(sent / 10_000, After::End);
                Response::new(200).sized_stream(number() as u64, pieces)
            }
            "endless" => Response::new(200).stream(Pieces::new(usize::MAX, After::End)),
            "fail" => Response::new(200).stream(Pieces::new(1, After::Failure)),
            "stream-panic" => Response::new(200).stream(Pieces::new(1, After::Panic)),
            "panic" => panic!("on purpose, in http"),
            "late-panic" => {
                self.moment().await;
                panic!("on purpose, in http that waited")
            }
            "bad-header" => Response::new(200).header("x", "a\r\nset-cookie: b").body("bad"),
            "close" => Response::new(200).body("bye").close(),
            "status" => Response::new(number() as u16).body("body"),
            _ => Response::new(404),
        }
    }
}

/// What a stream does behind its last piece.
#[derive(Clone, Copy)]
enum After {
    End,
    Failure,
    Panic,
}

/// So many pieces of 10,000 bytes.
struct Pieces {
    left: usize,
    after: After,
}

impl Pieces {
    fn new(left: usize, after: After) -> Pieces {
        STREAMS.fetch_add(1, Ordering::SeqCst);
        Pieces { left, after }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        STREAMS.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, &'static str>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        if self.left > 0 {
            self.left -= 1;
            return Poll::Ready(Some(Ok(Bytes::from(vec![b'p'; 10_000]))));
        }
        match self.after {
            After::End => Poll::Ready(None),
            After::Failure => Poll::Ready(Some(Err("the source is gone"))),
            After::Panic => panic!("on purpose, in a stream"),
        }
    }
}
