//! Messages both ways, and as many as either side can take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use skyring::websocket::Message;
use skyring::websocket::client::{CloseCode, ConnectOptions, Error, Mode};

use super::peer::{frame, heard, upgrading, url};
use super::support::hostile::{Conversation, Hostile};
use super::with_socket;
use crate::support::shard::on_a_shard;

/// A server that sends back what comes, and answers pings and a close.
fn echo() -> Hostile {
    upgrading(|talk| {
        while let Some((first, payload)) = heard(talk) {
            let answer = if first == 0x89 { 0x8a } else { first };
            talk.say_bytes(&frame(answer, &payload));
            if first == 0x88 {
                return talk.cut();
            }
        }
    })
}

#[test]
fn messages_come_back_in_order() {
    let server = echo();
    let done = with_socket(ConnectOptions::new(&url(&server)), |_, mut socket| async move {
        for round in 0..200_usize {
            let binary = vec![round as u8; round * 300];
            socket.send("täxt").await?;
            socket.send(binary.clone()).await?;
            assert_eq!(socket.next().await.expect("text")?, Message::from("täxt"));
            assert_eq!(socket.next().await.expect("bytes")?, Message::from(binary));
        }
        socket.writer().ping("are you there?").await?;
        let end = socket.finish(CloseCode::NORMAL, "done").await?;
        Ok((end.code, end.reason.as_str().to_owned(), end.is_clean))
    });
    assert_eq!(done.unwrap(), (Some(CloseCode::NORMAL), "done".to_owned(), true));
}

#[test]
fn fragments_are_joined_and_pings_between_them_answered() {
    let server = upgrading(|talk| {
        let bytes = [
            frame(0x01, b"one \xc3"),
            frame(0x89, b"between"),
            frame(0x00, b"\xa4 "),
            frame(0x80, b"two"),
        ];
        // A byte at a time: nothing depends on how it comes.
        for byte in bytes.concat() {
            talk.say_bytes(&[byte]);
        }
        assert_eq!(heard(talk), Some((0x8a, b"between".to_vec())));
        talk.be_silent();
    });
    let message = with_socket(ConnectOptions::new(&url(&server)), |_, mut socket| async move {
        socket.next().await.expect("a message")
    });
    assert_eq!(message.unwrap(), Message::from("one ä two"));
}

#[test]
fn no_two_frames_have_one_mask() {
    let (sender, masks) = std::sync::mpsc::sync_channel(1);
    let server = upgrading(move |talk| {
        let mut masks: Vec<_> =
            (0..300).map(|_| talk.take(6 + 4).expect("a frame")[2..6].to_vec()).collect();
        masks.sort();
        masks.dedup();
        sender.send(masks.len()).unwrap();
        talk.be_silent();
    });
    let sent = with_socket(ConnectOptions::new(&url(&server)), |context, socket| async move {
        for _ in 0..300 {
            socket.send("four").await?;
        }
        while socket.writer().unsent_bytes() > 0 {
            context.sleep(Duration::from_millis(1)).await;
        }
        context.sleep(Duration::from_millis(50)).await;
        Ok(())
    });
    sent.unwrap();
    // Two of 300 in 2^32 are equal once in 95,000 runs; three pairs never.
    assert!(masks.recv().unwrap() >= 298);
}

/// The server writes as fast as it can; the client takes nothing, then everything.
#[test]
fn a_reader_that_waits_holds_the_server_up() {
    const MESSAGES: usize = 20_000;
    let written = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&written);
    let server = upgrading(move |talk| {
        for index in 0..MESSAGES {
            let mut payload = [0; 1000];
            payload[..8].copy_from_slice(&index.to_le_bytes());
            if !talk.say_bytes(&frame(0x82, &payload)) {
                return;
            }
            counted.fetch_add(1, Ordering::SeqCst);
        }
        talk.be_silent();
    });
    let url = url(&server);
    let held = on_a_shard(move |context| {
        let (options, written) = (ConnectOptions::new(&url), Arc::clone(&written));
        async move {
            let mut socket = skyring::websocket::connect(&context, &options).await?;
            let mut seen = usize::MAX;
            // Until the server stands still.
            while seen != written.load(Ordering::SeqCst) {
                seen = written.load(Ordering::SeqCst);
                context.sleep(Duration::from_millis(200)).await;
            }
            for index in 0..MESSAGES {
                let message = socket.next().await.expect("a message")?;
                assert_eq!(message.as_bytes()[..8], index.to_le_bytes());
            }
            Ok::<_, Error>(seen)
        }
    });
    let held = held.unwrap();
    assert!(held < MESSAGES, "{held} messages were taken from a server that nobody listens to");
}

#[test]
fn a_server_that_does_not_read_holds_senders_up() {
    let server = upgrading(|talk| {
        std::thread::sleep(Duration::from_millis(500));
        let mut bytes = 0;
        while bytes < 32 << 20 {
            bytes += heard(talk).expect("a message").1.len();
        }
        talk.say_bytes(&frame(0x81, b"all of it"));
        talk.be_silent();
    });
    let unsent = with_socket(ConnectOptions::new(&url(&server)), |_, mut socket| async move {
        let mut unsent_bytes_max = 0;
        for _ in 0..32 << 4 {
            socket.send(vec![0; 1 << 16]).await?;
            unsent_bytes_max = unsent_bytes_max.max(socket.writer().unsent_bytes());
        }
        let message = socket.next().await.expect("a message")?;
        assert_eq!(message, Message::from("all of it"));
        Ok(unsent_bytes_max)
    });
    let unsent = unsent.unwrap();
    assert!(unsent <= 3 << 16, "{unsent} bytes waited");
}

/// Whoever asks for pongs and reads none gets no more of the client's memory than is set.
#[test]
fn a_flood_of_pings_fills_nothing() {
    let server = upgrading(|talk| {
        let pings = frame(0x89, &[0; 125]).repeat(100);
        talk.say_for_ever_bytes(&pings);
    });
    let unsent = with_socket(ConnectOptions::new(&url(&server)), |context, socket| async move {
        let mut unsent_bytes_max = 0;
        for _ in 0..30 {
            context.sleep(Duration::from_millis(20)).await;
            unsent_bytes_max = unsent_bytes_max.max(socket.writer().unsent_bytes());
        }
        Ok(unsent_bytes_max)
    });
    let unsent = unsent.unwrap();
    assert!(unsent <= (64 << 10) + 200, "{unsent} bytes of pongs waited");
}

#[test]
fn the_demo_echoes_what_is_compressed() {
    use skyring::config::{Config, Listener, ListenerKind};
    use skyring::demo::Demo;
    use skyring::server::Server;
    let mut listener = Listener::new(ListenerKind::Http);
    listener.address.set_port(0);
    listener.compression = Mode::Dedicated;
    let config = Config { shards: 1, listeners: vec![listener], ..Config::default() };
    let server = Server::start(&config, |context| Demo::new(context, 0)).expect("it starts");
    let url = format!("ws://{}/ws", server.addresses()[0]);
    for mode in [Mode::Off, Mode::Shared, Mode::Dedicated] {
        let options = ConnectOptions::new(&url).compression(mode);
        let echoed = with_socket(options, move |_, mut socket| async move {
            assert_eq!(socket.is_compressed(), mode != Mode::Off);
            for size in [0, 1, 1000, 100_000, 1 << 20] {
                let message = Message::from("skyring ".repeat(size / 8));
                socket.send(message.clone()).await?;
                assert_eq!(socket.next().await.expect("an echo")?, message);
            }
            Ok(socket.finish(CloseCode::NORMAL, "").await?.is_clean)
        });
        assert!(echoed.unwrap(), "{mode:?}");
    }
    server.handle().stop();
    server.join().expect("a clean end");
}

#[test]
fn a_conversation_may_end_while_a_ping_is_unanswered() {
    let server = upgrading(|talk: &mut Conversation| {
        assert_eq!(heard(talk), Some((0x89, b"?".to_vec())));
        talk.say_bytes(&frame(0x88, b""));
        talk.cut();
    });
    let pinged = with_socket(ConnectOptions::new(&url(&server)), |_, socket| async move {
        socket.writer().ping("?").await
    });
    assert!(matches!(pinged, Err(Error::Closed)), "{pinged:?}");
}
