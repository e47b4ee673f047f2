//! The command line of `skyring ws`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use skyring::websocket::client::Mode;

use crate::command::values::{ValueError, digest, pair, refused, seconds, server};

pub(in crate::command) const HELP: &str = "\
skyring ws: talk to a WebSocket

Every line of standard input is sent as a text message, and every message that comes is written to
standard output, with a line feed behind it. At the end of the input the server is pinged, and with its
pong, behind which it has read all lines and answered what it answers at once, the connection is
closed. It is a failure if there is no pong, and for 5 s nothing is taken and no message comes either.

Usage: skyring ws [OPTIONS] URL

Options:
      --echo             Send every message back until the server closes; read and write nothing
      --binary           Send lines as binary messages
  -H, --header FIELD     Send a header field, \"Name: value\"; again for more
      --subprotocol NAME Offer a sub-protocol; again for more
      --compression MODE Offer compression: off, shared or dedicated [default: off]
      --message-bytes N  Read messages of at most so many bytes [default: 67108864]
      --timeout SECONDS  Time for the connection to be there [default: 30]
      --keep-alive SECONDS
                         Ping a server that says nothing for so long, and give it up after twice
                         that; 0.001 or more
      --ca FILE          Trust these certificate authorities (PEM) instead of the system's
      --pin SHA256       Trust the certificate with this SHA-256 digest (hexadecimal), and no other
      --dns ADDR         Ask this DNS server
  -h, --help             Print this

Exit codes: 0 closed well, 1 no connection or one that ended badly, 2 wrong command line
";

/// Bytes of a message unless the command line says otherwise.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// The clock of a shard knows nothing shorter.
const KEEP_ALIVE_MIN: Duration = Duration::from_millis(1);

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::command) struct WsOptions {
    pub(super) url: String,
    pub(super) echo: bool,
    pub(super) binary: bool,
    pub(super) headers: Vec<(String, String)>,
    pub(super) subprotocols: Vec<String>,
    pub(super) compression: Mode,
    pub(super) message_bytes_max: usize,
    pub(super) timeout: Option<Duration>,
    pub(super) keep_alive: Option<Duration>,
    pub(super) authorities: Option<PathBuf>,
    pub(super) pins: Vec<[u8; 32]>,
    pub(super) dns: Option<SocketAddr>,
}

/// What is wrong with a command line of `ws`.
#[derive(Debug, thiserror::Error)]
pub(in crate::command) enum WsUsageError {
    #[error(transparent)]
    Arguments(#[from] lexopt::Error),
    #[error(transparent)]
    Value(#[from] ValueError),
    #[error("ws needs a URL")]
    NoUrl,
    #[error("one URL at a time: {first} and {second:?}")]
    TwoUrls { first: String, second: OsString },
    #[error("--ca and --pin contradict each other")]
    Contradiction,
}

impl Default for WsOptions {
    fn default() -> WsOptions {
        WsOptions {
            url: String::new(),
            echo: false,
            binary: false,
            headers: Vec::new(),
            subprotocols: Vec::new(),
            compression: Mode::Off,
            message_bytes_max: MESSAGE_BYTES_MAX,
            timeout: None,
            keep_alive: None,
            authorities: None,
            pins: Vec::new(),
            dns: None,
        }
    }
}

impl WsOptions {
    /// Reads what stands behind `ws`. None: help is asked for.
    pub(in crate::command) fn parse(mut parser: Parser) -> Result<Option<WsOptions>, WsUsageError> {
        let mut options = WsOptions::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => return Ok(None),
                Arg::Long("echo") => options.echo = true,
                Arg::Long("binary") => options.binary = true,
                Arg::Value(text) => options.take_url(text)?,
                Arg::Short('H') | Arg::Long("header") => {
                    options.headers.push(pair("--header", parser.value()?, ':')?);
                }
                Arg::Long("subprotocol") => options.subprotocols.push(parser.value()?.string()?),
                Arg::Long("compression") => options.compression = mode(parser.value()?)?,
                Arg::Long("message-bytes") => {
                    options.message_bytes_max = parser.value()?.parse()?;
                }
                Arg::Long("timeout") => {
                    options.timeout = Some(seconds("--timeout", parser.value()?)?);
                }
                Arg::Long("keep-alive") => {
                    options.keep_alive = Some(keep_alive(parser.value()?)?);
                }
                Arg::Long("ca") => options.authorities = Some(PathBuf::from(parser.value()?)),
                Arg::Long("pin") => options.pins.push(digest(parser.value()?)?),
                Arg::Long("dns") => options.dns = Some(server(parser.value()?)?),
                other => return Err(other.unexpected().into()),
            }
        }
        match &options {
            options if options.url.is_empty() => Err(WsUsageError::NoUrl),
            WsOptions { authorities: Some(_), pins, .. } if !pins.is_empty() => {
                Err(WsUsageError::Contradiction)
            }
            _ => Ok(Some(options)),
        }
    }

    fn take_url(&mut self, text: OsString) -> Result<(), WsUsageError> {
        if !self.url.is_empty() {
            return Err(WsUsageError::TwoUrls { first: self.url.clone(), second: text });
        }
        self.url = text.string()?;
        Ok(())
    }
}

fn keep_alive(value: OsString) -> Result<Duration, ValueError> {
    let time = seconds("--keep-alive", value.clone())?;
    if time < KEEP_ALIVE_MIN {
        return Err(refused("--keep-alive", &value.string()?, "0.001 seconds or more"));
    }
    Ok(time)
}

fn mode(value: OsString) -> Result<Mode, ValueError> {
    let text = value.string()?;
    match text.as_str() {
        "off" => Ok(Mode::Off),
        "shared" => Ok(Mode::Shared),
        "dedicated" => Ok(Mode::Dedicated),
        _ => Err(refused("--compression", &text, "off, shared or dedicated")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<WsOptions, String> {
        let parsed = WsOptions::parse(Parser::from_args(arguments));
        parsed.map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_taken() {
        let text = "--echo --binary -H A:b --subprotocol c --subprotocol d --compression shared \
                    --message-bytes 5 --timeout 1 --keep-alive 0.5 --ca f --dns 9.9.9.9 ws://u/";
        let given = options(&text.split_whitespace().collect::<Vec<_>>()).unwrap();
        let expected = WsOptions {
            url: "ws://u/".to_owned(),
            echo: true,
            binary: true,
            headers: vec![("A".to_owned(), "b".to_owned())],
            subprotocols: vec!["c".to_owned(), "d".to_owned()],
            compression: Mode::Shared,
            message_bytes_max: 5,
            timeout: Some(Duration::from_secs(1)),
            keep_alive: Some(Duration::from_millis(500)),
            authorities: Some(PathBuf::from("f")),
            pins: Vec::new(),
            dns: Some("9.9.9.9:53".parse().unwrap()),
        };
        assert_eq!(given, expected);
        let pinned = options(&["--pin", &"0a".repeat(32), "u"]).unwrap();
        assert_eq!(
            pinned,
            WsOptions { url: "u".to_owned(), pins: vec![[10; 32]], ..WsOptions::default() }
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |arguments: &[&str]| options(arguments).unwrap_err();
        assert_eq!(refused(&["a", "b"]), "one URL at a time: a and \"b\"");
        let said = "--compression \"much\": must be off, shared or dedicated";
        assert_eq!(refused(&["--compression", "much", "u"]), said);
        let said = "--keep-alive \"0\": must be a number of seconds above 0";
        assert_eq!(refused(&["--keep-alive", "0", "u"]), said);
        let said = "--keep-alive \"0.0009\": must be 0.001 seconds or more";
        assert_eq!(refused(&["--keep-alive", "0.0009", "u"]), said);
        assert!(options(&["--keep-alive", "0.001", "u"]).is_ok());
        let contradiction = refused(&["--ca", "f", "--pin", &"0a".repeat(32), "u"]);
        assert_eq!(contradiction, "--ca and --pin contradict each other");
        assert!(refused(&["--insecure", "u"]).contains("--insecure"));
    }
}
