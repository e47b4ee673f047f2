//! The sending half of an exchange: the head, then the body as there is room for it.

use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use skyring_protocols::http1::client::Client as Machine;
use skyring_protocols::http1::{NO_HEADERS, WriteError};

use super::deadline::Deadline;
use super::error::Error;
use super::network::Wire;
use super::request::{Payload, PieceStream};
use crate::net::StreamError;

/// Bytes that are collected for one write.
const WRITE_BYTES: usize = 32 << 10;
/// How long a body waits for the server's consent.
pub(super) const CONSENT_WAIT: Duration = Duration::from_secs(1);

/// What is still to be sent of a request.
pub(super) struct Upload {
    source: Source,
    /// Written by the machine, not yet given to the wire.
    collected: Vec<u8>,
    /// On its way into the wire.
    sending: Bytes,
    /// Until when the body waits for the server's consent, if it was asked for.
    consent: Option<Deadline>,
    failure: Option<StreamError>,
}

/// Where the rest of the body comes from.
enum Source {
    Bytes(Bytes),
    Pieces(PieceStream),
    /// Nothing is left, or nothing more is wanted.
    Done,
}

impl Upload {
    /// The machine has written `head`; `is_empty`: it knows that there is no body.
    pub(super) fn new(
        head: Vec<u8>,
        payload: Payload,
        is_empty: bool,
        consent: Option<Deadline>,
    ) -> Upload {
        let source = match payload {
            _ if is_empty => Source::Done,
            Payload::Bytes(bytes) => Source::Bytes(bytes),
            Payload::Stream(_, pieces) => Source::Pieces(pieces),
            Payload::Gone => Source::Done,
        };
        Upload { source, collected: head, sending: Bytes::new(), consent, failure: None }
    }

    /// Whether the whole request is with the wire.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.source, Source::Done)
            && self.collected.is_empty()
            && self.sending.is_empty()
            && self.failure.is_none()
    }

    /// Why sending ended early. The answer may say more.
    pub(super) fn failure(&self) -> Option<&StreamError> {
        self.failure.as_ref()
    }

    /// The rest is not wanted.
    pub(super) fn abandon(&mut self) {
        self.source = Source::Done;
    }

    /// Gives the wire what it has room for. `cx` is woken when there is room again, or more of the
    /// body.
    ///
    /// # Errors
    /// When the body cannot be sent. A wire that fails is no error here.
    pub(super) fn advance(
        &mut self,
        machine: &mut Machine,
        wire: &mut dyn Wire,
        cx: &mut TaskContext<'_>,
    ) -> Result<(), Error> {
        while self.failure.is_none() {
            self.collect(machine, cx)?;
            if self.sending.is_empty() {
                return Ok(());
            }
            let written = match wire.poll_ready(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(())) => wire.try_write(&mut self.sending),
                Poll::Ready(Err(error)) => Err(error),
            };
            self.failure = written.err();
        }
        self.abandon();
        Ok(())
    }

    /// Makes the next write, once the last one is over: of as much as is at hand, so that a small
    /// body leaves with its head.
    fn collect(&mut self, machine: &mut Machine, cx: &mut TaskContext<'_>) -> Result<(), Error> {
        if !self.sending.is_empty() {
            return Ok(());
        }
        while self.collected.len() < WRITE_BYTES && self.collect_piece(machine, cx)? {}
        self.sending = Bytes::from(std::mem::take(&mut self.collected));
        Ok(())
    }

    /// Has the machine write one more piece. False: there is none now.
    fn collect_piece(
        &mut self,
        machine: &mut Machine,
        cx: &mut TaskContext<'_>,
    ) -> Result<bool, Error> {
        let waits = |consent: &Deadline| machine.awaits_continue() && consent.poll(cx).is_pending();
        if self.consent.as_ref().is_some_and(waits) {
            return Ok(false);
        }
        let out = &mut self.collected;
        match &mut self.source {
            Source::Done => return Ok(false),
            Source::Bytes(bytes) => {
                let piece = bytes.split_to(bytes.len().min(WRITE_BYTES));
                machine.send_data(&piece, out)?;
                if bytes.is_empty() {
                    self.finish(machine)?;
                }
            }
            Source::Pieces(pieces) => match pieces.as_mut().poll_next(cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Some(Ok(piece))) => machine.send_data(&piece, out)?,
                Poll::Ready(Some(Err(error))) => return Err(Error::Body(error)),
                Poll::Ready(None) => self.finish(machine)?,
            },
        }
        Ok(true)
    }

    fn finish(&mut self, machine: &mut Machine) -> Result<(), WriteError> {
        self.source = Source::Done;
        machine.finish(NO_HEADERS, &mut self.collected)
    }
}
