//! `skyring ws` from outside.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use super::peer::{frame, heard, upgrading, url};
use super::support::PATIENCE;
use super::support::hostile::{Conversation, Hostile};

fn ws(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyring"));
    command.arg("ws").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    // One that has ended already reads nothing.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it is our child")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

/// A server that sends everything back in upper case.
fn shouting() -> Hostile {
    upgrading(|talk| {
        while let Some((first, payload)) = heard(talk) {
            let answer = if first == 0x89 { 0x8a } else { first };
            let shout = if first == 0x88 { payload } else { payload.to_ascii_uppercase() };
            talk.say_bytes(&frame(answer, &shout));
            if first == 0x88 {
                return talk.cut();
            }
        }
    })
}

#[test]
fn lines_go_out_and_messages_come_in() {
    let server = shouting();
    let done = ws(&[&url(&server)], "one\ntwo\r\n\nlast");
    assert_eq!((text(&done.stdout), text(&done.stderr)), ("ONE\nTWO\n\nLAST\n", ""));
    assert_eq!(done.status.code(), Some(0));
    let many: String = (0..3000).map(|number| format!("line {number}\n")).collect();
    let done = ws(&["--binary", &url(&server)], &many);
    assert_eq!(text(&done.stdout), many.to_ascii_uppercase());
}

#[test]
fn every_message_is_echoed_until_the_server_closes() {
    let (sender, heards) = std::sync::mpsc::sync_channel(1);
    let server = upgrading(move |talk| {
        talk.say_bytes(&[frame(0x81, b"a"), frame(0x82, b"b")].concat());
        let mut all: Vec<_> = (0..2).map(|_| heard(talk)).collect();
        talk.say_bytes(&frame(0x88, &[3, 232]));
        all.push(heard(talk));
        talk.cut();
        all.push(heard(talk));
        sender.send(all).unwrap();
    });
    let done = ws(&["--echo", &url(&server)], "");
    assert_eq!((text(&done.stdout), text(&done.stderr)), ("", ""));
    assert_eq!(done.status.code(), Some(0));
    let echoes = [(0x81, b"a".to_vec()), (0x82, b"b".to_vec()), (0x88, vec![3, 232])];
    let expected: Vec<_> = echoes.into_iter().map(Some).chain([None]).collect();
    assert_eq!(heards.recv_timeout(PATIENCE).unwrap(), expected);
}

#[test]
fn what_fails_is_said() {
    let said = |server: &Hostile| {
        let done = ws(&[&url(server)], "");
        (done.status.code(), text(&done.stderr).to_owned())
    };
    let missing = Hostile::answering("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    let error = "skyring: the server answers 404 instead of switching to WebSocket\n";
    assert_eq!(said(&missing), (Some(1), error.to_owned()));
    let closing = upgrading(|talk| {
        talk.say_bytes(&frame(0x88, b"\x03\xf3on fire"));
        talk.be_silent();
    });
    let error = "skyring: the server closes: 1011 (internal error): on fire\n";
    assert_eq!(said(&closing), (Some(1), error.to_owned()));
    let cut = upgrading(Conversation::cut);
    let error = "skyring: the connection ended without a close frame\n";
    assert_eq!(said(&cut), (Some(1), error.to_owned()));
    let silent = Hostile::start(Conversation::be_silent);
    let late = ws(&["--timeout", "2", &url(&silent)], "");
    let error = "skyring: no answer within 2000 ms, waiting for the answer's head\n";
    assert_eq!((late.status.code(), text(&late.stderr)), (Some(1), error));
    assert_eq!(ws(&[], "").status.code(), Some(2));
    assert_eq!(ws(&["http://a/"], "").status.code(), Some(1));
    let help = ws(&["--help"], "");
    assert!(help.status.success() && text(&help.stdout).contains("Usage: skyring ws"));
}

/// An input that cannot be read is no input that has ended.
#[test]
fn an_unreadable_input_is_a_failure() {
    let server = shouting();
    let folder = std::fs::File::open(env!("CARGO_MANIFEST_DIR")).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyring"));
    let done = command.args(["ws", &url(&server)]).stdin(folder).output();
    let done = done.expect("the program runs");
    let said = text(&done.stderr);
    assert!(said.starts_with("skyring: the input cannot be read: "), "{said}");
    assert_eq!((text(&done.stdout), done.status.code()), ("", Some(1)));
}

/// That the server has read everything is not to be taken for granted.
#[test]
fn a_server_that_does_not_pong_is_told_of() {
    let server = upgrading(|talk| {
        while let Some((first, payload)) = heard(talk) {
            match first {
                0x89 => {}
                0x88 => {
                    talk.say_bytes(&frame(0x88, &payload));
                    return talk.cut();
                }
                _ => assert!(talk.say_bytes(&frame(first, &payload))),
            }
        }
    });
    let done = ws(&[&url(&server)], "one\n");
    let said =
        "skyring: the server may not have read everything: no pong, and nothing else, for 5 s\n";
    assert_eq!((text(&done.stdout), text(&done.stderr)), ("one\n", said));
    assert_eq!(done.status.code(), Some(1));
}

/// A line arrives as soon as it is written, and its answer too.
#[test]
fn a_conversation_is_a_conversation() {
    let server = shouting();
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyring"));
    command.args(["ws", &url(&server)]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    for word in ["who", "is", "there"] {
        writeln!(input, "{word}").expect("it reads");
        let mut line = String::new();
        output.read_line(&mut line).expect("an answer");
        assert_eq!(line, format!("{}\n", word.to_uppercase()));
    }
    drop(input);
    assert_eq!(child.wait().expect("it is our child").code(), Some(0));
}
