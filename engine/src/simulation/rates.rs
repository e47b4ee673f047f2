//! What the game and its players know of rates and proxies, for the checks.
//!
//! Rates say two things: nobody gets more than his limit, and nobody is refused who has not even tried so
//! often. The first is seen by the game, the second by the players.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::dial::{INVENTED, PROXIES};

const MINUTE_MS: u64 = 60_000;

#[derive(Debug, Default)]
pub(super) struct RateLedger {
    /// Logins that players began, by user and by address.
    by_user: BTreeMap<Vec<u8>, u32>,
    by_address: BTreeMap<IpAddr, u32>,
    /// Logins that came to be decided, by user.
    decided: BTreeMap<Vec<u8>, u64>,
}

impl RateLedger {
    /// A player begins a login.
    pub(super) fn tries(&mut self, uid: &[u8], address: IpAddr) {
        *self.by_user.entry(uid.to_vec()).or_default() += 1;
        *self.by_address.entry(address).or_default() += 1;
    }

    /// Whether a user or an address has begun more logins than may come at once.
    pub(super) fn have_tried_more(
        &self,
        uid: &[u8],
        address: IpAddr,
        logins_max: Option<[u32; 2]>,
    ) -> bool {
        let Some([of_user, of_address]) = logins_max else { return false };
        self.by_user.get(uid).is_some_and(|tries| *tries > of_user)
            || self.by_address.get(&address).is_some_and(|tries| *tries > of_address)
    }

    /// A login comes to be decided.
    pub(super) fn decides(&mut self, uid: &[u8]) {
        *self.decided.entry(uid.to_vec()).or_default() += 1;
    }

    /// Nobody has had more logins than a full bucket and what came in since the beginning.
    pub(super) fn check(&self, logins_max: Option<[u32; 2]>, now_ms: u64) {
        let Some([of_user, _]) = logins_max else { return };
        let most = u64::from(of_user) * (MINUTE_MS + now_ms) / MINUTE_MS + 1;
        for (uid, logins) in &self.decided {
            let uid = uid.escape_ascii();
            assert!(*logins <= most, "{uid} had {logins} logins, {most} allowed");
        }
    }
}

/// Whether the server may see this as somebody's address: no proxy that spoke for a client, and nobody
/// who was invented.
pub(super) fn may_be_seen(peer: SocketAddr) -> bool {
    let hidden = [PROXIES[0], PROXIES[1], INVENTED].map(IpAddr::V4);
    !hidden.contains(&peer.ip())
}
