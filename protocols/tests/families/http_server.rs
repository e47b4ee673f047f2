//! The server half against Skynet's: what it reads, and what it writes.

use std::collections::BTreeMap;

use serde::Deserialize;
use skyring_protocols::http1::Limits;

use crate::answers;
use crate::ask;
use crate::http::{OneOrMore, cases};
use crate::http_differences::{Changed, Difference, Differences, Ours, latin1};
use crate::message::{End, Message, Outcome};
use crate::pieces;
use crate::serve;
use crate::source;

/// Skynet's limit of a head, in bytes.
const HEAD_BYTES_MAX: usize = 8192;

/// Skynet's limit of the line that begins a chunk, in bytes.
const CHUNK_LINE_BYTES_MAX: usize = 128;

/// Header lines by lower-case name.
pub(crate) type Header = BTreeMap<String, Vec<Vec<u8>>>;

#[derive(Deserialize)]
struct RequestCase {
    #[serde(default)]
    segments: Vec<String>,
    /// A head of so many bytes in all, in place of segments.
    header_bytes: Option<usize>,
    segment_bytes: Option<usize>,
    bodylimit: Option<u64>,
    code: Option<u16>,
    method: Option<String>,
    url: Option<String>,
    header: Option<BTreeMap<String, OneOrMore>>,
    body: Option<String>,
    note: Option<String>,
}

/// What is made of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Request {
    Read {
        method: Vec<u8>,
        target: Vec<u8>,
        header: Header,
        body: Vec<u8>,
    },
    /// Answered with a status.
    Refused(u16),
    /// Skynet fails and answers nothing.
    Failed,
}

pub(crate) fn requests(differences: &mut Differences) -> Vec<String> {
    let cases: Vec<RequestCase> = cases("request_parse");
    let mut wrong = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        if let Err(line) = request(case, differences) {
            wrong.push(format!("case {index}: {line}"));
        }
    }
    wrong
}

fn request(case: &RequestCase, differences: &mut Differences) -> Result<(), String> {
    let mut segments = case.segments();
    let note = case.note.as_deref();
    let mut head_bytes_max = HEAD_BYTES_MAX;
    if let Some(Ours::Insert(line)) =
        differences.find(&segments.concat(), note, true).map(|it| it.ours)
    {
        let refused = read_request(case, &[segments.concat()], head_bytes_max);
        if matches!(refused, Request::Read { .. }) {
            return Err(format!("was read without {line:?}: {refused:?}"));
        }
        insert(&mut segments, line.as_bytes());
        head_bytes_max += line.len();
    }
    let bytes = segments.concat();
    let random = pieces::random(&bytes, 7, 1);
    let difference = differences.find(&bytes, note, false);
    for cut in [vec![bytes.clone()], pieces::bytewise(&bytes), random, segments] {
        let read = read_request(case, &cut, head_bytes_max);
        match &difference {
            None => case.expect(&read)?,
            Some(difference) if case.expect(&read).is_ok() => {
                return Err(format!("no longer a difference: {}", difference.reason()));
            }
            Some(difference) => case.expect_ours(&read, difference, &bytes)?,
        }
    }
    Ok(())
}

/// Puts a line behind the request line.
fn insert(segments: &mut [Vec<u8>], line: &[u8]) {
    let bytes = segments.concat();
    let version = b" HTTP/1.1\r\n";
    let at = bytes.windows(version.len()).position(|window| window == version);
    let end = at.unwrap() + version.len();
    let mut before = 0;
    let holds_end = segments.iter_mut().find(|segment| {
        before += segment.len();
        before >= end
    });
    let segment = holds_end.unwrap();
    let at = segment.len() - (before - end);
    segment.splice(at..at, line.iter().copied());
}

fn read_request(case: &RequestCase, cut: &[Vec<u8>], head_bytes_max: usize) -> Request {
    let body_bytes_max = case.bodylimit.unwrap_or(1 << 20);
    let chunk_line_bytes_max = CHUNK_LINE_BYTES_MAX;
    let limits =
        Limits { body_bytes_max, head_bytes_max, chunk_line_bytes_max, ..Limits::default() };
    let outcome = serve::serve(cut, limits);
    match (outcome.messages.into_iter().next(), outcome.end) {
        (Some(message), _) => of_message(message),
        (None, End::Refused(status)) => Request::Refused(status),
        (None, _) => Request::Failed,
    }
}

/// Skynet's view: one table of head and trailers.
fn of_message(message: Message) -> Request {
    let mut words = message.start.splitn(2, |&byte| byte == b' ').map(<[u8]>::to_vec);
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    Request::Read { method, target, header: table(&message), body: message.body }
}

/// Header lines and trailers by lower-case name.
pub(crate) fn table(message: &Message) -> Header {
    let mut header = Header::new();
    for (name, value) in message.fields.iter().chain(&message.trailers) {
        header.entry(name.to_ascii_lowercase()).or_default().push(value.clone());
    }
    header
}

/// A recorded table.
pub(crate) fn recorded_table(header: Option<&BTreeMap<String, OneOrMore>>) -> Header {
    let values = |values: &OneOrMore| values.texts().iter().map(|it| latin1(it)).collect();
    let lines = header.into_iter().flatten();
    lines.map(|(name, texts)| (name.clone(), values(texts))).collect()
}

impl RequestCase {
    fn segments(&self) -> Vec<Vec<u8>> {
        let Some(bytes) = self.header_bytes else {
            return self.segments.iter().map(|segment| source::bytes(segment)).collect();
        };
        let (front, back) = (b"GET / HTTP/1.1\r\nA: ", b"\r\n\r\n");
        let fill = vec![b'a'; bytes - front.len() - back.len()];
        let head = [front.as_slice(), &fill, back].concat();
        head.chunks(self.segment_bytes.unwrap()).map(<[u8]>::to_vec).collect()
    }

    fn recorded(&self) -> Request {
        match self.code {
            Some(200) => Request::Read {
                method: latin1(self.method.as_deref().unwrap_or("GET")),
                target: latin1(self.url.as_deref().unwrap_or("/")),
                header: recorded_table(self.header.as_ref()),
                body: self.body.as_deref().map(source::bytes).unwrap_or_default(),
            },
            Some(status) => Request::Refused(status),
            None => Request::Failed,
        }
    }

    fn expect(&self, read: &Request) -> Result<(), String> {
        let recorded = self.recorded();
        let is_same = match (&recorded, read) {
            (Request::Failed, Request::Refused(_)) => true,
            (Request::Read { header: wanted, .. }, Request::Read { header, .. }) => {
                let mut header = header.clone();
                header.retain(|name, _| name != "host" || wanted.contains_key("host"));
                if self.header_bytes.is_some() {
                    header = wanted.clone();
                }
                *read.clone().with_header(header) == recorded
            }
            _ => recorded == *read,
        };
        if is_same { Ok(()) } else { Err(format!("{read:?}, recorded {recorded:?}")) }
    }

    fn expect_ours(
        &self,
        read: &Request,
        difference: &Difference,
        bytes: &[u8],
    ) -> Result<(), String> {
        let ours = match &difference.ours {
            Ours::Refused(status) => Request::Refused(*status),
            Ours::Changed(changed) => self.changed(changed, bytes),
            other => panic!("{other:?} is not of a request"),
        };
        let mut read = read.clone();
        if let Request::Read { header, .. } = &mut read {
            header.remove("host");
        }
        if ours == read {
            return Ok(());
        }
        Err(format!("{read:?}, ours is {ours:?}: {}", difference.reason()))
    }

    /// The recorded request with what is changed.
    fn changed(&self, changed: &Changed, bytes: &[u8]) -> Request {
        let word = bytes.split(|&byte| byte == b' ').nth(1).unwrap().to_vec();
        let (mut method, mut target, mut header, mut body) = match self.recorded() {
            Request::Read { method, target, header, body } => (method, target, header, body),
            _ => (b"GET".to_vec(), word.clone(), Header::new(), Vec::new()),
        };
        if let Some(changed) = &changed.method {
            method = latin1(changed);
        }
        if changed.target {
            target = word;
        }
        for (name, values) in &changed.header {
            header.insert(name.clone(), values.iter().map(|it| latin1(it)).collect());
        }
        header.retain(|name, values| name != "host" && !values.is_empty());
        if let Some(changed) = &changed.body {
            body = latin1(changed);
        }
        Request::Read { method, target, header, body }
    }
}

impl Request {
    fn with_header(mut self, table: Header) -> Box<Self> {
        if let Self::Read { header, .. } = &mut self {
            *header = table;
        }
        Box::new(self)
    }
}

#[derive(Deserialize)]
struct ResponseCase {
    status: u16,
    header: Option<BTreeMap<String, OneOrMore>>,
    body: Option<String>,
    chunks: Option<Vec<String>>,
    bytes: String,
}

pub(crate) fn responses(differences: &mut Differences) -> Vec<String> {
    let cases: Vec<ResponseCase> = cases("response_write");
    let mut wrong = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        if let Err(line) = response(case, differences) {
            wrong.push(format!("case {index}: {line}"));
        }
    }
    wrong
}

/// What a client makes of the bytes is compared: which of several ways a body's length is said in
/// is the writer's choice.
fn response(case: &ResponseCase, differences: &mut Differences) -> Result<(), String> {
    let bytes = source::bytes(&case.bytes);
    let difference = differences.find(&bytes, None, false);
    let written = case.write();
    let recorded = meaning(&bytes);
    let read = written.as_ref().map(|written| meaning(written));
    match (&difference, read) {
        (None, Ok(read)) if read == recorded => Ok(()),
        (None, read) => Err(format!("{read:?}, recorded {recorded:?}")),
        (Some(it), Ok(read)) if read == recorded => {
            Err(format!("no longer a difference: {}", it.reason()))
        }
        (Some(it), Err(_)) if it.ours == Ours::Unwritten => Ok(()),
        (Some(it), Ok(read)) => {
            let Ours::Changed(changed) = &it.ours else {
                return Err(format!("{read:?} was written: {}", it.reason()));
            };
            let ours = change_response(&recorded, changed);
            if read == ours { Ok(()) } else { Err(format!("{read:?}, ours is {ours:?}")) }
        }
        (Some(it), Err(error)) => Err(format!("{error}: {}", it.reason())),
    }
}

fn change_response(recorded: &Outcome, changed: &Changed) -> Outcome {
    let mut outcome = recorded.clone();
    for message in outcome.messages.iter_mut().chain(&mut outcome.partial) {
        if let Some(reason) = &changed.reason_phrase {
            message.start.truncate(3);
            message.start.extend([b" ", reason.as_bytes()].concat());
        }
        if let Some(body) = &changed.body {
            message.body = latin1(body);
            outcome.end = End::Idle;
        }
    }
    outcome
}

/// A response as a client reads it, without what says where its body ends.
fn meaning(bytes: &[u8]) -> Outcome {
    let mut outcome = ask::ask(&["GET"], &[bytes.to_vec()], Limits::default(), true);
    for message in outcome.messages.iter_mut().chain(&mut outcome.partial) {
        let framing = ["content-length", "transfer-encoding"];
        message.fields.retain(|(name, _)| !framing.contains(&name.to_ascii_lowercase().as_str()));
        message.last = false;
    }
    if outcome.end == End::Closed {
        outcome.end = End::Idle;
    }
    outcome
}

impl ResponseCase {
    fn write(&self) -> Result<Vec<u8>, String> {
        let header = recorded_table(self.header.as_ref());
        let lines = header.iter().flat_map(|(name, values)| {
            values.iter().map(move |value| (name.as_str(), value.as_slice()))
        });
        let lines: Vec<(&str, &[u8])> = lines.collect();
        if let Some(chunks) = &self.chunks {
            let chunks: Vec<_> = chunks.iter().map(|chunk| source::bytes(chunk)).collect();
            return answers::chunked(self.status, &lines, &chunks);
        }
        let body = self.body.as_deref().map(source::bytes);
        answers::whole(self.status, &lines, body.as_deref())
    }
}
