//! `skyring sproto` from outside: what it prints, and how it ends.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use skyring::protocols::sproto::rpc::{Content, Host, PACKAGE, Rpc};
use skyring::protocols::sproto::{Limits, Schema, Struct, Value};

/// What the program printed, what it said of it, and its exit code.
#[derive(Debug, PartialEq)]
struct Said {
    out: String,
    err: String,
    code: i32,
}

fn sproto(arguments: &[&str], input: &[u8]) -> Said {
    let (out, err, code) = raw(arguments, input);
    Said { out: String::from_utf8(out).unwrap(), err, code }
}

fn raw(arguments: &[&str], input: &[u8]) -> (Vec<u8>, String, i32) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_skyring"))
        .arg("sproto")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The program may end before it has read anything.
    let writer = std::thread::spawn(move || drop(to.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    (output.stdout, err, output.status.code().unwrap())
}

/// A file that is gone after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Scratch {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sproto-{name}"));
        fs::write(&path, content).unwrap();
        Scratch(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The schema that the generator's tests have, too.
fn game() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocols/tests/generated/game.sproto")
}

fn game_schema() -> Schema {
    Schema::parse(fs::read(game()).unwrap()).unwrap()
}

fn game_path() -> String {
    game().to_str().unwrap().to_owned()
}

#[test]
fn good_schemas_are_counted() {
    let path = game_path();
    let said = sproto(&["check", &path, "-"], b".A { a 0 : integer }");
    let out = format!("{path}: 6 types, 3 protocols\nstandard input: 1 types, 0 protocols\n");
    assert_eq!(said, Said { out, err: String::new(), code: 0 });
}

/// WIRE S1, S2: the line is where the parser stops, and every file is looked at.
#[test]
fn wrong_schemas_are_told_with_file_and_line() {
    let [bad, doubtful, good] = [
        Scratch::new("bad", ".A {\n  a 0 : integer\n  b 0 : Nothing\n}\n"),
        Scratch::new("doubtful", "p 1 { }\n.string {\n a 0 : integer(k)\n}"),
        Scratch::new("good", ".A { }"),
    ];
    let [bad, doubtful, good] = [&bad, &doubtful, &good].map(Scratch::path);
    let said = sproto(&["check", bad, good], b"");
    let err = format!("{bad}:3: no type Nothing\nskyring: 1 of the schemas are refused\n");
    assert_eq!(said, Said { out: format!("{good}: 1 types, 0 protocols\n"), err, code: 1 });
    let said = sproto(&["check", doubtful], b"");
    let warning = |line: u32, text: &str| format!("{doubtful}:{line}: warning: {text}\n");
    let err = [
        warning(1, "protocols, but no type package to be the header of their packages"),
        warning(2, "type string is hidden by the built-in kind of that name"),
        warning(3, "the parentheses of a mean nothing, for it is no array"),
    ];
    let out = format!("{doubtful}: 1 types, 1 protocols\n");
    assert_eq!(said, Said { out, err: err.concat(), code: 0 });
    let said = sproto(&["check", "no/such/file"], b"");
    assert!(said.err.starts_with("no/such/file: ") && said.code == 1, "{said:?}");
}

#[test]
fn rust_is_made_as_the_generator_makes_it() {
    let path = game_path();
    let said = sproto(&["compile", &path], b"");
    assert_eq!((said.err.as_str(), said.code), ("", 0));
    assert_eq!(said.out, fs::read_to_string(game().with_extension("rs")).unwrap());
    let to = Scratch::new("made.rs", "");
    let options = ["--serde", "--bytes", "--path", "skyring::protocols::sproto"];
    let said = sproto(&[&["compile", &path, "-o", to.path()], &options[..]].concat(), b"");
    assert_eq!(said, Said { out: String::new(), err: String::new(), code: 0 });
    let made = fs::read_to_string(&to.0).unwrap();
    assert!(made.contains("serde::Serialize") && made.contains("Option<Vec<u8>>"));
    assert!(made.contains("use skyring::protocols::sproto::rpc::{"));
}

/// WIRE S4.
#[test]
fn a_bundle_is_made_and_read() {
    let (bundle, err, code) = raw(&["compile", "--bundle", &game_path()], b"");
    assert_eq!((bundle.as_slice(), err.as_str(), code), (&*game_schema().to_bundle(), "", 0));
    let said = sproto(&["compile", "-"], &bundle);
    assert_eq!(said.out, fs::read_to_string(game().with_extension("rs")).unwrap());
    let said = sproto(&["check", "-"], &bundle[..100]);
    assert!(said.err.starts_with("standard input: not a message") && said.code == 1, "{said:?}");
    let said = sproto(&["compile", "--bundle", "-"], b"");
    let err = "standard input:1: warning: no type, so its bundle cannot be loaded\n\
        skyring: a bundle without types cannot be loaded\n";
    assert_eq!(said, Said { out: String::new(), err: err.to_owned(), code: 1 });
}

#[test]
fn a_schema_is_shown_as_a_table() {
    let said = sproto(&["dump", &game_path()], b"");
    let expected = "\
type 0 Item
      0 id    integer
      1 count integer
type 1 Player
      0 name  string
      1 at    Position
      2 items *Item(id)
type 2 Position
      0 x integer(2)
      1 y integer(2)
type 3 login.request
      0 name string
type 4 login.response
      0 player Player
type 5 package
      0 type    integer
      1 session integer
protocol 1 login request login.request response login.response
protocol 2 move request Position response nil
protocol 3 quit
";
    assert_eq!(said, Said { out: expected.to_owned(), err: String::new(), code: 0 });
    let said = sproto(&["dump", "--type", "Position", &game_path()], b"");
    assert_eq!(said.out, "type 2 Position\n      0 x integer(2)\n      1 y integer(2)\n");
    let said = sproto(&["dump", "--type", "Nobody", &game_path()], b"");
    assert_eq!(said.err, "skyring: the schema has no type Nobody\n");
}

fn encoded(name: &str, value: Struct<'_>) -> Vec<u8> {
    let schema = game_schema();
    let mut out = Vec::new();
    let id = schema.type_id(name).unwrap();
    schema.encode(id, &value.into(), &Limits::default(), &mut out).unwrap();
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect()
}

/// WIRE S6, S7, S13.
#[test]
fn a_message_is_printed() {
    let at = Struct::new().with("x", -1.5).with("y", 0.25);
    let message = encoded("Player", Struct::new().with("name", "\u{e9}").with("at", at));
    let expected =
        "{\n  \"name\": \"\u{e9}\",\n  \"at\": {\n    \"x\": -1.5,\n    \"y\": 0.25\n  }\n}\n";
    let path = game_path();
    let good = |arguments: &[&str], input: &[u8]| {
        let said = sproto(&[&["decode", &path, "--type", "Player"], arguments].concat(), input);
        assert_eq!(said, Said { out: expected.to_owned(), err: String::new(), code: 0 });
    };
    good(&[], &message);
    good(&["--hex"], hex(&message).as_bytes());
    let mut packed = Vec::new();
    skyring::protocols::sproto::pack(&message, &mut packed);
    good(&["--packed"], &packed);
    good(&["--packed", "--hex", "-"], hex(&packed).as_bytes());
    let file = Scratch::new("message", &message);
    good(&[file.path()], b"");
    let said = sproto(&["decode", &path, "--type", "Player"], &[&message[..], b"xy"].concat());
    assert_eq!((said.out.as_str(), said.code), (expected, 0));
    assert_eq!(said.err, "2 bytes behind the message are not part of it\n");
}

/// WIRE S11: errors say where.
#[test]
fn a_wrong_message_is_told_with_its_place() {
    let path = game_path();
    let refused = |arguments: &[&str], input: &[u8]| {
        let said = sproto(&[&["decode", &path], arguments].concat(), input);
        assert_eq!((said.out.as_str(), said.code), ("", 1));
        said.err
    };
    let item = |id: i64| Struct::new().with("id", id).into();
    let items = Value::Array(vec![item(1), item(70_000)]);
    let mut message = encoded("Player", Struct::new().with("items", items));
    let at = message.len() - 8;
    message[at] = 5;
    assert_eq!(
        refused(&["--type", "Player"], &message),
        "skyring: at byte 22, in items[1]: a struct is cut off in its data\n"
    );
    message[at] = 3;
    assert_eq!(
        refused(&["--type", "Player"], &message),
        "skyring: at byte 30, in items[1].id: field 0: a number of 3 bytes\n"
    );
    assert!(refused(&["--type", "Player"], b"").contains("at byte 0: a struct is cut off"));
    assert_eq!(refused(&["--type", "Nobody"], b""), "skyring: the schema has no type Nobody\n");
    assert_eq!(
        refused(&["--type", "Item", "--hex"], b"00 0g"),
        "skyring: standard input: at byte 4: no hexadecimal digit\n"
    );
    assert_eq!(
        refused(&["--type", "Item", "--hex"], b"000"),
        "skyring: standard input: an odd number of hexadecimal digits\n"
    );
    assert_eq!(
        refused(&["--type", "Item", "--packed"], &[255]),
        "skyring: packed bytes are cut off\n"
    );
    assert_eq!(
        refused(&["--rpc", "--answers", "nothing"], b""),
        "skyring: the schema has no protocol nothing\n"
    );
}

/// What a client and a server say, in frames: a login, its answer, a move, its answer, and more.
fn capture() -> Vec<u8> {
    let schema = game_schema();
    let rpc = Rpc::new(schema.clone(), schema, PACKAGE, Limits::default(), 10).unwrap();
    let schema = rpc.remote();
    let mut host = Host::new();
    let (mut work, mut capture) = (Vec::new(), Vec::new());
    let mut put = |package: &[u8]| {
        capture.extend((package.len() as u16).to_be_bytes());
        capture.extend_from_slice(package);
    };
    let name = Struct::new().with("name", "mia").into();
    let at = Struct::new().with("x", 1.25).into();
    for (protocol, session, args) in
        [("login", Some(1 << 40), Some(&name)), ("move", Some(2), Some(&at)), ("quit", None, None)]
    {
        let id = schema.protocol(protocol).unwrap().request();
        let typed = args.map(|args| schema.typed(id.unwrap(), args).unwrap());
        let content = Content { ud: None, body: typed.as_ref().map(|it| it as _) };
        let mut package = Vec::new();
        host.request(&rpc, protocol, session, &content, &mut work, &mut package).unwrap();
        put(&package);
    }
    // The answer to the login, and what nobody can read.
    let player = Struct::new().with("player", Struct::new().with("name", "mia"));
    let header = encoded("package", Struct::new().with("session", 1_i64 << 40));
    let mut package = Vec::new();
    let answer = [header, encoded("login.response", player)].concat();
    skyring::protocols::sproto::pack(&answer, &mut package);
    put(&package);
    put(&[1]);
    let mut package = Vec::new();
    let unknown = encoded("package", Struct::new().with("type", 9));
    skyring::protocols::sproto::pack(&unknown, &mut package);
    put(&package);
    capture.extend([0, 9, 1]);
    capture
}

/// WIRE S15, S16: what cannot be read is passed over.
#[test]
fn a_capture_of_calls_is_printed() {
    let path = game_path();
    let capture = capture();
    let said = sproto(&["decode", &path, "--rpc", "--framed", "--answers", "login"], &capture);
    let expected = "\
{
  \"request\": \"login\",
  \"session\": 1099511627776,
  \"args\": {
    \"name\": \"mia\"
  }
}
{
  \"request\": \"move\",
  \"session\": 2,
  \"args\": {
    \"x\": 1.25
  }
}
{
  \"request\": \"quit\"
}
{
  \"answer\": \"login\",
  \"session\": 1099511627776,
  \"result\": {
    \"player\": {
      \"name\": \"mia\"
    }
  }
}
";
    assert_eq!(said.out, expected);
    assert_eq!(said.code, 1);
    let frames: Vec<_> = said.err.lines().collect();
    let end = capture.len() - 3;
    assert!(
        frames[0].starts_with("frame 5 at byte ")
            && frames[0].ends_with(": packed bytes are cut off")
    );
    assert!(frames[1].starts_with("frame 6 at byte ") && frames[1].ends_with(": no protocol 9"));
    assert_eq!(
        frames[2],
        format!("frame 7 at byte {end}: a frame of 9 bytes, of which 1 are there")
    );
    assert_eq!(frames[3], "skyring: 3 of the messages cannot be read");
    // Without the protocol's name the answer has tags for names.
    let said = sproto(&["decode", &path, "--rpc", "--framed"], &capture);
    let answer = said.out.split("\"answer\": ").nth(1).unwrap();
    assert!(
        answer.starts_with("\"?\",\n  \"session\": 1099511627776,\n  \"result\": {\n    \"0\": ")
    );
}

#[test]
fn a_wrong_command_line_is_told_from_a_wrong_input() {
    let said = sproto(&["decode", "x"], b"");
    assert_eq!(said.code, 2);
    assert!(said.err.contains("needs --type or --rpc"), "{said:?}");
    let said = sproto(&["--help"], b"");
    assert_eq!(said.code, 0);
    assert!(said.out.contains("skyring sproto decode [OPTIONS]"));
}
