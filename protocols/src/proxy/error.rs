//! Why a header is refused.

use crate::blame::Blame;

/// Why bytes are no header of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// They begin like neither form (WIRE X2, X4).
    #[error("no header where one must be")]
    NoHeader,
    /// A line that does not end in the bytes that it may have (WIRE X8).
    #[error("a line of more than {bytes_max} bytes")]
    LineTooLong {
        /// Bytes that it may have, its end included.
        bytes_max: usize,
    },
    /// A line whose words are not those of the protocol (WIRE X2).
    #[error("a line with other words than a family, two addresses and two ports")]
    BadLine,
    /// A version other than 2 in the binary form (WIRE X4).
    #[error("version {version} of the binary form")]
    Version {
        /// The version that it names.
        version: u8,
    },
    /// A command other than LOCAL and PROXY (WIRE X4).
    #[error("command {command}")]
    Command {
        /// The command's number.
        command: u8,
    },
    /// A transport that skyring does not take connections of (WIRE X6).
    #[error("family and transport {byte:#04x}")]
    Transport {
        /// Family and transport, half a byte each.
        byte: u8,
    },
    /// Fewer bytes than the addresses take (WIRE X6).
    #[error("{bytes} bytes for addresses")]
    TooShort {
        /// Bytes that the header announces.
        bytes: usize,
    },
    /// More bytes than a header may have (WIRE X8).
    #[error("a header of {bytes} bytes")]
    TooLong {
        /// Bytes that it would have.
        bytes: usize,
    },
    /// An addition that the header's end cuts off, or a checksum of another length or the second one
    /// (WIRE X7).
    #[error("additions that cannot be read")]
    BadAddition,
    /// A checksum that is not that of the header (WIRE X7).
    #[error("a wrong checksum")]
    Checksum,
}

impl ProxyError {
    /// The peer, or a limit that it passed.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::LineTooLong { .. } | Self::TooLong { .. } => Blame::Limit,
            Self::NoHeader
            | Self::BadLine
            | Self::Version { .. }
            | Self::Command { .. }
            | Self::Transport { .. }
            | Self::TooShort { .. }
            | Self::BadAddition
            | Self::Checksum => Blame::Peer,
        }
    }
}
