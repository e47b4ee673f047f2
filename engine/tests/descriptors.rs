//! No descriptor outlives what it was for. Alone in its process: it counts them all.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use skyring::driver::uring::UringDriver;
use skyring::driver::uring::directory::RingDirectory;
use skyring::driver::uring::options::UringOptions;
use skyring::driver::uring::probe::Probe;
use skyring::driver::uring::socket::{ListenOptions, listen_group, local_address};
use skyring::driver::{Driver, Event, ListenerIndex, Operation, ShardIndex, SocketKind, Wait};

/// Descriptors that are open in this process.
fn open() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Turns until so many events have come.
fn turn(driver: &mut UringDriver, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < count {
        driver.turn(Wait::AtMost(Duration::from_secs(5)), &mut events);
    }
    events
}

/// A server's life: shards, accepts, connects that work and fail, and leaving it all behind.
fn life(refusing: SocketAddr) {
    const LISTENER: ListenerIndex = ListenerIndex(0);
    let options = UringOptions { slots: 256, ..UringOptions::default() };
    let directory = Arc::new(RingDirectory::new(2));
    let sockets =
        listen_group("127.0.0.1:0".parse().unwrap(), 1, &ListenOptions::default()).unwrap();
    let destination = local_address(&sockets[0]).unwrap();
    let mut driver = UringDriver::new(&options, ShardIndex(0), directory.clone()).unwrap();
    let _other = UringDriver::new(&options, ShardIndex(1), directory).unwrap();
    for socket in sockets {
        driver.add_listener(LISTENER, socket);
    }
    let _peers: Vec<_> = (0..20).map(|_| TcpStream::connect(destination).unwrap()).collect();
    for tag in 0..20 {
        driver.submit(Operation::Accept { listener: LISTENER });
        driver.submit(Operation::Connect {
            tag,
            kind: SocketKind::Stream,
            destination,
            source: None,
        });
        driver.submit(Operation::Connect {
            tag,
            kind: SocketKind::Stream,
            destination: refusing,
            source: None,
        });
    }
    let before = open();
    turn(&mut driver, 60);
    // Connections in the table are not descriptors of the process, nor are those being connected.
    assert_eq!(open(), before - 40);
    for _ in 0..5 {
        driver.submit(Operation::Accept { listener: LISTENER });
        driver.submit(Operation::Connect {
            tag: 1,
            kind: SocketKind::Stream,
            destination,
            source: None,
        });
    }
}

#[test]
fn everything_is_closed_in_the_end() {
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    life(refusing);
    Probe::run().unwrap();
    let before = open();
    for _ in 0..3 {
        life(refusing);
        Probe::run().unwrap();
    }
    assert_eq!(open(), before);
}
