//! Messages on a stream: four bytes of length, most significant first, then so much JSON.
//!
//! The reader says how long a frame may be and until when it must be whole; a longer one is refused
//! by its length alone, and memory grows with the bytes that came, not with those announced.
//!
//! Units: bytes. Refused: lengths past the bound, text that is not the message expected, silence.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Why a frame could not be read or written.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The other side has closed the connection, between two frames.
    #[error("the connection was closed")]
    Closed,
    /// The frame is longer than what is expected here.
    #[error("a frame of {bytes} bytes, more than {bytes_max}")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// It is not the message that is expected here.
    #[error("not a message of this protocol: {0}")]
    Nonsense(#[from] serde_json::Error),
    /// It did not come in time.
    #[error("nothing was heard in time")]
    Late,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[source] io::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> FrameError {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => FrameError::Late,
            _ => FrameError::Broken(error),
        }
    }
}

/// Writes one message, in one piece.
///
/// # Errors
/// When it is too long, or the stream's.
pub fn write<T: Serialize>(
    to: &mut impl Write,
    message: &T,
    bytes_max: usize,
) -> Result<(), FrameError> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let bytes = frame.len() - 4;
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= bytes_max);
    let length = length.ok_or(FrameError::TooLong { bytes, bytes_max })?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(to.write_all(&frame)?)
}

/// Reads one message.
///
/// # Errors
/// When it is too long, is another one or does not come, or the stream's.
pub fn read<T: DeserializeOwned>(from: &mut impl Read, bytes_max: usize) -> Result<T, FrameError> {
    let mut header = [0; 4];
    loop {
        match from.read(&mut header[..1]) {
            Ok(0) => return Err(FrameError::Closed),
            Ok(_) => break,
            // A signal; a read with a time limit is not taken up again by the kernel.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    from.read_exact(&mut header[1..])?;
    let bytes = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
    if bytes > bytes_max {
        return Err(FrameError::TooLong { bytes, bytes_max });
    }
    let mut text = Vec::new();
    from.take(bytes as u64).read_to_end(&mut text)?;
    if text.len() < bytes {
        return Err(FrameError::Broken(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(serde_json::from_slice(&text)?)
}

/// A stream that is read until an instant, however slowly its bytes come.
#[derive(Debug)]
pub struct Within<'a> {
    stream: &'a TcpStream,
    until: Instant,
}

impl<'a> Within<'a> {
    /// Reads for so long from now.
    pub fn new(stream: &'a TcpStream, time: Duration) -> Within<'a> {
        Within { stream, until: Instant::now() + time }
    }
}

impl Read for Within<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(into)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn frame(message: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, &message, 100).unwrap();
        bytes
    }

    /// Bytes that come one at a time, a signal before each.
    struct Drops<'a> {
        bytes: &'a [u8],
        is_interrupted: bool,
    }

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            if self.is_interrupted {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let count = into.len().min(1);
            self.bytes.read(&mut into[..count])
        }
    }

    #[test]
    fn a_message_comes_back_whole_or_byte_by_byte() {
        let bytes = [frame("one"), frame("two")].concat();
        let drops = Drops { bytes: &bytes, is_interrupted: false };
        for mut from in [Box::new(&bytes[..]) as Box<dyn Read>, Box::new(drops)] {
            assert_eq!(read::<String>(&mut from, 5).unwrap(), "one");
            assert_eq!(read::<String>(&mut from, 5).unwrap(), "two");
            assert!(matches!(read::<String>(&mut from, 5), Err(FrameError::Closed)));
        }
    }

    #[test]
    fn what_is_cut_off_is_no_message() {
        let bytes = frame("whole");
        for end in 1..bytes.len() {
            let error = read::<String>(&mut &bytes[..end], 100).unwrap_err();
            assert!(matches!(error, FrameError::Broken(_)), "{end}: {error}");
        }
    }

    #[test]
    fn too_long_is_refused_by_the_length_alone() {
        let too_long = Err(FrameError::TooLong { bytes: 6, bytes_max: 5 });
        let told = |error: Result<(), FrameError>| error.unwrap_err().to_string();
        let mut header = &[0, 0, 0, 6][..];
        assert_eq!(told(read::<String>(&mut header, 5).map(drop)), told(too_long));
        assert!(matches!(write(&mut Vec::new(), &"12345", 6), Err(FrameError::TooLong { .. })));
        let huge = read::<String>(&mut &[0xff; 8][..], 1 << 20);
        assert!(matches!(huge, Err(FrameError::TooLong { .. })));
    }

    #[test]
    fn garbage_is_refused() {
        for text in ["\"open", "{}", "\"a\" \"b\"", "\u{0}"] {
            let bytes = [&(text.len() as u32).to_be_bytes(), text.as_bytes()].concat();
            let error = read::<String>(&mut &bytes[..], 100).unwrap_err();
            assert!(matches!(error, FrameError::Nonsense(_)), "{text}: {error}");
        }
    }

    #[test]
    fn a_trickle_does_not_move_the_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (near, _) = listener.accept().unwrap();
        let trickle = std::thread::spawn(move || {
            far.write_all(&[0, 0, 0, 99]).unwrap();
            while far.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let mut within = Within::new(&near, Duration::from_millis(60));
        assert!(matches!(read::<String>(&mut within, 100), Err(FrameError::Late)));
        drop(near);
        trickle.join().unwrap();
    }
}
