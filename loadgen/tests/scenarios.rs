//! Scenarios: those in the tree, those that make no sense, and what each step and stage does.

mod network;
mod support;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use network::{MS, World, play_msg};
use skyring::config::{Config, Listener, ListenerKind};
use skyring::demo::Demo;
use skyring::server::Server as DemoServer;
use skyring_loadgen::options::{Command, Options};
use skyring_loadgen::plan::{Limits, Plan};
use skyring_loadgen::report::{Report, Status};
use skyring_loadgen::scenario::file::ScenarioFile;
use support::{Fault, Server, play};

const LIMITS: Limits = Limits { descriptors: 20_000, ports: 28_000 };

fn in_tree() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder is in the tree");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// The options of a command line.
fn parsed(arguments: &[&str]) -> Result<Options, String> {
    match Options::parse(arguments) {
        Ok(Command::Run(options)) => Ok(*options),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

fn with(text: &str, options: Options) -> Options {
    let file = ScenarioFile::parse(text).unwrap_or_else(|error| panic!("{error}"));
    Options { scenario: Some(Arc::new(file)), ..options }
}

/// A scenario with one kind of request and these bots and stages.
fn scenario(script: &str, stages: &str) -> String {
    format!("[request.one]\nbytes = 64\n[[bot]]\nname = \"b\"\nscript = [{script}]\n{stages}")
}

const ONE: &str = "{ request = \"one\" }";

#[test]
fn every_scenario_in_the_tree_is_a_plan() {
    assert!(in_tree().len() >= 3);
    for path in in_tree() {
        let options = parsed(&["--scenario", path.to_str().unwrap()]).unwrap();
        let plan = Plan::new(options, LIMITS).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert!(plan.scenario.play_ns() > 0 && plan.users() >= 1000, "{path:?}");
    }
}

#[test]
fn the_scenario_of_the_readme_is_a_plan() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let section = readme.split_once("\n## The load generator\n").unwrap().1;
    let text = section.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let options = Options {
        logins: vec!["127.0.0.1:1".parse().unwrap()],
        msgs: vec!["127.0.0.1:2".parse().unwrap()],
        ..Options::default()
    };
    let plan = Plan::new(with(text, options), LIMITS).unwrap();
    assert_eq!((plan.scenario.stages.len(), plan.scenario.thresholds.len()), (2, 2));
}

#[test]
fn flags_go_before_the_file_and_may_not_contradict_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/evening.toml");
    let given = ["--scenario", path, "--users", "7", "--gate", "127.0.0.1:1"];
    let options = parsed(&given).unwrap();
    assert_eq!((options.users, options.connecting_max), (7, 256));
    assert!(options.logins.is_empty() && options.gates.len() == 1);
    let error = parsed(&["--scenario", path, "--rate", "5"]).unwrap_err();
    assert!(error.contains("--rate"), "{error}");
    assert!(parsed(&["--scenario", "/nowhere"]).unwrap_err().contains("/nowhere"));
}

#[test]
fn what_makes_no_sense_is_refused_by_its_place() {
    let hold = "[[stage]]\nkind = \"hold\"\nseconds = 1\nrate = 10\n";
    let table = [
        ("frobnicate = 1".to_owned(), "frobnicate"),
        (scenario(ONE, ""), "[[stage]]"),
        (scenario("", hold), "bot.script"),
        (scenario("{ think_ms = 5 }", hold), "bot b"),
        (scenario("{ request = \"two\" }", hold), "request.two"),
        (scenario("{ request = \"one\", logout = true }", hold), "bot b, step 1"),
        (scenario("{ drop = false }", hold), "bot b, step 1"),
        (scenario("{ request = \"one\", times = 0 }", hold), "times"),
        (scenario("{ request = { one = 0 } }", hold), "weight"),
        (scenario("{ request = \"one\", think_ms = [9, 1] }", hold), "think_ms"),
        (scenario("{ request = \"one\", within_ms = 9 }", hold), "within_ms"),
        (scenario("{ await_push = 0 }", hold), "await_push"),
        (scenario(ONE, &format!("{hold}[[stage]]\nkind=\"ramp\"\nseconds = 1\n")), "stage ramp"),
        (scenario(ONE, &hold.replace("seconds = 1", "seconds = 0")), "seconds"),
        (scenario(ONE, &hold.replace("10", "\"10/day\"")), "rate"),
        (scenario(ONE, &format!("{hold}players = 5\n")), "players"),
        (scenario(ONE, &hold.replace("rate = 10", "players = 5000")), "players"),
        (scenario(ONE, &hold.replace("rate = 10", "players = \"101 %\"")), "players"),
        (scenario(ONE, &format!("{hold}arrival = \"closed\"\n")), "rate"),
        (scenario(ONE, &format!("{hold}drop_percent = 5\n")), "drop_percent"),
        (scenario(ONE, &hold.replace("hold", "churn")), "churn_percent"),
        (scenario(ONE, &format!("{hold}churn_percent = 101\n")), "churn_percent"),
        (scenario(ONE, &format!("{hold}measure = false\n")), "left out"),
        (scenario(ONE, &format!("{hold}{hold}measure = false\n")), "stage hold-2"),
        (scenario(ONE, &format!("{hold}name = \"a b\"\n")), "a b"),
        (scenario(ONE, &hold.replace("rate = 10", "arrival = \"poisson\"")), "rate is missing"),
        (format!("thresholds = [\"p99 < infs\"]\n{}", scenario(ONE, hold)), "p99 < infs"),
        (
            format!(
                "thresholds = [\"one: p99 < 5s\"]\n{}",
                scenario(ONE, &format!("{hold}name = \"one\"\n"))
            ),
            "both",
        ),
        (scenario(ONE, &hold.replace("rate", "rats")), "rats"),
        (format!("thresholds = [\"p99 < 5\"]\n{}", scenario(ONE, hold)), "p99 < 5"),
        (format!("thresholds = [\"x: p99 < 5s\"]\n{}", scenario(ONE, hold)), "\"x\""),
        (scenario(ONE, hold).replace("64", "8"), "request.one"),
    ];
    for (text, part) in table {
        let refused = ScenarioFile::parse(&text).map_err(|error| error.to_string());
        let refused = refused.and_then(|file| {
            let options = Options {
                logins: vec!["127.0.0.1:1".parse().unwrap()],
                msgs: vec!["127.0.0.1:2".parse().unwrap()],
                scenario: Some(Arc::new(file)),
                ..Options::default()
            };
            Plan::new(options, LIMITS).map(|_| ()).map_err(|error| error.to_string())
        });
        let error = refused.expect_err(&text);
        assert!(error.contains(part), "{part:?} in {error}\n{text}");
    }
    let text = format!("[connect]\nrate = 5\n{}", scenario(ONE, hold));
    let path = std::env::temp_dir().join(format!("skyring-connect-{}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let error = parsed(&["--scenario", path.to_str().unwrap()]).unwrap_err();
    assert!(error.contains("connect: there is no key rate"), "{error}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_gate_pushes_nothing_that_could_be_awaited() {
    let hold = "[[stage]]\nkind = \"hold\"\nseconds = 1\nrate = 10\n";
    let text = scenario(&format!("{ONE}, {{ await_push = 1 }}"), hold);
    let gates = vec!["127.0.0.1:1".parse().unwrap()];
    let refused = Plan::new(with(&text, Options { gates, ..Options::default() }), LIMITS);
    assert!(refused.unwrap_err().to_string().contains("await_push"));
}

#[test]
fn what_a_file_says_of_a_server_may_read_like_a_switch() {
    let hold = "[[stage]]\nkind = \"hold\"\nseconds = 1\nrate = 10\n";
    let keys = "[connect]\npassword = \"false\"\nserver = \"true\"\nspin = true\nskynet = false\n";
    let text = format!("{keys}{}", scenario(ONE, hold));
    let options = Options::of_run(&[], Some(&text)).unwrap();
    assert_eq!((options.password.as_str(), options.server.as_str()), ("false", "true"));
    assert!(options.spin && !options.skynet);
}

/// The network's play lasts two seconds; rates and counts follow from the file alone.
#[test]
fn a_ramp_and_a_hold_have_the_requests_that_the_file_says() {
    let stages = "[[stage]]\nkind = \"ramp\"\nseconds = 1\nrate = 1000\nmeasure = false\n\
                  [[stage]]\nkind = \"hold\"\nseconds = 1\n";
    let options = Options { users: 10, ..Options::default() };
    let (record, _) = play_msg(with(&scenario(ONE, stages), options), World::default());
    let [ramp, hold] = [0, 1].map(|index| &record.stages[index]);
    assert!(ramp.due.abs_diff(500) <= 1 && hold.due == 1000, "{} {}", ramp.due, hold.due);
    assert_eq!(record.counters.wrong, 0, "{:?}", record.findings);
    assert_eq!((ramp.response.len(), hold.response.len()), (ramp.due, hold.due));
    // What counts is the hold alone.
    assert_eq!(record.times.response.len(), hold.due);
    assert_eq!(record.counters.answers, ramp.due + hold.due);
}

/// A player that thinks for 9.99 ms and waits 10 us for its answer asks a hundred times a second.
#[test]
fn players_of_a_closed_loop_come_and_go_with_the_stages() {
    let think = "{ request = \"one\", think_ms = 9.99 }";
    let stages = "[[stage]]\nkind = \"ramp\"\nseconds = 1\nplayers = \"100 %\"\n\
                  [[stage]]\nkind = \"hold\"\nseconds = 0.5\nplayers = 4\n\
                  [[stage]]\nkind = \"hold\"\nname = \"more\"\nseconds = 0.5\nplayers = 8\n";
    let options = Options { users: 10, ..Options::default() };
    let (record, _) = play_msg(with(&scenario(think, stages), options), World::default());
    let due = [0, 1, 2].map(|index| record.stages[index].due);
    assert_eq!(record.counters.wrong, 0, "{:?}", record.findings);
    for (due, expected) in due.into_iter().zip([500_u64, 200, 400]) {
        assert!(due.abs_diff(expected) <= 60, "{due} instead of {expected}");
    }
    assert!(record.times.lateness.max() == 0);
}

/// Also where another stage is an open loop, whose players may have much on the wire.
#[test]
fn a_player_follows_its_script_once_at_a_time() {
    let think = "{ request = \"one\", think_ms = 9.99 }";
    let stages = "[[stage]]\nkind = \"hold\"\nseconds = 1\nplayers = 10\n\
                  [[stage]]\nkind = \"spike\"\nseconds = 0.5\nrate = 100\n\
                  [[stage]]\nkind = \"hold\"\nname = \"again\"\nseconds = 0.5\n";
    let options = Options { users: 10, ..Options::default() };
    let (record, _) = play_msg(with(&scenario(think, stages), options), World::default());
    let due = [0, 1, 2].map(|index| record.stages[index].due);
    assert_eq!(record.counters.wrong, 0, "{:?}", record.findings);
    assert!(due[0].abs_diff(1000) <= 20 && due[1] == 50 && due[2].abs_diff(500) <= 20, "{due:?}");
}

#[test]
fn a_script_is_followed_step_by_step() {
    let script = "{ request = \"one\", times = 3, think_ms = 1 }, { drop = true, think_ms = 1 }, \
                  { request = \"two\" }, { logout = true, think_ms = 2 }";
    let text = scenario(script, "[[stage]]\nkind = \"hold\"\nseconds = 2\nplayers = 5\n");
    let text = format!("[request.two]\nbytes = [100, 200]\n{text}");
    let options = Options { users: 5, ..Options::default() };
    let (record, trace) = play_msg(with(&text, options.clone()), World::default());
    let counters = record.counters;
    assert_eq!(counters.wrong, 0, "{:?}", record.findings);
    assert!(counters.requests > 400, "{counters:?}");
    // Of four requests three are of the first kind; after them one drop and one logout.
    let [one, two] = [0, 1].map(|kind| record.requests[kind].len());
    assert!(one.abs_diff(3 * two) <= 15, "{one} and {two}");
    assert!(counters.drops.abs_diff(two) <= 5 && counters.churns.abs_diff(two) <= 5);
    assert_eq!(play_msg(with(&text, options), World::default()).1, trace);
}

#[test]
fn awaited_pushes_are_wanted_and_their_contents_known() {
    let script = "{ request = \"one\" }, { await_push = 1, within_ms = 5, think_ms = 3 }";
    let stage = "[[stage]]\nkind = \"hold\"\nseconds = 2\nplayers = 5\n";
    let text = format!("pushes = \"echo\"\n{}", scenario(script, stage));
    let options = Options { users: 5, ..Options::default() };
    let run =
        |pushes, options| play_msg(with(&text, options), World { pushes, ..World::default() }).0;
    let kind = |fault: skyring_loadgen::check::Fault| fault.kind();
    let (missed, altered) = (
        kind(skyring_loadgen::check::Fault::PushMissed),
        kind(skyring_loadgen::check::Fault::PushAltered),
    );
    let right = run(network::Pushes::Echo, options.clone());
    assert_eq!(right.counters.wrong, 0, "{:?}", right.findings);
    assert!(right.counters.pushes_awaited > 1000, "{:?}", right.counters);
    let none = run(network::Pushes::None, options.clone());
    assert!(none.faults[missed] > 1000, "{:?}", none.findings);
    assert_eq!(none.counters.wrong, none.faults[missed]);
    let wrong = run(network::Pushes::Altered, options);
    assert!(wrong.faults[altered] > 100 && wrong.faults[missed] > 100, "{:?}", wrong.findings);
}

/// Pushes are lost with a connection, and a wait may be over before its connection is back.
#[test]
fn what_a_lost_connection_took_away_is_no_missed_push() {
    let script = "{ request = \"one\", think_ms = 2 }, { await_push = 1, within_ms = 1 }";
    let closed = "[[stage]]\nkind = \"hold\"\nseconds = 1\nplayers = 20\nchurn_percent = 50\n\
                  [[stage]]\nkind = \"storm\"\nseconds = 1\n";
    let open = closed.replace("players = 20", "rate = 3000");
    for (stages, drop_ppm) in [(closed, 0), (closed, 200_000), (&open, 0), (&open, 200_000)] {
        let text = format!("pushes = \"echo\"\n{}", scenario(script, stages));
        let options = Options { users: 20, drop_ppm, ..Options::default() };
        let world = World { pushes: network::Pushes::Echo, login_ns: 5 * MS, ..World::default() };
        let (record, _) = play_msg(with(&text, options.clone()), world);
        assert_eq!(record.counters.wrong, 0, "{stages} {drop_ppm} {:?}", record.findings);
        assert!(record.counters.pushes_awaited > 500, "{:?}", record.counters);
        // Who loses connections all the time still misses what the server keeps to itself.
        let world = World { pushes: network::Pushes::None, ..world };
        let (record, _) = play_msg(with(&text, options), world);
        let missed = skyring_loadgen::check::Fault::PushMissed.kind();
        assert!(record.faults[missed] > 300, "{stages} {drop_ppm} {:?}", record.counters);
    }
}

/// What has arrived while the generator did nothing is looked at before it is missed.
#[test]
fn a_stop_of_the_generator_is_no_missed_push() {
    let script = "{ request = \"one\" }, { await_push = 1, within_ms = 1 }";
    let stage = "[[stage]]\nkind = \"hold\"\nseconds = 2\nplayers = 5\n";
    let options = Options { users: 5, ..Options::default() };
    let pushes = network::Pushes::Later;
    let world = World { pushes, stop: (1500 * MS, 1600 * MS), ..World::default() };
    let (record, _) = play_msg(with(&scenario(script, stage), options), world);
    assert_eq!(record.counters.wrong, 0, "{:?}", record.findings);
    assert!(record.counters.pushes_awaited > 1000, "{:?}", record.counters);
}

/// The demo of `skyring serve` with `[demo] pushes = true`.
fn pushing_demo() -> DemoServer {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let [login, msg] = [ListenerKind::Login, ListenerKind::Msg]
        .map(|kind| Listener { address: any, ..Listener::new(kind) });
    let config = Config { shards: 2, listeners: vec![login, msg], ..Config::default() };
    DemoServer::start(&config, |context| Demo::new(context, 0).with_pushes(true))
        .expect("the server starts")
}

#[test]
fn the_demo_pushes_what_is_asked_of_it() {
    let server = pushing_demo();
    let script = "{ request = \"one\", times = 2 }, { await_push = 2, within_ms = 20000 }";
    let stage = "[[stage]]\nkind = \"hold\"\nseconds = 0.5\nplayers = 20\n";
    let text = format!("pushes = \"echo\"\n{}", scenario(script, stage));
    let options = Options {
        logins: vec![server.addresses()[0]],
        msgs: vec![server.addresses()[1]],
        users: 20,
        allow_late: true,
        ..Options::default()
    };
    let report = real(&text, options);
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    let counters = report.counters;
    assert!(counters.pushes >= counters.answers && counters.pushes_awaited > 20, "{counters:?}");
    server.handle().stop();
    server.join().expect("a clean end");
}

fn real(text: &str, options: Options) -> Report {
    play(with(text, options))
}

#[test]
fn a_real_run_has_a_table_for_every_stage() {
    let server = Server::start(Fault::None);
    let stages = "[[stage]]\nkind = \"ramp\"\nseconds = 0.3\nrate = 400\nmeasure = false\n\
                  [[stage]]\nkind = \"hold\"\nseconds = 0.4\narrival = \"poisson\"\n\
                  [[stage]]\nkind = \"storm\"\nseconds = 0.6\nrate = 300\n";
    let thresholds = "thresholds = [\"errors == 0\", \"hold: rate > 1\", \"storm < 30s\"]\n";
    let text = format!("{thresholds}{}", scenario(ONE, stages));
    let options = Options { shards: 2, ..server.options() };
    let report = real(&text, options);
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    let names: Vec<_> = report.stages.iter().map(|it| (it.name.as_str(), it.due > 20)).collect();
    assert_eq!(names, [("ramp", true), ("hold", true), ("storm", true)]);
    assert!(report.stages[2].storm.is_some_and(|it| it.dropped == 40 && it.missing == 0));
    let answers: u64 = report.stages.iter().map(|it| it.answers).sum();
    assert!(answers <= report.check.right && answers + 40 >= report.check.right);
    assert!(report.thresholds.iter().all(|it| it.held) && report.thresholds.len() == 3);
}

#[test]
fn players_who_never_had_a_turn_are_not_without_an_answer() {
    let server = Server::start(Fault::None);
    let stages = "[[stage]]\nkind = \"hold\"\nseconds = 0.3\nplayers = 4\n";
    let report = real(&scenario(ONE, stages), server.options());
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    assert_eq!(report.check.users_answered, 4);
    // Forty requests at random leave some of forty players out.
    let stages = "[[stage]]\nkind = \"hold\"\nseconds = 0.4\nrate = 100\narrival = \"poisson\"\n";
    let report = real(&scenario(ONE, stages), server.options());
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    assert!(report.check.users_answered < 40);
}

#[test]
fn a_threshold_that_does_not_hold_has_a_status_of_its_own() {
    let server = Server::start(Fault::None);
    let stage = "[[stage]]\nkind = \"hold\"\nseconds = 0.4\nrate = 200\n";
    let text = format!("thresholds = [\"hold: p50 < 1ns\"]\n{}", scenario(ONE, stage));
    let report = real(&text, server.options());
    assert_eq!((report.verdict.status, report.verdict.exit_status), (Status::Threshold, 7));
    assert!(report.verdict.reasons.iter().any(|it| it.contains("p50 < 1ns")));
    assert!(report.thresholds[0].actual.is_some_and(|ns| ns > 1000.0));
    // A wrong answer is graver.
    let server = Server::start(Fault::SwapUsers);
    let stage = stage.replace("200", "1000");
    let text = format!("thresholds = [\"hold: p50 < 1ns\"]\n{}", scenario(ONE, &stage));
    assert_eq!(real(&text, server.options()).verdict.status, Status::Wrong);
}
