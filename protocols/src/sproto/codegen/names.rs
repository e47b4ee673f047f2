//! Names of a schema as names of Rust, no two alike.
//!
//! Names of schemas are ASCII, which their reader sees to.

use std::collections::BTreeMap;

use crate::sproto::schema::{Schema, Type};

/// Names of types, and what stands in their scope otherwise.
const TYPES_TAKEN: &[&str] = &[
    "BTreeMap",
    "Box",
    "DecodeError",
    "Decoder",
    "DoubleKey",
    "EncodeError",
    "Encoder",
    "Err",
    "FromFields",
    "None",
    "Ok",
    "Option",
    "Result",
    "Schema",
    "Self",
    "Some",
    "String",
    "ToFields",
    "Vec",
    "Words",
];

/// The same of protocols.
const STUBS_TAKEN: &[&str] = &[
    "Answer",
    "Answered",
    "Asked",
    "BodyError",
    "Err",
    "Incoming",
    "None",
    "Ok",
    "Option",
    "Request",
    "Result",
    "Self",
    "Some",
    "Stub",
];

/// Words that are no names without `r#`. One is in two pieces, for this crate does not have that word.
const KEYWORDS: &[&str] = &[
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "static",
    "struct",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    concat!("un", "safe"),
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Words that are no names with `r#` either.
const KEYWORDS_NEVER_RAW: &[&str] = &["crate", "self", "super"];

/// Names in Rust, in the order of the schema.
pub(super) struct Names {
    types: Vec<String>,
    /// By type.
    fields: Vec<Vec<String>>,
    pub(super) stubs: Vec<String>,
}

impl Names {
    pub(super) fn of(schema: &Schema) -> Self {
        let mut taken = Taken::with(TYPES_TAKEN, "Type", "");
        let types = schema.types().iter().map(|it| taken.take(camel(it.name())));
        let mut taken = Taken::with(STUBS_TAKEN, "Call", "");
        let stubs = schema.protocols().iter().map(|it| taken.take(camel(it.name())));
        let fields = schema.types().iter().map(field_names);
        Self { types: types.collect(), fields: fields.collect(), stubs: stubs.collect() }
    }

    /// The name of the type of a number.
    pub(super) fn of_type(&self, number: usize) -> &str {
        &self.types[number]
    }

    /// The name of a field of it.
    pub(super) fn of_field(&self, number: usize, place: usize) -> &str {
        &self.fields[number][place]
    }
}

fn field_names(definition: &Type) -> Vec<String> {
    let mut taken = Taken::with(KEYWORDS_NEVER_RAW, "_", "_");
    let names = definition.fields().iter().map(|it| taken.take(snake(it.name())));
    names.map(|name| if KEYWORDS.contains(&&*name) { format!("r#{name}") } else { name }).collect()
}

/// Names that are given, and the number that the next of the same name may have.
struct Taken {
    /// 0: the name is not for any.
    numbers: BTreeMap<String, u32>,
    /// What goes behind a name that is not for any.
    suffix: &'static str,
    /// What goes between a name and its number.
    before_number: &'static str,
}

impl Taken {
    fn with(names: &[&str], suffix: &'static str, before_number: &'static str) -> Self {
        let numbers = names.iter().map(|&name| (name.to_owned(), 0)).collect();
        Self { numbers, suffix, before_number }
    }

    /// The name, or one with a number behind it.
    fn take(&mut self, mut name: String) -> String {
        if self.numbers.get(&name) == Some(&0) {
            name.push_str(self.suffix);
        }
        let Some(mut number) = self.numbers.get(&name).copied() else {
            self.numbers.insert(name.clone(), 2);
            return name;
        };
        let stem = format!("{}{}", name.trim_end_matches('_'), self.before_number);
        let mut other = format!("{stem}{number}");
        while self.numbers.contains_key(&other) {
            number += 1;
            other = format!("{stem}{number}");
        }
        self.numbers.insert(name, number + 1);
        self.numbers.insert(other.clone(), 2);
        other
    }
}

/// `Ship.radio_set` as `ShipRadioSet`. Words in capitals are not: `USER` is `User`.
fn camel(name: &str) -> String {
    let mut camel = String::new();
    for word in name.split(['.', '_']) {
        let is_loud = word.len() > 1 && !word.contains(|it: char| it.is_ascii_lowercase());
        let mut letters = word.chars();
        camel.extend(letters.next().map(|it| it.to_ascii_uppercase()));
        camel.extend(letters.map(|it| if is_loud { it.to_ascii_lowercase() } else { it }));
    }
    if camel.starts_with(|it: char| it.is_ascii_alphabetic()) { camel } else { format!("N{camel}") }
}

/// `roomId` and `RoomID` as `room_id`.
fn snake(name: &str) -> String {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = '_';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let next_is_small = letters.peek().is_some_and(char::is_ascii_lowercase);
        let begins = letter.is_ascii_uppercase() && (!before.is_ascii_uppercase() || next_is_small);
        if begins || letter == '_' {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && letter != '_'
        {
            word.push(letter.to_ascii_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    let snake = words.join("_");
    if snake.starts_with(|it: char| it.is_ascii_alphabetic()) { snake } else { format!("n{snake}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_rust_writes_them() {
        let names = ["a", "Ship.radio_set", "USER", "HTTP_GET", "_1", "_", "login.request", "a1"];
        let camels = ["A", "ShipRadioSet", "User", "HttpGet", "N1", "N", "LoginRequest", "A1"];
        assert_eq!(names.map(camel), camels);
        let names = ["roomId", "RoomID", "HTTPServer", "a__b", "_x_", "_", "_1", "x2Y", "ABC"];
        let snakes = ["room_id", "room_id", "http_server", "a_b", "x", "n", "n1", "x2_y", "abc"];
        assert_eq!(names.map(snake), snakes);
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut taken = Taken::with(&["Option"], "Type", "");
        let wanted = ["A", "A", "A3", "A", "A", "Option", "Option", "A2", "OptionType"];
        let given = wanted.map(|name| taken.take(name.to_owned()));
        let expected =
            ["A", "A2", "A3", "A4", "A5", "OptionType", "OptionType2", "A22", "OptionType3"];
        assert_eq!(given, expected);
        let mut taken = Taken::with(KEYWORDS_NEVER_RAW, "_", "_");
        let given = ["self", "a", "self", "a"].map(|name| taken.take(name.to_owned()));
        assert_eq!(given, ["self_", "a", "self_2", "a_2"]);
    }
}
