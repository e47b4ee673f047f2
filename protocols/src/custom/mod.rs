//! Application protocols: what the content of a message between services, or of a client's payload,
//! means to the application.
//!
//! Skynet's `register_protocol` gives each a name, a number and a pair of functions. The number
//! travels with the content and says how it is to be read.

use std::fmt;

/// The number of an application protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolId(pub u8);

impl ProtocolId {
    /// Bytes that only the application understands.
    pub const RAW: ProtocolId = ProtocolId(0);
    /// MessagePack.
    pub const MSGPACK: ProtocolId = ProtocolId(1);
    /// JSON.
    pub const JSON: ProtocolId = ProtocolId(2);
    /// sproto.
    pub const SPROTO: ProtocolId = ProtocolId(3);
    /// The first number that is free for applications; those below are the engine's.
    pub const FIRST_FREE: ProtocolId = ProtocolId(16);
}

impl fmt::Display for ProtocolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "protocol {}", self.0)
    }
}
