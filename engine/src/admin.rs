//! The admin port: every connection is answered with the counters as text, then closed.
//!
//! ```text
//! # accepted: connections taken from the kernel
//! accepted 12
//! accepted{shard=0} 5
//! accepted{shard=1} 7
//! ```
//!
//! A line that begins with `#` explains the counter below it; a name alone is the sum over all
//! shards. Nothing is read but to be thrown away, so any client will do: `skyring stats`, `nc`, a
//! script.
//!
//! The port runs on threads of its own, because a shard has better things to do than to format text.
//! **Bounds.** At most [`CLIENTS_MAX`] connections are answered at once, further ones are closed
//! unanswered; each is over after [`DEADLINE`], however slow or silent its peer is. There is no
//! password: the text holds no secrets, but the port belongs on loopback.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Connections that are answered at once.
pub const CLIENTS_MAX: usize = 8;

/// How long one connection may take, from accept to close.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// Bytes that a client may send before its connection is closed unread.
const IGNORED_BYTES_MAX: usize = 64 * 1024;

/// The longest text that [`fetch`] takes.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// How long the port rests after an accept that failed, so that a lack of descriptors is waited out
/// and not spun on.
const PAUSE: Duration = Duration::from_millis(100);

/// One counter on every shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterRow {
    /// Its name: lower case with underscores.
    pub name: &'static str,
    /// What it counts, in which unit, in one line.
    pub help: &'static str,
    /// Its value on each shard, by the shard's index.
    pub shards: Vec<u64>,
}

/// The text that the admin port answers. See the module's text for the form.
pub fn format(rows: &[CounterRow]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let written = "a String takes every write";
    for CounterRow { name, help, shards } in rows {
        let sum = shards.iter().fold(0u64, |sum, value| sum.saturating_add(*value));
        write!(text, "# {name}: {help}\n{name} {sum}\n").expect(written);
        for (shard, value) in shards.iter().enumerate() {
            writeln!(text, "{name}{{shard={shard}}} {value}").expect(written);
        }
    }
    text
}

/// Asks an admin port for its text.
///
/// # Errors
///
/// What the network says, `TimedOut` after [`DEADLINE`], `InvalidData` for what is no text or longer
/// than 16 MiB.
pub fn fetch(address: SocketAddr) -> io::Result<String> {
    let until = Instant::now() + DEADLINE;
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE)?;
    let mut text = Vec::new();
    let mut piece = [0; 16 * 1024];
    while text.len() <= TEXT_BYTES_MAX {
        stream.set_read_timeout(Some(remaining(until)?))?;
        match stream.read(&mut piece) {
            Ok(0) => return String::from_utf8(text).map_err(|_| ErrorKind::InvalidData.into()),
            Ok(count) => text.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::InvalidData.into())
}

/// An open admin port. Dropping it closes the port.
pub struct Admin {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Opens the port; `answer` makes the text for each connection, on a thread of its own.
    ///
    /// # Errors
    ///
    /// What the kernel says to the address, or to the thread.
    pub fn start(
        address: SocketAddr,
        answer: impl Fn() -> String + Send + Sync + 'static,
    ) -> io::Result<Admin> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let port = Port {
            listener,
            stopping: stopping.clone(),
            answer: Arc::new(answer),
            busy: Arc::default(),
        };
        let thread = thread::Builder::new()
            .name(String::from("skyring-admin"))
            .spawn(move || port.serve())?;
        Ok(Admin { address, stopping, thread: Some(thread) })
    }

    /// Where it listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    /// Closes the port and waits for its thread, not for connections that are being answered.
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // The thread waits in accept; a connection is what wakes it.
        let woken = TcpStream::connect_timeout(&reachable(self.address), DEADLINE).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            // It has no panics to report: the answer runs on other threads.
            let _ = thread.join();
        }
    }
}

/// The address to reach a listener of this process at: an unspecified one is no destination.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            (Ipv4Addr::LOCALHOST, address.port()).into()
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            (Ipv6Addr::LOCALHOST, address.port()).into()
        }
        _ => address,
    }
}

/// What the port's thread owns.
struct Port<F> {
    listener: TcpListener,
    stopping: Arc<AtomicBool>,
    answer: Arc<F>,
    busy: Arc<AtomicUsize>,
}

impl<F: Fn() -> String + Send + Sync + 'static> Port<F> {
    fn serve(self) {
        loop {
            let accepted = self.listener.accept();
            if self.stopping.load(Ordering::Acquire) {
                return;
            }
            match accepted {
                Ok((stream, _)) => self.answer(stream),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// Answers on a thread of its own, if one of the places is free.
    fn answer(&self, stream: TcpStream) {
        let Some(place) = Place::take(&self.busy) else { return };
        let answer = self.answer.clone();
        let spawned = thread::Builder::new().name(String::from("skyring-admin")).spawn(move || {
            let _place = place;
            // A peer that breaks off or dawdles has no answer coming; nobody else cares.
            let _ = send(stream, answer().as_bytes(), Instant::now() + DEADLINE);
        });
        // Without a thread the connection is closed unanswered, as when the places are taken.
        drop(spawned);
    }
}

/// One of the [`CLIENTS_MAX`] places; given back when dropped, a panic included.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(busy: &Arc<AtomicUsize>) -> Option<Place> {
        let place = Place(busy.clone());
        let before = busy.fetch_add(1, Ordering::AcqRel);
        (before < CLIENTS_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Sends the text and FIN, then waits for the peer's FIN: closing earlier, with bytes of the peer
/// unread, would be a reset, which can overtake the text.
fn send(mut stream: TcpStream, mut text: &[u8], until: Instant) -> io::Result<()> {
    while !text.is_empty() {
        stream.set_write_timeout(Some(remaining(until)?))?;
        match stream.write(text)? {
            0 => return Err(ErrorKind::WriteZero.into()),
            count => text = &text[count..],
        }
    }
    stream.shutdown(Shutdown::Write)?;
    let mut ignored = [0; 1024];
    let mut room = IGNORED_BYTES_MAX;
    loop {
        stream.set_read_timeout(Some(remaining(until)?))?;
        match stream.read(&mut ignored)? {
            0 => return Ok(()),
            count => match room.checked_sub(count) {
                Some(left) => room = left,
                None => return Ok(()),
            },
        }
    }
}

/// The time left, which is more than none, because a timeout of none means for ever.
fn remaining(until: Instant) -> io::Result<Duration> {
    match until.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 0).into()
    }

    #[test]
    fn the_sum_stands_above_the_shards() {
        let row = CounterRow { name: "accepted", help: "connections taken", shards: vec![5, 7] };
        let quiet = CounterRow { name: "drops", help: "bytes", shards: vec![0, u64::MAX] };
        assert_eq!(
            format(&[row, quiet]),
            "# accepted: connections taken\naccepted 12\naccepted{shard=0} 5\naccepted{shard=1} 7\n\
             # drops: bytes\ndrops 18446744073709551615\ndrops{shard=0} 0\n\
             drops{shard=1} 18446744073709551615\n"
        );
    }

    #[test]
    fn every_connection_gets_a_fresh_answer() {
        let asked = AtomicUsize::new(0);
        let answer = move || format!("{}\n", asked.fetch_add(1, Ordering::Relaxed));
        let admin = Admin::start(loopback(), answer).unwrap();
        assert_eq!(fetch(admin.address()).unwrap(), "0\n");
        assert_eq!(fetch(admin.address()).unwrap(), "1\n");
    }

    #[test]
    fn a_client_that_talks_first_is_answered_too() {
        let long = "line of an answer\n".repeat(10_000);
        let text = long.clone();
        let admin = Admin::start(loopback(), move || text.clone()).unwrap();
        let mut stream = TcpStream::connect(admin.address()).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, long);
    }

    #[test]
    fn peers_that_never_read_hold_their_places_until_the_deadline_only() {
        let huge = "x".repeat(16 << 20);
        let admin = Admin::start(loopback(), move || huge.clone()).unwrap();
        let start = Instant::now();
        let mut stuck: Vec<TcpStream> = (0..CLIENTS_MAX)
            .map(|_| {
                let mut stream = TcpStream::connect(admin.address()).unwrap();
                stream.read_exact(&mut [0]).unwrap();
                stream
            })
            .collect();
        let refused = fetch(admin.address());
        assert!(refused.is_err() || refused.is_ok_and(|text| text.is_empty()), "no place is left");
        while fetch(admin.address()).map_or(true, |text| text.is_empty()) {
            assert!(start.elapsed() < 4 * DEADLINE, "the places come back");
            thread::sleep(Duration::from_millis(50));
        }
        assert!(start.elapsed() >= DEADLINE / 2);
        stuck.clear();
    }

    #[test]
    fn dropping_closes_the_port() {
        let admin = Admin::start(loopback(), String::new).unwrap();
        let address = admin.address();
        drop(admin);
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let everywhere = Admin::start("0.0.0.0:0".parse().unwrap(), String::new).unwrap();
        let start = Instant::now();
        drop(everywhere);
        assert!(start.elapsed() < DEADLINE);
    }
}
