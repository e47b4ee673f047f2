//! TLS on a link: what is received is decrypted, what is sent is sealed.
//!
//! What is to be sent before the handshake is done waits here. A secured link that is idle holds no
//! buffer; those for the work are the shard's.

use skyring::transport::tls::{Received, Tls, TlsError, Workspace};

/// The TLS side of a link.
#[derive(Debug)]
pub(super) struct Secured {
    tls: Tls,
    /// Plaintext that waits for the handshake.
    unsent: Vec<u8>,
    /// When the connection stood.
    since_ns: u64,
}

/// A handshake that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handshake {
    /// When its connection stood.
    pub(super) since_ns: u64,
    /// Whether an earlier session was resumed.
    pub(super) is_resumed: bool,
}

impl Secured {
    /// On a connection that stood at `since_ns`.
    pub(super) fn new(tls: Tls, since_ns: u64) -> Secured {
        Secured { tls, unsent: Vec::new(), since_ns }
    }

    /// Takes what was received, nothing at first. The plaintext is in the workspace then, and what
    /// is to be sent behind the records that are there. Returns the handshake that is done with it.
    pub(super) fn receive(
        &mut self,
        cipher: &[u8],
        workspace: &mut Workspace,
        records: &mut Vec<u8>,
    ) -> Result<Option<Handshake>, TlsError> {
        let Received { handshake_done, .. } = self.tls.receive(cipher, workspace, records)?;
        if !handshake_done {
            return Ok(None);
        }
        let unsent = std::mem::take(&mut self.unsent);
        if !unsent.is_empty() {
            self.tls.seal(&unsent, records)?;
        }
        Ok(Some(Handshake { since_ns: self.since_ns, is_resumed: self.tls.is_resumed() }))
    }

    /// Seals what is to be sent, or keeps it until the handshake is done. An error is one of the
    /// connection that its next receive tells, since there are no more keys without it.
    pub(super) fn seal(&mut self, plain: &[u8], records: &mut Vec<u8>) {
        if self.tls.seal(plain, records) == Err(TlsError::NotEstablished) {
            self.unsent.extend_from_slice(plain);
        }
    }

    /// Says that nothing more will come.
    pub(super) fn close(&mut self, records: &mut Vec<u8>) {
        self.tls.close(records);
    }

    /// Whether the server has said that nothing more will come.
    pub(super) fn is_closed_by_peer(&self) -> bool {
        self.tls.is_closed_by_peer()
    }
}

#[cfg(test)]
mod tests {
    use skyring::config::TlsSettings;
    use skyring::driver::{Operation, Token};
    use skyring::transport::tls::{ClientTls, ClientTlsSettings, Pin, ServerTls, Trust};

    use super::super::links::Links;
    use super::*;

    /// A client that trusts this server, and the server's side of a connection.
    fn pair() -> (Tls, Tls) {
        let server = ServerTls::load(&TlsSettings::self_signed()).unwrap();
        let pin = Pin::of_certificate(server.self_signed_certificate().unwrap());
        let trust = Trust::Pinned(vec![pin]);
        let client = ClientTlsSettings { trust, ..ClientTlsSettings::default() };
        let client = ClientTls::load(&client).unwrap();
        (Tls::client(&client, "localhost").unwrap(), Tls::server(&server))
    }

    /// What is sent on the link now, and taken whole.
    fn sent(links: &mut Links, token: Token) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(operation) = links.operations.pop() {
            if let Operation::Send { buffer, .. } = operation {
                all.extend_from_slice(&buffer);
                let bytes = buffer.len();
                links.on_sent(token, buffer, Ok(bytes));
            }
        }
        all
    }

    /// A link on which the handshake is done, our workspace, and the server's side.
    fn established() -> (Links, Token, Workspace, Tls) {
        let (client, mut server) = pair();
        let (mut links, mut ours) = (Links::default(), Workspace::default());
        let token = links.open(0, 7);
        links.secure(token, Secured::new(client, 5), &mut ours).unwrap();
        while !server.is_established() {
            let (cipher, mut records) = (sent(&mut links, token), Vec::new());
            server.receive(&cipher, &mut Workspace::default(), &mut records).unwrap();
            links.decrypt(token, &records, &mut ours).unwrap();
        }
        (links, token, ours, server)
    }

    #[test]
    fn a_goodbye_and_the_end_are_one_send() {
        let (mut links, token, _, mut server) = established();
        links.send_last(token, Vec::new());
        assert!(sent(&mut links, token).is_empty(), "who says nothing has not said goodbye");
        links.send_last(token, b"goodbye".to_vec());
        links.leave(token);
        let sends = |operation: &Operation| matches!(operation, Operation::Send { .. });
        assert_eq!(links.operations.iter().filter(|it| sends(it)).count(), 1);
        let (farewell, mut theirs) = (sent(&mut links, token), Workspace::default());
        let received = server.receive(&farewell, &mut theirs, &mut Vec::new()).unwrap();
        assert_eq!((&theirs.plain[..], received.closed), (&b"goodbye"[..], true));
    }

    #[test]
    fn what_is_said_too_early_waits_and_the_end_is_told() {
        let (client, mut server) = pair();
        let (mut links, mut ours, mut theirs) =
            (Links::default(), Workspace::default(), Workspace::default());
        let token = links.open(0, 7);
        links.secure(token, Secured::new(client, 5), &mut ours).unwrap();
        links.send(token, b"hello".to_vec());
        let (mut heard, mut handshake, mut said) = (Vec::new(), None, false);
        loop {
            let (cipher, mut records) = (sent(&mut links, token), Vec::new());
            server.receive(&cipher, &mut theirs, &mut records).unwrap();
            heard.extend_from_slice(&theirs.plain);
            if server.is_established() && !std::mem::replace(&mut said, true) {
                server.seal(b"welcome", &mut records).unwrap();
            }
            if records.is_empty() {
                break;
            }
            handshake = links.decrypt(token, &records, &mut ours).unwrap().or(handshake);
        }
        assert_eq!((&heard[..], &ours.plain[..]), (&b"hello"[..], &b"welcome"[..]));
        assert_eq!(handshake, Some(Handshake { since_ns: 5, is_resumed: false }));
        assert!(links.is_cut_short(token), "the server has not said that it is done");
        links.leave(token);
        let farewell = sent(&mut links, token);
        let received = server.receive(&farewell, &mut theirs, &mut Vec::new()).unwrap();
        assert!(received.closed);
    }

    #[test]
    fn a_certificate_that_is_not_trusted_ends_the_link_with_an_alert() {
        let ((client, _), (_, mut server)) = (pair(), pair());
        let (mut links, mut workspace) = (Links::default(), Workspace::default());
        let token = links.open(0, 7);
        links.secure(token, Secured::new(client, 0), &mut workspace).unwrap();
        let mut records = Vec::new();
        let hello = sent(&mut links, token);
        server.receive(&hello, &mut Workspace::default(), &mut records).unwrap();
        let refused = links.decrypt(token, &records, &mut workspace).unwrap_err();
        assert_eq!(refused.to_string(), "the peer's certificate is not the one that is pinned");
        let alert = sent(&mut links, token);
        let heard = server.receive(&alert, &mut Workspace::default(), &mut Vec::new());
        assert!(matches!(heard, Err(TlsError::Alert(_))), "{heard:?}");
    }
}
