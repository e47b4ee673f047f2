//! Connecting: the one operation that takes several steps.
//!
//! An ordinary socket is made and bound, then moved into a free slot of the table, closed as an
//! ordinary descriptor, and connected there. The move and the close are linked, so that however
//! many connects are asked for in one turn, ordinary descriptors are open only while the kernel
//! works through one submission queue. If connecting fails, the slot is freed before the event.

#![allow(unsafe_code)]

use std::net::SocketAddr;
use std::os::fd::{IntoRawFd, RawFd};

use io_uring::opcode;
use io_uring::squeue::Flags;
use io_uring::types::{Fd, Fixed};

use super::address::AddressBuffer;
use super::cell::KernelCell;
use super::token::{Kind, OperationToken};
use super::{UringDriver, socket};
use crate::driver::{Errno, Event, SocketKind};

/// Asks a files update to choose the slot (`IORING_FILE_INDEX_ALLOC`).
const SLOT_OF_KERNELS_CHOICE: i32 = -1;

/// A connect in flight.
#[derive(Debug)]
pub(super) struct Connecting {
    tag: u32,
    /// The kernel reads this.
    destination: AddressBuffer,
    /// The kernel reads the ordinary descriptor here and writes the slot over it.
    place: KernelCell<RawFd>,
    /// The slot, once there is one.
    slot: u32,
    /// Whether it stands in the table and the kernel connects it.
    is_connecting: bool,
    /// It was cancelled while it was being put there.
    is_cancelled: bool,
    /// Why it failed, once it has.
    error: Errno,
}

impl UringDriver {
    pub(super) fn connect(
        &mut self,
        tag: u32,
        kind: SocketKind,
        to: SocketAddr,
        from: Option<SocketAddr>,
    ) {
        let socket = match socket::connecting(kind, to, from) {
            Ok(socket) => socket.into_raw_fd(),
            Err(error) => {
                let errno = Errno(error.raw_os_error().unwrap_or(libc::EINVAL));
                self.pending.push(Event::Connected { tag, result: Err(errno) });
                return;
            }
        };
        let destination = AddressBuffer::holding(to);
        let place = KernelCell::new(socket);
        let install = opcode::FilesUpdate::new(place.pointer(), 1)
            .offset(SLOT_OF_KERNELS_CHOICE)
            .build()
            .flags(Flags::IO_HARDLINK);
        let connecting = Connecting {
            tag,
            destination,
            place,
            slot: 0,
            is_connecting: false,
            is_cancelled: false,
            error: Errno(0),
        };
        let index = self.connects.insert(connecting);
        let installed = OperationToken::indexed(Kind::Install, index);
        let close = opcode::Close::new(Fd(socket)).build().flags(Flags::SKIP_SUCCESS);
        let failed = OperationToken::indexed(Kind::ReleaseFailed, index);
        let entries = [install.user_data(installed.bits()), close.user_data(failed.bits())];
        // SAFETY: the cell is in the slab until the last step's completion. The descriptor is owned
        // by the second entry alone, which closes it after the first is done with it.
        unsafe { self.ring.push_all(&entries) };
    }

    /// The socket is in a slot, or not.
    pub(super) fn on_installed(
        &mut self,
        index: u32,
        result: Result<u32, Errno>,
        events: &mut Vec<Event>,
    ) {
        let Some(connecting) = self.connects.at_mut(index) else {
            self.ring.stats.stale += 1;
            return;
        };
        if !matches!(result, Ok(1)) {
            connecting.error = result.err().unwrap_or(Errno(libc::EIO));
            self.on_abandoned(index, events);
            return;
        }
        // SAFETY: the update has completed, so the kernel no longer writes to the cell.
        let slot = unsafe { connecting.place.pointer().read() };
        connecting.slot = u32::try_from(slot).expect("the kernel chose a slot");
        if connecting.is_cancelled {
            connecting.error = Errno(libc::ECANCELED);
            return self.abandon(index);
        }
        connecting.is_connecting = true;
        let destination = &connecting.destination;
        let (address, bytes) = (destination.storage(), destination.bytes());
        let connect = opcode::Connect::new(Fixed(connecting.slot), address, bytes).build();
        let operation = OperationToken::indexed(Kind::Connect, index);
        // SAFETY: the address is in the slab until the last step's completion.
        unsafe { self.ring.push(connect.user_data(operation.bits())) };
    }

    /// The connection stands, or not.
    pub(super) fn on_connected(
        &mut self,
        index: u32,
        result: Result<u32, Errno>,
        events: &mut Vec<Event>,
    ) {
        let Some(connecting) = self.connects.at_mut(index) else {
            self.ring.stats.stale += 1;
            return;
        };
        match result {
            Ok(_) => {
                let (tag, slot) = (connecting.tag, connecting.slot);
                self.connects.remove(index);
                events.push(Event::Connected { tag, result: Ok(slot) });
            }
            Err(error) => {
                connecting.error = error;
                self.abandon(index);
            }
        }
    }

    /// Cancels the connects under a tag. The step that puts the socket into its slot is let through.
    pub(super) fn cancel_connect(&mut self, tag: u32) {
        let theirs = |(index, it): (u32, &Connecting)| (it.tag == tag).then_some(index);
        let indexes: Vec<u32> = self.connects.iter().filter_map(theirs).collect();
        for index in indexes {
            let Some(connecting) = self.connects.at_mut(index) else { continue };
            if connecting.is_connecting {
                self.cancel(OperationToken::indexed(Kind::Connect, index));
            } else {
                connecting.is_cancelled = true;
            }
        }
    }

    /// Frees the slot of a connect that came to nothing.
    fn abandon(&mut self, index: u32) {
        let Some(connecting) = self.connects.at_mut(index) else { return };
        // From here on there is nothing to cancel.
        connecting.is_connecting = false;
        let close = opcode::Close::new(Fixed(connecting.slot)).build();
        self.push_plain(close, OperationToken::indexed(Kind::Abandon, index));
    }

    /// What failed holds nothing any more.
    pub(super) fn on_abandoned(&mut self, index: u32, events: &mut Vec<Event>) {
        match self.connects.remove(index) {
            Some(Connecting { tag, error, .. }) => {
                events.push(Event::Connected { tag, result: Err(error) });
            }
            None => self.ring.stats.stale += 1,
        }
    }
}
