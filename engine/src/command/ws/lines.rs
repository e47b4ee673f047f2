//! The lines of standard input, for a shard: a thread reads them, and waits while many are unsent.

use std::future::poll_fn;
use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

/// Lines that wait.
const LINES_MAX: usize = 64;

/// What comes from another thread.
pub(super) struct Lines {
    receiver: Receiver<io::Result<Vec<u8>>>,
    waiting: Arc<Mutex<Option<Waker>>>,
}

impl Lines {
    /// Begins to read. The thread ends with the input, or with the process.
    pub(super) fn of_standard_input() -> Lines {
        let (sender, receiver) = sync_channel(LINES_MAX);
        let waiting = Arc::new(Mutex::new(None));
        let reader = Arc::clone(&waiting);
        thread::spawn(move || {
            read(&sender, &reader);
            drop(sender);
            wake(&reader);
        });
        Lines { receiver, waiting }
    }

    /// The next line, without its end, or why there is none; None behind the last.
    pub(super) async fn next(&self) -> Option<io::Result<Vec<u8>>> {
        poll_fn(|cx| {
            // Before a line is looked for, so that one that comes meanwhile wakes.
            *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
            match self.receiver.try_recv() {
                Ok(line) => Poll::Ready(Some(line)),
                Err(TryRecvError::Disconnected) => Poll::Ready(None),
                Err(TryRecvError::Empty) => Poll::Pending,
            }
        })
        .await
    }
}

fn read(sender: &SyncSender<io::Result<Vec<u8>>>, waiting: &Mutex<Option<Waker>>) {
    for mut line in io::stdin().lock().split(b'\n') {
        if let Ok(line) = &mut line
            && line.last() == Some(&b'\r')
        {
            line.pop();
        }
        let is_failure = line.is_err();
        if sender.send(line).is_err() || is_failure {
            return;
        }
        wake(waiting);
    }
}

fn wake(waiting: &Mutex<Option<Waker>>) {
    let waker = waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(waker) = waker {
        waker.wake();
    }
}
