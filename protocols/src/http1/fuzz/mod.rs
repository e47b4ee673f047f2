//! What holds for any bytes and any operations: the bodies of the fuzz targets in `protocols/fuzz`.
//!
//! Each takes bytes from nobody and panics when a promise is broken. The first bytes choose limits
//! and cuts, the rest is the input, so a failing input is all that is needed to see it again. The
//! same functions run as property tests with inputs that look like HTTP, so they do not rot between
//! two runs of the fuzzer.

mod pair;
mod reading;
mod urls;

pub use pair::pair;
pub use reading::{chunked, request_head, response_head};
pub use urls::url;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{form, host, url};
    use proptest::prelude::*;
    use proptest::sample::select;

    /// Pieces of which heads and bodies are made, good and bad.
    const WORDS: &[&[u8]] = &[
        b"GET",
        b"POST",
        b"HEAD",
        b"OPTIONS",
        b"CONNECT",
        b" ",
        b"  ",
        b"/",
        b"/a?b",
        b"*",
        b"a:80",
        b"http://a/",
        b" HTTP/1.1",
        b" HTTP/1.0",
        b"HTTP/1.1 ",
        b"HTTP/2.0",
        b"200",
        b"204",
        b"304",
        b"100",
        b"101",
        b" OK",
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"\t",
        b"\xff",
        b":",
        b": ",
        b" : ",
        b",",
        b";",
        b"=",
        b"\"",
        b"a",
        b"Host: a\r\n",
        b"Host",
        b"Content-Length",
        b"0",
        b"1",
        b"5",
        b"05",
        b"+5",
        b"0x5",
        b"a5",
        b"ffffffffffffffff",
        b"18446744073709551616",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding",
        b"Transfer-Encoding: chunked\r\n",
        b"chunked",
        b"gzip",
        b"identity",
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b"Expect",
        b"100-continue",
        b"Upgrade: x\r\nConnection: upgrade\r\n",
        b"hello",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"0\r\nX: y\r\n\r\n",
        b";a=b",
        b";a=\"b\"",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ];

    /// Choices, then words.
    fn input() -> impl Strategy<Value = Vec<u8>> {
        let words = prop::collection::vec(select(WORDS), 0..20);
        (any::<[u8; 4]>(), words).prop_map(|(front, words)| [&front[..], &words.concat()].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn of_requests(data in input(), noise: Vec<u8>) {
            request_head(&data);
            request_head(&noise);
        }

        #[test]
        fn of_responses(data in input(), noise: Vec<u8>) {
            response_head(&data);
            response_head(&noise);
        }

        #[test]
        fn of_chunks(data in input(), noise: Vec<u8>) {
            chunked(&data);
            chunked(&noise);
        }

        #[test]
        fn of_the_pair(data in prop::collection::vec(any::<u8>(), 0..400)) {
            pair(&data);
        }

        #[test]
        fn of_texts(text: String, bytes: Vec<u8>) {
            let _ = (url::Url::parse(&text), host::Host::parse(&text));
            let _ = (form::parse_target(&bytes), form::parse_query(&bytes));
        }
    }
}
