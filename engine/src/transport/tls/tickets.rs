//! The keys of session tickets, shared by the listeners of a server.
//!
//! Listeners share keys, so that who has logged in resumes that session when it attaches: clients keep
//! tickets by the name of the server, not by its port. But a ticket lets its owner in without showing
//! a certificate, so it must be worth nothing where other authorities are asked for. Keys therefore
//! belong to what the file of authorities holds; they are gone when nobody uses that any more.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// Ticket keys. A clone has the same ones.
#[derive(Clone, Debug, Default)]
pub struct Tickets {
    known: Arc<Mutex<Vec<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    /// What the file of authorities holds; None where clients show nothing.
    client_ca: Option<Vec<u8>>,
    keys: Weak<dyn ProducesTickets>,
}

impl Tickets {
    /// The keys of listeners that ask for certificates of these authorities.
    pub(super) fn of(
        &self,
        client_ca: Option<&[u8]>,
    ) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|entry| entry.keys.strong_count() > 0);
        let found = known.iter().find(|entry| entry.client_ca.as_deref() == client_ca);
        if let Some(keys) = found.and_then(|entry| entry.keys.upgrade()) {
            return Ok(keys);
        }
        let keys = Ticketer::new()?;
        let (client_ca, weak) = (client_ca.map(<[u8]>::to_vec), Arc::downgrade(&keys));
        known.push(Entry { client_ca, keys: weak });
        Ok(keys)
    }
}
