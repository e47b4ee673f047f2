//! Where a request goes: `http://` and `https://` URLs, as a client is given them (WIRE H28).
//!
//! A URL is taken apart once, into whom to connect to ([`Url::host`], [`Url::port`]), whether TLS
//! is spoken ([`Url::scheme`]), what the `Host` field says ([`Url::authority`]) and what the
//! request line asks for ([`Url::target`]). All of it is ASCII without blanks or controls, so none
//! of it can end a line of a head.
//!
//! The theory: two readers of one URL that disagree about its host are a hole, so whatever they
//! have disagreed about is refused rather than guessed. Refused are user names, backslashes, blanks
//! and controls anywhere, and the hosts that [`Host::parse`] refuses.
//!
//! Source: RFC 3986 sections 3 and 5.2, RFC 9110 section 4.2. Skynet's `httpc` takes host and
//! target apart from each other: [`Url::of_host`].

use core::str::FromStr;

use super::host::Host;
use crate::blame::Blame;

/// The longest URL that is read, in bytes; RFC 9110 section 4.1 asks for at least 8000.
pub const URL_BYTES_MAX: usize = 8000;

/// How the connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Not at all.
    Http,
    /// By TLS.
    Https,
}

impl Scheme {
    /// The port that is meant when none is named.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// The name, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn of_name(name: &str) -> Result<Self, UrlError> {
        let known = [Self::Http, Self::Https];
        let mut known = known.into_iter();
        known.find(|scheme| scheme.name().eq_ignore_ascii_case(name)).ok_or(UrlError::Scheme)
    }
}

/// Why a text is no URL that a client can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// More than [`URL_BYTES_MAX`].
    #[error("the URL is {bytes} bytes long, at most {URL_BYTES_MAX} are read")]
    TooLong {
        /// Length of the text, in bytes.
        bytes: usize,
    },
    /// A blank, a control, a backslash or another byte that no URL has; they are to be written
    /// with a percent sign.
    #[error("byte {at} of the URL may not be in one")]
    Character {
        /// Where it stands, in bytes from the front.
        at: usize,
    },
    /// Neither `http` nor `https`, or none at all.
    #[error("the URL is not one of http or https")]
    Scheme,
    /// A user name before the host: RFC 9110 section 4.2.4 has recipients treat it as an attack.
    #[error("the URL has a user name")]
    UserName,
    /// Nothing, or what neither is a name nor an address.
    #[error("the host of the URL is neither a name nor an address")]
    Host,
    /// Not a number of 1 to 65535 without a sign.
    #[error("the port of the URL is not a number of 1 to 65535")]
    Port,
    /// A target that begins neither with `/` nor with `?`.
    #[error("the target does not begin with a slash")]
    Target,
}

impl UrlError {
    /// Who must change something. Of a URL in a peer's `Location` it is the peer.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::TooLong { .. } => Blame::Limit,
            _ => Blame::Caller,
        }
    }
}

/// A URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    scheme: Scheme,
    host: Host,
    port: u16,
    target: String,
}

impl Url {
    /// Takes a URL apart. What stands behind a `#` is not sent and is dropped.
    ///
    /// # Errors
    /// [`UrlError`], for everything that this file's header refuses.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        check(text)?;
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let (authority, target) = split_authority(rest);
        Self::of_parts(Scheme::of_name(scheme)?, authority, target)
    }

    /// What `httpc.request` is given: a host with or without `http://`, `https://` and port, and a
    /// target. Without a scheme it is `http`.
    ///
    /// # Errors
    /// [`UrlError`], as [`Url::parse`]; [`UrlError::Host`] when a target stands in `host`.
    pub fn of_host(host: &str, target: &str) -> Result<Self, UrlError> {
        check(host)?;
        check(target)?;
        let (scheme, authority) = match host.split_once("://") {
            Some((scheme, authority)) => (Scheme::of_name(scheme)?, authority),
            None => (Scheme::Http, host),
        };
        if authority.contains(['/', '?', '#']) {
            return Err(UrlError::Host);
        }
        Self::of_parts(scheme, authority, target)
    }

    /// The URL that a `Location` field means, read on this one (RFC 3986 section 5.2).
    ///
    /// # Errors
    /// [`UrlError`], as [`Url::parse`].
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        check(reference)?;
        let reference = reference.split('#').next().unwrap_or_default();
        if has_scheme(reference) {
            return Self::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            let (authority, target) = split_authority(rest);
            return Self::of_parts(self.scheme, authority, target);
        }
        let (path, _) = split_query(&self.target);
        let target = match reference.as_bytes().first() {
            None => self.target.clone(),
            Some(b'?') => format!("{path}{reference}"),
            Some(b'/') => without_dots(reference),
            Some(_) => {
                let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
                without_dots(&format!("{folder}{reference}"))
            }
        };
        if target.len() > URL_BYTES_MAX {
            return Err(UrlError::TooLong { bytes: target.len() });
        }
        Ok(Self { target, ..self.clone() })
    }

    fn of_parts(scheme: Scheme, authority: &str, target: &str) -> Result<Self, UrlError> {
        let target = target.split('#').next().unwrap_or_default();
        let target = match target.as_bytes().first() {
            None => String::from("/"),
            Some(b'/') => target.to_owned(),
            Some(b'?') => format!("/{target}"),
            Some(_) => return Err(UrlError::Target),
        };
        let (host, port) = split_port(authority)?;
        let port = port.unwrap_or(scheme.port());
        Ok(Self { scheme, host: Host::parse(host).ok_or(UrlError::Host)?, port, target })
    }

    /// How the connection is secured.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whom to connect to.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port to connect to, 1 to 65535: the one named, or that of the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the request line asks for: path and query, beginning with `/`, as they were written.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What the `Host` field says: the host, and the port unless it is the scheme's own (RFC 9110
    /// section 7.2).
    #[must_use]
    pub fn authority(&self) -> String {
        let host = &self.host;
        if self.port == self.scheme.port() {
            host.to_string()
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// `scheme://host:port`, the port always named: equal for URLs that may share a connection.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}:{}", self.scheme.name(), self.host, self.port)
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

impl core::fmt::Display for Url {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "{}://{}{}", self.scheme.name(), self.authority(), self.target)
    }
}

/// Length, and that every byte may be in a URL. RFC 3986 allows less still (`"<>^{|}` and the
/// backtick are to be escaped), but these are often sent and every reader takes them for
/// themselves.
fn check(text: &str) -> Result<(), UrlError> {
    if text.len() > URL_BYTES_MAX {
        return Err(UrlError::TooLong { bytes: text.len() });
    }
    let strange = |byte: u8| !byte.is_ascii_graphic() || byte == b'\\';
    match text.bytes().position(strange) {
        Some(at) => Err(UrlError::Character { at }),
        None => Ok(()),
    }
}

/// Whether a reference says its scheme, which makes it a URL (RFC 3986 section 3.1).
fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    let may_be = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(may_be)
}

/// What stands before the first `/`, `?` or `#`, and the rest.
fn split_authority(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
}

/// The path, and the query with its question mark.
fn split_query(target: &str) -> (&str, &str) {
    target.split_at(target.find('?').unwrap_or(target.len()))
}

/// Host, with its brackets, and port. Nothing behind a colon is the scheme's port.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    if authority.contains('@') {
        return Err(UrlError::UserName);
    }
    let host_end = if authority.starts_with('[') {
        authority.find(']').ok_or(UrlError::Host)? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(host_end);
    let port = match port.strip_prefix(':') {
        Some(digits) if !digits.is_empty() => Some(parse_port(digits)?),
        Some(_) => None,
        None if port.is_empty() => None,
        None => return Err(UrlError::Host),
    };
    Ok((host, port))
}

fn parse_port(digits: &str) -> Result<u16, UrlError> {
    if digits.len() > 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    digits.parse().ok().filter(|&port| port != 0).ok_or(UrlError::Port)
}

/// A target whose path has no `.` and `..` between slashes (RFC 3986 section 5.2.4). One `..` too
/// many stays at the root.
fn without_dots(target: &str) -> String {
    let (path, query) = split_query(target);
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
        if is_last && matches!(segment, "." | "..") {
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv6Addr;
    use proptest::prelude::*;

    fn name(text: &str) -> Host {
        Host::Name(text.to_owned())
    }

    /// WIRE H28.
    #[test]
    fn a_url_is_taken_apart() {
        let url = Url::parse("HTTPS://Example.COM:8443/a/../b?x=/y#z").unwrap();
        assert_eq!((url.scheme(), url.port()), (Scheme::Https, 8443));
        assert_eq!(url.host(), &name("example.com"));
        assert_eq!(url.target(), "/a/../b?x=/y", "a path is sent as it was written");
        assert_eq!(url.authority(), "example.com:8443");
        assert_eq!(url.to_string(), "https://example.com:8443/a/../b?x=/y");
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        for (text, port, shown) in [
            ("http://a", 80, "http://a/"),
            ("http://a:80", 80, "http://a/"),
            ("http://a:", 80, "http://a/"),
            ("https://a#b/c", 443, "https://a/"),
            ("https://a?b=http://c/", 443, "https://a/?b=http://c/"),
            ("https://a:80/", 80, "https://a:80/"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!((url.port(), url.to_string().as_str()), (port, shown), "{text}");
        }
    }

    #[test]
    fn an_address_of_version_6_stands_in_brackets() {
        let url = Url::parse("http://[2001:DB8::1]:8080/").unwrap();
        assert_eq!(url.host(), &Host::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)));
        assert_eq!(url.authority(), "[2001:db8::1]:8080");
        assert_eq!(url.origin(), "http://[2001:db8::1]:8080");
    }

    /// WIRE H28.
    #[test]
    fn what_readers_disagree_about_is_refused() {
        let cases = [
            ("", UrlError::Scheme),
            ("a/b", UrlError::Scheme),
            ("//a/", UrlError::Scheme),
            ("ftp://a/", UrlError::Scheme),
            ("http:/a", UrlError::Scheme),
            ("javascript://a/", UrlError::Scheme),
            ("http://a@b/", UrlError::UserName),
            ("http://a:b@c/", UrlError::UserName),
            ("http://", UrlError::Host),
            ("http:///a", UrlError::Host),
            ("http://:80/", UrlError::Host),
            ("http://[::1/", UrlError::Host),
            ("http://[::1]a/", UrlError::Host),
            ("http://::1/", UrlError::Port),
            ("http://a:0/", UrlError::Port),
            ("http://a:65536/", UrlError::Port),
            ("http://a:+80/", UrlError::Port),
            ("http://a:8 0/", UrlError::Character { at: 10 }),
            ("http://a\\@b/", UrlError::Character { at: 8 }),
            ("http://a/\r\nHost: b", UrlError::Character { at: 9 }),
            ("http://a/\0", UrlError::Character { at: 9 }),
            ("http://b\u{fc}cher/", UrlError::Character { at: 8 }),
        ];
        for (text, error) in cases {
            assert_eq!(Url::parse(text), Err(error), "{text:?}");
        }
        let long = |bytes| format!("http://a/{}", "x".repeat(bytes - "http://a/".len()));
        assert!(Url::parse(&long(URL_BYTES_MAX)).is_ok());
        let bytes = URL_BYTES_MAX + 1;
        assert_eq!(Url::parse(&long(bytes)), Err(UrlError::TooLong { bytes }));
    }

    /// WIRE H28.
    #[test]
    fn host_and_target_may_come_apart() {
        let shown = |host, target| Url::of_host(host, target).map(|url| url.to_string());
        assert_eq!(shown("a:8080", "/b?c"), Ok("http://a:8080/b?c".to_owned()));
        assert_eq!(shown("https://[::1]", "/"), Ok("https://[::1]/".to_owned()));
        assert_eq!(shown("http://a", ""), Ok("http://a/".to_owned()));
        assert_eq!(shown("tcp://a:1", "/"), Err(UrlError::Scheme));
        assert_eq!(shown("a/b", "/"), Err(UrlError::Host));
        assert_eq!(shown("a", "b"), Err(UrlError::Target));
    }

    /// WIRE H28; RFC 3986 section 5.4, as far as its base is an HTTP URL.
    #[test]
    fn references_are_read_on_their_base() {
        let base = Url::parse("http://a/b/c/d;p?q").unwrap();
        for (reference, expected) in [
            ("http://g/h", "http://g/h"),
            ("https://g", "https://g/"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("/x:y", "http://a/x:y"),
        ] {
            let joined = base.join(reference).map(|url| url.to_string());
            assert_eq!(joined, Ok(expected.to_owned()), "{reference}");
        }
        assert_eq!(base.join("g:h"), Err(UrlError::Scheme));
        assert_eq!(base.join("//u@g/"), Err(UrlError::UserName));
        assert_eq!(base.join("/a b"), Err(UrlError::Character { at: 2 }));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_can_end_a_line(text: String, reference: String) {
            let base = Url::parse("http://a/b/c").unwrap();
            for url in [Url::parse(&text), Url::of_host(&text, &reference), base.join(&reference)] {
                let Ok(url) = url else { continue };
                let written = [url.target(), &url.authority(), &url.origin()].concat();
                prop_assert!(written.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(url.target().starts_with('/'));
            }
        }

        #[test]
        fn parsing_undoes_writing(text in "https?://[a-z0-9:.\\[\\]]{1,20}[/?#a-z.%]{0,20}") {
            if let Ok(url) = Url::parse(&text) {
                prop_assert_eq!(Url::parse(&url.to_string()), Ok(url.clone()));
                // Two slashes at the front of a reference begin a host (RFC 3986 section 4.2).
                if !url.target().starts_with("//") {
                    prop_assert_eq!(url.join(url.target()).map(|it| it.port()), Ok(url.port()));
                }
            }
        }

        #[test]
        fn a_reference_stays_at_its_host(path in "[./a]{0,20}") {
            let base = Url::parse("http://a/b/c").unwrap();
            if !path.starts_with("//") {
                let joined = base.join(&path).unwrap();
                prop_assert_eq!(joined.origin(), base.origin());
                prop_assert!(!joined.target().split('/').any(|it| it == ".." || it == "."));
            }
        }
    }
}
