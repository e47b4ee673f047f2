//! The form of version 1, a line (WIRE X2, X3, X8).

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

use super::{Header, ProxyError, begins_alike, of_one_family};
use crate::decode::Decode;

/// Bytes of the longest line, its end included (WIRE X8).
const BYTES_MAX: usize = 107;
/// Bytes of the shortest, that of an unknown client.
pub(super) const BYTES_MIN: usize = 15;

const START: &[u8] = b"PROXY ";
const END: &[u8] = b"\r\n";
const UNKNOWN: &[u8] = b"UNKNOWN";

/// The header of a line at the front of the input.
pub(super) fn decode(input: &[u8]) -> Result<Decode<Header>, ProxyError> {
    if !begins_alike(input, START) {
        return Err(ProxyError::NoHeader);
    }
    let within = &input[..input.len().min(BYTES_MAX)];
    match within.windows(END.len()).position(|pair| pair == END) {
        Some(end) => {
            // The start has no end of a line in it.
            let value = parse(&input[START.len()..end])?;
            Ok(Decode::Done { value, consumed: end + END.len() })
        }
        None if within.len() == BYTES_MAX => Err(ProxyError::LineTooLong { bytes_max: BYTES_MAX }),
        None => Ok(Decode::NeedMore { at_least: BYTES_MIN.saturating_sub(input.len()).max(1) }),
    }
}

/// The words of a line behind the first. Of an unknown client's only the first one means anything
/// (WIRE X3).
fn parse(words: &[u8]) -> Result<Header, ProxyError> {
    if let Some(rest) = words.strip_prefix(UNKNOWN)
        && (rest.is_empty() || rest[0] == b' ')
    {
        return Ok(Header::Direct);
    }
    let words = core::str::from_utf8(words).map_err(|_| ProxyError::BadLine)?;
    let mut words = words.split(' ');
    let mut word = || words.next().ok_or(ProxyError::BadLine);
    let (family, source, destination) = (word()?, word()?, word()?);
    let (source_port, destination_port) = (port(word()?)?, port(word()?)?);
    if words.next().is_some() {
        return Err(ProxyError::BadLine);
    }
    let (source, destination) = match family {
        "TCP4" => (
            (address::<Ipv4Addr>(source)?, source_port).into(),
            (address::<Ipv4Addr>(destination)?, destination_port).into(),
        ),
        "TCP6" => (
            (address::<Ipv6Addr>(source)?, source_port).into(),
            (address::<Ipv6Addr>(destination)?, destination_port).into(),
        ),
        _ => return Err(ProxyError::BadLine),
    };
    Ok(Header::forwarded(source, destination))
}

fn address<A: FromStr>(word: &str) -> Result<A, ProxyError> {
    word.parse().map_err(|_| ProxyError::BadLine)
}

/// A decimal number with one spelling.
fn port(word: &str) -> Result<u16, ProxyError> {
    let is_decimal = word.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = word.len() > 1 && word.starts_with('0');
    match word.parse() {
        Ok(port) if is_decimal && !is_padded => Ok(port),
        _ => Err(ProxyError::BadLine),
    }
}

/// Appends the line for a client to `out` (WIRE X2). Addresses of two families are both written as
/// IPv6.
pub fn encode(source: SocketAddr, destination: SocketAddr, out: &mut Vec<u8>) {
    let (source, destination) = of_one_family(source, destination);
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    let line = format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port());
    out.extend_from_slice(line.as_bytes());
}
