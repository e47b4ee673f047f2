//! Socket addresses as the kernel reads and writes them.
//!
//! An [`AddressBuffer`] is a [`KernelCell`]: the kernel may hold a pointer to it while an accept or
//! a connect is in flight, and whoever lends that pointer keeps the buffer until the completion.

#![allow(unsafe_code)]

use std::mem::size_of;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ptr::addr_of_mut;

use super::cell::KernelCell;

/// Room for any address that the kernel may write, and its length.
#[repr(C)]
#[derive(Debug)]
struct RawAddress {
    storage: libc::sockaddr_storage,
    bytes: libc::socklen_t,
}

const STORAGE_BYTES: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
const V4_BYTES: libc::socklen_t = size_of::<libc::sockaddr_in>() as libc::socklen_t;
const V6_BYTES: libc::socklen_t = size_of::<libc::sockaddr_in6>() as libc::socklen_t;

/// An address at a fixed place in memory.
#[derive(Debug)]
pub(super) struct AddressBuffer {
    raw: KernelCell<RawAddress>,
}

impl AddressBuffer {
    /// Room for an address that the kernel will write.
    pub(super) fn empty() -> AddressBuffer {
        // SAFETY: `RawAddress` is made of integers and byte arrays, for which zero is a value.
        let raw: RawAddress = unsafe { std::mem::zeroed() };
        AddressBuffer { raw: KernelCell::new(RawAddress { bytes: STORAGE_BYTES, ..raw }) }
    }

    /// An address that the kernel will read.
    pub(super) fn holding(address: SocketAddr) -> AddressBuffer {
        let buffer = AddressBuffer::empty();
        let storage = buffer.storage();
        let bytes = match address {
            SocketAddr::V4(address) => {
                // SAFETY: the storage is writable, larger than and aligned for a `sockaddr_in`, and
                // nobody else has seen this buffer yet.
                unsafe { storage.cast::<libc::sockaddr_in>().write(raw_v4(address)) };
                V4_BYTES
            }
            SocketAddr::V6(address) => {
                // SAFETY: as above, for a `sockaddr_in6`.
                unsafe { storage.cast::<libc::sockaddr_in6>().write(raw_v6(address)) };
                V6_BYTES
            }
        };
        // SAFETY: `length` points into the allocation that this buffer owns alone.
        unsafe { buffer.length().write(bytes) };
        buffer
    }

    /// Where the address is. Valid as long as the buffer.
    pub(super) fn storage(&self) -> *mut libc::sockaddr {
        // SAFETY: `raw` points to the live allocation; no reference is made, only a place computed.
        unsafe { addr_of_mut!((*self.raw.pointer()).storage).cast() }
    }

    /// Where its length in bytes is. Valid as long as the buffer.
    pub(super) fn length(&self) -> *mut libc::socklen_t {
        // SAFETY: as in `storage`.
        unsafe { addr_of_mut!((*self.raw.pointer()).bytes) }
    }

    /// Its length in bytes. Not while the kernel may write.
    pub(super) fn bytes(&self) -> libc::socklen_t {
        // SAFETY: the place is initialised since `empty`; callers read between kernel operations.
        unsafe { self.length().read() }
    }

    /// The address in it, or none if it is not one of the internet. Not while the kernel may write.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let storage = self.storage();
        // SAFETY: the whole storage is initialised since `empty`, whatever the kernel wrote over
        // it, and it is large enough and aligned for both forms.
        let family = i32::from(unsafe { (*storage).sa_family });
        match (family, self.bytes()) {
            (libc::AF_INET, V4_BYTES..) => {
                // SAFETY: as above.
                let raw = unsafe { storage.cast::<libc::sockaddr_in>().read() };
                let ip = Ipv4Addr::from(u32::from_be(raw.sin_addr.s_addr));
                Some(SocketAddr::from((ip, u16::from_be(raw.sin_port))))
            }
            (libc::AF_INET6, V6_BYTES..) => {
                // SAFETY: as above.
                let raw = unsafe { storage.cast::<libc::sockaddr_in6>().read() };
                let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
                let port = u16::from_be(raw.sin6_port);
                Some(SocketAddrV6::new(ip, port, raw.sin6_flowinfo, raw.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

fn raw_v4(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

fn raw_v6(address: SocketAddrV6) -> libc::sockaddr_in6 {
    libc::sockaddr_in6 {
        sin6_family: libc::AF_INET6 as libc::sa_family_t,
        sin6_port: address.port().to_be(),
        sin6_flowinfo: address.flowinfo(),
        sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
        sin6_scope_id: address.scope_id(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_round_trip() {
        for text in ["127.0.0.1:8001", "[::1]:65535", "[fe80::1%3]:1", "0.0.0.0:0"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(AddressBuffer::holding(address).address(), Some(address));
        }
    }

    #[test]
    fn what_nobody_wrote_is_no_address() {
        assert_eq!(AddressBuffer::empty().address(), None);
    }
}
