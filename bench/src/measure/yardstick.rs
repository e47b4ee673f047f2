//! How fast the machine is right now: the unit of *rel*.
//!
//! One thread owns both ends of a loopback connection and passes 66 bytes back and forth. A send
//! and a receive of those bytes, with nothing around them, is one unit. A server's processor time a
//! message divided by the unit of the same minute can be compared between days and machines. The
//! unit is processor time, as what it divides: were it the time on the wall, whatever else ran then
//! would make every server look cheap.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::generator::FRAME_BYTES;
use crate::host;
use crate::statistics;

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
        let batch_ns = processor_ns(|| {
            for _ in 0..BATCH {
                near.write_all(&message)?;
                far.read_exact(&mut answer)?;
                far.write_all(&answer)?;
                near.read_exact(&mut answer)?;
            }
            Ok(())
        })?;
        samples.push(batch_ns as f64 / f64::from(2 * BATCH));
    }
    Ok(statistics::Spread::of(&samples).expect("at least one sample").median)
}

/// Nanoseconds that this thread runs while it does something.
fn processor_ns(work: impl FnOnce() -> io::Result<()>) -> io::Result<u64> {
    let now_ns = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    };
    let before_ns = now_ns();
    work()?;
    Ok(now_ns() - before_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_off_the_processor_does_not_count() {
        let nap = Duration::from_millis(100);
        let used_ns = processor_ns(|| {
            std::thread::sleep(nap);
            Ok(())
        });
        assert!(u128::from(used_ns.unwrap()) < nap.as_nanos() / 2);
    }

    #[test]
    fn a_message_takes_microseconds() {
        let unit_ns = measure(host::cores().unwrap()[0], Duration::from_millis(5)).unwrap();
        assert!((100.0..10_000_000.0).contains(&unit_ns), "{unit_ns}");
    }
}
