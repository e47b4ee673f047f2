//! Parking outside the ring must not lose a wake-up, whatever it is that wakes.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::spawn;
use std::time::{Duration, Instant};

use skyring::driver::uring::directory::RingDirectory;
use skyring::driver::{Driver, Event, ListenerIndex, Operation, ReceiveMode, ShardIndex, Wait};

use crate::rig::{PATIENCE, Rig, small};

const HERE: ShardIndex = ShardIndex(0);
const THERE: ShardIndex = ShardIndex(1);

/// A thread that sleeps only on the park descriptor, as an executor would.
struct Sleeper {
    bell: File,
    /// Set when nobody but the watchdog rang.
    lost: Arc<AtomicBool>,
    slept: u32,
}

impl Sleeper {
    /// Rings the bell itself if the test takes too long, so that a lost wake-up fails instead of
    /// hanging.
    fn new(rig: &Rig, done: &Arc<AtomicBool>) -> Sleeper {
        let bell = File::from(rig.driver.park_fd().unwrap());
        let lost = Arc::new(AtomicBool::new(false));
        let (mut dog, bite, done) = (bell.try_clone().unwrap(), lost.clone(), done.clone());
        spawn(move || {
            let deadline = Instant::now() + PATIENCE;
            while !done.load(Ordering::Relaxed) {
                if Instant::now() > deadline {
                    bite.store(true, Ordering::Relaxed);
                    dog.write_all(&1_u64.to_ne_bytes()).unwrap();
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Sleeper { bell, lost, slept: 0 }
    }

    /// Parks until there are events.
    fn next(&mut self, rig: &mut Rig) -> Vec<Event> {
        let mut events = Vec::new();
        while events.is_empty() {
            if rig.driver.prepare_to_park(&mut events) {
                while let Err(error) = self.bell.read(&mut [0; 8]) {
                    assert_eq!(error.kind(), std::io::ErrorKind::Interrupted);
                }
                rig.driver.unpark();
                self.slept += 1;
                assert!(!self.lost.load(Ordering::Relaxed), "a wake-up was lost");
            }
        }
        events
    }
}

/// Pauses of different lengths, so that events hit every step of falling asleep.
fn pause(round: u32) {
    let end = Instant::now() + Duration::from_micros(u64::from(round % 64));
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

#[test]
fn threads_and_rings_and_peers_all_wake_a_parked_shard() {
    const ROUNDS: u32 = 2000;
    let directory = Arc::new(RingDirectory::new(2));
    let mut here = Rig::of(&small(), HERE, &directory);
    let (token, mut peer) = here.pair();
    here.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
    let done = Arc::new(AtomicBool::new(false));
    let mut sleeper = Sleeper::new(&here, &done);
    let waker = here.driver.waker();

    let (answered, answers) = std::sync::mpsc::channel();
    let other = spawn(move || {
        let mut there = Rig::of(&small(), THERE, &directory);
        for round in 0..ROUNDS {
            match round % 3 {
                0 => waker.wake(),
                1 => {
                    there.submit(Operation::Wake { shard: HERE });
                    there.poll();
                }
                _ => peer.write_all(b"x").unwrap(),
            }
            // The next cause comes only after this one was seen: nothing else can ring for it.
            answers.recv_timeout(2 * PATIENCE).unwrap();
            pause(round);
        }
    });
    for round in 0..ROUNDS {
        let events = sleeper.next(&mut here);
        assert_eq!(events.len(), 1, "{events:?}");
        for event in events {
            match event {
                Event::Woken => assert!(round % 3 < 2),
                Event::Received { lease, armed: true, .. } => here.driver.release(lease),
                other => panic!("{other:?}"),
            }
        }
        pause(round / 64);
        answered.send(()).unwrap();
    }
    done.store(true, Ordering::Relaxed);
    other.join().unwrap();
    assert!(sleeper.slept > 0);
    assert_eq!(here.driver.stats().parks, u64::from(sleeper.slept));
}

#[test]
fn an_arriving_connection_wakes_a_parked_shard() {
    let directory = Arc::new(RingDirectory::new(2));
    let mut here = Rig::of(&small(), HERE, &directory);
    let done = Arc::new(AtomicBool::new(false));
    let mut sleeper = Sleeper::new(&here, &done);
    let (answered, answers) = std::sync::mpsc::channel();
    let other = spawn(move || {
        let mut there = Rig::of(&small(), THERE, &directory);
        for key in 0..200 {
            let (token, _peer) = there.pair();
            there.submit(Operation::HandOver { token, to: HERE, key });
            there.until(|event| matches!(event, Event::HandedOver { .. }).then_some(()));
            there.close(token);
            answers.recv_timeout(2 * PATIENCE).unwrap();
        }
    });
    for round in 0..200 {
        let [Event::Arrived { from: THERE, key, slot }] = sleeper.next(&mut here)[..] else {
            panic!("nothing arrived");
        };
        assert_eq!(key, round);
        let token = here.name(slot);
        here.close(token);
        answered.send(()).unwrap();
    }
    done.store(true, Ordering::Relaxed);
    other.join().unwrap();
}

#[test]
fn a_busy_shard_does_not_ring() {
    let mut rig = Rig::new(&small());
    let (token, mut peer) = rig.pair();
    rig.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
    for _ in 0..10 {
        peer.write_all(b"x").unwrap();
        rig.received(token, &mut Vec::new());
    }
    // Whatever was rung by mistake would be counted in the descriptor.
    let mut events = Vec::new();
    assert!(rig.driver.prepare_to_park(&mut events));
    let mut bell = File::from(rig.driver.park_fd().unwrap());
    bell.write_all(&5_u64.to_ne_bytes()).unwrap();
    let mut count = [0; 8];
    bell.read_exact(&mut count).unwrap();
    assert_eq!(u64::from_ne_bytes(count), 5);
    rig.driver.unpark();
}

#[test]
fn what_is_already_there_keeps_a_shard_awake() {
    let mut rig = Rig::new(&small());
    let mut events = Vec::new();
    rig.driver.waker().wake();
    assert!(!rig.driver.prepare_to_park(&mut events));
    assert!(matches!(events[..], [Event::Woken]));
    // Being turned down leaves nothing to undo, and undoing it anyway harms nothing.
    rig.driver.unpark();
    events.clear();
    rig.driver.turn(Wait::Poll, &mut events);
    assert!(events.is_empty());
    assert!(rig.driver.prepare_to_park(&mut events));
    rig.driver.waker().wake();
    rig.driver.unpark();
    // The ring meant for the sleeper does not end the next sleep at once.
    rig.driver.turn(Wait::AtMost(PATIENCE), &mut events);
    assert!(matches!(events[..], [Event::Woken]));
}

/// A call may fall between the step that says "parked" and the one that takes it back. The shard
/// then waits in its ring, where nobody rings for that call any more.
#[test]
fn a_call_to_a_shard_that_is_turned_down_is_heard() {
    const CALLS: u32 = 3000;
    let mut rig = Rig::new(&small());
    let waker = rig.driver.waker();
    let (heard, hears) = std::sync::mpsc::sync_channel(0);
    let caller = spawn(move || {
        for call in 0..CALLS {
            pause(call);
            waker.wake();
            hears.recv_timeout(2 * PATIENCE).unwrap();
        }
    });
    let mut events = Vec::new();
    for call in 0..CALLS {
        pause(call / 64);
        // Something has always happened, so the shard is turned down.
        rig.submit(Operation::Accept { listener: ListenerIndex(9) });
        assert!(!rig.driver.prepare_to_park(&mut events));
        let began = Instant::now();
        while !events.drain(..).any(|event| matches!(event, Event::Woken)) {
            rig.driver.turn(Wait::AtMost(PATIENCE), &mut events);
            assert!(began.elapsed() < PATIENCE, "call {call} was lost");
        }
        heard.send(()).unwrap();
    }
    caller.join().unwrap();
}
