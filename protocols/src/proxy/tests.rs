//! Literal headers of both forms, what is refused, and what holds for all.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::blame::Blame;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A binary header with these bytes behind its length.
fn binary(command: u8, transport: u8, behind: &[u8]) -> Vec<u8> {
    let length = u16::try_from(behind.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, transport], &length, behind].concat()
}

/// 192.0.2.1:56324 to 198.51.100.7:443.
const IPV4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb];

fn forwarded(source: &str, destination: &str) -> Header {
    let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
    Header::Forwarded { source, destination }
}

fn example() -> Header {
    forwarded("192.0.2.1:56324", "198.51.100.7:443")
}

/// Reads a header whole, behind every cut, and with bytes behind it.
fn read(input: &[u8]) -> Result<Header, ProxyError> {
    for cut in 0..input.len() {
        match decode(&input[..cut]) {
            Ok(Decode::NeedMore { at_least }) => {
                assert!((1..=input.len() - cut).contains(&at_least));
            }
            Ok(Decode::Done { .. }) => panic!("{cut} of {} bytes were enough", input.len()),
            Err(error) => assert_eq!(decode(input), Err(error), "the first byte that shows it"),
        }
    }
    let consumed = input.len();
    let whole = decode(input)?;
    assert_eq!(decode(&[input, b"\r\nrest"].concat()), Ok(whole));
    match whole {
        Decode::Done { value, consumed: taken } if taken == consumed => Ok(value),
        other => panic!("{other:?}"),
    }
}

/// WIRE X2.
#[test]
fn a_line_names_a_family_two_addresses_and_two_ports() {
    assert_eq!(read(b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"), Ok(example()));
    assert_eq!(
        read(b"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"),
        Ok(forwarded("255.255.255.255:65535", "0.0.0.0:0"))
    );
    assert_eq!(
        read(b"PROXY TCP6 2001:db8::1 2001:DB8:0:0:0:0:0:2 1 2\r\n"),
        Ok(forwarded("[2001:db8::1]:1", "[2001:db8::2]:2"))
    );
}

/// WIRE X2.
#[test]
fn a_line_has_one_spelling() {
    for line in [
        "",
        "TCP4",
        "TCP5 192.0.2.1 198.51.100.7 1 2",
        "tcp4 192.0.2.1 198.51.100.7 1 2",
        "TCP4  192.0.2.1 198.51.100.7 1 2",
        " TCP4 192.0.2.1 198.51.100.7 1 2",
        "TCP4 192.0.2.1 198.51.100.7 1 2 ",
        "TCP4 192.0.2.1 198.51.100.7 1 2 3",
        "TCP4 192.0.2.1 198.51.100.7 1",
        "TCP4 192.0.2.1 198.51.100.7 01 2",
        "TCP4 192.0.2.1 198.51.100.7 +1 2",
        "TCP4 192.0.2.1 198.51.100.7 -1 2",
        "TCP4 192.0.2.1 198.51.100.7 1 65536",
        "TCP4 192.0.2.1 198.51.100.7 1 ",
        "TCP4 192.0.2.01 198.51.100.7 1 2",
        "TCP4 192.0.2 198.51.100.7 1 2",
        "TCP4 192.0.2.256 198.51.100.7 1 2",
        "TCP4 192.0.2.1 2001:db8::1 1 2",
        "TCP6 192.0.2.1 198.51.100.7 1 2",
        "TCP6 fe80::1%eth0 2001:db8::1 1 2",
        "TCP6 [2001:db8::1] 2001:db8::1 1 2",
        "TCP4\t192.0.2.1 198.51.100.7 1 2",
        "TCP4 192.0.2.1 198.51.100.7 1 2\n",
        "TCP4 192.0.2.1 198.51.100.7 1 2\r",
        "UNKNOWNS",
        "UNKNOWN\t",
    ] {
        let line = format!("PROXY {line}\r\n");
        assert_eq!(decode(line.as_bytes()), Err(ProxyError::BadLine), "{line:?}");
    }
    assert_eq!(decode(b"PROXY TCP4 \xff\r\n"), Err(ProxyError::BadLine));
}

/// WIRE X3.
#[test]
fn an_unknown_client_leaves_what_the_socket_says() {
    for rest in ["", " ", " ffff:f...f:ffff ffff:f...f:ffff 65535 65535", " \n\r \0"] {
        let line = format!("PROXY UNKNOWN{rest}\r\n");
        assert_eq!(read(line.as_bytes()), Ok(Header::Direct), "{line:?}");
    }
}

/// WIRE X4, X6.
#[test]
fn a_binary_header_names_two_addresses() {
    assert_eq!(read(&binary(0x21, 0x11, &IPV4)), Ok(example()));
    let mut ipv6 = Vec::new();
    for last in [1, 2] {
        ipv6.extend_from_slice(&Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).octets());
    }
    ipv6.extend_from_slice(&[0, 1, 0xff, 0xff]);
    let expected = forwarded("[2001:db8::1]:1", "[2001:db8::2]:65535");
    assert_eq!(read(&binary(0x21, 0x21, &ipv6)), Ok(expected));
}

/// WIRE X4.
#[test]
fn other_versions_and_commands_are_refused() {
    for version in (0..=15).filter(|version| *version != 2) {
        let header = binary(version << 4 | 1, 0x11, &IPV4);
        assert_eq!(read(&header), Err(ProxyError::Version { version }));
    }
    for command in 2..=15 {
        let header = binary(0x20 | command, 0x11, &IPV4);
        assert_eq!(read(&header), Err(ProxyError::Command { command }));
    }
}

/// WIRE X5. Whatever they hold is skipped, as far as their length goes.
#[test]
fn local_and_unspecified_headers_leave_what_the_socket_says() {
    for transport in [0x00, 0x11, 0x31, 0xff] {
        for behind in [&[][..], &IPV4, &[7; 216]] {
            assert_eq!(read(&binary(0x20, transport, behind)), Ok(Header::Direct));
        }
    }
    assert_eq!(read(&binary(0x21, 0x00, b"abc")), Ok(Header::Direct));
}

/// WIRE X6.
#[test]
fn other_transports_and_cut_addresses_are_refused() {
    for byte in (1..=255).filter(|byte| ![0x11, 0x21].contains(byte)) {
        let header = binary(0x21, byte, &[0; 216]);
        assert_eq!(read(&header), Err(ProxyError::Transport { byte }));
    }
    assert_eq!(read(&binary(0x21, 0x11, &[0; 11])), Err(ProxyError::TooShort { bytes: 11 }));
    assert_eq!(read(&binary(0x21, 0x21, &[0; 35])), Err(ProxyError::TooShort { bytes: 35 }));
}

/// WIRE X6. Else a limit for an IPv6 network would hold for everybody with an IPv4 address.
#[test]
fn an_ipv4_address_is_one_however_it_is_written() {
    let expected = forwarded("192.0.2.1:1", "[2001:db8::2]:2");
    assert_eq!(read(b"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n"), Ok(expected));
    assert_eq!(read(b"PROXY TCP6 ::ffff:c000:201 2001:db8::2 1 2\r\n"), Ok(expected));
    let mut out = Vec::new();
    encode_binary("192.0.2.1:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap(), &mut out);
    assert_eq!(out[13], 0x21, "both as IPv6");
    assert_eq!(read(&out), Ok(expected));
}

/// WIRE X7. The checksum was computed elsewhere.
#[test]
fn additions_are_skipped_and_a_checksum_is_checked() {
    let with = |additions: &[u8]| binary(0x21, 0x11, &[&IPV4, additions].concat());
    let right = [3, 0, 4, 0xd4, 0x5a, 0x11, 0xb9];
    assert_eq!(read(&with(&right)), Ok(example()));
    let mut written = Vec::new();
    encode_binary(
        "192.0.2.1:56324".parse().unwrap(),
        "198.51.100.7:443".parse().unwrap(),
        &mut written,
    );
    assert_eq!(written, with(&right));
    for additions in [&[4, 0, 2, 0, 0][..], &[1, 0, 2, b'h', b'2', 0x20, 0, 0], &[0xff, 0, 0]] {
        assert_eq!(read(&with(additions)), Ok(example()));
    }
    for additions in [
        &[4][..],
        &[4, 0],
        &[4, 0, 1],
        &[4, 0, 0, 1],
        &[4, 0xff, 0xff, 1],
        &[3, 0, 3, 0, 0, 0],
        &[3, 0, 5, 0, 0, 0, 0, 0],
        &[right, right].concat(),
    ] {
        assert_eq!(read(&with(additions)), Err(ProxyError::BadAddition), "{additions:?}");
    }
    assert_eq!(read(&with(&[3, 0, 4, 0, 0, 0, 0])), Err(ProxyError::Checksum));
}

/// WIRE X8.
#[test]
fn a_header_has_a_longest_length() {
    let line = |bytes: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(bytes - 16)).into_bytes();
    assert_eq!(read(&line(107)), Ok(Header::Direct));
    let refused = ProxyError::LineTooLong { bytes_max: 107 };
    assert_eq!(decode(&line(108)), Err(refused));
    assert_eq!(decode(&line(2000)), Err(refused));
    assert_eq!(refused.blame(), Blame::Limit);
    assert_eq!(read(&binary(0x20, 0, &[0; 520])), Ok(Header::Direct));
    let long = binary(0x20, 0, &[0; 521]);
    assert_eq!(decode(&long[..16]), Err(ProxyError::TooLong { bytes: 537 }), "before it has come");
    assert_eq!(HEADER_BYTES_MAX, 536);
}

/// WIRE X2, X4. What is no header shows with its first wrong byte, and nobody waits for more.
#[test]
fn what_begins_otherwise_is_refused_at_once() {
    for input in
        [&b"G"[..], b"PX", b"PROXY\t", b"\0", b"\n", b"\r\r", b"\r\n\r\n\0\r\nQUIX", b"\x16"]
    {
        let (last, before) = (input, &input[..input.len() - 1]);
        assert_eq!(decode(last), Err(ProxyError::NoHeader), "{input:?}");
        assert!(matches!(decode(before), Ok(Decode::NeedMore { .. })), "{input:?}");
    }
    assert_eq!(ProxyError::NoHeader.blame(), Blame::Peer);
}

proptest! {
    /// WIRE X2, X4, X6.
    #[test]
    fn decoding_undoes_encoding(
        from: (IpAddr, u16),
        to: (IpAddr, u16),
    ) {
        let (source, destination) = (SocketAddr::from(from), SocketAddr::from(to));
        let expected = Header::forwarded(source, destination);
        for encode in [encode_text, encode_binary] {
            let mut out = Vec::new();
            encode(source, destination, &mut out);
            prop_assert_eq!(read(&out), Ok(expected));
        }
    }

    /// WIRE X7. One wrong bit in what the checksum covers is seen.
    #[test]
    fn a_checksum_shows_a_wrong_bit(from: (Ipv6Addr, u16), at in 0..36_usize, bit in 0..8_u8) {
        let mut out = Vec::new();
        encode_binary(from.into(), (from.0, 1).into(), &mut out);
        out[16 + at] ^= 1 << bit;
        prop_assert_eq!(decode(&out), Err(ProxyError::Checksum));
    }

    #[test]
    fn garbage_is_never_overrun(input: Vec<u8>) {
        fuzz::proxy(&input);
        fuzz::proxy(&[SIGNATURE, &[0x21, 0x11, 0], &input].concat());
        fuzz::proxy(&[b"PROXY TCP4 ", input.as_slice(), b"\r\n"].concat());
    }
}
