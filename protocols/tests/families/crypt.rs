//! The crypt library: one file a function, and complete key agreements (WIRE C1 to C16).
//!
//! The only differences are in `hexdecode`: texts that Skynet decodes although they hold something
//! other than `0`-`9` and `a`-`f` are refused (WIRE C3).

use serde::Deserialize;
use skyring_protocols::crypt::{
    Key64, Padding, base64decode, base64encode, desdecode, desencode, dhexchange, dhsecret,
    hashkey, hexdecode, hexencode, hmac_hash, hmac_sha1, hmac64, hmac64_md5, sha1, xor_str,
};

use crate::source::{self, Family};

pub(crate) const FAMILY: Family = Family {
    name: "crypt",
    files: &[
        "base64decode", // WIRE C5
        "base64encode", // WIRE C4
        "desdecode",    // WIRE C8
        "desencode",    // WIRE C7
        "dh_agreement", // WIRE C9, WIRE C10
        "dhexchange",   // WIRE C9
        "dhsecret",     // WIRE C10
        "hashkey",      // WIRE C2
        "hexdecode",    // WIRE C3
        "hexencode",    // WIRE C3
        "hmac64",       // WIRE C12
        "hmac64_md5",   // WIRE C13
        "hmac_hash",    // WIRE C14
        "hmac_sha1",    // WIRE C15
        "sha1",         // WIRE C15
        "xor_str",      // WIRE C16
    ],
    replay_file,
};

#[derive(Deserialize)]
struct Recording {
    function: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    args: Vec<Argument>,
    out: Option<String>,
    err: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Argument {
    Hex(String),
    Mode(i64),
}

#[derive(Deserialize)]
struct Agreements {
    cases: Vec<Agreement>,
}

/// Lower-case letters are private keys, upper-case ones the public values.
#[derive(Deserialize)]
#[allow(non_snake_case)]
struct Agreement {
    a: String,
    b: String,
    A: String,
    B: String,
    secret: String,
}

/// What a function does with arguments: bytes, or the refusal.
type Function = fn(&Arguments) -> Option<Vec<u8>>;

struct Arguments {
    texts: Vec<Vec<u8>>,
    mode: i64,
}

impl Arguments {
    fn new(arguments: &[Argument]) -> Self {
        let mut texts = Vec::new();
        let mut mode = 0;
        for argument in arguments {
            match argument {
                Argument::Hex(hex) => texts.push(source::bytes(hex)),
                Argument::Mode(number) => mode = *number,
            }
        }
        Self { texts, mode }
    }

    fn text(&self, index: usize) -> &[u8] {
        &self.texts[index]
    }

    /// Skynet refuses keys of another size when it runs; here they are no [`Key64`].
    fn key(&self, index: usize) -> Option<Key64> {
        self.text(index).try_into().ok()
    }

    fn padding(&self) -> Option<Padding> {
        Padding::try_from(self.mode).ok()
    }
}

fn function(name: &str) -> Function {
    match name {
        "base64decode" => |given| base64decode(given.text(0)).ok(),
        "base64encode" => |given| Some(base64encode(given.text(0)).into_bytes()),
        "desdecode" => |given| desdecode(&given.key(0)?, given.text(1), given.padding()?).ok(),
        "desencode" => |given| Some(desencode(&given.key(0)?, given.text(1), given.padding()?)),
        "dhexchange" => |given| Some(dhexchange(&given.key(0)?).ok()?.to_vec()),
        "dhsecret" => |given| Some(dhsecret(&given.key(0)?, &given.key(1)?).ok()?.to_vec()),
        "hashkey" => |given| Some(hashkey(given.text(0)).to_vec()),
        "hexdecode" => |given| hexdecode(given.text(0)).ok(),
        "hexencode" => |given| Some(hexencode(given.text(0)).into_bytes()),
        "hmac64" => |given| Some(hmac64(&given.key(0)?, &given.key(1)?).to_vec()),
        "hmac64_md5" => |given| Some(hmac64_md5(&given.key(0)?, &given.key(1)?).to_vec()),
        "hmac_hash" => |given| Some(hmac_hash(&given.key(0)?, given.text(1)).to_vec()),
        "hmac_sha1" => |given| Some(hmac_sha1(given.text(0), given.text(1)).to_vec()),
        "sha1" => |given| Some(sha1(given.text(0)).to_vec()),
        "xor_str" => |given| xor_str(given.text(0), given.text(1)).ok(),
        other => panic!("recordings of an unknown function {other}"),
    }
}

fn replay_file(file: &str) -> Vec<String> {
    if file == "dh_agreement" {
        return replay_agreements(file);
    }
    let recording: Recording = source::read(FAMILY.name, file);
    assert_eq!(recording.function, file, "a file is named after its function");
    assert!(!recording.cases.is_empty(), "{file} holds no case");
    let function = function(&recording.function);
    let mut wrong = Vec::new();
    for (number, case) in recording.cases.iter().enumerate() {
        let arguments = Arguments::new(&case.args);
        let expected = expected(file, case, &arguments);
        let actual = function(&arguments);
        if actual != expected {
            wrong.push(format!("case {number}: expected {expected:x?}, got {actual:x?}"));
        }
    }
    wrong
}

/// Skynet's result, or ours where it differs on purpose.
fn expected(file: &str, case: &Case, arguments: &Arguments) -> Option<Vec<u8>> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if file == "hexdecode" && !arguments.text(0).iter().all(is_digit) {
        return None;
    }
    match (&case.out, &case.err) {
        (Some(out), None) => Some(source::bytes(out)),
        (None, Some(_)) => None,
        _ => panic!("a case of {file} has neither a result nor an error, or both"),
    }
}

fn replay_agreements(file: &str) -> Vec<String> {
    let recording: Agreements = source::read(FAMILY.name, file);
    assert!(!recording.cases.is_empty(), "{file} holds no case");
    let mut wrong = Vec::new();
    for (number, case) in recording.cases.iter().enumerate() {
        let [a, b, public_a, public_b, secret] =
            [&case.a, &case.b, &case.A, &case.B, &case.secret].map(|hex| source::key(hex));
        let agreed =
            [dhexchange(&a), dhexchange(&b), dhsecret(&public_b, &a), dhsecret(&public_a, &b)];
        if agreed != [public_a, public_b, secret, secret].map(Ok) {
            wrong.push(format!("case {number}: got {agreed:x?}"));
        }
    }
    wrong
}
