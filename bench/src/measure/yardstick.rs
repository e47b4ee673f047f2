//! How fast the machine is right now: the unit of *rel*.
//!
//! One thread owns both ends of a loopback connection and passes 66 bytes back and forth. A send
//! and a receive of those bytes, with nothing around them, is one unit. A server's processor time a
//! message divided by the unit of the same minute can be compared between days and machines.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::host;
use crate::statistics;

/// Bytes of the frames that every scenario sends: 64 and their length.
pub const FRAME_BYTES: usize = 66;

const BATCH: u32 = 100;

/// Nanoseconds of one send and one receive on a core, the median of what fits into `duration`.
pub fn measure(core: usize, duration: Duration) -> io::Result<f64> {
    let thread = std::thread::spawn(move || {
        host::pin(core)?;
        run(duration)
    });
    thread.join().map_err(|_| io::Error::other("the yardstick panicked"))?
}

fn run(duration: Duration) -> io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let message = [7; FRAME_BYTES];
    let mut answer = [0; FRAME_BYTES];
    let mut samples = Vec::new();
    let start = Instant::now();
    while samples.is_empty() || start.elapsed() < duration {
        let batch = Instant::now();
        for _ in 0..BATCH {
            near.write_all(&message)?;
            far.read_exact(&mut answer)?;
            far.write_all(&answer)?;
            near.read_exact(&mut answer)?;
        }
        samples.push(batch.elapsed().as_nanos() as f64 / f64::from(2 * BATCH));
    }
    Ok(statistics::Spread::of(&samples).expect("at least one sample").median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_takes_microseconds() {
        let unit_ns = measure(host::cores().unwrap()[0], Duration::from_millis(5)).unwrap();
        assert!((100.0..10_000_000.0).contains(&unit_ns), "{unit_ns}");
    }
}
