//! What the sender of a payload is told when nothing was done (WIRE P7).

use bytes::Bytes;
use thiserror::Error;

use super::ProtocolId;
use super::error::DispatchError;
use super::payload;

/// Bytes of the text of a refusal, at most.
pub const TEXT_BYTES_MAX: usize = 255;

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The payload was empty.
    Empty,
    /// The receiver does not know the protocol.
    Unknown,
    /// The content is none of the protocol's.
    Content,
    /// The message was understood, and whoever had to do it failed.
    Failed,
}

impl Why {
    const ALL: [Why; 4] = [Why::Empty, Why::Unknown, Why::Content, Why::Failed];
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub why: Why,
    /// The protocol of what is refused; 0 where there was none.
    pub protocol: ProtocolId,
    /// The same for people.
    pub text: String,
}

/// A payload that should be a refusal is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a refusal")]
pub struct NoRefusal;

impl Refusal {
    /// That whoever had to do what a message of this protocol asks has failed.
    #[must_use]
    pub fn failed(protocol: ProtocolId, text: impl Into<String>) -> Self {
        Self { why: Why::Failed, protocol, text: text.into() }
    }

    /// The payload that says so. Of the text, the first [`TEXT_BYTES_MAX`] bytes in whole characters.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        let why = Why::ALL.iter().position(|it| *it == self.why).expect("they are all there");
        let text = &self.text[..self.text.floor_char_boundary(TEXT_BYTES_MAX)];
        let mut content = vec![why as u8, self.protocol.0];
        content.extend_from_slice(text.as_bytes());
        let mut out = Vec::new();
        payload::encode_content(ProtocolId::REFUSAL, &content, &mut out);
        out.into()
    }

    /// Reads the content of a payload whose protocol is [`ProtocolId::REFUSAL`].
    ///
    /// # Errors
    /// It is shorter than two bytes or longer than it may be, its reason is none, or its text is not
    /// UTF-8.
    pub fn decode(content: &[u8]) -> Result<Self, NoRefusal> {
        let Some(([why, protocol], text)) = content.split_first_chunk() else {
            return Err(NoRefusal);
        };
        let why = *Why::ALL.get(usize::from(*why)).ok_or(NoRefusal)?;
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= TEXT_BYTES_MAX);
        let text = text.ok_or(NoRefusal)?.to_owned();
        Ok(Self { why, protocol: ProtocolId(*protocol), text })
    }
}

impl From<&DispatchError> for Refusal {
    fn from(error: &DispatchError) -> Self {
        let (why, protocol) = match error {
            DispatchError::Empty => (Why::Empty, ProtocolId(0)),
            DispatchError::Unknown { id } => (Why::Unknown, *id),
            DispatchError::Unpack { id, .. } => (Why::Content, *id),
        };
        Self { why, protocol, text: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// WIRE P7.
    #[test]
    fn a_refusal_says_why() {
        let unknown = DispatchError::Unknown { id: ProtocolId(99) };
        let refusal = Refusal::from(&unknown);
        assert_eq!(refusal.payload(), &b"\x04\x01\x63protocol 99 is unknown"[..]);
        let empty = Refusal::from(&DispatchError::Empty);
        assert_eq!(empty.payload(), &b"\x04\x00\x00an empty payload"[..]);
        let failed = Refusal::failed(ProtocolId::JSON, "no room");
        assert_eq!(failed.payload(), &b"\x04\x03\x02no room"[..]);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let refusal = Refusal::failed(ProtocolId::RAW, "ü".repeat(200));
        let payload = refusal.payload();
        assert_eq!(payload.len(), 3 + TEXT_BYTES_MAX - 1);
        let read = Refusal::decode(&payload[1..]).unwrap();
        assert_eq!(read.text, "ü".repeat(127));
    }

    /// WIRE P7.
    #[test]
    fn what_is_no_refusal_is_refused() {
        let long = [&[0, 0][..], &[b'x'; TEXT_BYTES_MAX + 1]].concat();
        let wrongs: [&[u8]; 5] = [b"", b"\x00", b"\x04\x00late", b"\x00\x00\xff", &long];
        for wrong in wrongs {
            assert_eq!(Refusal::decode(wrong), Err(NoRefusal), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(content: Vec<u8>) {
            if let Ok(refusal) = Refusal::decode(&content) {
                prop_assert_eq!(&refusal.payload()[1..], &content[..]);
            }
        }
    }
}
