//! One table of a configuration file, read key by key, with errors that name the key's whole path.
//!
//! A section knows its keys, refuses every other one, and leaves a default alone when its key is
//! absent. Reading by hand instead of deriving a deserializer buys exact paths in errors, defaults
//! that depend on other keys, and one list of keys that the sample file is tested against.

use std::net::SocketAddr;

use skyring_protocols::Compat;
use toml::{Table, Value};

use super::error::{ConfigError, ConfigFault};
use super::{Compression, DuplicateRequest, Handshake, ListenerKind, PushOverBudget};

/// A table and where it is in its file.
pub(super) struct Section<'a> {
    path: String,
    table: &'a Table,
    known: &'static [&'static str],
}

impl<'a> Section<'a> {
    /// The table at `path`, empty for the top of the file, which may have these keys and no others.
    pub(super) fn new(
        path: &str,
        table: &'a Table,
        known: &'static [&'static str],
    ) -> Result<Section<'a>, ConfigError> {
        let section = Section { path: path.to_owned(), table, known };
        match table.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(ConfigError::at(section.key(key), ConfigFault::UnknownKey { known })),
            None => Ok(section),
        }
    }

    /// The path of one of this table's keys.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of a key, `None` if it is absent.
    pub(super) fn optional<T: FromValue>(&self, key: &str) -> Result<Option<T>, ConfigError> {
        debug_assert!(self.known.contains(&key), "{key} is read but not listed");
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match T::from_value(value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.wrong_type(key, T::EXPECTED, value)),
        }
    }

    /// The value of a key that must be there.
    pub(super) fn required<T: FromValue>(&self, key: &str) -> Result<T, ConfigError> {
        let missing = ConfigFault::Missing { expected: T::EXPECTED };
        self.optional(key)?.ok_or_else(|| ConfigError::at(self.key(key), missing))
    }

    /// Overwrites a default, if the key is there.
    pub(super) fn set<T: FromValue>(&self, key: &str, field: &mut T) -> Result<(), ConfigError> {
        if let Some(value) = self.optional(key)? {
            *field = value;
        }
        Ok(())
    }

    /// The table under a key.
    pub(super) fn table(&self, key: &str) -> Result<Option<&'a Table>, ConfigError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(table)),
            Some(value) => Err(self.wrong_type(key, "a table", value)),
        }
    }

    /// The list of tables under a key.
    pub(super) fn tables(&self, key: &str) -> Result<Option<Vec<&'a Table>>, ConfigError> {
        const EXPECTED: &str = "a list of tables, each begun with [[...]]";
        let list = match self.table.get(key) {
            None => return Ok(None),
            Some(Value::Array(list)) => list,
            Some(value) => return Err(self.wrong_type(key, EXPECTED, value)),
        };
        let tables = list.iter().map(|value| match value {
            Value::Table(table) => Ok(table),
            value => Err(self.wrong_type(key, EXPECTED, value)),
        });
        tables.collect::<Result<Vec<_>, _>>().map(Some)
    }

    fn wrong_type(&self, key: &str, expected: &'static str, found: &Value) -> ConfigError {
        let found = match found {
            Value::Table(_) => String::from("a table"),
            value => value.to_string(),
        };
        ConfigError::at(self.key(key), ConfigFault::WrongType { expected, found })
    }
}

/// A type that a TOML value may stand for.
pub(super) trait FromValue: Sized {
    /// What the value must be, for errors.
    const EXPECTED: &'static str;

    /// The value in this type, `None` if it is none.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_value(value: &Value) -> Option<bool> {
        value.as_bool()
    }
}

impl FromValue for u32 {
    const EXPECTED: &'static str = "a whole number from 0 to 4294967295";

    fn from_value(value: &Value) -> Option<u32> {
        value.as_integer()?.try_into().ok()
    }
}

impl FromValue for u64 {
    const EXPECTED: &'static str = "a whole number, 0 or more";

    fn from_value(value: &Value) -> Option<u64> {
        value.as_integer()?.try_into().ok()
    }
}

impl FromValue for usize {
    const EXPECTED: &'static str = "a whole number, 0 or more";

    fn from_value(value: &Value) -> Option<usize> {
        value.as_integer()?.try_into().ok()
    }
}

impl FromValue for Vec<usize> {
    const EXPECTED: &'static str = "a list of processor numbers, such as [0, 1]";

    fn from_value(value: &Value) -> Option<Vec<usize>> {
        value.as_array()?.iter().map(usize::from_value).collect()
    }
}

impl FromValue for Vec<String> {
    const EXPECTED: &'static str = "a list of texts in quotes";

    fn from_value(value: &Value) -> Option<Vec<String>> {
        value.as_array()?.iter().map(String::from_value).collect()
    }
}

impl FromValue for String {
    const EXPECTED: &'static str = "a text in quotes";

    fn from_value(value: &Value) -> Option<String> {
        value.as_str().map(str::to_owned)
    }
}

impl FromValue for SocketAddr {
    const EXPECTED: &'static str =
        "an address and port in quotes, such as \"127.0.0.1:8001\" or \"[::1]:8001\"";

    fn from_value(value: &Value) -> Option<SocketAddr> {
        value.as_str()?.parse().ok()
    }
}

impl FromValue for ListenerKind {
    const EXPECTED: &'static str = "\"login\", \"msg\", \"gate\" or \"http\"";

    fn from_value(value: &Value) -> Option<ListenerKind> {
        let name = value.as_str()?;
        ListenerKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl FromValue for Compat {
    const EXPECTED: &'static str = "\"strict\" or \"skynet\"";

    fn from_value(value: &Value) -> Option<Compat> {
        match value.as_str()? {
            "strict" => Some(Compat::Strict),
            "skynet" => Some(Compat::Skynet),
            _ => None,
        }
    }
}

impl FromValue for DuplicateRequest {
    const EXPECTED: &'static str = "\"run\" or \"replay\"";

    fn from_value(value: &Value) -> Option<DuplicateRequest> {
        match value.as_str()? {
            "run" => Some(DuplicateRequest::Run),
            "replay" => Some(DuplicateRequest::Replay),
            _ => None,
        }
    }
}

impl FromValue for PushOverBudget {
    const EXPECTED: &'static str = "\"close\" or \"drop\"";

    fn from_value(value: &Value) -> Option<PushOverBudget> {
        match value.as_str()? {
            "close" => Some(PushOverBudget::Close),
            "drop" => Some(PushOverBudget::Drop),
            _ => None,
        }
    }
}

impl FromValue for Handshake {
    const EXPECTED: &'static str = "\"v1\", \"v2\" or \"both\"";

    fn from_value(value: &Value) -> Option<Handshake> {
        match value.as_str()? {
            "v1" => Some(Handshake::V1),
            "v2" => Some(Handshake::V2),
            "both" => Some(Handshake::Both),
            _ => None,
        }
    }
}

impl FromValue for Compression {
    const EXPECTED: &'static str = "\"off\", \"shared\" or \"dedicated\"";

    fn from_value(value: &Value) -> Option<Compression> {
        match value.as_str()? {
            "off" => Some(Compression::Off),
            "shared" => Some(Compression::Shared),
            "dedicated" => Some(Compression::Dedicated),
            _ => None,
        }
    }
}
