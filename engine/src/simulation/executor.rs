//! A single-threaded executor without a clock: what is ready runs when it is told to.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use crate::context::{Spawn, Task};

/// Tasks whose wakers have been called, in that order. Wakers must be `Send`, hence the lock.
type Ready = Arc<Mutex<VecDeque<usize>>>;

struct TaskWaker {
    index: usize,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.lock().expect("nobody panics here").push_back(self.index);
    }
}

/// The tasks of one shard.
#[derive(Clone, Default)]
pub(crate) struct Executor {
    tasks: Rc<RefCell<Vec<Option<Task>>>>,
    ready: Ready,
}

impl Spawn for Executor {
    fn spawn(&self, task: Task) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.push(Some(task));
        self.ready.lock().expect("nobody panics here").push_back(tasks.len() - 1);
    }
}

impl Executor {
    /// Polls what is ready, and what becomes ready meanwhile.
    pub(crate) fn run(&self) {
        loop {
            let Some(index) = self.ready.lock().expect("nobody panics here").pop_front() else {
                return;
            };
            let Some(mut task) = self.tasks.borrow_mut()[index].take() else { continue };
            let waker = Waker::from(Arc::new(TaskWaker { index, ready: Arc::clone(&self.ready) }));
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.tasks.borrow_mut()[index] = Some(task);
            }
        }
    }
}
