//! A value that one piece of code waits for and another one will have: what `skynet.wait` and
//! `skynet.wakeup` are for.
//!
//! A handler that cannot answer yet makes a promise, leaves the one half where whoever can answer
//! finds it, and waits for the other. Both halves stay on their shard.
//!
//! ```
//! use skyring::promise::{Promise, promise};
//!
//! /// A door that opens once.
//! #[derive(Default)]
//! struct Door(std::cell::RefCell<Vec<Promise<&'static str>>>);
//!
//! impl Door {
//!     async fn wait(&self) -> Option<&'static str> {
//!         let (promise, promised) = promise();
//!         self.0.borrow_mut().push(promise);
//!         promised.await
//!     }
//!
//!     fn open(&self) {
//!         for promise in self.0.take() {
//!             let _ = promise.keep("come in");
//!         }
//!     }
//! }
//! ```

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use crate::context::Context;

/// Where the value is left.
struct Place<T> {
    value: Cell<Option<T>>,
    /// There is no value, and there will be none.
    is_broken: Cell<bool>,
    waiting: Cell<Option<Waker>>,
}

/// A promise and what it promises.
pub fn promise<T>() -> (Promise<T>, Promised<T>) {
    let (value, is_broken, waiting) = (Cell::default(), Cell::default(), Cell::default());
    let place = Rc::new(Place { value, is_broken, waiting });
    (Promise(Rc::clone(&place)), Promised(place))
}

/// To be kept. Dropped, it is broken: who waits gets nothing.
#[must_use = "a promise that is dropped is broken"]
pub struct Promise<T>(Rc<Place<T>>);

impl<T> Promise<T> {
    /// Gives the value to whoever waits.
    ///
    /// # Errors
    /// The value, because nobody waits any more.
    pub fn keep(self, value: T) -> Result<(), T> {
        if !self.is_awaited() {
            return Err(value);
        }
        self.0.value.set(Some(value));
        Ok(()) // Dropping the promise wakes.
    }

    /// Whether somebody still waits, or will.
    pub fn is_awaited(&self) -> bool {
        Rc::strong_count(&self.0) > 1
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.0.is_broken.set(true);
        if let Some(waker) = self.0.waiting.take() {
            waker.wake();
        }
    }
}

/// A value to come; none if the promise was broken. Dropping it is to wait no longer.
#[must_use = "dropping it is to wait no longer"]
pub struct Promised<T>(Rc<Place<T>>);

impl<T> Promised<T> {
    /// Waits so long at most; none also when it was in vain.
    pub async fn within(mut self, context: &Context, patience: Duration) -> Option<T> {
        let mut late = pin!(context.sleep(patience));
        poll_fn(|cx| match Pin::new(&mut self).poll(cx) {
            Poll::Pending => late.as_mut().poll(cx).map(|()| None),
            ready => ready,
        })
        .await
    }
}

impl<T> Future for Promised<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<T>> {
        let value = self.0.value.take();
        if value.is_some() || self.0.is_broken.get() {
            return Poll::Ready(value);
        }
        self.0.waiting.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl<T> std::fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Promise {{ is_awaited: {} }}", self.is_awaited())
    }
}

impl<T> std::fmt::Debug for Promised<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Promised {{ is_broken: {} }}", self.0.is_broken.get())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    /// Counts how often it was woken.
    #[derive(Default)]
    struct Bell(AtomicU32);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Bell {
        fn poll<T>(self: &Arc<Bell>, promised: &mut Promised<T>) -> Poll<Option<T>> {
            let waker = Waker::from(Arc::clone(self));
            Pin::new(promised).poll(&mut TaskContext::from_waker(&waker))
        }

        fn rung(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn what_is_promised_comes() {
        let bell = Arc::new(Bell::default());
        let (promise, mut promised) = promise();
        assert_eq!(bell.poll(&mut promised), Poll::Pending);
        assert!(promise.is_awaited());
        assert_eq!((promise.keep(7), bell.rung()), (Ok(()), 1));
        assert_eq!(bell.poll(&mut promised), Poll::Ready(Some(7)));
    }

    #[test]
    fn a_value_that_is_there_needs_no_waking() {
        let (promise, mut promised) = promise();
        assert_eq!(promise.keep("now"), Ok(()));
        assert_eq!(Arc::new(Bell::default()).poll(&mut promised), Poll::Ready(Some("now")));
    }

    #[test]
    fn a_broken_promise_is_told() {
        let bell = Arc::new(Bell::default());
        let (promise, mut promised) = promise::<u8>();
        assert_eq!(bell.poll(&mut promised), Poll::Pending);
        drop(promise);
        assert_eq!(bell.rung(), 1);
        assert_eq!(bell.poll(&mut promised), Poll::Ready(None));
    }

    #[test]
    fn whoever_has_left_gets_nothing() {
        let (promise, promised) = promise();
        drop(promised);
        assert!(!promise.is_awaited());
        assert_eq!(promise.keep(7), Err(7));
    }
}
