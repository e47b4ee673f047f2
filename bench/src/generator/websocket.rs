//! The WebSocket message that is sent, and what its echo must be.
//!
//! A message is 64 bytes, binary, in one frame: connection number, sequence number, then a pattern that
//! differs between connections. It is masked when it is prepared, with a key that a connection keeps, so
//! a send costs the generator no more than another frame does. An echo is right if it is one
//! frame, not masked, and its payload is the message to the byte. Control frames are nobody's answer.

use std::io::{self, Read, Write};

use super::frames;
use super::wire::Heard;

/// The path that every server echoes on.
pub(crate) const PATH: &str = "/ws";

/// Bytes of a message on the wire.
pub(crate) const REQUEST_BYTES: usize = HEAD_BYTES + KEY_BYTES + PAYLOAD_BYTES;

const HEAD_BYTES: usize = 2;
const KEY_BYTES: usize = 4;
const PAYLOAD_BYTES: usize = 64;
const ANSWER_BYTES: usize = HEAD_BYTES + PAYLOAD_BYTES;

/// The head of a binary message in one frame.
const HEAD: [u8; HEAD_BYTES] = [0x82, PAYLOAD_BYTES as u8];
const IS_MASKED: u8 = 0x80;

/// The request for the upgrade. The key is the one of RFC 6455, and so is what answers it.
const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\n\
    Host: localhost:8080\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Bytes of an answer to the upgrade above which it is none.
const UPGRADED_BYTES_MAX: usize = 4096;

/// Writes everything that stays the same in a connection's messages.
pub(crate) fn prepare(request: &mut [u8], connection: u32) {
    let key = connection.wrapping_add(1).wrapping_mul(0x9e37_79b1).to_be_bytes();
    request[..HEAD_BYTES].copy_from_slice(&[HEAD[0], HEAD[1] | IS_MASKED]);
    request[HEAD_BYTES..][..KEY_BYTES].copy_from_slice(&key);
    let payload = &mut request[HEAD_BYTES + KEY_BYTES..];
    payload[..4].copy_from_slice(&connection.to_be_bytes());
    payload[4..8].fill(0);
    frames::fill(&mut payload[8..], connection);
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[index % KEY_BYTES];
    }
}

/// Writes the sequence number into a prepared message.
pub(crate) fn number(request: &mut [u8], sequence: u32) {
    let masked = u32::from_be_bytes(key(request)) ^ sequence;
    request[HEAD_BYTES + KEY_BYTES + 4..][..4].copy_from_slice(&masked.to_be_bytes());
}

fn key(request: &[u8]) -> [u8; KEY_BYTES] {
    let key = request[HEAD_BYTES..].first_chunk();
    *key.expect("a message has a key behind its head")
}

/// Whether the echo of a message has come.
pub(crate) fn hear(request: &[u8], stream: &[u8]) -> Heard {
    let Some(answer) = stream.get(..ANSWER_BYTES) else { return Heard::Unfinished };
    let key = u32::from_ne_bytes(key(request));
    let sent = request[HEAD_BYTES + KEY_BYTES..].as_chunks::<KEY_BYTES>().0;
    let (head, echoed) = answer.split_at(HEAD_BYTES);
    let echoed = echoed.as_chunks::<KEY_BYTES>().0;
    let word = |bytes: &[u8; KEY_BYTES]| u32::from_ne_bytes(*bytes);
    let differing = |(one, other)| word(one) ^ key ^ word(other);
    let is_right = head == HEAD && sent.iter().zip(echoed).map(differing).all(|it| it == 0);
    if is_right { Heard::Right(ANSWER_BYTES) } else { Heard::Wrong }
}

/// Upgrades a connection. Servers say nothing behind their answer before they are spoken to.
///
/// # Errors
/// A connection that breaks, and a server that does not agree.
pub(crate) fn upgrade(stream: &mut (impl Read + Write)) -> io::Result<()> {
    stream.write_all(UPGRADE)?;
    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => head.extend_from_slice(&buffer[..bytes]),
        }
        if head.len() > UPGRADED_BYTES_MAX {
            return Err(io::Error::other("the answer to the upgrade has no end"));
        }
    }
    if is_upgraded(&head) { Ok(()) } else { Err(io::Error::other("the upgrade was refused")) }
}

fn is_upgraded(head: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(head) else { return false };
    let accepted = |line: &str| {
        let field = line.split_once(':');
        field.is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == ACCEPT
        })
    };
    text.starts_with("HTTP/1.1 101 ") && text.lines().any(accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(connection: u32, sequence: u32) -> [u8; REQUEST_BYTES] {
        let mut message = [0; REQUEST_BYTES];
        prepare(&mut message, connection);
        number(&mut message, sequence);
        message
    }

    fn unmasked(message: &[u8]) -> Vec<u8> {
        let key = key(message);
        let payload = message[HEAD_BYTES + KEY_BYTES..].iter().enumerate();
        payload.map(|(index, byte)| byte ^ key[index % KEY_BYTES]).collect()
    }

    fn echo(message: &[u8]) -> Vec<u8> {
        [&HEAD[..], &unmasked(message)].concat()
    }

    #[test]
    fn messages_are_masked_and_say_whose_they_are() {
        let message = message(7, 0x0102_0304);
        assert_eq!((message[0], message[1], message.len()), (0x82, 0xc0, 70));
        assert_ne!(key(&message), [0; 4]);
        assert_eq!(unmasked(&message)[..8], [0, 0, 0, 7, 1, 2, 3, 4]);
        assert_ne!(self::message(1, 5), self::message(2, 5));
        assert_ne!(self::message(1, 5), self::message(1, 6));
    }

    #[test]
    fn an_echo_must_be_exact() {
        let message = message(3, 9);
        let right = echo(&message);
        assert_eq!(hear(&message, &right), Heard::Right(ANSWER_BYTES));
        for index in 0..right.len() {
            let mut wrong = right.clone();
            wrong[index] ^= 1;
            assert_eq!(hear(&message, &wrong), Heard::Wrong, "byte {index}");
            assert_eq!(hear(&message, &right[..index]), Heard::Unfinished);
        }
        assert_eq!(hear(&message, &message), Heard::Wrong, "it is masked");
    }

    /// A server's side of an upgrade, in memory.
    struct Answering<'a>(&'a [u8], Vec<u8>);

    impl Read for Answering<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Answering<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_who_agrees_is_spoken_to() {
        let answer = |status: &str, accept: &str| {
            format!(
                "HTTP/1.1 {status}\r\nUpgrade: websocket\r\nsec-websocket-ACCEPT: {accept}\r\n\r\n"
            )
        };
        for (answer, is_right) in [
            (answer("101 Switching Protocols", ACCEPT), true),
            (answer("200 OK", ACCEPT), false),
            (answer("101 Switching Protocols", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO="), false),
            (String::from("HTTP/1.1 101"), false),
            ("x".repeat(UPGRADED_BYTES_MAX + 1), false),
        ] {
            let mut stream = Answering(answer.as_bytes(), Vec::new());
            assert_eq!(upgrade(&mut stream).is_ok(), is_right, "{answer}");
            assert_eq!(stream.1, UPGRADE);
        }
        assert!(UPGRADE.starts_with(format!("GET {PATH} HTTP/1.1\r\n").as_bytes()));
    }
}
