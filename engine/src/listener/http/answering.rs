//! From the application's answers to bytes.
//!
//! A small body is copied behind its head at once. A large one, and one that is still being made, is
//! taken piece by piece as the peer reads: never more than [`AHEAD_BYTES`] are unsent because of it.

use std::rc::Rc;

use bytes::Bytes;
use skyring_protocols::http1::server::ResponseParts;
use skyring_protocols::http1::{BodySize, NO_HEADERS, Next, WriteError};

use super::{AHEAD_BYTES, HttpRole, PIECE_BYTES, Phase, Sending, UNKNOWN, UNWANTED_BYTES_MAX};
use crate::driver::Token;
use crate::handler::Failed;
use crate::http::{Content, Flow, Pieces, Response, TakeNext, produce};
use crate::shard::connections::Role;
use crate::shard::core::Core;
use crate::shard::counters::Counter;

/// What is left of an answer once its head is written.
enum Rest {
    /// Nothing.
    Written,
    Bytes(Bytes),
    Pieces(Pieces),
}

impl HttpRole {
    /// Whether the rest of the request's body may be short enough to be read and thrown away.
    fn can_skip_rest(&self) -> bool {
        self.body_left_bytes == UNKNOWN || self.body_left_bytes <= UNWANTED_BYTES_MAX
    }

    /// Writes the head, and the body where that is small; what is left, and how many bytes of body
    /// were written.
    fn write(
        &mut self,
        answer: Response,
        date: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(Rest, usize), WriteError> {
        let Response { status, headers, content, .. } = answer;
        let headers = headers.iter().map(|(name, value)| (&**name, &**value));
        let small = match &content {
            Content::Empty => Some(&[][..]),
            Content::Bytes(bytes) if bytes.len() <= PIECE_BYTES => Some(&bytes[..]),
            Content::Bytes(_) | Content::Pieces(..) | Content::Upgrade(_) => None,
        };
        if let Some(body) = small {
            self.machine.respond_whole(status, headers, Some(date), body, output)?;
            return Ok((Rest::Written, body.len()));
        }
        let size = match &content {
            Content::Bytes(bytes) => BodySize::Known(bytes.len() as u64),
            Content::Pieces(_, Some(bytes)) => BodySize::Known(*bytes),
            Content::Empty | Content::Pieces(_, None) | Content::Upgrade(_) => BodySize::Unknown,
        };
        let parts = ResponseParts { status, body: size, date: Some(date) };
        self.machine.respond(&parts, headers, output)?;
        let rest = match content {
            _ if !self.machine.sends_body() => {
                self.machine.finish(NO_HEADERS, output)?;
                Rest::Written
            }
            Content::Empty | Content::Upgrade(_) => Rest::Written,
            Content::Bytes(bytes) => Rest::Bytes(bytes),
            Content::Pieces(pieces, _) => Rest::Pieces(pieces),
        };
        Ok((rest, 0))
    }
}

impl Core {
    /// A handler that waited has answered. Its connection may have ended meanwhile.
    pub(crate) fn on_http_answer(&mut self, token: Token, answer: Result<Response, Failed>) {
        if self.connections.get_mut(token).is_none() {
            return;
        }
        self.answer_http(token.slot, answer);
        self.after_answering(token.slot);
    }

    /// Writes an answer, or as much of it as there is room for. A handler that panicked is a 500, and
    /// the end of the connection: who knows what it has left half done.
    pub(super) fn answer_http(&mut self, slot: u32, answer: Result<Response, Failed>) {
        if !self.http(slot).is_some_and(|http| http.is_asked) {
            return;
        }
        let answer = answer.unwrap_or_else(|Failed| {
            self.count(Counter::HandlerFailed);
            Response::new(500).close()
        });
        let Some(answer) = self.upgrade(slot, answer) else { return };
        let (status, rest) = self.write_head(slot, answer);
        self.count_http_answer(status);
        match rest {
            Rest::Written => self.end_exchange(slot),
            Rest::Bytes(current) => self.send_rest(slot, Sending { current, flow: None }),
            Rest::Pieces(pieces) => {
                let flow = Flow::new(&self.side, self.connections.token(slot));
                self.side.spawn(produce(Rc::clone(&flow), pieces));
                self.send_rest(slot, Sending { current: Bytes::new(), flow: Some(flow) });
            }
        }
    }

    fn send_rest(&mut self, slot: u32, sending: Sending) {
        if let Some(http) = self.http(slot) {
            http.sending = Some(Box::new(sending));
            self.go_on_answering(slot);
        }
    }

    /// Writes the head of an answer, and its body if that is small.
    fn write_head(&mut self, slot: u32, answer: Response) -> (u16, Rest) {
        let draining = self.draining;
        let date = self.date.text(self.now_ms);
        let (role, output) = self.connections.role_and_output(slot);
        let Role::Http(http) = role else { return (answer.status, Rest::Written) };
        http.is_asked = false;
        if draining || answer.close {
            http.machine.close_after();
        }
        if matches!(answer.content, Content::Pieces(..))
            && http.pipe.as_ref().is_some_and(|it| it.is_kept())
        {
            // The answer may be made of a body that its client holds back until it hears of it.
            http.machine.send_continue(output);
        }
        let status = answer.status;
        match http.write(answer, date, output) {
            Ok((rest, bytes)) => {
                self.counters.add(Counter::HttpBodyBytesSent, bytes as u64);
                (status, rest)
            }
            Err(_) => {
                self.counters.count(Counter::HandlerFailed);
                http.machine.refuse(500, Some(date), output);
                (500, Rest::Written)
            }
        }
    }

    /// Takes more of an answer, as far as there is room.
    pub(super) fn go_on_answering(&mut self, slot: u32) {
        loop {
            let ahead_bytes = self.connections.at(slot).unsent_bytes();
            let budget = self.output_budget(slot).min(AHEAD_BYTES);
            let Some(http) = self.http(slot) else { return };
            let Some(sending) = http.sending.as_deref_mut() else { return };
            if ahead_bytes >= budget {
                return;
            }
            if sending.current.is_empty() {
                match sending.flow.as_ref().map_or(TakeNext::End, |flow| flow.take()) {
                    TakeNext::Piece(piece) => sending.current = piece,
                    TakeNext::Wait => return,
                    TakeNext::End => return self.finish_answer(slot),
                    TakeNext::Broken => return self.break_answer(slot),
                }
            }
            if self.write_piece(slot).is_err() {
                return self.break_answer(slot);
            }
        }
    }

    fn write_piece(&mut self, slot: u32) -> Result<(), WriteError> {
        let (role, output) = self.connections.role_and_output(slot);
        let Role::Http(http) = role else { return Ok(()) };
        let HttpRole { machine, sending: Some(sending), .. } = &mut **http else { return Ok(()) };
        let bytes = sending.current.len().min(PIECE_BYTES);
        machine.send_data(&sending.current.split_to(bytes), output)?;
        self.counters.add(Counter::HttpBodyBytesSent, bytes as u64);
        Ok(())
    }

    fn finish_answer(&mut self, slot: u32) {
        let (role, output) = self.connections.role_and_output(slot);
        let Role::Http(http) = role else { return };
        http.sending = None;
        match http.machine.finish(NO_HEADERS, output) {
            Ok(()) => self.end_exchange(slot),
            Err(_) => self.break_answer(slot),
        }
    }

    /// An answer whose head is out ends before its end, or was announced wrongly: nobody may take it
    /// for whole, so the connection breaks.
    fn break_answer(&mut self, slot: u32) {
        self.count(Counter::HandlerFailed);
        self.abort(slot, Counter::ClosedByServer);
    }

    /// What comes behind an answer that is complete.
    pub(super) fn end_exchange(&mut self, slot: u32) {
        let draining = self.draining;
        let Some(http) = self.http(slot) else { return };
        match http.machine.next() {
            Next::Reuse if !draining => {
                http.machine.next_exchange();
                http.pipe = None;
                http.phase = Phase::Over;
                if self.is_over_budget(slot) {
                    self.pause(slot);
                }
            }
            Next::ReadRest if !draining && http.can_skip_rest() => {
                http.body_left_bytes = UNWANTED_BYTES_MAX;
            }
            Next::Unfinished => {}
            _ => self.finish(slot, Counter::ClosedByServer),
        }
    }

    /// An answer has gone on outside of reading: whatever waited for its end does so no longer.
    pub(super) fn after_answering(&mut self, slot: u32) {
        let Some(http) = self.http(slot) else { return self.after_upgrade(slot) };
        if http.must_wait() {
            return self.settle_http(slot);
        }
        let connection = self.connections.at(slot);
        if connection.paused {
            self.resume_soon(slot);
        } else if connection.ended {
            self.on_end_of_stream(slot);
        }
        self.settle_http(slot);
    }

    /// Output has left.
    pub(crate) fn on_http_sent(&mut self, slot: u32) {
        if self.http(slot).is_some_and(|http| http.sending.is_some()) {
            self.go_on_answering(slot);
            self.after_answering(slot);
        }
    }

    pub(super) fn count_http_answer(&self, status: u16) {
        self.count(match status {
            ..300 => Counter::HttpAnswers2xx,
            300..400 => Counter::HttpAnswers3xx,
            400..500 => Counter::HttpAnswers4xx,
            _ => Counter::HttpAnswers5xx,
        });
    }
}
