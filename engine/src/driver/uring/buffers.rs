//! Receive buffers: one mapping, lent to the kernel through a provided-buffer ring.
//!
//! The kernel takes buffers from the front of a ring of descriptions in shared memory; we put them
//! back at its end. A buffer is always in exactly one of two states: *offered*, when the kernel may
//! write into it at any moment and nobody here looks at it, or *leased*, when the kernel has given
//! it out and writes no more. Only leased buffers can be read, and only leased ones go back.
//!
//! Counts are a power of two, at most 32,768, as the kernel demands. The ring of descriptions and
//! the buffers share one anonymous mapping, descriptions first.
//!
//! Buffers are an odd number of cache lines apart. Were they a power of two apart, the first lines of
//! all of them, where short frames are, would share a few sets of the processor's caches.

#![allow(unsafe_code)]

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

use crate::driver::Lease;

/// The one buffer group that a ring has.
pub(super) const GROUP: u16 = 0;

/// Bytes of a line of the processor's caches.
const LINE_BYTES: usize = 64;

/// Buffers the kernel allows in a group.
const COUNT_MAX: u16 = 1 << 15;

/// Memory from the operating system, page-aligned and zero.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
    /// Whether it stays mapped when dropped.
    leaked: bool,
}

impl Mapping {
    fn new(bytes: usize) -> io::Result<Mapping> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches no memory
        // that exists.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).expect("mmap succeeded");
        Ok(Mapping { start, bytes, leaked: false })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.leaked {
            return;
        }
        // SAFETY: start and length are those of the mapping made in `new`, and its only owner is
        // going. The driver sees to it that the kernel has let go of it before.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// The buffers of one ring.
#[derive(Debug)]
pub(super) struct BufferRing {
    memory: Mapping,
    count: u16,
    buffer_bytes: u32,
    /// Bytes from the start of one buffer to the start of the next.
    stride_bytes: usize,
    /// Where the buffers begin in the mapping.
    data_offset: usize,
    /// Whether the buffer of this number is leased.
    leased: Vec<bool>,
    /// Descriptions written so far, modulo 2^16; the kernel sees it after `publish`.
    tail: u16,
}

impl BufferRing {
    /// Makes and registers at least `count` buffers of `buffer_bytes` each, all offered.
    ///
    /// # Errors
    /// The mapping's or the registration's. A count above 32,768 or an empty buffer is refused.
    pub(super) fn new(
        submitter: &Submitter<'_>,
        count: u16,
        buffer_bytes: u32,
    ) -> io::Result<BufferRing> {
        if count > COUNT_MAX || buffer_bytes == 0 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let count = count.max(1).next_power_of_two();
        let ring_bytes = usize::from(count) * size_of::<BufRingEntry>();
        let data_offset = ring_bytes.next_multiple_of(LINE_BYTES);
        let stride_bytes = stride_bytes(buffer_bytes);
        let memory = Mapping::new(data_offset + usize::from(count) * stride_bytes)?;
        let mut ring = BufferRing {
            memory,
            count,
            buffer_bytes,
            stride_bytes,
            data_offset,
            leased: vec![true; usize::from(count)],
            tail: 0,
        };
        let address = ring.memory.start.as_ptr() as u64;
        // SAFETY: the mapping is page-aligned and holds `count` descriptions, whose pages the kernel
        // keeps until they are unregistered. The buffers are written by receives only: the driver
        // drops this ring of buffers when none is in flight, and otherwise leaks it.
        unsafe { submitter.register_buf_ring_with_flags(address, count, GROUP, 0)? };
        for number in 0..count {
            ring.give_back(number);
        }
        ring.publish();
        Ok(ring)
    }

    /// How many buffers there are.
    pub(super) fn count(&self) -> u16 {
        self.count
    }

    /// Bytes of one buffer.
    pub(super) fn buffer_bytes(&self) -> u32 {
        self.buffer_bytes
    }

    /// Notes that the kernel has given out a buffer with so many bytes in it.
    ///
    /// # Panics
    /// If the kernel names a buffer that it does not have.
    pub(super) fn lease(&mut self, number: u16, bytes: u32) -> Lease {
        let leased = &mut self.leased[usize::from(number)];
        assert!(!*leased, "the kernel gives out only buffers that are offered");
        *leased = true;
        Lease { buffer: number, bytes: bytes.min(self.buffer_bytes) }
    }

    /// The bytes on lease.
    ///
    /// # Panics
    /// If the lease is not one of this ring.
    pub(super) fn bytes(&self, lease: &Lease) -> &[u8] {
        assert!(self.leased[usize::from(lease.buffer)], "a lease names a buffer that is leased");
        let bytes = lease.bytes.min(self.buffer_bytes) as usize;
        // SAFETY: the buffer's number is below the count (the index above), so the range lies in
        // the mapping; mapped memory is initialised. The kernel does not write to a leased buffer,
        // and it becomes offered only through `give_back`, which needs the ring exclusively.
        unsafe { std::slice::from_raw_parts(self.buffer(lease.buffer), bytes) }
    }

    /// Offers a leased buffer to the kernel again, from the next [`BufferRing::publish`] on.
    ///
    /// # Panics
    /// If the buffer is not leased.
    pub(super) fn give_back(&mut self, number: u16) {
        let leased = &mut self.leased[usize::from(number)];
        assert!(*leased, "a buffer goes back once");
        *leased = false;
        let place = usize::from(self.tail & (self.count - 1));
        let data = self.buffer(number);
        // SAFETY: `place` is below the count, so the entry lies in the mapping. Entries at and past
        // the published tail are ours: there are as many places as buffers, and this buffer was not
        // in the ring, so the kernel has consumed the entry that was here. Only the three fields
        // are written: the first entry's fourth is the tail, shared with the kernel.
        unsafe {
            let entry = &mut *self.memory.start.as_ptr().cast::<BufRingEntry>().add(place);
            entry.set_addr(data as u64);
            entry.set_len(self.buffer_bytes);
            entry.set_bid(number);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel what was given back.
    pub(super) fn publish(&mut self) {
        // SAFETY: the tail lies in the first entry, in the mapping, aligned for a `u16`, and is
        // only ever accessed atomically: by us here, by the kernel when it takes a buffer.
        let tail = unsafe {
            let tail = BufRingEntry::tail(self.memory.start.as_ptr().cast());
            AtomicU16::from_ptr(tail.cast_mut())
        };
        tail.store(self.tail, Ordering::Release);
    }

    /// Takes the buffers away from the kernel.
    ///
    /// # Errors
    /// The kernel's; the memory must then not be freed.
    pub(super) fn unregister(&mut self, submitter: &Submitter<'_>) -> io::Result<()> {
        submitter.unregister_buf_ring(GROUP)
    }

    /// Keeps the memory mapped for good, because the kernel may still write to it.
    pub(super) fn leak(&mut self) {
        self.memory.leaked = true;
    }

    fn buffer(&self, number: u16) -> *const u8 {
        let offset = self.data_offset + usize::from(number) * self.stride_bytes;
        // SAFETY: the number is below the count, so the offset lies in the mapping.
        unsafe { self.memory.start.as_ptr().add(offset) }
    }
}

/// The distance of two buffers: enough for the bytes of one, and an odd number of lines.
fn stride_bytes(buffer_bytes: u32) -> usize {
    ((buffer_bytes as usize).div_ceil(LINE_BYTES) | 1) * LINE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_an_odd_number_of_lines_apart_and_do_not_overlap() {
        for (buffer_bytes, stride) in [(1, 64), (64, 64), (65, 192), (2048, 2112), (4096, 4160)] {
            assert_eq!(stride_bytes(buffer_bytes), stride);
        }
    }
}
