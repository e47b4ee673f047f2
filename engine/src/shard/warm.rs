//! Brings what a batch of events needs into the processor's cache before the events are handled.
//!
//! A turn sees every connection once or so, and the sessions of a busy shard do not fit the cache:
//! handled one by one, each event waits for memory at every pointer on its way, connection, session,
//! cache, answer log. Here a few events go that way side by side, one pointer at a time. The reads of
//! one step do not depend on each other, so the processor waits for all of them together.
//!
//! Reading has no effect but time; what has become of a connection meanwhile does not matter.

use std::hint::black_box;

use super::connections::Role;
use super::core::Core;
use super::sessions::Session;
use crate::driver::Event;

/// Events that are warmed for together: enough for the memory to be kept busy, few enough for what
/// they need to stay in the smallest caches until they are handled.
pub(super) const GROUP: usize = 16;

/// Events that are too few to overlap: each would read what its handling reads just after.
const FEW: usize = 4;

impl Core {
    /// Warms up for the next events, at most [`GROUP`].
    pub(super) fn warm(&self, events: &[Event]) {
        if events.len() <= FEW {
            return;
        }
        for event in events {
            if let Event::Received { token, .. } | Event::Sent { token, .. } = event {
                black_box(self.connections.at(token.slot).unsent_bytes());
            }
        }
        let mut sessions = [None; GROUP];
        for (event, session) in events.iter().zip(&mut sessions) {
            *session = self.session_asked(event);
        }
        for session in sessions.iter().flatten() {
            session.user.warm();
            session.state.warm();
        }
        for (event, session) in events.iter().zip(&sessions) {
            if let (Event::Received { lease, .. }, Some(session)) = (event, session) {
                // An answer may be of any length; that of its request is the best guess.
                session.state.warm_answers(lease.bytes as usize);
            }
        }
    }

    /// The session that an event brings a request for.
    fn session_asked(&self, event: &Event) -> Option<&Session> {
        let Event::Received { token, .. } = event else { return None };
        match self.connections.at(token.slot).role {
            Role::Attached(key) => self.sessions.get(key),
            _ => None,
        }
    }
}
