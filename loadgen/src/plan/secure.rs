//! TLS to the servers of a run.
//!
//! Each server has sessions of its own, that is each address, name and protocol inside: what one
//! gave for resuming may be nothing to another. Users share them, as they share the address of the
//! generator; but who connects for the first time resumes nothing, as a new player would not.

use std::net::SocketAddr;

use skyring::transport::tls::{ClientTls, ClientTlsSettings, Pin, Tls, TlsError, Trust};

use super::PlanError;
use super::places::{Place, Places};
use crate::options::{Options, TlsOptions};
use crate::protocol::Protocol;

/// Tickets that are kept of one server at most, some 2 KiB each.
const TICKETS_MAX: usize = 4096;

/// A server, and how to connect for the first time and again.
#[derive(Clone, Debug)]
struct Peer {
    address: SocketAddr,
    name: String,
    is_http: bool,
    afresh: ClientTls,
    again: ClientTls,
}

/// TLS of a run.
#[derive(Clone, Debug)]
pub struct Secure {
    peers: Vec<Peer>,
    /// Each place, and the number of its peer: several may be paths of one.
    places: Vec<(Place, usize)>,
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
        let peer = |address, name, is_http| {
            let again = if is_http { &http } else { &plain }.with_tickets_max(tickets_max);
            let afresh = again.afresh();
            let again = if tls.is_full { afresh.clone() } else { again };
            let peer = Peer { address, name, is_http, afresh, again };
            // Whatever is wrong with the name is the same for every connection.
            peer.connect(false).map(|_| peer).map_err(PlanError::TlsName)
        };
        let mut secure = Secure { peers: Vec::new(), places: Vec::new() };
        for place in places.into_iter().flat_map(Places::all) {
            let is_http = protocol == Protocol::Http || place.web.is_some();
            let (address, name) = (place.address, name(options, place));
            let known = secure.peers.iter().position(|peer| {
                (peer.address, &peer.name, peer.is_http) == (address, &name, is_http)
            });
            let number = known.unwrap_or(secure.peers.len());
            if known.is_none() {
                secure.peers.push(peer(address, name, is_http)?);
            }
            secure.places.push((place.clone(), number));
        }
        Ok(Some(secure))
    }

    /// The client's side of a new connection to a server; `comes_back` tells whether its user has
    /// been there before.
    ///
    /// # Errors
    /// When this machine has no random bytes.
    pub fn connect(&self, place: &Place, comes_back: bool) -> Result<Tls, TlsError> {
        let known = self.places.iter().find(|(known, _)| known == place);
        let (_, number) = known.expect("connections go to the servers of the plan");
        self.peers[*number].connect(comes_back)
    }
}

impl Peer {
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
fn name(options: &Options, place: &Place) -> String {
    let mut hosts = options.https.iter().zip(&options.http_hosts);
    let of_http = || hosts.find(|(it, _)| **it == place.address).map(|(_, host)| host);
    let host = place.web.as_ref().map(|web| &web.host).or_else(of_http);
    let host = host.and_then(|host| host.rsplit_once(':'));
    let host = host.map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
    options.tls.name.clone().or(host).unwrap_or_else(|| place.address.ip().to_string())
}

#[cfg(test)]
mod tests {
    use skyring::transport::tls::Workspace;

    use super::*;
    use crate::options::{WebServer, WsOptions};

    fn server(host: &str, path: &str) -> WebServer {
        let address = "127.0.0.1:443".parse().unwrap();
        WebServer { address, host: format!("{host}:443"), path: path.to_owned() }
    }

    /// What a client says first at a place, where names and protocols can be read.
    fn hello(secure: &Secure, place: &Place) -> String {
        let (mut tls, mut records) = (secure.connect(place, false).unwrap(), Vec::new());
        tls.receive(&[], &mut Workspace::default(), &mut records).unwrap();
        records.iter().copied().map(char::from).collect()
    }

    #[test]
    fn servers_of_one_address_are_told_apart_by_name_and_protocol() {
        let tls = TlsOptions { is_on: true, pins: vec![[0; 32]], ..TlsOptions::default() };
        let msgs = vec![server("one.example", "/msg"), server("two.example", "/msg")];
        let logins = vec![server("one.example", "/login")];
        let ws = WsOptions { logins, msgs, ..WsOptions::default() };
        let tcp = vec![ws.msgs[0].address];
        let options = Options { tls, ws, logins: tcp.clone(), msgs: tcp, ..Options::default() };
        let [logins, msgs] = [Places::logins, Places::plays].map(|of| of(&options, Protocol::Msg));
        let secure = Secure::of(&options, Protocol::Msg, [&logins, &msgs]).unwrap().unwrap();
        for place in logins.all().chain(msgs.all()) {
            let said = hello(&secure, place);
            let host = place.web.as_ref().map(|web| web.host.trim_end_matches(":443"));
            for name in ["one.example", "two.example"] {
                assert_eq!(said.contains(name), host == Some(name), "{place:?}");
            }
            assert_eq!(said.contains("http/1.1"), host.is_some(), "{place:?}");
        }
        assert_eq!((secure.places.len(), secure.peers.len()), (5, 3), "paths share what they know");
    }
}
