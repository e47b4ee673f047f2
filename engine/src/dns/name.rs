//! Host names as they are looked up: lower case, without the last dot (RFC 1035, section 2.3).
//!
//! Letters, digits, hyphens and underscores are taken; everything else must be encoded before. A
//! name that ends in a number is none: others would take it for an address.

use super::error::DnsError;

/// Bytes of a name, at most.
const NAME_BYTES_MAX: usize = 253;
/// Bytes of a label, at most.
const LABEL_BYTES_MAX: usize = 63;

/// A name to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostName {
    text: String,
    /// It ended with a dot: the search list does not apply.
    is_absolute: bool,
}

impl HostName {
    pub(super) fn parse(text: &str) -> Result<HostName, DnsError> {
        let (bare, is_absolute) = match text.strip_suffix('.') {
            Some(bare) => (bare, true),
            None => (text, false),
        };
        let is_label = |label: &str| {
            (1..=LABEL_BYTES_MAX).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let last = bare.rsplit('.').next().unwrap_or_default();
        let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
        if bare.len() > NAME_BYTES_MAX || !bare.split('.').all(is_label) || is_number {
            return Err(DnsError::BadName);
        }
        Ok(HostName { text: bare.to_ascii_lowercase(), is_absolute })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names this machine.
    pub(super) fn is_localhost(&self) -> bool {
        self.text == "localhost" || self.text.ends_with(".localhost")
    }

    /// The names to ask servers for, in order. One with at least `ndots` dots is tried as it is
    /// first, any other last.
    pub(super) fn candidates(&self, search: &[String], ndots: usize) -> Vec<String> {
        let own = || std::iter::once(self.text.clone());
        if self.is_absolute {
            return own().collect();
        }
        let searched = search.iter().map(|domain| format!("{}.{domain}", self.text));
        let searched = searched.filter(|name| name.len() <= NAME_BYTES_MAX);
        if self.text.matches('.').count() >= ndots {
            own().chain(searched).collect()
        } else {
            searched.chain(own()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(name: &str, ndots: usize) -> Vec<String> {
        let search = ["corp.example".to_owned(), "example".to_owned()];
        HostName::parse(name).unwrap().candidates(&search, ndots)
    }

    #[test]
    fn names_are_lower_case_and_bounded() {
        assert_eq!(HostName::parse("Game-1.Example.ORG.").unwrap().as_str(), "game-1.example.org");
        let label = "a".repeat(63);
        assert!(HostName::parse(&label).is_ok());
        let longest = [&*label, &*label, &*label, &label[..61]].join(".");
        assert!(HostName::parse(&longest).is_ok());
        for bad in ["", ".", "a..b", ".a", "a b", "a/b", "ä.example", "a\0", "a:80", "127.1", "1"]
        {
            assert_eq!(HostName::parse(bad), Err(DnsError::BadName), "{bad:?}");
        }
        assert_eq!(HostName::parse(&"a".repeat(64)), Err(DnsError::BadName));
        assert_eq!(HostName::parse(&format!("{longest}b")), Err(DnsError::BadName));
    }

    #[test]
    fn the_search_list_comes_before_short_names_and_after_long_ones() {
        assert_eq!(candidates("db", 1), ["db.corp.example", "db.example", "db"]);
        assert_eq!(candidates("db.eu", 1), ["db.eu", "db.eu.corp.example", "db.eu.example"]);
        assert_eq!(candidates("db.eu", 2), ["db.eu.corp.example", "db.eu.example", "db.eu"]);
        assert_eq!(candidates("db.", 1), ["db"]);
    }

    #[test]
    fn localhost_and_what_is_below_it() {
        let is_localhost = |name| HostName::parse(name).unwrap().is_localhost();
        assert!(
            is_localhost("localhost") && is_localhost("LocalHost.") && is_localhost("a.localhost")
        );
        assert!(!is_localhost("notlocalhost") && !is_localhost("localhost.example"));
    }
}
