//! Schemas and bytes that are read from files or standard input, no more of them than is allowed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use skyring::protocols::sproto::schema::{BUNDLE_BYTES_MAX, SchemaWarning};
use skyring::protocols::sproto::{BundleError, Schema, SchemaError};

/// The longest input of `decode`, in bytes.
const INPUT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why an input is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    #[error("{path}: more than {max} bytes")]
    TooLong { path: String, max: usize },
    #[error("{path}:{}: {}", .error.line, .error.flaw)]
    Text { path: String, error: SchemaError },
    #[error("{path}: {error}")]
    Bundle { path: String, error: BundleError },
    #[error("{path}: at byte {offset}: no hexadecimal digit")]
    Digit { path: String, offset: usize },
    #[error("{path}: an odd number of hexadecimal digits")]
    Odd { path: String },
}

/// A schema, and what is doubtful about it.
pub(super) struct Loaded {
    pub(super) schema: Schema,
    /// As lines to be printed.
    pub(super) warnings: Vec<String>,
}

/// How messages call a file.
pub(super) fn shown(path: Option<&Path>) -> String {
    match path {
        Some(path) if !is_standard(path) => path.display().to_string(),
        _ => String::from("standard input"),
    }
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads schema text or a bundle. No text has a zero outside of comments, and every bundle has.
pub(super) fn schema(path: &Path) -> Result<Loaded, InputError> {
    let bytes = read(Some(path), BUNDLE_BYTES_MAX)?;
    let path = shown(Some(path));
    let error = match Schema::from_bundle(&bytes) {
        Ok(schema) => return Ok(Loaded { schema, warnings: Vec::new() }),
        Err(error) => error,
    };
    match Schema::parse_with_warnings(&bytes) {
        Ok((schema, warnings)) => {
            let shown = |SchemaWarning { line, doubt }| format!("{path}:{line}: warning: {doubt}");
            Ok(Loaded { schema, warnings: warnings.into_iter().map(shown).collect() })
        }
        Err(_) if bytes.contains(&0) => Err(InputError::Bundle { path, error }),
        Err(error) => Err(InputError::Text { path, error }),
    }
}

/// Reads the bytes of messages; None: from standard input.
pub(super) fn bytes(path: Option<&PathBuf>, hex: bool) -> Result<Vec<u8>, InputError> {
    let path = path.map(PathBuf::as_path);
    let bytes = read(path, INPUT_BYTES_MAX)?;
    if hex { digits(&bytes, &shown(path)) } else { Ok(bytes) }
}

fn read(path: Option<&Path>, max: usize) -> Result<Vec<u8>, InputError> {
    let name = || shown(path);
    let failed = |source| InputError::File { path: name(), source };
    let mut from: Box<dyn Read> = match path {
        Some(path) if !is_standard(path) => Box::new(File::open(path).map_err(failed)?),
        _ => Box::new(io::stdin().lock()),
    };
    let mut bytes = Vec::new();
    from.by_ref().take(max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > max { Err(InputError::TooLong { path: name(), max }) } else { Ok(bytes) }
}

/// Bytes as hexadecimal digits, with blanks anywhere.
fn digits(text: &[u8], path: &str) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut first = None;
    for (offset, &digit) in text.iter().enumerate() {
        if digit.is_ascii_whitespace() {
            continue;
        }
        let value = char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let value = value.ok_or(InputError::Digit { path: path.to_owned(), offset })?;
        match first.take() {
            None => first = Some(value),
            Some(high) => bytes.push(high << 4 | value),
        }
    }
    match first {
        None => Ok(bytes),
        Some(_) => Err(InputError::Odd { path: path.to_owned() }),
    }
}
