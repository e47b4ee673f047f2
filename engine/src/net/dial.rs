//! What the application asks for, and the wait for it.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use super::error::ConnectError;
use super::pipe::{Pipe, StreamDeed};
use super::stream::Stream;
use crate::context::{Deed, ShardSide};
pub use crate::driver::SocketKind as DialKind;
use crate::transport::tls::ClientTls;

/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long unsent output may stand still.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that wait in either direction.
const BYTES_MAX: usize = 64 << 10;

/// A connection to be opened. Made by [`Dial::stream`] or [`Dial::datagram`]; change what matters.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Where to.
    pub address: SocketAddr,
    /// Address to send from, its port 0 for one of the kernel's choice. None: the kernel's choice.
    pub source: Option<SocketAddr>,
    /// A stream of bytes (TCP), or datagrams to and from this one address (UDP).
    pub kind: DialKind,
    /// The TLS to speak, and the name that the peer must show; none for plaintext. Of no effect on
    /// datagrams.
    pub tls: Option<(ClientTls, String)>,
    /// Time for everything up to the first byte of the application's, a TLS handshake included.
    pub connect_timeout: Duration,
    /// Time in which output must make progress, or the stream breaks.
    pub write_timeout: Duration,
    /// Bytes written and not yet with the kernel from which on a write waits.
    pub output_bytes_max: usize,
    /// Bytes received and not yet read from which on nothing more is received.
    pub input_bytes_max: usize,
}

impl Dial {
    /// A TCP connection, with ten seconds to connect, thirty to make progress, and 64 KiB waiting
    /// in either direction.
    pub fn stream(address: SocketAddr) -> Dial {
        Dial {
            address,
            source: None,
            kind: DialKind::Stream,
            tls: None,
            connect_timeout: CONNECT_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            output_bytes_max: BYTES_MAX,
            input_bytes_max: BYTES_MAX,
        }
    }

    /// The same over TLS, with a peer of this name (or address).
    #[must_use]
    pub fn with_tls(self, config: &ClientTls, name: &str) -> Dial {
        Dial { tls: Some((config.clone(), name.to_owned())), ..self }
    }

    /// A UDP socket that sends to this address and hears nobody else, under the same limits.
    pub fn datagram(address: SocketAddr) -> Dial {
        Dial { kind: DialKind::Datagram, ..Dial::stream(address) }
    }
}

/// The wait for a stream. Dropping it gives the dial up: a connection that stands all the same is
/// closed.
#[must_use = "a dial that nobody waits for is given up"]
pub struct Connecting {
    side: Rc<ShardSide>,
    /// None once the stream is handed out.
    pipe: Option<Rc<Pipe>>,
    peer: SocketAddr,
}

impl Connecting {
    pub(crate) fn start(side: &Rc<ShardSide>, dial: Dial) -> Connecting {
        let pipe = Rc::new(Pipe::new(&dial));
        let peer = dial.address;
        side.push(Deed::Dial(Box::new(dial), Rc::clone(&pipe)));
        Connecting { side: Rc::clone(side), pipe: Some(pipe), peer }
    }
}

impl Future for Connecting {
    type Output = Result<Stream, ConnectError>;

    /// # Panics
    /// When it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let pipe = self.pipe.as_ref().expect("polled again after it was ready");
        let Poll::Ready(connected) = pipe.poll_connected(cx) else { return Poll::Pending };
        let pipe = self.pipe.take().expect("it was just there");
        let stream = || Stream::new(Rc::clone(&self.side), pipe, self.peer);
        Poll::Ready(connected.map(|()| stream()))
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            self.side.push(Deed::Stream(pipe, StreamDeed::Abort));
        }
    }
}

impl std::fmt::Debug for Connecting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connecting({})", self.peer)
    }
}
