//! Hosts as they stand in URLs and in `Host` fields: names and addresses (WIRE H28).
//!
//! The theory: readers that disagree about whether a text is a name or an address connect to
//! different machines. So a text that only some of them take for an address is refused: numbers
//! that are almost IPv4 addresses (`127.1`, `0x7f.1`, `010.0.0.1`, `2130706433`) and zones of IPv6
//! addresses. Names are ASCII: escapes and other letters are refused (write the `xn--` form).
//!
//! Source: RFC 3986 section 3.2.2, RFC 1035 section 2.3.4, RFC 5890 for what to write instead of
//! other letters.

use core::net::{Ipv4Addr, Ipv6Addr};

/// The longest name, in bytes, without a dot at its end.
const NAME_BYTES_MAX: usize = 253;

/// The longest part of a name between dots, in bytes.
const LABEL_BYTES_MAX: usize = 63;

/// Whom to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name to be resolved, in lower case; it may end with a dot.
    Name(String),
    /// An address; no name is looked up.
    V4(Ipv4Addr),
    /// An address, which is written in brackets.
    V6(Ipv6Addr),
}

impl Host {
    /// Reads a host as it stands before the port. `None` for what this file's header refuses.
    #[must_use]
    pub fn parse(host: &str) -> Option<Self> {
        if let Some(inside) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return inside.parse().ok().map(Self::V6);
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        let last = name.rsplit('.').next().unwrap_or_default();
        if is_number(last) {
            return host.parse().ok().map(Self::V4);
        }
        let is_name = name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label);
        is_name.then(|| Self::Name(host.to_ascii_lowercase()))
    }
}

impl core::fmt::Display for Host {
    /// As in a URL: an IPv6 address stands in brackets.
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Name(name) => out.write_str(name),
            Self::V4(address) => address.fmt(out),
            Self::V6(address) => write!(out, "[{address}]"),
        }
    }
}

/// Whether some reader takes a host that ends so for an IPv4 address.
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or(label.strip_prefix("0X"));
    let digits = hexadecimal.is_some_and(|rest| rest.bytes().all(|it| it.is_ascii_hexdigit()));
    digits || (!label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Underscores are no part of host names, but of names that are resolved.
fn is_label(label: &str) -> bool {
    let may_be = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(may_be)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_told_from_names() {
        assert_eq!(Host::parse("127.0.0.1"), Some(Host::V4(Ipv4Addr::LOCALHOST)));
        assert_eq!(Host::parse("[::1]"), Some(Host::V6(Ipv6Addr::LOCALHOST)));
        for text in ["localhost", "a_b.example", "xn--bcher-kva.example", "1a", "1.2.3.4.a", "a."] {
            assert_eq!(Host::parse(text), Some(Host::Name(text.to_owned())));
        }
        assert_eq!(Host::parse("A.B"), Host::parse("a.b"));
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            ".a",
            "a b",
            "a%2eb",
            "a,b",
            "a/b",
            "a:1",
            "a@b",
            "b\u{fc}cher",
            "a\0",
            "127.1",
            "0x7f.0x1",
            "0X7F",
            "0x",
            "2130706433",
            "010.0.0.1",
            "1.2.3.256",
            "1.2.3.4.",
            "::1",
            "[::1",
            "::1]",
            "[]",
            "[fe80::1%eth0]",
            "[fe80::1%25eth0]",
            "[1.2.3.4]",
            "[::1]a",
        ] {
            assert_eq!(Host::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn names_and_their_parts_have_a_length() {
        let labels = |count| Host::parse(&vec!["a"; count].join(".")).is_some();
        assert!(labels(127), "253 bytes");
        assert!(!labels(128));
        assert!(Host::parse(&"a".repeat(63)).is_some());
        assert!(Host::parse(&"a".repeat(64)).is_none());
    }

    proptest! {
        #[test]
        fn parsing_undoes_writing(text in "[0-9a-z:.\\[\\]x]{0,20}|.*") {
            if let Some(host) = Host::parse(&text) {
                prop_assert!(host.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert_eq!(Host::parse(&host.to_string()), Some(host));
            }
        }
    }
}
