//! Where connections go, and over what.
//!
//! A kind of server may be there over TCP, over WebSocket, or both. Where it is both, every connection
//! of a user is drawn anew, from the seed: so users move between the two whenever they come back.

use std::net::SocketAddr;

use crate::options::{Options, WebServer};
use crate::protocol::Protocol;
use crate::random::{Purpose, choice};

/// Parts per million of connections over WebSocket where nothing is said.
const SHARE_PPM: u32 = 500_000;

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its address.
    pub address: SocketAddr,
    /// What it is asked for, if it is spoken to over WebSocket.
    pub web: Option<WebServer>,
}

/// The servers of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    tcp: Vec<Place>,
    web: Vec<Place>,
    share_ppm: u32,
}

/// Whose connection a place is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    /// The seed of the run.
    pub(super) seed: u64,
    /// The user.
    pub(super) user: u32,
    /// Its connections before this one.
    pub(super) dials: u32,
}

impl Places {
    /// Where users of this protocol log in.
    pub(super) fn logins(options: &Options, protocol: Protocol) -> Places {
        match protocol.has_login() {
            true => Places::new(options, &options.logins, &options.ws.logins),
            false => Places::default(),
        }
    }

    /// Where they play.
    pub(super) fn plays(options: &Options, protocol: Protocol) -> Places {
        match protocol {
            Protocol::Msg => Places::new(options, &options.msgs, &options.ws.msgs),
            Protocol::Gate => Places::new(options, &options.gates, &[]),
            Protocol::Http => Places::new(options, &options.https, &[]),
            Protocol::Ws => Places::new(options, &[], &options.ws.echoes),
        }
    }

    fn new(options: &Options, tcp: &[SocketAddr], web: &[WebServer]) -> Places {
        let of_web =
            |server: &WebServer| Place { address: server.address, web: Some(server.clone()) };
        Places {
            tcp: tcp.iter().map(|address| Place { address: *address, web: None }).collect(),
            web: web.iter().map(of_web).collect(),
            share_ppm: options.ws.share_ppm.unwrap_or(SHARE_PPM),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Place> {
        self.tcp.iter().chain(&self.web)
    }

    /// Whether some are spoken to over TCP, and some over WebSocket.
    pub(super) fn are(&self) -> (bool, bool) {
        (!self.tcp.is_empty(), !self.web.is_empty())
    }

    /// Over how many a user is spread at least, whatever its connections are.
    pub(super) fn fewest(&self) -> usize {
        let counts = [self.tcp.len(), self.web.len()];
        counts.into_iter().filter(|count| *count > 0).min().unwrap_or(0)
    }

    /// Where a connection goes.
    pub(super) fn pick(&self, caller: Caller) -> &Place {
        let Caller { seed, user, dials } = caller;
        let is_web = match self.are() {
            (true, true) => {
                choice(seed, user, dials.into(), Purpose::Transport).chance(self.share_ppm)
            }
            (_, only_web) => only_web,
        };
        let places = if is_web { &self.web } else { &self.tcp };
        &places[user as usize % places.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::WsOptions;

    fn options(share_ppm: Option<u32>) -> Options {
        let address = "127.0.0.1:8080".parse().unwrap();
        let server = WebServer { address, host: String::from("a"), path: String::from("/msg") };
        Options {
            msgs: vec!["127.0.0.1:8888".parse().unwrap()],
            ws: WsOptions { msgs: vec![server], share_ppm, ..WsOptions::default() },
            ..Options::default()
        }
    }

    /// Connections over WebSocket among a thousand of one user.
    fn over_web(share_ppm: Option<u32>) -> usize {
        let places = Places::plays(&options(share_ppm), Protocol::Msg);
        assert_eq!((places.are(), places.fewest(), places.all().count()), ((true, true), 1, 2));
        let pick = |dials| places.pick(Caller { seed: 1, user: 7, dials });
        (0..1000).filter(|dials| pick(*dials).web.is_some()).count()
    }

    #[test]
    fn users_move_between_both_by_their_share() {
        assert_eq!((over_web(Some(0)), over_web(Some(1_000_000))), (0, 1000));
        assert!((400..600).contains(&over_web(None)));
        assert!((50..150).contains(&over_web(Some(100_000))));
    }

    #[test]
    fn of_one_kind_only_there_is_nothing_to_draw() {
        let only = Options { msgs: Vec::new(), ..options(Some(0)) };
        let places = Places::plays(&only, Protocol::Msg);
        assert!(places.pick(Caller { seed: 1, user: 7, dials: 3 }).web.is_some());
        assert_eq!(Places::logins(&only, Protocol::Gate).fewest(), 0);
    }
}
