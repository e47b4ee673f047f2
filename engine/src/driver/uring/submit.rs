//! Operations become submissions.
//!
//! What an operation owns is put where it stays until its completion, in a slab or in the ring of
//! buffers, before the submission that points to it is queued. An operation that cannot even be
//! asked of the kernel is answered by an event of the next turn.

#![allow(unsafe_code)]

use io_uring::squeue::Flags;
use io_uring::types::{DestinationSlot, Fd, Fixed};
use io_uring::{opcode, squeue};

use std::os::fd::AsRawFd;

use super::address::AddressBuffer;
use super::buffers::GROUP;
use super::token::{Kind, OperationToken};
use super::{Accepting, Sending, UringDriver};
use crate::driver::{Errno, Event, ListenerIndex, ReceiveMode, ShardIndex, Token};

/// Bytes that one send can carry at most; the kernel would cut off the rest.
const SEND_BYTES_MAX: usize = 0x7fff_f000;

impl UringDriver {
    pub(super) fn accept(&mut self, listener: ListenerIndex) {
        let socket = self.listeners.get(usize::from(listener.0)).and_then(Option::as_ref);
        let Some(socket) = socket.map(AsRawFd::as_raw_fd) else {
            let errno = Errno(libc::EBADF);
            self.pending.push(Event::AcceptFailed { listener, errno });
            return;
        };
        let peer = AddressBuffer::empty();
        let accept = opcode::Accept::new(Fd(socket), peer.storage(), peer.length())
            .file_index(Some(DestinationSlot::auto_target()))
            .build();
        let index = self.accepts.insert(Accepting { listener, peer });
        let operation = OperationToken::indexed(Kind::Accept, index);
        // SAFETY: the address is in the slab until the completion; the listener stays open until
        // then or until `remove_listener`, which submits first.
        unsafe { self.ring.push(accept.user_data(operation.bits())) };
    }

    pub(super) fn cancel_accepts(&mut self, listener: ListenerIndex) {
        let theirs = |(index, accept): (u32, &Accepting)| {
            (accept.listener == listener).then_some(OperationToken::indexed(Kind::Accept, index))
        };
        let operations: Vec<OperationToken> = self.accepts.iter().filter_map(theirs).collect();
        for operation in operations {
            self.cancel(operation);
        }
    }

    pub(super) fn receive(&mut self, token: Token, mode: ReceiveMode) {
        let slot = Fixed(token.slot);
        let receive = match mode {
            ReceiveMode::Once => {
                let bytes = self.buffers.buffer_bytes();
                opcode::Recv::new(slot, std::ptr::null_mut(), bytes)
                    .buf_group(GROUP)
                    .build()
                    .flags(Flags::BUFFER_SELECT)
            }
            ReceiveMode::Stream => opcode::RecvMulti::new(slot, GROUP).build(),
        };
        self.push_plain(receive, OperationToken::of(Kind::Receive, token));
    }

    pub(super) fn send(&mut self, token: Token, buffer: Vec<u8>, from: usize) {
        let unsent = buffer.get(from..).unwrap_or_default();
        let bytes = unsent.len().min(SEND_BYTES_MAX) as u32;
        let send = opcode::Send::new(Fixed(token.slot), unsent.as_ptr(), bytes)
            .flags(libc::MSG_NOSIGNAL)
            .build();
        let index = self.sends.insert(Sending { token, buffer });
        let slot = token.slot as usize;
        if self.send_of_slot.len() <= slot {
            self.send_of_slot.resize(slot + 1, u32::MAX);
        }
        self.send_of_slot[slot] = index;
        let operation = OperationToken::indexed(Kind::Send, index);
        // SAFETY: the buffer is in the slab until the completion, and nobody changes it there:
        // moving a `Vec` leaves its bytes where they are.
        unsafe { self.ring.push(send.user_data(operation.bits())) };
    }

    pub(super) fn cancel_send(&mut self, token: Token) {
        let Some(&index) = self.send_of_slot.get(token.slot as usize) else { return };
        if self.sends.at(index).is_some_and(|send| send.token == token) {
            self.cancel(OperationToken::indexed(Kind::Send, index));
        }
    }

    pub(super) fn shut_down(&mut self, token: Token) {
        let shutdown = opcode::Shutdown::new(Fixed(token.slot), libc::SHUT_WR).build();
        self.push_plain(shutdown, OperationToken::of(Kind::ShutDown, token));
    }

    pub(super) fn close(&mut self, token: Token) {
        let close = opcode::Close::new(Fixed(token.slot)).build();
        self.push_plain(close, OperationToken::of(Kind::Close, token));
    }

    pub(super) fn hand_over(&mut self, token: Token, to: ShardIndex, key: u32) {
        let Some(ring) = self.directory.ring(to) else {
            let result = Err(Errno(libc::EOWNERDEAD));
            self.pending.push(Event::HandedOver { token, result });
            return;
        };
        let arrival = OperationToken::new(Kind::Arrived, u32::from(self.shard.0), key);
        let target = DestinationSlot::auto_target();
        let slot = Fixed(token.slot);
        let message = opcode::MsgRingSendFd::new(Fd(ring), slot, target, arrival.bits()).build();
        // The directory keeps the other ring's descriptor open longer than this driver exists.
        self.push_plain(message, OperationToken::of(Kind::HandOver, token));
    }

    pub(super) fn wake(&mut self, shard: ShardIndex) {
        if shard == self.shard {
            self.pending.push(Event::Woken);
            return;
        }
        let Some(ring) = self.directory.ring(shard) else {
            self.ring.stats.wakes_failed += 1;
            return;
        };
        let call = OperationToken::new(Kind::Woken, u32::from(self.shard.0), 0);
        let message = opcode::MsgRingData::new(Fd(ring), 0, call.bits(), None).build();
        // Only a call that fails answers.
        let operation = OperationToken::indexed(Kind::WakeFailed, u32::from(shard.0));
        self.push_plain(message.flags(Flags::SKIP_SUCCESS), operation);
    }

    /// A call has not reached its shard: the kernel had no memory for it. Whoever asked for it believes that
    /// the shard is being woken and does not ask again, so it is called as other threads call it, which takes none.
    pub(super) fn on_wake_failed(&mut self, operation: OperationToken) {
        self.ring.stats.wakes_failed += 1;
        self.directory.wake(ShardIndex(operation.index() as u16));
    }

    /// Cancels one operation; only a cancel that found nothing answers.
    pub(super) fn cancel(&mut self, operation: OperationToken) {
        let cancel = opcode::AsyncCancel::new(operation.bits()).build();
        let failed = OperationToken::indexed(Kind::CancelFailed, 0);
        self.push_plain(cancel.flags(Flags::SKIP_SUCCESS), failed);
    }

    /// Queues a submission that points to no memory.
    pub(super) fn push_plain(&mut self, entry: squeue::Entry, operation: OperationToken) {
        // SAFETY: receives choose from the ring of buffers, which outlives them; shut-downs,
        // closes, messages and cancels carry numbers only.
        unsafe { self.ring.push(entry.user_data(operation.bits())) };
    }
}
