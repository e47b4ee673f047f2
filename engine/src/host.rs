//! Where a shard runs: a glommio executor, pinned to a core, whose one long task turns the shard.
//!
//! The ring of the shard and the ring of the executor share the thread. With traffic, the thread
//! sleeps in the shard's ring, a slice at a time, and lets other tasks run in between. After a quiet
//! period it parks in the executor instead, on an eventfd that the shard's ring signals, so that an
//! idle core is idle and a timer or a task of the application wakes it as usual.
//!
//! **Two ways to let others run.** `yield_now` runs the tasks that are ready and nothing else. The
//! executor's own rings and timers are looked at only when no task of ours is ready, so now and
//! then the shard's task waits for a glommio timer that is due in a moment. Plain yields cannot do
//! that, and relying on glommio's preemption timer is unsafe: when the kernel takes the processor
//! away for longer than that timer between arming it and the first task, glommio 0.9 believes that
//! no task is ready and parks, for ever if nothing else is armed. The timer is therefore set so far
//! away that it never fires.
//!
//! glommio is named in this file only.
#![allow(unsafe_code)] // one block: glommio takes over a descriptor

use std::any::Any;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::panic::catch_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use glommio::io::BufferedFile;
use glommio::timer::Timer;
use glommio::{
    BuilderErrorKind, ExecutorJoinHandle, GlommioError, LocalExecutorBuilder, Placement,
};

use crate::context::{ShardSide, Spawn, Task};
use crate::driver::uring::UringDriver;
use crate::driver::{Event, Wait};
use crate::shard::{Park, Shard};

/// Longest sleep in the shard's ring, and longest time that tasks which are ready wait for their turn.
const SLICE: Duration = Duration::from_millis(1);
/// Longest time that the executor's own rings and timers wait for a look, which costs some 30 microseconds.
const VISIT: Duration = Duration::from_millis(5);
/// How far away the timer of a look is: past by the time that the executor comes to it, so it sleeps over none.
const MOMENT: Duration = Duration::from_micros(1);
/// glommio's preemption timer: never in practice, see above.
const PREEMPTION: Duration = Duration::from_secs(24 * 3600);
/// Quiet time after which the thread parks in the executor.
const QUIET: Duration = Duration::from_millis(2);

/// A thread that runs one shard.
pub(crate) type ShardThread = ExecutorJoinHandle<()>;

/// Starts a pinned executor and runs what `make` makes there.
///
/// # Errors
/// When the thread cannot be started. An executor that cannot be set up there (no such core, no
/// memory for its rings, no descriptors) is an error of [`join`].
pub(crate) fn spawn<F>(
    name: &str,
    core: usize,
    make: impl FnOnce() -> F + Send + 'static,
) -> io::Result<ShardThread>
where
    F: Future<Output = ()> + 'static,
{
    // Without a descriptor to read the machine's topology by, glommio panics.
    let builder = catch_unwind(|| LocalExecutorBuilder::new(Placement::Fixed(core)));
    builder
        .map_err(|panic| io::Error::other(said(&*panic).to_owned()))?
        .name(name)
        .io_memory(64 << 10)
        .ring_depth(64)
        .preempt_timer(PREEMPTION)
        .spawn(move || async move { make().await })
        .map_err(system_error)
}

/// Waits for a shard's thread.
///
/// # Errors
/// When it panicked, or its executor could not be set up: one line.
pub(crate) fn join(thread: ShardThread) -> io::Result<()> {
    thread.join().map_err(|error| match error {
        GlommioError::BuilderError(BuilderErrorKind::ThreadPanic(panic)) => {
            let lines: Vec<&str> = said(&*panic).lines().map(str::trim).collect();
            io::Error::other(format!("its thread panicked: {}", lines.join(" ")))
        }
        error => system_error(error),
    })
}

/// What the operating system said, where it was that. glommio looks at the limit of locked memory itself.
fn system_error(error: GlommioError<()>) -> io::Error {
    match error {
        GlommioError::IoError(source) if source.raw_os_error().is_some() => source,
        error => match error.to_string() {
            text if text.contains("MemLockLimit") => io::Error::from_raw_os_error(libc::ENOMEM),
            text => io::Error::other(text),
        },
    }
}

/// The operating system's number for an error, also where glommio has panicked over it and its words are all that
/// is left.
pub(crate) fn system_code(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| {
        let text = error.to_string();
        let (_, rest) = text.split_once("Os { code: ")?;
        rest.split_once(',')?.0.parse().ok()
    })
}

/// What a panic said, if it said anything.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

impl Park for UringDriver {
    fn prepare_to_park(&mut self, events: &mut Vec<Event>) -> bool {
        UringDriver::prepare_to_park(self, events)
    }

    fn unpark(&mut self) {
        UringDriver::unpark(self);
    }
}

/// Tasks of the executor that runs the caller. What runs is counted, and wakes the shard's own task where that
/// waits for the executor's rings: these are looked at only when no task is ready, and one that computes in slices is
/// ready again at once, for as long as it likes.
#[derive(Clone, Default)]
pub(crate) struct Tasks(Rc<Running>);

#[derive(Default)]
struct Running {
    polls: Cell<u64>,
    shard: Cell<Option<Waker>>,
}

impl Tasks {
    /// Times that tasks have run.
    fn polls(&self) -> u64 {
        self.0.polls.get()
    }

    /// Whether a task has run since; if none has, the next one wakes the caller.
    fn have_run_since(&self, polls: u64, cx: &Context<'_>) -> bool {
        self.0.shard.set(Some(cx.waker().clone()));
        self.polls() != polls
    }
}

impl Spawn for Tasks {
    fn spawn(&self, mut task: Task) {
        let running = Rc::clone(&self.0);
        let counted = poll_fn(move |cx| {
            running.polls.set(running.polls.get().wrapping_add(1));
            if let Some(shard) = running.shard.take() {
                shard.wake();
            }
            task.as_mut().poll(cx)
        });
        glommio::spawn_local(counted).detach();
    }
}

/// Turns a shard until `step`, called before every turn, says that it is done. `bell` becomes
/// readable when the shard is parked and its ring has something.
pub(crate) async fn run(
    mut shard: Shard<UringDriver>,
    side: Rc<ShardSide>,
    tasks: Tasks,
    bell: OwnedFd,
    mut step: impl FnMut(&mut Shard<UringDriver>) -> bool,
) {
    let mut bell = Bell::new(bell);
    let mut now = Instant::now();
    let (mut busy_until, mut yielded, mut visited) = (now, now, now);
    let mut polls = tasks.polls();
    while step(&mut shard) {
        // A task that has just run may be ready again.
        let ran = std::mem::replace(&mut polls, tasks.polls()) != tasks.polls();
        let happened = shard.turn(if ran { Wait::Poll } else { Wait::AtMost(SLICE) });
        if ran || side.has_tasks_or_forks() || now - yielded >= SLICE {
            // A handler that waits may have been woken: it runs now, not at the next visit. What the
            // turn has queued, answers among it, does not wait for it.
            shard.driver_mut().submit_queued();
            glommio::executor().yield_now().await;
            yielded = now;
        }
        now = Instant::now();
        if happened || ran {
            busy_until = now + QUIET;
        }
        if now >= busy_until && shard.prepare_to_park() {
            let next = shard.until_next_timer();
            park(&mut bell, &side, &tasks, next).await;
            shard.unpark();
            now = Instant::now();
            (yielded, visited) = (now, now);
        } else if now - visited >= VISIT {
            visit(&tasks).await;
            (yielded, visited) = (now, now);
        }
    }
}

/// Lets the executor look at its rings and timers, unless tasks run meanwhile: they may leave it no time for that.
async fn visit(tasks: &Tasks) {
    let polls = tasks.polls();
    let mut timer = Timer::new(MOMENT);
    let mut has_waited = false;
    poll_fn(|cx| {
        if tasks.have_run_since(polls, cx) {
            return Poll::Ready(());
        }
        while Pin::new(&mut timer).poll(cx).is_ready() {
            if has_waited {
                return Poll::Ready(());
            }
            // One that is past when it is first polled waits for nothing.
            timer.reset(MOMENT);
        }
        has_waited = true;
        Poll::Pending
    })
    .await;
}

/// Waits for the shard's ring, for a deed of the application, for a task that runs, or for the next timer.
async fn park(bell: &mut Bell, side: &ShardSide, tasks: &Tasks, next: Option<Duration>) {
    let polls = tasks.polls();
    let mut timer = next.map(Timer::new);
    poll_fn(|cx| {
        side.park(cx.waker());
        let ran = tasks.have_run_since(polls, cx);
        let due = timer.as_mut().is_some_and(|timer| Pin::new(timer).poll(cx).is_ready());
        if bell.poll(cx).is_ready() || due || ran || !side.is_idle() {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

/// An eventfd read through the executor. The read outlives a single wait: one that was abandoned
/// would swallow the next ring.
struct Bell {
    file: Rc<BufferedFile>,
    reading: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Bell {
    fn new(eventfd: OwnedFd) -> Bell {
        // SAFETY: the descriptor is owned by nobody else from here on.
        let file = unsafe { BufferedFile::from_raw_fd(eventfd.into_raw_fd()) };
        Bell { file: Rc::new(file), reading: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let file = Rc::clone(&self.file);
        let reading = self.reading.get_or_insert_with(|| {
            Box::pin(async move {
                // What is read is a count; a failure wakes the shard too, which then looks itself.
                let _ = file.read_at(0, 8).await;
            })
        });
        let rung = reading.as_mut().poll(cx);
        if rung.is_ready() {
            self.reading = None;
        }
        rung
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn a_visit_runs_what_is_ready_and_what_is_due() {
        let core = crate::cores::allowed()[0];
        let thread = spawn("visit", core, || async {
            let tasks = Tasks::default();
            for _ in 0..1000 {
                let done = Rc::new(Cell::new(0));
                let own = Rc::clone(&done);
                let task = glommio::spawn_local(async move {
                    own.set(1);
                    Timer::new(Duration::from_micros(50)).await;
                    own.set(2);
                });
                task.detach();
                visit(&tasks).await;
                assert_ne!(done.get(), 0, "it was ready");
                sleep(Duration::from_micros(50));
                visit(&tasks).await;
                assert_eq!(done.get(), 2, "its timer was due");
            }
        });
        join(thread.unwrap()).unwrap();
    }
}
