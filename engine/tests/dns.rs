//! Names looked up at a server that a test plays, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "dns/server.rs"]
mod server;
mod support;

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use server::NameServer;
use skyring::dns::{DnsError, Hosts, Resolver, ResolverSettings};
use skyring::server::Server;
use support::shard::{Echo, on_a_shard};
use support::{PATIENCE, config, connect};

/// The server's, with a short patience.
fn settings(server: SocketAddr) -> ResolverSettings {
    let mut settings = ResolverSettings::with_server(server);
    (settings.timeout, settings.attempts) = (Duration::from_millis(300), 4);
    settings
}

type Outcomes = Vec<Result<Vec<IpAddr>, DnsError>>;

/// Looks names up, one after the other.
fn look_up(settings: ResolverSettings, names: &'static [&'static str]) -> Outcomes {
    on_a_shard(move |context| {
        let resolver = Resolver::new(&context, settings.clone());
        async move {
            let mut outcomes = Vec::new();
            for name in names {
                outcomes.push(resolver.lookup(name).await);
            }
            outcomes
        }
    })
}

fn one(name: &'static [&'static str; 1]) -> Result<Vec<IpAddr>, DnsError> {
    let server = NameServer::start();
    look_up(settings(server.address), name).remove(0)
}

fn addresses(text: &str) -> Result<Vec<IpAddr>, DnsError> {
    Ok(text.split(' ').map(|address| address.parse().unwrap()).collect())
}

#[test]
fn both_families_in_the_order_worth_trying() {
    assert_eq!(one(&["plain.test"]), addresses("fd00::1 10.0.0.1 10.0.0.2"));
}

#[test]
fn what_needs_no_server_asks_none() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(nobody.local_addr().unwrap());
    settings.hosts = Hosts::parse("10.9.9.9 here.test here");
    let names = &["10.1.2.3", "[fd00::7]", "localhost", "x.localhost", "Here.Test.", "bad name"];
    let expected = [
        addresses("10.1.2.3"),
        addresses("fd00::7"),
        addresses("::1 127.0.0.1"),
        addresses("::1 127.0.0.1"),
        addresses("10.9.9.9"),
        Err(DnsError::BadName),
    ];
    assert_eq!(look_up(settings, names), expected);
    nobody.set_nonblocking(true).unwrap();
    assert!(nobody.recv(&mut [0; 512]).is_err(), "it was asked");
}

#[test]
fn what_is_lost_is_asked_again() {
    assert_eq!(one(&["lossy.test"]), addresses("fd00::1 10.0.0.1 10.0.0.2"));
}

#[test]
fn an_answer_that_does_not_fit_is_fetched_over_tcp() {
    assert_eq!(one(&["big.test"]).unwrap().len(), 21);
}

#[test]
fn answers_with_a_foreign_id_question_or_sender_are_not_believed() {
    assert_eq!(one(&["spoofed.test"]), addresses("fd00::1 10.0.0.1 10.0.0.2"));
}

#[test]
fn servers_say_no_in_many_ways() {
    let server = NameServer::start();
    let names =
        &["gone.test", "empty.test", "fail.test", "refuse.test", "garbage.test", "silent.test"];
    let mut settings = settings(server.address);
    settings.attempts = 1;
    let expected = [
        DnsError::NoSuchName,
        DnsError::NoAddress,
        DnsError::ServerFailed,
        DnsError::Refused,
        DnsError::Malformed,
        DnsError::TimedOut,
    ];
    assert_eq!(look_up(settings, names), expected.map(Err));
}

#[test]
fn names_that_stand_for_others_are_followed_but_not_for_ever() {
    assert_eq!(one(&["alias.test"]), addresses("fd00::1 10.0.0.1 10.0.0.2"));
    assert_eq!(one(&["circle.test"]), Err(DnsError::ChainTooLong));
}

#[test]
fn a_server_without_extensions_is_asked_without() {
    assert_eq!(one(&["old.test"]), addresses("fd00::1 10.0.0.1 10.0.0.2"));
}

#[test]
fn the_next_server_is_asked_when_the_first_fails() {
    let good = NameServer::start();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(good.address);
    settings.servers = vec![closed, silent.local_addr().unwrap(), good.address];
    let outcomes = look_up(settings, &["plain.test", "other.test"]);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    silent.set_nonblocking(true).unwrap();
    let asked = std::iter::from_fn(|| silent.recv(&mut [0; 512]).ok()).count();
    assert_eq!(asked, 2, "once for each family: then it begins with who answers");
}

#[test]
fn what_is_known_is_not_asked_again() {
    let server = NameServer::start();
    let names = &["plain.test", "PLAIN.test.", "gone.test", "gone.test", "plain.test"];
    look_up(settings(server.address), names);
    assert_eq!(server.asked(), 4, "two names, two families");
}

/// While lookups wait for a server that never answers, the shard answers as ever.
#[test]
fn a_dead_server_stalls_nothing_else() {
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = dead.local_addr().unwrap();
    let (give, take) = sync_channel(20);
    let server = Server::start(&config(1), move |context| {
        let mut settings = settings(address);
        settings.timeout = PATIENCE;
        let resolver = Resolver::new(&context, settings);
        for number in 0..20 {
            let (give, resolver) = (give.clone(), resolver.clone());
            context.spawn(async move {
                let outcome = resolver.lookup(&format!("host-{number}.test")).await;
                let _ = give.send(outcome);
            });
        }
        Echo(context)
    });
    let server = server.unwrap();
    dead.set_read_timeout(Some(PATIENCE)).unwrap();
    dead.recv(&mut [0; 512]).expect("the lookups are under way");
    let mut gate = connect(server.addresses()[2]);
    for _ in 0..100 {
        gate.write_all(b"\x00\x04ping").unwrap();
        let mut frame = [0; 6];
        gate.read_exact(&mut frame).unwrap();
        assert_eq!(&frame, b"\x00\x04ping");
    }
    assert!(take.try_recv().is_err(), "no lookup has ended meanwhile");
    server.handle().stop();
    server.join().unwrap();
}
