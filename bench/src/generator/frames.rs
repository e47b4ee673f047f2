//! The frames that are sent, and what their answers must be.
//!
//! A request is 64 bytes of payload behind its two-byte length, in an
//! echo beside another protocol as many as a request of that has in all: connection number, sequence
//! number, then a pattern that differs between connections. To a msgserver the last four bytes of the
//! payload are the request id (WIRE.md, msgserver), which is the sequence number.

use super::wire::Heard;

/// Bytes of a request on the wire.
pub const FRAME_BYTES: usize = HEAD_BYTES + PAYLOAD_BYTES;

/// Bytes of a msgserver's answer on the wire.
const SESSION_ANSWER_BYTES: usize = FRAME_BYTES + 1;
const HEAD_BYTES: usize = 2;
const PAYLOAD_BYTES: usize = 64;
const ID_BYTES: usize = 4;
/// The flag byte of a good answer of a msgserver.
const FLAG_OK: u8 = 1;

/// Whether a frame has come back. A frame that is sent back is compared whole.
pub(crate) fn hear_echo(request: &[u8], stream: &[u8]) -> Heard {
    match stream.get(..request.len()) {
        Some(answer) if answer == request => Heard::Right(request.len()),
        Some(_) => Heard::Wrong,
        None => Heard::Unfinished,
    }
}

/// Whether a msgserver's answer to a request has come: its content, the flag, and its id.
pub(crate) fn hear_session(request: &[u8], stream: &[u8]) -> Heard {
    let Some(answer) = stream.get(..SESSION_ANSWER_BYTES) else { return Heard::Unfinished };
    let (content, id) = request[HEAD_BYTES..].split_at(PAYLOAD_BYTES - ID_BYTES);
    let (head, rest) = answer.split_at(HEAD_BYTES);
    let is_right = head == (PAYLOAD_BYTES as u16 + 1).to_be_bytes()
        && rest.starts_with(content)
        && rest[content.len()] == FLAG_OK
        && &rest[content.len() + 1..] == id;
    if is_right { Heard::Right(SESSION_ANSWER_BYTES) } else { Heard::Wrong }
}

/// Writes everything that stays the same in a connection's frames.
pub(crate) fn prepare(frame: &mut [u8], connection: u32) {
    let payload_bytes = (frame.len() - HEAD_BYTES) as u16;
    frame[..HEAD_BYTES].copy_from_slice(&payload_bytes.to_be_bytes());
    frame[2..6].copy_from_slice(&connection.to_be_bytes());
    fill(&mut frame[10..], connection);
}

/// Fills bytes with a pattern. Any will do that two connections do not share.
pub(super) fn fill(bytes: &mut [u8], connection: u32) {
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = (index as u32 * 7).wrapping_add(connection.wrapping_mul(0x9e37_79b1) >> 8) as u8;
    }
}

/// Writes the sequence number into a prepared frame, in front and as its request id.
pub(crate) fn number(frame: &mut [u8], sequence: u32) {
    frame[6..10].copy_from_slice(&sequence.to_be_bytes());
    let id = frame.len() - ID_BYTES;
    frame[id..].copy_from_slice(&sequence.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(connection: u32, sequence: u32) -> [u8; FRAME_BYTES] {
        let mut frame = [0; FRAME_BYTES];
        prepare(&mut frame, connection);
        number(&mut frame, sequence);
        frame
    }

    fn session_answer(request: &[u8]) -> Vec<u8> {
        let mut answer = request.to_vec();
        answer.insert(FRAME_BYTES - ID_BYTES, FLAG_OK);
        answer[1] += 1;
        answer
    }

    #[test]
    fn frames_of_other_connections_and_other_requests_differ() {
        assert_ne!(frame(1, 5), frame(2, 5));
        assert_ne!(frame(1, 5), frame(1, 6));
        assert_eq!(frame(1, 5)[..2], [0, 64]);
    }

    #[test]
    fn an_echo_must_be_exact() {
        let request = frame(3, 9);
        assert_eq!(hear_echo(&request, &request), Heard::Right(FRAME_BYTES));
        for index in 0..FRAME_BYTES {
            let mut wrong = request;
            wrong[index] ^= 1;
            assert_eq!(hear_echo(&request, &wrong), Heard::Wrong, "byte {index}");
            assert_eq!(hear_echo(&request, &request[..index]), Heard::Unfinished);
        }
    }

    #[test]
    fn a_session_answer_must_be_exact() {
        let request = frame(3, 9);
        let answer = session_answer(&request);
        assert_eq!(hear_session(&request, &answer), Heard::Right(answer.len()));
        for index in 0..answer.len() {
            let mut wrong = answer.clone();
            wrong[index] ^= 1;
            assert_eq!(hear_session(&request, &wrong), Heard::Wrong, "byte {index}");
            assert_eq!(hear_session(&request, &answer[..index]), Heard::Unfinished);
        }
    }
}
