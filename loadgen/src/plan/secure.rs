//! TLS to the servers of a run.
//!
//! Each address has sessions of its own: what one server gave for resuming may be nothing to
//! another. Users share them, as they share the address of the generator; but who connects for the
//! first time resumes nothing, as a new player would not.

use std::net::SocketAddr;

use skyring::transport::tls::{ClientTls, ClientTlsSettings, Pin, Tls, TlsError, Trust};

use super::PlanError;
use super::places::{self, Places};
use crate::options::{Options, TlsOptions};
use crate::protocol::Protocol;

/// Tickets that are kept of one server at most, some 2 KiB each.
const TICKETS_MAX: usize = 4096;

/// A server by its address, its name, and how to connect for the first time and again.
#[derive(Clone, Debug)]
struct Place {
    address: SocketAddr,
    name: String,
    afresh: ClientTls,
    again: ClientTls,
}

/// TLS of a run.
#[derive(Clone, Debug)]
pub struct Secure {
    places: Vec<Place>,
}

impl Secure {
    /// What the options say; none: no TLS. Reads files, which blocks.
    ///
    /// # Errors
    /// Files that cannot be used, names that no server can have, flags without TLS.
    pub(super) fn of(
        options: &Options,
        protocol: Protocol,
        places: [&Places; 2],
    ) -> Result<Option<Secure>, PlanError> {
        let tls = &options.tls;
        if !tls.is_on {
            let stray = tls.details();
            return stray
                .map_or(Ok(None), |flag| Err(PlanError::Meaningless(flag, "a run without --tls")));
        }
        let trust = trust(tls)?;
        let plain = ClientTlsSettings { trust, alpn: Vec::new(), certificate: None };
        let http = ClientTlsSettings { alpn: vec![String::from("http/1.1")], ..plain.clone() };
        let (plain, http) = (ClientTls::load(&plain)?, ClientTls::load(&http)?);
        let tickets_max = TICKETS_MAX.min(options.users as usize);
        let place = |it: &places::Place| {
            let is_http = protocol == Protocol::Http || it.web.is_some();
            let again = if is_http { &http } else { &plain }.with_tickets_max(tickets_max);
            let afresh = again.afresh();
            let again = if tls.is_full { afresh.clone() } else { again };
            let place = Place { address: it.address, name: name(options, it), afresh, again };
            // Whatever is wrong with the name is the same for every connection.
            place.connect(false).map(|_| place).map_err(PlanError::TlsName)
        };
        let places: Result<Vec<Place>, _> =
            places.into_iter().flat_map(Places::all).map(place).collect();
        Ok(Some(Secure { places: places? }))
    }

    /// The client's side of a new connection to a server; `comes_back` tells whether its user has
    /// been there before.
    ///
    /// # Errors
    /// When this machine has no random bytes.
    pub fn connect(&self, address: SocketAddr, comes_back: bool) -> Result<Tls, TlsError> {
        let place = self.places.iter().find(|place| place.address == address);
        place.expect("connections go to the servers of the plan").connect(comes_back)
    }
}

impl Place {
    fn connect(&self, comes_back: bool) -> Result<Tls, TlsError> {
        Tls::client(if comes_back { &self.again } else { &self.afresh }, &self.name)
    }
}

fn trust(tls: &TlsOptions) -> Result<Trust, PlanError> {
    match &tls.authorities {
        Some(_) if !tls.pins.is_empty() => Err(PlanError::Meaningless(
            "--tls-ca",
            "a run with --tls-pin, which trusts no authority",
        )),
        Some(path) => Ok(Trust::Authorities(path.clone())),
        None if tls.pins.is_empty() => Ok(Trust::System),
        None => {
            let both = |pin: &[u8; 32]| [Pin::Certificate(*pin), Pin::PublicKey(*pin)];
            Ok(Trust::Pinned(tls.pins.iter().flat_map(both).collect()))
        }
    }
}

/// The name that a server's certificate must have.
fn name(options: &Options, place: &places::Place) -> String {
    let mut hosts = options.https.iter().zip(&options.http_hosts);
    let of_http = || hosts.find(|(it, _)| **it == place.address).map(|(_, host)| host);
    let host = place.web.as_ref().map(|web| &web.host).or_else(of_http);
    let host = host.and_then(|host| host.rsplit_once(':'));
    let host = host.map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
    options.tls.name.clone().or(host).unwrap_or_else(|| place.address.ip().to_string())
}
