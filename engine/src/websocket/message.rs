//! Messages of WebSockets.

use std::fmt;

use bytes::Bytes;
use skyring_protocols::websocket::Kind;

/// A message. Cheap to clone: one may be sent to many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(Text),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    /// What a machine has read.
    pub(crate) fn new(kind: Kind, data: Bytes) -> Message {
        match kind {
            Kind::Text => Message::Text(Text(data)),
            Kind::Binary => Message::Binary(data),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Message::Text(_) => Kind::Text,
            Message::Binary(_) => Kind::Binary,
        }
    }

    /// The content, whatever its kind.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }
}

impl From<Text> for Message {
    fn from(text: Text) -> Message {
        Message::Text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::Text(text.into())
    }
}

impl From<&'static str> for Message {
    fn from(text: &'static str) -> Message {
        Message::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Message {
        Message::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Message {
        Message::Binary(bytes.into())
    }
}

/// Bytes that are valid UTF-8. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(Bytes);

impl Text {
    /// Bytes that a machine has found to be text.
    pub(crate) fn checked_before(bytes: Bytes) -> Text {
        debug_assert!(std::str::from_utf8(&bytes).is_ok(), "the machine checks");
        Text(bytes)
    }

    /// The text. It is looked through for this, at the speed of reading it, so one that is only passed
    /// on is better left as it is.
    ///
    /// # Panics
    /// Never: a `Text` is made of valid UTF-8 only.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a text is made of valid UTF-8 only")
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, without copying them.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(text.into())
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Text {
        Text(Bytes::from_static(text.as_bytes()))
    }
}

impl TryFrom<Bytes> for Text {
    type Error = std::str::Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Text, Self::Error> {
        std::str::from_utf8(&bytes)?;
        Ok(Text(bytes))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_valid_utf_8() {
        assert_eq!(Text::try_from(Bytes::from("grün")).map(|text| text.as_str().len()), Ok(5));
        assert!(Text::try_from(Bytes::from_static(b"\xff")).is_err());
        assert_eq!(Text::default().as_str(), "");
    }

    #[test]
    fn a_message_is_what_it_is_made_of() {
        assert_eq!(Message::from("a").kind(), Kind::Text);
        assert_eq!(Message::from(String::from("a")), Message::new(Kind::Text, "a".into()));
        assert_eq!(Message::from(vec![1]), Message::from(Bytes::from(vec![1])));
        assert_eq!(Message::from(vec![1]).as_bytes(), [1]);
    }
}
