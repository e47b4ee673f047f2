//! Memory that the kernel uses: the provided-buffer ring and the send arena.
//!
//! Both live as long as the process. A receive buffer belongs either to the kernel (from `release`
//! to the completion that names it) or to the holder of its [`Lease`], never to both.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

/// Received bytes on loan.
#[derive(Debug)]
#[must_use = "a lease that is not released starves the ring of buffers"]
pub struct Lease {
    pub(super) buffer: u16,
    pub(super) bytes: u32,
}

/// The ring of provided receive buffers, group 0.
pub(super) struct ReceiveBuffers {
    entries: &'static mut [Entry],
    data: *mut u8,
    buffer_bytes: usize,
    tail: u16,
}

/// One entry of the shared ring, at the alignment that the kernel asks of its start.
#[repr(C)]
struct Entry(BufRingEntry);

impl ReceiveBuffers {
    /// Allocates and registers `count` buffers; a power of two.
    pub(super) fn register(
        submitter: &Submitter<'_>,
        count: u16,
        buffer_bytes: usize,
    ) -> io::Result<ReceiveBuffers> {
        assert!(count.is_power_of_two(), "the kernel masks with count - 1");
        let entries = page_aligned_entries(count)?;
        let data = Box::leak(vec![0u8; usize::from(count) * buffer_bytes].into_boxed_slice());
        // SAFETY: the entries are page-aligned, zeroed, `count` long and live until the process
        // ends.
        unsafe {
            submitter.register_buf_ring_with_flags(entries.as_ptr() as u64, count, 0, 0)?;
        }
        let mut buffers =
            ReceiveBuffers { entries, data: data.as_mut_ptr(), buffer_bytes, tail: 0 };
        for buffer in 0..count {
            buffers.release(Lease { buffer, bytes: 0 });
        }
        Ok(buffers)
    }

    pub(super) fn bytes(&self, lease: &Lease) -> &[u8] {
        // SAFETY: only a completion makes a lease, so the kernel filled `bytes` bytes of this
        // buffer and left it; it comes back to the kernel only when the lease is consumed.
        unsafe { std::slice::from_raw_parts(self.at(lease.buffer), lease.bytes as usize) }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the lease must not be usable afterwards")]
    pub(super) fn release(&mut self, lease: Lease) {
        let buffer = lease.buffer;
        let address = self.at(buffer) as u64;
        let mask = self.entries.len() - 1;
        let entry = &mut self.entries[usize::from(self.tail) & mask].0;
        entry.set_addr(address);
        entry.set_len(self.buffer_bytes as u32);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the ring's tail lies inside the first entry, in bytes that `set_*` never touches;
        // the kernel only reads it. Release order publishes the entry before the tail.
        unsafe {
            let tail = BufRingEntry::tail(self.entries.as_ptr().cast()).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }

    fn at(&self, buffer: u16) -> *mut u8 {
        // SAFETY: buffer numbers come from the entries, which number 0..count.
        unsafe { self.data.add(usize::from(buffer) * self.buffer_bytes) }
    }
}

/// Memory for the entries: anonymous, page-aligned and never unmapped.
fn page_aligned_entries(count: u16) -> io::Result<&'static mut [Entry]> {
    let bytes = usize::from(count) * size_of::<Entry>();
    // SAFETY: an anonymous private mapping touches no memory of ours; it comes zeroed, which is a
    // valid entry, and it is never unmapped, so the static lifetime is true.
    unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(std::slice::from_raw_parts_mut(memory.cast(), usize::from(count)))
    }
}

/// Bytes that sends are taken from.
pub(super) struct Arena {
    start: *mut u8,
    length: usize,
}

impl Arena {
    pub(super) fn new(length: usize) -> Arena {
        let memory = Box::leak(vec![0u8; length].into_boxed_slice());
        Arena { start: memory.as_mut_ptr(), length }
    }

    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        let length = self.check(&range);
        // SAFETY: the range is inside the arena, which is never freed; the kernel only reads it.
        unsafe { std::slice::from_raw_parts(self.start.add(range.start), length) }
    }

    pub(super) fn bytes_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        let length = self.check(&range);
        // SAFETY: as above, and `&mut self` excludes every other slice of ours.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), length) }
    }

    fn check(&self, range: &Range<usize>) -> usize {
        assert!(range.start <= range.end && range.end <= self.length, "inside the arena");
        range.end - range.start
    }
}
