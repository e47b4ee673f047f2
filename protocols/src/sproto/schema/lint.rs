//! What stands in schema text and does not do what its writer may think.
//!
//! All of it loads, here and in Skynet.

use thiserror::Error;

use super::error::SchemaError;
use super::grammar::{self, FieldText, Index, Tree};
use super::{Kind, Schema, Shape, resolve};
use crate::sproto::rpc::PACKAGE;

/// Something that cannot work, or means nothing, in a schema that loads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[error("line {line}: {doubt}")]
pub struct SchemaWarning {
    /// The line, the first being 1.
    pub line: u32,
    /// What is doubtful in it.
    pub doubt: Doubt,
}

/// What is doubtful in a schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum Doubt {
    /// The built-in kind of a name wins, so nothing can use the type by it.
    #[error("type {name} is hidden by the built-in kind of that name")]
    TypeHidden {
        /// The full name.
        name: Box<str>,
    },
    /// Parentheses with a name, or nothing, in them are only read behind arrays.
    #[error("the parentheses of {field} mean nothing, for it is no array")]
    KeyIgnored {
        /// The field.
        field: Box<str>,
    },
    /// Nothing to load.
    #[error("no type, so its bundle cannot be loaded")]
    Empty,
    /// Calls need a type that is their header, `package` unless a host is told otherwise.
    #[error("protocols, but no type {PACKAGE} to be the header of their packages")]
    HeaderMissing,
    /// `type` and `session` are numbers.
    #[error("type {PACKAGE} is no header: it has no plain integers `type` and `session`")]
    HeaderField,
}

impl Schema {
    /// As [`Self::parse`], and what is doubtful, by line.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with_warnings(
        text: impl AsRef<[u8]>,
    ) -> Result<(Self, Vec<SchemaWarning>), SchemaError> {
        let tree = grammar::parse(text.as_ref())?;
        let mut warnings = of_types(&tree);
        let package = tree.types.iter().find(|it| it.name == PACKAGE).map(|it| it.line);
        let protocol = tree.protocols.iter().map(|it| it.line).min();
        let schema = resolve::resolve(tree)?;
        if schema.types().is_empty() {
            warnings.push(SchemaWarning { line: 1, doubt: Doubt::Empty });
        }
        if let Some(line) = protocol {
            let doubt = match package {
                None => Some((line, Doubt::HeaderMissing)),
                Some(line) => (!has_header(&schema)).then_some((line, Doubt::HeaderField)),
            };
            warnings.extend(doubt.map(|(line, doubt)| SchemaWarning { line, doubt }));
        }
        warnings.sort_by_key(|warning| warning.line);
        Ok((schema, warnings))
    }
}

fn of_types(tree: &Tree<'_>) -> Vec<SchemaWarning> {
    let mut warnings = Vec::new();
    for definition in &tree.types {
        let last = definition.name.rsplit('.').next().unwrap_or_default();
        if matches!(last, "integer" | "boolean" | "string" | "binary" | "double") {
            let doubt = Doubt::TypeHidden { name: definition.name.as_str().into() };
            warnings.push(SchemaWarning { line: definition.line, doubt });
        }
        let ignored = definition.fields.iter().filter(|field| is_key_ignored(field));
        warnings.extend(ignored.map(|field| {
            let doubt = Doubt::KeyIgnored { field: field.name.into() };
            SchemaWarning { line: field.line, doubt }
        }));
    }
    warnings
}

fn is_key_ignored(field: &FieldText<'_>) -> bool {
    !field.is_array && matches!(field.index, Index::Name(_))
}

fn has_header(schema: &Schema) -> bool {
    let Some(id) = schema.type_id(PACKAGE) else { return false };
    ["type", "session"].into_iter().all(|name| {
        let field = schema.type_of(id).field(name);
        field.is_some_and(|it| (it.kind(), it.shape()) == (Kind::Integer, Shape::One))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(text: &str) -> Vec<String> {
        let (_, warnings) = Schema::parse_with_warnings(text).expect("it loads");
        warnings.iter().map(ToString::to_string).collect()
    }

    /// WIRE S1 to S3, S15.
    #[test]
    fn what_loads_and_does_not_work_is_told() {
        let fine = ".package { type 0 : integer session 1 : integer }\np 1 { response nil }";
        assert_eq!(warned(fine), [""; 0]);
        assert_eq!(warned("# nothing\n"), ["line 1: no type, so its bundle cannot be loaded"]);
        let text = "p 1 { }\n.A { .string { }\n a 0 : A(b)\n b 1 : string() }";
        assert_eq!(
            warned(text),
            [
                "line 1: protocols, but no type package to be the header of their packages",
                "line 2: type A.string is hidden by the built-in kind of that name",
                "line 3: the parentheses of a mean nothing, for it is no array",
                "line 4: the parentheses of b mean nothing, for it is no array",
            ]
        );
        let header =
            "line 1: type package is no header: it has no plain integers `type` and `session`";
        assert_eq!(warned(".package { type 0 : *integer session 1 : integer }\np 1 { }"), [header]);
    }
}
