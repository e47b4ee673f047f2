//! HTTP on the wire: requests ready to be sent, and answers as they come in.
//!
//! Requests are sent ahead of their answers, as many as the depth says, so what is written and what
//! is read are two things here: [`Calls`] writes, and [`Reader`] reads one answer after the other.
//! Both are the client half of the protocol crate, used for one exchange at a time.
//!
//! The body of a request is a content with a stamp, if it has one. Answers are right by what the
//! kind of request asks for ([`Call`]): the status, and the content echoed, a length, or nothing
//! more.
//!
//! Units: bytes. Not supported, because no load needs it yet: trailers, `Expect`, chunked requests.

use skyring_protocols::http1::{
    BodySize, Client, Limits, NO_HEADERS, Next, ReadError, WriteError, client,
};

use crate::scenario::{Call, RequestKind};

/// The longest content of a request.
pub const CONTENT_BYTES_MAX: usize = 1 << 20;

/// What is read of an answer. Its body may be long: only what could be a content is kept.
const LIMITS: Limits = Limits {
    line_bytes_max: 8192,
    head_bytes_max: 32 << 10,
    header_count_max: 100,
    body_bytes_max: 1 << 40,
    chunk_line_bytes_max: 256,
    trailer_bytes_max: 8192,
};

/// Room for contents that a reader keeps from one answer to the next.
const KEPT_BYTES_MAX: usize = 16 << 10;

/// The requests of a run: their kinds, and the hosts that they are for.
#[derive(Clone, Debug)]
pub struct Calls {
    kinds: Vec<Call>,
    hosts: Vec<String>,
    /// Heads of requests whose contents have one size each, by host and kind; empty: of another.
    heads: Vec<Vec<u8>>,
    /// Whether every request asks for its connection to be closed.
    closes: bool,
}

/// Header fields that a kind of request has beside the necessary ones, so many that a head is as
/// long as those of browsers.
const FILLER: [(&str, &[u8]); 8] = [
    ("user-agent", b"skyring-loadgen"),
    ("accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", b"en-GB,en;q=0.7,de;q=0.3"),
    ("accept-encoding", b"identity"),
    ("cache-control", b"no-cache"),
    ("referer", b"http://localhost/play?room=17&seat=4"),
    ("cookie", b"session=0f1e2d3c4b5a69788796a5b4c3d2e1f0; seen=1; theme=dark"),
    ("x-request-class", b"load"),
];

/// Header fields of a request beside the necessary ones at most.
pub const HEADERS_MAX: u16 = 64;

impl Calls {
    /// The calls of these kinds to these hosts, as `host:port`.
    ///
    /// # Errors
    /// The first kind that cannot be written, by its name.
    pub fn new(
        kinds: &[RequestKind],
        hosts: Vec<String>,
        closes: bool,
    ) -> Result<Calls, (String, WriteError)> {
        let calls = kinds.iter().map(|kind| kind.call.clone().unwrap_or_default()).collect();
        let mut all = Calls { kinds: calls, hosts, heads: Vec::new(), closes };
        for host in 0..all.hosts.len() {
            for (index, kind) in kinds.iter().enumerate() {
                let bytes = kind.bytes;
                let mut head = Vec::new();
                let written = all.write_head(host, index, bytes.greatest as usize, &mut head);
                written.map_err(|error| (kind.name.clone(), error))?;
                let is_fixed = bytes.least == bytes.greatest;
                all.heads.push(if is_fixed { head } else { Vec::new() });
            }
        }
        Ok(all)
    }

    /// The kind of request of this number.
    pub fn kind(&self, kind: u8) -> &Call {
        &self.kinds[usize::from(kind)]
    }

    /// Appends a whole request of a kind to a host.
    pub fn encode(&self, host: usize, kind: u8, content: &[u8], out: &mut Vec<u8>) {
        let kind = usize::from(kind);
        let head = &self.heads[host * self.kinds.len() + kind];
        if head.is_empty() {
            let written = self.write_head(host, kind, content.len(), out);
            written.expect("what can be written in one length can be in another");
        } else {
            out.extend_from_slice(head);
        }
        out.extend_from_slice(content);
    }

    fn write_head(
        &self,
        host: usize,
        kind: usize,
        bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let call = &self.kinds[kind];
        let body = match call.has_content {
            true => BodySize::Known(bytes as u64),
            false => BodySize::Empty,
        };
        let (method, target, host) = (&*call.method, &*call.path, &*self.hosts[host]);
        let parts = client::RequestParts { method, target, host, body };
        let filler = FILLER.iter().cycle().take(call.headers.into()).copied();
        let close = self.closes.then_some(("connection", &b"close"[..]));
        Client::new().request(&parts, filler.chain(close), out)
    }
}

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered<'a> {
    /// Its status.
    pub status: u16,
    /// Bytes of its body.
    pub bytes: u64,
    /// Its body, or the beginning of one that is too long for any content.
    pub content: &'a [u8],
    /// Whether no other follows on this connection.
    pub is_last: bool,
}

/// Reads the answers of a connection. One that is idle is like any other, so it need not be kept.
#[derive(Debug, Default)]
pub struct Reader {
    client: Client,
    is_busy: bool,
    status: u16,
    bytes: u64,
    content: Vec<u8>,
    content_bytes_max: usize,
    request: Vec<u8>,
}

impl Reader {
    /// Whether an answer is begun and not complete.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Awaits the answer to a request, to HEAD or to another. Of its body is kept what a content of
    /// so many bytes could be.
    pub fn begin(&mut self, to_head: bool, content_bytes_max: usize) {
        self.client = Client::new();
        (self.is_busy, self.status, self.bytes) = (true, 0, 0);
        self.content_bytes_max = content_bytes_max;
        self.content.clear();
        self.content.shrink_to(KEPT_BYTES_MAX);
        self.request.clear();
        let method = if to_head { "HEAD" } else { "GET" };
        let parts =
            client::RequestParts { method, target: "/", host: "localhost", body: BodySize::Empty };
        let asked = self.client.request(&parts, NO_HEADERS, &mut self.request);
        asked.expect("a fresh client writes a plain request");
    }

    /// Takes bytes from the front of `input`, which holds all that were not taken yet: how many, and
    /// whether the answer is complete.
    ///
    /// # Errors
    /// It is none.
    pub fn read(&mut self, input: &[u8]) -> Result<(usize, bool), ReadError> {
        let mut used = 0;
        loop {
            let received = self.client.receive(&input[used..], &LIMITS)?;
            used += received.consumed;
            let is_complete = match received.event {
                None => return Ok((used, false)),
                Some(client::Event::Informational(_)) => false,
                Some(client::Event::Response(head)) => {
                    self.status = head.status();
                    !head.has_body()
                }
                Some(client::Event::Data(data)) => {
                    self.bytes += data.len() as u64;
                    // One byte more than a content has tells that it is none.
                    let room = (self.content_bytes_max + 1).saturating_sub(self.content.len());
                    self.content.extend_from_slice(&data[..data.len().min(room)]);
                    false
                }
                Some(client::Event::End(_)) => true,
            };
            if is_complete {
                self.is_busy = false;
                return Ok((used, true));
            }
        }
    }

    /// The server's stream has ended: whether that completes an answer.
    ///
    /// # Errors
    /// It is cut short.
    pub fn end(&mut self) -> Result<bool, ReadError> {
        let completes = self.client.receive_end()?;
        self.is_busy = false;
        Ok(completes)
    }

    /// The answer that is complete.
    pub fn answered(&self) -> Answered<'_> {
        Answered {
            status: self.status,
            bytes: self.bytes,
            content: &self.content,
            is_last: self.client.next() == Next::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Answer, Range};

    fn kind(bytes: u64, call: Call) -> RequestKind {
        RequestKind {
            name: String::from("one"),
            bytes: Range::just(bytes),
            call: Some(call),
            is_text: false,
        }
    }

    #[test]
    fn requests_are_what_their_kinds_say() {
        let post = Call { headers: 1, ..Call::default() };
        let ranged =
            RequestKind { bytes: Range { least: 2, greatest: 9 }, ..kind(0, post.clone()) };
        let kinds = [kind(3, post), kind(0, Call::get("/a?b=c")), ranged];
        let hosts = vec![String::from("a.example"), String::from("127.0.0.1:80")];
        let calls = Calls::new(&kinds, hosts, true).unwrap();
        let encoded = |host, kind, content: &[u8]| {
            let mut out = Vec::new();
            calls.encode(host, kind, content, &mut out);
            String::from_utf8(out).unwrap()
        };
        let post = |host: &str, content: &str| {
            format!(
                "POST /echo HTTP/1.1\r\nhost: {host}\r\nuser-agent: skyring-loadgen\r\n\
                 connection: close\r\ncontent-length: {}\r\n\r\n{content}",
                content.len()
            )
        };
        assert_eq!(encoded(0, 0, b"abc"), post("a.example", "abc"));
        assert_eq!(encoded(1, 2, b"abcd"), post("127.0.0.1:80", "abcd"));
        let get = "GET /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:80\r\nconnection: close\r\n\r\n";
        assert_eq!(encoded(1, 1, b""), get);
    }

    #[test]
    fn what_cannot_be_written_is_refused_by_its_kind() {
        let bad =
            [kind(0, Call::get("/ ")), kind(0, Call { method: "G T".into(), ..Call::get("/") })];
        for kind in bad {
            let (name, _) = Calls::new(&[kind], vec![String::from("a")], false).unwrap_err();
            assert_eq!(name, "one");
        }
    }

    /// Answers in pieces of so many bytes, as (status, bytes, content, whether it is the last).
    fn read(input: &[u8], piece_bytes: usize) -> Vec<(u16, u64, Vec<u8>, bool)> {
        let (mut reader, mut unread, mut seen) = (Reader::default(), Vec::new(), Vec::new());
        for piece in input.chunks(piece_bytes) {
            unread.extend_from_slice(piece);
            while !unread.is_empty() {
                if !reader.is_busy() {
                    reader.begin(false, 4);
                }
                let (used, is_whole) = reader.read(&unread).unwrap();
                unread.drain(..used);
                if !is_whole {
                    break;
                }
                let Answered { status, bytes, content, is_last } = reader.answered();
                seen.push((status, bytes, content.to_vec(), is_last));
            }
        }
        seen
    }

    #[test]
    fn answers_are_the_same_however_they_come() {
        let input = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc\
            HTTP/1.1 304 Not Modified\r\n\r\n\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n\
            HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let expected = [
            (200, 3, b"abc".to_vec(), false),
            (304, 0, Vec::new(), false),
            // Of a body that is longer than any content, one byte more than a content has.
            (200, 7, b"abcde".to_vec(), false),
            (404, 0, Vec::new(), true),
        ];
        for piece_bytes in [1, 2, 7, 50, input.len()] {
            assert_eq!(read(input, piece_bytes), expected, "in pieces of {piece_bytes}");
        }
    }

    #[test]
    fn an_answer_may_end_with_its_connection_or_be_cut_by_it() {
        let mut reader = Reader::default();
        for (input, ends) in [
            (&b"HTTP/1.0 200 OK\r\n\r\nab"[..], Some(true)),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", None),
            (b"HTTP/1.1 2", None),
        ] {
            reader.begin(false, 4);
            let (used, is_whole) = reader.read(input).unwrap();
            assert!(!is_whole);
            // Half a head is not taken; the client half has looked at it all the same.
            assert!(used == input.len() || used == 0);
            assert_eq!(reader.end().ok(), ends);
        }
        assert_eq!(Call::default().answer, Answer::Echo);
    }
}
