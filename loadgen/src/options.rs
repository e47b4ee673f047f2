//! The command line, as typed values. What the values mean together is the plan's business.
//!
//! Units: instants and durations become nanoseconds, percentages parts per million. Refused:
//! unknown flags, values that do not parse, addresses that do not resolve.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::errand::Errand;
use crate::remote::command::{self, AgentLine, CoordinateLine};
use crate::schedule::SECOND_NS;

/// What `--help` prints.
pub const USAGE: &str = "\
skyring-loadgen: logs users in, plays them, and checks every answer

  skyring-loadgen --login ADDR --msg ADDR --users N --seconds S
                  [--rate R] [--depth D] [--drop P] [--json FILE]
  skyring-loadgen report RECORD.json [--html FILE]    a record's summary and page, again
  skyring-loadgen compare A.json B.json [--html FILE]    two records side by side
  skyring-loadgen agent --listen ADDR [--token-file FILE] [--sources LIST]
  skyring-loadgen coordinate --agents A,B,... [--token-file FILE] ...    a run by several machines

Where (each may be given several times, or as a comma list)
  --login ADDR            login server, host:port  (without any address: those that
  --msg ADDR              message server, host:port  `skyring serve` uses by default)
  --gate ADDR             plain gate that echoes frames, instead of the two above
  --sources LIST          addresses to connect from, e.g. 127.0.0.2-127.0.0.9
                          (default: chosen by itself on loopback when ports get short)
Who
  --users N               users to log in (1000)
  --subset P              percent of them that play; the others stay attached and idle (100)
  --server NAME           server name in the token (sample)
  --user-prefix TEXT      names are TEXT and a number (player)
  --password TEXT         password in the token (password)
Load
  --seconds S             seconds of play (10)
  --warm S                seconds at the start that are checked but not measured (0)
  --hold S                seconds of idling between login and play (0)
  --rate R                open loop: R requests a second over all users, due at fixed instants
  --depth D               unanswered requests on the wire a user (closed loop 1, open loop 64)
  --think S               closed loop: seconds between an answer and the next request (0)
  --payload BYTES         content size, or a range as 64-1024 (64)
Disturbance
  --drop P                percent of requests after which the user loses its connection, attaches
                          again and repeats what is unanswered (0)
  --churn P               percent of users a second that leave and log in again (0)
  --storm S               S seconds into play everybody drops at once and attaches again
Pacing
  --connects-per-second R connections opened a second over all shards (0: as fast as answered)
  --connecting N          handshakes at once over all shards (512)
  --shards N              threads, each with a ring of its own (users / 95 % of descriptor limit)
  --spin                  poll instead of sleeping: least lateness, one core a shard
Judging
  --skynet                the server is Skynet: its known second execution is counted, not wrong
  --late-ms MS            bound of the generator's own p99 lateness (0.1)
  --allow-late            a void run exits as if it were none; what it says stays void
  --allow-losses          connections that the server lost or refused do not fail the run
  --drain S               seconds that open requests may take at the end (10)
Output
  --json FILE             everything as JSON; - for standard output
  --html FILE             everything as one page for a browser, with the JSON in it
  --hlog FILE             the distributions as an HdrHistogram log, format 1.3
  --pid PID               the server's process: CPU a message, memory a session
  --seed N                repeats a run's choices (1)
  --quiet                 no progress
  --help, --version
Several machines
  --listen ADDR           agent: where it waits for a coordinator
  --agents A,B,...        coordinate: the agents; users are divided evenly, --shards, --rate and
                          all else are for the whole run
  --token-file FILE       the secret that all share, 16 bytes at least (else from SKYRING_TOKEN);
                          it keeps strangers from using an agent, it does not encrypt anything

Exit status: 0 all answers right; 1 wrong answers, or requests that were sent and never answered;
2 usage, or an
agent that was lost; 3 users that were not attached at the end, or players without one answer; 4 the generator
was late or the limit, so the run is void; 5 connections that the server ended or refused, though
their users got in again; 6 requests that were due and never sent. The first of 1, 3, 6, 5, 4 that
applies is the status; the reasons name them all.
";

/// What the command line says.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Login servers.
    pub logins: Vec<SocketAddr>,
    /// Message servers.
    pub msgs: Vec<SocketAddr>,
    /// Gates; when not empty, the other two must be.
    pub gates: Vec<SocketAddr>,
    /// Addresses to connect from. Empty: the plan's choice.
    pub sources: Vec<IpAddr>,
    /// Users to log in.
    pub users: u32,
    /// Parts per million of the users that play.
    pub subset_ppm: u32,
    /// Server name in the token.
    pub server: String,
    /// What user names begin with.
    pub user_prefix: String,
    /// Password in the token.
    pub password: String,
    /// Nanoseconds of play.
    pub play_ns: u64,
    /// Nanoseconds of play that are not measured.
    pub warm_ns: u64,
    /// Nanoseconds between login and play.
    pub hold_ns: u64,
    /// Requests a second over all users; 0: closed loop.
    pub rate: u64,
    /// Requests of a user on the wire at once. None: by the kind of loop.
    pub depth: Option<u32>,
    /// Nanoseconds between an answer and the next request, closed loop.
    pub think_ns: u64,
    /// Least content size, bytes.
    pub payload_bytes_min: usize,
    /// Greatest content size, bytes.
    pub payload_bytes_max: usize,
    /// Parts per million of requests followed by a lost connection.
    pub drop_ppm: u32,
    /// Parts per million of users that log in anew each second.
    pub churn_ppm: u32,
    /// Nanoseconds into play at which everybody drops.
    pub storm_ns: Option<u64>,
    /// Connections opened a second; 0: not limited.
    pub connects_per_second: u64,
    /// Handshakes in progress at once.
    pub connecting_max: u32,
    /// Threads; 0: the plan's choice.
    pub shards: u32,
    /// Whether shards poll instead of sleeping.
    pub spin: bool,
    /// Whether the server may run a request twice where Skynet does.
    pub skynet: bool,
    /// Bound of the generator's p99 lateness, nanoseconds.
    pub late_ns_max: u64,
    /// Whether a void run exits as if it were none.
    pub allow_late: bool,
    /// Whether connections may be lost or refused by the server.
    pub allow_losses: bool,
    /// What the contents of this run are told from those of others by. None: drawn at the start.
    pub nonce: Option<u64>,
    /// Nanoseconds for open requests at the end.
    pub drain_ns: u64,
    /// Where the JSON goes.
    pub json: Option<PathBuf>,
    /// Where the page goes.
    pub html: Option<PathBuf>,
    /// Where the HdrHistogram log goes.
    pub hlog: Option<PathBuf>,
    /// The server's process.
    pub pid: Option<u32>,
    /// Seed of every choice.
    pub seed: u64,
    /// No progress.
    pub quiet: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            logins: Vec::new(),
            msgs: Vec::new(),
            gates: Vec::new(),
            sources: Vec::new(),
            users: 1000,
            subset_ppm: 1_000_000,
            server: String::from("sample"),
            user_prefix: String::from("player"),
            password: String::from("password"),
            play_ns: 10 * SECOND_NS,
            warm_ns: 0,
            hold_ns: 0,
            rate: 0,
            depth: None,
            think_ns: 0,
            payload_bytes_min: 64,
            payload_bytes_max: 64,
            drop_ppm: 0,
            churn_ppm: 0,
            storm_ns: None,
            connects_per_second: 0,
            connecting_max: 512,
            shards: 0,
            spin: false,
            skynet: false,
            late_ns_max: SECOND_NS / 10_000,
            allow_late: false,
            allow_losses: false,
            nonce: None,
            drain_ns: 10 * SECOND_NS,
            json: None,
            html: None,
            hlog: None,
            pid: None,
            seed: 1,
            quiet: false,
        }
    }
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A run.
    Run(Box<Options>),
    /// An agent of runs that another machine coordinates.
    Agent(AgentLine),
    /// A run on several machines.
    Coordinate(Box<CoordinateLine>),
    /// Something with the records of earlier runs.
    Errand(Errand),
    /// The text of [`USAGE`].
    Help,
    /// The version.
    Version,
}

impl Options {
    /// Reads a command line, without the program's name.
    pub fn parse<I, T>(arguments: I) -> Result<Command, lexopt::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString>,
    {
        let arguments: Vec<_> = arguments.into_iter().map(Into::into).collect();
        if let Some(errand) = Errand::parse(&arguments)? {
            return Ok(Command::Errand(errand));
        }
        if let Some(command) = command::parse(&arguments)? {
            return Ok(command);
        }
        let mut parser = lexopt::Parser::from_args(arguments);
        let mut options = Options::default();
        while let Some(argument) = parser.next()? {
            let Long(flag) = argument else {
                return match argument {
                    Short('h') => Ok(Command::Help),
                    Short('V') => Ok(Command::Version),
                    other => Err(other.unexpected()),
                };
            };
            let flag = String::from(flag);
            match flag.as_str() {
                "help" => return Ok(Command::Help),
                "version" => return Ok(Command::Version),
                _ if options.switch_on(&flag) => {}
                _ => {
                    if !VALUED.contains(&flag.as_str()) {
                        return Err(format!("unknown flag --{flag}; see --help").into());
                    }
                    let value = parser.value()?.string()?;
                    options
                        .set(&flag, &value)
                        .map_err(|reason| format!("--{flag} {value}: {reason}"))?;
                }
            }
        }
        if options.logins.is_empty() && options.msgs.is_empty() && options.gates.is_empty() {
            options.logins.push((Ipv4Addr::LOCALHOST, 8001).into());
            options.msgs.push((Ipv4Addr::LOCALHOST, 8888).into());
        }
        Ok(Command::Run(Box::new(options)))
    }

    /// Sets a flag that takes no value, if it is one.
    fn switch_on(&mut self, flag: &str) -> bool {
        let switch = match flag {
            "spin" => &mut self.spin,
            "skynet" => &mut self.skynet,
            "allow-late" => &mut self.allow_late,
            "allow-losses" => &mut self.allow_losses,
            "quiet" => &mut self.quiet,
            _ => return false,
        };
        *switch = true;
        true
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        match flag {
            "login" => self.logins.extend(addresses(value)?),
            "msg" => self.msgs.extend(addresses(value)?),
            "gate" => self.gates.extend(addresses(value)?),
            "sources" => self.sources.extend(sources(value)?),
            "server" => self.server = value.into(),
            "user-prefix" => self.user_prefix = value.into(),
            "password" => self.password = value.into(),
            "json" => self.json = Some(value.into()),
            "html" => self.html = Some(value.into()),
            "hlog" => self.hlog = Some(value.into()),
            "payload" => (self.payload_bytes_min, self.payload_bytes_max) = sizes(value)?,
            "seconds" => self.play_ns = seconds(value)?,
            "warm" => self.warm_ns = seconds(value)?,
            "hold" => self.hold_ns = seconds(value)?,
            "think" => self.think_ns = seconds(value)?,
            "storm" => self.storm_ns = Some(seconds(value)?),
            "drain" => self.drain_ns = seconds(value)?,
            "late-ms" => self.late_ns_max = seconds(value)? / 1000,
            "subset" => self.subset_ppm = percent(value)?,
            "drop" => self.drop_ppm = percent(value)?,
            "churn" => self.churn_ppm = percent(value)?,
            "users" => self.users = count(value)?,
            "rate" => self.rate = count(value)?,
            "depth" => self.depth = Some(count(value)?),
            "connects-per-second" => self.connects_per_second = count(value)?,
            "connecting" => self.connecting_max = count(value)?,
            "shards" => self.shards = count(value)?,
            "pid" => self.pid = Some(count(value)?),
            "seed" => self.seed = count(value)?,
            _ => return Err(String::from("unknown flag")),
        }
        Ok(())
    }
}

/// Flags that take a value. Known before the value is asked for, so that a misspelt flag is named
/// as such.
pub(crate) const VALUED: [&str; 29] = [
    "login",
    "msg",
    "gate",
    "sources",
    "server",
    "user-prefix",
    "password",
    "json",
    "html",
    "hlog",
    "payload",
    "seconds",
    "warm",
    "hold",
    "think",
    "storm",
    "drain",
    "late-ms",
    "subset",
    "drop",
    "churn",
    "users",
    "rate",
    "depth",
    "connects-per-second",
    "connecting",
    "shards",
    "pid",
    "seed",
];

/// A whole number; underscores are allowed between digits.
fn count<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.replace('_', "").parse().map_err(|_| String::from("not a whole number in range"))
}

/// Seconds, a decimal fraction allowed, as nanoseconds.
fn seconds(text: &str) -> Result<u64, String> {
    let value: f64 = text.parse().map_err(|_| String::from("not a number of seconds"))?;
    if !(0.0..=1e9).contains(&value) {
        return Err(String::from("must be 0 to 1000000000"));
    }
    Ok((value * SECOND_NS as f64).round() as u64)
}

/// Percent, a decimal fraction allowed, as parts per million.
fn percent(text: &str) -> Result<u32, String> {
    let text = text.strip_suffix('%').unwrap_or(text);
    let value: f64 = text.parse().map_err(|_| String::from("not a percentage"))?;
    if !(0.0..=100.0).contains(&value) {
        return Err(String::from("must be 0 to 100"));
    }
    Ok((value * 10_000.0).round() as u32)
}

fn sizes(text: &str) -> Result<(usize, usize), String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    Ok((count(least)?, count(most)?))
}

pub(crate) fn addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    text.split(',')
        .map(|one| {
            let mut found = one.to_socket_addrs().map_err(|error| error.to_string())?;
            found.next().ok_or_else(|| String::from("no address behind that name"))
        })
        .collect()
}

/// Addresses and ranges of IPv4 addresses, at most 65,536 of them.
pub(crate) fn sources(text: &str) -> Result<Vec<IpAddr>, String> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let bad = |_| format!("{part} is no address or range of addresses");
        if let (Ok(first), Ok(last)) = (first.parse::<Ipv4Addr>(), last.parse::<Ipv4Addr>()) {
            let range = u32::from(first)..=u32::from(last);
            if range.is_empty() || range.end() - range.start() > 0xffff {
                return Err(format!("{part} is empty or too long a range"));
            }
            all.extend(range.map(|bits| IpAddr::from(Ipv4Addr::from(bits))));
        } else {
            all.push(part.parse::<IpAddr>().map_err(bad)?);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Options {
        match Options::parse(line.split_whitespace()) {
            Ok(Command::Run(options)) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_short_form_is_read() {
        let options = parsed(
            "--login 127.0.0.1:8001 --msg 127.0.0.1:8888 --users 10_000 --seconds 2.5 --rate 20000 \
             --depth 4 --drop 0.5 --json out.json",
        );
        assert_eq!(options.logins, ["127.0.0.1:8001".parse().unwrap()]);
        assert_eq!((options.users, options.rate, options.depth), (10_000, 20_000, Some(4)));
        assert_eq!((options.play_ns, options.drop_ppm), (2_500_000_000, 5_000));
    }

    #[test]
    fn without_addresses_it_is_the_default_server() {
        let options = parsed("--users 5");
        assert_eq!(options.logins, ["127.0.0.1:8001".parse().unwrap()]);
        assert_eq!(options.msgs, ["127.0.0.1:8888".parse().unwrap()]);
        assert!(parsed("--gate 127.0.0.1:8889").logins.is_empty());
    }

    #[test]
    fn lists_and_ranges_are_read() {
        let options = parsed(
            "--login 127.0.0.1:1,127.0.0.2:1 --login 127.0.0.3:1 \
             --sources 127.0.0.2-127.0.0.4,127.0.1.1 --payload 64-1024",
        );
        assert_eq!(options.logins.len(), 3);
        let sources = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.1.1"];
        assert_eq!(options.sources, sources.map(|one| one.parse::<IpAddr>().unwrap()));
        assert_eq!((options.payload_bytes_min, options.payload_bytes_max), (64, 1024));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (line, part) in [
            ("--rats 5", "--rats"),
            ("--users many", "--users many"),
            ("--drop 101", "0 to 100"),
            ("--seconds -1", "--seconds"),
            ("--sources 127.0.0.9-127.0.0.2", "empty"),
            ("--login nowhere", "--login"),
            ("--users", "users"),
            ("stray", "stray"),
        ] {
            let error = Options::parse(line.split_whitespace()).unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn every_flag_is_in_the_usage_and_is_known() {
        for flag in VALUED {
            assert!(USAGE.contains(&format!("--{flag} ")), "{flag} is not explained");
            let outcome = Options::default().set(flag, "?");
            assert_ne!(outcome, Err(String::from("unknown flag")), "{flag}");
        }
        for flag in ["spin", "skynet", "allow-late", "allow-losses", "quiet"] {
            assert!(USAGE.contains(&format!("--{flag} ")), "{flag} is not explained");
            assert!(Options::default().switch_on(flag), "{flag}");
        }
        assert!(matches!(Options::parse(["--help"]), Ok(Command::Help)));
    }
}
