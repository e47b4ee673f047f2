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

use crate::arrival::SECOND_NS;
use crate::control::{Control, Glance};
use crate::crowd::{Crowd, Orders};
use crate::plan::Plan;
use crate::probe;
use crate::record::Record;

/// The longest sleep, so that orders are heard and the live view lives.
const SLEEP_NS_MAX: u64 = SECOND_NS / 50;

/// How often a shard shows a glance of itself.
const GLANCE_NS: u64 = SECOND_NS / 20;

/// How long no connection may get any further with closing at the end.
const WIND_UP_NS_MAX: u64 = 5 * SECOND_NS;

/// Receive buffers of all shards, of one shard at least and at most, and the bytes of one: room for
/// a burst of answers, little enough that many shards fit a small machine.
const BUFFERS: u16 = 8192;
const BUFFERS_MIN: u16 = 128;
const BUFFERS_MAX: u16 = 1024;
const BUFFER_BYTES: u32 = 2048;

/// What a shard leaves behind.
#[derive(Debug)]
pub struct ShardEnd {
    /// What it has seen.
    pub record: Record,
    /// What its ring counted.
    pub driver: DriverStats,
    /// Share of the measured time that its thread ran or waited for a processor, if it was read.
    pub busy: Option<f64>,
}

/// Runs shard `shard` of a plan on this thread, until its crowd is done. `place` is its own among
/// those of this process: in the control, and in the directory.
///
/// # Errors
/// The operating system's, when there is no ring.
pub fn run(
    plan: &Arc<Plan>,
    shard: u16,
    place: u16,
    control: &Control,
    directory: Arc<RingDirectory>,
) -> io::Result<ShardEnd> {
    // A sleep that ends 50 microseconds late by the kernel's default would be the generator's
    // lateness in every open loop. Where this is refused, the lateness shows it.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    let shards = u16::try_from(control.places()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let options = UringOptions {
        slots: plan.slots,
        buffers: (BUFFERS / shards).clamp(BUFFERS_MIN, BUFFERS_MAX),
        buffer_bytes: BUFFER_BYTES,
        // A batch that waits for its last answers would put the wait into every one of its times.
        minimum_wait: false,
        ..UringOptions::default()
    };
    let mut driver = UringDriver::new(&options, ShardIndex(place), directory)?;
    let mut crowd = Crowd::new(Arc::clone(plan), u32::from(shard));
    let busy = turn_until_over(&mut driver, &mut crowd, plan, control, usize::from(place));
    let driver_stats = driver.stats();
    wind_up(&mut driver, &mut crowd, control);
    Ok(ShardEnd { record: crowd.into_record(), driver: driver_stats, busy })
}

/// Closes what is open; a ring that is dropped with connections in it makes the kernel look for
/// every one of them among all of them.
fn wind_up<D: Driver>(driver: &mut D, crowd: &mut Crowd, control: &Control) {
    let mut events = Vec::new();
    let mut moved_ns = control.clock.now_ns();
    crowd.disband();
    while !crowd.is_disbanded() && control.clock.now_ns() < moved_ns + WIND_UP_NS_MAX {
        crowd.operations().for_each(|operation| driver.submit(operation));
        driver.turn(Wait::AtMost(Duration::from_nanos(SLEEP_NS_MAX)), &mut events);
        if !events.is_empty() {
            moved_ns = control.clock.now_ns();
        }
        take(driver, crowd, &mut events, control.clock.now_ns());
    }
}

fn take<D: Driver>(driver: &mut D, crowd: &mut Crowd, events: &mut Vec<Event>, now_ns: u64) {
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

fn turn_until_over<D: Driver>(
    driver: &mut D,
    crowd: &mut Crowd,
    plan: &Plan,
    control: &Control,
    place: usize,
) -> Option<f64> {
    let mut demand = Demand::default();
    let mut events = Vec::new();
    let mut glance_ns = 0;
    let mut nap = Duration::from_nanos(plan.options.nap_ns);
    loop {
        if !nap.is_zero() && is_half_way(control) {
            std::thread::sleep(std::mem::take(&mut nap));
        }
        let now_ns = control.clock.now_ns();
        let orders = control.orders();
        demand.look(now_ns, orders, plan.scenario.measured_from_ns());
        crowd.advance(now_ns, orders);
        for operation in crowd.operations() {
            driver.submit(operation);
        }
        let over = crowd.is_over(now_ns);
        if over || now_ns >= glance_ns {
            show(crowd, control, place, now_ns);
            glance_ns = now_ns + GLANCE_NS;
        }
        if over {
            return demand.share();
        }
        driver.turn(sleep(crowd, now_ns, plan.options.spin), &mut events);
        take(driver, crowd, &mut events, control.clock.now_ns());
    }
}

fn is_half_way(control: &Control) -> bool {
    let Orders { play_start_ns, play_end_ns, .. } = control.orders();
    let half_ns = play_end_ns.saturating_sub(play_start_ns) / 2;
    control.clock.now_ns() >= play_start_ns.saturating_add(half_ns)
}

/// How much of a processor this thread wants while measuring: the instant and the sum of what it
/// has run and waited, when measuring began and when the play ended.
#[derive(Clone, Copy, Debug, Default)]
struct Demand {
    from: Option<(u64, u64)>,
    to: Option<(u64, u64)>,
}

impl Demand {
    fn look(&mut self, now_ns: u64, orders: Orders, warm_ns: u64) {
        let read = || probe::thread_demand_ns().map(|demand_ns| (now_ns, demand_ns));
        if self.from.is_none() && now_ns >= orders.play_start_ns.saturating_add(warm_ns) {
            self.from = read();
        }
        if self.to.is_none() && now_ns >= orders.play_end_ns {
            self.to = read();
        }
    }

    fn share(&self) -> Option<f64> {
        let ((from_ns, before_ns), (to_ns, after_ns)) = (self.from?, self.to?);
        let wall_ns = to_ns.checked_sub(from_ns).filter(|ns| *ns > 0)?;
        Some(after_ns.saturating_sub(before_ns) as f64 / wall_ns as f64)
    }
}

fn sleep(crowd: &Crowd, now_ns: u64, spin: bool) -> Wait {
    let due_ns = crowd.next_due_ns().unwrap_or(u64::MAX);
    let wait_ns = due_ns.saturating_sub(now_ns).min(SLEEP_NS_MAX);
    if spin || wait_ns == 0 { Wait::Poll } else { Wait::AtMost(Duration::from_nanos(wait_ns)) }
}

fn show(crowd: &mut Crowd, control: &Control, place: usize, now_ns: u64) {
    let mut glance = control.glance(place);
    glance.tally = crowd.tally();
    glance.counters = crowd.record().counters;
    glance.gathered = crowd.is_gathered();
    glance.done = crowd.is_done(now_ns);
    glance.seen_ns = now_ns;
    let Glance { recent, recent_late, .. } = &mut *glance;
    crowd.take_recent(recent, recent_late);
}
