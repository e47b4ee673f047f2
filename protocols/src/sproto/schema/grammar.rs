//! What stands in schema text, before anybody asks what the names in it mean (WIRE S1 to S3).

use super::error::{Flaw, SchemaError};
use super::scan::Scanner;
use super::{DECIMALS_MAX, NAME_BYTES_MAX, NESTING_MAX, TEXT_BYTES_MAX};

/// Everything that a text defines.
#[derive(Default)]
pub(super) struct Tree<'t> {
    /// All types, also those inside others and inside protocols.
    pub(super) types: Vec<TypeText<'t>>,
    pub(super) protocols: Vec<ProtocolText<'t>>,
}

/// A type with its full name.
pub(super) struct TypeText<'t> {
    pub(super) line: u32,
    pub(super) name: String,
    pub(super) fields: Vec<FieldText<'t>>,
}

/// A field.
pub(super) struct FieldText<'t> {
    pub(super) line: u32,
    pub(super) name: &'t str,
    pub(super) tag: u16,
    pub(super) is_array: bool,
    pub(super) type_name: &'t str,
    pub(super) index: Index<'t>,
}

/// What is in the parentheses behind a type.
#[derive(Clone, Copy)]
pub(super) enum Index<'t> {
    /// There are none.
    None,
    /// A name, or nothing.
    Name(&'t str),
    /// A number; none if it is too large.
    Decimals(Option<u8>),
}

/// A protocol.
pub(super) struct ProtocolText<'t> {
    pub(super) line: u32,
    pub(super) name: &'t str,
    pub(super) tag: u16,
    pub(super) request: Option<Side>,
    pub(super) response: Option<Side>,
}

/// Request or response: the full name of a type, or `nil`.
pub(super) struct Side {
    pub(super) line: u32,
    pub(super) type_name: String,
}

/// Reads a text to its end.
pub(super) fn parse(text: &[u8]) -> Result<Tree<'_>, SchemaError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SchemaError { line: 1, flaw: Flaw::TooLong });
    }
    let mut parser = Parser { scanner: Scanner::new(text), tree: Tree::default(), names_bytes: 0 };
    parser.items(|parser| match parser.scanner.peek() {
        Some(b'.') => parser.type_definition("", 1),
        _ => parser.protocol(),
    })?;
    if !parser.scanner.is_at_end() {
        return Err(parser.scanner.flaw(Flaw::Syntax));
    }
    Ok(parser.tree)
}

struct Parser<'t> {
    scanner: Scanner<'t>,
    tree: Tree<'t>,
    /// Bytes of the names of all types. Names that stand inside others are longer than they look.
    names_bytes: usize,
}

impl<'t> Parser<'t> {
    /// Items up to what begins none. There are blanks between them; only the last ones may touch.
    fn items(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), SchemaError>,
    ) -> Result<(), SchemaError> {
        self.scanner.blanks();
        let mut touch = false;
        while self
            .scanner
            .peek()
            .is_some_and(|it| it == b'.' || it == b'_' || it.is_ascii_alphabetic())
        {
            item(self)?;
            let are_apart = self.scanner.blanks();
            if touch && are_apart {
                break;
            }
            touch = !are_apart;
        }
        Ok(())
    }

    /// `.Name { … }`, inside a type of that name or of none.
    fn type_definition(&mut self, outside: &str, depth: usize) -> Result<(), SchemaError> {
        let line = self.scanner.line();
        self.scanner.need(b'.')?;
        let name = self.scanner.need_word()?;
        self.scanner.blanks();
        let name = if outside.is_empty() { name.to_owned() } else { self.join(outside, name)? };
        self.structure(name, line, depth)
    }

    /// `{ fields and types }`.
    fn structure(&mut self, name: String, line: u32, depth: usize) -> Result<(), SchemaError> {
        if depth > NESTING_MAX {
            return Err(self.scanner.flaw(Flaw::TooDeep));
        }
        self.names_bytes += name.len();
        if self.names_bytes > TEXT_BYTES_MAX {
            return Err(self.scanner.flaw(Flaw::TooLong));
        }
        self.scanner.need(b'{')?;
        let mut fields = Vec::new();
        self.items(|parser| match parser.scanner.peek() {
            Some(b'.') => parser.type_definition(&name, depth + 1),
            _ => parser.field().map(|field| fields.push(field)),
        })?;
        self.scanner.need(b'}')?;
        self.tree.types.push(TypeText { line, name, fields });
        Ok(())
    }

    /// `name tag : *Type(index)`.
    fn field(&mut self) -> Result<FieldText<'t>, SchemaError> {
        let name = self.scanner.need_word()?;
        self.scanner.need_blanks()?;
        let line = self.scanner.line();
        let tag = self.scanner.need_tag()?;
        self.scanner.blanks();
        self.scanner.need(b':')?;
        self.scanner.blanks();
        let is_array = self.scanner.take(b'*');
        let type_name = self.scanner.need_type_name()?;
        let index = self.index()?;
        Ok(FieldText { line, name, tag, is_array, type_name, index })
    }

    /// Parentheses with a name, a number or nothing, if there are any.
    fn index(&mut self) -> Result<Index<'t>, SchemaError> {
        if !self.scanner.take(b'(') {
            return Ok(Index::None);
        }
        self.scanner.blanks();
        let index = match self.scanner.peek() {
            Some(b'0'..=b'9') => {
                let decimals = self.scanner.number(u16::from(DECIMALS_MAX))?;
                Index::Decimals(decimals.and_then(|it| u8::try_from(it).ok()))
            }
            _ => Index::Name(self.scanner.word()?),
        };
        self.scanner.blanks();
        self.scanner.need(b')')?;
        Ok(index)
    }

    /// `name tag { request … response … }`.
    fn protocol(&mut self) -> Result<(), SchemaError> {
        let line = self.scanner.line();
        let name = self.scanner.need_word()?;
        self.scanner.need_blanks()?;
        let tag = self.scanner.need_tag()?;
        self.scanner.blanks();
        self.scanner.need(b'{')?;
        let (mut request, mut response) = (None, None);
        self.items(|parser| {
            let word = parser.scanner.word()?;
            let side = match word {
                "request" => &mut request,
                "response" => &mut response,
                _ => return Err(parser.scanner.flaw(Flaw::Syntax)),
            };
            if side.is_some() {
                return Err(parser.scanner.flaw(Flaw::SideRepeated));
            }
            *side = Some(parser.side(name, word)?);
            Ok(())
        })?;
        self.scanner.need(b'}')?;
        self.tree.protocols.push(ProtocolText { line, name, tag, request, response });
        Ok(())
    }

    /// The type of a request or response, by its name or in place.
    fn side(&mut self, protocol: &str, word: &str) -> Result<Side, SchemaError> {
        self.scanner.need_blanks()?;
        let line = self.scanner.line();
        if self.scanner.peek() == Some(b'{') {
            let type_name = self.join(protocol, word)?;
            self.structure(type_name.clone(), line, 1)?;
            return Ok(Side { line, type_name });
        }
        Ok(Side { line, type_name: self.scanner.need_type_name()?.to_owned() })
    }

    fn join(&self, outside: &str, name: &str) -> Result<String, SchemaError> {
        let name = format!("{outside}.{name}");
        if name.len() > NAME_BYTES_MAX {
            return Err(self.scanner.flaw(Flaw::NameTooLong));
        }
        Ok(name)
    }
}
