//! What the attackers do: one [`Kind`] for each way to hurt a server, by where it goes.
//!
//! Units: bytes, and durations of the settings in `server.toml`, which a kind outlasts by a few seconds.

mod flood;
mod login;
mod msg;
mod tls;
mod web;
mod websocket;

use std::net::SocketAddr;
use std::time::Duration;

use skyring::shard::counters::Counter;

use super::muster::Muster;
use super::sortie::Move;

/// How long a sortie waits for the server to end it: longer than any deadline in `server.toml`, and long
/// enough for a machine that has other things to do.
const OUTLAST: Duration = Duration::from_secs(40);
/// From one byte to the next of those who are slow on purpose.
const SLOW: Duration = Duration::from_millis(400);

/// A way to attack.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What it does, in words.
    pub what: &'static str,
    /// Its part of all sorties, beside those of the others.
    pub weight: u32,
    /// Sorties of it at once.
    pub at_once_max: usize,
    /// Whether all come from one address.
    pub has_one_address: bool,
    /// Whether the server must end every one of them.
    pub is_ended: bool,
    /// Whether the server must refuse what every one of them wants.
    pub is_refused: bool,
    /// Where the server counts it.
    pub counters: &'static [Counter],
    /// Where one of them goes, and what it does there.
    pub make: fn(&mut Muster) -> (SocketAddr, Vec<Move>),
}

impl Kind {
    /// One that the server ends, a few at a time.
    const fn new(
        name: &'static str,
        what: &'static str,
        counters: &'static [Counter],
        make: fn(&mut Muster) -> (SocketAddr, Vec<Move>),
    ) -> Kind {
        Kind {
            name,
            what,
            weight: 10,
            at_once_max: 50,
            has_one_address: false,
            is_ended: true,
            is_refused: true,
            counters,
            make,
        }
    }
}

/// All of them.
pub fn all() -> Vec<&'static Kind> {
    let places = [login::KINDS, msg::KINDS, web::KINDS, websocket::KINDS, tls::KINDS, flood::KINDS];
    places.into_iter().flatten().collect()
}

/// Sends this, and waits for the end.
fn say(bytes: impl Into<bytes::Bytes>) -> Vec<Move> {
    vec![Move::Send(bytes.into()), Move::Outlast(OUTLAST)]
}

/// Sends this byte for byte, and waits for the end.
fn trickle(bytes: impl Into<bytes::Bytes>) -> Vec<Move> {
    vec![Move::Trickle(bytes.into(), SLOW), Move::Outlast(OUTLAST)]
}

/// Asks for more than it reads: for longer than the server waits for somebody to read.
fn deafen(asks: impl Into<bytes::Bytes>) -> Vec<Move> {
    vec![
        Move::Deafen,
        Move::Send(asks.into()),
        Move::Rest(Duration::from_secs(15)),
        Move::Listen,
        Move::Outlast(OUTLAST),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_and_is_counted() {
        let names: BTreeSet<_> = all().iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), all().len());
        for kind in all() {
            assert!(!kind.counters.is_empty() && kind.weight > 0 && kind.at_once_max > 0);
        }
    }
}
