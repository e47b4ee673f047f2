//! Messages both ways, and as many as either side can take.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use skyring::websocket::Message;
use skyring::websocket::client::{CloseCode, ConnectOptions, Error, Mode};

use super::peer::{frame, heard, upgrading, url};
use super::support::PATIENCE;
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
    let (sender, heards) = std::sync::mpsc::sync_channel(1);
    let server = upgrading(move |talk| {
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
        sender.send(heard(talk)).unwrap();
        talk.be_silent();
    });
    let message = with_socket(ConnectOptions::new(&url(&server)), |_, mut socket| async move {
        socket.next().await.expect("a message")
    });
    assert_eq!(message.unwrap(), Message::from("one ä two"));
    let pong = Some((0x8a, b"between".to_vec()));
    assert_eq!(heards.recv_timeout(PATIENCE).unwrap(), pong);
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
    const UNSENT_BYTES_MAX: usize = 64 << 10;
    let unsent = with_socket(ConnectOptions::new(&url(&server)), |context, socket| async move {
        let unsent_bytes = || socket.writer().unsent_bytes();
        // What fits the buffers of the kernel is sent first.
        while unsent_bytes() < UNSENT_BYTES_MAX {
            context.sleep(Duration::from_millis(1)).await;
        }
        let mut unsent_bytes_max = 0;
        for _ in 0..30 {
            unsent_bytes_max = unsent_bytes_max.max(unsent_bytes());
            context.sleep(Duration::from_millis(20)).await;
        }
        Ok(unsent_bytes_max)
    });
    let unsent = unsent.unwrap();
    // One pong more than there is room for.
    assert!(unsent <= UNSENT_BYTES_MAX + 200, "{unsent} bytes of pongs waited");
}

/// As many pings as may be without a pong are sent, and the others once one has come.
#[test]
fn pings_wait_for_pongs() {
    const PINGS: u8 = 100;
    let (sender, heards) = std::sync::mpsc::sync_channel(1);
    let server = upgrading(move |talk| {
        let mut waves = Vec::new();
        for _ in 0..2 {
            let mut pings = Vec::new();
            while let Some((0x89, data)) = heard(talk) {
                pings.extend(data);
            }
            talk.say_bytes(&frame(0x8a, &[*pings.last().expect("a ping before the message")]));
            waves.push(pings);
        }
        sender.send(waves).unwrap();
        talk.be_silent();
    });
    let ponged = with_socket(ConnectOptions::new(&url(&server)), |_, socket| async move {
        let writer = socket.writer();
        let mut pings: Vec<_> = (0..PINGS).map(|n| Box::pin(writer.ping(vec![n]))).collect();
        let mut poll_all = |cx: &mut TaskContext<'_>| {
            let count = pings.len();
            pings.retain_mut(|ping| match ping.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(ponged) => {
                    ponged.expect("a pong");
                    false
                }
            });
            (count, pings.len())
        };
        // All that may be sent are on their way, and then a message.
        poll_fn(|cx| Poll::Ready(poll_all(cx))).await;
        socket.send("that was all").await?;
        let is_less = |(before, after): (usize, usize)| before > after;
        poll_fn(|cx| if is_less(poll_all(cx)) { Poll::Ready(()) } else { Poll::Pending }).await;
        socket.send("and now").await?;
        poll_fn(|cx| if poll_all(cx).1 == 0 { Poll::Ready(()) } else { Poll::Pending }).await;
        Ok(())
    });
    ponged.unwrap();
    let waves = heards.recv_timeout(PATIENCE).unwrap();
    assert_eq!(waves, [(0..64).collect::<Vec<_>>(), (64..PINGS).collect()]);
}

/// What waits when a connection is given up waits no more.
#[test]
fn what_is_unsent_at_the_end_is_dropped() {
    let (over, ended) = std::sync::mpsc::sync_channel(1);
    let ended = std::sync::Mutex::new(ended);
    let server = upgrading(move |_| {
        // Nothing is read before the client has given up.
        ended.lock().unwrap().recv_timeout(PATIENCE).unwrap();
    });
    let mut options = ConnectOptions::new(&url(&server));
    (options.keep_alive, options.unsent_bytes_max) = (Some(Duration::from_millis(100)), usize::MAX);
    let unsent = with_socket(options, move |_, mut socket| {
        let over = over.clone();
        async move {
            socket.send(vec![0; 32 << 20]).await?;
            let before = socket.writer().unsent_bytes();
            let error = socket.next().await.expect("an error").expect_err("silence");
            assert!(matches!(error, Error::Silent { .. }), "{error:?}");
            let after = socket.writer().unsent_bytes();
            over.send(()).expect("the server listens");
            Ok((before, after))
        }
    });
    let (before, after) = unsent.unwrap();
    assert!(before > 0, "thirty megabytes fit no buffer of the kernel");
    assert_eq!(after, 0);
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
