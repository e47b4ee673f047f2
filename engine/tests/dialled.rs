//! Connections that the application opens, on real sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
#[path = "dialled/tls.rs"]
mod tls;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use skyring::Bytes;
use skyring::driver::Errno;
use skyring::driver::uring::socket::{ListenOptions, listen, local_address};
use skyring::net::{ConnectError, Dial, Stream, StreamError};
use skyring::server::Server;
use support::shard::{Echo, on_a_shard};
use support::{PATIENCE, config, read_to_end, reset};

/// A listener, and what it does with its first connection, on a thread.
fn serve(address: &str, act: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        act(stream);
    });
    address
}

/// An address where nobody listens.
fn deserted() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn read_all(stream: &Stream) -> Vec<u8> {
    let mut received = Vec::new();
    while let Some(bytes) = stream.read().await.unwrap() {
        received.extend_from_slice(&bytes);
    }
    received
}

#[test]
fn much_goes_both_ways_at_once() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let address = serve(address, |stream| {
            let (mut reader, mut writer) = (stream.try_clone().unwrap(), stream);
            std::io::copy(&mut reader, &mut writer).unwrap();
        });
        let sent: Bytes = (0..5_000_000u32).map(|number| (number >> 3) as u8).collect();
        let expected = sent.clone();
        let received = on_a_shard(move |context| {
            let sent = sent.clone();
            async move {
                let stream = context.connect(Dial::stream(address)).await.unwrap();
                let mut writing = pin!(async {
                    stream.write(sent).await.unwrap();
                    stream.shut_down();
                });
                let mut reading = pin!(read_all(&stream));
                let mut written = false;
                poll_fn(|cx| {
                    written = written || writing.as_mut().poll(cx).is_ready();
                    reading.as_mut().poll(cx)
                })
                .await
            }
        });
        assert!(received == expected, "{} of {} bytes", received.len(), expected.len());
    }
}

#[test]
fn refusals_resets_and_ends_are_told_apart() {
    let gone = deserted();
    let refused =
        on_a_shard(move |context| async move { context.connect(Dial::stream(gone)).await.err() });
    assert_eq!(refused, Some(ConnectError::Refused));
    let resets = serve("127.0.0.1:0", reset);
    let read = on_a_shard(move |context| async move {
        let stream = context.connect(Dial::stream(resets)).await.unwrap();
        stream.write("go").await.unwrap();
        stream.read().await
    });
    assert_eq!(read, Err(StreamError::Reset));
    let ends = serve("127.0.0.1:0", |mut stream| {
        stream.write_all(b"bye").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read_to_end(&mut stream), b"and you");
    });
    let read = on_a_shard(move |context| async move {
        let stream = context.connect(Dial::stream(ends)).await.unwrap();
        let read = read_all(&stream).await;
        stream.write("and you").await.unwrap();
        stream.flush().await.unwrap();
        read
    });
    assert_eq!(read, b"bye");
}

#[test]
fn the_source_address_is_honoured() {
    let address = serve("127.0.0.1:0", |mut stream| {
        let seen = stream.peer_addr().unwrap().ip().to_string();
        stream.write_all(seen.as_bytes()).unwrap();
    });
    let seen = on_a_shard(move |context| async move {
        let source = Some("127.0.0.9:0".parse().unwrap());
        let stream = context.connect(Dial { source, ..Dial::stream(address) }).await.unwrap();
        read_all(&stream).await
    });
    assert_eq!(seen, b"127.0.0.9");
}

/// A listener whose queue is full, and those who fill it: the kernel answers nobody else.
fn stuck() -> (OwnedFd, Vec<TcpStream>, SocketAddr) {
    let options = ListenOptions { backlog: 0, ..ListenOptions::default() };
    let listener = listen("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    let address = local_address(&listener).unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
    let fillers = std::iter::from_fn(|| connect().ok()).collect();
    (listener, fillers, address)
}

#[test]
fn a_connect_that_is_not_answered_ends_with_its_deadline_or_its_owner() {
    let (_listener, _fillers, address) = stuck();
    let late = on_a_shard(move |context| async move {
        let connect_timeout = Duration::from_millis(100);
        {
            let mut dropped = pin!(context.connect(Dial::stream(address)));
            poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx).is_ready())).await;
            context.sleep(Duration::from_millis(20)).await;
        }
        context.connect(Dial { connect_timeout, ..Dial::stream(address) }).await.err()
    });
    assert_eq!(late, Some(ConnectError::TimedOut));
}

#[test]
fn the_first_address_that_answers_is_taken() {
    let (_listener, _fillers, silent) = stuck();
    let good = serve("127.0.0.1:0", |mut stream| drop(read_to_end(&mut stream)));
    let addresses = [deserted(), silent, good];
    let peer = on_a_shard(move |context| async move {
        let dial = Dial::stream(good);
        context.connect_any(&addresses, &dial).await.map(|stream| stream.peer())
    });
    assert_eq!(peer, Ok(good));
}

#[test]
fn datagrams_keep_their_bounds() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let socket = UdpSocket::bind(address).unwrap();
        let address = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2000];
            for _ in 0..3 {
                let (bytes, from) = socket.recv_from(&mut buffer).unwrap();
                socket.send_to(&buffer[..bytes], from).unwrap();
            }
        });
        let lengths = on_a_shard(move |context| async move {
            let stream = context.connect(Dial::datagram(address)).await.unwrap();
            for length in [1, 1500, 20] {
                stream.write(vec![7; length]).await.unwrap();
            }
            let mut lengths = Vec::new();
            for _ in 0..3 {
                lengths.push(stream.read().await.unwrap().unwrap().len());
            }
            lengths
        });
        assert_eq!(lengths, [1, 1500, 20]);
    }
}

#[test]
fn a_datagram_to_nobody_breaks_the_stream() {
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let read = on_a_shard(move |context| async move {
        let stream = context.connect(Dial::datagram(address)).await.unwrap();
        stream.write("anybody?").await.unwrap();
        stream.read().await
    });
    assert_eq!(read, Err(StreamError::Broken(Errno(libc::ECONNREFUSED))));
}

#[test]
fn a_peer_that_does_not_read_holds_the_writer() {
    let address = serve("127.0.0.1:0", |mut stream| {
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(read_to_end(&mut stream).len(), 20_000_000);
    });
    let most = on_a_shard(move |context| async move {
        let stream = context.connect(Dial::stream(address)).await.unwrap();
        let mut waited = 0;
        for _ in 0..200 {
            let mut write = pin!(stream.write(vec![1; 100_000]));
            poll_fn(|cx| {
                let poll = write.as_mut().poll(cx);
                waited += u32::from(poll.is_pending());
                poll
            })
            .await
            .unwrap();
        }
        stream.flush().await.unwrap();
        waited
    });
    assert!(most > 0, "twenty megabytes fit no buffer of the kernel");
}

thread_local! {
    static POOL: RefCell<Vec<Stream>> = const { RefCell::new(Vec::new()) };
}

/// A stream that lies in a pool does not keep a server from ending.
#[test]
fn a_drain_closes_what_nobody_uses() {
    let (give, take) = std::sync::mpsc::channel();
    let address = serve("127.0.0.1:0", move |mut stream| {
        give.send("there").unwrap();
        assert_eq!(read_to_end(&mut stream), b"");
        give.send("gone").unwrap();
    });
    let server = Server::start(&config(2), move |context| {
        let dialler = context.clone();
        if context.shard().0 == 0 {
            context.spawn(async move {
                let stream = dialler.connect(Dial::stream(address)).await.unwrap();
                POOL.with_borrow_mut(|pool| pool.push(stream));
            });
        }
        Echo(context)
    });
    let server = server.unwrap();
    assert_eq!(take.recv_timeout(PATIENCE), Ok("there"));
    server.handle().drain();
    assert_eq!(take.recv_timeout(PATIENCE), Ok("gone"));
    server.join().unwrap();
}
