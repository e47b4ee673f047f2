//! What the game does beside its requests: it calls a far server, in every way that may go wrong.
//!
//! The far server echoes, and is played here too. Whatever the network does, what comes back is the
//! beginning of what was sent, and a datagram is one that was sent.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use super::game::Ledger;
use crate::context::Context;
use crate::driver::sim::{SimClient, SimNet, SimRemote, SimSocket, StreamEnd};
use crate::net::{Dial, Stream};

/// More than the windows and budgets of most seeds.
const MUCH_BYTES: usize = 20_000;
/// How long somebody waits for an echo that may be lost.
const PATIENCE: Duration = Duration::from_millis(30);

/// Where the far server is, where nobody listens, and where nobody even says so.
fn far() -> SocketAddr {
    ([10, 0, 0, 9], 7).into()
}

fn deserted() -> SocketAddr {
    ([10, 0, 0, 9], 8).into()
}

fn silent() -> SocketAddr {
    ([10, 0, 0, 9], 9).into()
}

/// The far server.
pub(super) struct Echoer {
    remote: SimRemote,
    socket: SimSocket,
    clients: Vec<SimClient>,
}

impl Echoer {
    pub(super) fn new(net: &SimNet) -> Echoer {
        net.silence(silent());
        Echoer { remote: net.remote(far()), socket: net.socket(far()), clients: Vec::new() }
    }

    /// Echoes what has come.
    pub(super) fn act(&mut self) {
        self.clients.extend(std::iter::from_fn(|| self.remote.accept()));
        while let Some((from, datagram)) = self.socket.receive() {
            self.socket.send(from, &datagram);
        }
        let over = |client: &mut SimClient| {
            let bytes = client.read();
            if !bytes.is_empty() {
                // It may have sent FIN by chance: then there is no echo.
                let _ = client.write(&bytes);
            }
            client.end().is_some()
        };
        for client in self.clients.extract_if(.., over) {
            match client.end() {
                Some(StreamEnd::Finished) => client.close(),
                _ => client.reset(),
            }
        }
    }

    pub(super) fn leave(&mut self) {
        self.remote.close();
        self.clients.drain(..).for_each(SimClient::close);
    }
}

/// Runs one errand, of a kind that its number says.
pub(super) async fn run(context: Context, ledger: Rc<RefCell<Ledger>>) {
    let number = {
        let mut ledger = ledger.borrow_mut();
        ledger.errands += 1;
        ledger.errands_now += 1;
        ledger.errands
    };
    let sent =
        Bytes::from(vec![number as u8; if number.is_multiple_of(3) { MUCH_BYTES } else { 40 }]);
    let echoed = match number % 8 {
        0 => datagrams(&context, number).await,
        1 => {
            // Given up before anything can have come of it.
            let mut connecting = pin!(context.connect(Dial::stream(far())));
            poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx).is_ready())).await;
            Vec::new()
        }
        2 => {
            let dial = Dial { connect_timeout: PATIENCE, ..Dial::stream(silent()) };
            let late = context.connect(dial).await;
            ledger.borrow_mut().check(late.is_err(), || "silence answers".to_owned());
            Vec::new()
        }
        3 => {
            let refused = context.connect(Dial::stream(deserted())).await;
            ledger.borrow_mut().check(refused.is_err(), || "nobody listens there".to_owned());
            Vec::new()
        }
        _ => match context.connect_any(&[silent(), far()], &limited(number)).await {
            Ok(stream) => converse(&context, &stream, &sent, number).await,
            Err(_) => Vec::new(),
        },
    };
    let mut ledger = ledger.borrow_mut();
    ledger.echoed += u64::from(!echoed.is_empty());
    ledger.errands_now -= 1;
    let is_echo = sent.starts_with(&echoed);
    ledger.check(is_echo, || format!("errand {number} got {} foreign bytes", echoed.len()));
}

fn limited(number: u64) -> Dial {
    let bytes_max = 100 << (number % 7);
    let write_timeout = Duration::from_secs(2);
    Dial {
        output_bytes_max: bytes_max,
        input_bytes_max: bytes_max,
        write_timeout,
        ..Dial::stream(far())
    }
}

/// Sends everything and reads what comes back, to the end or only for a while.
async fn converse(context: &Context, stream: &Stream, sent: &Bytes, number: u64) -> Vec<u8> {
    let mut echoed = Vec::new();
    let mut unsent = sent.clone();
    let patience = if number.is_multiple_of(2) { PATIENCE } else { Duration::from_secs(20) };
    let mut late = pin!(context.sleep(patience));
    poll_fn(|cx| {
        while let Poll::Ready(Ok(Some(bytes))) = stream.poll_read(cx) {
            echoed.extend_from_slice(&bytes);
        }
        while !unsent.is_empty() && matches!(stream.poll_ready(cx), Poll::Ready(Ok(()))) {
            if stream.try_write(&mut unsent).is_err() {
                break;
            }
            if unsent.is_empty() {
                stream.shut_down();
            }
        }
        let ended = matches!(stream.poll_read(cx), Poll::Ready(Ok(None) | Err(_)));
        if ended || late.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    echoed
}

/// Sends a few datagrams at once; each that comes back is one of them, whole.
async fn datagrams(context: &Context, number: u64) -> Vec<u8> {
    let Ok(stream) = context.connect(Dial::datagram(far())).await else { return Vec::new() };
    for length in 1..=3 {
        if stream.write(vec![number as u8; length]).await.is_err() {
            return Vec::new();
        }
    }
    let mut late = pin!(context.sleep(PATIENCE));
    poll_fn(|cx| match stream.poll_read(cx) {
        Poll::Ready(Ok(Some(datagram))) => Poll::Ready(datagram.to_vec()),
        Poll::Ready(_) => Poll::Ready(Vec::new()),
        Poll::Pending => late.as_mut().poll(cx).map(|()| Vec::new()),
    })
    .await
}
