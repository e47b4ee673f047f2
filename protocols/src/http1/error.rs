//! What can be wrong with a message, and what is answered.
//!
//! A [`ReadError`] is about bytes that came from the peer. Its status is what a server answers
//! before it closes; a client has nobody to answer and reports the error. A [`WriteError`] is about
//! what the caller wanted to send: nothing was written, and the machine is as it was, unless the
//! error says otherwise.

use thiserror::Error;

use crate::blame::Blame;

/// Why a message is not read on. The connection cannot be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum ReadError {
    /// A carriage return that no line feed follows.
    #[error("a carriage return without a line feed")]
    BareCarriageReturn,
    /// A line feed that no carriage return precedes.
    #[error("a line feed without a carriage return")]
    BareLineFeed,
    /// A control byte, NUL among them, where text belongs.
    #[error("control byte {0:#04x} in a head")]
    ControlByte(u8),
    /// Too many empty lines in front of a request line.
    #[error("too many empty lines before a request")]
    EmptyLines,
    /// The request line is not method, target and version with one blank between.
    #[error("malformed request line")]
    RequestLine,
    /// The status line is not version, three digits and a reason.
    #[error("malformed status line")]
    StatusLine,
    /// The target has none of the four forms, or not the one its method requires.
    #[error("malformed request target")]
    Target,
    /// The version is well formed, and neither 1.0 nor 1.1.
    #[error("HTTP version not supported")]
    Version,
    /// The method CONNECT: this is no proxy.
    #[error("CONNECT is for proxies")]
    Connect,
    /// The request line is longer than the limit.
    #[error("request line longer than {max} bytes")]
    TargetTooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// A header line, or a status line, is longer than the limit.
    #[error("line longer than {max} bytes")]
    LineTooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// The head is longer than the limit.
    #[error("head longer than {max} bytes")]
    HeadTooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// There are more header lines than the limit.
    #[error("more than {max} header lines")]
    TooManyHeaders {
        /// The limit.
        max: usize,
    },
    /// A header line without a colon, or with a name that is no token.
    #[error("malformed header line")]
    HeaderLine,
    /// White space between a header's name and its colon.
    #[error("white space before the colon of a header")]
    SpaceBeforeColon,
    /// A header line that begins with white space: the folding of older versions.
    #[error("folded header line")]
    FoldedLine,
    /// HTTP/1.1 without a Host header.
    #[error("no Host")]
    HostMissing,
    /// Two Host headers, be they equal.
    #[error("more than one Host")]
    HostRepeated,
    /// A Host that is no name or address with an optional port.
    #[error("malformed Host")]
    Host,
    /// A Content-Length that is not decimal digits.
    #[error("malformed Content-Length")]
    ContentLength,
    /// Two lengths that differ.
    #[error("Content-Lengths that differ")]
    ContentLengthsDiffer,
    /// Transfer-Encoding beside Content-Length.
    #[error("Transfer-Encoding and Content-Length")]
    TwoLengths,
    /// Transfer-Encoding in an HTTP/1.0 message.
    #[error("Transfer-Encoding in HTTP/1.0")]
    CodingInHttp10,
    /// An empty Transfer-Encoding, `chunked` twice, or something behind it.
    #[error("malformed Transfer-Encoding")]
    TransferEncoding,
    /// A coding other than `chunked`.
    #[error("unknown transfer coding")]
    UnknownCoding,
    /// An expectation other than `100-continue`.
    #[error("unknown expectation")]
    Expectation,
    /// The body is longer than the limit, or says that it will be.
    #[error("body longer than {max} bytes")]
    BodyTooLong {
        /// The limit in bytes.
        max: u64,
    },
    /// A chunk does not begin with a hexadecimal size, or its extensions are malformed.
    #[error("malformed chunk size")]
    ChunkSize,
    /// No CR LF behind a chunk's data.
    #[error("a chunk without its end")]
    ChunkEnd,
    /// The line that begins a chunk is longer than the limit.
    #[error("chunk line longer than {max} bytes")]
    ChunkLineTooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// The extensions of a body's chunks are longer, taken together, than anybody needs.
    #[error("chunk extensions without end")]
    ChunkExtensions,
    /// The trailers are longer than the limit.
    #[error("trailers longer than {max} bytes")]
    TrailersTooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// The peer's end came inside a head.
    #[error("the connection ended inside a head")]
    CutHead,
    /// The peer's end came inside a body.
    #[error("the connection ended inside a body")]
    CutBody,
    /// The peer's end came before anything of the response (client only).
    #[error("the connection ended before the response")]
    NoResponse,
    /// Bytes came that no request asked for (client only).
    #[error("a response without a request")]
    Unsolicited,
    /// A protocol was switched that was not to be switched (client only).
    #[error("a switch of protocol that was not asked for")]
    SwitchUnasked,
    /// Informational responses without end (client only).
    #[error("too many informational responses")]
    TooManyInformational,
}

impl ReadError {
    /// The status that a server answers with.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::BodyTooLong { .. } => 413,
            Self::TargetTooLong { .. } => 414,
            Self::Expectation => 417,
            Self::LineTooLong { .. }
            | Self::HeadTooLong { .. }
            | Self::TooManyHeaders { .. }
            | Self::TrailersTooLong { .. } => 431,
            Self::UnknownCoding | Self::Connect => 501,
            Self::Version => 505,
            _ => 400,
        }
    }

    /// Whose fault it is: a limit's where one was passed, else the peer's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TargetTooLong { .. }
            | Self::LineTooLong { .. }
            | Self::HeadTooLong { .. }
            | Self::TooManyHeaders { .. }
            | Self::BodyTooLong { .. }
            | Self::ChunkLineTooLong { .. }
            | Self::ChunkExtensions
            | Self::TrailersTooLong { .. }
            | Self::EmptyLines
            | Self::TooManyInformational => Blame::Limit,
            _ => Blame::Peer,
        }
    }
}

/// Why something is not sent. Nothing was appended to the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum WriteError {
    /// It is not the turn of this part of a message.
    #[error("this part of a message is not due")]
    OutOfTurn,
    /// The status is none for this kind of response.
    #[error("status {0} is not for this response")]
    Status(u16),
    /// The method is no token, or is CONNECT.
    #[error("a method that cannot be sent")]
    Method,
    /// The target is empty or holds blanks, control bytes or bytes outside ASCII.
    #[error("a target that cannot be sent")]
    Target,
    /// The host is malformed.
    #[error("a host that cannot be sent")]
    Host,
    /// A header's name is no token: it would end the line, or begin another.
    #[error("a header name that is no token")]
    HeaderName,
    /// A header's value holds a control byte: it would end the line.
    #[error("a header value with a control byte")]
    HeaderValue,
    /// A header that says how long the body is, or whom the request is for, is the machine's.
    #[error("a header that the machine writes itself")]
    FramingHeader,
    /// A field that must not stand in trailers.
    #[error("a field that may not be a trailer")]
    ForbiddenTrailer,
    /// An answer of 101 or 426 without the header Upgrade.
    #[error("no Upgrade header")]
    UpgradeMissing,
    /// More data than was announced; the surplus call is ignored.
    #[error("more data than announced: {surplus} bytes")]
    BodyTooLong {
        /// Bytes above what was announced.
        surplus: u64,
    },
    /// Less data than was announced. The connection cannot be used again.
    #[error("less data than announced: {missing} bytes")]
    BodyTooShort {
        /// Bytes that are missing.
        missing: u64,
    },
}

impl WriteError {
    /// Always the caller's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }
}
