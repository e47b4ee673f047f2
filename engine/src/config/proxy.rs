//! The `proxy_from` key of a listener: the proxies that are believed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::error::{ConfigError, ConfigFault};
use super::section::Section;

/// An address and all others that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// The text is no network: no address, a prefix that is longer than one, or bits behind the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no network, such as 10.0.0.0/8 or ::1/128, with zeros behind its prefix")]
pub struct NotANetwork;

impl Network {
    /// The network of the addresses whose first `prefix_bits` bits are those of `address`.
    ///
    /// # Errors
    /// The prefix is longer than the address, or a bit behind it is set: whoever wrote it may have
    /// meant more or fewer addresses than it holds.
    pub fn new(address: IpAddr, prefix_bits: u8) -> Result<Network, NotANetwork> {
        let rest = match address {
            IpAddr::V4(ip) if prefix_bits <= 32 => {
                u128::from(ip.to_bits().checked_shl(prefix_bits.into()).unwrap_or(0))
            }
            IpAddr::V6(ip) if prefix_bits <= 128 => {
                ip.to_bits().checked_shl(prefix_bits.into()).unwrap_or(0)
            }
            _ => return Err(NotANetwork),
        };
        if rest == 0 { Ok(Network { address, prefix_bits }) } else { Err(NotANetwork) }
    }

    /// Whether it holds so many addresses that it is hardly one of proxies alone: more than a /8, in
    /// IPv6 a /16.
    pub fn is_vast(&self) -> bool {
        self.prefix_bits < if self.address.is_ipv4() { 8 } else { 16 }
    }

    /// Whether an address is one of them. One of the other family never is, but an IPv4 address that
    /// is written as IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                differ.leading_zeros() >= u32::from(self.prefix_bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                differ.leading_zeros() >= u32::from(self.prefix_bits)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    /// Reads `address/prefix`, the prefix in plain decimal.
    fn from_str(text: &str) -> Result<Network, NotANetwork> {
        let (address, prefix) = text.split_once('/').ok_or(NotANetwork)?;
        let is_decimal = prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_bits = prefix.parse().ok().filter(|_| is_decimal).ok_or(NotANetwork)?;
        Network::new(address.parse().map_err(|_| NotANetwork)?, prefix_bits)
    }
}

/// Reads the key, if it is there.
pub(super) fn parse(section: &Section<'_>, networks: &mut Vec<Network>) -> Result<(), ConfigError> {
    let Some(texts) = section.optional::<Vec<String>>("proxy_from")? else { return Ok(()) };
    let read = texts.into_iter().enumerate().map(|(index, found)| {
        found.parse().map_err(|NotANetwork| {
            let expected =
                "a network with zeros behind its prefix, such as \"10.0.0.0/8\" or \"::1/128\"";
            let key = format!("{}[{index}]", section.key("proxy_from"));
            ConfigError::at(key, ConfigFault::WrongText { expected, found })
        })
    });
    *networks = read.collect::<Result<_, _>>()?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_what_begins_alike() {
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("192.0.2.128/25", "192.0.2.200"));
        assert!(!contains("192.0.2.128/25", "192.0.2.127"));
        assert!(contains("192.0.2.1/32", "192.0.2.1"));
        assert!(!contains("192.0.2.1/32", "192.0.2.0"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::"));
        assert!(contains("::1/128", "::1"));
        assert!(!contains("::1/128", "::"));
        assert!(contains("::/0", "2001:db8::1"));
    }

    #[test]
    fn families_do_not_mix_and_ipv4_stays_ipv4() {
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(!contains("::/0", "10.0.0.1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!contains("::/0", "::ffff:10.0.0.1"));
    }

    #[test]
    fn much_of_the_internet_is_vast() {
        let is_vast = |network: &str| network.parse::<Network>().unwrap().is_vast();
        assert!(is_vast("0.0.0.0/0") && is_vast("128.0.0.0/7"));
        assert!(is_vast("::/0") && is_vast("2000::/3"));
        assert!(!is_vast("10.0.0.0/8") && !is_vast("2001::/16"));
    }

    #[test]
    fn what_may_mean_something_else_is_no_network() {
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0.0/ 8",
            "10.0.0.1/8",
            "10/8",
            "2001:db8::1/64",
            "::/129",
            "::/256",
            "[::1]/128",
            "proxy.example/8",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text:?}");
        }
        let network = Network::new("::1".parse().unwrap(), 128).unwrap();
        assert_eq!(network.to_string().parse(), Ok(network));
    }
}
