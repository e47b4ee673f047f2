//! The crypt library: one file a function, and complete key agreements (WIRE C1 to C16).
//!
//! A recorded refusal must be refused here for the same reason, whatever the wording. The only
//! differences are in `hexdecode`: texts that Skynet decodes although they hold something other than
//! `0`-`9` and `a`-`f` are refused (WIRE C3).

use serde::Deserialize;
use skyring_protocols::crypt::{
    CryptError, Key64, Padding, base64decode, base64encode, desdecode, desencode, dhexchange,
    dhsecret, hashkey, hexdecode, hexencode, hmac_hash, hmac_sha1, hmac64, hmac64_md5, sha1,
    xor_str,
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

/// Cases of the committed recordings that Skynet decodes and skyring refuses (WIRE C3).
const HEX_DIFFERENCES: usize = 22;

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// The function refuses.
    Crypt(CryptError),
    /// This argument is no [`Key64`], so the function cannot even be called: the refusal is the work
    /// of [`Arguments::key`], here in the test.
    KeySize { argument: usize },
}

impl From<CryptError> for Refusal {
    fn from(error: CryptError) -> Self {
        Self::Crypt(error)
    }
}

type Outcome = Result<Vec<u8>, Refusal>;

/// What a function does with arguments.
type Function = fn(&Arguments) -> Outcome;

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
    fn key(&self, argument: usize) -> Result<Key64, Refusal> {
        self.text(argument).try_into().map_err(|_| Refusal::KeySize { argument })
    }

    fn padding(&self) -> Result<Padding, Refusal> {
        Ok(Padding::try_from(self.mode)?)
    }

    fn is_zero(&self, index: usize) -> bool {
        self.text(index).iter().all(|&byte| byte == 0)
    }

    /// Where a text of hexadecimal digits holds something else.
    fn foreign_digit(&self) -> Option<usize> {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        self.text(0).iter().position(|byte| !is_digit(byte))
    }
}

fn function(name: &str) -> Function {
    match name {
        "base64decode" => |given| Ok(base64decode(given.text(0))?),
        "base64encode" => |given| Ok(base64encode(given.text(0)).into_bytes()),
        "desdecode" => |given| Ok(desdecode(&given.key(0)?, given.text(1), given.padding()?)?),
        "desencode" => |given| Ok(desencode(&given.key(0)?, given.text(1), given.padding()?)),
        "dhexchange" => |given| Ok(dhexchange(&given.key(0)?)?.to_vec()),
        "dhsecret" => |given| Ok(dhsecret(&given.key(0)?, &given.key(1)?)?.to_vec()),
        "hashkey" => |given| Ok(hashkey(given.text(0)).to_vec()),
        "hexdecode" => |given| Ok(hexdecode(given.text(0))?),
        "hexencode" => |given| Ok(hexencode(given.text(0)).into_bytes()),
        "hmac64" => |given| Ok(hmac64(&given.key(0)?, &given.key(1)?).to_vec()),
        "hmac64_md5" => |given| Ok(hmac64_md5(&given.key(0)?, &given.key(1)?).to_vec()),
        "hmac_hash" => |given| Ok(hmac_hash(&given.key(0)?, given.text(1)).to_vec()),
        "hmac_sha1" => |given| Ok(hmac_sha1(given.text(0), given.text(1)).to_vec()),
        "sha1" => |given| Ok(sha1(given.text(0)).to_vec()),
        "xor_str" => |given| Ok(xor_str(given.text(0), given.text(1))?),
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
    let mut differences = 0;
    for (number, case) in recording.cases.iter().enumerate() {
        let arguments = Arguments::new(&case.args);
        let recorded = recorded(file, case, &arguments);
        let difference = difference(file, &recorded, &arguments);
        differences += usize::from(difference.is_some());
        let expected = difference.map_or(recorded, Err);
        let actual = function(&arguments);
        if actual != expected {
            wrong.push(format!("case {number}: expected {expected:x?}, got {actual:x?}"));
        }
    }
    let known = if file == "hexdecode" { HEX_DIFFERENCES } else { 0 };
    if source::is_committed() && differences != known {
        wrong.push(format!("{differences} cases are differences, not {known}"));
    }
    wrong
}

/// Skynet's result or refusal.
fn recorded(file: &str, case: &Case, arguments: &Arguments) -> Outcome {
    match (&case.out, &case.err) {
        (Some(out), None) => Ok(source::bytes(out)),
        (None, Some(text)) => Err(refusal(text, arguments).unwrap_or_else(|| {
            panic!("{file}: a refusal that is not known: {text}");
        })),
        _ => panic!("a case of {file} has neither a result nor an error, or both"),
    }
}

/// What Skynet decodes by accident is refused (WIRE C3).
fn difference(file: &str, recorded: &Outcome, arguments: &Arguments) -> Option<Refusal> {
    let is_decoded = file == "hexdecode" && recorded.is_ok();
    let position = arguments.foreign_digit().filter(|_| is_decoded)?;
    Some(CryptError::HexDigit { position }.into())
}

/// What a recorded error text means. Where it leaves something out, the arguments tell.
fn refusal(text: &str, arguments: &Arguments) -> Option<Refusal> {
    let error = match text {
        "Invalid uint64 x" | "Invalid dh uint64 key" | "Invalid uint64 key" => {
            return Some(Refusal::KeySize { argument: 0 });
        }
        "Invalid uint64 y" => return Some(Refusal::KeySize { argument: 1 }),
        "Invalid base64 text" => CryptError::Base64,
        "Invalid hex text" => CryptError::HexDigit { position: arguments.foreign_digit()? },
        "Invalid des crypt text" => CryptError::DesPadding,
        // Of the two arguments of an agreement, the first is the public value.
        "Can't be 0" if arguments.texts.len() == 2 && arguments.is_zero(0) => {
            CryptError::PublicValueZero
        }
        "Can't be 0" => CryptError::PrivateKeyZero,
        "Can't xor empty string" => CryptError::XorKeyEmpty,
        _ => return refusal_with_number(text),
    };
    Some(error.into())
}

fn refusal_with_number(text: &str) -> Option<Refusal> {
    if text.starts_with("Invalid key size ") {
        return Some(Refusal::KeySize { argument: 0 });
    }
    let (what, number) = text.rsplit_once(' ')?;
    let mode: i64 = number.parse().ok()?;
    let bytes = usize::try_from(mode);
    let error = match what {
        "Invalid hex text size" => CryptError::HexLength { bytes: bytes.ok()? },
        "Invalid des crypt text length" => CryptError::DesLength { bytes: bytes.ok()? },
        "Invalid padding mode" => CryptError::PaddingMode { mode },
        _ => return None,
    };
    Some(error.into())
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
