//! Peers that mean no good: bounded memory, the right answer, and others are served.

use std::io::Write;
use std::time::Duration;

use skyring::shard::counters::Counter;

use crate::peer::{Peer, frame, head, pattern};
use crate::room::PIECE_BYTES;
use crate::stage::Stage;
use crate::support::{eventually, read_to_end};

/// Somebody else, who must be answered whatever happens.
fn expect_served(peer: &mut Peer) {
    peer.send_text("and now?");
    assert_eq!(peer.expect_text(), "and now?");
}

/// A peer that sends and does not read is stopped, and loses nothing when it reads at last.
#[test]
fn a_peer_that_does_not_read_is_not_read_either() {
    let stage = Stage::start_with(|listener| listener.output_bytes_max = 100_000);
    let (mut peer, mut other) = (stage.open("/echo"), stage.open("/echo"));
    let message = frame(0x82, &pattern(PIECE_BYTES));
    let mut writer = peer.stream.try_clone().unwrap();
    let messages = 300;
    let sender = std::thread::spawn(move || {
        for _ in 0..messages {
            writer.write_all(&message).unwrap();
        }
    });
    eventually("reading pauses", || stage.count(Counter::ReadingPaused) > 0);
    std::thread::sleep(Duration::from_millis(100));
    assert!(!sender.is_finished(), "thirty megabytes fit no buffer of the kernel");
    expect_served(&mut other);
    let data = pattern(PIECE_BYTES);
    for _ in 0..messages {
        assert!(peer.expect_binary() == data);
    }
    sender.join().unwrap();
    drop((peer, other));
    stage.end();
}

/// One that never reads is closed when its time is up.
#[test]
fn a_peer_that_never_reads_is_closed() {
    let stage = Stage::start_with(|listener| {
        (listener.output_bytes_max, listener.write_timeout_ms) = (100_000, 300);
    });
    let (mut peer, mut other) = (stage.open("/echo"), stage.open("/echo"));
    peer.send_text("pieces:500");
    stage.expect(Counter::ClosedSlowConsumer, 1);
    expect_served(&mut other);
    assert!(stage.log.lines().contains(&String::from("close 0 lost")));
    drop((peer, other));
    stage.end();
}

/// An application that does not look whether there is room is stopped too.
#[test]
fn a_flood_of_the_application_ends_the_connection() {
    let stage = Stage::start_with(|listener| listener.output_bytes_max = 100_000);
    let (mut peer, mut other) = (stage.open("/echo"), stage.open("/echo"));
    peer.send_text("flood:1000");
    stage.expect(Counter::ClosedSlowConsumer, 1);
    expect_served(&mut other);
    assert_eq!(stage.count(Counter::PushDropped), 1);
    drop((peer, other));
    stage.end();
}

#[test]
fn a_flood_of_the_application_may_be_thinned_out_instead() {
    use skyring::config::PushOverBudget;
    let stage = Stage::start_with(|listener| {
        (listener.output_bytes_max, listener.push_over_budget) = (100_000, PushOverBudget::Drop);
    });
    let mut peer = stage.open("/echo");
    peer.send_text("flood:1000");
    peer.send_text("after");
    let mut pieces = 0;
    loop {
        match peer.event() {
            Some(skyring::protocols::websocket::Event::Message { data, .. })
                if data.len() == PIECE_BYTES =>
            {
                pieces += 1;
            }
            other => {
                assert!(format!("{other:?}").contains("after"), "{other:?}");
                break;
            }
        }
    }
    let dropped = stage.count(Counter::PushDropped);
    assert!(dropped > 0, "a hundred megabytes are more than may wait");
    assert_eq!(pieces + dropped, 1000);
    drop(peer);
    stage.end();
}

/// A message that comes a few bytes at a time is one message.
#[test]
fn a_dripping_sender_is_served_like_any_other() {
    let stage = Stage::start();
    let (mut peer, mut other) = (stage.open("/echo"), stage.open("/echo"));
    let data = pattern(600);
    for piece in frame(0x82, &data).chunks(3) {
        peer.stream.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(peer.expect_binary() == data);
    expect_served(&mut other);
    drop((peer, other));
    stage.end();
}

/// Pongs nobody reads stop the flood of pings.
#[test]
fn a_flood_of_pings_is_stopped_by_its_pongs() {
    let stage = Stage::start_with(|listener| {
        (listener.output_bytes_max, listener.write_timeout_ms) = (10_000, 500);
    });
    let (peer, mut other) = (stage.open("/echo"), stage.open("/echo"));
    let pings = frame(0x89, &[b'p'; 125]).repeat(500);
    let mut writer = peer.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || while writer.write_all(&pings).is_ok() {});
    eventually("reading pauses", || stage.count(Counter::ReadingPaused) > 0);
    expect_served(&mut other);
    stage.expect(Counter::ClosedSlowConsumer, 1);
    sender.join().unwrap();
    drop((peer, other));
    stage.end();
}

#[test]
fn sixty_five_thousand_fragments_are_one_message_where_they_may_be() {
    const FRAGMENTS: usize = 65_536;
    for (fragments_max, is_taken) in [(FRAGMENTS as u32, true), (FRAGMENTS as u32 - 1, false)] {
        let stage = Stage::start_with(|listener| listener.fragments_max = fragments_max);
        let (mut peer, mut other) = (stage.open("/echo"), stage.open("/echo"));
        let middle = frame(0x00, b"x").repeat(FRAGMENTS - 2);
        let frames = [frame(0x02, b"x"), middle, frame(0x80, b"x")].concat();
        let mut writer = peer.stream.try_clone().unwrap();
        // The last of it may find the connection closed.
        let sender = std::thread::spawn(move || drop(writer.write_all(&frames)));
        if is_taken {
            assert_eq!(peer.expect_binary().len(), FRAGMENTS);
            peer.send_close(1000, "");
            peer.expect_close(1000);
        } else {
            peer.expect_close(1009);
        }
        sender.join().unwrap();
        expect_served(&mut other);
        drop((peer, other));
        stage.end();
    }
}

#[test]
fn a_message_may_be_sixteen_mebibytes() {
    let stage = Stage::start_with(|listener| listener.message_bytes_max = 16 << 20);
    let (mut peer, mut other) = (stage.open("/echo"), stage.open("/echo"));
    let data = pattern(16 << 20);
    let mut writer = peer.stream.try_clone().unwrap();
    let message = frame(0x82, &data);
    let sender = std::thread::spawn(move || writer.write_all(&message).unwrap());
    assert!(peer.expect_binary() == data);
    sender.join().unwrap();
    // One more is refused as soon as its head is there.
    peer.send_raw(head(0x82, (16 << 20) + 1));
    peer.expect_close(1009);
    expect_served(&mut other);
    drop((peer, other));
    stage.end();
}

/// A length that is announced costs nothing before it comes.
#[test]
fn what_is_announced_is_not_reserved() {
    let stage = Stage::start_with(|listener| listener.message_bytes_max = 1 << 40);
    let mut peers: Vec<Peer> = (0..50).map(|_| stage.open("/echo")).collect();
    for peer in &mut peers {
        peer.send_raw(head(0x82, 1 << 39));
        peer.send_raw(b"a few bytes of very many");
    }
    let mut other = stage.open("/echo");
    expect_served(&mut other);
    drop((peers, other));
    stage.end();
}

/// A close in the middle of a message is a close.
#[test]
fn a_close_between_fragments_ends_the_message() {
    let stage = Stage::start();
    let mut peer = stage.open("/echo");
    peer.send_raw(
        [frame(0x01, b"never "), frame(0x88, b"\x03\xe8"), frame(0x80, b"ends")].concat(),
    );
    let all = read_to_end(&mut peer.stream);
    assert_eq!(all, b"\x88\x02\x03\xe8");
    stage.expect_log(&["open none", "close 1000 clean"]);
    drop(peer);
    stage.end();
}
