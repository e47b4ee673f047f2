//! The same over TLS, with a server made of the other half.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use skyring::config::TlsSettings;
use skyring::net::{ConnectError, Dial, StreamError};
use skyring::transport::tls::{
    CertificateFault, ClientTls, ClientTlsSettings, Pin, ServerTls, Tls, TlsError, Trust, Workspace,
};

use crate::support::shard::on_a_shard;
use crate::{read_all, serve};

/// A server's certificate, and a client that trusts exactly that.
fn sides() -> (ServerTls, ClientTls) {
    let mut settings = TlsSettings::self_signed();
    settings.alpn = vec!["echo".to_owned()];
    let server = ServerTls::load(&settings).unwrap();
    let pin = Pin::of_certificate(server.self_signed_certificate().unwrap());
    (server, client(pin))
}

fn client(pin: Pin) -> ClientTls {
    let alpn = vec!["other".to_owned(), "echo".to_owned()];
    let trust = Trust::Pinned(vec![pin]);
    ClientTls::load(&ClientTlsSettings { trust, alpn, certificate: None }).unwrap()
}

/// Echoes until the client says that it is done, and says so too, if it is polite.
fn echo(mut stream: TcpStream, config: &ServerTls, is_polite: bool) {
    let mut tls = Tls::server(config);
    let (mut workspace, mut buffer) = (Workspace::default(), [0; 4096]);
    loop {
        let Ok(bytes @ 1..) = stream.read(&mut buffer) else { return };
        let mut records = Vec::new();
        let received = tls.receive(&buffer[..bytes], &mut workspace, &mut records);
        let _ = stream.write_all(&records);
        let Ok(received) = received else { return };
        let mut records = Vec::new();
        if !workspace.plain.is_empty() {
            tls.seal(&workspace.plain, &mut records).unwrap();
        }
        if received.closed && is_polite {
            tls.close(&mut records);
        }
        stream.write_all(&records).unwrap();
        if received.closed {
            return;
        }
    }
}

#[test]
fn bytes_are_echoed_and_both_sides_say_goodbye() {
    for is_polite in [true, false] {
        let (server, client) = sides();
        let address = serve("127.0.0.1:0", move |stream| echo(stream, &server, is_polite));
        let (received, alpn, is_truncated) = on_a_shard(move |context| {
            let dial = Dial::stream(address).with_tls(&client, "localhost");
            async move {
                let stream = context.connect(dial).await.unwrap();
                let mut received = Vec::new();
                for number in 0..20u8 {
                    stream.write(vec![number; 5_000]).await.unwrap();
                }
                while received.len() < 100_000 {
                    received.extend_from_slice(&stream.read().await.unwrap().unwrap());
                }
                stream.shut_down();
                received.extend(read_all(&stream).await);
                (received, stream.alpn(), stream.is_truncated())
            }
        });
        let expected: Vec<u8> = (0..20).flat_map(|number| [number; 5_000]).collect();
        assert!(received == expected);
        assert_eq!(alpn.as_deref(), Some(&b"echo"[..]));
        assert_eq!(is_truncated, !is_polite);
    }
}

#[test]
fn a_peer_that_is_not_the_one_is_refused() {
    let (server, _) = sides();
    let address = serve("127.0.0.1:0", move |stream| echo(stream, &server, true));
    let other = client(Pin::Certificate([7; 32]));
    let refused = on_a_shard(move |context| {
        let dial = Dial::stream(address).with_tls(&other, "localhost");
        async move { context.connect(dial).await.err() }
    });
    let fault = TlsError::Certificate(CertificateFault::NotPinned);
    assert_eq!(refused, Some(ConnectError::Tls(fault)));
}

#[test]
fn a_peer_that_leaves_is_silent_or_speaks_something_else() {
    let dialled = |address, connect_timeout| {
        let (_, client) = sides();
        on_a_shard(move |context| {
            let dial = Dial::stream(address).with_tls(&client, "localhost");
            let dial = Dial { connect_timeout, ..dial };
            async move { context.connect(dial).await.err().unwrap() }
        })
    };
    let long = Duration::from_secs(10);
    let leaves = serve("127.0.0.1:0", |mut stream| {
        // All of it, or the close would be a reset.
        let _ = stream.read(&mut [0; 4096]);
    });
    assert_eq!(dialled(leaves, long), ConnectError::Ended);
    let silent = serve("127.0.0.1:0", |mut stream| drop(stream.read_to_end(&mut Vec::new())));
    assert_eq!(dialled(silent, Duration::from_millis(200)), ConnectError::TimedOut);
    let other = serve("127.0.0.1:0", |mut stream| {
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert!(matches!(dialled(other, long), ConnectError::Tls(_)));
}

#[test]
fn a_peer_that_breaks_tls_later_is_told_too() {
    let (server, client) = sides();
    let address = serve("127.0.0.1:0", move |mut stream| {
        let mut tls = Tls::server(&server);
        let (mut workspace, mut buffer) = (Workspace::default(), [0; 4096]);
        while !tls.is_established() {
            let bytes = stream.read(&mut buffer).unwrap();
            let mut records = Vec::new();
            tls.receive(&buffer[..bytes], &mut workspace, &mut records).unwrap();
            stream.write_all(&records).unwrap();
        }
        stream.write_all(b"no record at all").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let read = on_a_shard(move |context| {
        let dial = Dial::stream(address).with_tls(&client, "localhost");
        async move {
            let stream = context.connect(dial).await.unwrap();
            stream.read().await
        }
    });
    assert!(matches!(read, Err(StreamError::Tls(_))), "{read:?}");
}

#[test]
fn a_name_that_is_none_is_refused_before_anything_is_sent() {
    let (_, client) = sides();
    let refused = on_a_shard(move |context| {
        let dial = Dial::stream("127.0.0.1:9".parse().unwrap()).with_tls(&client, "no name");
        async move { context.connect(dial).await.err() }
    });
    assert!(matches!(refused, Some(ConnectError::Tls(TlsError::BadName(_)))));
}
