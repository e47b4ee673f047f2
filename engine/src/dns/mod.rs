//! Names to addresses, without ever blocking a shard.
//!
//! A [`Resolver`] asks the servers of `resolv.conf`, or one of the application's choice, over
//! dialled streams: UDP first, TCP when an answer does not fit a datagram. Files are read once, when
//! the settings are made; the resolver looks at them no more.
//!
//! **The order of things** for one name: an address is its own answer; `localhost` and names below
//! it are this machine (RFC 6761, section 6.3); then the hosts file; then the cache; then the
//! servers, for the name and for what the search list makes of it. A and AAAA are asked side by
//! side, and whoever else asks for the name meanwhile waits for the same answer. When one of the two
//! has answered, the other gets a moment more and no longer (RFC 8305, section 3).
//!
//! **What is believed.** A question has a random id and a socket of its own, connected to the server,
//! with a port of the kernel's random choice. An answer must come from there, carry that id and
//! repeat the question; anything else is thrown away and the wait goes on. Answers are cached for as
//! long as they say, within bounds; so is it that there is no such name (RFC 2308).
//!
//! Not supported: DNSSEC, mDNS, internationalised names (give their ASCII form), `nsswitch.conf`,
//! `sortlist`, and reading the files again when they change: make a new resolver.

mod cache;
mod error;
mod exchange;
mod flight;
mod hosts;
mod message;
mod name;
mod order;
mod resolver;
mod settings;
#[cfg(test)]
mod tests;
mod wait;

pub use error::DnsError;
pub use hosts::Hosts;
pub use resolver::Resolver;
pub use settings::ResolverSettings;
