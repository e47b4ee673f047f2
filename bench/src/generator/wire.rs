//! What connections say, and what they must hear.

use super::frames::{self, FRAME_BYTES};
use super::{http, websocket};

/// What goes over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Frames that come back.
    Echo,
    /// The same, each of so many bytes in all, as a request of another protocol has.
    EchoOf(u16),
    /// Frames that are requests of an attached session and are answered with their content.
    Session,
    /// HTTP/1.1 requests on a connection that stays.
    Http,
    /// WebSocket messages that come back.
    WebSocket,
}

/// What stands at the front of a stream of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The right answer, in so many bytes.
    Right(usize),
    /// Something else.
    Wrong,
    /// Too little to tell.
    Unfinished,
}

impl Wire {
    /// The wire of a bare echo whose requests are as long as this one's.
    pub fn echo(self) -> Wire {
        Wire::EchoOf(self.request_bytes() as u16)
    }

    /// Bytes of a request.
    pub fn request_bytes(self) -> usize {
        match self {
            Wire::Echo | Wire::Session => FRAME_BYTES,
            Wire::EchoOf(bytes) => bytes.into(),
            Wire::Http => http::REQUEST.len(),
            Wire::WebSocket => websocket::REQUEST_BYTES,
        }
    }

    /// Writes everything that stays the same in a connection's requests.
    pub(crate) fn prepare(self, request: &mut [u8], connection: u32) {
        match self {
            Wire::Echo | Wire::EchoOf(_) | Wire::Session => frames::prepare(request, connection),
            Wire::Http => request.copy_from_slice(http::REQUEST),
            Wire::WebSocket => websocket::prepare(request, connection),
        }
    }

    /// Writes the sequence number into a prepared request that has one.
    pub(crate) fn number(self, request: &mut [u8], sequence: u32) {
        match self {
            Wire::Echo | Wire::EchoOf(_) | Wire::Session => frames::number(request, sequence),
            Wire::Http => {}
            Wire::WebSocket => websocket::number(request, sequence),
        }
    }
}

/// Compares answers with what was asked.
#[derive(Debug)]
pub(crate) struct Ear {
    wire: Wire,
    http: http::Answers,
}

impl Ear {
    /// One that has heard nothing yet.
    pub(crate) fn new(wire: Wire) -> Ear {
        Ear { wire, http: http::Answers::default() }
    }

    /// What stands at the front of `stream`, where the answer to `request` must be.
    pub(crate) fn hear(&mut self, request: &[u8], stream: &[u8]) -> Heard {
        match self.wire {
            Wire::Echo | Wire::EchoOf(_) => frames::hear_echo(request, stream),
            Wire::Session => frames::hear_session(request, stream),
            Wire::Http => self.http.hear(stream),
            Wire::WebSocket => websocket::hear(request, stream),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_as_long_as_they_say() {
        let all = [Wire::Echo, Wire::Http.echo(), Wire::Session, Wire::Http, Wire::WebSocket];
        for wire in all {
            let mut request = vec![0; wire.request_bytes()];
            wire.prepare(&mut request, 7);
            wire.number(&mut request, 9);
            assert!(request.iter().any(|byte| *byte != 0), "{wire:?}");
        }
        assert_eq!(Wire::Http.echo().request_bytes(), Wire::Http.request_bytes());
        assert_eq!(Wire::WebSocket.echo(), Wire::EchoOf(70));
    }

    #[test]
    fn a_long_echo_is_compared_whole() {
        let wire = Wire::Http.echo();
        let mut request = vec![0; wire.request_bytes()];
        wire.prepare(&mut request, 7);
        assert_eq!(request[..2], [0, 110]);
        let mut ear = Ear::new(wire);
        assert_eq!(ear.hear(&request, &request), Heard::Right(112));
        assert_eq!(ear.hear(&request, &request[..111]), Heard::Unfinished);
        let mut wrong = request.clone();
        wrong[111] ^= 1;
        assert_eq!(ear.hear(&request, &wrong), Heard::Wrong);
    }
}
