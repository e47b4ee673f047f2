//! One hostile connection: what it does, step by step, and how it ends.
//!
//! A sortie is a list of [`Move`]s that a [`Field`](super::field::Field) carries out one after the other without
//! ever waiting for it. It ends when the server ends the connection, when the list is done, or when
//! the server has not ended within the time that [`Move::Outlast`] gives it what it ought to have ended.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use skyring_protocols::login::client::{LoginClient, LoginClientOutput};

/// How long a connection may take to come about, and a server not to take what is sent to it.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of an answer that are kept, to be judged.
const HEARD_BYTES: usize = 256;
/// Reads in one go, so that one connection cannot keep the others from their turn.
const READS: usize = 8;

/// A step of a sortie.
pub enum Move {
    /// Sends these bytes, as fast as the server takes them; after a while it goes on without.
    Send(Bytes),
    /// Sends them one at a time, so far apart.
    Trickle(Bytes, Duration),
    /// Logs in, and goes on whatever comes of it.
    Login(Box<LoginClient>),
    /// Reads nothing any more.
    Deafen,
    /// Reads again.
    Listen,
    /// Does nothing.
    Rest(Duration),
    /// Breaks the connection off.
    Reset,
    /// Waits for the server to end the connection.
    Outlast(Duration),
}

/// A connection to be made, and what is to be done on it.
pub struct Sortie {
    /// Whom to.
    pub to: SocketAddr,
    /// From which address.
    pub from: Ipv4Addr,
    /// What.
    pub moves: Vec<Move>,
}

/// How a sortie ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The server ended it.
    ByServer,
    /// It had done all.
    Done,
    /// The server ought to have ended it, and has not.
    Outlasted,
    /// There was no connection.
    NotConnected,
}

/// How a sortie ended, and what it had heard until then.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How.
    pub ending: Ending,
    /// The first bytes from the server.
    pub heard: Vec<u8>,
    /// Whether a login of it was granted.
    pub is_granted: bool,
}

impl Outcome {
    /// Whether the server has said yes to it: a login that was granted, an attach that was accepted, an
    /// answer of HTTP that is no refusal.
    pub fn was_let_in(&self) -> bool {
        let has = |what: &[u8]| self.heard.windows(what.len()).any(|part| part == what);
        self.is_granted || has(b"200 OK") || has(b"HTTP/1.1 2")
    }
}

/// A sortie under way.
pub(super) struct Underway {
    stream: TcpStream,
    moves: VecDeque<Move>,
    /// When the present move began.
    since: Instant,
    /// Bytes of the present move that have been sent.
    sent: usize,
    is_connected: bool,
    is_deaf: bool,
    is_granted: bool,
    /// What a login says next.
    to_say: Vec<u8>,
    heard: Vec<u8>,
}

impl Underway {
    /// Begins to connect.
    pub(super) fn begin(sortie: Sortie, now: Instant) -> io::Result<Underway> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        rustix::net::bind(&socket, &SocketAddr::from((sortie.from, 0)))?;
        match rustix::net::connect(&socket, &sortie.to) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        Ok(Underway {
            stream,
            moves: sortie.moves.into(),
            since: now,
            sent: 0,
            is_connected: false,
            is_deaf: false,
            is_granted: false,
            to_say: Vec::new(),
            heard: Vec::new(),
        })
    }

    /// What it waits for.
    pub(super) fn interest(&self) -> PollFd<'_> {
        let mut wanted = PollFlags::empty();
        if !self.is_connected || self.is_sending() {
            wanted |= PollFlags::OUT;
        }
        if self.is_connected && !self.is_deaf {
            wanted |= PollFlags::IN;
        }
        PollFd::new(&self.stream, wanted)
    }

    fn is_sending(&self) -> bool {
        match self.moves.front() {
            Some(Move::Send(_)) => true,
            Some(Move::Login(_)) => !self.to_say.is_empty(),
            _ => false,
        }
    }

    /// Does what can be done now. Some: that was the end.
    pub(super) fn turn(&mut self, ready: PollFlags, now: Instant) -> Option<Outcome> {
        let ending = self.go_on(ready, now)?;
        if self.moves.front().is_some_and(|it| matches!(it, Move::Reset)) {
            // Closing with a linger of nothing is what breaks a connection off.
            let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
        }
        let heard = std::mem::take(&mut self.heard);
        Some(Outcome { ending, heard, is_granted: self.is_granted })
    }

    fn go_on(&mut self, ready: PollFlags, now: Instant) -> Option<Ending> {
        if !self.is_connected {
            return self.connect(ready, now);
        }
        let is_broken = ready.intersects(PollFlags::ERR | PollFlags::HUP);
        if is_broken && self.is_deaf {
            return Some(Ending::ByServer);
        }
        if (ready.contains(PollFlags::IN) || is_broken) && self.hear().is_err() {
            return Some(Ending::ByServer);
        }
        loop {
            match self.step(now) {
                Ok(true) => self.next(now),
                Ok(false) => return None,
                Err(ending) => return Some(ending),
            }
        }
    }

    fn connect(&mut self, ready: PollFlags, now: Instant) -> Option<Ending> {
        if ready.is_empty() {
            let is_late = now.duration_since(self.since) > PATIENCE;
            return is_late.then_some(Ending::NotConnected);
        }
        match sockopt::socket_error(&self.stream) {
            Ok(Ok(())) => {
                (self.is_connected, self.since) = (true, now);
                None
            }
            _ => Some(Ending::NotConnected),
        }
    }

    fn next(&mut self, now: Instant) {
        self.moves.pop_front();
        (self.since, self.sent) = (now, 0);
    }

    /// Reads what is there. An error: the server has ended the connection.
    fn hear(&mut self) -> io::Result<()> {
        let mut piece = [0; 16 * 1024];
        for _ in 0..READS {
            let count = match self.stream.read(&mut piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let room = HEARD_BYTES - self.heard.len();
            self.heard.extend_from_slice(&piece[..count.min(room)]);
            if let Some(Move::Login(client)) = self.moves.front_mut() {
                client.on_bytes(&piece[..count]);
            }
        }
        Ok(())
    }

    /// Goes on with the present move. True: it is over.
    fn step(&mut self, now: Instant) -> Result<bool, Ending> {
        let elapsed = now.duration_since(self.since);
        let Some(present) = self.moves.front_mut() else { return Err(Ending::Done) };
        match present {
            Move::Send(bytes) => {
                self.sent += send(&mut self.stream, &bytes[self.sent..])?;
                Ok(self.sent == bytes.len() || elapsed > PATIENCE)
            }
            Move::Trickle(bytes, every) => {
                let due = (elapsed.as_millis() / every.as_millis().max(1)) as usize + 1;
                let due = due.min(bytes.len());
                self.sent += send(&mut self.stream, &bytes[self.sent..due])?;
                Ok(self.sent == bytes.len())
            }
            Move::Login(client) => {
                while let Some(output) = client.poll_output() {
                    match output {
                        LoginClientOutput::Send(bytes) => self.to_say.extend_from_slice(&bytes),
                        LoginClientOutput::Granted { .. } => {
                            self.is_granted = true;
                            return Ok(true);
                        }
                        LoginClientOutput::Refused(_) | LoginClientOutput::Broken(_) => {
                            return Ok(true);
                        }
                    }
                }
                let count = send(&mut self.stream, &self.to_say)?;
                self.to_say.drain(..count);
                Ok(elapsed > PATIENCE)
            }
            Move::Deafen | Move::Listen => {
                self.is_deaf = matches!(present, Move::Deafen);
                Ok(true)
            }
            Move::Rest(pause) => Ok(elapsed >= *pause),
            Move::Reset => Err(Ending::Done),
            Move::Outlast(patience) if elapsed > *patience => Err(Ending::Outlasted),
            Move::Outlast(_) => Ok(false),
        }
    }
}

/// Bytes that went. An error: the server has ended the connection.
fn send(stream: &mut TcpStream, mut bytes: &[u8]) -> Result<usize, Ending> {
    let mut sent = 0;
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) => {
                sent += count;
                bytes = &bytes[count..];
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => return Err(Ending::ByServer),
        }
    }
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener};
    use std::thread;

    use super::super::field::Field;
    use super::*;

    const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;
    const SOON: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(60);

    /// What becomes of a sortie against a server that does this with its connection.
    fn against(
        moves: Vec<Move>,
        serve: impl FnOnce(TcpStream) -> Vec<u8> + Send + 'static,
    ) -> (Outcome, Vec<u8>) {
        let listener = TcpListener::bind((HOME, 0)).unwrap();
        let to = listener.local_addr().unwrap();
        let server = thread::spawn(move || serve(listener.accept().unwrap().0));
        let outcome = alone(Sortie { to, from: HOME, moves });
        (outcome, server.join().unwrap())
    }

    fn alone(sortie: Sortie) -> Outcome {
        let (mut field, mut ended) = (Field::default(), None);
        field.launch(7, sortie, Instant::now()).unwrap();
        assert_eq!((field.count(7), field.count(1)), (1, 0));
        while !field.is_empty() {
            field.turn(Duration::from_millis(5), |_, outcome| ended = Some(outcome)).unwrap();
        }
        ended.unwrap()
    }

    fn read_all(mut stream: TcpStream) -> Vec<u8> {
        let mut all = Vec::new();
        // An error is the end, too: the bytes before it are what counts.
        let _ = stream.read_to_end(&mut all);
        all
    }

    #[test]
    fn a_server_that_ends_the_connection_is_seen() {
        let moves = vec![Move::Send(Bytes::from_static(b"hello")), Move::Outlast(LONG)];
        let (outcome, heard) = against(moves, |mut stream| {
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).unwrap();
            stream.write_all(b"200 OK").unwrap();
            hello.to_vec()
        });
        assert_eq!((outcome.ending, &*heard), (Ending::ByServer, &b"hello"[..]));
        assert!(outcome.was_let_in());
    }

    #[test]
    fn a_server_that_never_ends_it_is_seen() {
        let moves = vec![Move::Outlast(SOON)];
        let (outcome, _) = against(moves, read_all);
        assert_eq!(outcome.ending, Ending::Outlasted);
        assert!(!outcome.was_let_in());
    }

    #[test]
    fn nobody_there_is_no_connection() {
        let listener = TcpListener::bind((HOME, 0)).unwrap();
        let to = listener.local_addr().unwrap();
        drop(listener);
        let outcome = alone(Sortie { to, from: HOME, moves: Vec::new() });
        assert_eq!(outcome.ending, Ending::NotConnected);
    }

    #[test]
    fn bytes_trickle_one_by_one() {
        let step = Duration::from_millis(20);
        let (outcome, heard) = against(vec![Move::Trickle("abcde".into(), step)], |stream| {
            let mut pieces = Vec::new();
            let mut piece = [0; 16];
            while let Ok(count @ 1..) = (&stream).read(&mut piece) {
                pieces.push(count as u8);
            }
            pieces
        });
        assert_eq!((outcome.ending, heard.iter().sum::<u8>()), (Ending::Done, 5));
        assert!(heard[0] == 1, "the first came alone: {heard:?}");
    }

    #[test]
    fn who_is_deaf_reads_only_when_told_to() {
        let answer = vec![b'x'; 8 << 20];
        let moves = vec![Move::Deafen, Move::Rest(SOON), Move::Listen, Move::Outlast(LONG)];
        let (outcome, _) = against(moves, move |mut stream| {
            stream.set_nonblocking(true).unwrap();
            let taken = stream.write(&answer).unwrap();
            assert!(taken < answer.len(), "it fills up");
            stream.shutdown(Shutdown::Write).unwrap();
            Vec::new()
        });
        assert_eq!(outcome.ending, Ending::ByServer);
        assert_eq!(outcome.heard.len(), HEARD_BYTES);
    }

    #[test]
    fn a_reset_is_a_reset() {
        let (outcome, said) = against(vec![Move::Rest(SOON), Move::Reset], |mut stream| {
            let end = stream.read(&mut [0; 1]).map_err(|error| error.kind());
            format!("{end:?}").into_bytes()
        });
        assert_eq!(outcome.ending, Ending::Done);
        assert_eq!(said, b"Err(ConnectionReset)");
    }
}
