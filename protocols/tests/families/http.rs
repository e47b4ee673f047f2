//! HTTP, as Skynet's `http.httpd`, `http.httpc` and `http.url` read and write it (WIRE H2, H3, H10
//! to H12, H18 to H21, H24, H26, H27).
//!
//! Skynet reads leniently what can be taken in two ways; this crate refuses it. Every difference
//! from a recording is listed in `http_differences.json` with its reason: the recordings that it is
//! about are found by what their bytes hold, a recording that is listed must not pass as recorded,
//! and what comes in its place is compared as strictly.

use std::collections::BTreeMap;

use serde::Deserialize;
use skyring_protocols::http1::form;

use crate::http_differences::Differences;
use crate::source::{self, Family};
use crate::{http_client, http_server};

pub(crate) const FAMILY: Family = Family {
    name: "http",
    files: &["request_parse", "response_write", "client_request", "client_response", "url"],
    replay_file,
};

#[derive(Deserialize)]
struct Recording<C> {
    cases: Vec<C>,
}

/// The cases of one file.
pub(crate) fn cases<C: serde::de::DeserializeOwned>(file: &str) -> Vec<C> {
    let recording: Recording<C> = source::read(FAMILY.name, file);
    assert!(!recording.cases.is_empty(), "{file} holds no case");
    recording.cases
}

fn replay_file(file: &str) -> Vec<String> {
    let mut differences = Differences::of(file);
    let mut wrong = match file {
        "request_parse" => http_server::requests(&mut differences),
        "response_write" => http_server::responses(&mut differences),
        "client_request" => http_client::requests(&mut differences),
        "client_response" => http_client::responses(&mut differences),
        "url" => urls(),
        other => panic!("nothing replays {other}"),
    };
    // A difference that is never used would look like one that is mended. Recordings from elsewhere
    // need not show all of them.
    if source::is_committed() {
        let unused = differences.unused();
        wrong.extend(unused.map(|reason| format!("no recording shows the difference: {reason}")));
    }
    wrong
}

#[derive(Deserialize)]
struct UrlCase {
    url: String,
    path: Option<String>,
    query: Option<String>,
    /// Names with one value or several.
    form: Option<Vec<(String, OneOrMore)>>,
}

/// A text, or the texts of what occurred several times.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub(crate) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub(crate) fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::More(texts) => texts,
        }
    }
}

fn urls() -> Vec<String> {
    let cases: Vec<UrlCase> = cases("url");
    let wrong = cases.iter().filter_map(|case| url(case).err().map(|it| (case, it)));
    wrong.map(|(case, line)| format!("{}: {line}", case.url)).collect()
}

fn url(case: &UrlCase) -> Result<(), String> {
    let text = source::bytes(&case.url);
    let target = match (form::parse_target(&text), &case.path) {
        (Ok(target), Some(path)) if target.path == source::bytes(path) => target,
        (Err(_), None) => return Ok(()),
        (parsed, _) => return Err(format!("{parsed:?}")),
    };
    if Some(target.query) != case.query.as_deref().map(source::bytes).as_deref() {
        return Err(format!("query {:?}", target.query));
    }
    let mut fields: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for (name, value) in form::parse_query(target.query).map_err(|error| error.to_string())? {
        fields.entry(name).or_default().push(value);
    }
    let recorded = case.form.iter().flatten();
    let recorded: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = recorded
        .map(|(name, values)| {
            let values = values.texts().iter().map(|value| source::bytes(value));
            (source::bytes(name), values.collect())
        })
        .collect();
    if fields == recorded { Ok(()) } else { Err(format!("fields {fields:?}")) }
}
