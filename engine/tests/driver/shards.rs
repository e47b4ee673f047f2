//! Two rings on two threads: handing connections over, and waking.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use skyring::driver::uring::directory::RingDirectory;
use skyring::driver::uring::options::UringOptions;
use skyring::driver::{Errno, Event, Operation, ReceiveMode, ShardIndex, Token, Wait};

use crate::rig::{PATIENCE, Rig, read, small};

const HERE: ShardIndex = ShardIndex(0);
const THERE: ShardIndex = ShardIndex(1);

/// Runs shard 1 on its own thread, once it is in the directory.
fn elsewhere<T: Send + 'static>(
    options: UringOptions,
    directory: &Arc<RingDirectory>,
    work: impl FnOnce(&mut Rig) -> T + Send + 'static,
) -> JoinHandle<T> {
    let (up, is_up) = channel();
    let directory = directory.clone();
    let thread = spawn(move || {
        let mut rig = Rig::of(&options, THERE, &directory);
        up.send(()).unwrap();
        work(&mut rig)
    });
    is_up.recv_timeout(PATIENCE).unwrap();
    thread
}

fn hand_over(rig: &mut Rig, token: Token, key: u32) -> Result<(), Errno> {
    rig.submit(Operation::HandOver { token, to: THERE, key });
    rig.until(|event| match event {
        Event::HandedOver { token: its, result } if *its == token => Some(*result),
        _ => None,
    })
}

fn arrived(event: &Event) -> Option<(ShardIndex, u32, u32)> {
    match event {
        Event::Arrived { from, key, slot } => Some((*from, *key, *slot)),
        _ => None,
    }
}

#[test]
fn a_connection_moves_with_its_unread_bytes() {
    let directory = Arc::new(RingDirectory::new(2));
    let there = elsewhere(small(), &directory, |rig| {
        let (from, key, slot) = rig.until(arrived);
        assert_eq!((from, key), (HERE, u32::MAX));
        let token = rig.name(slot);
        let unread = rig.receive(token, ReceiveMode::Stream, 6);
        rig.send(token, b"from there");
        unread
    });
    let mut options = small();
    options.buffer_bytes = 4;
    let mut here = Rig::of(&options, HERE, &directory);
    let (token, mut peer) = here.pair();
    peer.write_all(b"headunread").unwrap();
    assert_eq!(here.receive(token, ReceiveMode::Once, 4), b"head");
    assert_eq!(hand_over(&mut here, token, u32::MAX), Ok(()));
    here.close(token);
    let mut answer = [0; 10];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"from there");
    assert_eq!(there.join().unwrap(), b"unread");
    assert_eq!(read(&mut peer, &mut answer).unwrap(), 0, "closed on both sides");
}

#[test]
fn a_full_table_leaves_the_connection_where_it_was() {
    let directory = Arc::new(RingDirectory::new(2));
    let (go, wait) = channel();
    let options = UringOptions { slots: 1, ..small() };
    let there = elsewhere(options, &directory, move |rig| {
        let (_, key, slot) = rig.until(arrived);
        assert_eq!(key, 1);
        // The target works off its messages whatever it is doing.
        wait.recv_timeout(PATIENCE).unwrap();
        let token = rig.name(slot);
        rig.close(token);
        rig.submit(Operation::Wake { shard: HERE });
        let (_, key, slot) = rig.until(arrived);
        let token = rig.name(slot);
        (key, rig.receive(token, ReceiveMode::Once, 5))
    });
    let mut here = Rig::of(&small(), HERE, &directory);
    let (first, _peer) = here.pair();
    let (second, mut peer) = here.pair();
    assert_eq!(hand_over(&mut here, first, 1), Ok(()));
    assert_eq!(hand_over(&mut here, second, 2), Err(Errno(libc::ENFILE)));
    here.send(second, b"still here");
    peer.read_exact(&mut [0; 10]).unwrap();

    go.send(()).unwrap();
    here.until(|event| matches!(event, Event::Woken).then_some(()));
    assert_eq!(hand_over(&mut here, second, 3), Ok(()));
    peer.write_all(b"there").unwrap();
    assert_eq!(there.join().unwrap(), (3, b"there".to_vec()));
}

#[test]
fn many_connections_move_while_both_shards_work() {
    const COUNT: u32 = 40;
    let directory = Arc::new(RingDirectory::new(2));
    let there = elsewhere(small(), &directory, |rig| {
        let mut keys = Vec::new();
        while keys.len() < COUNT as usize {
            let (_, key, slot) = rig.until(arrived);
            let token = rig.name(slot);
            let bytes = rig.receive(token, ReceiveMode::Once, 4);
            assert_eq!(bytes, key.to_be_bytes());
            rig.send(token, &bytes);
            rig.close(token);
            keys.push(key);
        }
        keys.sort_unstable();
        keys
    });
    let mut here = Rig::of(&small(), HERE, &directory);
    let mut peers = Vec::new();
    for key in 0..COUNT {
        let (token, mut peer) = here.pair();
        peer.write_all(&key.to_be_bytes()).unwrap();
        here.submit(Operation::HandOver { token, to: THERE, key });
        peers.push((token, peer));
    }
    for (token, mut peer) in peers {
        let moved = here.until(|event| match event {
            Event::HandedOver { token: its, result } if *its == token => Some(*result),
            _ => None,
        });
        assert_eq!(moved, Ok(()));
        here.close(token);
        peer.read_exact(&mut [0; 4]).unwrap();
    }
    assert_eq!(there.join().unwrap(), (0..COUNT).collect::<Vec<_>>());
}

#[test]
fn nobody_takes_what_is_sent_to_a_shard_that_is_gone() {
    let directory = Arc::new(RingDirectory::new(2));
    let mut here = Rig::of(&small(), HERE, &directory);
    let (token, mut peer) = here.pair();
    let absent = Err(Errno(libc::EOWNERDEAD));
    assert_eq!(hand_over(&mut here, token, 1), absent, "not yet there");
    here.submit(Operation::Wake { shard: THERE });

    let (stop, wait) = channel::<()>();
    let there = elsewhere(small(), &directory, move |_| wait.recv_timeout(PATIENCE).unwrap());
    assert!(directory.is_live(THERE));
    // Asked for while the other shard is there, submitted after it has gone.
    here.submit(Operation::HandOver { token, to: THERE, key: 2 });
    stop.send(()).unwrap();
    there.join().unwrap();
    let late = here.until(|event| match event {
        Event::HandedOver { result, .. } => Some(*result),
        _ => None,
    });
    assert!(late.is_err());

    assert!(!directory.is_live(THERE));
    assert_eq!(hand_over(&mut here, token, 3), absent, "no longer there");
    here.submit(Operation::Wake { shard: THERE });
    here.submit(Operation::Wake { shard: ShardIndex(99) });
    assert!(here.poll().is_empty());
    assert_eq!(skyring::driver::uring::UringDriver::stats(&here.driver).wakes_failed, 3);
    here.send(token, b"alive");
    peer.read_exact(&mut [0; 5]).unwrap();
}

#[test]
fn a_shard_enters_the_directory_once() {
    let directory = Arc::new(RingDirectory::new(1));
    let _here = Rig::of(&small(), HERE, &directory);
    for (shard, kind) in
        [(HERE, std::io::ErrorKind::AlreadyExists), (THERE, std::io::ErrorKind::NotFound)]
    {
        let made = skyring::driver::uring::UringDriver::new(&small(), shard, directory.clone());
        assert_eq!(made.err().map(|error| error.kind()), Some(kind));
    }
}

#[test]
fn a_wake_interrupts_a_waiting_shard() {
    let directory = Arc::new(RingDirectory::new(2));
    let there = elsewhere(small(), &directory, |rig| {
        let asleep = Instant::now();
        rig.until(|event| matches!(event, Event::Woken).then_some(()));
        rig.submit(Operation::Wake { shard: HERE });
        rig.poll();
        asleep.elapsed()
    });
    let mut here = Rig::of(&small(), HERE, &directory);
    std::thread::sleep(Duration::from_millis(30));
    here.submit(Operation::Wake { shard: THERE });
    here.until(|event| matches!(event, Event::Woken).then_some(()));
    assert!(there.join().unwrap() < PATIENCE);
}

#[test]
fn a_shard_can_wake_itself_and_any_thread_can_wake_a_shard() {
    let mut rig = Rig::new(&small());
    rig.submit(Operation::Wake { shard: HERE });
    assert!(matches!(rig.poll()[..], [Event::Woken]));

    let waker = skyring::driver::uring::UringDriver::waker(&rig.driver);
    for _ in 0..100 {
        let waker = waker.clone();
        let caller = spawn(move || waker.wake());
        rig.until(|event| matches!(event, Event::Woken).then_some(()));
        caller.join().unwrap();
    }
    // Many calls before anybody listens are one wake.
    (0..1000).for_each(|_| waker.wake());
    assert!(rig.within(PATIENCE, |event| matches!(event, Event::Woken).then_some(())).is_some());
    assert!(rig.within(Duration::from_millis(20), |_| Some(())).is_none());
    drop(rig);
    waker.wake();
}

/// What a thread publishes before it calls is there when the shard hears the call.
#[test]
fn no_call_of_another_thread_is_lost() {
    const CALLS: u32 = 20_000;
    let mut rig = Rig::new(&small());
    let waker = skyring::driver::uring::UringDriver::waker(&rig.driver);
    let (publish, published): (Sender<u32>, _) = channel();
    let caller = spawn(move || {
        for call in 0..CALLS {
            publish.send(call).unwrap();
            waker.wake();
        }
    });
    let mut seen = 0;
    while seen < CALLS {
        rig.until(|event| matches!(event, Event::Woken).then_some(()));
        seen += published.try_iter().count() as u32;
    }
    caller.join().unwrap();
}

#[test]
fn waiting_ends_in_time_when_nothing_happens() {
    use skyring::driver::Driver;
    let mut rig = Rig::new(&small());
    let mut events = Vec::new();
    for limit in [0, 1, 40].map(Duration::from_millis) {
        let began = Instant::now();
        rig.driver.turn(Wait::AtMost(limit), &mut events);
        assert!(began.elapsed() >= limit && began.elapsed() < limit + Duration::from_secs(2));
    }
    let enters = rig.driver.stats().enters;
    (0..100).for_each(|_| rig.driver.turn(Wait::Poll, &mut events));
    assert!(events.is_empty());
    assert_eq!(rig.driver.stats().enters, enters, "an idle poll needs no system call");
}
