//! The program from outside: what it prints, what it answers, how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use skyring::shard::counters::Counter;

/// How long anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const LISTENERS: &str = r#"
admin = "127.0.0.1:0"
[demo]
delay_ms = 20000
[[listener]]
kind = "login"
address = "127.0.0.1:0"
[[listener]]
kind = "msg"
address = "127.0.0.1:0"
[[listener]]
kind = "gate"
address = "127.0.0.1:0"
"#;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_skyring"))
}

fn output(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program writes text")
}

/// A file that is gone after the test.
struct Config(PathBuf);

impl Config {
    fn new(name: &str, text: &str) -> Config {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
        fs::write(&path, text).expect("the build's folder is writable");
        Config(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the build's folder has a plain name")
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A server in a process of its own, killed when the test is over.
struct Served {
    child: Child,
    /// What it printed until it was ready.
    report: Vec<String>,
}

impl Served {
    fn start(config: &Config) -> Served {
        let mut command = program();
        command.args(["serve", "--config", config.path()]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut served = Served { child: command.spawn().expect("it starts"), report: Vec::new() };
        let out = BufReader::new(served.child.stdout.take().expect("it is a pipe"));
        let lines = out.lines().map(|line| line.expect("it prints text"));
        served.report = lines.take_while(|line| !line.starts_with("ready")).collect();
        if served.report.len() < 4 {
            panic!("the server did not become ready: {}", served.end().1);
        }
        served
    }

    /// The address behind a word of the report.
    fn address(&self, name: &str) -> SocketAddr {
        let line = self.report.iter().find(|line| line.trim().starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {:?}", self.report));
        let word = line.split_whitespace().nth(1).expect("an address behind the name");
        word.parse().expect("an address")
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    fn running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Its exit code and what it wrote to standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let start = Instant::now();
        while self.running() {
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut errors = String::new();
        let mut pipe = self.child.stderr.take().expect("it is a pipe");
        pipe.read_to_string(&mut errors).expect("it writes text");
        (self.child.wait().expect("it has ended").code(), errors)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_reports_answers_and_drains() {
    let config = Config::new("drains", LISTENERS);
    let served = Served::start(&config);
    for name in ["login", "msg", "gate", "admin"] {
        assert_ne!(served.address(name).port(), 0, "{name}");
        TcpStream::connect(served.address(name)).expect(name);
    }
    let admin = served.address("admin").to_string();
    let stats = output(&["stats", "--admin", &admin]);
    assert!(stats.status.success());
    let stats = text(&stats.stdout);
    assert!(stats.starts_with("# accepted: "), "{stats}");
    assert!(stats.contains("\nsessions_now{shard=0} 0\n"), "{stats}");
    served.signal("TERM");
    let (code, errors) = served.end();
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("this is the demo application"), "{errors}");
    assert!(!errors.contains("reachable from other machines"), "{errors}");
    assert!(errors.ends_with("skyring: draining\n"), "{errors}");
}

#[test]
fn an_interrupt_drains_and_a_second_signal_stops() {
    let config = Config::new("stops", LISTENERS);
    let mut served = Served::start(&config);
    let mut gate = TcpStream::connect(served.address("gate")).expect("gate");
    gate.write_all(b"\0\x04ping").expect("room for one frame");
    let admin = served.address("admin").to_string();
    let start = Instant::now();
    while !text(&output(&["stats", "--admin", &admin]).stdout).contains("\ngate_messages 1\n") {
        assert!(start.elapsed() < PATIENCE, "the frame does not arrive");
    }
    served.signal("INT");
    std::thread::sleep(Duration::from_millis(500));
    assert!(served.running(), "the drain waits for the answer");
    served.signal("INT");
    let stopped = Instant::now();
    let (code, errors) = served.end();
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.ends_with("skyring: draining\nskyring: stopping\n"), "{errors}");
    assert!(stopped.elapsed() < Duration::from_secs(8), "long before the drain's own end");
}

/// A certificate of its own making and its key, in two files of the build's folder.
fn certificate(name: &str) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let path = |kind| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{kind}"));
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    fs::write(&cert, made.cert.pem()).expect("the build's folder is writable");
    fs::write(&key, made.signing_key.serialize_pem()).expect("the build's folder is writable");
    (cert, key)
}

#[test]
fn a_hangup_reloads_certificates_and_says_which_could_not_be() {
    let (first, second) = (certificate("hangup-1"), certificate("hangup-2"));
    let listener = |kind: &str, (cert, key): &(PathBuf, PathBuf)| {
        let tls = format!("tls = {{ cert = {cert:?}, key = {key:?} }}");
        format!("[[listener]]\nkind = \"{kind}\"\naddress = \"127.0.0.1:0\"\n{tls}\n")
    };
    let listeners = [("login", &first), ("msg", &second), ("gate", &first)];
    let listeners: String = listeners.iter().map(|(kind, files)| listener(kind, files)).collect();
    let config = Config::new("hangup", &format!("admin = \"127.0.0.1:0\"\n{listeners}"));
    let served = Served::start(&config);
    fs::remove_file(&second.1).expect("the key was there");
    served.signal("HUP");
    // It goes on, and heeds the next signal when it is done with this one.
    TcpStream::connect(served.address("gate")).expect("gate");
    served.signal("TERM");
    let (code, errors) = served.end();
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("skyring: listener[0]: certificates reloaded\n"), "{errors}");
    assert!(errors.contains("skyring: listener[1] keeps its certificates: "), "{errors}");
    assert!(errors.contains("hangup-2.key.pem"), "{errors}");
    assert!(
        errors.ends_with("listener[2]: certificates reloaded\nskyring: draining\n"),
        "{errors}"
    );
}

#[test]
fn a_taken_port_is_said_with_its_address() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let text_of = |kind: &str| format!("[[listener]]\nkind = \"{kind}\"\naddress = \"{address}\"");
    let config = Config::new("taken", &text_of("gate"));
    let refused = output(&["serve", "--config", config.path()]);
    assert_eq!(refused.status.code(), Some(1));
    let errors = text(&refused.stderr);
    assert!(errors.contains(&format!("cannot listen on {address}")), "{errors}");
    assert!(errors.ends_with("Try `skyring doctor`.\n"), "{errors}");
    let checked = output(&["doctor", "--config", config.path()]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked.stdout).contains("FAIL  ports"), "{}", text(&checked.stdout));
}

#[test]
fn a_taken_admin_port_ends_the_server_too() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let admin = taken.local_addr().expect("it is bound").to_string();
    let config = Config::new("admin", &LISTENERS.replacen("127.0.0.1:0", &admin, 1));
    let refused = output(&["serve", "--config", config.path()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains(&format!("admin port {admin}: ")));
}

#[test]
fn the_doctor_prints_checks_and_the_ceiling() {
    let config = Config::new("doctor", LISTENERS);
    let checked = output(&["doctor", "--config", config.path()]);
    let report = text(&checked.stdout);
    assert!(checked.status.success(), "{report}");
    for subject in
        ["kernel", "io_uring", "descriptors", "locked memory", "ports", "Ceiling: ", "DEPLOY.md"]
    {
        assert!(report.contains(subject), "{subject} is missing:\n{report}");
    }
}

/// Names in code style in the first column of the table below a heading.
fn table_names<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let (_, section) = text.split_once(heading).expect("the document has the heading");
    let rows = section.lines().skip(1).take_while(|line| !line.starts_with('#'));
    let cells = rows.filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    cells.flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches('`')).collect()
}

#[test]
fn counters_that_operators_are_told_to_watch_exist() {
    let text =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/DEPLOY.md")).expect("it exists");
    let named = table_names(&text, "\n## What to watch");
    assert!(named.len() > 10, "the table was found: {named:?}");
    let exists = |name: &str| Counter::ALL.iter().any(|counter| counter.name() == name);
    let missing: Vec<_> = named.into_iter().filter(|name| !exists(name)).collect();
    assert_eq!(missing, [] as [&str; 0]);
}

/// The source files below a folder, in one text.
fn sources(folder: &str) -> String {
    let entries = fs::read_dir(folder).expect("a folder of the repository");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("it can be listed").path();
        let path = path.to_str().expect("a plain name");
        match path.ends_with(".rs") {
            true => fs::read_to_string(path).expect("it can be read"),
            false if fs::metadata(path).is_ok_and(|found| found.is_dir()) => sources(path),
            false => String::new(),
        }
    };
    entries.map(read).collect()
}

#[test]
fn what_the_page_says_of_faults_exists() {
    let root = env!("CARGO_MANIFEST_DIR");
    let page = fs::read_to_string(format!("{root}/DEPLOY.md")).expect("it exists");
    let code: String =
        ["src", "tests", "../loadgen/src", "../loadgen/tests", "../bench/src", "../bench/tests"]
            .map(|folder| sources(&format!("{root}/{folder}")))
            .concat();
    let (_, section) = page.split_once("\n## Faults").expect("the page has the heading");
    let rows = section.lines().skip(1).take_while(|line| !line.starts_with('#'));
    let rows = rows.filter(|line| line.starts_with("| ") && !line.starts_with("| ---")).skip(1);
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [_, _, counted, test] = cells[..] else { panic!("four cells: {row}") };
        let names = |cell: &str| -> Vec<String> {
            cell.split('`').skip(1).step_by(2).map(String::from).collect()
        };
        for counter in names(counted) {
            assert!(Counter::ALL.iter().any(|it| it.name() == counter), "{counter}: {row}");
        }
        let tests = names(test);
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            assert!(code.contains(&format!("fn {test}(")), "{test}: {row}");
        }
        count += 1;
    }
    assert!(count >= 5, "the table was found");
}

#[test]
fn a_refused_configuration_ends_with_2() {
    let config = Config::new("refused", "shards = 1\n[[listener]]\nkind = \"msg\"\nport = 1\n");
    for command in ["serve", "doctor"] {
        let refused = output(&[command, "--config", config.path()]);
        assert_eq!(refused.status.code(), Some(2));
        let expected = format!("skyring: {}: listener[0].port: no such key;", config.path());
        let errors = text(&refused.stderr);
        assert!(errors.starts_with(&expected), "{errors}");
    }
}

#[test]
fn usage_help_and_version() {
    let refused = output(&["start"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).ends_with("Try `skyring --help`.\n"));
    assert!(text(&output(&["--help"]).stdout).contains("Usage: skyring [COMMAND]"));
    let version = text(&output(&["--version"]).stdout);
    assert_eq!(version, format!("skyring {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_full_disk_is_said_and_fails() {
    let full = || fs::File::options().write(true).open("/dev/full").expect("Linux");
    for line in ["--help", "fetch --help", "--version"] {
        let words = line.split(' ');
        let failed = program().args(words).stdout(full()).output().expect("the program runs");
        let expected = "skyring: standard output: No space left on device (os error 28)\n";
        assert_eq!((failed.status.code(), &*text(&failed.stderr)), (Some(1), expected), "{line}");
    }
    let refused = program().arg("start").stderr(full()).status().expect("the program runs");
    assert_eq!(refused.code(), Some(2));
}

#[test]
fn stats_without_a_server_say_what_is_missing() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = free.local_addr().expect("it is bound").to_string();
    drop(free);
    let refused = output(&["stats", "--admin", &address]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains(&format!("admin = \"{address}\"")));
}
