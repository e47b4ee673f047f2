//! Where skyring reads or writes HTTP differently from a recording, and what it does instead.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Something that skyring does differently, in one file of recordings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Difference {
    file: String,
    /// What is different and why, with the section of its RFC.
    reason: String,
    /// Texts that the recorded bytes hold, one byte a character. A leading `^` stands for the
    /// front.
    has: Vec<String>,
    /// Texts that they do not hold.
    #[serde(default)]
    lacks: Vec<String>,
    /// What is noted beside the recording.
    note: Option<String>,
    /// Bytes of a head that make the difference, at least.
    head_bytes_min: Option<usize>,
    pub(crate) ours: Ours,
}

/// What skyring does.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ours {
    /// Refuses it, until this is put behind the first line; then goes on as recorded.
    Insert(String),
    /// Answers a request with this status.
    Refused(u16),
    /// Takes the message for an error, and says so.
    Bad,
    /// Does not write it: the caller is told why.
    Unwritten,
    /// Reads or writes it with these things changed.
    Changed(Changed),
}

/// What is not as recorded.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Changed {
    pub(crate) method: Option<String>,
    /// The second word of the request line, where nothing is recorded.
    pub(crate) target: bool,
    pub(crate) status: Option<u16>,
    pub(crate) reason_phrase: Option<String>,
    /// Header lines by lower-case name; an empty list is none.
    pub(crate) header: BTreeMap<String, Vec<String>>,
    /// The body, one byte a character.
    pub(crate) body: Option<String>,
}

/// The differences of one file, and which of them have been met.
pub(crate) struct Differences {
    list: Vec<(Difference, bool)>,
}

impl Differences {
    pub(crate) fn of(file: &str) -> Self {
        let all: Vec<Difference> =
            serde_json::from_str(include_str!("http_differences.json")).unwrap();
        let list = all.into_iter().filter(|it| it.file == file).map(|it| (it, false));
        Self { list: list.collect() }
    }

    /// The difference that bytes show; those that put something in come first.
    pub(crate) fn find(
        &mut self,
        bytes: &[u8],
        note: Option<&str>,
        inserts: bool,
    ) -> Option<Difference> {
        let mut found = self.list.iter_mut().filter(|(difference, _)| {
            matches!(difference.ours, Ours::Insert(_)) == inserts
                && difference.is_shown_by(bytes, note)
        });
        let (difference, used) = found.next()?;
        *used = true;
        let more: Vec<_> = found.map(|(it, _)| &it.reason).collect();
        assert!(more.is_empty(), "{:?} and {more:?} are about the same", difference.reason);
        Some(difference.clone())
    }

    /// The reasons of those that no recording has shown.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &str> {
        self.list.iter().filter(|(_, used)| !used).map(|(difference, _)| difference.reason.as_str())
    }
}

impl Difference {
    /// What is different and why.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    fn is_shown_by(&self, bytes: &[u8], note: Option<&str>) -> bool {
        let holds = |text: &String| {
            let at_front = text.strip_prefix('^');
            let wanted = latin1(at_front.unwrap_or(text));
            match at_front {
                Some(_) => bytes.starts_with(&wanted),
                None => bytes.windows(wanted.len()).any(|window| window == wanted),
            }
        };
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let head_bytes = head.map_or(bytes.len(), |at| at + 4);
        self.has.iter().all(holds)
            && !self.lacks.iter().any(holds)
            && self.note.as_deref().is_none_or(|wanted| note == Some(wanted))
            && self.head_bytes_min.is_none_or(|min| head_bytes >= min)
    }
}

/// The bytes of a text that holds one a character.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    let byte = |character: char| {
        u8::try_from(character).unwrap_or_else(|_| panic!("{character:?} is no byte"))
    };
    text.chars().map(byte).collect()
}
