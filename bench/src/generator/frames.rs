//! The frames that are sent, and what their answers must be.
//!
//! A request is always 64 bytes of payload behind its two-byte length: connection number, sequence
//! number, then a pattern that differs between connections. To a msgserver the last four bytes of
//! the payload are the request id (WIRE.md, msgserver), which is the sequence number.

/// Bytes of a request on the wire.
pub const FRAME_BYTES: usize = HEAD_BYTES + PAYLOAD_BYTES;

const HEAD_BYTES: usize = 2;
const PAYLOAD_BYTES: usize = 64;
const ID_BYTES: usize = 4;
/// The flag byte of a good answer of a msgserver.
const FLAG_OK: u8 = 1;

/// What a server does with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Sends it back.
    Echo,
    /// Takes it as a request of an attached session and answers with its content.
    Session,
}

impl Wire {
    /// Bytes of an answer on the wire.
    pub(crate) fn answer_bytes(self) -> usize {
        match self {
            Wire::Echo => FRAME_BYTES,
            Wire::Session => FRAME_BYTES + 1,
        }
    }

    /// Whether `answer` is the right answer to `request`, both whole frames.
    pub(crate) fn is_answer(self, request: &[u8], answer: &[u8]) -> bool {
        match self {
            Wire::Echo => answer == request,
            Wire::Session => {
                let (content, id) = request[HEAD_BYTES..].split_at(PAYLOAD_BYTES - ID_BYTES);
                let Some((head, rest)) = answer.split_first_chunk::<HEAD_BYTES>() else {
                    return false;
                };
                usize::from(u16::from_be_bytes(*head)) == PAYLOAD_BYTES + 1
                    && rest.len() == PAYLOAD_BYTES + 1
                    && rest.starts_with(content)
                    && rest[content.len()] == FLAG_OK
                    && &rest[content.len() + 1..] == id
            }
        }
    }
}

/// Writes everything that stays the same in a connection's frames.
pub(crate) fn prepare(frame: &mut [u8], connection: u32) {
    frame[..HEAD_BYTES].copy_from_slice(&(PAYLOAD_BYTES as u16).to_be_bytes());
    frame[2..6].copy_from_slice(&connection.to_be_bytes());
    for (index, byte) in frame[10..].iter_mut().enumerate() {
        // Any pattern will do that two connections do not share.
        *byte = (index as u32 * 7).wrapping_add(connection.wrapping_mul(0x9e37_79b1) >> 8) as u8;
    }
}

/// Writes the sequence number into a prepared frame, in front and as its request id.
pub(crate) fn number(frame: &mut [u8], sequence: u32) {
    frame[6..10].copy_from_slice(&sequence.to_be_bytes());
    frame[FRAME_BYTES - ID_BYTES..].copy_from_slice(&sequence.to_be_bytes());
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
        assert!(Wire::Echo.is_answer(&request, &request));
        for index in 0..FRAME_BYTES {
            let mut wrong = request;
            wrong[index] ^= 1;
            assert!(!Wire::Echo.is_answer(&request, &wrong), "byte {index}");
        }
    }

    #[test]
    fn a_session_answer_must_be_exact() {
        let request = frame(3, 9);
        let answer = session_answer(&request);
        assert_eq!(answer.len(), Wire::Session.answer_bytes());
        assert!(Wire::Session.is_answer(&request, &answer));
        for index in 0..answer.len() {
            let mut wrong = answer.clone();
            wrong[index] ^= 1;
            assert!(!Wire::Session.is_answer(&request, &wrong), "byte {index}");
        }
        assert!(!Wire::Session.is_answer(&request, &answer[..answer.len() - 1]));
    }
}
