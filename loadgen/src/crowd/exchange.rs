//! Answers of HTTP: from the bytes of a connection to the request that each of them answers.
//!
//! An answer names no request: it belongs to the earliest one on the wire. Where contents are
//! echoed they say what they answer, so a doubled or a missing answer is told as that, and not as
//! a wrong one to each request behind it.
//!
//! An answer may be the last of its connection, because it or the request says so. Then the server
//! is let to close it, and the user opens the next one at once; what was sent behind that request
//! is given up, since there are no repeats.

use skyring::driver::ReceiveEnd;

use super::dial::{Parting, trouble_of};
use super::user::Phase;
use super::{Alarm, Crowd, HANGUP_NS};
use crate::check::{Fault, Reply};
use crate::http::{Answered, Reader};
use crate::record::{Step, Trouble};
use crate::scenario::Answer;

impl Crowd {
    /// Bytes on a connection of HTTP: whole answers are taken, the rest is kept.
    pub(super) fn on_answer_bytes(&mut self, index: u32, bytes: &[u8], now_ns: u64) {
        self.record.counters.bytes_in += bytes.len() as u64;
        let user = self.user(index);
        let link = user.token;
        let mut partial = std::mem::take(&mut user.partial).into_vec();
        let reader = user.reader.take();
        let input = if partial.is_empty() {
            bytes
        } else {
            partial.extend_from_slice(bytes);
            &partial
        };
        let mut reader = reader.or_else(|| self.reader.take()).unwrap_or_default();
        let used = self.take_answers(index, &mut reader, input, now_ns);
        let is_there = self.links.owner(link) == Some(index);
        if let Some(used) = used.filter(|used| is_there && *used < input.len()) {
            let rest = input[used..].into();
            self.user(index).partial = rest;
        }
        if is_there && reader.is_busy() {
            self.user(index).reader = Some(reader);
        } else {
            self.reader = Some(reader);
        }
    }

    /// Takes the whole answers at the front of `input`: so many bytes of it. None: the connection is
    /// none of this user's any more.
    fn take_answers(
        &mut self,
        index: u32,
        reader: &mut Reader,
        input: &[u8],
        now_ns: u64,
    ) -> Option<usize> {
        let link = self.user(index).token;
        let mut used = 0;
        loop {
            if !reader.is_busy() {
                if used == input.len() {
                    return Some(used);
                }
                self.begin_answer(index, reader);
            }
            match reader.read(&input[used..]) {
                Ok((taken, false)) => return Some(used + taken),
                Ok((taken, true)) => {
                    used += taken;
                    self.on_whole_answer(index, reader.answered(), now_ns);
                    if self.links.owner(link) != Some(index) {
                        return None;
                    }
                }
                Err(error) => {
                    self.wrong(index, None, Fault::Unreadable, now_ns);
                    self.on_lost(index, Trouble::Broken(Step::Play, error.to_string()), now_ns);
                    return None;
                }
            }
        }
    }

    fn begin_answer(&mut self, index: u32, reader: &mut Reader) {
        let first = self.users[index as usize].ledger.first_sent();
        let calls = self.plan.calls.as_ref();
        let call = first.zip(calls).map(|((_, kind), calls)| calls.kind(kind));
        let is_head = call.is_some_and(|call| call.method == "HEAD");
        reader.begin(is_head, self.plan.scenario.bytes_max() as usize);
    }

    fn on_whole_answer(&mut self, index: u32, answered: Answered<'_>, now_ns: u64) {
        let link = self.user(index).token;
        self.judge(index, answered, now_ns);
        let is_last = answered.is_last || self.plan.options.http_close;
        if is_last && self.links.owner(link) == Some(index) {
            self.finish_connection(index, now_ns);
        }
    }

    /// Finds out which request is answered, and whether as it should be.
    fn judge(&mut self, index: u32, answered: Answered<'_>, now_ns: u64) {
        let first = self.user(index).ledger.first_sent();
        let calls = self.plan.calls.clone();
        let stamp = self.plan.contents.recognise(answered.content);
        let Some((calls, (id, kind))) = calls.as_ref().zip(first) else {
            // Nothing was asked; but it may have been, earlier.
            self.heard_ns = now_ns;
            return match stamp {
                Some(stamp) => self.on_echo(index, Some(stamp), now_ns),
                None => self.wrong(index, None, Fault::NeverAsked, now_ns),
            };
        };
        let call = calls.kind(kind);
        if answered.status != call.status {
            let fault = Fault::Status(answered.status);
            return self.on_answer(index, id, Reply::Judged(Err(fault)), now_ns);
        }
        let judged = match (call.answer, stamp) {
            (Answer::Echo, Some(own)) if own.user == self.number(index) => {
                return self.on_echo(index, stamp, now_ns);
            }
            (Answer::Echo, stamp) => Reply::Content(stamp),
            (Answer::Any, _) => Reply::Judged(Ok(())),
            (Answer::Bytes(bytes), _) if bytes == answered.bytes => Reply::Judged(Ok(())),
            (Answer::Bytes(_), _) => Reply::Judged(Err(Fault::Length(answered.bytes))),
        };
        self.on_answer(index, id, judged, now_ns);
    }

    /// The server has ended the connection of a user, which may be the end of an answer.
    pub(super) fn on_ended(&mut self, index: u32, reason: ReceiveEnd, now_ns: u64) {
        let reader = self.user(index).reader.take().filter(|_| reason == ReceiveEnd::EndOfStream);
        let trouble = match reader {
            None => trouble_of(self.step_of(index), reason),
            Some(mut reader) => match reader.end() {
                Ok(true) => return self.on_whole_answer(index, reader.answered(), now_ns),
                Ok(false) => trouble_of(self.step_of(index), reason),
                Err(error) => Trouble::Broken(self.step_of(index), error.to_string()),
            },
        };
        self.on_lost(index, trouble, now_ns);
    }

    /// Leaves a connection to the server to close, and goes on to the next one.
    fn finish_connection(&mut self, index: u32, now_ns: u64) {
        if self.user(index).phase != Phase::Playing {
            return;
        }
        self.record.counters.closes += 1;
        let link = self.user(index).token;
        self.part(index, Parting::Finished, now_ns);
        let hangup = Alarm::Hangup { slot: link.slot, generation: link.generation };
        self.alarm(now_ns + HANGUP_NS, hangup);
        self.queue.push_back(index);
    }
}
