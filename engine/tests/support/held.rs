//! Requests and logins that a test lets finish when it wants to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use skyring::context::Context;

use super::eventually;

/// Handlers that wait, by name, shared by the test and the application on every shard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Arc<Mutex<HashMap<Vec<u8>, Waiting>>>);

/// How many wait under one name, and how many of them may go.
#[derive(Debug, Default)]
struct Waiting {
    waiting: usize,
    released: usize,
}

impl Held {
    /// Lets a held handler finish, and waits until it has noticed. It may be yet to come.
    pub(crate) fn release(&self, name: &[u8]) {
        self.0.lock().unwrap().entry(name.to_vec()).or_default().released += 1;
        eventually("the held handler goes on", || {
            self.0.lock().unwrap().get(name).is_none_or(|held| held.released == 0)
        });
    }

    /// Handlers that wait now under this name.
    pub(crate) fn waiting(&self, name: &[u8]) -> usize {
        self.0.lock().unwrap().get(name).map_or(0, |held| held.waiting)
    }

    /// Waits, inside a handler, to be released.
    pub(crate) async fn wait(&self, context: &Context, name: &[u8]) {
        self.0.lock().unwrap().entry(name.to_vec()).or_default().waiting += 1;
        while !self.goes(name) {
            context.sleep(Duration::from_millis(1)).await;
        }
    }

    fn goes(&self, name: &[u8]) -> bool {
        let mut held = self.0.lock().unwrap();
        let held = held.get_mut(name).expect("whoever waits is counted");
        let goes = held.released > 0;
        if goes {
            held.released -= 1;
            held.waiting -= 1;
        }
        goes
    }
}
