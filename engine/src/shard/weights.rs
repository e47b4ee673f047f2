//! What the fixed pieces of a shard weigh: bytes of memory each, itself and what it always owns.
//!
//! What a piece holds that grows is asked of it and is exact; what it is made of is a number here, which
//! may be rounded. Nothing of the application's own is weighed: its futures, its services' values, the
//! answers that its handlers are still making.

use super::connections::{Connection, GateRole, LoginRole, Role};
use super::message::Message;
use super::traffic::Traffic;
use crate::handler::User;

/// A TLS connection: its keys, its transcript while it shakes hands, and what the allocator adds.
pub(super) const TLS_BYTES: usize = 6 << 10;
/// A session beside its names: its place, two table entries, the head of its answers, the keys that login v2
/// leaves it.
const SESSION_BYTES: usize = 64 + 2 * 8 + 136 + 16 + 128;
/// What is kept of a request, a gate frame or a login whose handler waits, beside its content.
pub(crate) const WAITING_BYTES: usize = 512;
/// A service beside its value, and a letter beside its content.
pub(super) const SERVICE_BYTES: usize = 768;
/// A letter that waits to be delivered.
pub(super) const LETTER_BYTES: usize = 256;
/// A room's leaf, and what its home knows.
pub(super) const ROOM_BYTES: usize = 512;
/// One membership.
pub(super) const MEMBER_BYTES: usize = 64;
/// A message that waits for room in another shard's mailbox, with what it names.
pub(super) const MAIL_BYTES: usize = size_of::<Message>() + 512;

/// What a session weighs, without its stored answers.
pub(super) fn session(user: &User) -> usize {
    SESSION_BYTES + user.memory_bytes()
}

/// What a connection weighs.
pub(super) fn connection(connection: &Connection) -> usize {
    let traffic = connection.traffic().map_or(0, Traffic::memory_bytes);
    let tls = connection.tls.as_ref().map_or(0, |tls| TLS_BYTES + tls.partial_bytes());
    let web = connection.web.as_ref().map_or(0, |web| web.memory_bytes());
    size_of::<Connection>() + traffic + tls + web + role(&connection.role)
}

fn role(role: &Role) -> usize {
    match role {
        Role::None | Role::Proxied | Role::Securing | Role::Attaching | Role::Attached(_) => 0,
        Role::Login(login) => size_of::<LoginRole>() + login.machine.memory_bytes(),
        Role::Proving(challenged) => challenged.memory_bytes(),
        Role::Departing(departure) => departure.memory_bytes(),
        Role::Gate(gate) => {
            size_of::<GateRole>() + gate.pending_bytes + gate.pending as usize * WAITING_BYTES
        }
        Role::Http(http) => http.memory_bytes(),
        Role::WebSocket(socket) => socket.memory_bytes(),
        Role::Dialled(dialled) => dialled.memory_bytes(),
    }
}

/// Whether a connection's weight is all its own: what it shares with the application's code may change
/// while nobody weighs it.
#[cfg(test)]
pub(crate) fn is_steady(connection: &Connection) -> bool {
    !matches!(connection.role, Role::Http(_) | Role::WebSocket(_) | Role::Dialled(_))
}
