//! Sessions that a client may resume: what the servers that it has met gave it for that.
//!
//! A ticket of TLS 1.3 is used once (RFC 8446 appendix C.4), so who opens many connections to one
//! server at a time needs as many tickets; how many are kept is the caller's choice. Of TLS 1.2
//! there is one session a server, used as often as it is valid. The oldest go when there is no room;
//! where there are too many servers, one of them is forgotten.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// Servers that are remembered.
const SERVERS_MAX: usize = 256;

#[derive(Default)]
struct Known {
    group: Option<NamedGroup>,
    session: Option<Tls12ClientSessionValue>,
    tickets: VecDeque<Tls13ClientSessionValue>,
}

/// The sessions of all connections that share a configuration.
pub(super) struct Sessions {
    tickets_max: usize,
    servers: Mutex<HashMap<ServerName<'static>, Known>>,
}

impl Sessions {
    /// None yet; up to so many tickets a server.
    pub(super) fn new(tickets_max: usize) -> Sessions {
        Sessions { tickets_max, servers: Mutex::default() }
    }

    fn servers(&self) -> MutexGuard<'_, HashMap<ServerName<'static>, Known>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, server: &ServerName<'_>, change: impl FnOnce(&mut Known) -> R) -> R {
        let mut servers = self.servers();
        let server = server.to_owned();
        if servers.len() >= SERVERS_MAX && !servers.contains_key(&server) {
            let forgotten = servers.keys().next().cloned();
            forgotten.map(|forgotten| servers.remove(&forgotten));
        }
        change(servers.entry(server).or_default())
    }
}

impl fmt::Debug for Sessions {
    /// Never shows what is inside.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions {{ of {} servers }}", self.servers().len())
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.change(&server, |known| known.group = Some(group));
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.servers().get(&server.to_owned())?.group
    }

    fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.change(&server, |known| known.session = Some(value));
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.servers().get(&server.to_owned())?.session.clone()
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.change(server, |known| known.session = None);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.change(&server, |known| {
            if known.tickets.len() >= self.tickets_max {
                known.tickets.pop_front();
            }
            known.tickets.push_back(value);
        });
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.servers().get_mut(server)?.tickets.pop_back()
    }
}

/// Resumes nothing, and keeps what it is given for those that do.
#[derive(Debug)]
pub(super) struct Afresh(pub(super) Arc<Sessions>);

impl ClientSessionStore for Afresh {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server, value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.0.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(server, value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}
