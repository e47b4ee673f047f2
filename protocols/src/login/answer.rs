//! The result line: how a login ends (WIRE L8).
//!
//! A server writes four of them. A client also reads the codes of older servers, so that it reports
//! them instead of calling the server broken.

use crate::crypt::base64decode_canonical;
use crate::line;

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
        }
    }

    /// The result line with its line feed. An empty subid leaves the blank in front of it.
    pub(super) fn into_line(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(RESULT_BYTES);
        match self {
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
    Refused(u16),
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
        code @ 201.. => Some(Answer::Refused(code)),
        _ => None,
    }
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
            assert_eq!(read, Some(Answer::Refused(code)));
        }
        assert_eq!(parse(b"400 Bad Request"), Some(Answer::Refused(400)));
    }

    #[test]
    fn other_texts_are_no_result() {
        for text in ["", "200", "20 x", "2000 ", "200 !", "200 MQ", "100 x", "MTIzNDU2Nzg="] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
