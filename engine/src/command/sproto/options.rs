//! The command line of `skyring sproto`.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};
use skyring::protocols::sproto::codegen;
use skyring::protocols::sproto::rpc::PACKAGE;

pub(in crate::command) const HELP: &str = "\
skyring sproto: schemas and messages of sproto, Skynet's language for them

Usage: skyring sproto check SCHEMA...
       skyring sproto compile [OPTIONS] SCHEMA
       skyring sproto dump [--type NAME] SCHEMA
       skyring sproto decode [OPTIONS] (--type NAME | --rpc) SCHEMA [FILE]

Commands:
  check    Say what is wrong with schemas, as FILE:LINE, and what loads but cannot work
  compile  Make Rust of a schema, or a bundle
  dump     Show the types and protocols of a schema, with their numbers
  decode   Read a message, from FILE or standard input, and print it as JSON

SCHEMA is schema text or a bundle, and - is standard input.

Options of compile:
  -o, --output FILE    Write there, not to standard output
      --bundle         Make a bundle
      --path PATH      The path of the module `sproto` in the Rust that is made
                       [default: skyring_protocols::sproto]
      --bytes          Strings are bytes, for they may not be UTF-8
      --serde          Types are Serialize and Deserialize

Options of decode:
      --type NAME      The message is of this type
      --rpc            It is a package: a header, and a request or an answer; always packed
      --package NAME   The type of the header [default: package]
      --answers NAME   Answers are to this protocol; without it their fields have no names
      --packed         The message is packed
      --framed         Messages have their lengths in 2 bytes in front, as a gate's stream has them
      --hex            The input is hexadecimal digits

  -h, --help           Print this

Bytes that are no text are printed as {\"hex\": \"...\"}. Places in a packed message are those of the
unpacked bytes.

Exit codes: 0 done, 1 a schema or message is refused or a file fails, 2 wrong command line
";

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::command) enum SprotoOptions {
    Check { schemas: Vec<PathBuf> },
    Compile(CompileOptions),
    Dump { schema: PathBuf, type_name: Option<String> },
    Decode(DecodeOptions),
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::command) struct CompileOptions {
    pub(super) schema: PathBuf,
    pub(super) output: Option<PathBuf>,
    /// None: a bundle is made.
    pub(super) code: Option<codegen::Options>,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::command) struct DecodeOptions {
    pub(super) schema: PathBuf,
    /// None: standard input.
    pub(super) input: Option<PathBuf>,
    pub(super) form: Form,
    pub(super) packed: bool,
    pub(super) framed: bool,
    pub(super) hex: bool,
}

/// What a message is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Type(String),
    Rpc { package: String, answers: Option<String> },
}

/// What is wrong with a command line of `sproto`.
#[derive(Debug, thiserror::Error)]
pub(in crate::command) enum SprotoUsageError {
    #[error(transparent)]
    Arguments(#[from] lexopt::Error),
    #[error("sproto needs one of check, compile, dump and decode")]
    NoCommand,
    #[error("no sproto command {0:?}; there are check, compile, dump and decode")]
    NoSuchCommand(OsString),
    #[error("sproto {command} has no option {option}")]
    NotForCommand { command: &'static str, option: &'static str },
    #[error("sproto {0} needs a schema")]
    NoSchema(&'static str),
    #[error("sproto {command} has no use for {second:?}")]
    TooMany { command: &'static str, second: PathBuf },
    #[error("sproto decode needs --type or --rpc, and not both")]
    NoForm,
    #[error("{one} is of no use {without}")]
    Useless { one: &'static str, without: &'static str },
}

/// All options, of whatever command.
#[derive(Default)]
struct Given {
    values: Vec<OsString>,
    output: Option<PathBuf>,
    bundle: bool,
    path: Option<String>,
    bytes: bool,
    serde: bool,
    type_name: Option<String>,
    rpc: bool,
    package: Option<String>,
    answers: Option<String>,
    packed: bool,
    framed: bool,
    hex: bool,
}

impl SprotoOptions {
    /// Reads what stands behind `sproto`. None: help is asked for.
    pub(in crate::command) fn parse(mut parser: Parser) -> Result<Option<Self>, SprotoUsageError> {
        let mut given = Given::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => return Ok(None),
                Arg::Value(value) => given.values.push(value),
                Arg::Short('o') | Arg::Long("output") => {
                    given.output = Some(PathBuf::from(parser.value()?));
                }
                Arg::Long("bundle") => given.bundle = true,
                Arg::Long("path") => given.path = Some(parser.value()?.string()?),
                Arg::Long("bytes") => given.bytes = true,
                Arg::Long("serde") => given.serde = true,
                Arg::Long("type") => given.type_name = Some(parser.value()?.string()?),
                Arg::Long("rpc") => given.rpc = true,
                Arg::Long("package") => given.package = Some(parser.value()?.string()?),
                Arg::Long("answers") => given.answers = Some(parser.value()?.string()?),
                Arg::Long("packed") => given.packed = true,
                Arg::Long("framed") => given.framed = true,
                Arg::Long("hex") => given.hex = true,
                other => return Err(other.unexpected().into()),
            }
        }
        given.command().map(Some)
    }
}

/// Options of `compile`, and of `decode`.
const COMPILE: &[&str] = &["--output", "--bundle", "--path", "--bytes", "--serde"];
const DECODE: &[&str] =
    &["--type", "--rpc", "--package", "--answers", "--packed", "--framed", "--hex"];

impl Given {
    fn command(mut self) -> Result<SprotoOptions, SprotoUsageError> {
        if self.values.is_empty() {
            return Err(SprotoUsageError::NoCommand);
        }
        let name = self.values.remove(0);
        if name == "check" {
            self.only("check", &[])?;
            self.first("check")?;
            let schemas = self.values.into_iter().map(PathBuf::from).collect();
            return Ok(SprotoOptions::Check { schemas });
        }
        if name == "compile" {
            self.only("compile", COMPILE)?;
            return self.compile().map(SprotoOptions::Compile);
        }
        if name == "dump" {
            self.only("dump", &["--type"])?;
            let schema = self.first("dump")?;
            self.no_more("dump", 1)?;
            return Ok(SprotoOptions::Dump { schema, type_name: self.type_name });
        }
        if name == "decode" {
            self.only("decode", DECODE)?;
            return self.decode().map(SprotoOptions::Decode);
        }
        Err(SprotoUsageError::NoSuchCommand(name))
    }

    /// Refuses options that are not among these.
    fn only(&self, command: &'static str, options: &[&str]) -> Result<(), SprotoUsageError> {
        let given = [
            (self.output.is_some(), "--output"),
            (self.bundle, "--bundle"),
            (self.path.is_some(), "--path"),
            (self.bytes, "--bytes"),
            (self.serde, "--serde"),
            (self.type_name.is_some(), "--type"),
            (self.rpc, "--rpc"),
            (self.package.is_some(), "--package"),
            (self.answers.is_some(), "--answers"),
            (self.packed, "--packed"),
            (self.framed, "--framed"),
            (self.hex, "--hex"),
        ];
        let stray = given.into_iter().find(|(is_given, it)| *is_given && !options.contains(it));
        match stray {
            Some((_, option)) => Err(SprotoUsageError::NotForCommand { command, option }),
            None => Ok(()),
        }
    }

    fn first(&self, command: &'static str) -> Result<PathBuf, SprotoUsageError> {
        let first = self.values.first().map(PathBuf::from);
        first.ok_or(SprotoUsageError::NoSchema(command))
    }

    fn no_more(&self, command: &'static str, count: usize) -> Result<(), SprotoUsageError> {
        match self.values.get(count).map(PathBuf::from) {
            Some(second) => Err(SprotoUsageError::TooMany { command, second }),
            None => Ok(()),
        }
    }

    fn compile(self) -> Result<CompileOptions, SprotoUsageError> {
        let schema = self.first("compile")?;
        self.no_more("compile", 1)?;
        if !self.bundle {
            let standard = codegen::Options::default();
            let path = self.path.unwrap_or(standard.path);
            let (strings_as_bytes, serde) = (self.bytes, self.serde);
            let code = Some(codegen::Options { path, strings_as_bytes, serde });
            return Ok(CompileOptions { schema, output: self.output, code });
        }
        let of_code =
            [(self.path.is_some(), "--path"), (self.bytes, "--bytes"), (self.serde, "--serde")];
        match of_code.into_iter().find(|(is_given, _)| *is_given) {
            Some((_, one)) => Err(SprotoUsageError::Useless { one, without: "with --bundle" }),
            None => Ok(CompileOptions { schema, output: self.output, code: None }),
        }
    }

    fn decode(self) -> Result<DecodeOptions, SprotoUsageError> {
        let schema = self.first("decode")?;
        self.no_more("decode", 2)?;
        let input = self.values.get(1).map(PathBuf::from);
        let form = match (self.type_name, self.rpc) {
            (Some(name), false) => Form::Type(name),
            (None, true) => {
                let package = self.package.clone().unwrap_or_else(|| PACKAGE.to_owned());
                Form::Rpc { package, answers: self.answers.clone() }
            }
            _ => return Err(SprotoUsageError::NoForm),
        };
        let of_rpc = [(self.package.is_some(), "--package"), (self.answers.is_some(), "--answers")];
        let stray = of_rpc.into_iter().find(|(is_given, _)| *is_given && !self.rpc);
        if let Some((_, one)) = stray {
            return Err(SprotoUsageError::Useless { one, without: "without --rpc" });
        }
        let packed = self.packed || self.rpc;
        let (framed, hex) = (self.framed, self.hex);
        Ok(DecodeOptions { schema, input, form, packed, framed, hex })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &str) -> Result<SprotoOptions, String> {
        let parsed = SprotoOptions::parse(Parser::from_args(arguments.split_whitespace()));
        parsed.map(|options| options.expect("no help")).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_read() {
        let schemas = vec![PathBuf::from("a"), PathBuf::from("b")];
        assert_eq!(options("check a b"), Ok(SprotoOptions::Check { schemas }));
        let schema = PathBuf::from("s");
        let dump = SprotoOptions::Dump { schema: schema.clone(), type_name: Some("T".to_owned()) };
        assert_eq!(options("dump s --type T"), Ok(dump));
        let code = codegen::Options { path: "x".to_owned(), strings_as_bytes: true, serde: true };
        let (output, code) = (Some(PathBuf::from("o")), Some(code));
        let compile = CompileOptions { schema: schema.clone(), output: output.clone(), code };
        let given = options("compile -o o --path x --bytes --serde s");
        assert_eq!(given, Ok(SprotoOptions::Compile(compile)));
        let bundle = CompileOptions { schema: schema.clone(), output, code: None };
        assert_eq!(options("compile --bundle s --output o"), Ok(SprotoOptions::Compile(bundle)));
        let form = Form::Rpc { package: "p".to_owned(), answers: Some("q".to_owned()) };
        let (input, framed, hex) = (Some(PathBuf::from("f")), true, true);
        let decode = DecodeOptions { schema, input, form, packed: true, framed, hex };
        let given = options("decode --rpc --package p --answers q --framed --hex s f");
        assert_eq!(given, Ok(SprotoOptions::Decode(decode)));
        let Ok(SprotoOptions::Decode(plain)) = options("decode s --type T") else { panic!() };
        assert!(!plain.packed && !plain.framed && !plain.hex && plain.input.is_none());
        assert_eq!(SprotoOptions::parse(Parser::from_args(["check", "-h"])).unwrap(), None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |arguments: &str| options(arguments).unwrap_err();
        assert_eq!(refused(""), "sproto needs one of check, compile, dump and decode");
        assert_eq!(
            refused("encode"),
            "no sproto command \"encode\"; there are check, compile, dump and decode"
        );
        assert_eq!(refused("check"), "sproto check needs a schema");
        assert_eq!(refused("check a --hex"), "sproto check has no option --hex");
        assert_eq!(refused("dump a -o b"), "sproto dump has no option --output");
        assert_eq!(refused("dump a b"), "sproto dump has no use for \"b\"");
        assert_eq!(refused("compile a --rpc"), "sproto compile has no option --rpc");
        assert_eq!(refused("compile --bundle --serde a"), "--serde is of no use with --bundle");
        let form = "sproto decode needs --type or --rpc, and not both";
        assert_eq!(refused("decode a"), form);
        assert_eq!(refused("decode a --type T --rpc"), form);
        assert_eq!(
            refused("decode a --type T --answers p"),
            "--answers is of no use without --rpc"
        );
        assert_eq!(refused("decode --serde a"), "sproto decode has no option --serde");
        assert_eq!(refused("check --fast a"), "invalid option '--fast'");
    }
}
