//! The HTTP request that is sent, and what its answer must be.
//!
//! Request and body are the same for every connection and every server, so an answer that was
//! misdirected looks right; a missing, doubled or cut one does not. What an answer must have: status
//! 200, one `Content-Length` of the body's bytes and nothing else about its framing, a connection
//! that stays, and the body to the byte. What other headers a server sends is its own business.

use super::wire::Heard;

/// The path that every server answers with [`BODY`].
pub(crate) const PATH: &str = "/hello";
/// The body of every answer.
pub(crate) const BODY: &[u8; 64] =
    b"Hello. This answer is sixty-four bytes long, whoever may send it";
/// Its media type.
pub(crate) const MEDIA_TYPE: &str = "text/plain";

/// A request.
pub(crate) const REQUEST: &[u8; 112] = b"GET /hello HTTP/1.1\r\n\
    Host: localhost:8080\r\n\
    User-Agent: skyring-bench/0.1\r\n\
    Accept: */*\r\n\
    Accept-Encoding: gzip\r\n\
    \r\n";

/// Bytes of a head above which an answer is none.
const HEAD_BYTES_MAX: usize = 4096;

/// Reads answers. The head of the last right one is remembered: one that is the same to the byte
/// means the same and is not read again, so that checking costs the generator little.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    head: Vec<u8>,
}

impl Answers {
    /// What stands at the front of `stream`.
    pub(crate) fn hear(&mut self, stream: &[u8]) -> Heard {
        if self.head.is_empty() || !stream.starts_with(&self.head) {
            let Some(end) = stream.windows(4).position(|window| window == b"\r\n\r\n") else {
                let is_endless = stream.len() > HEAD_BYTES_MAX;
                return if is_endless { Heard::Wrong } else { Heard::Unfinished };
            };
            let head = &stream[..end + 4];
            if !is_right(head) {
                return Heard::Wrong;
            }
            self.head.clear();
            self.head.extend_from_slice(head);
        }
        let end = self.head.len() + BODY.len();
        match stream.get(self.head.len()..end) {
            Some(body) if body == BODY => Heard::Right(end),
            Some(_) => Heard::Wrong,
            None => Heard::Unfinished,
        }
    }
}

/// Whether a head, its empty line included, announces the body.
fn is_right(head: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(head) else { return false };
    let mut lines = text.split("\r\n");
    if !lines.next().is_some_and(|line| line.starts_with("HTTP/1.1 200")) {
        return false;
    }
    let mut lengths = 0;
    for line in lines.take_while(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else { return false };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" if value.parse() == Ok(BODY.len()) => lengths += 1,
            "connection" if value.eq_ignore_ascii_case("keep-alive") => {}
            "content-length" | "connection" | "transfer-encoding" | "content-encoding" => {
                return false;
            }
            _ => {}
        }
    }
    lengths == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(head: &str) -> Vec<u8> {
        let head = head.replace('\n', "\r\n");
        [head.as_bytes(), b"\r\n", BODY].concat()
    }

    const GOOD: &str = "HTTP/1.1 200 OK\nServer: x\nContent-Length: 64\n";

    fn hears(head: &str) -> Heard {
        Answers::default().hear(&answer(head))
    }

    #[test]
    fn an_answer_is_found_whole_and_byte_by_byte() {
        let stream = [answer(GOOD), answer("HTTP/1.1 200 OK\ncontent-length: 64\n")].concat();
        let first = answer(GOOD).len();
        let mut answers = Answers::default();
        for end in 0..first {
            assert_eq!(answers.hear(&stream[..end]), Heard::Unfinished, "{end}");
        }
        for _ in 0..2 {
            assert_eq!(answers.hear(&stream), Heard::Right(first));
        }
        assert_eq!(answers.hear(&stream[first..]), Heard::Right(stream.len() - first));
    }

    #[test]
    fn any_other_answer_is_wrong() {
        for wrong in [
            "HTTP/1.1 404 Not Found\nContent-Length: 64\n",
            "HTTP/1.0 200 OK\nContent-Length: 64\n",
            "HTTP/1.1 200 OK\n",
            "HTTP/1.1 200 OK\nContent-Length: 63\n",
            "HTTP/1.1 200 OK\nContent-Length: 64\nContent-Length: 64\n",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 64\n",
            "HTTP/1.1 200 OK\nContent-Length: 64\nConnection: close\n",
            "HTTP/1.1 200 OK\nContent-Length: 64\nwhat\n",
        ] {
            assert_eq!(hears(wrong), Heard::Wrong, "{wrong}");
        }
        assert!(matches!(hears(GOOD), Heard::Right(_)));
    }

    #[test]
    fn every_byte_of_the_body_counts_also_behind_a_known_head() {
        let mut answers = Answers::default();
        let good = answer(GOOD);
        assert!(matches!(answers.hear(&good), Heard::Right(_)));
        for index in good.len() - BODY.len()..good.len() {
            let mut wrong = good.clone();
            wrong[index] ^= 1;
            assert_eq!(answers.hear(&wrong), Heard::Wrong, "byte {index}");
        }
        assert_eq!(answers.hear(&vec![b'x'; HEAD_BYTES_MAX + 1]), Heard::Wrong);
    }

    #[test]
    fn the_request_asks_for_the_path() {
        let line = format!("GET {PATH} HTTP/1.1\r\n");
        assert!(REQUEST.starts_with(line.as_bytes()) && REQUEST.ends_with(b"\r\n\r\n"));
    }
}
