//! sproto, as Skynet's library reads and writes it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use skyring_protocols::sproto::{DecodeError, Limits, Schema, UnpackError, pack, unpack};

use crate::source::{self, Family};
use crate::sproto_rpc;
use crate::sproto_values::{Written, shown};

pub(crate) const FAMILY: Family = Family {
    name: "sproto",
    files: &[
        "decode", // WIRE S11, S12
        "encode", // WIRE S6 to S8, S9
        "pack",   // WIRE S13, S14
        "rpc",    // WIRE S15 to S17
        "schema", // WIRE S1 to S3, S4, S5
    ],
    replay_file,
};

/// One file.
pub(crate) fn read<T: DeserializeOwned>(file: &str) -> T {
    source::read(FAMILY.name, file)
}

fn replay_file(file: &str) -> Vec<String> {
    match file {
        "decode" => decoded(),
        "encode" => encoded(),
        "pack" => packed(),
        "rpc" => sproto_rpc::replay(),
        "schema" => schemas(),
        other => panic!("nothing replays {other}"),
    }
}

/// Packed bytes.
pub(crate) fn pack_all(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    pack(bytes, &mut out);
    out
}

#[derive(Deserialize)]
struct Schemas {
    cases: Vec<SchemaCase>,
}

#[derive(Deserialize)]
struct SchemaCase {
    text: String,
    bundle: Option<String>,
    loads: Option<bool>,
    err: Option<String>,
}

fn schemas() -> Vec<String> {
    let Schemas { cases } = read("schema");
    assert!(!cases.is_empty());
    let wrong = cases.iter().filter_map(|case| {
        let parsed = Schema::parse(&case.text);
        match (&case.bundle, &case.err, &parsed) {
            (Some(bundle), None, Ok(schema)) => {
                let bytes = source::bytes(bundle);
                let loaded = Schema::from_bundle(&bytes);
                let is_same = schema.to_bundle() == bytes
                    && case.loads == Some(loaded.is_ok())
                    && loaded.is_ok_and(|it| it == *schema) == (case.loads == Some(true));
                (!is_same).then(|| format!("another bundle for {:?}", case.text))
            }
            (None, Some(text), Err(error)) => {
                // Where Skynet tells the line, it is ours.
                let line = text.strip_prefix("syntax error at [t] line (");
                let line = line.and_then(|it| it.strip_suffix(")"));
                let is_same = line.is_none_or(|it| it == error.line.to_string());
                (!is_same).then(|| format!("{text}, but here {error}"))
            }
            other => Some(format!("{:?}: {other:?}", case.text)),
        }
    });
    wrong.collect()
}

#[derive(Deserialize)]
struct EncodeSets {
    sets: Vec<EncodeSet>,
}

#[derive(Deserialize)]
struct EncodeSet {
    name: String,
    schema: String,
    bundle: String,
    cases: Vec<EncodeCase>,
}

#[derive(Deserialize)]
struct EncodeCase {
    r#type: String,
    value: Written,
    decoded: Option<Written>,
    encoded: String,
    packed: String,
}

fn encoded() -> Vec<String> {
    let EncodeSets { sets } = read("encode");
    assert!(!sets.is_empty());
    let mut wrong = Vec::new();
    for set in &sets {
        let schema = Schema::parse(&set.schema).unwrap();
        if schema.to_bundle() != source::bytes(&set.bundle) {
            wrong.push(format!("{}: another bundle", set.name));
        }
        for (number, case) in set.cases.iter().enumerate() {
            let failed = encode_case(&schema, case).err();
            wrong.extend(failed.map(|line| format!("{} {number}: {line}", set.name)));
        }
    }
    wrong
}

fn encode_case(schema: &Schema, case: &EncodeCase) -> Result<(), String> {
    let limits = Limits::default();
    let id = schema.type_id(&case.r#type).unwrap();
    let (encoded, packed) = (source::bytes(&case.encoded), source::bytes(&case.packed));
    let mut out = Vec::new();
    schema.encode(id, &case.value.value(), &limits, &mut out).map_err(|it| it.to_string())?;
    if out != encoded {
        return Err(format!("{out:02x?}, not {encoded:02x?}"));
    }
    if pack_all(&out) != packed {
        return Err(format!("packed {:02x?}, not {packed:02x?}", pack_all(&out)));
    }
    let (back, consumed) = schema.decode(id, &encoded, &limits).map_err(|it| it.to_string())?;
    let expected = shown(&case.decoded.as_ref().unwrap_or(&case.value).value());
    let back = shown(&back.into());
    if (&back, consumed) != (&expected, encoded.len()) {
        return Err(format!("{back:?} comes back, not {expected:?}"));
    }
    Ok(())
}

#[derive(Deserialize)]
struct DecodeSets {
    sets: Vec<DecodeSet>,
}

#[derive(Deserialize)]
struct DecodeSet {
    name: String,
    schema: String,
    cases: Vec<DecodeCase>,
}

#[derive(Deserialize)]
struct DecodeCase {
    r#type: String,
    bytes: String,
    value: Option<Written>,
    consumed: Option<usize>,
    err: Option<String>,
}

/// Cases of the committed recordings that Skynet reads and skyring refuses (WIRE S7, S9, S12).
const DECODE_DIFFERENCES: usize = 4;

fn decoded() -> Vec<String> {
    let DecodeSets { sets } = read("decode");
    assert!(!sets.is_empty());
    let mut wrong = Vec::new();
    let mut differences = 0;
    for set in &sets {
        let schema = Schema::parse(&set.schema).unwrap();
        for (number, case) in set.cases.iter().enumerate() {
            match decode_case(&schema, case) {
                Ok(is_difference) => differences += usize::from(is_difference),
                Err(line) => wrong.push(format!("{} {number}: {line}", set.name)),
            }
        }
    }
    if source::is_committed() && differences != DECODE_DIFFERENCES {
        wrong.push(format!("{differences} cases are differences, not {DECODE_DIFFERENCES}"));
    }
    wrong
}

/// Whether the case shows a difference, if it is as it should be.
fn decode_case(schema: &Schema, case: &DecodeCase) -> Result<bool, String> {
    let id = schema.type_id(&case.r#type).unwrap();
    let bytes = source::bytes(&case.bytes);
    let actual = schema.decode(id, &bytes, &Limits::default());
    let actual = actual.map(|(value, consumed)| (shown(&value.into()), Some(consumed)));
    match (&actual, &case.value, &case.err) {
        (Ok((value, consumed)), Some(recorded), None) => {
            let is_same = *value == shown(&recorded.value()) && *consumed == case.consumed;
            if is_same { Ok(false) } else { Err(format!("{actual:?}, not {recorded:?}")) }
        }
        (Err(error), None, Some(text)) if is_what_they_mean(*error, text) => Ok(false),
        (Err(error), Some(_), None) if is_mended(*error) => Ok(true),
        (actual, ..) => Err(format!("{actual:?} of {}", case.bytes)),
    }
}

fn is_what_they_mean(error: DecodeError, text: &str) -> bool {
    let is_of = |what: &str| text.starts_with(what);
    match error {
        DecodeError::KeyMissing { .. } => {
            is_of("Can't find main index") || is_of("Can't find key field")
        }
        DecodeError::ValueMissing { .. } => is_of("Can't find value field"),
        _ => is_of("decode error"),
    }
}

/// Doubles of 4 bytes, and entries of maps that lack something (WIRE S7, S9, S12). Integers of 4
/// bytes are never refused.
fn is_mended(error: DecodeError) -> bool {
    matches!(
        error,
        DecodeError::NumberBytes { bytes: 4, .. }
            | DecodeError::Width { bytes: 4, .. }
            | DecodeError::KeyMissing { .. }
            | DecodeError::ValueMissing { .. }
    )
}

#[derive(Deserialize)]
struct Packs {
    cases: Vec<PackCase>,
    unpack: Vec<UnpackCase>,
}

#[derive(Deserialize)]
struct PackCase {
    raw: String,
    packed: String,
}

#[derive(Deserialize)]
struct UnpackCase {
    packed: String,
    raw: Option<String>,
    err: Option<String>,
}

fn packed() -> Vec<String> {
    let Packs { cases, unpack: unpacks } = read("pack");
    assert!(!cases.is_empty() && !unpacks.is_empty());
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let (mut raw, packed) = (source::bytes(&case.raw), source::bytes(&case.packed));
        if pack_all(&raw) != packed {
            wrong.push(format!("{number} is packed otherwise"));
        }
        raw.resize(raw.len().next_multiple_of(8), 0);
        let mut out = Vec::new();
        if unpack(&packed, raw.len(), &mut out) != Ok(()) || out != raw {
            wrong.push(format!("{number} is unpacked otherwise"));
        }
    }
    for (number, case) in unpacks.iter().enumerate() {
        let mut out = Vec::new();
        let unpacked = unpack(&source::bytes(&case.packed), usize::MAX, &mut out);
        let is_same = match (&case.raw, &case.err) {
            (Some(raw), None) => unpacked.is_ok() && out == source::bytes(raw),
            (None, Some(_)) => unpacked == Err(UnpackError::Cut),
            _ => false,
        };
        if !is_same {
            wrong.push(format!("unpacking {number}: {unpacked:?}"));
        }
    }
    wrong
}
