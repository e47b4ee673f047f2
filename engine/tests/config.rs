//! The configuration file: the documented sample is true, and what cannot work is refused with the
//! key and the reason.

#[path = "config/tokens.rs"]
mod tokens;

use std::net::SocketAddr;
use std::path::Path;

use skyring::config::{
    CertificateFiles, CertificateSource, Compression, Config, ConfigError, ConfigFault,
    DuplicateRequest, Handshake, Limits, Listener, ListenerKind, PushOverBudget, TlsSettings,
    capacity,
};
use skyring::cores;
use skyring_protocols::{Blame, Compat};

const SAMPLE: &str = include_str!("../skyring.toml");

fn refusal(text: &str) -> ConfigError {
    Config::parse(text, "test.toml").expect_err(text)
}

/// The message without the file's name.
fn refusal_text(text: &str) -> String {
    let message = refusal(text).to_string();
    message.strip_prefix("test.toml: ").expect("the file comes first").to_owned()
}

/// Field names of a type, read off its pretty debug form, so that no list has to be kept.
fn fields(value: &impl std::fmt::Debug) -> Vec<String> {
    let text = format!("{value:#?}");
    let top = text.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    top.filter_map(|line| Some(line.trim().split_once(':')?.0.to_owned())).collect()
}

/// The sample with its absent keys switched on: lines that begin with `#` and no space.
fn sample_with_every_key() -> String {
    let lines = SAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|first: char| first.is_ascii_lowercase()) => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(Config::parse("", "empty.toml"), Ok(Config::default()));
}

#[test]
fn the_sample_is_the_default() {
    assert_eq!(Config::parse(SAMPLE, "skyring.toml"), Ok(Config::default()));
}

#[test]
fn the_sample_with_every_key_differs_only_where_the_default_is_absence() {
    let config = Config::parse(&sample_with_every_key(), "skyring.toml").unwrap();
    let admin = Some("127.0.0.1:8890".parse().unwrap());
    let mut expected = Config { admin, ..Config::default() };
    for listener in &mut expected.listeners {
        listener.congestion = Some(String::from("cubic"));
        let has_identity = matches!(listener.kind, ListenerKind::Login | ListenerKind::Http);
        // The sample shows it on the first of its kind.
        if has_identity && listener.tls.is_none() {
            listener.identity = Some("/etc/skyring/identity".into());
        }
        let files = ["/etc/skyring/cert.pem", "/etc/skyring/key.pem"];
        listener.tls.get_or_insert(TlsSettings::files(files[0], files[1]));
    }
    assert_eq!(config, expected);
}

#[test]
fn every_field_is_a_key_of_the_sample() {
    let sample: toml::Table = sample_with_every_key().parse().unwrap();
    let listeners = sample["listener"].as_array().unwrap();
    let config = Config::default();
    let mut count = 0;
    for field in fields(&config) {
        let key = if field == "listeners" { "listener" } else { &field };
        assert!(sample.contains_key(key), "{key} is missing");
        count += 1;
    }
    for key in fields(&config.demo) {
        assert!(sample["demo"].get(&key).is_some(), "demo.{key} is missing");
        count += 1;
    }
    let keys = fields(&Listener::new(ListenerKind::Msg)).into_iter();
    // The limits are keys of the listener itself.
    let keys = keys.filter(|key| key != "limits").chain(fields(&Limits::default()));
    for key in keys {
        let shown = listeners.iter().any(|listener| listener.get(&key).is_some());
        assert!(shown, "listener.{key} is missing");
        count += 1;
    }
    assert!(count >= 29, "only {count} fields were found");
}

#[test]
fn every_value_reaches_its_field() {
    let processor = cores::allowed()[0];
    let text = format!(
        r#"
        shards = 3
        cores = [{processor}]
        admin = "[::1]:9000"
        drain_timeout_ms = 1
        connections_per_shard_max = 20
        cache_bytes_per_shard_max = 21
        memory_bytes_per_shard_max = 5000000
        sessions_per_shard_max = 24
        logins_in_progress_per_shard_max = 22
        unauthenticated_per_shard_max = 23
        demo = {{ delay_ms = 100 }}
        [[listener]]
        kind = "login"
        multilogin = true
        logins_per_minute_per_address = 17
        logins_per_minute_per_user = 18
        handshake = "v2"
        identity = "i"
        [[listener]]
        kind = "msg"
        address = "0.0.0.0:1"
        server = "s1"
        compat = "skynet"
        duplicate_request = "replay"
        maxclient = 4
        nodelay = false
        backlog = 5
        congestion = "bbr"
        handshake_timeout_ms = 6
        idle_timeout_ms = 7
        write_timeout_ms = 8
        output_bytes_max = 9000
        push_over_budget = "drop"
        cache_bytes_max = 100000
        expired_number = 11
        pending_requests_max = 12
        connections_per_second_per_address = 13
        accepts_per_second = 14
        messages_per_second = 15
        bytes_per_second = 16
        handshake = "v1"
        proxy_from = ["10.0.0.0/8", "::1/128"]
        [listener.tls]
        cert = "a.pem"
        key = "b.pem"
        client_ca = "c.pem"
        alpn = ["one", "two"]
        [[listener.tls.certificates]]
        cert = "d.pem"
        key = "e.pem"
        [[listener]]
        kind = "http"
        multilogin = true
        head_timeout_ms = 14
        body_timeout_ms = 15
        head_bytes_max = 1600
        body_bytes_max = 17
        idle_timeout_ms = 18
        message_bytes_max = 1900
        fragments_max = 20
        ping_interval_ms = 21
        close_timeout_ms = 22
        compression = "dedicated"
        origins = ["https://a.example:1", "null"]
        subprotocols = ["one", "two"]
        "#
    );
    let config = Config::parse(&text, "test.toml").unwrap();
    let limits = Limits {
        logins_per_minute_per_address: 17,
        logins_per_minute_per_user: 18,
        ..Limits::default()
    };
    let login = Listener {
        multilogin: true,
        limits,
        handshake: Handshake::V2,
        identity: Some("i".into()),
        ..Listener::new(ListenerKind::Login)
    };
    let msg = Listener {
        kind: ListenerKind::Msg,
        address: "0.0.0.0:1".parse::<SocketAddr>().unwrap(),
        server: String::from("s1"),
        compat: Compat::Skynet,
        multilogin: false,
        duplicate_request: DuplicateRequest::Replay,
        uniform_errors: false,
        maxclient: 4,
        nodelay: false,
        backlog: 5,
        congestion: Some(String::from("bbr")),
        handshake_timeout_ms: 6,
        idle_timeout_ms: 7,
        write_timeout_ms: 8,
        output_bytes_max: 9000,
        push_over_budget: PushOverBudget::Drop,
        cache_bytes_max: 100_000,
        expired_number: 11,
        pending_requests_max: 12,
        limits: Limits {
            connections_per_second_per_address: 13,
            accepts_per_second: 14,
            messages_per_second: 15,
            bytes_per_second: 16,
            ..Limits::default()
        },
        handshake: Handshake::V1,
        proxy_from: vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        tls: Some(TlsSettings {
            source: CertificateSource::Files(vec![
                CertificateFiles { cert: "a.pem".into(), key: "b.pem".into() },
                CertificateFiles { cert: "d.pem".into(), key: "e.pem".into() },
            ]),
            client_ca: Some("c.pem".into()),
            alpn: vec![String::from("one"), String::from("two")],
        }),
        ..Listener::new(ListenerKind::Msg)
    };
    let http = Listener {
        multilogin: true,
        head_timeout_ms: 14,
        body_timeout_ms: 15,
        head_bytes_max: 1600,
        body_bytes_max: 17,
        idle_timeout_ms: 18,
        message_bytes_max: 1900,
        fragments_max: 20,
        ping_interval_ms: 21,
        close_timeout_ms: 22,
        compression: Compression::Dedicated,
        origins: vec![String::from("https://a.example:1"), String::from("null")],
        subprotocols: vec![String::from("one"), String::from("two")],
        ..Listener::new(ListenerKind::Http)
    };
    assert_eq!(config.listeners, [login, msg, http]);
    assert_eq!((config.shards, config.cores), (3, vec![processor]));
    assert_eq!(config.admin, Some("[::1]:9000".parse().unwrap()));
    assert_eq!((config.drain_timeout_ms, config.connections_per_shard_max), (1, 20));
    assert_eq!(config.cache_bytes_per_shard_max, 21);
    assert_eq!(config.logins_in_progress_per_shard_max, 22);
    assert_eq!(config.unauthenticated_per_shard_max, 23);
    assert_eq!(config.memory_bytes_per_shard_max, 5_000_000);
    assert_eq!(config.sessions_per_shard_max, 24);
    assert_eq!(config.demo.delay_ms, 100);
}

#[test]
fn uniform_errors_follows_compat_unless_it_is_set() {
    let uniform = |compat: &str| {
        let text = format!("[[listener]]\nkind = \"msg\"\n{compat}");
        Config::parse(&text, "test.toml").unwrap().listeners[0].uniform_errors
    };
    assert!(uniform(""));
    assert!(uniform("compat = \"strict\""));
    assert!(!uniform("compat = \"skynet\""));
    assert!(uniform("uniform_errors = true\ncompat = \"skynet\""));
    assert!(!uniform("uniform_errors = false"));
}

/// What is wrong, with the whole message that the operator sees behind the file's name.
const REFUSED: &[(&str, &str)] = &[
    (
        "logins_in_progress_per_shard_max = 0",
        "logins_in_progress_per_shard_max: must be at least 1, not 0",
    ),
    (
        "[[listener]]\nkind = \"gate\"\nlogins_per_minute_per_user = 1",
        "listener[0].logins_per_minute_per_user: means nothing on a gate listener",
    ),
    (
        "[[listener]]\nkind = \"login\"\nhandshake = \"v2\"",
        "listener[0].identity: missing; it must be the path of a key file, because handshake is \"v2\"",
    ),
    ("shard = 1", "shard: no such key; the keys here are shards, cores, admin,"),
    ("[demo]\ndelay = 1", "demo.delay: no such key; the keys here are delay_ms"),
    ("[[listener]]\nkind = \"gate\"\ntls = 1", "listener[0].tls: must be a table, not 1"),
    (
        "[[listener]]\nkind = \"gate\"\ntls = {}",
        "listener[0].tls.cert: missing; it must be the path",
    ),
    (
        "[[listener]]\nkind = \"gate\"\ntls = { cert = \"a\" }",
        "listener[0].tls.key: missing; it must be a text in quotes",
    ),
    (
        "[[listener]]\nkind = \"gate\"\ntls = { cert = \"\", key = \"b\" }",
        "listener[0].tls.cert: missing; it must be the path of a PEM file",
    ),
    (
        "[[listener]]\nkind = \"gate\"\ntls = { certificates = [{ cert = \"a\", kee = \"b\" }] }",
        "listener[0].tls.certificates[0].kee: no such key; the keys here are cert, key",
    ),
    (
        "[[listener]]\nkind = \"gate\"\ntls = { self_signed = true, cert = \"a\", key = \"b\" }",
        "listener[0].tls.self_signed: cannot be true where certificates are named",
    ),
    (
        "[[listener]]\nkind = \"gate\"\ntls = { self_signed = true, alpn = [\"\"] }",
        "listener[0].tls.alpn: must be names of 1 to 255 bytes, not \"\"",
    ),
    ("shards = \"two\"", "shards: must be a whole number, 0 or more, not \"two\""),
    ("shards = -1", "shards: must be a whole number, 0 or more, not -1"),
    ("shards = 2000", "shards: must be at most 1024, not 2000"),
    ("cores = 1", "cores: must be a list of processor numbers, such as [0, 1], not 1"),
    ("cores = [100000]", "cores[0]: processor 100000 is not among those the process may run on"),
    ("admin = \"localhost\"", "admin: must be an address and port in quotes"),
    ("demo = 1", "demo: must be a table, not 1"),
    ("listener = 1", "listener: must be a list of tables"),
    ("listener = []", "listener: at least one listener is needed"),
    ("listener = [1]", "listener: must be a list of tables, each begun with [[...]], not 1"),
    ("drain_timeout_ms = 9000000000", "drain_timeout_ms: must be at most 2592000000"),
    ("connections_per_shard_max = 1048577", "connections_per_shard_max: must be at most 1048576"),
    ("connections_per_shard_max = 4", "connections_per_shard_max: must be at least 7, not 4"),
    (
        "memory_bytes_per_shard_max = 4194303",
        "memory_bytes_per_shard_max: must be at least 4194304",
    ),
    ("memory_bytes_per_shard_max = 1099511627777", "memory_bytes_per_shard_max: must be at most"),
    ("cache_bytes_per_shard_max = 1099511627777", "cache_bytes_per_shard_max: must be at most"),
    ("[demo]\ndelay_ms = 9000000000", "demo.delay_ms: must be at most 2592000000"),
    ("[[listener]]\nport = 1", "listener[0].port: no such key; the keys here are kind, address,"),
    ("[[listener]]", "listener[0].kind: missing; it must be \"login\", \"msg\", \"gate\" or"),
    ("shards = 1\nshards = 2", "line 2, column 1: duplicate key"),
    ("shards = 1 2", "line 1, column 1"),
];

#[test]
fn what_cannot_work_is_refused_with_key_and_reason() {
    for (text, message) in REFUSED {
        let found = refusal_text(text);
        assert!(found.starts_with(message), "{text:?}:\n  {found}\n  {message}");
    }
}

/// As above, for one line in a listener of this kind that has a login listener before it.
const REFUSED_IN_LISTENER: &[(&str, &str, &str)] = &[
    ("msg", "multilogin = false", "multilogin: means nothing on a msg listener"),
    ("gate", "server = \"sample\"", "server: means nothing on a gate listener"),
    ("gate", "duplicate_request = \"run\"", "duplicate_request: means nothing on a gate"),
    ("gate", "uniform_errors = true", "uniform_errors: means nothing on a gate listener"),
    ("gate", "cache_bytes_max = 100000", "cache_bytes_max: means nothing on a gate"),
    ("gate", "expired_number = 1", "expired_number: means nothing on a gate listener"),
    ("login", "pending_requests_max = 1", "pending_requests_max: means nothing on a login"),
    ("login", "output_bytes_max = 9000", "output_bytes_max: means nothing on a login listener"),
    ("login", "push_over_budget = \"drop\"", "push_over_budget: means nothing on a login"),
    ("gate", "pending_requests_max = 0", "pending_requests_max: must be at least 1, not 0"),
    ("gate", "push_over_budget = 1", "push_over_budget: must be \"close\" or \"drop\", not 1"),
    ("msg", "maxclient = true", "maxclient: must be a whole number from 0 to 4294967295, not true"),
    ("msg", "maxclient = 4294967296", "maxclient: must be a whole number from 0 to 4294967295"),
    ("msg", "nodelay = 1", "nodelay: must be true or false, not 1"),
    ("msg", "compat = \"Skynet\"", "compat: must be \"strict\" or \"skynet\", not \"Skynet\""),
    ("msg", "duplicate_request = 1", "duplicate_request: must be \"run\" or \"replay\", not 1"),
    ("msg", "address = \"127.0.0.1\"", "address: must be an address and port in quotes"),
    ("msg", "server = \"\"", "server: must be a name of 1 to 255 bytes, not \"\""),
    ("msg", "server = 1", "server: must be a text in quotes, not 1"),
    ("msg", "congestion = \"\"", "congestion: must be the name of a congestion control"),
    ("msg", "congestion = \"a/b\"", "congestion: must be the name of a congestion control"),
    ("msg", "proxy_from = \"::1/128\"", "proxy_from: must be a list of texts in quotes, not"),
    (
        "http",
        "proxy_from = [\"::1/128\", \"10.0.0.1/8\"]",
        "proxy_from[1]: must be a network with zeros behind its prefix, such as",
    ),
    ("msg", "backlog = 0", "backlog: must be at least 1, not 0"),
    ("msg", "backlog = 2147483648", "backlog: must be at most 2147483647"),
    ("msg", "handshake_timeout_ms = 0", "handshake_timeout_ms: must be at least 1, not 0"),
    ("msg", "write_timeout_ms = 0", "write_timeout_ms: must be at least 1, not 0"),
    ("gate", "idle_timeout_ms = 2592000001", "idle_timeout_ms: must be at most 2592000000"),
    ("msg", "output_bytes_max = 1023", "output_bytes_max: must be at least 1024, not 1023"),
    ("msg", "cache_bytes_max = 65577", "cache_bytes_max: must be at least 65578, not 65577"),
    ("msg", "cache_bytes_max = 536870913", "cache_bytes_max: must be at most 536870912, not 5368"),
    ("msg", "expired_number = 0", "expired_number: must be at least 1, not 0"),
    ("msg", "pending_requests_max = 0", "pending_requests_max: must be at least 1, not 0"),
    ("msg", "head_timeout_ms = 1", "head_timeout_ms: means nothing on a msg listener"),
    ("gate", "body_timeout_ms = 1", "body_timeout_ms: means nothing on a gate listener"),
    ("msg", "head_bytes_max = 1024", "head_bytes_max: means nothing on a msg listener"),
    ("login", "body_bytes_max = 1", "body_bytes_max: means nothing on a login listener"),
    ("msg", "message_bytes_max = 1048576", "message_bytes_max: means nothing on a msg listener"),
    ("gate", "origins = []", "origins: means nothing on a gate listener"),
    ("http", "message_bytes_max = 124", "message_bytes_max: must be at least 125, not 124"),
    (
        "http",
        "message_bytes_max = 1099511627777",
        "message_bytes_max: must be at most 1099511627776",
    ),
    ("http", "fragments_max = 0", "fragments_max: must be at least 1, not 0"),
    ("http", "ping_interval_ms = 2592000001", "ping_interval_ms: must be at most 2592000000"),
    ("http", "close_timeout_ms = 0", "close_timeout_ms: must be at least 1, not 0"),
    ("http", "compression = true", "compression: must be \"off\", \"shared\" or \"dedicated\""),
    ("http", "origins = [\"game.example\"]", "origins: must be origins as browsers write them"),
    ("http", "origins = [\"https://a/\"]", "origins: must be origins as browsers write them"),
    ("http", "subprotocols = [\"a b\"]", "subprotocols: must be names of sub-protocols"),
    ("http", "pending_requests_max = 1", "pending_requests_max: means nothing on a http"),
    ("http", "head_timeout_ms = 0", "head_timeout_ms: must be at least 1, not 0"),
    ("http", "body_timeout_ms = 0", "body_timeout_ms: must be at least 1, not 0"),
    ("http", "body_timeout_ms = 2592000001", "body_timeout_ms: must be at most 2592000000"),
    ("http", "head_bytes_max = 511", "head_bytes_max: must be at least 512, not 511"),
    ("http", "head_bytes_max = 65537", "head_bytes_max: must be at most 65536, not 65537"),
    ("http", "body_bytes_max = 1099511627777", "body_bytes_max: must be at most 1099511627776"),
    ("msg", "address = \"127.0.0.1:8001\"", "address: 127.0.0.1:8001 is taken by listener[0].addr"),
    ("msg", "address = \"0.0.0.0:8001\"", "address: 0.0.0.0:8001 is taken by listener[0].address"),
];

#[test]
fn what_cannot_work_on_a_listener_is_refused_with_key_and_reason() {
    for (kind, line, message) in REFUSED_IN_LISTENER {
        let text = format!("[[listener]]\nkind=\"login\"\n[[listener]]\nkind=\"{kind}\"\n{line}");
        let found = refusal_text(&text);
        let message = format!("listener[1].{message}");
        assert!(found.starts_with(&message), "{line:?}:\n  {found}\n  {message}");
    }
}

#[test]
fn listeners_that_contradict_each_other_are_refused() {
    let two = |first: &str, second: &str| {
        let text =
            format!("[[listener]]\nkind=\"msg\"\n{first}\n[[listener]]\nkind=\"msg\"\n{second}");
        Config::parse(&text, "test.toml")
    };
    let same_name = two("address = \"127.0.0.1:1\"", "address = \"127.0.0.1:2\"").unwrap_err();
    assert_eq!(
        same_name.to_string(),
        "test.toml: listener[1].server: server name \"sample\" is taken by listener[0].server"
    );
    two("address = \"127.0.0.1:0\"", "server = \"b\"\naddress = \"127.0.0.1:0\"").unwrap();
    two("address = \"127.0.0.1:1\"", "server = \"b\"\naddress = \"127.0.0.2:1\"").unwrap();
    two("address = \"0.0.0.0:1\"", "server = \"b\"\naddress = \"[::1]:1\"").unwrap();
    two("address = \"[::]:1\"", "server = \"b\"\naddress = \"127.0.0.1:1\"").unwrap();
    two("address = \"[::]:1\"", "server = \"b\"\naddress = \"[::1]:1\"").unwrap_err();
}

#[test]
fn the_admin_port_is_an_address_like_any_other() {
    let found = refusal_text("admin = \"127.0.0.1:8889\"");
    assert_eq!(found, "listener[2].address: 127.0.0.1:8889 is taken by admin");
}

#[test]
fn a_processor_is_named_once() {
    let processor = cores::allowed()[0];
    let found = refusal(&format!("cores = [{processor}, {processor}]"));
    assert_eq!(found.key, "cores[1]");
    assert_eq!(found.reason, ConfigFault::ProcessorTwice { processor });
}

#[test]
fn a_typed_configuration_is_judged_too() {
    let mut config = Config::default();
    config.validate().unwrap();
    config.listeners[1].multilogin = true;
    let refused = config.validate().unwrap_err();
    assert_eq!(refused.file, None);
    assert_eq!(
        refused.to_string(),
        "configuration: listener[1].multilogin: means nothing on a msg listener"
    );
    let mut config = Config::default();
    config.listeners[0].idle_timeout_ms = 1;
    assert_eq!(config.validate().unwrap_err().key, "listener[0].idle_timeout_ms");
    let mut config = Config::default();
    config.listeners[0].output_bytes_max = 2048;
    assert_eq!(config.validate().unwrap_err().key, "listener[0].output_bytes_max");
    let mut config = Config::default();
    config.listeners[2].duplicate_request = DuplicateRequest::Replay;
    assert_eq!(config.validate().unwrap_err().key, "listener[2].duplicate_request");
}

/// What the process's limits allow is judged as what the file asks for.
#[test]
fn a_table_too_small_to_accept_is_refused() {
    let config = Config::default();
    let slots = capacity::slots_min(config.listeners.len());
    config.check_table(slots).unwrap();
    let refused = config.check_table(slots - 1).unwrap_err();
    assert_eq!(refused.key, "connections_per_shard_max");
    assert!(matches!(refused.reason, ConfigFault::BelowMinimum { .. }));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let refused = Config::from_file(Path::new("/does/not/exist.toml")).unwrap_err();
    assert_eq!(refused.to_string(), "/does/not/exist.toml: cannot be read: entity not found");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("skyring.toml");
    assert_eq!(Config::from_file(&sample), Ok(Config::default()));
}

#[test]
fn errors_say_whose_they_are() {
    assert_eq!(refusal("shards = 2000").blame(), Blame::Limit);
    assert_eq!(refusal("shard = 1").blame(), Blame::Caller);
}
