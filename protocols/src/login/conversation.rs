//! What the client halves of both versions have in common: where a login stands, what has come and is
//! unread, and what its owner has yet to do.
//!
//! Invariant: one outcome (granted, refused or broken) leaves, and nothing after it.

use std::collections::VecDeque;

use super::client::LoginClientOutput;
use super::error::LoginError;
use super::state::{Event, State};
use super::unread::{TooLong, Unread};
use crate::coverage;

pub(super) struct Conversation {
    /// The machine's name in the coverage of the table.
    name: &'static str,
    state: State,
    unread: Unread,
    outputs: VecDeque<LoginClientOutput>,
    retry_after_ms: Option<u32>,
}

impl Conversation {
    /// One that waits for line 1.
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            state: State::Challenge,
            unread: Unread::default(),
            outputs: VecDeque::new(),
            retry_after_ms: None,
        }
    }

    /// What is unread with these bytes, to be taken line by line and given back with
    /// [`Conversation::keep`]; none when the login is over.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<Unread> {
        let mut unread = std::mem::take(&mut self.unread);
        if self.is_over() {
            return None;
        }
        if let Err(TooLong) = unread.push(bytes) {
            self.fail(LoginError::LineTooLong);
            return None;
        }
        Some(unread)
    }

    /// What is left of it; nothing of a login that is over.
    pub(super) fn keep(&mut self, unread: Unread) {
        if !self.is_over() {
            self.unread = unread;
        }
    }

    /// The connection ended: without an outcome yet, that is one.
    pub(super) fn on_disconnect(&mut self) {
        if !self.is_over() {
            self.fail(LoginError::Disconnected);
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<LoginClientOutput> {
        self.outputs.pop_front()
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Ended
    }

    pub(super) fn retry_after_ms(&self) -> Option<u32> {
        self.retry_after_ms
    }

    /// Sends lines, given with their line feeds.
    pub(super) fn say(&mut self, lines: Vec<u8>) {
        self.outputs.push_back(LoginClientOutput::Send(lines));
    }

    pub(super) fn grant(&mut self, subid: Vec<u8>) {
        self.advance(Event::Granted);
        self.outputs.push_back(LoginClientOutput::Granted { subid });
    }

    pub(super) fn refuse(&mut self, code: u16, retry_after_ms: Option<u32>) {
        self.retry_after_ms = retry_after_ms;
        self.advance(Event::Refused);
        self.outputs.push_back(LoginClientOutput::Refused(code));
    }

    pub(super) fn fail(&mut self, error: LoginError) {
        self.advance(Event::Cut);
        self.outputs.push_back(LoginClientOutput::Broken(error));
    }

    pub(super) fn advance(&mut self, event: Event) {
        coverage::step(self.name, self.state, event);
        let next = self.state.after(event);
        self.state = next.expect("the client half takes only the steps of the table");
    }
}
