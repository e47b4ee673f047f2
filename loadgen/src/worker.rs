//! A shard of the generator: one thread, one ring, one crowd.
//!
//! Each turn hands the crowd the time, submits what it asks for, sleeps in the ring until something
//! happens or is due, and hands it what happened. The time is read once before and once after the
//! sleep, never in between: answers that came in one batch arrived together, as far as this process
//! can tell.

use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use skyring::driver::uring::UringDriver;
use skyring::driver::uring::directory::RingDirectory;
use skyring::driver::uring::options::{DriverStats, UringOptions};
use skyring::driver::{Driver, Event, ShardIndex, Wait};

use crate::control::Control;
use crate::crowd::Crowd;
use crate::plan::Plan;
use crate::record::Record;
use crate::schedule::SECOND_NS;

/// The longest sleep, so that orders are heard and the live view lives.
const SLEEP_NS_MAX: u64 = SECOND_NS / 50;

/// How often a shard shows a glance of itself.
const GLANCE_NS: u64 = SECOND_NS / 20;

/// Receive buffers of a shard, and their size: room for a burst of answers, little enough that many
/// shards fit a small machine.
const BUFFERS: u16 = 1024;
const BUFFER_BYTES: u32 = 2048;

/// What a shard leaves behind.
#[derive(Debug)]
pub struct ShardEnd {
    /// What it has seen.
    pub record: Record,
    /// What its ring counted.
    pub driver: DriverStats,
}

/// Runs shard `shard` of a plan on this thread, until its crowd is done.
///
/// # Errors
/// The operating system's, when there is no ring.
pub fn run(
    plan: &Arc<Plan>,
    shard: usize,
    control: &Control,
    directory: Arc<RingDirectory>,
) -> io::Result<ShardEnd> {
    // A sleep that ends 50 microseconds late by the kernel's default would be the generator's
    // lateness in every open loop. Where this is refused, the lateness shows it.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    let options = UringOptions {
        slots: plan.slots,
        buffers: BUFFERS,
        buffer_bytes: BUFFER_BYTES,
        ..UringOptions::default()
    };
    let index = u16::try_from(shard).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut driver = UringDriver::new(&options, ShardIndex(index), directory)?;
    let mut crowd = Crowd::new(Arc::clone(plan), shard as u32);
    turn_until_over(&mut driver, &mut crowd, plan.options.spin, control, shard);
    Ok(ShardEnd { record: crowd.into_record(), driver: driver.stats() })
}

fn turn_until_over<D: Driver>(
    driver: &mut D,
    crowd: &mut Crowd,
    spin: bool,
    control: &Control,
    shard: usize,
) {
    let mut events = Vec::new();
    let mut glance_ns = 0;
    loop {
        let now_ns = control.clock.now_ns();
        crowd.advance(now_ns, control.orders());
        for operation in crowd.operations() {
            driver.submit(operation);
        }
        let over = crowd.is_over(now_ns);
        if over || now_ns >= glance_ns {
            show(crowd, control, shard);
            glance_ns = now_ns + GLANCE_NS;
        }
        if over {
            return;
        }
        driver.turn(sleep(crowd, now_ns, spin), &mut events);
        let now_ns = control.clock.now_ns();
        for event in events.drain(..) {
            match event {
                Event::Received { token, lease, armed } => {
                    crowd.on_received(token, driver.bytes(&lease), armed, now_ns);
                    driver.release(lease);
                }
                other => crowd.on_event(other, now_ns),
            }
        }
    }
}

fn sleep(crowd: &Crowd, now_ns: u64, spin: bool) -> Wait {
    let due_ns = crowd.next_due_ns().unwrap_or(u64::MAX);
    let wait_ns = due_ns.saturating_sub(now_ns).min(SLEEP_NS_MAX);
    if spin || wait_ns == 0 { Wait::Poll } else { Wait::AtMost(Duration::from_nanos(wait_ns)) }
}

fn show(crowd: &mut Crowd, control: &Control, shard: usize) {
    let mut glance = control.glance(shard);
    glance.tally = crowd.tally();
    glance.counters = crowd.record().counters;
    glance.gathered = crowd.is_gathered();
    crowd.take_recent(&mut glance.recent);
}
