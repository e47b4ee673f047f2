//! Values on the command line that more than one command takes.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::ValueExt;
use skyring::transport::tls::{ClientTls, ClientTlsSettings, Pin, SetupError, Trust};

/// Where a DNS server listens when nobody says otherwise.
const DNS_PORT: u16 = 53;

/// What is wrong with a value.
#[derive(Debug, thiserror::Error)]
pub(super) enum ValueError {
    #[error(transparent)]
    Arguments(#[from] lexopt::Error),
    #[error("{option} {value:?}: must be {expected}")]
    Value { option: &'static str, value: String, expected: &'static str },
}

pub(super) fn refused(option: &'static str, value: &str, expected: &'static str) -> ValueError {
    ValueError::Value { option, value: value.to_owned(), expected }
}

/// Two texts with a sign between them, blanks around the second one dropped.
pub(super) fn pair(
    option: &'static str,
    value: OsString,
    between: char,
) -> Result<(String, String), ValueError> {
    let text = value.string()?;
    let expected = if between == ':' { "\"Name: value\"" } else { "NAME=VALUE" };
    let Some((name, value)) = text.split_once(between) else {
        return Err(refused(option, &text, expected));
    };
    Ok((name.to_owned(), if between == ':' { value.trim() } else { value }.to_owned()))
}

pub(super) fn seconds(option: &'static str, value: OsString) -> Result<Duration, ValueError> {
    let text = value.string()?;
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let positive = seconds.filter(|seconds| !seconds.is_zero());
    positive.ok_or_else(|| refused(option, &text, "a number of seconds above 0"))
}

pub(super) fn digest(value: OsString) -> Result<[u8; 32], ValueError> {
    let text = value.string()?;
    // As `openssl x509 -fingerprint` prints it, or without the colons.
    let digits = text.replace(':', "");
    let bytes = skyring::protocols::crypt::hexdecode(digits.to_ascii_lowercase().as_bytes());
    let digest = bytes.ok().and_then(|bytes| bytes.try_into().ok());
    digest.ok_or_else(|| refused("--pin", &text, "64 hexadecimal digits"))
}

pub(super) fn server(value: OsString) -> Result<SocketAddr, ValueError> {
    let text = value.string()?;
    let address = text.parse::<SocketAddr>();
    let address = address.or_else(|_| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, DNS_PORT)));
    address.map_err(|_| refused("--dns", &text, "an address, with or without a port"))
}

/// Whom to trust behind TLS; None: whom the system trusts.
pub(super) fn tls(
    authorities: Option<&PathBuf>,
    pins: &[[u8; 32]],
) -> Result<Option<ClientTls>, SetupError> {
    let trust = match authorities {
        Some(path) => Trust::Authorities(path.clone()),
        None if pins.is_empty() => return Ok(None),
        None => Trust::Pinned(pins.iter().copied().map(Pin::Certificate).collect()),
    };
    ClientTls::load(&ClientTlsSettings { trust, ..Default::default() }).map(Some)
}
