//! Each way to misbehave on an open connection has its error, and its close code.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use skyring::protocols::Compat;
use skyring::websocket::client::{CloseCode, ConnectOptions, Error, ReadError};

use super::peer::{frame, heard, upgrading, url};
use super::support::PATIENCE;
use super::support::hostile::Conversation;
use super::with_socket;

const SHORT: Duration = Duration::from_millis(300);

/// What the next message is instead, and the code that the server is told.
fn broken_by(bytes: Vec<u8>) -> (Error, Option<u16>) {
    let (sender, codes) = sync_channel(1);
    let server = upgrading(move |talk| {
        talk.say_bytes(&bytes);
        let code = match heard(talk) {
            Some((0x88, payload)) => payload.first_chunk().map(|code| u16::from_be_bytes(*code)),
            other => panic!("a close frame was expected, not {other:?}"),
        };
        sender.send(code).unwrap();
    });
    let options = ConnectOptions::new(&url(&server)).message_bytes_max(1000);
    let error = with_socket(options, |_, mut socket| async move {
        let message = socket.next().await.expect("an error comes first");
        assert!(socket.next().await.is_none(), "and nothing behind it");
        assert!(matches!(socket.send("x").await, Err(Error::Closed)));
        message
    });
    (error.expect_err("the server misbehaves"), codes.recv_timeout(PATIENCE).unwrap())
}

/// As [`broken_by`], which is the protocol's.
fn breach(bytes: Vec<u8>) -> (ReadError, Option<u16>) {
    match broken_by(bytes) {
        (Error::Protocol(error), code) => (error, code),
        (error, _) => panic!("{error:?}"),
    }
}

#[test]
fn what_breaks_the_protocol_is_told() {
    let masked = vec![0x81, 0x81, 0, 0, 0, 0, b'x'];
    for (bytes, error, code) in [
        (masked, ReadError::Masked, 1002),
        (frame(0xc1, b"x"), ReadError::ReservedBits, 1002),
        (frame(0x83, b"x"), ReadError::Opcode(3), 1002),
        (frame(0x80, b"x"), ReadError::ContinuationAlone, 1002),
        (frame(0x09, b"x"), ReadError::ControlFragmented, 1002),
        (frame(0x88, &[3]), ReadError::CloseCut, 1002),
        (frame(0x88, &[3, 237]), ReadError::CloseCode(1005), 1002),
        (frame(0x81, b"\xff"), ReadError::Text, 1007),
        (frame(0x01, b"\xc3\x28"), ReadError::Text, 1007),
        (frame(0x88, &[3, 232, 0xff]), ReadError::CloseReason, 1007),
    ] {
        assert_eq!(breach(bytes.clone()), (error, Some(code)), "{bytes:x?}");
    }
}

#[test]
fn too_much_is_told_before_it_comes() {
    let too_long = ReadError::MessageTooLong { max: 1000 };
    // The head alone is enough.
    let head = vec![0x82, 127, 0, 0, 0x10, 0, 0, 0, 0, 0];
    assert_eq!(breach(head), (too_long, Some(1009)));
    let pieces = [frame(0x02, &[0; 600]), frame(0x00, &[0; 600])].concat();
    assert_eq!(breach(pieces), (too_long, Some(1009)));
    let fragments = [frame(0x02, b""), frame(0x00, b"").repeat(1024)].concat();
    assert_eq!(breach(fragments), (ReadError::TooManyFragments { max: 1024 }, Some(1009)));
}

/// What the next message is instead, when a server plays this.
fn ended_by(script: impl Fn(&mut Conversation) + Send + Sync + 'static) -> Error {
    let server = upgrading(script);
    let options = ConnectOptions { keep_alive: Some(SHORT), ..ConnectOptions::new(&url(&server)) };
    let error = with_socket(options, |_, mut socket| async move {
        socket.next().await.expect("an error comes first")
    });
    error.expect_err("the server misbehaves")
}

#[test]
fn an_end_without_a_close_frame_is_told() {
    for bytes in [vec![], vec![0x81], vec![0x81, 5, b'h', b'e'], frame(0x01, b"half")] {
        let error = ended_by(move |talk| {
            talk.say_bytes(&bytes);
            talk.cut();
        });
        assert!(matches!(error, Error::Lost), "{error:?}");
    }
    let error = ended_by(|talk| {
        // The ping of the keep-alive stays unread.
        talk.reset();
    });
    assert!(matches!(error, Error::Reset | Error::Lost), "{error:?}");
}

#[test]
fn silence_ends_after_a_ping_without_a_pong() {
    let error = ended_by(|talk| {
        assert_eq!(heard(talk), Some((0x89, vec![])));
        talk.be_silent();
    });
    assert!(matches!(error, Error::Silent { after } if after == 2 * SHORT), "{error:?}");
}

/// What came while the application held up its thread is heard before silence is judged.
#[test]
fn a_stall_of_the_application_is_no_silence_of_the_server() {
    const TIME: Duration = Duration::from_secs(1);
    let ((pinged, pings), (stalled, stalls)) = (sync_channel(1), sync_channel(1));
    let (said, says) = sync_channel(1);
    let (stalls, says) = (Mutex::new(stalls), Arc::new(Mutex::new(says)));
    let server = upgrading(move |talk| {
        pinged.send(heard(talk)).unwrap();
        stalls.lock().unwrap().recv().unwrap();
        talk.say_bytes(&[frame(0x8a, b""), frame(0x81, b"here")].concat());
        said.send(()).unwrap();
        talk.be_silent();
    });
    let pings = Arc::new(Mutex::new(pings));
    let options = ConnectOptions { keep_alive: Some(TIME), ..ConnectOptions::new(&url(&server)) };
    let message = with_socket(options, move |context, mut socket| {
        let (pings, stalled, says) = (Arc::clone(&pings), stalled.clone(), Arc::clone(&says));
        async move {
            while pings.lock().unwrap().try_recv().is_err() {
                context.sleep(Duration::from_millis(1)).await;
            }
            // From here on the thread does nothing else.
            stalled.send(()).unwrap();
            says.lock().unwrap().recv().unwrap();
            std::thread::sleep(TIME + SHORT);
            socket.next().await.expect("a message")
        }
    });
    assert_eq!(message.expect("no silence").as_bytes(), b"here");
}

#[test]
fn a_server_that_pongs_is_alive() {
    let server = upgrading(|talk| {
        for _ in 0..3 {
            assert_eq!(heard(talk), Some((0x89, vec![])));
            talk.say_bytes(&frame(0x8a, b""));
        }
        talk.say_bytes(&frame(0x81, b"here"));
        talk.be_silent();
    });
    let time = Some(Duration::from_millis(20));
    let options = ConnectOptions { keep_alive: time, ..ConnectOptions::new(&url(&server)) };
    let message =
        with_socket(
            options,
            |_, mut socket| async move { socket.next().await.expect("a message") },
        );
    assert_eq!(message.unwrap().as_bytes(), b"here");
}

/// How closing ends, when the server plays this behind the close frame.
fn closed_by(
    compat: Compat,
    script: impl Fn(&mut Conversation) + Send + Sync + 'static,
) -> Result<bool, Error> {
    let server = upgrading(move |talk| {
        assert_eq!(heard(talk), Some((0x88, b"\x03\xe8bye".to_vec())));
        script(talk);
    });
    let close_timeout = SHORT;
    let options = ConnectOptions { close_timeout, compat, ..ConnectOptions::new(&url(&server)) };
    with_socket(options, |_, socket| async move {
        Ok(socket.finish(CloseCode::NORMAL, "bye").await?.is_clean)
    })
}

#[test]
fn a_server_that_does_not_close_is_left() {
    let scripts: [fn(&mut Conversation); 2] =
        [Conversation::be_silent, |talk| while talk.say_bytes(&frame(0x82, &[0; 1000])) {}];
    for script in scripts {
        let error = closed_by(Compat::Strict, script);
        assert!(
            matches!(error, Err(Error::CloseTimedOut { after }) if after == SHORT),
            "{error:?}"
        );
    }
    let error = closed_by(Compat::Strict, Conversation::cut);
    assert!(matches!(error, Err(Error::Lost)), "{error:?}");
}

/// The time to close begins when everything before has been sent.
#[test]
fn a_slow_reader_has_its_time_to_close_behind_what_it_reads() {
    const TIME: Duration = Duration::from_secs(2);
    const BYTES: usize = 32 << 20;
    let server = upgrading(|talk| {
        std::thread::sleep(TIME + SHORT);
        // The frame's head and mask, and what it has.
        let message = talk.take(2 + 8 + 4 + BYTES).expect("a message");
        assert_eq!(message[..2], [0x82, 0xff]);
        let close = heard(talk).expect("a close frame");
        talk.say_bytes(&frame(close.0, &close.1));
        talk.cut();
    });
    let options = ConnectOptions { close_timeout: TIME, ..ConnectOptions::new(&url(&server)) };
    let end = with_socket(options, |_, socket| async move {
        socket.send(vec![0; BYTES]).await?;
        socket.finish(CloseCode::NORMAL, "").await
    });
    assert!(end.unwrap().is_clean);
}

/// Skynet's server ends the stream where another answers with a close frame.
#[test]
fn a_server_of_skynets_may_leave_instead_of_closing() {
    assert!(!closed_by(Compat::Skynet, Conversation::cut).unwrap());
    let clean = closed_by(Compat::Skynet, |talk| {
        talk.say_bytes(&frame(0x88, b""));
        talk.cut();
    });
    assert!(clean.unwrap());
}

#[test]
fn a_server_that_closes_but_stays_is_left() {
    let (sender, ends) = sync_channel(1);
    let server = upgrading(move |talk| {
        talk.say_bytes(&frame(0x88, b"\x0f\xa0enough"));
        assert_eq!(heard(talk), Some((0x88, vec![0x0f, 0xa0])));
        let begun = Instant::now();
        talk.be_silent();
        sender.send(begun.elapsed()).unwrap();
    });
    let close_timeout = SHORT;
    let options = ConnectOptions { close_timeout, ..ConnectOptions::new(&url(&server)) };
    let end = with_socket(options, move |context, mut socket| async move {
        assert!(socket.next().await.is_none());
        // The connection outlives what the application sees of it.
        context.sleep(2 * SHORT).await;
        Ok(socket.end().expect("the server has closed"))
    });
    let end = end.unwrap();
    assert_eq!(end.code.map(CloseCode::get), Some(4000));
    assert_eq!((end.reason.as_str(), end.is_clean), ("enough", true));
    assert!(ends.recv_timeout(PATIENCE).unwrap() < PATIENCE, "the client has left by itself");
}

#[test]
fn a_dropped_connection_closes() {
    let (sender, heards) = sync_channel(1);
    let server = upgrading(move |talk| {
        sender.send(heard(talk)).unwrap();
        talk.say_bytes(&frame(0x88, &[3, 233]));
        talk.cut();
    });
    let dropped = with_socket(ConnectOptions::new(&url(&server)), |context, socket| async move {
        let writer = socket.writer();
        drop(socket);
        assert!(matches!(writer.send("x").await, Err(Error::Closed)));
        context.sleep(Duration::from_millis(50)).await;
        Ok(())
    });
    dropped.unwrap();
    assert_eq!(heards.recv_timeout(PATIENCE).unwrap(), Some((0x88, vec![3, 233])));
}
