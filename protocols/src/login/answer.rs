//! The result line: how a login ends (WIRE L8).
//!
//! A server writes six of them. A client also reads the codes of older servers, so that it reports
//! them instead of calling the server broken.

use crate::crypt::base64decode_canonical;
use crate::line;

/// Codes that come with the time after which another try has better chances (WIRE L17).
const TOO_OFTEN: u16 = 429;
const BUSY: u16 = 503;

const GRANTED: u16 = 200;

/// Room for every result line whose subid is a number.
const RESULT_BYTES: usize = 40;

/// How the application decided on a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginVerdict {
    /// The user is logged in: code 200.
    Granted {
        /// The name of this login, any bytes, possibly none.
        subid: Vec<u8>,
    },
    /// The token is not believed: code 401.
    Unauthorized,
    /// The token is believed, the login is not allowed: code 403.
    Forbidden,
    /// Another login of the same user is being decided: code 406.
    InProgress,
    /// This address or user logs in too often: code 429 (WIRE L17).
    TooOften {
        /// Milliseconds after which to try again.
        retry_after_ms: u32,
    },
    /// The server has too much to do: code 503 (WIRE L17).
    Busy {
        /// Milliseconds after which to try again.
        retry_after_ms: u32,
    },
}

impl LoginVerdict {
    /// The code that begins the result line.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Granted { .. } => GRANTED,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::InProgress => 406,
            Self::TooOften { .. } => TOO_OFTEN,
            Self::Busy { .. } => BUSY,
        }
    }

    /// The result line with its line feed. An empty subid leaves the blank in front of it.
    pub(super) fn into_line(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(RESULT_BYTES);
        match self {
            Self::TooOften { retry_after_ms } | Self::Busy { retry_after_ms } => {
                out.extend_from_slice(format!("{} ", self.code()).as_bytes());
                line::encode_base64(retry_after_ms.to_string().as_bytes(), &mut out);
            }
            Self::Granted { subid } => {
                out.extend_from_slice(b"200 ");
                line::encode_base64(&subid, &mut out);
            }
            Self::Unauthorized => line::encode(b"401 Unauthorized", &mut out),
            Self::Forbidden => line::encode(b"403 Forbidden", &mut out),
            Self::InProgress => line::encode(b"406 Not Acceptable", &mut out),
        }
        out
    }
}

/// A result line as a client reads it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Code 200.
    Granted { subid: Vec<u8> },
    /// Another code.
    Refused {
        code: u16,
        /// Milliseconds after which to try again, if the server said so.
        retry_after_ms: Option<u32>,
    },
}

/// Reads a result line without its line feed: three digits from 200 up, a blank, and for 200 the
/// base64 of the subid. No base64 value looks like one, since base64 holds no blank.
pub(super) fn parse(text: &[u8]) -> Option<Answer> {
    let (&[hundreds, tens, ones, b' '], rest) = text.split_first_chunk()? else { return None };
    let digits = [hundreds, tens, ones];
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    match digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')) {
        GRANTED => Some(Answer::Granted { subid: base64decode_canonical(rest).ok()? }),
        code @ 201.. => {
            let is_advised = matches!(code, TOO_OFTEN | BUSY);
            let retry_after_ms = is_advised.then(|| parse_milliseconds(rest)).flatten();
            Some(Answer::Refused { code, retry_after_ms })
        }
        _ => None,
    }
}

/// The base64 of a decimal number. Another server's text behind the same code is none.
fn parse_milliseconds(text: &[u8]) -> Option<u32> {
    let decoded = base64decode_canonical(text).ok()?;
    let is_plain = decoded.iter().all(u8::is_ascii_digit) && decoded.len() <= 10;
    std::str::from_utf8(&decoded).ok().filter(|_| is_plain)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WIRE L8.
    #[test]
    fn the_lines_are_those_of_the_reference() {
        let granted = LoginVerdict::Granted { subid: b"1".to_vec() };
        assert_eq!(granted.into_line(), b"200 MQ==\n");
        assert_eq!(LoginVerdict::Granted { subid: vec![] }.into_line(), b"200 \n");
        assert_eq!(LoginVerdict::Unauthorized.into_line(), b"401 Unauthorized\n");
        assert_eq!(LoginVerdict::Forbidden.into_line(), b"403 Forbidden\n");
        assert_eq!(LoginVerdict::InProgress.into_line(), b"406 Not Acceptable\n");
    }

    #[test]
    fn a_client_reads_what_a_server_writes() {
        let subid = vec![0, 10, 255];
        let written = LoginVerdict::Granted { subid: subid.clone() }.into_line();
        assert_eq!(parse(&written[..written.len() - 1]), Some(Answer::Granted { subid }));
        for verdict in [LoginVerdict::Unauthorized, LoginVerdict::Forbidden] {
            let code = verdict.code();
            let written = verdict.into_line();
            let read = parse(&written[..written.len() - 1]);
            assert_eq!(read, Some(Answer::Refused { code, retry_after_ms: None }));
        }
        let old = Answer::Refused { code: 400, retry_after_ms: None };
        assert_eq!(parse(b"400 Bad Request"), Some(old));
    }

    /// WIRE L17.
    #[test]
    fn some_refusals_say_when_to_try_again() {
        let busy = LoginVerdict::Busy { retry_after_ms: 1500 };
        assert_eq!(busy.into_line(), b"503 MTUwMA==\n");
        let often = LoginVerdict::TooOften { retry_after_ms: u32::MAX };
        let written = often.into_line();
        let read = parse(&written[..written.len() - 1]);
        assert_eq!(read, Some(Answer::Refused { code: 429, retry_after_ms: Some(u32::MAX) }));
        let none = |code| Some(Answer::Refused { code, retry_after_ms: None });
        assert_eq!(parse(b"503 Service Unavailable"), none(503));
        assert_eq!(parse(b"429 "), none(429));
        assert_eq!(parse(b"503 KzE="), none(503), "a sign");
        assert_eq!(parse(b"503 OTk5OTk5OTk5OQ=="), none(503), "more than 32 bits");
        assert_eq!(parse(b"403 MTUwMA=="), none(403), "not advised");
    }

    #[test]
    fn other_texts_are_no_result() {
        for text in ["", "200", "20 x", "2000 ", "200 !", "200 MQ", "100 x", "MTIzNDU2Nzg="] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
