//! The login protocol's tables: its transitions (WIRE L1), and what each reading of the rules
//! answers to each kind of input (WIRE L3 to L12), strict and compatible side by side.

use skyring_protocols::Compat;
use skyring_protocols::crypt::{
    Key64, Padding, base64encode, desencode, dhexchange, dhsecret, hmac64, hmac64_md5,
};
use skyring_protocols::login::state::{Event, State};
use skyring_protocols::login::{LoginClose, LoginOutput, LoginServer, LoginVerdict};

use crate::snapshot;

const CHALLENGE: Key64 = [1, 2, 3, 4, 5, 6, 7, 8];
const SERVER_KEY: Key64 = [9, 8, 7, 6, 5, 4, 3, 2];
const CLIENT_KEY: Key64 = [11, 0, 0, 0, 0, 0, 0, 77];
/// Its cipher text has 16 bytes, so the base64 of it is padded.
const TOKEN: &[u8] = b"token text";

#[test]
fn transitions() {
    let table = snapshot::transitions(State::ALL, Event::ALL, State::after);
    snapshot::assert_same("login", &table);
}

#[test]
fn answers() {
    let heading = ["line", "input", "strict", "skynet"].map(str::to_owned).to_vec();
    let mut rows = vec![heading];
    for case in client_keys().into_iter().chain(proofs()).chain(tokens()).chain(limits()) {
        let mut row = vec![case.line.to_owned(), case.input.to_owned()];
        row.extend([Compat::Strict, Compat::Skynet].map(|compat| case.script.play(compat)));
        rows.push(row);
    }
    snapshot::assert_same("login_answers", &snapshot::align(&rows));
}

/// Verdicts and their lines are the same either way (WIRE L8).
#[test]
fn verdicts() {
    let verdicts = [
        (LoginVerdict::Granted { subid: b"sub".to_vec() }, "challenge key judge [200 c3Vi] close"),
        (LoginVerdict::Granted { subid: vec![] }, "challenge key judge [200 ] close"),
        (LoginVerdict::Unauthorized, "challenge key judge [401 Unauthorized] close"),
        (LoginVerdict::Forbidden, "challenge key judge [403 Forbidden] close"),
        (LoginVerdict::InProgress, "challenge key judge [406 Not Acceptable] close"),
    ];
    for (verdict, expected) in verdicts {
        for compat in [Compat::Strict, Compat::Skynet] {
            let script = Script { verdict: verdict.clone(), ..Script::good() };
            assert_eq!(script.play(compat), expected);
        }
    }
}

struct Case {
    line: &'static str,
    input: &'static str,
    script: Script,
}

/// What a client writes, line by line. Nothing follows an empty list.
struct Script {
    writes: Vec<Vec<u8>>,
    verdict: LoginVerdict,
}

impl Script {
    fn good() -> Self {
        let secret = secret(&dhexchange(&CLIENT_KEY).unwrap());
        let key = base64encode(&dhexchange(&CLIENT_KEY).unwrap());
        Self::of([key, good_proof(&secret), good_token(&secret)].map(String::into_bytes))
    }

    fn of<const COUNT: usize>(lines: [Vec<u8>; COUNT]) -> Self {
        let end_line = |mut line: Vec<u8>| {
            line.push(b'\n');
            line
        };
        let verdict = LoginVerdict::Granted { subid: b"1".to_vec() };
        Self { writes: lines.map(end_line).to_vec(), verdict }
    }

    /// The conversation in words: `judge` where the token reached the application.
    fn play(&self, compat: Compat) -> String {
        let mut server = LoginServer::new(compat, CHALLENGE, SERVER_KEY);
        let mut words = Vec::new();
        self.drain(&mut server, &mut words);
        for write in &self.writes {
            server.on_bytes(write);
            self.drain(&mut server, &mut words);
        }
        words.join(" ")
    }

    fn drain(&self, server: &mut LoginServer, words: &mut Vec<String>) {
        while let Some(output) = server.poll_output() {
            words.push(match output {
                LoginOutput::Send(bytes) => name(&bytes),
                LoginOutput::Judge { token } => {
                    assert_eq!(*token, TOKEN);
                    server.on_verdict(self.verdict.clone());
                    "judge".to_owned()
                }
                LoginOutput::Close(LoginClose::Answered(_)) => "close".to_owned(),
                LoginOutput::Close(LoginClose::LineTooLong) => "cut".to_owned(),
            });
        }
    }
}

fn name(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let line = text.strip_suffix('\n').expect("what is sent is a line");
    match line {
        line if line == base64encode(&CHALLENGE) => "challenge".to_owned(),
        line if line == base64encode(&dhexchange(&SERVER_KEY).unwrap()) => "key".to_owned(),
        line => format!("[{line}]"),
    }
}

fn secret(client_public: &Key64) -> Key64 {
    dhsecret(client_public, &SERVER_KEY).unwrap_or_default()
}

fn good_proof(secret: &Key64) -> String {
    base64encode(&hmac64(&CHALLENGE, secret))
}

fn good_token(secret: &Key64) -> String {
    base64encode(&desencode(secret, TOKEN, Padding::Iso7816))
}

fn unpadded(text: &str) -> String {
    assert!(text.ends_with('='), "the example must have padding to lose");
    text.trim_end_matches('=').to_owned()
}

/// The same base64 with a blank after two symbols and no padding: one open group to the end.
fn with_blank(text: &str) -> String {
    let text = unpadded(text);
    format!("{} {}", &text[..2], &text[2..])
}

/// WIRE L3 for the encoding (C5 and C6), WIRE L10 for the values (C11).
fn client_keys() -> Vec<Case> {
    let good = dhexchange(&CLIENT_KEY).unwrap();
    let text = base64encode(&good);
    let number = |value: u64| (base64encode(&value.to_le_bytes()), value.to_le_bytes());
    let prime = skyring_protocols::crypt::DH_PRIME;
    let cases = [
        ("canonical", (text.clone(), good)),
        ("without padding", (unpadded(&text), good)),
        ("with a blank inside", (with_blank(&text), good)),
        ("with CR behind padding", (format!("{text}\r"), good)),
        ("with CR for padding", (format!("{}\r", unpadded(&text)), good)),
        ("not base64", ("*".to_owned(), good)),
        ("empty", (String::new(), good)),
        ("7 bytes", (base64encode(&good[..7]), good)),
        ("9 bytes", (base64encode(&[&good[..], &[0]].concat()), good)),
        ("public value 0", number(0)),
        ("public value 1", number(1)),
        ("public value 2", number(2)),
        ("public value p - 2", number(prime - 2)),
        ("public value p - 1", number(prime - 1)),
        ("public value p", number(prime)),
        ("public value p + 1", number(prime + 1)),
        ("public value 2^64 - 1", number(u64::MAX)),
    ];
    let case = |(input, (line, public)): (_, (String, Key64))| {
        let secret = secret(&public);
        let lines = [line, good_proof(&secret), good_token(&secret)];
        Case { line: "2", input, script: Script::of(lines.map(String::into_bytes)) }
    };
    cases.into_iter().map(case).collect()
}

/// WIRE L5, and WIRE L12 for the answer.
fn proofs() -> Vec<Case> {
    let public = dhexchange(&CLIENT_KEY).unwrap();
    let secret = secret(&public);
    let proof = hmac64(&CHALLENGE, &secret);
    let mut wrong = proof;
    wrong[7] ^= 1;
    let text = base64encode(&proof);
    let cases = [
        ("without padding", unpadded(&text)),
        ("with a blank inside", with_blank(&text)),
        ("with CR behind padding", format!("{text}\r")),
        ("not base64", "*".to_owned()),
        ("empty", String::new()),
        ("last bit wrong", base64encode(&wrong)),
        ("7 bytes", base64encode(&proof[..7])),
        ("9 bytes", base64encode(&[&proof[..], &[0]].concat())),
        ("arguments swapped", base64encode(&hmac64(&secret, &CHALLENGE))),
        ("the other MAC", base64encode(&hmac64_md5(&CHALLENGE, &secret))),
    ];
    let case = |(input, line)| {
        let lines = [base64encode(&public), line, good_token(&secret)];
        Case { line: "4", input, script: Script::of(lines.map(String::into_bytes)) }
    };
    cases.into_iter().map(case).collect()
}

/// WIRE L6, L12.
fn tokens() -> Vec<Case> {
    let public = dhexchange(&CLIENT_KEY).unwrap();
    let secret = secret(&public);
    let encrypted = desencode(&secret, TOKEN, Padding::Iso7816);
    let text = base64encode(&encrypted);
    let cases = [
        ("without padding", unpadded(&text)),
        ("with a blank inside", with_blank(&text)),
        ("with CR behind padding", format!("{text}\r")),
        ("not base64", "*".to_owned()),
        ("empty", String::new()),
        ("off the block boundary", base64encode(&encrypted[..15])),
        ("last block missing", base64encode(&encrypted[..8])),
        ("PKCS#7 padding", base64encode(&desencode(&secret, TOKEN, Padding::Pkcs7))),
        ("another key", base64encode(&desencode(&[1; 8], TOKEN, Padding::Iso7816))),
        ("a fourth line behind", format!("{text}\nmore")),
    ];
    let case = |(input, line)| {
        let lines = [base64encode(&public), good_proof(&secret), line];
        Case { line: "5", input, script: Script::of(lines.map(String::into_bytes)) }
    };
    cases.into_iter().map(case).collect()
}

/// WIRE L11 for the limit, WIRE L9 for lines ahead of turn, WIRE L7 for bytes behind the last.
fn limits() -> Vec<Case> {
    let whole = Script::good().writes.concat();
    let filled = |length: usize| {
        let mut bytes = whole.clone();
        bytes.resize(length, b'x');
        bytes
    };
    let cases = [
        ("all lines in one write", vec![whole.clone()]),
        ("a line of 8191 bytes", vec![vec![b'A'; 8191], b"\n".to_vec()]),
        ("8192 bytes, no line feed", vec![vec![b'A'; 8192]]),
        ("8193 bytes, no line feed", vec![vec![b'A'; 8193]]),
        ("8192 bytes, then one more", vec![vec![b'A'; 8192], b"\n".to_vec()]),
        ("8192 bytes that begin with all lines", vec![filled(8192)]),
        ("8193 bytes that begin with all lines", vec![filled(8193)]),
        ("8193 bytes behind all lines", vec![whole, vec![b'x'; 8193]]),
    ];
    let case =
        |(input, writes)| Case { line: "-", input, script: Script { writes, ..Script::good() } };
    cases.into_iter().map(case).collect()
}
