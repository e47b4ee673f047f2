//! An agent at work: it runs its shards, shows them to the coordinator, and follows its orders.
//!
//! One thread hears, this one speaks. When the coordinator is gone the shards are told to end, and
//! nobody is told how it went.

use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::arrival::SECOND_NS;
use crate::control::{Clock, Control, Glance};
use crate::crew::Crew;
use crate::crowd::Orders;
use crate::plan::Plan;
use crate::probe::Sample;
use crate::run::Usage;

use super::QUIET;
use super::frame::{self, FrameError, Within};
use super::message::{End, TO_AGENT_BYTES_MAX, TO_COORDINATOR_BYTES_MAX, ToAgent, ToCoordinator};

/// How often the shards are shown when nothing else is to be said.
const SHOW_NS: u64 = SECOND_NS / 20;

/// How often they are looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Runs these shards of a plan by a clock, led from the other end of `stream`.
///
/// # Errors
/// When the coordinator is gone; the shards have ended then.
pub fn follow(
    stream: &TcpStream,
    plan: &Arc<Plan>,
    shards: Range<usize>,
    clock: Clock,
) -> Result<(), FrameError> {
    let control = Arc::new(Control::by(clock, shards.len()));
    let before = Sample::of_self();
    let crew = match Crew::start(plan, &control, shards) {
        Ok(crew) => crew,
        Err(error) => return say(stream, &ToCoordinator::Failed { reason: error.to_string() }),
    };
    let gone = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| hear(stream, &control, &gone));
        let mut meter = Meter::new(before, plan.scenario.measured_from_ns());
        let shown = show(stream, &control, &mut meter);
        if shown.is_err() {
            end(&control);
        }
        let end = match crew.join() {
            Ok(end) => ToCoordinator::End(Box::new(End::new(end, meter.usage()))),
            Err(error) => ToCoordinator::Failed { reason: error.to_string() },
        };
        let told = shown.and_then(|()| match gone.load(Ordering::Relaxed) {
            true => Err(FrameError::Closed),
            false => say(stream, &end),
        });
        // The coordinator closes when it has heard all; closed from here with something unread,
        // the connection would take the end down with it. It may be closed already, too.
        let how = if told.is_ok() { Shutdown::Write } else { Shutdown::Both };
        let _ = stream.shutdown(how);
        told
    })
}

fn say(mut stream: &TcpStream, message: &ToCoordinator) -> Result<(), FrameError> {
    frame::write(&mut stream, message, TO_COORDINATOR_BYTES_MAX)
}

/// Passes orders on until the coordinator is gone, then the one to end.
fn hear(stream: &TcpStream, control: &Control, gone: &AtomicBool) {
    loop {
        match frame::read(&mut Within::new(stream, QUIET), TO_AGENT_BYTES_MAX) {
            Ok(ToAgent::Orders(instants)) => control.order(instants.into()),
            Ok(ToAgent::Alive) => {}
            Ok(_) | Err(_) => break,
        }
    }
    gone.store(true, Ordering::Relaxed);
    end(control);
}

fn end(control: &Control) {
    let play_start_ns = control.orders().play_start_ns;
    control.order(Orders { play_start_ns, play_end_ns: 0, give_up_ns: 0 });
}

/// Shows the shards a few times a second, and at once when they have come to something, until they
/// have ended.
fn show(stream: &TcpStream, control: &Control, meter: &mut Meter) -> Result<(), FrameError> {
    let state = |glance: &Glance| (glance.gathered, glance.done, glance.deserted);
    let mut told = (false, false, false);
    let mut due_ns = 0;
    loop {
        thread::sleep(LOOK);
        let (now_ns, tallies) = (control.clock.now_ns(), control.tallies());
        meter.look(now_ns, control.orders());
        if tallies.ended {
            return Ok(());
        }
        if now_ns >= due_ns || state(&tallies) != told {
            (told, due_ns) = (state(&tallies), now_ns + SHOW_NS);
            say(stream, &ToCoordinator::Glance(Box::new(control.survey().into())))?;
        }
    }
}

/// What this process uses, before and while measured.
struct Meter {
    /// From the start of the play to the first stage that counts.
    warm_ns: u64,
    before: Sample,
    from: Option<Sample>,
    to: Option<Sample>,
}

impl Meter {
    fn new(before: Sample, warm_ns: u64) -> Meter {
        Meter { warm_ns, before, from: None, to: None }
    }

    fn look(&mut self, now_ns: u64, orders: Orders) {
        if now_ns >= orders.play_start_ns.saturating_add(self.warm_ns) {
            self.from.get_or_insert_with(Sample::of_self);
        }
        if now_ns >= orders.play_end_ns {
            self.to.get_or_insert_with(Sample::of_self);
        }
    }

    /// Where measuring never began, nothing was used.
    fn usage(&self) -> Usage {
        let to = self.to.unwrap_or_else(Sample::of_self);
        Usage { before: self.before, from: self.from.unwrap_or(to), to }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use crate::options::Options;
    use crate::plan::Limits;
    use crate::scenario::file::ScenarioFile;

    use super::*;

    const SCENARIO: &str = "[request.one]\nbytes = 64\n\
        [[bot]]\nname = \"b\"\nscript = [{ request = \"one\" }]\n\
        [[stage]]\nkind = \"hold\"\nseconds = 3600\nmeasure = false\n\
        [[stage]]\nkind = \"hold\"\nseconds = 1\n";

    /// What an agent says that it used, which was led to a play that began at `play_start_ns` of
    /// its clock, and soon to its end.
    fn usage(scenario: &str, play_start_ns: u64) -> Usage {
        let options = Options {
            gates: vec!["127.0.0.1:1".parse().unwrap()],
            users: 1,
            scenario: Some(Arc::new(ScenarioFile::parse(scenario).unwrap())),
            ..Options::default()
        };
        let plan = Plan::new(options, Limits { descriptors: 64, ports: 64 }).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        let clock = Clock::new();
        let agent = thread::spawn(move || follow(&far, &Arc::new(plan), 0..1, clock));
        let mut order = |play_end_ns, give_up_ns| {
            let orders = Orders { play_start_ns, play_end_ns, give_up_ns };
            let message = ToAgent::Orders(orders.into());
            frame::write(&mut near, &message, TO_AGENT_BYTES_MAX).unwrap();
        };
        order(u64::MAX, u64::MAX);
        thread::sleep(Duration::from_millis(50));
        order(0, 0);
        let usage = loop {
            match frame::read(&mut near, TO_COORDINATOR_BYTES_MAX).unwrap() {
                ToCoordinator::Glance(_) => {}
                ToCoordinator::End(end) => break end.usage,
                other => panic!("{other:?}"),
            }
        };
        near.shutdown(Shutdown::Both).unwrap();
        agent.join().unwrap().unwrap();
        usage
    }

    #[test]
    fn stages_that_do_not_count_are_in_nobodys_processor_time() {
        // The play begins at once and is ended within its first stage.
        let usage = usage(SCENARIO, 0);
        assert_eq!(usage.from, usage.to);
    }
}
