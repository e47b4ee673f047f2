//! The kinds of requests as a file says them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::error::ScenarioError;
use super::file::{OneOrRange, check_count, check_name};
use super::{Answer, Call, Range, RequestKind};
use crate::content::CONTENT_BYTES_MIN;
use crate::http::HEADERS_MAX;
use crate::options::Options;
use crate::protocol::Protocol;

/// The keys of `[request.NAME]`. All but `bytes` and `text` are those of HTTP.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestKeys {
    bytes: Option<OneOrRange>,
    method: Option<String>,
    path: Option<String>,
    headers: Option<u16>,
    status: Option<u16>,
    answer: Option<AnswerKeys>,
    text: Option<bool>,
}

/// `"echo"`, `"any"`, or a number of bytes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "\"echo\", \"any\", or a number of bytes")]
enum AnswerKeys {
    Bytes(u64),
    Word(AnswerWord),
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AnswerWord {
    Echo,
    Any,
}

/// The kinds of requests of a scenario on this protocol.
pub(super) fn requests(
    keys: &BTreeMap<String, RequestKeys>,
    options: &Options,
    protocol: Protocol,
) -> Result<Vec<RequestKind>, ScenarioError> {
    check_count(keys.len(), "[request.NAME]", "kinds of requests")?;
    let mut seen = BTreeSet::new();
    for name in keys.keys() {
        check_name("request", name, &mut seen)?;
    }
    keys.iter().map(|(name, keys)| keys.kind(name, options, protocol)).collect()
}

impl RequestKeys {
    fn kind(
        &self,
        name: &str,
        options: &Options,
        protocol: Protocol,
    ) -> Result<RequestKind, ScenarioError> {
        let is_http = protocol == Protocol::Http;
        if let Some(key) = self.of_http().filter(|_| !is_http) {
            return Err(meaningless(name, key, "without http"));
        }
        if self.text.is_some() && protocol != Protocol::Ws {
            return Err(meaningless(name, "text", "without ws"));
        }
        let bytes = self.sizes(name, options, protocol)?;
        let call = if is_http { Some(self.call(name)?) } else { None };
        let is_text = self.text.unwrap_or(options.ws.is_text);
        Ok(RequestKind { name: name.into(), bytes, call, is_text })
    }

    /// A key that only HTTP has.
    fn of_http(&self) -> Option<&'static str> {
        let given = [
            ("method", self.method.is_some()),
            ("path", self.path.is_some()),
            ("headers", self.headers.is_some()),
            ("status", self.status.is_some()),
            ("answer", self.answer.is_some()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(key, _)| key)
    }

    /// The sizes of contents; none, for a request of HTTP without a content.
    fn sizes(
        &self,
        name: &str,
        options: &Options,
        protocol: Protocol,
    ) -> Result<Range, ScenarioError> {
        let Some(bytes) = self.bytes else {
            return match protocol {
                Protocol::Http => Ok(Range::just(0)),
                _ => Err(ScenarioError::Missing { place: place(name), key: "bytes" }),
            };
        };
        let bytes_max = protocol.content_bytes_max(options) as u64;
        let sizes = CONTENT_BYTES_MIN as u64..=bytes_max;
        let fits = |it: &Range| sizes.contains(&it.least) && sizes.contains(&it.greatest);
        let bytes = bytes.scaled(1.0).filter(fits);
        bytes.ok_or_else(|| ScenarioError::Bytes { name: name.into(), bytes_max })
    }

    fn call(&self, name: &str) -> Result<Call, ScenarioError> {
        let has_content = self.bytes.is_some();
        let answer = match self.answer {
            Some(AnswerKeys::Bytes(bytes)) => Answer::Bytes(bytes),
            Some(AnswerKeys::Word(AnswerWord::Any)) => Answer::Any,
            Some(AnswerKeys::Word(AnswerWord::Echo)) if !has_content => {
                return Err(meaningless(name, "answer = \"echo\"", "without bytes"));
            }
            Some(AnswerKeys::Word(AnswerWord::Echo)) => Answer::Echo,
            None if has_content => Answer::Echo,
            None => Answer::Any,
        };
        let method = if has_content { "POST" } else { "GET" };
        let path = if has_content { "/echo" } else { "/" };
        let call = Call {
            method: self.method.clone().unwrap_or_else(|| method.into()),
            path: self.path.clone().unwrap_or_else(|| path.into()),
            has_content,
            headers: self.headers.unwrap_or(0),
            status: self.status.unwrap_or(200),
            answer,
        };
        let out_of_range =
            |key, range| Err(ScenarioError::OutOfRange { place: place(name), key, range });
        match () {
            () if call.headers > HEADERS_MAX => out_of_range("headers", "0 to 64"),
            () if !(200..=999).contains(&call.status) => out_of_range("status", "200 to 999"),
            () => Ok(call),
        }
    }
}

fn place(name: &str) -> String {
    format!("request.{name}")
}

fn meaningless(name: &str, key: &'static str, reason: &'static str) -> ScenarioError {
    ScenarioError::Meaningless { place: place(name), key, reason }
}
