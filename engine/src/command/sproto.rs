//! `skyring sproto`: schemas and messages for people who write the one and capture the other.

mod decode;
mod dump;
mod input;
mod options;

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use skyring::protocols::sproto::codegen;

use self::decode::{MessageError, Reader, Shown};
use self::input::{InputError, Loaded};
use self::options::{CompileOptions, DecodeOptions};
pub(super) use self::options::{HELP, SprotoOptions, SprotoUsageError};

/// Why nothing is done, or half of it.
#[derive(Debug, thiserror::Error)]
enum SprotoError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Decode(#[from] MessageError),
    #[error("a bundle without types cannot be loaded")]
    BundleEmpty,
    #[error("{path}: {source}")]
    Output { path: String, source: io::Error },
    #[error("{0} of the messages cannot be read")]
    Messages(usize),
    #[error("{0} of the schemas are refused")]
    Schemas(usize),
}

pub(super) fn run(options: &SprotoOptions) -> ExitCode {
    let done = match options {
        SprotoOptions::Check { schemas } => check(schemas),
        SprotoOptions::Compile(options) => compile(options),
        SprotoOptions::Dump { schema, type_name } => dump(schema, type_name.as_deref()),
        SprotoOptions::Decode(options) => decode(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain!("skyring: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads every schema, and says what there is to say of it.
fn check(paths: &[PathBuf]) -> Result<(), SprotoError> {
    let mut refused = 0;
    for path in paths {
        match input::schema(path) {
            Err(error) => {
                complain!("{error}");
                refused += 1;
            }
            Ok(Loaded { schema, warnings }) => {
                warnings.iter().for_each(|line| complain!("{line}"));
                let (types, protocols) = (schema.types().len(), schema.protocols().len());
                let name = input::shown(Some(path));
                print(format!("{name}: {types} types, {protocols} protocols\n").as_bytes())?;
            }
        }
    }
    if refused == 0 { Ok(()) } else { Err(SprotoError::Schemas(refused)) }
}

/// A schema; what is doubtful about it is said.
fn load(path: &Path) -> Result<skyring::protocols::sproto::Schema, SprotoError> {
    let Loaded { schema, warnings } = input::schema(path)?;
    warnings.iter().for_each(|line| complain!("{line}"));
    Ok(schema)
}

fn compile(options: &CompileOptions) -> Result<(), SprotoError> {
    let schema = load(&options.schema)?;
    let made = match &options.code {
        Some(code) => codegen::generate(&schema, code).into_bytes(),
        None if schema.types().is_empty() => return Err(SprotoError::BundleEmpty),
        None => schema.to_bundle(),
    };
    match &options.output {
        None => print(&made),
        Some(path) => fs::write(path, made).map_err(|source| {
            let path = path.display().to_string();
            SprotoError::Output { path, source }
        }),
    }
}

fn dump(schema: &Path, type_name: Option<&str>) -> Result<(), SprotoError> {
    let schema = load(schema)?;
    let name = || type_name.unwrap_or_default().to_owned();
    let table = dump::table(&schema, type_name).ok_or_else(|| MessageError::NoType(name()))?;
    print(table.as_bytes())
}

fn decode(options: &DecodeOptions) -> Result<(), SprotoError> {
    let schema = load(&options.schema)?;
    let reader = Reader::new(&schema, options)?;
    let bytes = input::bytes(options.input.as_ref(), options.hex)?;
    let mut refused = 0;
    for Shown { number, offset, text, behind } in reader.messages(&bytes) {
        let place = if options.framed {
            format!("frame {number} at byte {offset}: ")
        } else {
            String::new()
        };
        match text {
            Err(error) if !options.framed => return Err(error.into()),
            Err(error) => {
                complain!("{place}{error}");
                refused += 1;
            }
            Ok(text) => {
                print(format!("{text}\n").as_bytes())?;
                if behind > 0 {
                    complain!("{place}{behind} bytes behind the message are not part of it");
                }
            }
        }
    }
    if refused == 0 { Ok(()) } else { Err(SprotoError::Messages(refused)) }
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no failure.
fn print(bytes: &[u8]) -> Result<(), SprotoError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(source) if source.kind() != ErrorKind::BrokenPipe => {
            Err(SprotoError::Output { path: String::from("standard output"), source })
        }
        _ => Ok(()),
    }
}
