//! The connections of one shard: what is in flight on each, and whom it belongs to.
//!
//! A link is one life of a descriptor slot. While it has an owner, what happens on it is that
//! user's business. A link that its owner has left is wound up here: its operations are cancelled,
//! and it is closed once they have answered, as the driver's contract asks. So a user may be on its
//! next connection while the last one is still closing.
//!
//! Invariant: at most one receive and one send are in flight on a link; a close only when neither
//! is.

use std::collections::HashMap;

use skyring::driver::{Errno, Operation, ReceiveEnd, ReceiveMode, Token};
use skyring::transport::tls::{TlsError, Workspace};

use super::secure::{Handshake, Secured};
use crate::web::Web;

/// Owner of a link that nobody cares for any more.
const NOBODY: u32 = u32::MAX;

/// Send buffers kept for reuse, and the largest one worth keeping.
const BUFFERS_MAX: usize = 1024;
const BUFFER_BYTES_MAX: usize = 64 << 10;

#[derive(Debug)]
struct Link {
    owner: u32,
    generation: u32,
    /// Bytes of the buffer in flight that are already on the wire.
    sent_bytes: u32,
    open: bool,
    receiving: bool,
    sending: bool,
    ending: bool,
    closing: bool,
    /// Its TLS, if it has some.
    secured: Option<Box<Secured>>,
    /// Its WebSocket, if it has some.
    web: Option<Box<Web>>,
}

const UNUSED: Link = Link {
    owner: NOBODY,
    generation: 0,
    sent_bytes: 0,
    open: false,
    receiving: false,
    sending: false,
    ending: false,
    closing: false,
    secured: None,
    web: None,
};

/// How a send ended for the owner of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendEnd {
    /// Everything handed over is on the wire.
    Whole,
    /// The connection is broken.
    Broken(Errno),
}

/// All links of a shard, by slot.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: Vec<Link>,
    /// Operations to submit, in order.
    pub(super) operations: Vec<Operation>,
    /// Links that are open.
    open: u32,
    buffers: Vec<Vec<u8>>,
    /// Bytes that wait for the send in flight on a slot: of handshakes, and what a machine answers by
    /// itself.
    waiting: HashMap<u32, Vec<u8>>,
}

impl Links {
    /// Takes a fresh connection for `owner` and starts to receive.
    pub(super) fn open(&mut self, slot: u32, owner: u32) -> Token {
        let index = slot as usize;
        if self.links.len() <= index {
            self.links.resize_with(index + 1, || UNUSED);
        }
        let generation = (self.links[index].generation + 1) % Token::GENERATIONS;
        self.open += u32::from(!self.links[index].open);
        self.links[index] = Link { owner, generation, open: true, receiving: true, ..UNUSED };
        let token = Token { slot, generation };
        self.operations.push(Operation::Receive { token, mode: ReceiveMode::Stream });
        token
    }

    /// Closes a connection that nobody wants.
    pub(super) fn refuse(&mut self, slot: u32) {
        let token = self.open(slot, NOBODY);
        self.leave(token);
    }

    /// Whose link it is; none when it was left, or belongs to an earlier life of the slot.
    pub(super) fn owner(&self, token: Token) -> Option<u32> {
        self.link(token).map(|link| link.owner).filter(|owner| *owner != NOBODY)
    }

    /// Whether a send is in flight.
    pub(super) fn is_sending(&self, token: Token) -> bool {
        self.link(token).is_some_and(|link| link.sending)
    }

    /// An empty buffer, to be filled and sent.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    /// Speaks WebSocket on a fresh link.
    pub(super) fn set_web(&mut self, token: Token, web: Web) {
        if let Some(link) = self.link_mut(token) {
            link.web = Some(Box::new(web));
        }
    }

    /// The WebSocket of a link, if it has some.
    pub(super) fn web(&mut self, token: Token) -> Option<&mut Web> {
        self.link_mut(token)?.web.as_deref_mut()
    }

    /// Speaks TLS on a fresh link.
    pub(super) fn secure(
        &mut self,
        token: Token,
        secured: Secured,
        workspace: &mut Workspace,
    ) -> Result<(), TlsError> {
        let Some(link) = self.link_mut(token) else { return Ok(()) };
        link.secured = Some(Box::new(secured));
        self.decrypt(token, &[], workspace).map(|_| ())
    }

    /// Whether a link speaks TLS.
    pub(super) fn is_secured(&self, token: Token) -> bool {
        self.link(token).is_some_and(|link| link.secured.is_some())
    }

    /// Whether a link speaks TLS whose end the server has not told.
    pub(super) fn is_cut_short(&self, token: Token) -> bool {
        let secured = self.link(token).and_then(|link| link.secured.as_ref());
        secured.is_some_and(|secured| !secured.is_closed_by_peer())
    }

    /// Decrypts what came on a link that speaks TLS into the workspace, and sends what TLS itself
    /// has to say. Returns the handshake that is done with it.
    pub(super) fn decrypt(
        &mut self,
        token: Token,
        cipher: &[u8],
        workspace: &mut Workspace,
    ) -> Result<Option<Handshake>, TlsError> {
        let mut records = self.buffer();
        let secured = self.link_mut(token).and_then(|link| link.secured.as_mut());
        let received = match secured {
            Some(secured) => secured.receive(cipher, workspace, &mut records),
            None => Ok(None),
        };
        self.put(token, records);
        received
    }

    /// Sends a buffer, behind what is in flight.
    pub(super) fn send(&mut self, token: Token, buffer: Vec<u8>) {
        if !self.is_secured(token) {
            return self.put(token, buffer);
        }
        let mut records = self.buffer();
        if let Some(secured) = self.link_mut(token).and_then(|link| link.secured.as_mut()) {
            secured.seal(&buffer, &mut records);
        }
        self.keep(buffer);
        self.put(token, records);
    }

    /// Sends a buffer behind which nothing will come, and says that where TLS has a word for it: in
    /// the same send, since leaving cancels whatever follows one that is in flight. What is empty is
    /// kept, and nothing said.
    pub(super) fn send_last(&mut self, token: Token, buffer: Vec<u8>) {
        if buffer.is_empty() || !self.is_secured(token) {
            return self.send_or_keep(token, buffer);
        }
        let mut records = self.buffer();
        if let Some(secured) = self.link_mut(token).and_then(|link| link.secured.as_mut()) {
            secured.seal(&buffer, &mut records);
            secured.close(&mut records);
        }
        self.keep(buffer);
        self.put(token, records);
    }

    /// Sends a buffer as it is, or keeps it when it is empty.
    fn put(&mut self, token: Token, buffer: Vec<u8>) {
        if buffer.is_empty() {
            return self.keep(buffer);
        }
        let Some(link) = self.link_mut(token) else { return };
        if link.sending {
            self.waiting.entry(token.slot).or_default().extend_from_slice(&buffer);
            return;
        }
        link.sending = true;
        link.sent_bytes = 0;
        self.operations.push(Operation::Send { token, buffer, from: 0 });
    }

    /// Sends a buffer, or keeps it when it is empty.
    pub(super) fn send_or_keep(&mut self, token: Token, buffer: Vec<u8>) {
        if buffer.is_empty() {
            self.keep(buffer);
        } else {
            self.send(token, buffer);
        }
    }

    /// The owner is done with the link: cancel what is in flight, then close.
    pub(super) fn leave(&mut self, token: Token) {
        let Some(link) = self.link_mut(token) else { return };
        if link.ending {
            return;
        }
        (link.owner, link.web) = (NOBODY, None);
        self.say_farewell(token);
        let Some(link) = self.link_mut(token) else { return };
        link.ending = true;
        let (receiving, sending) = (link.receiving, link.sending);
        if receiving {
            self.operations.push(Operation::CancelReceive { token });
        }
        if sending {
            self.operations.push(Operation::CancelSend { token });
        }
        self.settle(token);
    }

    /// Tells a peer that still listens, and is not in the midst of a record, that nothing more will
    /// come. A send that the kernel does not take at once is cancelled with the rest.
    fn say_farewell(&mut self, token: Token) {
        let Some(link) = self.link_mut(token) else { return };
        let (listens, idle) = (link.receiving, !link.sending);
        if let Some(mut secured) = link.secured.take().filter(|_| listens && idle) {
            let mut records = self.buffer();
            secured.close(&mut records);
            self.put(token, records);
        }
    }

    /// The owner is done with the link, and the peer is expected to close it.
    pub(super) fn linger(&mut self, token: Token) {
        if let Some(link) = self.link_mut(token) {
            (link.owner, link.web) = (NOBODY, None);
        }
    }

    /// A receive reported bytes; `armed` tells whether it goes on.
    pub(super) fn on_received(&mut self, token: Token, armed: bool) {
        if !armed {
            self.receive_again(token);
        }
    }

    /// A receive is over. Tells the owner why, if the owner has to know.
    pub(super) fn on_receive_ended(&mut self, token: Token, end: ReceiveEnd) -> Option<u32> {
        if end == ReceiveEnd::NoBuffers {
            self.receive_again(token);
            return None;
        }
        let link = self.link_mut(token)?;
        link.receiving = false;
        if link.ending {
            self.settle(token);
            return None;
        }
        let owner = self.owner(token);
        if owner.is_none() {
            self.leave(token);
        }
        owner
    }

    /// A send is over. Tells the owner how, if the owner has to know.
    pub(super) fn on_sent(
        &mut self,
        token: Token,
        buffer: Vec<u8>,
        result: Result<usize, Errno>,
    ) -> Option<(u32, SendEnd)> {
        let Some(link) = self.link_mut(token) else {
            self.keep(buffer);
            return None;
        };
        link.sending = false;
        let end = match result {
            Err(errno) => SendEnd::Broken(errno),
            Ok(bytes) => {
                let from = link.sent_bytes as usize + bytes;
                if from < buffer.len() && !link.ending {
                    link.sent_bytes = from as u32;
                    link.sending = true;
                    self.operations.push(Operation::Send { token, buffer, from });
                    return None;
                }
                SendEnd::Whole
            }
        };
        self.keep(buffer);
        if self.link(token).is_some_and(|link| link.ending) {
            self.waiting.remove(&token.slot);
            self.settle(token);
            return None;
        }
        if let Some(next) = self.waiting.remove(&token.slot) {
            // It is sealed already, where it has to be.
            self.put(token, next);
        }
        self.owner(token).map(|owner| (owner, end))
    }

    /// A close is over.
    pub(super) fn on_closed(&mut self, token: Token) {
        if let Some(link) = self.link_mut(token) {
            link.open = false;
            self.open -= 1;
        }
    }

    /// Winds up every link.
    pub(super) fn leave_all(&mut self) {
        for slot in 0..self.links.len() {
            let generation = self.links[slot].generation;
            self.leave(Token { slot: slot as u32, generation });
        }
    }

    /// Whether no link is open.
    pub(super) fn is_empty(&self) -> bool {
        self.open == 0
    }

    fn receive_again(&mut self, token: Token) {
        let Some(link) = self.link_mut(token) else { return };
        if link.ending {
            link.receiving = false;
            self.settle(token);
        } else {
            self.operations.push(Operation::Receive { token, mode: ReceiveMode::Stream });
        }
    }

    /// Closes a link that is being left once nothing is in flight on it.
    fn settle(&mut self, token: Token) {
        let Some(link) = self.link_mut(token) else { return };
        if link.ending && !link.receiving && !link.sending && !link.closing {
            link.closing = true;
            self.operations.push(Operation::Close { token });
        }
    }

    fn keep(&mut self, mut buffer: Vec<u8>) {
        if self.buffers.len() < BUFFERS_MAX && buffer.capacity() <= BUFFER_BYTES_MAX {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }

    fn link(&self, token: Token) -> Option<&Link> {
        let link = self.links.get(token.slot as usize)?;
        (link.open && link.generation == token.generation).then_some(link)
    }

    fn link_mut(&mut self, token: Token) -> Option<&mut Link> {
        let link = self.links.get_mut(token.slot as usize)?;
        (link.open && link.generation == token.generation).then_some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(links: &mut Links) -> Vec<&'static str> {
        let name = |operation: Operation| match operation {
            Operation::Receive { .. } => "receive",
            Operation::CancelReceive { .. } => "cancel receive",
            Operation::Send { .. } => "send",
            Operation::CancelSend { .. } => "cancel send",
            Operation::Close { .. } => "close",
            _ => "other",
        };
        links.operations.drain(..).map(name).collect()
    }

    #[test]
    fn a_link_is_closed_only_when_nothing_is_in_flight() {
        let mut links = Links::default();
        let token = links.open(3, 7);
        links.send(token, vec![1, 2]);
        links.leave(token);
        assert_eq!(names(&mut links), ["receive", "send", "cancel receive", "cancel send"]);
        assert_eq!(links.owner(token), None);
        assert_eq!(links.on_receive_ended(token, ReceiveEnd::Cancelled), None);
        assert!(names(&mut links).is_empty());
        assert_eq!(links.on_sent(token, vec![1, 2], Ok(1)), None);
        assert_eq!(names(&mut links), ["close"]);
        assert!(!links.is_empty());
        links.on_closed(token);
        assert!(links.is_empty());
    }

    #[test]
    fn a_short_send_goes_on_from_where_it_stopped() {
        let mut links = Links::default();
        let token = links.open(0, 7);
        links.send(token, vec![0; 10]);
        assert_eq!(links.on_sent(token, vec![0; 10], Ok(4)), None);
        assert!(matches!(links.operations.last(), Some(Operation::Send { from: 4, .. })));
        assert_eq!(links.on_sent(token, vec![0; 10], Ok(6)), Some((7, SendEnd::Whole)));
    }

    #[test]
    fn a_lingering_link_closes_after_the_peer() {
        let mut links = Links::default();
        let token = links.open(0, 7);
        links.linger(token);
        assert_eq!(names(&mut links), ["receive"]);
        assert_eq!(links.on_receive_ended(token, ReceiveEnd::EndOfStream), None);
        assert_eq!(names(&mut links), ["close"]);
    }

    #[test]
    fn a_receive_without_buffers_is_armed_again() {
        let mut links = Links::default();
        let token = links.open(0, 7);
        assert_eq!(links.on_receive_ended(token, ReceiveEnd::NoBuffers), None);
        links.on_received(token, false);
        assert_eq!(names(&mut links), ["receive", "receive", "receive"]);
    }

    #[test]
    fn an_earlier_life_of_a_slot_is_ignored() {
        let mut links = Links::default();
        let old = links.open(0, 7);
        links.leave(old);
        links.on_receive_ended(old, ReceiveEnd::Cancelled);
        links.on_closed(old);
        let new = links.open(0, 8);
        assert_eq!((links.owner(old), links.owner(new)), (None, Some(8)));
        links.leave(old);
        assert_eq!(links.owner(new), Some(8));
    }
}
