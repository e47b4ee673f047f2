//! Requests that a test lets finish when it wants to.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use skyring::context::Context;

use super::eventually;

/// Names of held requests that may finish, shared by the test and the application on every shard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Arc<Mutex<HashSet<Vec<u8>>>>);

impl Held {
    /// Lets a held request finish, and waits until its handler has noticed.
    pub(crate) fn release(&self, name: &[u8]) {
        self.0.lock().unwrap().insert(name.to_vec());
        eventually("the held request finishes", || !self.0.lock().unwrap().contains(name));
    }

    /// Waits, inside a handler, to be released.
    pub(crate) async fn wait(&self, context: &Context, name: &[u8]) {
        while !self.0.lock().unwrap().remove(name) {
            context.sleep(Duration::from_millis(1)).await;
        }
    }
}
