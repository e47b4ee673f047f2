//! What lies between a connection's bytes on the wire and what its role reads and writes.
//!
//! Plain TCP needs nothing. [`tls`] turns records into plaintext and back, without a socket and
//! without knowing what the plaintext is, so that every kind of connection has it alike: those of
//! login, msg and gate listeners and those that the server opens itself.

pub mod tls;
