//! All hostile connections of a run, on one thread.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::sortie::{Outcome, Sortie, Underway};

/// The connections under way, each with the number of its kind.
#[derive(Default)]
pub struct Field {
    underway: Vec<(usize, Underway)>,
}

impl Field {
    /// Begins a sortie of a kind.
    ///
    /// # Errors
    /// What the system says when there is no socket or no address for it.
    pub fn launch(&mut self, kind: usize, sortie: Sortie, now: Instant) -> io::Result<()> {
        self.underway.push((kind, Underway::begin(sortie, now)?));
        Ok(())
    }

    /// Sorties of a kind that are under way.
    pub fn count(&self, kind: usize) -> usize {
        self.underway.iter().filter(|(it, _)| *it == kind).count()
    }

    /// Whether none is under way.
    pub fn is_empty(&self) -> bool {
        self.underway.is_empty()
    }

    /// Waits at most so long and carries all of them on; tells those that have ended.
    ///
    /// # Errors
    /// What the system says to waiting.
    pub fn turn(&mut self, wait: Duration, mut tell: impl FnMut(usize, Outcome)) -> io::Result<()> {
        let mut fds: Vec<PollFd<'_>> = self.underway.iter().map(|(_, it)| it.interest()).collect();
        let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
        match poll(&mut fds, Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        let (now, mut ready) = (Instant::now(), ready.into_iter());
        self.underway.retain_mut(|(kind, underway)| {
            let ready = ready.next().unwrap_or(PollFlags::empty());
            let ended = underway.turn(ready, now);
            ended.map(|outcome| tell(*kind, outcome)).is_none()
        });
        Ok(())
    }
}
