//! What the crypt library refuses.

use crate::blame::Blame;

/// Why a function of the crypt library gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptError {
    /// The text is not base64 under the rule asked for (WIRE C5 or C6).
    #[error("the text is not base64")]
    Base64,
    /// The hexadecimal text has an odd length (WIRE C3).
    #[error("hexadecimal text of {bytes} bytes: the length must be even")]
    HexLength {
        /// Length of the text.
        bytes: usize,
    },
    /// The text holds something other than `0`-`9` and `a`-`f` (WIRE C3).
    #[error("byte {position} of the text is not a lower-case hexadecimal digit")]
    HexDigit {
        /// Index of the first wrong byte.
        position: usize,
    },
    /// The number names no padding mode (WIRE C7).
    #[error("there is no padding mode {mode}")]
    PaddingMode {
        /// The number given.
        mode: i64,
    },
    /// The cipher text is empty or does not end on a block boundary (WIRE C8).
    #[error("cipher text of {bytes} bytes: the length must be a positive multiple of 8")]
    DesLength {
        /// Length of the cipher text.
        bytes: usize,
    },
    /// The decrypted text does not end in the padding asked for (WIRE C8).
    #[error("the padding of the decrypted text is wrong")]
    DesPadding,
    /// A private key of zero (WIRE C9, C10).
    #[error("the private key is zero")]
    PrivateKeyZero,
    /// A public value of zero (WIRE C10).
    #[error("the public value is zero")]
    PublicValueZero,
    /// There is nothing to repeat (WIRE C16).
    #[error("the key to xor with is empty")]
    XorKeyEmpty,
}

impl CryptError {
    /// Who must change something: values that came over the wire blame the peer, keys and modes
    /// that the program chose blame the caller.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::Base64
            | Self::HexLength { .. }
            | Self::HexDigit { .. }
            | Self::DesLength { .. }
            | Self::DesPadding
            | Self::PublicValueZero => Blame::Peer,
            Self::PaddingMode { .. } | Self::PrivateKeyZero | Self::XorKeyEmpty => Blame::Caller,
        }
    }
}
