//! What holds for any bytes where a header must be: the body of a fuzz target in `protocols/fuzz`.

use super::{HEADER_BYTES_MAX, Header, ProxyError, decode, encode_binary, encode_text};
use crate::decode::Decode;

/// Reads the bytes as the start of a connection, whole and byte by byte: one verdict, at the same byte,
/// within the limit, and not before as many bytes as were asked for. What was read is written again,
/// in both forms, and means the same.
pub fn proxy(data: &[u8]) {
    let whole = decode(data);
    assert_eq!(whole, grown(data), "cut elsewhere");
    match whole {
        Ok(Decode::Done { value, consumed }) => {
            assert!(consumed > 0 && consumed <= data.len().min(HEADER_BYTES_MAX));
            written_again(value);
        }
        Ok(Decode::NeedMore { at_least }) => {
            assert!(at_least > 0 && data.len() < HEADER_BYTES_MAX, "it can still become one");
        }
        Err(_) => {}
    }
}

/// The first verdict while bytes come one by one.
fn grown(data: &[u8]) -> Result<Decode<Header>, ProxyError> {
    let mut due = 0;
    for end in 0..data.len() {
        match decode(&data[..end]) {
            Ok(Decode::NeedMore { at_least }) => due = due.max(end + at_least),
            Ok(done) => {
                assert!(end >= due, "it came before the bytes that it needed");
                return Ok(done);
            }
            refused => return refused,
        }
    }
    decode(data)
}

fn written_again(header: Header) {
    let Header::Forwarded { source, destination } = header else { return };
    for encode in [encode_text, encode_binary] {
        let mut written = Vec::new();
        encode(source, destination, &mut written);
        let consumed = written.len();
        assert_eq!(decode(&written), Ok(Decode::Done { value: header, consumed }));
    }
}
