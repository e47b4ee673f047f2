//! Frames through the gate: split, joined, empty, large, many, and held back.

use std::io::Write;

use skyring::config::ListenerKind;
use skyring::shard::counters::Counter;

use crate::keeper::{House, Policy, read_frame};
use crate::support::{config, eventually, expect_panics, is_silent, listener};

fn frame(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a frame holds as much");
    [&length.to_be_bytes()[..], content].concat()
}

/// WIRE G2.
#[test]
fn frames_come_whole_however_they_are_cut() {
    let house = House::start(&config(2), Policy::Open);
    let contents: Vec<Vec<u8>> = (0..50u8).map(|at| vec![at; usize::from(at) * 7]).collect();
    let stream_bytes: Vec<u8> = contents.iter().flat_map(|content| frame(content)).collect();
    for piece in [1, 2, 3, 7, 100, 4096, usize::MAX] {
        let mut stream = house.connect();
        for bytes in stream_bytes.chunks(piece) {
            stream.write_all(bytes).unwrap();
        }
        for content in &contents {
            assert_eq!(read_frame(&mut stream), *content);
        }
        assert!(is_silent(&mut stream));
    }
    house.end();
}

/// WIRE G2.
#[test]
fn the_largest_frames_pass() {
    let house = House::start(&config(2), Policy::Open);
    let mut stream = house.connect();
    let mut writer = stream.try_clone().unwrap();
    let content = |at: usize| vec![at as u8; usize::from(u16::MAX) - at % 3];
    let sender = std::thread::spawn(move || {
        (0..100).for_each(|at| writer.write_all(&frame(&content(at))).unwrap());
    });
    for at in 0..100 {
        assert!(read_frame(&mut stream) == content(at), "frame {at} came back changed");
    }
    sender.join().unwrap();
    drop(stream);
    house.end();
}

/// A message does not wait for the one before it.
#[test]
fn a_message_that_waits_holds_nobody_up() {
    let house = House::start(&config(2), Policy::Open);
    let mut stream = house.connect();
    stream.write_all(&[frame(b"hold:it"), frame(b"quick")].concat()).unwrap();
    assert_eq!(read_frame(&mut stream), b"quick");
    house.held.release(b"it");
    assert_eq!(read_frame(&mut stream), b"hold:it");
    drop(stream);
    house.end();
}

/// So many messages of one connection may wait; then it is not read until one has finished.
#[test]
fn waiting_messages_hold_the_peer_back() {
    let mut config = config(2);
    listener(&mut config, ListenerKind::Gate).pending_requests_max = 4;
    let house = House::start(&config, Policy::Open);
    let mut stream = house.connect();
    for at in 0..4 {
        stream.write_all(&frame(format!("hold:{at}").as_bytes())).unwrap();
    }
    stream.write_all(&frame(b"fifth")).unwrap();
    eventually("reading stops", || house.count(Counter::ReadingPaused) > 0);
    assert!(is_silent(&mut stream), "the fifth is not taken");
    assert_eq!(house.count(Counter::GateMessages), 4);
    house.held.release(b"2");
    assert_eq!(read_frame(&mut stream), b"hold:2");
    assert_eq!(read_frame(&mut stream), b"fifth");
    for at in ["0", "1", "3"] {
        house.held.release(at.as_bytes());
        assert_eq!(read_frame(&mut stream), format!("hold:{at}").as_bytes());
    }
    drop(stream);
    house.end();
}

/// A connection's name works from every shard.
#[test]
fn frames_reach_connections_of_every_shard() {
    let house = House::start(&config(4), Policy::Open);
    let mut streams: Vec<_> = (0..12).map(|_| house.connect()).collect();
    for stream in &mut streams {
        stream.write_all(&frame(b"join")).unwrap();
        assert_eq!(read_frame(stream), b"join");
    }
    for at in 0..streams.len() {
        let said = format!("said by {at}");
        streams[at].write_all(&frame(format!("all:{said}").as_bytes())).unwrap();
        for stream in &mut streams {
            assert_eq!(read_frame(stream), said.as_bytes());
        }
    }
    drop(streams);
    house.end();
}

/// An agent that panics loses its message, not its connection.
#[test]
fn a_panic_in_an_agent_disturbs_nobody() {
    expect_panics();
    let house = House::start(&config(1), Policy::Open);
    let mut other = house.connect();
    let mut stream = house.connect();
    let frames = [frame(b"forward"), frame(b"panic"), frame(b"hello")];
    stream.write_all(&frames.concat()).unwrap();
    assert_eq!(read_frame(&mut stream), b"hello");
    other.write_all(&frame(b"still here")).unwrap();
    assert_eq!(read_frame(&mut other), b"still here");
    drop((stream, other));
    house.end();
}
