//! The form of version 2, binary fields (WIRE X4 to X8).
//!
//! ```text
//! signature, 12 bytes | 2, command | family, transport | length BE16 | addresses | additions
//! ```

use core::net::{IpAddr, SocketAddr};

use super::checksum::{self, crc32c};
use super::{Header, ProxyError, begins_alike, of_one_family};
use crate::decode::Decode;

/// What the form begins with: nothing that any other protocol begins with.
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of a whole header, at most: what every packet can carry (WIRE X8).
pub(super) const BYTES_MAX: usize = 536;

/// Bytes in front of the addresses.
const HEAD_BYTES: usize = 16;
/// Bytes of the kind and length of an addition.
const ADDITION_HEAD_BYTES: usize = 3;
/// Two addresses and two ports.
const IPV4_BYTES: usize = 12;
const IPV6_BYTES: usize = 36;

const VERSION: u8 = 2;
const LOCAL: u8 = 0;
const PROXY: u8 = 1;
/// Families and transports, half a byte each.
const UNSPECIFIED: u8 = 0x00;
const TCP_IPV4: u8 = 0x11;
const TCP_IPV6: u8 = 0x21;
/// The kind of addition that is a checksum.
const CHECKSUM: u8 = 3;

/// The header of binary fields at the front of the input.
pub(super) fn decode(input: &[u8]) -> Result<Decode<Header>, ProxyError> {
    if !begins_alike(input, &SIGNATURE) {
        return Err(ProxyError::NoHeader);
    }
    if let Some(byte) = input.get(SIGNATURE.len()) {
        check_command(*byte)?;
    }
    let Some(head) = input.first_chunk::<HEAD_BYTES>() else {
        return Ok(Decode::NeedMore { at_least: HEAD_BYTES - input.len() });
    };
    let [.., command, transport, high, low] = *head;
    let bytes = usize::from(u16::from_be_bytes([high, low]));
    let consumed = HEAD_BYTES + bytes;
    if consumed > BYTES_MAX {
        return Err(ProxyError::TooLong { bytes: consumed });
    }
    let address_bytes = address_bytes(command & 0xf, transport)?;
    if address_bytes.is_some_and(|least| bytes < least) {
        return Err(ProxyError::TooShort { bytes });
    }
    let Some(header) = input.get(..consumed) else {
        return Ok(Decode::NeedMore { at_least: consumed - input.len() });
    };
    let Some(address_bytes) = address_bytes else {
        return Ok(Decode::Done { value: Header::Direct, consumed });
    };
    check_additions(header, HEAD_BYTES + address_bytes)?;
    let value = addresses(&header[HEAD_BYTES..][..address_bytes]);
    Ok(Decode::Done { value, consumed })
}

fn check_command(byte: u8) -> Result<(), ProxyError> {
    match (byte >> 4, byte & 0xf) {
        (VERSION, LOCAL | PROXY) => Ok(()),
        (VERSION, command) => Err(ProxyError::Command { command }),
        (version, _) => Err(ProxyError::Version { version }),
    }
}

/// Bytes that the addresses take; none where they mean nothing (WIRE X5).
fn address_bytes(command: u8, transport: u8) -> Result<Option<usize>, ProxyError> {
    match (command, transport) {
        (LOCAL, _) | (_, UNSPECIFIED) => Ok(None),
        (_, TCP_IPV4) => Ok(Some(IPV4_BYTES)),
        (_, TCP_IPV6) => Ok(Some(IPV6_BYTES)),
        (_, byte) => Err(ProxyError::Transport { byte }),
    }
}

/// The addresses in as many bytes as those of one family take.
fn addresses(bytes: &[u8]) -> Header {
    let (ips, ports) = bytes.split_at(bytes.len() - 4);
    let (source, destination) = ips.split_at(ips.len() / 2);
    let port = |at: usize| u16::from_be_bytes([ports[at], ports[at + 1]]);
    Header::forwarded((ip(source), port(0)).into(), (ip(destination), port(2)).into())
}

fn ip(bytes: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(bytes) {
        Ok(octets) => octets.into(),
        Err(_) => <[u8; 16]>::try_from(bytes).expect("the other family's length").into(),
    }
}

/// Goes through the additions, which begin there, and checks the checksum if there is one (WIRE X7).
fn check_additions(header: &[u8], begin: usize) -> Result<(), ProxyError> {
    let mut at = begin;
    let mut sum_at = None;
    while let Some(rest) = header.get(at..).filter(|rest| !rest.is_empty()) {
        let Some((&[kind, high, low], rest)) = rest.split_first_chunk::<ADDITION_HEAD_BYTES>()
        else {
            return Err(ProxyError::BadAddition);
        };
        let bytes = usize::from(u16::from_be_bytes([high, low]));
        if bytes > rest.len() {
            return Err(ProxyError::BadAddition);
        }
        at += ADDITION_HEAD_BYTES;
        if kind == CHECKSUM && (bytes != checksum::BYTES || sum_at.replace(at).is_some()) {
            return Err(ProxyError::BadAddition);
        }
        at += bytes;
    }
    match sum_at {
        Some(at) if !is_right(header, at) => Err(ProxyError::Checksum),
        _ => Ok(()),
    }
}

/// Whether the checksum that stands there is that of the header with zeros in its place.
fn is_right(header: &[u8], at: usize) -> bool {
    let (before, rest) = header.split_at(at);
    let (sum, after) = rest.split_at(checksum::BYTES);
    crc32c([before, &[0; checksum::BYTES], after]).to_be_bytes() == sum
}

/// Appends the header for a client to `out`, with a checksum (WIRE X4, X6, X7). Addresses of two
/// families are both written as IPv6.
pub fn encode(source: SocketAddr, destination: SocketAddr, out: &mut Vec<u8>) {
    let (source, destination) = of_one_family(source, destination);
    let (transport, address_bytes) =
        if source.is_ipv4() { (TCP_IPV4, IPV4_BYTES) } else { (TCP_IPV6, IPV6_BYTES) };
    let start = out.len();
    let bytes = (address_bytes + ADDITION_HEAD_BYTES + checksum::BYTES) as u16;
    out.extend_from_slice(&SIGNATURE);
    out.extend_from_slice(&[VERSION << 4 | PROXY, transport]);
    out.extend_from_slice(&bytes.to_be_bytes());
    for address in [source, destination] {
        match address.ip() {
            IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
        }
    }
    out.extend_from_slice(&source.port().to_be_bytes());
    out.extend_from_slice(&destination.port().to_be_bytes());
    out.extend_from_slice(&[CHECKSUM, 0, checksum::BYTES as u8, 0, 0, 0, 0]);
    let sum = crc32c([&out[start..]]).to_be_bytes();
    let at = out.len() - checksum::BYTES;
    out[at..].copy_from_slice(&sum);
}
