//! What needs an instant that no real socket can be made to meet.

use std::rc::Rc;

use crate::config::ListenerKind;
use crate::context::Context;
use crate::driver::ShardIndex;
use crate::driver::sim::{Fault, SimClient, SimFaults};
use crate::handler::Application;
use crate::http::{Request, Response};
use crate::shard::counters::Counter;
use crate::simulation::scene::{Door, Props, Scene};

/// The milliseconds that a body has.
const BODY_MS: u64 = 30_000;

/// Once the door is open: `/echo` streams the body back, everything else reads it and answers how
/// long it was.
struct Reader(Door);

impl Application for Reader {
    async fn http(self: Rc<Self>, mut request: Request) -> Response {
        self.0.pass().await;
        if request.path() == "/echo" {
            return Response::new(200).stream(request.into_body());
        }
        match request.body().read(usize::MAX).await {
            Ok(body) => Response::new(200).body(format!("[{}]", body.len())),
            Err(error) => Response::new(400).body(error.to_string()),
        }
    }
}

fn start(change: impl FnOnce(&mut Props)) -> Scene {
    let mut props = Props::default();
    change(&mut props);
    let door = Door::default();
    let inside = door.clone();
    props.start_with(door, move |_: Context| Reader(inside.clone()))
}

/// A peer that has sent this; nothing of its answer is there.
fn ask(scene: &mut Scene, sent: &[u8]) -> SimClient {
    let peer = scene.connect(ListenerKind::Http);
    peer.write(sent).expect("it is being opened");
    scene.pass(100);
    peer
}

fn head(target: &str, lines: &str) -> Vec<u8> {
    format!("POST {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n").into_bytes()
}

fn tiny_chunks(count: usize) -> Vec<u8> {
    [&b"1\r\nx\r\n".repeat(count)[..], b"0\r\n\r\n"].concat()
}

fn read(scene: &mut Scene, peer: &SimClient) -> String {
    scene.pass(100);
    String::from_utf8(peer.read()).expect("text")
}

/// Has the first connection read on.
fn resume(scene: &mut Scene) {
    scene.core(0).resume(0);
    scene.net.rouse(ShardIndex(0));
}

/// A peer may stop sending behind its request, also where its handler has not taken the body and the
/// connection is not read for that reason.
#[test]
fn a_whole_body_stays_whole_when_its_sender_stops_sending() {
    let mut paused = 0;
    for bytes in (56 << 10..=64 << 10).step_by(64) {
        // The end is seen although reading pauses: it was under way.
        let mut scene = start(|props| {
            props.settings.window_bytes = 1 << 20;
            props.settings.faults = SimFaults::none().with(Fault::CancelMissed, 1 << 16);
        });
        let begun = [&head("/", &format!("Content-Length: {}", bytes + 1))[..], b"a"].concat();
        let peer = ask(&mut scene, &begun);
        peer.write(&vec![b'b'; bytes]).expect("it is open");
        peer.shut_down();
        scene.pass(100);
        paused += scene.count(Counter::ReadingPaused);
        scene.door.open();
        let answer = read(&mut scene, &peer);
        assert!(answer.ends_with(&format!("[{}]", bytes + 1)), "{bytes}: {answer:?}");
        assert!(peer.end().is_some(), "{bytes}: it ends too");
        peer.close();
    }
    assert!(paused > 0, "none was too long to be taken at once");
}

/// A byte that is a piece of its own takes the room of many.
#[test]
fn tiny_chunks_of_a_body_do_not_fill_the_memory() {
    let mut scene = start(|_| {});
    let chunked = head("/", "Transfer-Encoding: chunked");
    let peer = ask(&mut scene, &[&chunked[..], &tiny_chunks(60_000)].concat());
    let taken = scene.count(Counter::HttpBodyBytesReceived);
    assert!(taken < 4_000, "{taken} pieces wait for the handler");
    scene.door.open();
    let answer = read(&mut scene, &peer);
    assert!(answer.ends_with("[60000]"), "{answer:?}");
    peer.close();
}

/// The same of an answer that nobody reads.
#[test]
fn tiny_pieces_of_an_answer_do_not_fill_the_memory() {
    let mut scene = start(|_| {});
    scene.door.open();
    let chunked = head("/echo", "Transfer-Encoding: chunked");
    let peer = ask(&mut scene, &[&chunked[..], &tiny_chunks(200_000)].concat());
    let taken = scene.count(Counter::HttpBodyBytesReceived);
    let sent = scene.count(Counter::HttpBodyBytesSent);
    assert!(taken - sent < 8_000, "{} pieces wait for the peer", taken - sent);
    let mut answer = String::new();
    while !answer.ends_with("0\r\n\r\n") {
        let more = read(&mut scene, &peer);
        assert!(!more.is_empty(), "it goes on when it is read");
        answer += &more;
    }
    let (_, chunks) = answer.split_once("\r\n\r\n").expect("a head");
    assert_eq!(chunks.matches('x').count(), 200_000);
    peer.close();
}

/// A body that was not read for a while, whoever was the reason, has no more time than was left.
#[test]
fn a_body_that_was_held_at_its_deadline_still_has_one() {
    let mut scene = start(|_| {});
    scene.door.open();
    let peer = ask(&mut scene, &[&head("/", "Content-Length: 10")[..], b"abc"].concat());
    scene.core(0).pause(0);
    scene.pass(BODY_MS + 1_000);
    assert_eq!(scene.count(Counter::HttpRefusedLate), 0);
    resume(&mut scene);
    let answer = read(&mut scene, &peer);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
    peer.close();
}

/// A connection that is not read for the shard's own reasons is neither idle nor late.
#[test]
fn who_is_held_for_the_sake_of_other_shards_is_not_late() {
    let mut scene = start(|_| {});
    scene.door.open();
    let peer = ask(&mut scene, b"GET /");
    scene.core(0).hold_for_mail(0);
    peer.write(b" HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is open");
    // Longer than a head may take.
    scene.pass(20_000);
    resume(&mut scene);
    let answer = read(&mut scene, &peer);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    peer.close();
}

/// Who was asked to wait for a word before it sends its body is not late before it has the word.
#[test]
fn who_waits_to_be_told_to_go_on_is_not_late() {
    let mut scene = start(|_| {});
    let sent = head("/", "Content-Length: 3\r\nExpect: 100-continue");
    let peer = ask(&mut scene, &sent);
    scene.pass(2 * BODY_MS);
    assert!(!peer.is_readable());
    scene.door.open();
    assert_eq!(read(&mut scene, &peer), "HTTP/1.1 100 Continue\r\n\r\n");
    scene.pass(BODY_MS - 2_000);
    peer.write(b"abc").expect("it is open");
    assert!(read(&mut scene, &peer).ends_with("[3]"));
    peer.write(&sent).expect("it is open");
    assert_eq!(read(&mut scene, &peer), "HTTP/1.1 100 Continue\r\n\r\n");
    scene.pass(BODY_MS + 1_000);
    assert!(peer.read().starts_with(b"HTTP/1.1 408 "));
    peer.close();
}

/// A receive that goes on although it was cancelled is cancelled again: what a peer sends ahead of
/// its answer stays with the peer.
#[test]
fn a_pause_that_the_kernel_has_missed_is_asked_for_again() {
    let mut scene = start(|_| {});
    scene.net.set_faults(SimFaults::none().with(Fault::CancelMissed, 1 << 16));
    let peer = ask(&mut scene, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    peer.write(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is open");
    scene.pass(10);
    assert!(scene.count(Counter::ReadingPaused) > 0);
    scene.net.set_faults(SimFaults::none());
    peer.write(&vec![b' '; 1 << 20]).expect("it is open");
    scene.pass(1_000);
    assert!(peer.unsent() > 0, "a mebibyte is kept for a peer whose request is not answered");
    scene.door.open();
    scene.pass(1_000);
    peer.close();
}
