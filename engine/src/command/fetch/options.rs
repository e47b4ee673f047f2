//! The command line of `skyring fetch`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::command::values::{ValueError, digest, pair, seconds, server};

pub(in crate::command) const HELP: &str = "\
skyring fetch: ask for a URL and print what comes

Usage: skyring fetch [OPTIONS] URL

Options:
  -i, --include         Print status line and header fields too
  -I, --head            Ask for the head alone, and print it
  -X, --request METHOD  Ask with this method
  -H, --header FIELD    Send a header field, \"Name: value\"; again for more
  -d, --data DATA       Send a body, by POST; @FILE for a file's content
      --form NAME=VALUE Send a form field, by POST; again for more
  -o, --output FILE     Write the body to a file
      --timeout SECONDS Time for everything [default: 30]
      --redirects N     Follow so many redirects [default: 0]
      --fail            A status from 400 on is a failure, and its body is not printed
      --ca FILE         Trust these certificate authorities (PEM) instead of the system's
      --pin SHA256      Trust the certificate with this SHA-256 digest (hexadecimal), and no other
      --dns ADDR        Ask this DNS server
  -h, --help            Print this

Exit codes: 0 answered, 1 no answer or half of one, 2 wrong command line, 22 a status from 400 on
with --fail
";

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::command) struct FetchOptions {
    pub(super) url: String,
    pub(super) include: bool,
    pub(super) head: bool,
    pub(super) method: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) data: Option<Data>,
    pub(super) form: Vec<(String, String)>,
    pub(super) output: Option<PathBuf>,
    pub(super) timeout: Option<Duration>,
    pub(super) redirects_max: u32,
    pub(super) fail: bool,
    pub(super) authorities: Option<PathBuf>,
    pub(super) pins: Vec<[u8; 32]>,
    pub(super) dns: Option<SocketAddr>,
}

/// A body.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Text(Vec<u8>),
    File(PathBuf),
}

/// What is wrong with a command line of `fetch`.
#[derive(Debug, thiserror::Error)]
pub(in crate::command) enum FetchUsageError {
    #[error(transparent)]
    Arguments(#[from] lexopt::Error),
    #[error("fetch needs a URL")]
    NoUrl,
    #[error("one URL at a time: {first} and {second:?}")]
    TwoUrls { first: String, second: OsString },
    #[error(transparent)]
    Value(#[from] ValueError),
    #[error("{one} and {other} contradict each other")]
    Contradiction { one: &'static str, other: &'static str },
}

impl FetchOptions {
    /// Reads what stands behind `fetch`. None: help is asked for.
    pub(in crate::command) fn parse(
        mut parser: Parser,
    ) -> Result<Option<FetchOptions>, FetchUsageError> {
        let mut options = FetchOptions::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => return Ok(None),
                Arg::Short('i') | Arg::Long("include") => options.include = true,
                Arg::Short('I') | Arg::Long("head") => options.head = true,
                Arg::Long("fail") => options.fail = true,
                Arg::Value(text) => options.take_url(text)?,
                Arg::Short('X') | Arg::Long("request") => {
                    options.method = Some(parser.value()?.string()?);
                }
                Arg::Short('H') | Arg::Long("header") => {
                    options.headers.push(pair("--header", parser.value()?, ':')?);
                }
                Arg::Long("form") => options.form.push(pair("--form", parser.value()?, '=')?),
                Arg::Short('d') | Arg::Long("data") => options.data = Some(data(parser.value()?)?),
                Arg::Short('o') | Arg::Long("output") => {
                    options.output = Some(PathBuf::from(parser.value()?));
                }
                Arg::Long("timeout") => {
                    options.timeout = Some(seconds("--timeout", parser.value()?)?);
                }
                Arg::Long("redirects") => options.redirects_max = parser.value()?.parse()?,
                Arg::Long("ca") => options.authorities = Some(PathBuf::from(parser.value()?)),
                Arg::Long("pin") => options.pins.push(digest(parser.value()?)?),
                Arg::Long("dns") => options.dns = Some(server(parser.value()?)?),
                other => return Err(other.unexpected().into()),
            }
        }
        options.check().map(Some)
    }

    fn take_url(&mut self, text: OsString) -> Result<(), FetchUsageError> {
        if !self.url.is_empty() {
            return Err(FetchUsageError::TwoUrls { first: self.url.clone(), second: text });
        }
        self.url = text.string()?;
        Ok(())
    }

    fn check(self) -> Result<FetchOptions, FetchUsageError> {
        let contradiction = |one, other| Err(FetchUsageError::Contradiction { one, other });
        match &self {
            options if options.url.is_empty() => Err(FetchUsageError::NoUrl),
            FetchOptions { data: Some(_), form, .. } if !form.is_empty() => {
                contradiction("--data", "--form")
            }
            FetchOptions { authorities: Some(_), pins, .. } if !pins.is_empty() => {
                contradiction("--ca", "--pin")
            }
            FetchOptions { head: true, method: Some(_), .. } => {
                contradiction("--head", "--request")
            }
            _ => Ok(self),
        }
    }
}

fn data(value: OsString) -> Result<Data, FetchUsageError> {
    let text = value.string()?;
    Ok(match text.strip_prefix('@') {
        Some(path) => Data::File(PathBuf::from(path)),
        None => Data::Text(text.into_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<FetchOptions, String> {
        let parsed = FetchOptions::parse(Parser::from_args(arguments));
        parsed.map(|options| options.expect("no help")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_is_enough() {
        let url = "http://a/".to_owned();
        assert_eq!(options(&["http://a/"]), Ok(FetchOptions { url, ..Default::default() }));
        assert_eq!(FetchOptions::parse(Parser::from_args(["-h"])).unwrap(), None);
    }

    #[test]
    fn every_option_is_read() {
        let given = options(&[
            "-i",
            "-X",
            "PUT",
            "-H",
            "A:  b ",
            "-d",
            "x",
            "-o",
            "file",
            "--timeout",
            "0.5",
            "--fail",
            "--redirects",
            "3",
            "--ca",
            "ca.pem",
            "--dns",
            "9.9.9.9",
            "http://a/",
        ])
        .unwrap();
        let expected = FetchOptions {
            url: "http://a/".to_owned(),
            include: true,
            head: false,
            method: Some("PUT".to_owned()),
            headers: vec![("A".to_owned(), "b".to_owned())],
            data: Some(Data::Text(b"x".to_vec())),
            form: Vec::new(),
            output: Some(PathBuf::from("file")),
            timeout: Some(Duration::from_millis(500)),
            redirects_max: 3,
            fail: true,
            authorities: Some(PathBuf::from("ca.pem")),
            pins: Vec::new(),
            dns: Some("9.9.9.9:53".parse().unwrap()),
        };
        assert_eq!(given, expected);
        let given = options(&["-I", "--form", "a=b=c", "--dns", "[::1]:5", "u"]).unwrap();
        assert_eq!(given.form, [("a".to_owned(), "b=c".to_owned())]);
        assert_eq!((given.head, given.dns), (true, Some("[::1]:5".parse().unwrap())));
        assert_eq!(options(&["-d", "@f", "u"]).unwrap().data, Some(Data::File("f".into())));
        let pin = options(&["--pin", &"0A:".repeat(32)[..95], "u"]).unwrap();
        assert_eq!(pin.pins, [[10; 32]]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |arguments: &[&str]| options(arguments).unwrap_err();
        assert_eq!(refused(&[]), "fetch needs a URL");
        assert_eq!(refused(&["a", "b"]), "one URL at a time: a and \"b\"");
        assert_eq!(refused(&["-H", "a", "u"]), "--header \"a\": must be \"Name: value\"");
        assert_eq!(refused(&["--form", "a", "u"]), "--form \"a\": must be NAME=VALUE");
        for seconds in ["0", "-1", "x", "NaN"] {
            assert!(refused(&["--timeout", seconds, "u"]).contains("seconds above 0"));
        }
        assert_eq!(refused(&["--pin", "ab", "u"]), "--pin \"ab\": must be 64 hexadecimal digits");
        assert!(refused(&["--dns", "localhost", "u"]).contains("an address"));
        let contradiction = refused(&["-d", "x", "--form", "a=b", "u"]);
        assert_eq!(contradiction, "--data and --form contradict each other");
        assert!(refused(&["--insecure", "u"]).contains("--insecure"));
    }
}
