//! What a request is for: its target and its host (WIRE H8, H9).
//!
//! Stateless. Ranges are offsets into the target.

use core::net::Ipv6Addr;
use std::ops::Range;

use super::error::ReadError;

/// A target, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Host and port of an absolute target.
    pub(super) authority: Option<Range<usize>>,
    /// The path; empty where an absolute target has none.
    pub(super) path: Range<usize>,
    /// What follows the first question mark.
    pub(super) query: Option<Range<usize>>,
}

/// Takes a target apart, if it has the form that its method requires.
pub(super) fn parse(method: &str, target: &str) -> Result<Target, ReadError> {
    if !target.bytes().all(may_stand_in_target) {
        return Err(ReadError::Target);
    }
    if method == "CONNECT" {
        return Err(if is_tunnel(target) { ReadError::Connect } else { ReadError::Target });
    }
    if target.starts_with('/') {
        return Ok(with_path(target, 0, None));
    }
    if target == "*" && method == "OPTIONS" {
        return Ok(Target { authority: None, path: 0..1, query: None });
    }
    absolute(target).ok_or(ReadError::Target)
}

/// A printable byte of ASCII; the number sign begins a fragment, which is never sent.
pub(super) fn may_stand_in_target(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && byte != b'#'
}

fn with_path(target: &str, start: usize, authority: Option<Range<usize>>) -> Target {
    let end = target.len();
    match target.as_bytes()[start..].iter().position(|&byte| byte == b'?') {
        Some(length) => {
            let mark = start + length;
            Target { authority, path: start..mark, query: Some(mark + 1..end) }
        }
        None => Target { authority, path: start..end, query: None },
    }
}

/// `http://` or `https://`, a host, and possibly a path.
fn absolute(target: &str) -> Option<Target> {
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let start = scheme.len() + 3;
    let end = rest.find(['/', '?']).map_or(target.len(), |length| start + length);
    is_host(target.as_bytes().get(start..end)?).then(|| with_path(target, end, Some(start..end)))
}

/// A host with a port that is not left out.
fn is_tunnel(target: &str) -> bool {
    let port = target.rsplit_once(':').map_or("", |(_, port)| port);
    !port.is_empty() && !port.ends_with(']') && is_host(target.as_bytes())
}

/// Bytes of a name that stand for themselves: unreserved ones and those that may divide parts of a
/// name (RFC 3986 section 3.2.2).
const NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~!$&'()*+,;=";
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    table
};

/// A name, an IPv4 address or a bracketed IPv6 address, with an optional port; not empty.
pub(super) fn is_host(text: &[u8]) -> bool {
    let length = if let Some(inside) = text.strip_prefix(b"[") {
        let Some(length) = inside.iter().position(|&byte| byte == b']') else { return false };
        if !is_ipv6(&inside[..length]) {
            return false;
        }
        length + 2
    } else {
        name_length(text)
    };
    match &text[length..] {
        _ if length == 0 => false,
        [] => true,
        [b':', port @ ..] => is_port(port),
        _ => false,
    }
}

/// The length of the name at the front.
fn name_length(text: &[u8]) -> usize {
    let plain =
        |text: &[u8]| text.iter().position(|&byte| !NAME[usize::from(byte)]).unwrap_or(text.len());
    let mut length = plain(text);
    while let [b'%', a, b, rest @ ..] = &text[length..]
        && a.is_ascii_hexdigit()
        && b.is_ascii_hexdigit()
    {
        length += 3 + plain(rest);
    }
    length
}

fn is_ipv6(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// Decimal digits up to 65,535; none at all are the scheme's port.
fn is_port(text: &[u8]) -> bool {
    let digit = |port: u32, byte: &u8| {
        byte.is_ascii_digit().then(|| (port * 10 + u32::from(byte - b'0')).min(1 << 16))
    };
    text.iter().try_fold(0, digit).is_some_and(|port| port <= u32::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'a>(method: &str, target: &'a str) -> (&'a str, &'a str, Option<&'a str>) {
        let parsed = parse(method, target).unwrap();
        let authority = parsed.authority.map_or("", |range| &target[range]);
        (authority, &target[parsed.path], parsed.query.map(|range| &target[range]))
    }

    /// WIRE H8.
    #[test]
    fn targets_have_four_forms() {
        assert_eq!(parts("GET", "/"), ("", "/", None));
        assert_eq!(parts("GET", "/a/b?c=d?e"), ("", "/a/b", Some("c=d?e")));
        assert_eq!(parts("GET", "/?"), ("", "/", Some("")));
        assert_eq!(parts("GET", "//a"), ("", "//a", None));
        assert_eq!(parts("OPTIONS", "*"), ("", "*", None));
        assert_eq!(parts("GET", "http://a/b?c"), ("a", "/b", Some("c")));
        assert_eq!(parts("GET", "HTTPS://[::1]:8443"), ("[::1]:8443", "", None));
        assert_eq!(parts("GET", "http://a:1?c"), ("a:1", "", Some("c")));
        for (method, target, error) in [
            ("GET", "*", ReadError::Target),
            ("OPTIONS", "*/", ReadError::Target),
            ("GET", "a", ReadError::Target),
            ("GET", "a:80", ReadError::Target),
            ("GET", "/a#b", ReadError::Target),
            ("GET", "/\u{e9}", ReadError::Target),
            ("GET", "ftp://a/", ReadError::Target),
            ("GET", "http:///b", ReadError::Target),
            ("GET", "http://user@a/", ReadError::Target),
            ("GET", "http:/a", ReadError::Target),
            ("CONNECT", "a:80", ReadError::Connect),
            ("CONNECT", "[::1]:80", ReadError::Connect),
            ("CONNECT", "[::1]", ReadError::Target),
            ("CONNECT", "a:", ReadError::Target),
            ("CONNECT", "/", ReadError::Target),
        ] {
            assert_eq!(parse(method, target), Err(error), "{method} {target}");
        }
    }

    /// WIRE H9.
    #[test]
    fn hosts_are_names_and_addresses() {
        for good in ["a", "a.b-c_d~", "1.2.3.4", "a:80", "a:", "[::1]", "[fe80::1]:65535", "%41"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a/b",
            "a@b",
            "a?b",
            "a#b",
            "a:b",
            "a:80:",
            "a:65536",
            "a:-1",
            "[::1",
            "::1",
            "[]",
            "[a]",
            "[::1]a",
            "[::1%25eth0]",
            "%4",
            "%4g",
            "a\\b",
            "a\u{e9}",
            "a\0",
            "a:99999999999999999999",
            "<a>",
            "a\t",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad:?}");
        }
    }
}
