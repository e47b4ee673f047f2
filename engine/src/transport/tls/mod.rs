//! One TLS connection without a socket: records in, plaintext out, and the other way round.
//!
//! [`Tls`] drives rustls's unbuffered interface. It is given what was received and returns what was
//! in it; what is to be sent in return (handshake, tickets, alerts) it appends to a buffer of the
//! caller's, whose order must be kept. It does not know which role the connection has, nor which
//! side of it is ours beyond its making.
//!
//! **Memory.** Between two calls it keeps what rustls needs and the part of a record, or of a
//! handshake message, that has not come in whole (64 KiB at most), nothing else. The buffers for the work ([`Workspace`]) belong to the thread. What
//! one input can bring as plaintext is never more than the input and that part together.
//!
//! **Errors.** After an error the alert that tells the peer is among the bytes to be sent; then the
//! connection is to be closed. Bytes of a peer never panic.
//!
//! **The end.** A peer that has said all it will say sends `close_notify`; without that word whoever
//! cut the connection may have cut the conversation too (RFC 8446 section 6.1), so
//! [`Tls::is_closed_by_peer`] tells the two apart.
//!
//! Not supported, because nothing here needs it: early data (it can be replayed), renegotiation
//! (rustls refuses it), raw public keys, stapled OCSP answers.

mod client;
mod drive;
mod error;
mod material;
mod pin;
mod provider;
mod resolver;
mod self_signed;
mod server;
mod sessions;
#[cfg(test)]
mod tests;
mod tickets;

use std::fmt;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::{CommonState, HandshakeKind, ProtocolVersion};

pub use client::{ClientTls, ClientTlsSettings, Trust};
pub use error::{CertificateFault, SetupError, TlsError};
pub use pin::Pin;
pub use self_signed::{SelfSigned, self_signed};
pub use server::ServerTls;
pub use tickets::Tickets;

use drive::{Machine, Pumped};

/// Plaintext of one record at most (RFC 8446 section 5.1).
pub const RECORD_PLAINTEXT_BYTES_MAX: usize = 1 << 14;

/// Bytes that are kept of what is not whole. The longest handshake message that is taken fits in few
/// records; a peer that cuts one into thousands would make their heads, too, lie about here.
const PARTIAL_BYTES_MAX: usize = (1 << 16) - 1;

/// What a record adds to its plaintext at most, in the cipher suites that are offered: head, nonce,
/// content type and tag.
const RECORD_OVERHEAD_BYTES_MAX: usize = 5 + 8 + 1 + 16;

/// A workspace that a large input has stretched beyond this is given back.
const WORKSPACE_BYTES_MAX: usize = 256 << 10;

/// Buffers that the TLS connections of a thread use in turn.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Ciphertext, decrypted in place.
    cipher: Vec<u8>,
    /// Plaintext of the last [`Tls::receive`].
    pub plain: Vec<u8>,
}

impl Workspace {
    fn begin(&mut self, partial: &[u8], cipher: &[u8]) {
        for buffer in [&mut self.cipher, &mut self.plain] {
            if buffer.capacity() > WORKSPACE_BYTES_MAX {
                *buffer = Vec::new();
            }
            buffer.clear();
        }
        self.cipher.extend_from_slice(partial);
        self.cipher.extend_from_slice(cipher);
    }
}

/// What an input did to the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// It completed the handshake.
    pub handshake_done: bool,
    /// It told that the peer will send nothing more.
    pub closed: bool,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Handshake,
    Established,
    /// We have sent `close_notify`.
    Closed,
    /// There was a fatal error.
    Failed,
}

enum Side {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

/// One TLS connection, of a server or a client.
pub struct Tls {
    side: Side,
    /// What came in and is no whole record, or no whole handshake message, yet.
    partial: Box<[u8]>,
    phase: Phase,
    closed_by_peer: bool,
}

impl Tls {
    /// The server's side of a new connection, with the certificates that are current now.
    pub fn server(config: &ServerTls) -> Tls {
        let connection = UnbufferedServerConnection::new(config.current())
            .expect("a configuration that was tried makes connections");
        Tls::new(Side::Server(Box::new(connection)))
    }

    /// The client's side of a new connection to a server of this name, a DNS name or an IP address.
    /// The first bytes to send come with the first [`Tls::receive`], of nothing.
    ///
    /// # Errors
    /// [`TlsError::BadName`].
    pub fn client(config: &ClientTls, name: &str) -> Result<Tls, TlsError> {
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| TlsError::BadName(name.to_owned()))?;
        let connection = UnbufferedClientConnection::new(Arc::clone(config.config()), server)?;
        Ok(Tls::new(Side::Client(Box::new(connection))))
    }

    fn new(side: Side) -> Tls {
        Tls { side, partial: Box::default(), phase: Phase::Handshake, closed_by_peer: false }
    }

    /// Takes received bytes. Their plaintext is in the workspace afterwards; what is to be sent is
    /// appended to `records`.
    ///
    /// # Errors
    /// The connection has failed: send what is in `records`, then close. Of this input nothing is to
    /// be used.
    pub fn receive(
        &mut self,
        cipher: &[u8],
        workspace: &mut Workspace,
        records: &mut Vec<u8>,
    ) -> Result<Received, TlsError> {
        workspace.begin(&self.partial, cipher);
        self.partial = Box::default();
        if self.phase == Phase::Failed {
            return Err(TlsError::Ended);
        }
        let Workspace { cipher, plain } = workspace;
        let pumped = match &mut self.side {
            Side::Server(server) => drive::pump(&mut **server, cipher, plain, records),
            Side::Client(client) => drive::pump(&mut **client, cipher, plain, records),
        };
        let Pumped { consumed, closed, result } = pumped;
        if let Err(error) = result {
            self.fail(records);
            return Err(error.into());
        }
        // Behind `close_notify` nothing counts (RFC 8446 section 6.1).
        self.closed_by_peer |= closed;
        if !self.closed_by_peer {
            let rest = &cipher[consumed..];
            if rest.len() > PARTIAL_BYTES_MAX {
                self.fail(records);
                return Err(TlsError::Broken(String::from("a message in too many pieces")));
            }
            self.partial = rest.into();
        }
        let handshake_done = self.phase == Phase::Handshake && !self.common().is_handshaking();
        if handshake_done {
            self.phase = Phase::Established;
        }
        Ok(Received { handshake_done, closed })
    }

    /// Appends the records of a plaintext to `records`.
    ///
    /// # Errors
    /// [`TlsError::NotEstablished`] before the handshake is done: the caller keeps the plaintext.
    /// [`TlsError::Ended`] after [`Tls::close`] or an error. [`TlsError::Internal`] when the keys are
    /// used up, which TLS 1.2 cannot mend.
    pub fn seal(&mut self, plain: &[u8], records: &mut Vec<u8>) -> Result<(), TlsError> {
        match self.phase {
            Phase::Established => {}
            Phase::Handshake => return Err(TlsError::NotEstablished),
            Phase::Closed | Phase::Failed => return Err(TlsError::Ended),
        }
        let partial = &mut self.partial;
        let sealed = match &mut self.side {
            Side::Server(server) => drive::seal(&mut **server, partial, plain, records),
            Side::Client(client) => drive::seal(&mut **client, partial, plain, records),
        };
        if sealed.is_err() {
            self.fail(records);
        }
        sealed
    }

    /// Tells the peer, behind everything sealed before, that nothing more will come. Without effect
    /// before the handshake is done, after an error, and the second time.
    pub fn close(&mut self, records: &mut Vec<u8>) {
        if self.phase != Phase::Established {
            return;
        }
        self.phase = Phase::Closed;
        match &mut self.side {
            Side::Server(server) => drive::close(&mut **server, &mut self.partial, records),
            Side::Client(client) => drive::close(&mut **client, &mut self.partial, records),
        }
    }

    /// After an error: the alert that rustls has for the peer, if it has one.
    fn fail(&mut self, records: &mut Vec<u8>) {
        self.phase = Phase::Failed;
        self.partial = Box::default();
        match &mut self.side {
            Side::Server(server) => drive::drain(&mut **server, records),
            Side::Client(client) => drive::drain(&mut **client, records),
        }
    }

    fn common(&self) -> &CommonState {
        match &self.side {
            Side::Server(server) => server.common(),
            Side::Client(client) => client.common(),
        }
    }

    /// Whether the handshake is done and nothing has ended the connection since on this side.
    pub fn is_established(&self) -> bool {
        self.phase == Phase::Established
    }

    /// Whether the peer has said that it will send nothing more. An end of the stream without this
    /// is a cut.
    pub fn is_closed_by_peer(&self) -> bool {
        self.closed_by_peer
    }

    /// Whether an earlier session was resumed; false while that is not known.
    pub fn is_resumed(&self) -> bool {
        self.common().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The application protocol that both sides agreed on.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.common().alpn_protocol()
    }

    /// Whether TLS 1.3 was agreed on; None while nothing was.
    pub fn is_tls13(&self) -> Option<bool> {
        self.common().protocol_version().map(|version| version == ProtocolVersion::TLSv1_3)
    }

    /// The peer's own certificate in DER form, if it has shown one.
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.common().peer_certificates()?.first().map(AsRef::as_ref)
    }

    /// Bytes that are kept until the rest of their record comes.
    pub fn partial_bytes(&self) -> usize {
        self.partial.len()
    }
}

impl fmt::Debug for Tls {
    /// Never shows what is inside.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Server(_) => "server",
            Side::Client(_) => "client",
        };
        write!(f, "Tls {{ {side}, {:?}, {} partial bytes }}", self.phase, self.partial.len())
    }
}
