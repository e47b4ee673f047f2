//! What goes wrong with a dialled stream.

use crate::driver::Errno;
use crate::transport::tls::TlsError;

/// Why there is no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The shard's table of connections has no place left.
    #[error("the shard has no place for another connection")]
    TableFull,
    /// The process has as many descriptors as it may.
    #[error("the process has no descriptor left; `ulimit -n` is its limit")]
    NoDescriptors,
    /// The kernel has no memory for another connection.
    #[error("the kernel has no memory for another connection")]
    NoMemory,
    /// There was no address to connect to.
    #[error("there is no address to connect to")]
    NoAddress,
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// No way leads there.
    #[error("the address cannot be reached")]
    Unreachable,
    /// The dial's `connect_timeout` passed.
    #[error("connecting took too long")]
    TimedOut,
    /// The shard is about to end.
    #[error("the server is stopping")]
    Stopping,
    /// The peer ended the connection before it was ready for use.
    #[error("the peer ended the connection before it was ready")]
    Ended,
    /// TLS did not come about: the peer is not who it should be, or does not speak it.
    #[error("no TLS: {0}")]
    Tls(TlsError),
    /// Anything else that the operating system said.
    #[error("connecting failed with error {}", .0.0)]
    Failed(Errno),
}

impl ConnectError {
    /// Whether it is this side that is short of something, which may be there again later.
    pub fn is_shortage(&self) -> bool {
        use ConnectError::{NoDescriptors, NoMemory, TableFull};
        matches!(self, TableFull | NoDescriptors | NoMemory)
    }
}

impl From<Errno> for ConnectError {
    fn from(errno: Errno) -> ConnectError {
        match errno.0 {
            libc::ECONNREFUSED => ConnectError::Refused,
            libc::ETIMEDOUT => ConnectError::TimedOut,
            libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN => ConnectError::Unreachable,
            // What the ring says of its table, too.
            libc::ENFILE => ConnectError::TableFull,
            libc::EMFILE => ConnectError::NoDescriptors,
            libc::ENOMEM | libc::ENOBUFS => ConnectError::NoMemory,
            libc::ECONNRESET => ConnectError::Ended,
            _ => ConnectError::Failed(errno),
        }
    }
}

/// Why a stream carries nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The peer broke the connection off.
    #[error("the peer reset the connection")]
    Reset,
    /// The operating system says that the connection is broken.
    #[error("the connection broke with error {}", .0.0)]
    Broken(Errno),
    /// The peer took none of what was to be sent within the dial's `write_timeout`.
    #[error("the peer does not take what is sent")]
    WriteTimedOut,
    /// The peer broke TLS.
    #[error("the peer broke TLS: {0}")]
    Tls(TlsError),
    /// This side ended it: it was shut down, or its server stopped.
    #[error("the stream is closed")]
    Closed,
}

impl From<Errno> for StreamError {
    fn from(errno: Errno) -> StreamError {
        match errno.0 {
            libc::ECONNRESET | libc::EPIPE => StreamError::Reset,
            _ => StreamError::Broken(errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_names() {
        let connect = |number| ConnectError::from(Errno(number));
        assert_eq!(connect(libc::ECONNREFUSED), ConnectError::Refused);
        assert_eq!(connect(libc::EHOSTUNREACH), ConnectError::Unreachable);
        let short = [libc::ENFILE, libc::EMFILE, libc::ENOMEM, libc::ENOBUFS].map(connect);
        use ConnectError::{NoDescriptors, NoMemory, TableFull};
        assert_eq!(short, [TableFull, NoDescriptors, NoMemory, NoMemory]);
        assert!(short.iter().all(ConnectError::is_shortage));
        assert_eq!(connect(libc::EINVAL), ConnectError::Failed(Errno(libc::EINVAL)));
        assert_eq!(StreamError::from(Errno(libc::EPIPE)), StreamError::Reset);
        let broken = StreamError::from(Errno(libc::ECONNREFUSED));
        assert_eq!(broken, StreamError::Broken(Errno(libc::ECONNREFUSED)));
    }
}
