//! The command line, as typed values. What the values mean together is the plan's business.
//!
//! Units: instants and durations become nanoseconds, percentages parts per million. Refused:
//! unknown flags, values that do not parse, addresses that do not resolve.

mod flags;
mod tls;
mod values;
mod ws;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use self::flags::VALUED;
use self::flags::{Flag, OF_A_FILE, OF_THE_LOAD, read_flags};
pub use self::tls::TlsOptions;
pub(crate) use self::values::{addresses, sources};
use self::values::{count, identity, percent, pin, seconds, sizes};
pub use self::ws::{WebServer, WsOptions};
use crate::arrival::SECOND_NS;
use crate::errand::Errand;
use crate::remote::command::{self, AgentLine, CoordinateLine};
use crate::scenario::file::ScenarioFile;
use crate::threshold::Threshold;

/// What `--help` prints.
pub const USAGE: &str = include_str!("usage.txt");

/// What the command line says.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Login servers.
    pub logins: Vec<SocketAddr>,
    /// Message servers.
    pub msgs: Vec<SocketAddr>,
    /// Gates; when not empty, the other kinds of servers must be.
    pub gates: Vec<SocketAddr>,
    /// HTTP servers; when not empty, the other kinds of servers must be.
    pub https: Vec<SocketAddr>,
    /// The same as they were named, for the header `Host`.
    pub http_hosts: Vec<String>,
    /// What to get from them instead of posting contents to be echoed.
    pub http_get: Option<String>,
    /// Whether every request of HTTP has a connection of its own.
    pub http_close: bool,
    /// WebSocket.
    pub ws: WsOptions,
    /// TLS to all servers.
    pub tls: TlsOptions,
    /// The keys of servers that are believed in login v2, which is spoken when there is one.
    pub v2: Vec<[u8; 32]>,
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
    /// What users do, and when; it takes the place of the load below. None: what the load says.
    pub scenario: Option<Arc<ScenarioFile>>,
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
    /// Whether the server may end and come back without the sessions: users try until it is there,
    /// log in again and ask again.
    pub relogin: bool,
    /// What the result must be.
    pub thresholds: Vec<Threshold>,
    /// Open requests of one shard at most; beyond it, requests are left out, which voids the run.
    pub open_max: u64,
    /// Nanoseconds that every shard sleeps half way through the play, so that `selftest` can prove
    /// that the generator's own stops are told.
    pub nap_ns: u64,
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
            https: Vec::new(),
            http_hosts: Vec::new(),
            http_get: None,
            http_close: false,
            ws: WsOptions::default(),
            tls: TlsOptions::default(),
            v2: Vec::new(),
            sources: Vec::new(),
            users: 1000,
            subset_ppm: 1_000_000,
            server: String::from("sample"),
            user_prefix: String::from("player"),
            password: String::from("password"),
            scenario: None,
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
            relogin: false,
            thresholds: Vec::new(),
            open_max: 4_000_000,
            nap_ns: 0,
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
    /// The proof that faults and stalls are shown.
    SelfTest,
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
        if arguments.first().is_some_and(|word| word == "selftest") {
            let alone = arguments.len() == 1;
            return alone.then_some(Command::SelfTest).ok_or("selftest takes no flags".into());
        }
        let Some(flags) = read_flags(arguments)? else { return Ok(Command::Help) };
        if flags.iter().any(|flag| flag.name == "version") {
            return Ok(Command::Version);
        }
        let mut named = flags.iter().filter(|flag| flag.name == "scenario");
        let path = named.next_back().and_then(|flag| flag.value.as_deref());
        let read =
            |path: &str| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
        let text = path.map(read).transpose()?;
        let options = Options::of_flags(&flags, text.as_deref(), path.unwrap_or_default())?;
        Ok(Command::Run(Box::new(options)))
    }

    /// Reads the flags of a run whose scenario, if it has one, is at hand; no file is read.
    ///
    /// # Errors
    /// As [`Options::parse`]; also when the flags ask for help or name a scenario's file.
    pub fn of_run(arguments: &[String], scenario: Option<&str>) -> Result<Options, lexopt::Error> {
        let flags = read_flags(arguments.iter().map(OsString::from).collect())?;
        let flags = flags.ok_or("--help is no flag of a run")?;
        if flags.iter().any(|flag| flag.name == "scenario" || flag.name == "version") {
            return Err("the text of the scenario takes the place of its file".into());
        }
        Options::of_flags(&flags, scenario, "scenario")
    }

    /// What flags say, and a scenario of this text and origin.
    fn of_flags(
        flags: &[Flag],
        scenario: Option<&str>,
        origin: &str,
    ) -> Result<Options, lexopt::Error> {
        let mut options = Options::default();
        if let Some(text) = scenario {
            if let Some(flag) = flags.iter().find(|flag| OF_THE_LOAD.contains(&flag.name.as_str()))
            {
                return Err(format!("--{}: with --scenario, the file says it", flag.name).into());
            }
            let file = options.apply_scenario(text, flags);
            let file = file.map_err(|error| format!("{origin}: {error}"))?;
            options.scenario = Some(Arc::new(file));
        }
        for flag in flags.iter().filter(|flag| flag.name != "scenario") {
            options.apply(flag)?;
        }
        let others = [&options.msgs, &options.gates, &options.https];
        let is_empty = others.iter().all(|it| it.is_empty()) && !options.ws.is_used();
        if options.logins.is_empty() && is_empty {
            options.logins.push((Ipv4Addr::LOCALHOST, 8001).into());
            options.msgs.push((Ipv4Addr::LOCALHOST, 8888).into());
        }
        Ok(options)
    }

    /// Applies what a scenario says of servers and users and no flag says.
    fn apply_scenario(&mut self, text: &str, flags: &[Flag]) -> Result<ScenarioFile, String> {
        const SERVERS: [&str; 7] = ["login", "msg", "gate", "http", "ws", "ws-login", "ws-msg"];
        let file = ScenarioFile::parse(text).map_err(|error| error.to_string())?;
        let elsewhere = flags.iter().any(|flag| SERVERS.contains(&flag.name.as_str()));
        for (name, value) in file.arguments() {
            if !OF_A_FILE.contains(&name.as_str()) {
                return Err(format!("connect: there is no key {}", name.replace('-', "_")));
            }
            let is_given = flags.iter().any(|flag| flag.name == name);
            if is_given || (elsewhere && SERVERS.contains(&name.as_str())) {
                continue;
            }
            let is_switch = Options::default().switch_on(&name);
            match (is_switch, value.as_str()) {
                (true, "true") => _ = self.switch_on(&name),
                (true, "false") => {}
                _ => self.set(&name, &value).map_err(|it| format!("{name} = {value}: {it}"))?,
            }
        }
        Ok(file)
    }

    fn apply(&mut self, flag: &Flag) -> Result<(), lexopt::Error> {
        let name = &flag.name;
        match &flag.value {
            None => {
                self.switch_on(name);
                Ok(())
            }
            Some(value) => {
                self.set(name, value).map_err(|reason| format!("--{name} {value}: {reason}").into())
            }
        }
    }

    /// Sets a flag that takes no value, if it is one.
    fn switch_on(&mut self, flag: &str) -> bool {
        let switch = match flag {
            "http-close" => &mut self.http_close,
            "ws-text" => &mut self.ws.is_text,
            "ws-deflate" => &mut self.ws.deflates,
            "tls" => &mut self.tls.is_on,
            "tls-full" => &mut self.tls.is_full,
            "spin" => &mut self.spin,
            "skynet" => &mut self.skynet,
            "allow-late" => &mut self.allow_late,
            "allow-losses" => &mut self.allow_losses,
            "relogin" => &mut self.relogin,
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
            "http" => {
                self.https.extend(addresses(value)?);
                self.http_hosts.extend(value.split(',').map(String::from));
            }
            "http-get" => self.http_get = Some(value.into()),
            "ws" | "ws-login" | "ws-msg" => self.ws.set(flag, value)?,
            "ws-share" => self.ws.share_ppm = Some(percent(value)?),
            "tls-ca" => self.tls.authorities = Some(value.into()),
            "v2" => self.v2.push(identity(value)?),
            "tls-pin" => self.tls.pins.push(pin(value)?),
            "tls-name" => self.tls.name = Some(value.into()),
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
            "threshold" => {
                self.thresholds.push(value.parse().map_err(|error| format!("{error}"))?);
            }
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
    fn http_servers_keep_their_names_and_pins_are_read() {
        let pin = "0f:".repeat(31) + "1e";
        let line = format!("--http 127.0.0.1:80,127.0.0.1:81 --http-close --tls --tls-pin {pin}");
        let options = parsed(&line);
        assert_eq!(options.http_hosts, ["127.0.0.1:80", "127.0.0.1:81"]);
        assert!(options.https.len() == 2 && options.logins.is_empty());
        assert!(options.http_close && options.tls.is_on && !options.tls.is_full);
        assert_eq!((options.tls.pins[0][0], options.tls.pins[0][31]), (0x0f, 0x1e));
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
            ("--tls-pin 00:zz", "SHA-256"),
            ("--users", "users"),
            ("stray", "stray"),
        ] {
            let error = Options::parse(line.split_whitespace()).unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn every_flag_is_in_the_usage_and_is_known() {
        for flag in VALUED.into_iter().filter(|flag| *flag != "scenario") {
            assert!(USAGE.contains(&format!("--{flag} ")), "{flag} is not explained");
            let outcome = Options::default().set(flag, "?");
            assert_ne!(outcome, Err(String::from("unknown flag")), "{flag}");
        }
        let others = ["tls", "tls-full", "http-close", "ws-text", "ws-deflate"];
        let switches = ["spin", "skynet", "allow-late", "allow-losses", "relogin", "quiet"];
        for flag in switches.into_iter().chain(others) {
            assert!(USAGE.contains(&format!("--{flag} ")), "{flag} is not explained");
            assert!(Options::default().switch_on(flag), "{flag}");
        }
        assert!(matches!(Options::parse(["--help"]), Ok(Command::Help)));
    }
}
