//! Attacks on TLS.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use skyring::shard::counters::Counter;

use super::{Kind, OUTLAST, say, trickle};
use crate::attack::sortie::Move;

const FAILED: &[Counter] = &[Counter::TlsFailed];

pub(super) const KINDS: &[Kind] = &[
    Kind::new("tls silence", "a TLS connection that never begins", FAILED, |muster| {
        (muster.targets.https, vec![Move::Outlast(OUTLAST)])
    }),
    Kind::new("tls half open", "a hello of TLS, and silence", FAILED, |muster| {
        (muster.targets.https, say(hello()))
    }),
    Kind::new("tls slowloris", "a hello of TLS byte for byte", FAILED, |muster| {
        (muster.targets.https, trickle(hello()))
    }),
    Kind::new("tls garbage", "noise in place of TLS", FAILED, |muster| {
        let noise = muster.noise(300);
        (muster.targets.https, say(noise))
    }),
    Kind::new("tls plain http", "a plain request where TLS is spoken", FAILED, |muster| {
        (muster.targets.https, say("GET / HTTP/1.1\r\nhost: a\r\n\r\n"))
    }),
    Kind {
        is_ended: false,
        ..Kind::new("tls left half way", "a hello of TLS, and gone", FAILED, |muster| {
            let pause = Move::Rest(Duration::from_millis(200));
            (muster.targets.https, vec![Move::Send(hello().into()), pause, Move::Reset])
        })
    },
];

/// The first bytes of an honest client, which costs the server a signature.
fn hello() -> Vec<u8> {
    let config = ClientConfig::builder()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("it is a name");
    let mut hello = Vec::new();
    let mut client =
        ClientConnection::new(Arc::new(config), name).expect("the default settings are sound");
    client.write_tls(&mut hello).expect("a vector takes everything");
    hello
}
