//! Our two sides against each other without a socket: whole, byte by byte and in pieces.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;
use crate::config::{CertificateSource, TlsSettings};

/// Both ends of a connection.
struct Pair {
    server: End,
    client: End,
}

struct End {
    tls: Tls,
    workspace: Workspace,
    /// Records for the other end.
    records: Vec<u8>,
    /// Plaintext from the other end.
    plain: Vec<u8>,
    closed: bool,
}

impl End {
    fn new(tls: Tls) -> End {
        let (workspace, records, plain) = (Workspace::default(), Vec::new(), Vec::new());
        End { tls, workspace, records, plain, closed: false }
    }

    fn take(&mut self, cipher: &[u8]) -> Result<Received, TlsError> {
        let received = self.tls.receive(cipher, &mut self.workspace, &mut self.records)?;
        self.plain.extend_from_slice(&self.workspace.plain);
        self.closed |= received.closed;
        Ok(received)
    }

    fn say(&mut self, plain: &[u8]) {
        self.tls.seal(plain, &mut self.records).unwrap();
    }
}

impl Pair {
    fn new(server: &ServerTls, client: &ClientTls) -> Pair {
        let mut client = End::new(Tls::client(client, "localhost").unwrap());
        client.take(&[]).unwrap();
        Pair { server: End::new(Tls::server(server)), client }
    }

    /// Moves what each says to the other, in pieces of at most so many bytes, until both are silent.
    fn run(&mut self, piece_bytes: usize) -> Result<(), TlsError> {
        while !(self.server.records.is_empty() && self.client.records.is_empty()) {
            for piece in std::mem::take(&mut self.client.records).chunks(piece_bytes) {
                self.server.take(piece)?;
            }
            for piece in std::mem::take(&mut self.server.records).chunks(piece_bytes) {
                self.client.take(piece)?;
            }
        }
        Ok(())
    }
}

fn server() -> ServerTls {
    ServerTls::load(&TlsSettings::self_signed()).unwrap()
}

fn pinned(server: &ServerTls) -> ClientTls {
    let pin = Pin::of_certificate(server.self_signed_certificate().unwrap());
    let trust = Trust::Pinned(vec![pin]);
    ClientTls::load(&ClientTlsSettings { trust, ..ClientTlsSettings::default() }).unwrap()
}

fn established(piece_bytes: usize) -> Pair {
    let server = server();
    let mut pair = Pair::new(&server, &pinned(&server));
    pair.run(piece_bytes).unwrap();
    assert!(pair.server.tls.is_established() && pair.client.tls.is_established());
    pair
}

#[test]
fn words_go_both_ways_whatever_the_pieces() {
    for piece_bytes in [1, 7, 1000, usize::MAX] {
        let mut pair = established(piece_bytes);
        assert_eq!(pair.server.tls.is_tls13(), Some(true));
        let long: Vec<u8> = (0..100_000u32).map(|at| at as u8).collect();
        pair.client.say(b"hello");
        pair.client.say(&long);
        pair.server.say(&long);
        pair.run(piece_bytes).unwrap();
        assert_eq!(pair.server.plain, [&b"hello"[..], &long].concat());
        assert_eq!(pair.client.plain, long);
        assert_eq!((pair.server.tls.partial_bytes(), pair.client.tls.partial_bytes()), (0, 0));
    }
}

#[test]
fn the_last_word_is_told_from_a_cut() {
    let mut pair = established(usize::MAX);
    pair.client.say(b"that is all");
    pair.client.tls.close(&mut pair.client.records);
    pair.client.tls.close(&mut pair.client.records);
    assert_eq!(pair.client.tls.seal(b"more", &mut Vec::new()), Err(TlsError::Ended));
    pair.run(usize::MAX).unwrap();
    assert!(pair.server.closed && pair.server.tls.is_closed_by_peer());
    assert_eq!(pair.server.plain, b"that is all");
    assert!(!pair.client.tls.is_closed_by_peer());
    // The other direction goes on until it is closed too.
    pair.server.say(b"goodbye");
    pair.server.tls.close(&mut pair.server.records);
    pair.run(1).unwrap();
    assert_eq!(pair.client.plain, b"goodbye");
    assert!(pair.client.closed);
}

#[test]
fn what_is_no_tls_gets_an_alert_and_nothing_more() {
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff, 1], &[0xff; 64]] {
        let mut server = End::new(Tls::server(&server()));
        let error = server.take(garbage).unwrap_err();
        assert!(matches!(error, TlsError::Broken(_)), "{error}");
        // A fatal alert in the clear: its kind, the version, two bytes.
        assert_eq!(&server.records[..1], [0x15], "{error}");
        assert_eq!(server.records.len(), 7, "{error}");
        assert_eq!(server.take(garbage), Err(TlsError::Ended));
        assert_eq!(server.records.len(), 7, "it is said once");
        server.tls.close(&mut server.records);
        assert_eq!(server.records.len(), 7, "behind an alert there is no last word");
    }
}

#[test]
fn a_damaged_record_is_an_alert_that_the_other_side_reads() {
    let mut pair = established(usize::MAX);
    pair.client.say(b"hello");
    *pair.client.records.last_mut().unwrap() ^= 1;
    let error = pair.run(usize::MAX).unwrap_err();
    assert!(matches!(error, TlsError::Broken(_)), "{error}");
    assert_eq!(pair.server.plain, b"");
    let alert = std::mem::take(&mut pair.server.records);
    assert_eq!(pair.client.take(&alert), Err(TlsError::Alert(20)), "bad_record_mac");
}

#[test]
fn nothing_is_sealed_before_the_handshake_is_done() {
    let mut server = End::new(Tls::server(&server()));
    assert_eq!(server.tls.seal(b"x", &mut server.records), Err(TlsError::NotEstablished));
    server.tls.close(&mut server.records);
    assert_eq!(server.records, b"");
}

#[test]
fn a_session_is_resumed_by_its_ticket() {
    let server = server();
    let client = pinned(&server);
    for round in 0..3 {
        let mut pair = Pair::new(&server, &client);
        pair.run(usize::MAX).unwrap();
        assert_eq!(pair.server.tls.is_resumed(), round > 0);
        assert_eq!(pair.client.tls.is_resumed(), round > 0);
        server.reload().unwrap();
    }
    let other = self::server();
    let mut pair = Pair::new(&other, &client);
    assert!(pair.run(usize::MAX).is_err(), "another listener has another certificate");
}

#[test]
fn protocols_are_agreed_on_or_refused() {
    let settings = TlsSettings {
        alpn: vec![String::from("http/1.1")],
        ..TlsSettings::new(CertificateSource::SelfSigned)
    };
    let server = ServerTls::load(&settings).unwrap();
    let pin = Pin::of_public_key(server.self_signed_certificate().unwrap()).unwrap();
    let offer = |alpn: &[&str]| {
        let alpn = alpn.iter().map(|name| String::from(*name)).collect();
        let trust = Trust::Pinned(vec![pin]);
        let client =
            ClientTls::load(&ClientTlsSettings { trust, alpn, certificate: None }).unwrap();
        let mut pair = Pair::new(&server, &client);
        let result = pair.run(usize::MAX);
        result.map(|()| pair.server.tls.alpn().map(<[u8]>::to_vec))
    };
    assert_eq!(offer(&["h2", "http/1.1"]), Ok(Some(b"http/1.1".to_vec())));
    assert_eq!(offer(&[]), Ok(None));
    assert!(matches!(offer(&["h2"]), Err(TlsError::Incompatible(_))));
}

#[test]
fn a_pin_fits_one_certificate_only() {
    let (one, other) = (server(), server());
    let mut pair = Pair::new(&one, &pinned(&other));
    let refused = TlsError::Certificate(CertificateFault::NotPinned);
    assert_eq!(pair.run(usize::MAX), Err(refused));
    let alert = std::mem::take(&mut pair.client.records);
    assert!(matches!(pair.server.take(&alert), Err(TlsError::Alert(_))), "it is told why");
    let shown = format!("{:?}", Pin::of_certificate(b"x"));
    assert!(shown.starts_with("Pin(certificate 2d711642b726b044"), "{shown}");
}

#[test]
fn a_name_is_a_name() {
    let client = pinned(&server());
    for name in ["", "a b", "-x", "exa mple.org", "..", "1.2.3.4.5.", "\u{e4}.example"] {
        assert!(matches!(Tls::client(&client, name), Err(TlsError::BadName(_))), "{name:?}");
    }
    for name in ["example.org", "127.0.0.1", "::1"] {
        assert!(Tls::client(&client, name).is_ok(), "{name}");
    }
}

/// Something is said while a record, or a handshake message, of the peer has come in half.
#[test]
fn half_a_record_does_not_keep_the_other_side_from_talking() {
    let server = server();
    for cut in 1..200 {
        let mut pair = Pair::new(&server, &pinned(&server));
        // The client's last flight and a word: cut somewhere.
        let hello = std::mem::take(&mut pair.client.records);
        pair.server.take(&hello).unwrap();
        let flight = std::mem::take(&mut pair.server.records);
        pair.client.take(&flight).unwrap();
        pair.client.say(b"a word");
        let records = std::mem::take(&mut pair.client.records);
        let cut = cut.min(records.len());
        pair.server.take(&records[..cut]).unwrap();
        if pair.server.tls.is_established() {
            pair.server.say(b"in between");
        }
        let tickets = std::mem::take(&mut pair.server.records);
        for piece in tickets.chunks(cut) {
            pair.client.take(piece).unwrap();
            pair.client.say(b"x");
        }
        pair.server.take(&records[cut..]).unwrap();
        assert!(pair.server.plain.starts_with(b"a word"), "cut at {cut}");
        pair.server.tls.close(&mut pair.server.records);
        pair.run(cut).unwrap();
        assert!(pair.client.closed);
    }
}

/// A hello that comes in records of one byte each, whose heads would be kept as well.
#[test]
fn what_is_kept_of_a_message_in_pieces_is_bounded() {
    let mut server = End::new(Tls::server(&server()));
    let head = [1, 0, 0xFF, 0xFF].into_iter();
    let hello = head.chain(std::iter::repeat_n(0, 0xFFFF));
    let records: Vec<u8> = hello.flat_map(|byte| [0x16, 3, 1, 0, 1, byte]).collect();
    let mut most = 0;
    let refused = records.chunks(600).find_map(|chunk| {
        let refused = server.take(chunk).err();
        most = most.max(server.tls.partial_bytes());
        refused
    });
    assert!(matches!(refused, Some(TlsError::Broken(_))), "{refused:?}");
    assert!(most <= PARTIAL_BYTES_MAX, "{most} bytes are kept");
    assert_eq!(server.tls.partial_bytes(), 0);
}

/// A certificate chain as long as a message may be.
#[test]
fn a_long_message_in_whole_records_is_taken() {
    let mut server = End::new(Tls::server(&server()));
    let hello = [&[1, 0, 0xF0, 0][..], &[0; 0xF000]].concat();
    for fragment in hello.chunks(RECORD_PLAINTEXT_BYTES_MAX).take(3) {
        let bytes = fragment.len() as u16;
        let record = [&[0x16, 3, 1][..], &bytes.to_be_bytes(), fragment].concat();
        assert_eq!(server.take(&record), Ok(Received::default()));
    }
    assert_eq!(server.tls.partial_bytes(), 3 * (5 + RECORD_PLAINTEXT_BYTES_MAX));
}

#[test]
fn secrets_are_not_printed() {
    let server = server();
    let pair = Pair::new(&server, &pinned(&server));
    assert_eq!(format!("{:?}", pair.server.tls), "Tls { server, Handshake, 0 partial bytes }");
    let made = self_signed(&["localhost"]).unwrap();
    assert!(format!("{made:?}").len() < 40);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes, nothing panics, and nothing is made of it.
    #[test]
    fn a_server_survives_any_bytes(
        head in prop::option::of(prop::sample::select(vec![0x14u8, 0x15, 0x16, 0x17])),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        piece in 1usize..80,
    ) {
        let mut input: Vec<u8> = head.into_iter().flat_map(|kind| [kind, 3, 3]).collect();
        input.extend(bytes);
        let mut server = End::new(Tls::server(&server()));
        for piece in input.chunks(piece) {
            if server.take(piece).is_err() {
                break;
            }
        }
        prop_assert_eq!(server.plain.len(), 0);
        prop_assert!(!server.tls.is_established());
    }

    /// Damage anywhere in what a client says is noticed before its plaintext is used. (The version in
    /// the head of a record means nothing, RFC 8446 section 5.1.)
    #[test]
    fn damage_is_never_plaintext(at in 3usize..1_022, second: bool, bit in 0u8..8) {
        let mut pair = established(usize::MAX);
        pair.client.say(&[7; 1_000]);
        let first_bytes = pair.client.records.len();
        pair.client.say(&[7; 1_000]);
        prop_assert_eq!(first_bytes, 1_022);
        pair.client.records[at + usize::from(second) * first_bytes] ^= 1 << bit;
        let _ = pair.run(100);
        prop_assert_eq!(&pair.server.plain, &vec![7; usize::from(second) * 1_000]);
    }
}

/// Who comes afresh resumes nothing, and leaves tickets to who does, as many as there is room for.
#[test]
fn as_many_connections_resume_at_once_as_tickets_are_kept() {
    let server = server();
    let client = pinned(&server).with_tickets_max(6);
    let afresh = client.afresh();
    let resumed = |client: &ClientTls| {
        // All have begun, and taken a ticket if there is one, before any of them is given another.
        let mut pairs: Vec<_> = (0..8).map(|_| Pair::new(&server, client)).collect();
        pairs.iter_mut().for_each(|pair| pair.run(usize::MAX).unwrap());
        pairs.iter().filter(|pair| pair.client.tls.is_resumed()).count()
    };
    assert_eq!([resumed(&client.afresh()), resumed(&afresh)], [0, 0]);
    assert_eq!(resumed(&client), 6);
    assert_eq!(resumed(&pinned(&server)), 0, "another client has tickets of its own");
}
