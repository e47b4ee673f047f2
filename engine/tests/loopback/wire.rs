//! The client's side of a recorded conversation: named connections, and the steps on them.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::PATIENCE;
use crate::transcript::Step;

/// The open connections of one recording.
#[derive(Default)]
pub(crate) struct Wires {
    open: BTreeMap<String, TcpStream>,
    byte_by_byte: bool,
}

impl Wires {
    /// `byte_by_byte`: every write carries a single byte, whatever was recorded.
    pub(crate) fn new(byte_by_byte: bool) -> Wires {
        Wires { open: BTreeMap::new(), byte_by_byte }
    }

    /// Names a connection.
    pub(crate) fn connected(&mut self, name: &str, stream: TcpStream) {
        self.open.insert(name.to_owned(), stream);
    }

    /// Does a step on a connection. None: it is another kind of step.
    pub(crate) fn step(&mut self, step: &Step) -> Option<Result<(), String>> {
        match step.op.as_str() {
            "send" => self.send(step),
            "recv" => return Some(self.expect_bytes(&step.conn, &step.bytes())),
            "silent" => {
                return Some(self.expect_silence(&step.conn, Duration::from_millis(step.ms)));
            }
            "closed" => return Some(self.expect_closed(&step.conn)),
            "close" => drop(self.open.remove(&step.conn)),
            _ => return None,
        }
        Some(Ok(()))
    }

    fn wire(&mut self, name: &str) -> &mut TcpStream {
        self.open.get_mut(name).unwrap_or_else(|| panic!("{name} is not connected"))
    }

    fn send(&mut self, step: &Step) {
        let smallest = if self.byte_by_byte { 1 } else { usize::MAX };
        let pieces = step.pieces();
        let wire = self.wire(&step.conn);
        for piece in pieces.iter().flat_map(|piece| piece.chunks(smallest)) {
            // The server may have closed already; the next step says whether it should have.
            if wire.write_all(piece).is_err() {
                return;
            }
        }
    }

    fn expect_bytes(&mut self, name: &str, expected: &[u8]) -> Result<(), String> {
        let mut actual = vec![0; expected.len()];
        let mut count = 0;
        let mut end = String::new();
        while count < expected.len() && expected[..count] == actual[..count] {
            match self.wire(name).read(&mut actual[count..]) {
                Ok(0) => end = String::from("then the end"),
                Ok(more) => {
                    count += more;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => end = format!("then {error}"),
            }
            break;
        }
        if actual[..count] == *expected {
            return Ok(());
        }
        let shown = |bytes: &[u8]| bytes[..bytes.len().min(200)].escape_ascii().to_string();
        let (expected, actual) = (shown(expected), shown(&actual[..count]));
        Err(format!("{name} expected \"{expected}\", got \"{actual}\" {end}"))
    }

    fn expect_silence(&mut self, name: &str, time: Duration) -> Result<(), String> {
        match look(self.wire(name), time) {
            Seen::Nothing => Ok(()),
            seen => Err(format!("{name} should be open and silent: {seen:?}")),
        }
    }

    /// The server closes, and nothing comes before that.
    pub(crate) fn expect_closed(&mut self, name: &str) -> Result<(), String> {
        match look(self.wire(name), PATIENCE) {
            Seen::End => Ok(()),
            seen => Err(format!("{name} should be closed: {seen:?}")),
        }
    }

    /// At the end of a recording nothing more has come.
    pub(crate) fn expect_no_more(&mut self) -> Result<(), String> {
        for (name, wire) in &mut self.open {
            if let Seen::Bytes(bytes) = look(wire, Duration::from_millis(1)) {
                return Err(format!("{name} got more than recorded: {}", bytes.escape_ascii()));
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
enum Seen {
    Nothing,
    Bytes(Vec<u8>),
    End,
}

/// Looks for bytes or the end of a connection.
fn look(wire: &mut TcpStream, time: Duration) -> Seen {
    let mut buffer = [0; 256];
    wire.set_read_timeout(Some(time)).unwrap();
    let seen = loop {
        match wire.read(&mut buffer) {
            Ok(0) => break Seen::End,
            Ok(count) => break Seen::Bytes(buffer[..count].to_vec()),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => break Seen::Nothing,
                ErrorKind::Interrupted => {}
                _ => break Seen::End,
            },
        }
    };
    wire.set_read_timeout(Some(PATIENCE)).unwrap();
    seen
}
