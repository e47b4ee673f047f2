//! A value at a fixed place in memory that the kernel may read and write.
//!
//! It lies on the heap, never moves, and is only ever touched through raw pointers, so that holding
//! or moving the cell while the kernel has a pointer breaks no promise that Rust makes about
//! references. Whoever lends the pointer keeps the cell until the operation's completion.

#![allow(unsafe_code)]

use std::ptr::NonNull;

/// A value that the kernel may have a pointer to.
#[derive(Debug)]
pub(super) struct KernelCell<T> {
    place: NonNull<T>,
}

impl<T> KernelCell<T> {
    /// Puts a value in its place.
    pub(super) fn new(value: T) -> KernelCell<T> {
        KernelCell { place: NonNull::from(Box::leak(Box::new(value))) }
    }

    /// The place. Valid as long as the cell.
    pub(super) fn pointer(&self) -> *mut T {
        self.place.as_ptr()
    }
}

impl<T> Drop for KernelCell<T> {
    fn drop(&mut self) {
        // SAFETY: the place came from a leaked `Box` in `new` and is given back exactly once. The
        // owner of the operation that lent it to the kernel has seen its completion.
        drop(unsafe { Box::from_raw(self.place.as_ptr()) });
    }
}
