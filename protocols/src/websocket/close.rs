//! Why a connection is closed: codes and the payload of close frames (WIRE W11).
//!
//! Source: RFC 6455 sections 5.5.1 and 7.4, and the registry of codes it began.

use super::error::ReadError;

/// The longest reason in bytes: what a control frame holds beside the code.
pub const REASON_BYTES_MAX: usize = 123;

/// A code that may be in a close frame: 1000 to 1003, 1007 to 1014, 3000 to 4999.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server goes down, or the page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// Text or binary, whichever is not expected.
    pub const UNSUPPORTED: Self = Self(1003);
    /// A payload that is not what its frame says, as text that is no UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// Something that is not allowed here, and no other code says what.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message too long to be read.
    pub const TOO_BIG: Self = Self(1009);
    /// The client misses an extension in the server's answer.
    pub const EXTENSION_MISSING: Self = Self(1010);
    /// Something went wrong that is not the peer's fault.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The server restarts.
    pub const RESTART: Self = Self(1012);
    /// The server is overloaded.
    pub const TRY_AGAIN: Self = Self(1013);

    /// The code of this number; none where no close frame may hold it.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match number {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(number)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What the number stands for; none for those of applications and libraries, from 3000 up.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1007 => "invalid payload",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "extension missing",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            _ => return None,
        })
    }
}

/// The number, and its name if it has one.
impl std::fmt::Debug for CloseCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

/// The number, and its name if it has one.
impl std::fmt::Display for CloseCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(formatter, "{} ({name})", self.0),
            None => write!(formatter, "{}", self.0),
        }
    }
}

/// Code and reason of a close frame's payload (WIRE W11). An empty one has neither.
///
/// # Errors
/// One byte, a code that no close frame may hold, or a reason that is no UTF-8.
pub fn decode(payload: &[u8]) -> Result<(Option<CloseCode>, &str), ReadError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok((None, "")) } else { Err(ReadError::CloseCut) };
    };
    let number = u16::from_be_bytes(*code);
    let code = CloseCode::new(number).ok_or(ReadError::CloseCode(number))?;
    let reason = std::str::from_utf8(reason).map_err(|_| ReadError::CloseReason)?;
    Ok((Some(code), reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WIRE W11.
    #[test]
    fn the_codes_that_may_be_sent() {
        let valid: Vec<u16> = (0..=u16::MAX).filter(|&it| CloseCode::new(it).is_some()).collect();
        let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(valid, expected);
    }

    #[test]
    fn codes_are_shown_with_their_names() {
        assert_eq!(CloseCode::NORMAL.to_string(), "1000 (normal closure)");
        assert_eq!(CloseCode::new(4000).map(|it| it.to_string()).as_deref(), Some("4000"));
        for number in 1000..1015 {
            assert!(CloseCode::new(number).is_none_or(|code| code.name().is_some()));
        }
    }

    /// WIRE W11.
    #[test]
    fn payloads_are_taken_apart() {
        assert_eq!(decode(b""), Ok((None, "")));
        assert_eq!(decode(&[3, 232]), Ok((Some(CloseCode::NORMAL), "")));
        assert_eq!(decode(b"\x03\xe9bye"), Ok((Some(CloseCode::GOING_AWAY), "bye")));
        assert_eq!(decode(&[3]), Err(ReadError::CloseCut));
        assert_eq!(decode(&[3, 237]), Err(ReadError::CloseCode(1005)));
        assert_eq!(decode(&[3, 232, 0xff]), Err(ReadError::CloseReason));
    }
}
