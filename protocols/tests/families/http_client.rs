//! The client half against Skynet's: what it writes, and what it reads.

use std::collections::BTreeMap;

use serde::Deserialize;
use skyring_protocols::http1::Limits;

use crate::answers;
use crate::ask;
use crate::http::{OneOrMore, cases};
use crate::http_differences::{Difference, Differences, Ours, latin1};
use crate::http_server::{Header, recorded_table, table};
use crate::message::{End, Outcome};
use crate::pieces;
use crate::serve;
use crate::source;

#[derive(Deserialize)]
struct RequestCase {
    method: String,
    host: String,
    url: String,
    header: Option<BTreeMap<String, OneOrMore>>,
    content: Option<String>,
    request_line: String,
    header_lines: Vec<String>,
    body: String,
}

pub(crate) fn requests(differences: &mut Differences) -> Vec<String> {
    let cases: Vec<RequestCase> = cases("client_request");
    let mut wrong = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        if let Err(line) = request(case, differences) {
            wrong.push(format!("case {index}: {line}"));
        }
    }
    wrong
}

/// What a server makes of the bytes is compared: the order of header lines, the case of their names
/// and the blank behind the colon are the writer's choice.
fn request(case: &RequestCase, differences: &mut Differences) -> Result<(), String> {
    let recorded = case.recorded();
    let difference = differences.find(&recorded, None, false);
    match (case.write(), difference) {
        (Err(_), Some(it)) if it.ours == Ours::Unwritten => Ok(()),
        (Err(error), _) => Err(error),
        (Ok(written), None) => {
            let (ours, theirs) = (meaning(&written), meaning(&recorded));
            if ours == theirs { Ok(()) } else { Err(format!("{ours:?}, recorded {theirs:?}")) }
        }
        (Ok(written), Some(it)) => {
            let text = written.escape_ascii();
            Err(format!("\"{text}\" was written: {}", it.reason()))
        }
    }
}

/// Request line, header lines in a table, and body.
fn meaning(bytes: &[u8]) -> (Vec<u8>, Header, Vec<u8>) {
    let outcome = serve::serve(&[bytes.to_vec()], Limits::default());
    let [message] = outcome.messages.as_slice() else {
        panic!("no request: {outcome:?} of \"{}\"", bytes.escape_ascii());
    };
    (message.start.clone(), table(message), message.body.clone())
}

impl RequestCase {
    /// The recorded bytes, with the header lines in the recorded order, which is not Skynet's.
    fn recorded(&self) -> Vec<u8> {
        let mut bytes = latin1(&self.request_line);
        for line in &self.header_lines {
            bytes.extend([b"\r\n", latin1(line).as_slice()].concat());
        }
        [bytes, b"\r\n\r\n".to_vec(), source::bytes(&self.body)].concat()
    }

    fn write(&self) -> Result<Vec<u8>, String> {
        let mut host = self.host.clone();
        let header = self.header.clone().unwrap_or_default();
        let header = header.iter().filter(|(name, value)| {
            if *name == "Host" {
                host = value.texts()[0].clone();
            }
            *name != "Host"
        });
        let header: BTreeMap<_, _> = header.map(|(name, it)| (name.clone(), it.clone())).collect();
        let header = recorded_table(Some(&header));
        let lines = header.iter().flat_map(|(name, values)| {
            values.iter().map(move |value| (name.as_str(), value.as_slice()))
        });
        let lines: Vec<(&str, &[u8])> = lines.collect();
        let body = self.content.as_deref().map(source::bytes).unwrap_or_default();
        answers::request(&self.method, &host, &self.url, &lines, &body)
    }
}

#[derive(Deserialize)]
struct ResponseCase {
    segments: Vec<String>,
    status: Option<u16>,
    header: Option<BTreeMap<String, OneOrMore>>,
    body: Option<String>,
    /// Pieces of the body as they are handed on.
    #[serde(default)]
    stream: Vec<String>,
    note: Option<String>,
}

/// What is made of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Response {
    Read {
        status: Vec<u8>,
        header: Header,
        body: Vec<u8>,
    },
    /// An error, behind so much of the body.
    Failed(Vec<u8>),
}

pub(crate) fn responses(differences: &mut Differences) -> Vec<String> {
    let cases: Vec<ResponseCase> = cases("client_response");
    let mut wrong = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        if let Err(line) = response(case, differences) {
            wrong.push(format!("case {index}: {line}"));
        }
    }
    wrong
}

fn response(case: &ResponseCase, differences: &mut Differences) -> Result<(), String> {
    let segments: Vec<_> = case.segments.iter().map(|segment| source::bytes(segment)).collect();
    let bytes = segments.concat();
    let random = pieces::random(&bytes, 7, 1);
    let difference = differences.find(&bytes, case.note.as_deref(), false);
    for cut in [vec![bytes.clone()], pieces::bytewise(&bytes), random, segments] {
        let limits = Limits { head_bytes_max: 8192, line_bytes_max: 8192, ..Limits::default() };
        let read = of_outcome(ask::ask(&["GET"], &cut, limits, true));
        match &difference {
            None => case.expect(&read)?,
            Some(it) if case.expect(&read).is_ok() => {
                return Err(format!("no longer a difference: {}", it.reason()));
            }
            Some(difference) => case.expect_ours(&read, difference)?,
        }
    }
    Ok(())
}

fn of_outcome(outcome: Outcome) -> Response {
    let Some(message) = outcome.messages.first() else {
        assert!(outcome.end == End::Bad, "a response that the end does not end: {outcome:?}");
        return Response::Failed(outcome.partial.map(|it| it.body).unwrap_or_default());
    };
    let status = message.start[..3].to_vec();
    Response::Read { status, header: table(message), body: message.body.clone() }
}

impl ResponseCase {
    fn recorded(&self) -> Response {
        let pieces: Vec<_> = self.stream.iter().map(|piece| source::bytes(piece)).collect();
        let Some(status) = self.status else { return Response::Failed(pieces.concat()) };
        let body = self.body.as_deref().map(source::bytes).unwrap_or_default();
        let header = recorded_table(self.header.as_ref());
        Response::Read { status: status.to_string().into_bytes(), header, body }
    }

    /// What comes before an error is Skynet's whole chunks, ours all that came.
    fn expect(&self, read: &Response) -> Result<(), String> {
        let recorded = self.recorded();
        let is_same = match (&recorded, read) {
            (Response::Failed(whole), Response::Failed(all)) => all.starts_with(whole),
            _ => recorded == *read,
        };
        if is_same { Ok(()) } else { Err(format!("{read:?}, recorded {recorded:?}")) }
    }

    fn expect_ours(&self, read: &Response, difference: &Difference) -> Result<(), String> {
        let ours = match &difference.ours {
            Ours::Bad => {
                let is_bad = matches!(read, Response::Failed(_));
                let told = || format!("{read:?} was read: {}", difference.reason());
                return if is_bad { Ok(()) } else { Err(told()) };
            }
            Ours::Changed(changed) => {
                let status = changed.status.or(self.status).unwrap().to_string().into_bytes();
                let mut header = recorded_table(self.header.as_ref());
                for (name, values) in &changed.header {
                    header.insert(name.clone(), values.iter().map(|it| latin1(it)).collect());
                }
                let body = changed.body.as_deref().map(latin1);
                let recorded = self.body.as_deref().map(source::bytes);
                Response::Read { status, header, body: body.or(recorded).unwrap_or_default() }
            }
            other => panic!("{other:?} is not of a response"),
        };
        if ours == *read {
            return Ok(());
        }
        Err(format!("{read:?}, ours is {ours:?}: {}", difference.reason()))
    }
}
