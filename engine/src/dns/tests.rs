//! Lookups in a simulated world: time, loss, and servers that misbehave on cue.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::{DnsError, Resolver, ResolverSettings};
use crate::driver::ShardIndex;
use crate::driver::sim::{Fault, SimClient, SimFaults, SimRemote, SimSocket};
use crate::net::ConnectError;
use crate::simulation::scene::{Done, Props, Scene, spawn};

fn server() -> SocketAddr {
    ([10, 0, 0, 53], 53).into()
}

/// What the server does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Answer,
    /// Answers, for so many seconds.
    Brief(u32),
    /// There is no such name, for so many seconds.
    Gone(u32),
    Fail,
    /// Only over TCP.
    Cut,
    /// Only with addresses of the old kind; the rest stays without an answer.
    OldOnly,
    Silence,
}

/// A name server, and what it has been asked.
struct Stage {
    scene: Scene,
    socket: SimSocket,
    remote: SimRemote,
    clients: Vec<SimClient>,
    manner: Manner,
    /// How often it looks.
    step_ms: u64,
    asked: Vec<(String, RecordType)>,
}

impl Stage {
    fn new(seed: u64, manner: Manner) -> Stage {
        let scene = Props { seed, ..Props::default() }.start();
        let (socket, remote) = (scene.net.socket(server()), scene.net.remote(server()));
        Stage { scene, socket, remote, clients: Vec::new(), manner, step_ms: 1, asked: Vec::new() }
    }

    fn resolver(&self, change: impl FnOnce(&mut ResolverSettings)) -> Resolver {
        let mut settings = ResolverSettings::with_server(server());
        settings.timeout = Duration::from_secs(1);
        change(&mut settings);
        let mut id = 0;
        let entropy = move || {
            id += 7;
            id
        };
        Resolver::with_entropy(&self.scene.context(0), settings, Box::new(entropy))
    }

    fn lookup(
        &self,
        resolver: &Resolver,
        name: &'static str,
    ) -> Done<Result<Vec<IpAddr>, DnsError>> {
        let resolver = resolver.clone();
        spawn(&self.scene, move |_| async move { resolver.lookup(name).await })
    }

    /// So many milliseconds, with the server at work.
    fn pass(&mut self, ms: u64) {
        for _ in 0..ms / self.step_ms {
            self.scene.pass(self.step_ms);
            while let Some((from, bytes)) = self.socket.receive() {
                if let Some(reply) = self.reply(&bytes, false) {
                    self.socket.send(from, &reply);
                }
            }
            self.clients.extend(std::iter::from_fn(|| self.remote.accept()));
            for client in std::mem::take(&mut self.clients) {
                let bytes = client.read();
                if let Some(reply) = bytes.get(2..).and_then(|bytes| self.reply(bytes, true)) {
                    let framed = [&(reply.len() as u16).to_be_bytes(), &*reply].concat();
                    client.write(&framed).unwrap();
                }
                if client.end().is_some() { client.close() } else { self.clients.push(client) }
            }
        }
    }

    fn reply(&mut self, bytes: &[u8], is_tcp: bool) -> Option<Vec<u8>> {
        let asked = Message::from_vec(bytes).ok()?;
        let query = asked.queries.first()?;
        let name = query.name.to_ascii();
        self.asked.push((name.clone(), query.query_type));
        let mut message = Message::new(asked.metadata.id, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(query.name.clone(), query.query_type));
        let data = match query.query_type {
            RecordType::A => RData::A(A::new(10, 1, 0, 1)),
            _ => RData::AAAA(AAAA::new(0xFD00, 0, 0, 0, 0, 0, 0, 1)),
        };
        let mut answer = |ttl| {
            message.answers.push(Record::from_rdata(query.name.clone(), ttl, data.clone()));
        };
        match self.manner {
            Manner::Answer => answer(300),
            Manner::Brief(ttl) => answer(ttl),
            Manner::Gone(ttl) => {
                message.metadata.response_code = ResponseCode::NXDomain;
                let zone = SOA::new(Name::root(), Name::root(), 1, 2, 3, 4, ttl);
                message.authorities.push(Record::from_rdata(Name::root(), ttl, RData::SOA(zone)));
            }
            Manner::Fail => message.metadata.response_code = ResponseCode::ServFail,
            Manner::Cut if !is_tcp => message.metadata.truncation = true,
            Manner::Cut => answer(300),
            Manner::OldOnly if query.query_type == RecordType::A => answer(300),
            Manner::OldOnly | Manner::Silence => return None,
        }
        Some(message.to_vec().unwrap())
    }

    /// How many questions came since the last look.
    fn asked(&mut self) -> usize {
        std::mem::take(&mut self.asked).len()
    }
}

fn both() -> Option<Result<Vec<IpAddr>, DnsError>> {
    Some(Ok(vec!["fd00::1".parse().unwrap(), "10.1.0.1".parse().unwrap()]))
}

#[test]
fn an_answer_holds_as_long_as_it_says_and_no_longer() {
    let mut stage = Stage::new(1, Manner::Brief(2));
    let resolver = stage.resolver(|_| {});
    let lookup = |stage: &mut Stage| {
        let done = stage.lookup(&resolver, "Host.Example");
        stage.pass(5);
        (done.take(), stage.asked())
    };
    assert_eq!(lookup(&mut stage), (both(), 2));
    assert_eq!(lookup(&mut stage), (both(), 0), "it is known");
    stage.pass(1_980);
    assert_eq!(lookup(&mut stage), (both(), 0));
    stage.pass(20);
    assert_eq!(lookup(&mut stage), (both(), 2), "its time was over");
    stage.manner = Manner::Gone(3);
    stage.pass(2_000);
    assert_eq!(lookup(&mut stage), (Some(Err(DnsError::NoSuchName)), 2));
    stage.manner = Manner::Answer;
    stage.pass(2_900);
    assert_eq!(lookup(&mut stage), (Some(Err(DnsError::NoSuchName)), 0), "that it is gone, too");
    stage.pass(100);
    assert_eq!(lookup(&mut stage), (both(), 2));
}

#[test]
fn everybody_who_asks_at_once_waits_for_one_answer() {
    let mut stage = Stage::new(1, Manner::Answer);
    let resolver = stage.resolver(|_| {});
    let lookups: Vec<_> = (0..50).map(|_| stage.lookup(&resolver, "host.example")).collect();
    stage.pass(5);
    assert!(lookups.iter().all(|done| done.take() == both()));
    assert_eq!(stage.asked(), 2);
}

#[test]
fn too_many_names_at_once_are_refused() {
    let mut stage = Stage::new(1, Manner::Silence);
    let resolver = stage.resolver(|settings| settings.lookups_max = 2);
    let lookups = ["a.example", "b.example", "c.example"].map(|name| stage.lookup(&resolver, name));
    stage.pass(5);
    assert_eq!(lookups.each_ref().map(Done::take), [None, None, Some(Err(DnsError::Busy))]);
    stage.pass(2_200);
    let late = || Some(Err(DnsError::TimedOut));
    assert_eq!(lookups.each_ref().map(Done::take), [late(), late(), None]);
    assert_eq!(stage.asked(), 8, "two names, two families, twice");
}

/// A server that does not answer takes its time for nobody else's.
#[test]
fn a_dead_server_is_asked_as_often_as_it_says_and_holds_nobody_else_up() {
    let mut stage = Stage::new(1, Manner::Silence);
    let dead = stage.resolver(|settings| settings.attempts = 3);
    let good = stage.resolver(|_| {});
    let late = stage.lookup(&dead, "host.example");
    stage.pass(1_500);
    stage.manner = Manner::OldOnly;
    let quick = stage.lookup(&good, "other.example");
    stage.pass(5);
    assert_eq!(quick.take(), None, "the other family has its moment");
    stage.pass(60);
    assert_eq!(quick.take(), Some(Ok(vec!["10.1.0.1".parse().unwrap()])));
    stage.manner = Manner::Silence;
    stage.pass(1_500);
    assert_eq!(late.take(), Some(Err(DnsError::TimedOut)));
    let again = stage.lookup(&dead, "host.example");
    stage.asked();
    stage.pass(5);
    assert_eq!(again.take(), Some(Err(DnsError::TimedOut)), "which is remembered for a moment");
    assert_eq!(stage.asked(), 0);
    stage.pass(4_000);
    assert_eq!(stage.scene.net.slots_used(ShardIndex(0)), 0);
    assert!(stage.scene.core(0).operations.is_empty());
}

/// Nobody waits for the answer any more, and neither does the end of the server.
#[test]
fn a_lookup_that_nobody_waits_for_does_not_hold_a_drain_up() {
    let mut stage = Stage::new(1, Manner::OldOnly);
    let resolver = stage.resolver(|settings| settings.timeout = Duration::from_secs(10));
    let done = stage.lookup(&resolver, "host.example");
    stage.pass(100);
    assert_eq!(done.take(), Some(Ok(vec!["10.1.0.1".parse().unwrap()])));
    stage.scene.core(0).drain(60_000);
    stage.scene.net.rouse(ShardIndex(0));
    stage.pass(2_000);
    assert!(stage.scene.is_over(0), "the other family is still asked for");
    assert_eq!(stage.scene.net.slots_used(ShardIndex(0)), 0);
}

#[test]
fn an_answer_that_was_cut_off_is_fetched_over_tcp() {
    let mut stage = Stage::new(1, Manner::Cut);
    let resolver = stage.resolver(|_| {});
    let done = stage.lookup(&resolver, "host.example");
    stage.pass(10);
    assert_eq!(done.take(), both());
    assert_eq!(stage.asked(), 4, "each family twice");
    stage.remote.close();
    let done = stage.lookup(&resolver, "other.example");
    stage.pass(20);
    let refused = DnsError::Unreachable(ConnectError::Refused);
    assert_eq!(done.take(), Some(Err(refused)));
}

#[test]
fn the_search_list_is_tried_in_its_order() {
    let mut stage = Stage::new(1, Manner::Gone(0));
    let resolver =
        stage.resolver(|settings| settings.search = vec!["x.test".into(), "y.test".into()]);
    let done = stage.lookup(&resolver, "db");
    stage.pass(20);
    assert_eq!(done.take(), Some(Err(DnsError::NoSuchName)));
    let asked: Vec<_> = stage.asked.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(asked, ["db.x.test.", "db.x.test.", "db.y.test.", "db.y.test.", "db.", "db."]);
    stage.asked();
    stage.manner = Manner::Fail;
    let done = stage.lookup(&resolver, "web");
    stage.pass(20);
    assert_eq!(done.take(), Some(Err(DnsError::ServerFailed)));
}

/// Whatever is lost, late or swapped: the right answer, or none.
#[test]
fn seeds_of_loss_bring_the_right_answer_or_none() {
    let mut outcomes = [0; 2];
    for seed in 0..60 {
        let manner = [Manner::Answer, Manner::Cut][seed as usize % 2];
        let mut stage = Stage::new(seed, manner);
        stage.step_ms = 5;
        let faults = SimFaults::draw(&mut crate::driver::sim::SimRandom::new(seed));
        stage.scene.net.set_faults(faults.with(Fault::DatagramLost, 20_000));
        let resolver = stage.resolver(|settings| settings.attempts = 4);
        let done = stage.lookup(&resolver, "host.example");
        stage.pass(12_000);
        match done.take().expect("it comes to an end") {
            Ok(addresses) => {
                let all = both().unwrap().unwrap();
                assert!(!addresses.is_empty() && addresses.iter().all(|it| all.contains(it)));
                outcomes[0] += 1;
            }
            Err(DnsError::TimedOut | DnsError::Unreachable(_)) => outcomes[1] += 1,
            Err(other) => panic!("seed {seed}: {other:?}"),
        }
        stage.scene.net.set_faults(SimFaults::none());
        stage.pass(20_000);
        assert_eq!(stage.scene.net.slots_used(ShardIndex(0)), 0, "seed {seed}");
    }
    assert!(outcomes[0] > 30, "{outcomes:?}");
}
