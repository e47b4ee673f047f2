//! Several machines, played by one: agents on threads of this process, each with real sockets.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use skyring_loadgen::html;
use skyring_loadgen::live::Live;
use skyring_loadgen::options::{Command, Options};
use skyring_loadgen::plan::Limits;
use skyring_loadgen::remote::agent::Agent;
use skyring_loadgen::remote::coordinate::{
    CoordinateError, Coordinated, Coordinator, Errand, coordinate,
};
use skyring_loadgen::remote::frame;
use skyring_loadgen::remote::link::LinkError;
use skyring_loadgen::remote::token::{CoordinatorSide, Greeting, Reply, Token, TokenError};
use skyring_loadgen::report::{Report, Status};
use skyring_loadgen::scenario::file::ScenarioFile;
use support::{Fault, Server};

const LIMITS: Limits = Limits { descriptors: 4096, ports: 28_000 };

fn token() -> Token {
    Token::new(b"the token of the tests").expect("it is long")
}

/// An agent that serves until the test program ends.
fn agent() -> SocketAddr {
    let any = "127.0.0.1:0".parse().expect("an address");
    let agent = Agent::bind(any, token(), Vec::new(), LIMITS).expect("a port");
    let address = agent.address().expect("an address");
    thread::spawn(move || agent.serve());
    address
}

fn errand(agents: &[SocketAddr], line: &str) -> Errand {
    let arguments: Vec<String> = line.split_whitespace().map(String::from).collect();
    match Options::parse(arguments.clone()).expect("a run") {
        Command::Run(options) => Errand {
            agents: agents.to_vec(),
            options: Options { quiet: true, ..*options },
            arguments,
        },
        other => panic!("{other:?}"),
    }
}

fn short(server: &Server, more: &str) -> String {
    let Server { login, msg, .. } = server;
    format!("--login {login} --msg {msg} --users 40 --seconds 0.7 --drain 2 --allow-late {more}")
}

fn report(agents: &[SocketAddr], line: &str) -> Report {
    let done = coordinate(errand(agents, line), &token(), &false.into()).expect("a result");
    let Coordinated { plan, outcome, .. } = done;
    Report::new(&plan, &outcome, Vec::new())
}

#[test]
fn two_agents_make_one_report() {
    let server = Server::start(Fault::None);
    let agents = [agent(), agent()];
    let report = report(&agents, &short(&server, "--rate 400 --drop 2"));
    assert_eq!(report.verdict.status, Status::Passed, "{:?}", report.verdict);
    assert_eq!((report.asked.users, report.asked.shards, report.login.users), (40, 2, 40));
    // Every request of the schedule fell due on exactly one of them, and was answered there.
    let counters = &report.counters;
    assert_eq!((counters.due, counters.answers, counters.logins), (280, 280, 40));
    assert_eq!((report.check.wrong, report.check.users_answered), (0, 40));
    assert_eq!(report.play.lateness.count, 280);
    assert_eq!(report.play.response.count + report.play.across_reattach.count, 280);
    assert_eq!(report.agents.len(), 2);
    for (note, address) in report.agents.iter().zip(agents) {
        assert_eq!(note.address, address.to_string());
        assert_eq!((note.users, note.shards), (20, 1));
        assert!(note.answers > 0 && note.cpu_ns_per_answer.is_some_and(|ns| ns > 0.0));
        // It is the same machine.
        assert_eq!(note.kernel, report.environment.kernel);
        assert!(note.clock_uncertainty_ns > 0, "{note:?}");
    }
    let answers: u64 = report.agents.iter().map(|note| note.answers).sum();
    assert_eq!(answers, report.play.answers);
    assert!(report.generator.cpu_ns_per_answer.is_some() && !report.series.is_empty());
    let again: Report = serde_json::from_str(&report.json()).unwrap();
    let page = html::page(&report.json()).unwrap();
    for address in agents {
        assert!(page.contains(&format!("<th>{address}</th>")), "{address}");
    }
    assert!(page.contains("data-path=\"/agents/1/answers\""));
    assert_eq!(again.agents, report.agents);
}

#[test]
fn a_closed_loop_on_uneven_agents_reaches_everybody_through_the_gate() {
    let server = Server::start(Fault::None);
    let line = format!(
        "--gate {} --users 41 --shards 5 --seconds 0.5 --storm 0.2 --allow-late --drain 2",
        server.gate
    );
    let report = report(&[agent(), agent(), agent()], &line);
    assert_eq!(report.verdict.status, Status::Passed, "{:?}", report.verdict);
    assert_eq!((report.check.wrong, report.check.users_answered), (0, 41));
    let shards: Vec<_> = report.agents.iter().map(|note| note.shards).collect();
    assert_eq!(shards, [1, 2, 2]);
    assert_eq!(report.agents.iter().map(|note| note.users).sum::<u32>(), 41);
    // All machines dropped everybody in the same storm, by one clock.
    let storm = report.storm.unwrap();
    assert_eq!((storm.dropped, storm.missing), (41, 0));
    assert!(report.play.seconds >= storm.seconds, "{storm:?}");
}

#[test]
fn one_wrong_answer_on_one_agent_fails_the_whole() {
    // The server alters every 50th answer, and is asked 70 times.
    let server = Server::start(Fault::Alter);
    let report = report(&[agent(), agent()], &short(&server, "--rate 100"));
    assert_eq!(report.check.kinds["altered"], 1, "{:?}", report.check);
    assert_eq!((report.verdict.status, report.verdict.exit_status), (Status::Wrong, 1));
    assert_eq!(report.check.findings.len(), 1);
}

#[test]
fn who_does_not_know_the_token_is_refused_and_the_agent_goes_on() {
    let server = Server::start(Fault::None);
    let agents = [agent()];
    let stranger = Token::new(b"not the token of the tests").unwrap();
    let refused = coordinate(errand(&agents, &short(&server, "")), &stranger, &false.into());
    match refused {
        Err(CoordinateError::Agent { address, source: LinkError::Token(error) }) => {
            assert_eq!((address, error), (agents[0], TokenError::Wrong));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(report(&agents, &short(&server, "--rate 100")).check.users_answered, 40);
}

/// Sends bytes; the agent must close, and give back no more than so many bytes.
fn is_closed_upon(mut stream: TcpStream, bytes: &[u8]) {
    // What it does not read any more may be refused before all is written.
    let _ = stream.write_all(bytes);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty(), "{} was answered", bytes.escape_ascii());
}

fn framed(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes(), text.as_bytes()].concat()
}

#[test]
fn frames_that_are_too_long_or_garbage_are_refused() {
    let agents = [agent()];
    let greeted = || {
        let mut stream = TcpStream::connect(agents[0]).unwrap();
        let greeting: Greeting = frame::read(&mut stream, 4096).unwrap();
        (stream, greeting)
    };
    let known = || {
        let (mut stream, greeting) = greeted();
        let token = token();
        let (side, claim) = CoordinatorSide::on_greeting(&token, &greeting, &[5; 32]).unwrap();
        frame::write(&mut stream, &claim, 4096).unwrap();
        let reply: Reply = frame::read(&mut stream, 4096).unwrap();
        side.on_reply(&reply).unwrap();
        let facts: serde_json::Value = frame::read(&mut stream, 4096).unwrap();
        assert!(facts["Facts"]["descriptors"].is_number(), "{facts}");
        stream
    };
    for bytes in [b"\xff\xff\xff\xff".to_vec(), framed("{}"), framed("{\"nonce\":7"), vec![0; 900]]
    {
        is_closed_upon(greeted().0, &bytes);
    }
    let (start, alien) = (framed("{\"Start\":{\"ahead_ns\":0}}"), framed("\"Whatever\""));
    for bytes in [b"\x7f\xff\xff\xff{".to_vec(), framed("garbage"), start, alien] {
        is_closed_upon(known(), &bytes);
    }
    // The agent is none the worse for it.
    let server = Server::start(Fault::None);
    assert_eq!(report(&agents, &short(&server, "--rate 100")).check.users_answered, 40);
}

#[test]
fn strangers_who_say_nothing_are_few_and_leave_no_trace() {
    const STRANGERS: usize = 16;
    let agents = [agent()];
    let connect = || TcpStream::connect(agents[0]).unwrap();
    let greeted = |mut stream: TcpStream| {
        frame::read::<Greeting>(&mut stream, 4096).unwrap();
        stream
    };
    let silent: Vec<_> = (0..STRANGERS).map(|_| greeted(connect())).collect();
    is_closed_upon(connect(), b"");
    drop(silent);
    // Their places are free as soon as the agent has seen that they are gone.
    let server = Server::start(Fault::None);
    let line = short(&server, "--rate 100");
    let mut tries = (0..1000).map(|_| Coordinator::new(errand(&agents, &line), &token()));
    let coordinator = tries.find_map(Result::ok).expect("a place is free in the end");
    let outcome = coordinator.run(&mut Live::new(true), &false.into()).unwrap();
    assert_eq!(outcome.record.users_answered, 40);
}

#[test]
fn a_second_coordinator_is_refused_while_the_first_is_served() {
    let server = Server::start(Fault::None);
    let agents = [agent()];
    let first = Coordinator::new(errand(&agents, &short(&server, "--rate 100")), &token()).unwrap();
    let second = Coordinator::new(errand(&agents, &short(&server, "")), &token());
    match second {
        Err(CoordinateError::Agent { source: LinkError::Busy, .. }) => {}
        other => panic!("{other:?}"),
    }
    let plan = first.plan().clone();
    let outcome = first.run(&mut Live::new(true), &false.into()).unwrap();
    let report = Report::new(&plan, &outcome, Vec::new());
    assert_eq!((report.verdict.status, report.check.users_answered), (Status::Passed, 40));
}

#[test]
fn what_an_agent_cannot_do_is_said_before_anything_begins() {
    let server = Server::start(Fault::None);
    let agents = [agent(), agent()];
    let refusal = |line: &str| {
        let refused = Coordinator::new(errand(&agents, line), &token());
        refused.map(|_| ()).unwrap_err().to_string()
    };
    assert!(refusal(&short(&server, "--shards 1")).contains("2 agents need"));
    assert!(refusal(&short(&server, "--sources 127.0.0.2")).contains("--sources"));
    assert!(refusal("--gate 127.0.0.1:1 --users 9000 --shards 2").contains("give --shards"));
    // The words for the agents, and the options of the coordinator, must mean the same.
    let mut other = errand(&agents, &short(&server, ""));
    other.arguments.extend(["--users".into(), "50".into()]);
    let refused = Coordinator::new(other, &token()).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("planned 25 users, not 20"), "{refused}");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = Coordinator::new(errand(&[gone], &short(&server, "")), &token());
    let refused = refused.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains(&gone.to_string()) && refused.contains("reached"), "{refused}");
}

#[test]
fn a_stop_before_the_play_ends_the_run_everywhere_and_frees_the_agents() {
    let server = Server::start(Fault::None);
    let agents = [agent(), agent()];
    let line = short(&server, "--seconds 3600 --hold 3600 --rate 200");
    let coordinator = Coordinator::new(errand(&agents, &line), &token()).unwrap();
    let outcome = coordinator.run(&mut Live::new(true), &true.into()).unwrap();
    assert!(outcome.timeline.interrupted);
    assert_eq!((outcome.record.counters.due, outcome.record.counters.wrong), (0, 0));
    assert_eq!(report(&agents, &short(&server, "--rate 100")).check.users_answered, 40);
}

#[test]
fn a_scenario_travels_to_the_agents() {
    const SCENARIO: &str = "[request.one]\nbytes = 64\n\
        [[bot]]\nname = \"b\"\nscript = [{ request = \"one\" }]\n\
        [[stage]]\nkind = \"ramp\"\nseconds = 0.3\nrate = 200\nmeasure = false\n\
        [[stage]]\nkind = \"hold\"\nseconds = 0.5\n";
    let server = Server::start(Fault::None);
    let Server { login, msg, .. } = server;
    let line = format!("--login {login} --msg {msg} --users 40 --drain 2 --allow-late");
    let mut errand = errand(&[agent(), agent()], &line);
    let file = ScenarioFile::parse(SCENARIO).unwrap();
    errand.options.scenario = Some(Arc::new(file));
    let done = coordinate(errand, &token(), &false.into()).expect("a result");
    let Coordinated { plan, outcome, .. } = done;
    let report = Report::new(&plan, &outcome, Vec::new());
    assert_eq!(report.verdict.status, Status::Passed, "{:?}", report.verdict);
    let due: Vec<u64> = report.stages.iter().map(|stage| stage.due).collect();
    assert!(due[0].abs_diff(30) <= 1 && due[1] == 100, "{due:?}");
    assert_eq!(report.play.lateness.count, 100);
}
