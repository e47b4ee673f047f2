//! `skyring-bench login`: what a login costs the server, and a login with an attach.
//!
//! One server core, the generator on another, so many logins at once in a closed loop, every user a
//! new one. Beside skyring runs `exchange`, a server that accepts, passes the same bytes in as many
//! round trips and closes: what is left above it is the protocol's and the server's, what is in it
//! is the kernel's. `session-v2` is the same server by the secure handshake, whose lines are longer.
//! A server that runs already joins with `--peer`.

mod swarm;
mod talk;

use std::error::Error;
use std::io;
use std::time::Duration;

use lexopt::ValueExt;

use super::page::{Bars, Goal, Measure, Page};
use super::record::{Cell, Flag, Record};
use super::server::Server;
use super::settings::{self, OptionError, Settings};
use crate::child::Target;
use crate::host;
use crate::measure::calls::{self, CallCounter};
use crate::measure::reading::Reading;
use crate::peers::Peer;
use crate::statistics::Percentiles;
use swarm::{Destination, Swarm, SwarmError};

/// What the goal allows a login.
const LOGIN_US_MAX: f64 = 60.0;

/// The options, with their meaning, for `--help`.
pub(crate) const USAGE: &str = "\
usage: skyring-bench login [OPTIONS]

  --seconds S            of each measurement, after as much again of warming up, at most 1 s (2)
  --at-once N            logins under way at once (64)
  --peer NAME=ADDR,PID,LOGIN_ADDR    also a server that runs already: a msgserver named `sample`
                         whose users have the password `password`
";

const CPU: Measure = Measure::new("CPU us/user", 1, Cell::cpu_us);
const OVER_BARE: Measure =
    Measure { heading: "x exchange", digits: 2, over: Some("exchange"), ..CPU };
const CALLS: Measure = Measure::new("calls/user", 2, |cell| cell.calls);
const RATE: Measure = Measure::new("users/s", 0, Cell::rate);
/// What the processor time pays for, also where the generator could not bring so many.
const RATE_OF_A_CORE: Measure =
    Measure::new("users/s a core", 0, |cell| Some(1e6 / cell.cpu_us()?));
const LOGIN_P50: Measure =
    Measure::new("login p50 us", 0, |cell| Some(cell.times.get("login")?.p50_us));
const LOGIN_P99: Measure =
    Measure::new("login p99 us", 0, |cell| Some(cell.times.get("login")?.p99_us));

/// How its records are shown.
pub const PAGE: Page = Page {
    claim: "login",
    title: "What a login costs",
    columns: &[
        CPU,
        OVER_BARE,
        CALLS,
        RATE,
        RATE_OF_A_CORE,
        Measure::new("busy %", 0, |cell| Some(cell.server_busy()? * 100.0)),
        LOGIN_P50,
        LOGIN_P99,
        Measure::new("attach p50 us", 0, |cell| Some(cell.times.get("attach")?.p50_us)),
        Measure::new("attach p99 us", 0, |cell| Some(cell.times.get("attach")?.p99_us)),
    ],
    bars: &[
        Bars { title: "Server CPU a user", axis: "microseconds, connect to close", measure: CPU },
        Bars { title: "System calls a user", axis: "calls of all server threads", measure: CALLS },
        Bars { title: "Users a second", axis: "one server core", measure: RATE },
        Bars { title: "Login time p99", axis: "microseconds, saturated", measure: LOGIN_P99 },
    ],
    goals: &[Goal {
        text: "server CPU of a full login, connect to close, us",
        measure: CPU,
        scenario: Some(LOGIN),
        server: "session",
        limit: LOGIN_US_MAX,
    }],
    shown: &[
        ("server CPU, microseconds", CPU),
        ("users a second that a server core has the time for", RATE_OF_A_CORE),
        ("server CPU divided by the same without a login", OVER_BARE),
        ("system calls", CALLS),
    ],
};

const LOGIN: &str = "login";
const LOGIN_AND_ATTACH: &str = "login+attach";

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct LoginOptions {
    /// Where and how often.
    pub settings: Settings,
    /// Time of each measurement.
    pub measured: Duration,
    /// Logins under way at once.
    pub at_once: usize,
}

impl LoginOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// What makes no sense in it.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<LoginOptions>, OptionError> {
        let settings = Settings::new(5)?;
        let mut options = LoginOptions { settings, measured: Duration::from_secs(2), at_once: 64 };
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "seconds" => options.measured = settings::seconds(parser)?,
                "at-once" => options.at_once = parser.value()?.parse()?,
                _ => return options.take_setting(name, parser),
            }
            Ok(true)
        })?;
        options.settings.check()?;
        if options.measured.is_zero() || options.at_once == 0 {
            return Err("--seconds and --at-once must be above 0".into());
        }
        if options.settings.given.iter().any(|target| target.login.is_none()) {
            return Err("--peer needs the address of its login".into());
        }
        Ok(goes_on.then_some(options))
    }

    fn take_setting(
        &mut self,
        name: &str,
        parser: &mut lexopt::Parser,
    ) -> Result<bool, OptionError> {
        if name == "quick" {
            (self.measured, self.at_once) = (Duration::from_millis(300), 16);
        }
        self.settings.take(name, parser)
    }
}

/// Measures everything.
///
/// # Errors
/// When nothing can be measured; what fails of it is in the record.
pub fn run(options: &LoginOptions, record: &mut Record) -> Result<(), Box<dyn Error>> {
    let mut servers =
        [Peer::Session, Peer::SecureSession, Peer::Exchange].map(Server::Peer).to_vec();
    servers.extend(options.settings.given.iter().cloned().map(Server::Given));
    record.servers = servers.iter().map(Server::note).collect();
    if !servers.iter().any(|server| server.name() == "skynet") {
        record.note(String::from(
            "Skynet was not measured: none was given (`--peer skynet=ADDR,PID,LOGIN_ADDR`).",
        ));
    }
    host::raise_descriptor_limit()?;
    host::pin(options.settings.generator_core)?;
    let scenarios = [LOGIN, LOGIN_AND_ATTACH];
    let settings = &options.settings;
    super::rounds(
        settings,
        record,
        &scenarios,
        &servers,
        Server::name,
        |scenario, server, record| {
            let running = server.start(settings)?;
            let (cell, missing) = measure(running.target(), scenario, options)?;
            record.note_uncounted(missing);
            Ok(cell)
        },
    );
    Ok(())
}

/// The load in words.
pub fn load(options: &LoginOptions) -> String {
    format!(
        "{} logins under way at once, every user a new one; {} s after {} s of warming up.",
        options.at_once,
        options.measured.as_secs_f64(),
        warm_up(options).as_secs_f64()
    )
}

fn warm_up(options: &LoginOptions) -> Duration {
    options.measured.min(Duration::from_secs(1))
}

/// A cell, and why system calls are missing from it if they are.
fn measure(
    target: &Target,
    scenario: &str,
    options: &LoginOptions,
) -> Result<(Cell, Option<String>), Box<dyn Error>> {
    let places = options.settings.places();
    let destination = Destination {
        login: target.login.ok_or("it has no login")?,
        attach: (scenario == LOGIN_AND_ATTACH).then_some(target.address),
        is_bare: target.name == Peer::Exchange.name(),
        is_secure: target.name == Peer::SecureSession.name(),
    };
    let mut swarm = Swarm::new(destination, options.at_once)?;
    swarm.phase(warm_up(options))?;
    swarm.reset_times();
    let before = Reading::take(target.pid, places)?;
    let (done, elapsed) = swarm.phase(options.measured)?;
    let processors = Reading::take(target.pid, places)?.since(before, places);
    let times = [(LOGIN, &swarm.login_ns), ("attach", &swarm.attach_ns)];
    let times = times.into_iter().filter(|(_, times)| !times.is_empty());
    let times = times.map(|(name, times)| (name.to_owned(), Percentiles::of(times))).collect();
    let (calls, missing) = match count_calls(target.pid, &mut swarm, options)? {
        Ok(calls) => (Some(calls), None),
        Err(error) => (None, Some(error.to_string())),
    };
    swarm.finish()?;
    if done == 0 {
        return Err("nobody got in".into());
    }
    let seconds = elapsed.as_secs_f64();
    let flags = Flag::of(&processors, seconds);
    let users = options.at_once as u64;
    let cell = Cell {
        users,
        shards: 1,
        done,
        seconds,
        processors,
        calls,
        times,
        flags,
        ..Cell::default()
    };
    Ok((cell, missing))
}

/// System calls a user, in a phase that runs whether they can be counted or not.
fn count_calls(
    pid: u32,
    swarm: &mut Swarm,
    options: &LoginOptions,
) -> Result<io::Result<f64>, SwarmError> {
    let counter = CallCounter::attach(pid);
    let counting = counter.and_then(|mut counter| Ok((counter.count()?, counter)));
    let (users, _) = swarm.phase(options.measured.min(Duration::from_millis(500)))?;
    Ok(counting.and_then(|(before, mut counter)| calls::each(counter.count()? - before, users)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<LoginOptions>, OptionError> {
        LoginOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn options_are_read() {
        let options = parse(&["--at-once", "8", "--seconds", "0.5"]).unwrap().unwrap();
        assert_eq!((options.at_once, options.measured), (8, Duration::from_millis(500)));
        assert!(load(&options).contains("8 logins"));
        assert!(parse(&["--help"]).unwrap().is_none());
        for wrong in [&["--at-once", "0"][..], &["--peer", "x=127.0.0.1:1,2"], &["--seconds", "x"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
