//! How long a body is: one decision for requests and responses (WIRE H10 to H14).
//!
//! While a head is read, [`Fields`] takes note of the few headers that mean something to the
//! connection. When all have been seen, [`body_length`] decides. Nothing else in this crate looks
//! at a length or a coding.

use super::error::ReadError;
use super::head::Version;

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// There is none.
    None,
    /// After this many bytes, at least one.
    Known(u64),
    /// Where its last chunk says so.
    Chunked,
    /// Where the connection ends (responses only).
    UntilClose,
}

/// Which message a head belongs to, as far as that matters to its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Request,
    /// A response with this status, to a HEAD or to another request.
    Response {
        status: u16,
        to_head: bool,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coding {
    #[default]
    Absent,
    Chunked,
    Unknown,
}

/// What the headers of one head say about the connection and the body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields {
    pub(super) content_length: Option<u64>,
    coding: Coding,
    /// Options of `Connection`.
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade_option: bool,
    upgrade: bool,
    /// `Expect: 100-continue`.
    pub(super) expects_continue: bool,
    /// An expectation that is not known.
    pub(super) expects_other: bool,
    /// Which header line is the first Host.
    pub(super) host: Option<u16>,
    pub(super) host_repeated: bool,
}

impl Fields {
    /// Takes note of the header line with this index, if it is one that matters.
    pub(super) fn note(
        &mut self,
        index: usize,
        name: &[u8],
        value: &[u8],
    ) -> Result<(), ReadError> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                self.host_repeated = self.host.is_some();
                self.host = self.host.or(Some(index as u16));
            }
            6 if name.eq_ignore_ascii_case(b"expect") => {
                let known = value.eq_ignore_ascii_case(b"100-continue");
                self.expects_continue |= known;
                self.expects_other |= !known;
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
            10 if name.eq_ignore_ascii_case(b"connection") => self.note_connection(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.note_length(value)?,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.note_coding(value)?,
            _ => {}
        }
        Ok(())
    }

    pub(super) fn note_connection(&mut self, value: &[u8]) {
        for option in elements(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade_option |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    /// Digits only; repeats, in one line or several, must agree (WIRE H11).
    fn note_length(&mut self, value: &[u8]) -> Result<(), ReadError> {
        for text in elements(value) {
            let length = decimal(text).ok_or(ReadError::ContentLength)?;
            if self.content_length.is_some_and(|other| other != length) {
                return Err(ReadError::ContentLengthsDiffer);
            }
            self.content_length = Some(length);
        }
        Ok(())
    }

    /// `chunked`, once and alone; anything else is unknown or malformed (WIRE H12).
    fn note_coding(&mut self, value: &[u8]) -> Result<(), ReadError> {
        for coding in elements(value) {
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.coding = match self.coding {
                _ if coding.is_empty() => return Err(ReadError::TransferEncoding),
                Coding::Chunked => return Err(ReadError::TransferEncoding),
                Coding::Absent if is_chunked => Coding::Chunked,
                Coding::Absent | Coding::Unknown => Coding::Unknown,
            };
        }
        Ok(())
    }

    /// Whether the connection may be used again after this message (WIRE H15).
    pub(super) fn allows_reuse(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }

    /// Whether the request asks for another protocol (WIRE H17).
    pub(super) fn asks_to_switch(&self, version: Version) -> bool {
        self.upgrade && self.upgrade_option && version == Version::Http11
    }
}

/// Where the body of a message ends (WIRE H10).
pub(super) fn body_length(
    message: Message,
    version: Version,
    fields: &Fields,
) -> Result<BodyLength, ReadError> {
    let is_bodiless = match message {
        Message::Request => false,
        Message::Response { status, to_head } => to_head || !has_content(status),
    };
    match fields.coding {
        Coding::Unknown if !is_bodiless => return Err(ReadError::UnknownCoding),
        Coding::Unknown | Coding::Chunked if fields.content_length.is_some() => {
            return Err(ReadError::TwoLengths);
        }
        Coding::Unknown | Coding::Chunked if version == Version::Http10 => {
            return Err(ReadError::CodingInHttp10);
        }
        _ => {}
    }
    match (fields.coding, fields.content_length) {
        _ if is_bodiless => Ok(BodyLength::None),
        (Coding::Unknown, _) => Err(ReadError::UnknownCoding),
        (Coding::Chunked, _) => Ok(BodyLength::Chunked),
        (Coding::Absent, Some(0)) => Ok(BodyLength::None),
        (Coding::Absent, Some(length)) => Ok(BodyLength::Known(length)),
        (Coding::Absent, None) if message == Message::Request => Ok(BodyLength::None),
        (Coding::Absent, None) => Ok(BodyLength::UntilClose),
    }
}

/// Whether a response with this status may have a body when it answers no HEAD (WIRE H13).
pub(super) fn has_content(status: u16) -> bool {
    status >= 200 && status != 204 && status != 304
}

/// The elements of a list, empty ones too, without the blanks around them.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    value.split(|&byte| byte == b',').map(move |element| {
        let start = element.iter().position(|byte| !is_blank(byte)).unwrap_or(element.len());
        let end = element.iter().rposition(|byte| !is_blank(byte)).map_or(start, |end| end + 1);
        &element[start..end]
    })
}

/// Decimal digits and nothing else. What does not fit counts as the largest number: no limit is as
/// high, so it is too long and not malformed.
fn decimal(text: &[u8]) -> Option<u64> {
    let digit = |number: u64, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    };
    if text.is_empty() { None } else { text.iter().try_fold(0, digit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Message = Message::Request;
    const OK: Message = Message::Response { status: 200, to_head: false };

    fn decide(
        message: Message,
        version: Version,
        lines: &[(&str, &str)],
    ) -> Result<BodyLength, ReadError> {
        let mut fields = Fields::default();
        for (index, (name, value)) in lines.iter().enumerate() {
            fields.note(index, name.as_bytes(), value.as_bytes())?;
        }
        body_length(message, version, &fields)
    }

    fn both(lines: &[(&str, &str)]) -> Result<BodyLength, ReadError> {
        let request = decide(GET, Version::Http11, lines);
        assert_eq!(decide(OK, Version::Http11, lines), request);
        request
    }

    /// WIRE H10.
    #[test]
    fn without_length_a_request_has_no_body_and_a_response_lasts_until_the_close() {
        for version in [Version::Http10, Version::Http11] {
            assert_eq!(decide(GET, version, &[]), Ok(BodyLength::None));
            assert_eq!(decide(OK, version, &[]), Ok(BodyLength::UntilClose));
        }
    }

    /// WIRE H11.
    #[test]
    fn lengths_are_digits_and_repeats_agree() {
        let length = |text| both(&[("Content-LENGTH", text)]);
        for (text, expected) in [("5", 5), ("007", 7), ("5, 5", 5), ("5,05\t,5", 5)] {
            assert_eq!(length(text), Ok(BodyLength::Known(expected)), "{text}");
        }
        assert_eq!(length("0"), Ok(BodyLength::None));
        assert_eq!(length("99999999999999999999"), Ok(BodyLength::Known(u64::MAX)));
        for text in ["", " ", "+5", "-5", "0x5", "1e1", "5.0", "5 5", "5,", ",5", "5,,5", "5;5"] {
            assert_eq!(length(text), Err(ReadError::ContentLength), "{text:?}");
        }
        assert_eq!(length("5, 6"), Err(ReadError::ContentLengthsDiffer));
        let twice = |first, second| both(&[("Content-Length", first), ("content-length", second)]);
        assert_eq!(twice("5", "5"), Ok(BodyLength::Known(5)));
        assert_eq!(twice("5", "6"), Err(ReadError::ContentLengthsDiffer));
    }

    /// WIRE H12.
    #[test]
    fn chunked_stands_once_and_alone() {
        let coding = |text| both(&[("Transfer-Encoding", text)]);
        assert_eq!(coding("chunked"), Ok(BodyLength::Chunked));
        assert_eq!(coding("Chunked"), Ok(BodyLength::Chunked));
        for text in ["gzip", "identity", "gzip, chunked", "chunked;q=1", "xchunked", "\"chunked\""]
        {
            assert_eq!(coding(text), Err(ReadError::UnknownCoding), "{text}");
        }
        for text in ["", "chunked, chunked", "chunked, gzip", ",chunked", "chunked,"] {
            assert_eq!(coding(text), Err(ReadError::TransferEncoding), "{text:?}");
        }
        let name = "transfer-encoding";
        let twice = both(&[(name, "chunked"), (name, "chunked")]);
        assert_eq!(twice, Err(ReadError::TransferEncoding));
    }

    /// WIRE H12.
    #[test]
    fn a_coding_beside_a_length_or_in_http_1_0_is_refused() {
        let lines = [("transfer-encoding", "chunked"), ("content-length", "0")];
        assert_eq!(both(&lines), Err(ReadError::TwoLengths));
        let lines = [lines[1], ("transfer-encoding", "identity")];
        assert_eq!(both(&lines), Err(ReadError::UnknownCoding));
        for message in [GET, OK] {
            let chunked = [("transfer-encoding", "chunked")];
            let error = Err(ReadError::CodingInHttp10);
            assert_eq!(decide(message, Version::Http10, &chunked), error);
        }
    }

    /// WIRE H13.
    #[test]
    fn some_responses_have_no_body_whatever_they_say() {
        let lines = [[("content-length", "5")], [("transfer-encoding", "chunked")]];
        for status in [100, 103, 199, 204, 304] {
            for to_head in [false, true] {
                let message = Message::Response { status, to_head };
                for lines in &lines {
                    assert_eq!(decide(message, Version::Http11, lines), Ok(BodyLength::None));
                }
            }
        }
        let head = Message::Response { status: 200, to_head: true };
        assert_eq!(decide(head, Version::Http11, &lines[0]), Ok(BodyLength::None));
        assert_eq!(decide(OK, Version::Http11, &lines[0]), Ok(BodyLength::Known(5)));
    }

    /// WIRE H15, H17.
    #[test]
    fn connection_is_a_list_of_options() {
        let fields = |lines: &[(&str, &str)]| {
            let mut fields = Fields::default();
            for (name, value) in lines {
                fields.note(0, name.as_bytes(), value.as_bytes()).unwrap();
            }
            fields
        };
        let reuse = |value, version| fields(&[("Connection", value)]).allows_reuse(version);
        assert!(reuse("", Version::Http11) && !reuse("", Version::Http10));
        assert!(reuse("Keep-Alive", Version::Http10));
        assert!(!reuse("keep-alive, Close", Version::Http10));
        assert!(!reuse("foo ,\tclose", Version::Http11));
        assert!(reuse("closed", Version::Http11));
        let both = fields(&[("Upgrade", "websocket"), ("Connection", "keep-alive, Upgrade")]);
        assert!(both.asks_to_switch(Version::Http11) && !both.asks_to_switch(Version::Http10));
        assert!(!fields(&[("Upgrade", "websocket")]).asks_to_switch(Version::Http11));
        assert!(!fields(&[("Connection", "upgrade")]).asks_to_switch(Version::Http11));
    }
}
