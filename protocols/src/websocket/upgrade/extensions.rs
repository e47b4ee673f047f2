//! The header `Sec-WebSocket-Extensions` (RFC 6455 section 9.1; WIRE W26).
//!
//! A list of extensions, each a token and parameters; a parameter is a token and possibly a value,
//! which is a token, bare or in quotes. Lines are parts of one list. Blanks may stand around every
//! separator, and elements of a list may be empty, but not all of them.

use std::borrow::Cow;

use crate::http1::is_token;

/// An extension as it was offered or answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::websocket) struct Extension<'h> {
    name: &'h str,
    parameters: Vec<(&'h str, Option<Cow<'h, str>>)>,
}

impl Extension<'_> {
    pub(in crate::websocket) fn name(&self) -> &str {
        self.name
    }

    /// Names with their values, in order; values without their quotes.
    pub(in crate::websocket) fn parameters(
        &self,
    ) -> impl Iterator<Item = (&str, &Option<Cow<'_, str>>)> {
        self.parameters.iter().map(|(name, value)| (*name, value))
    }
}

/// The extensions in these lines; none if they are not of the form. No line at all is a list of
/// none.
pub(in crate::websocket) fn parse<'h>(
    lines: impl Iterator<Item = &'h [u8]>,
) -> Option<Vec<Extension<'h>>> {
    let mut extensions = Vec::new();
    let mut is_there = false;
    for line in lines {
        is_there = true;
        parse_line(line, &mut extensions)?;
    }
    (!is_there || !extensions.is_empty()).then_some(extensions)
}

fn parse_line<'h>(line: &'h [u8], extensions: &mut Vec<Extension<'h>>) -> Option<()> {
    let mut text = Text(line);
    loop {
        text.skip_blanks();
        if !text.take(b',') {
            if text.0.is_empty() {
                return Some(());
            }
            extensions.push(parse_extension(&mut text)?);
            if !text.take(b',') && !text.0.is_empty() {
                return None;
            }
        }
    }
}

fn parse_extension<'h>(text: &mut Text<'h>) -> Option<Extension<'h>> {
    let mut extension = Extension { name: text.token()?, parameters: Vec::new() };
    text.skip_blanks();
    while text.take(b';') {
        text.skip_blanks();
        let name = text.token()?;
        text.skip_blanks();
        let mut value = None;
        if text.take(b'=') {
            text.skip_blanks();
            value = Some(text.value()?);
            text.skip_blanks();
        }
        extension.parameters.push((name, value));
    }
    Some(extension)
}

/// What is not read yet.
struct Text<'h>(&'h [u8]);

impl<'h> Text<'h> {
    fn skip_blanks(&mut self) {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let end = self.0.iter().position(|byte| !is_blank(byte)).unwrap_or(self.0.len());
        self.0 = &self.0[end..];
    }

    /// Passes over this byte, if it is the next one.
    fn take(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn token(&mut self) -> Option<&'h str> {
        let end = self.0.iter().position(|&byte| !is_token(&[byte])).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        str::from_utf8(token).ok().filter(|token| !token.is_empty())
    }

    fn value(&mut self) -> Option<Cow<'h, str>> {
        if self.take(b'"') {
            self.quoted().map(Cow::Owned)
        } else {
            self.token().map(Cow::Borrowed)
        }
    }

    /// What stands in quotes, whose first one has been passed. It must be a token all the same.
    fn quoted(&mut self) -> Option<String> {
        let mut token = String::new();
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let byte = match byte {
                b'"' => return Some(token).filter(|token| !token.is_empty()),
                b'\\' => {
                    let (&escaped, rest) = self.0.split_first()?;
                    self.0 = rest;
                    escaped
                }
                byte => byte,
            };
            if !is_token(&[byte]) {
                return None;
            }
            token.push(char::from(byte));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is in a header of these lines, written back without blanks and quotes.
    fn read(lines: &[&str]) -> Option<String> {
        let extensions = parse(lines.iter().map(|line| line.as_bytes()))?;
        let text = |extension: &Extension<'_>| {
            let mut text = extension.name().to_owned();
            for (name, value) in extension.parameters() {
                text.push_str(&format!(";{name}"));
                text.extend(value.iter().flat_map(|value| ["=", value]));
            }
            text
        };
        Some(extensions.iter().map(text).collect::<Vec<_>>().join(","))
    }

    /// WIRE W26.
    #[test]
    fn what_is_of_the_form_is_read() {
        for (lines, wanted) in [
            (&[][..], ""),
            (&["a"], "a"),
            (&["a,b"], "a,b"),
            (&["a", "b;c"], "a,b;c"),
            (&[" a\t, b "], "a,b"),
            (&[",a,,b,"], "a,b"),
            (&["", "a"], "a"),
            (&["a;b"], "a;b"),
            (&["a;b;c=d"], "a;b;c=d"),
            (&["a ; b = c ; d"], "a;b=c;d"),
            (&["a;b=\"c\""], "a;b=c"),
            (&["a;b=\"\\c\\d\""], "a;b=cd"),
            (&["a;b = \"c\" , d"], "a;b=c,d"),
            (&["a;b;b"], "a;b;b"),
            (&["a;a,a;a"], "a;a,a;a"),
            (&["!#$%&'*+-.^_`|~0Az"], "!#$%&'*+-.^_`|~0Az"),
            (
                &["permessage-deflate; client_max_window_bits"],
                "permessage-deflate;client_max_window_bits",
            ),
        ] {
            assert_eq!(read(lines).as_deref(), Some(wanted), "{lines:?}");
        }
    }

    /// WIRE W26.
    #[test]
    fn what_is_not_of_the_form_is_refused() {
        for line in [
            "",
            " ",
            ",",
            " , ,",
            ";",
            ";a",
            "a;",
            "a;;b",
            "a; ;b",
            "a;,b",
            "a b",
            "a;b c",
            "a=b",
            "a;b=",
            "a;b= ,c",
            "a;=c",
            "a;b==c",
            "a;b=c=d",
            "a;b=\"c",
            "a;b=\"c\\",
            "a;b=\"\"",
            "a;b=\"c d\"",
            "a;b=\"c,d\"",
            "a;b=\"\\\"\"",
            "a;b=\"c\"d",
            "a;b=c\"d\"",
            "\"a\"",
            "a/b",
            "a;b=(c)",
            "a;b=\u{e9}",
            "\u{e9}",
            "a\0",
            "a;b=\"c\0\"",
            "a:b",
            "a;b:c",
        ] {
            assert_eq!(read(&[line]), None, "{line:?}");
        }
    }

    proptest! {
        /// WIRE W26.
        #[test]
        fn reading_undoes_writing(text in "([a-c,;=\" \\\\]|permessage-deflate){0,30}") {
            if let Some(once) = read(&[&text]) {
                let again = if once.is_empty() { read(&[]) } else { read(&[&once]) };
                prop_assert_eq!(again, Some(once));
            }
        }

        #[test]
        fn anything_is_read_or_refused(line: Vec<u8>) {
            let _ = parse([&line[..]].into_iter());
        }
    }
}
