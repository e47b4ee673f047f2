//! Values of flags, from their texts. An error says what the value must be; the flag is named by
//! whoever read it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use crate::arrival::SECOND_NS;

use skyring_protocols::login::PinnedKeys;

/// A whole number; underscores are allowed between digits.
pub(super) fn count<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.replace('_', "").parse().map_err(|_| String::from("not a whole number in range"))
}

/// Seconds, a decimal fraction allowed, as nanoseconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let value: f64 = text.parse().map_err(|_| String::from("not a number of seconds"))?;
    if !(0.0..=1e9).contains(&value) {
        return Err(String::from("must be 0 to 1000000000"));
    }
    Ok((value * SECOND_NS as f64).round() as u64)
}

/// Percent, a decimal fraction allowed, as parts per million.
pub(super) fn percent(text: &str) -> Result<u32, String> {
    let text = text.strip_suffix('%').unwrap_or(text);
    let value: f64 = text.parse().map_err(|_| String::from("not a percentage"))?;
    if !(0.0..=100.0).contains(&value) {
        return Err(String::from("must be 0 to 100"));
    }
    Ok((value * 10_000.0).round() as u32)
}

/// SHA-256 as hexadecimal digits, with or without colons between the bytes.
pub(super) fn pin(text: &str) -> Result<[u8; 32], String> {
    let digits = text.replace(':', "");
    let byte = |index: usize| {
        digits.get(2 * index..2 * index + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
    let bytes = bytes
        .filter(|_| digits.len() == 64 && digits.bytes().all(|it| it.is_ascii_hexdigit()))
        .and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| String::from("must be 64 hexadecimal digits, a SHA-256"))
}

/// The public half of a server's key, as `skyring keygen` prints it.
pub(super) fn identity(text: &str) -> Result<[u8; 32], String> {
    let key = PinnedKeys::parse(text).map_err(|_| "must be the base64 of an Ed25519 key")?;
    Ok(key.to_bytes())
}

pub(super) fn sizes(text: &str) -> Result<(usize, usize), String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    Ok((count(least)?, count(most)?))
}

pub(crate) fn addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    text.split(',')
        .map(|one| {
            let mut found = one.to_socket_addrs().map_err(|error| error.to_string())?;
            found.next().ok_or_else(|| String::from("no address behind that name"))
        })
        .collect()
}

/// Addresses and ranges of IPv4 addresses, at most 65,536 of them.
pub(crate) fn sources(text: &str) -> Result<Vec<IpAddr>, String> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let bad = |_| format!("{part} is no address or range of addresses");
        if let (Ok(first), Ok(last)) = (first.parse::<Ipv4Addr>(), last.parse::<Ipv4Addr>()) {
            let range = u32::from(first)..=u32::from(last);
            if range.is_empty() || range.end() - range.start() > 0xffff {
                return Err(format!("{part} is empty or too long a range"));
            }
            all.extend(range.map(|bits| IpAddr::from(Ipv4Addr::from(bits))));
        } else {
            all.push(part.parse::<IpAddr>().map_err(bad)?);
        }
    }
    Ok(all)
}
