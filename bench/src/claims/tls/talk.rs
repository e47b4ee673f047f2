//! One connection as a machine without I/O: with or without TLS, one request, its answer, the end.

use std::io::{ErrorKind, Read, Write};

use rustls::HandshakeKind;
use rustls::client::ClientConnection;

use super::client::Client;
use crate::generator::http::REQUEST;
use crate::generator::wire::{Ear, Heard, Wire};

/// A connection.
pub(super) struct Talk {
    tls: Option<Box<ClientConnection>>,
    ear: Ear,
    /// What has come of the answer.
    answer: Vec<u8>,
    is_asked: bool,
    is_answered: bool,
}

/// What came of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to come.
    GoOn,
    /// The answer is right and all there; nothing more is said.
    Answered,
}

impl Talk {
    /// A connection over TLS, or without.
    ///
    /// # Errors
    /// What TLS says.
    pub(super) fn new(client: Option<&Client>) -> Result<Talk, rustls::Error> {
        let tls = client.map(Client::connection).transpose()?.map(Box::new);
        let (ear, answer) = (Ear::new(Wire::Http), Vec::new());
        Ok(Talk { tls, ear, answer, is_asked: false, is_answered: false })
    }

    /// What is said before the server says anything.
    pub(super) fn opening(&mut self) -> Result<Vec<u8>, String> {
        let mut send = Vec::new();
        self.ask_if_ready(&mut send)?;
        self.write(&mut send)?;
        Ok(send)
    }

    /// Takes bytes of the server and appends what is to be sent.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) fn on_bytes(&mut self, bytes: &[u8], send: &mut Vec<u8>) -> Result<Step, String> {
        let before = self.answer.len();
        self.read(bytes)?;
        if self.is_answered && self.answer.len() > before {
            return Err(String::from("an answer nobody asked for"));
        }
        self.ask_if_ready(send)?;
        let mut step = Step::GoOn;
        if self.is_asked && !self.is_answered {
            step = self.judge()?;
        }
        if let (Step::Answered, Some(tls)) = (step, &mut self.tls) {
            tls.send_close_notify();
        }
        self.write(send)?;
        Ok(step)
    }

    /// Whether the answer has been there, so that the server may close.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether the handshake was that of a session resumed. None: it is not over, or there is none.
    pub(super) fn is_resumed(&self) -> Option<bool> {
        let tls = self.tls.as_ref().filter(|tls| !tls.is_handshaking())?;
        tls.handshake_kind().map(|kind| kind == HandshakeKind::Resumed)
    }

    fn judge(&mut self) -> Result<Step, String> {
        match self.ear.hear(REQUEST, &self.answer) {
            Heard::Right(bytes) if bytes == self.answer.len() => {
                self.is_answered = true;
                Ok(Step::Answered)
            }
            Heard::Unfinished => Ok(Step::GoOn),
            Heard::Right(_) | Heard::Wrong => Err(String::from("the answer is wrong")),
        }
    }

    fn ask_if_ready(&mut self, send: &mut Vec<u8>) -> Result<(), String> {
        if self.is_asked {
            return Ok(());
        }
        match &mut self.tls {
            Some(tls) if tls.is_handshaking() => return Ok(()),
            Some(tls) => tls.writer().write_all(REQUEST).map_err(|error| error.to_string())?,
            None => send.extend_from_slice(REQUEST),
        }
        self.is_asked = true;
        Ok(())
    }

    /// Appends what is readable in these bytes to the answer.
    fn read(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        let Some(tls) = &mut self.tls else {
            self.answer.extend_from_slice(bytes);
            return Ok(());
        };
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes).map_err(|error| error.to_string())?;
            tls.process_new_packets().map_err(|error| error.to_string())?;
            match tls.reader().read_to_end(&mut self.answer) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// Appends what TLS has to say.
    fn write(&mut self, send: &mut Vec<u8>) -> Result<(), String> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            tls.write_tls(send).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::http::BODY;

    fn answer() -> Vec<u8> {
        [b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n".as_slice(), BODY].concat()
    }

    fn asked() -> Talk {
        let mut talk = Talk::new(None).unwrap();
        assert_eq!(talk.opening().unwrap(), REQUEST);
        talk
    }

    #[test]
    fn an_answer_may_come_in_pieces() {
        let (mut talk, mut send) = (asked(), Vec::new());
        let answer = answer();
        for byte in &answer[..answer.len() - 1] {
            assert_eq!(talk.on_bytes(&[*byte], &mut send), Ok(Step::GoOn));
        }
        assert!(!talk.is_answered());
        let last = &answer[answer.len() - 1..];
        assert_eq!(talk.on_bytes(last, &mut send), Ok(Step::Answered));
        assert!(talk.is_answered() && talk.is_resumed().is_none());
        assert!(talk.on_bytes(b"x", &mut send).is_err(), "nobody asked for more");
    }

    #[test]
    fn a_wrong_answer_and_one_too_many_are_errors() {
        let refused = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        assert!(asked().on_bytes(refused, &mut Vec::new()).is_err());
        let twice = [answer(), answer()].concat();
        assert!(asked().on_bytes(&twice, &mut Vec::new()).is_err());
    }
}
