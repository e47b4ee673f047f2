//! Messages there and back, and messages that nobody should send.

use flate2::{Decompress, FlushDecompress};
use proptest::prelude::*;
use proptest::sample::select;

use super::{Agreed, Context, InflateError, Mode, Tool, WINDOW_BITS_MAX, WINDOW_BITS_MIN, fuzz};
use crate::deflate::{TAIL, deflate, deflater};
use crate::websocket::Role;

const TAKEOVER: Agreed = Agreed {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: WINDOW_BITS_MAX,
    client_max_window_bits: WINDOW_BITS_MAX,
};

const ALONE: Agreed =
    Agreed { server_no_context_takeover: true, client_no_context_takeover: true, ..TAKEOVER };

/// What a fresh server makes of messages.
fn inflated(agreed: Agreed, messages: &[&[u8]], bytes_max: usize) -> Result<Vec<u8>, InflateError> {
    let mut context = Context::new(Role::Server, agreed);
    let (mut tool, mut out) = (Tool::default(), Vec::new());
    for message in messages {
        context.inflate(message, bytes_max, &mut tool, &mut out)?;
    }
    Ok(out)
}

/// RFC 7692 section 7.2.3. WIRE W37.
#[test]
fn published_examples_inflate() {
    let hello: [&[u8]; 6] = [
        b"\xf2\x48\xcd\xc9\xc9\x07\x00",
        b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
        // Ended without the byte behind the end, as some do.
        b"\xf3\x48\xcd\xc9\xc9\x07\x00",
        // A flush that is not left out.
        b"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\x00",
    ];
    for message in hello {
        for agreed in [TAKEOVER, ALONE] {
            let out = inflated(agreed, &[message, message], 100);
            assert_eq!(out.as_deref(), Ok(&b"HelloHello"[..]), "{message:x?}");
        }
    }
}

/// RFC 7692 section 7.2.3.2. WIRE W36.
#[test]
fn a_message_looks_into_the_one_before_only_by_agreement() {
    let messages: [&[u8]; 2] = [b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00"];
    assert_eq!(inflated(TAKEOVER, &messages, 5).as_deref(), Ok(&b"HelloHello"[..]));
    assert_eq!(inflated(ALONE, &messages, 5), Err(InflateError::Malformed));
}

/// WIRE W35.
#[test]
fn an_empty_message_is_one_byte() {
    for agreed in [TAKEOVER, ALONE] {
        let mut context = Context::new(Role::Server, agreed);
        let mut tool = Tool::default();
        for _ in 0..3 {
            assert_eq!(context.compress(b"", false, &mut tool), b"");
            assert_eq!(context.compress(b"", true, &mut tool), b"\0");
        }
        assert_eq!(inflated(agreed, &[b"\0", b"\0", b""], 0).as_deref(), Ok(&b""[..]));
    }
}

/// WIRE W35: what is not the end of a message ends on a whole byte too, so it inflates at once.
#[test]
fn a_fragment_ends_with_its_tail() {
    for agreed in [TAKEOVER, ALONE] {
        let mut context = Context::new(Role::Client, agreed);
        let mut tool = Tool::default();
        assert!(context.compress(b"Hello", false, &mut tool).ends_with(&TAIL));
        let last = context.compress(b"Hello", true, &mut tool);
        assert!(!last.ends_with(&TAIL) && last.ends_with(&[0]));
    }
}

/// Zeros without end are a bomb: 1 MiB of them is 1 KiB.
fn bomb(mebibytes: usize) -> Vec<u8> {
    let (mut deflater, zeros) = (deflater(WINDOW_BITS_MAX), vec![0; 1 << 20]);
    let mut wire = Vec::new();
    for _ in 0..mebibytes {
        deflate(&mut deflater, &zeros, false, &mut wire);
    }
    wire
}

/// WIRE W38.
#[test]
fn a_bomb_stops_at_the_bound() {
    let bomb = bomb(64);
    assert!(bomb.len() < 80_000);
    for agreed in [TAKEOVER, ALONE] {
        for bytes_max in [0, 1, 1000, 1 << 20, (64 << 20) - 1] {
            let mut context = Context::new(Role::Server, agreed);
            let mut out = Vec::new();
            let result = context.inflate(&bomb, bytes_max, &mut Tool::default(), &mut out);
            assert_eq!(result, Err(InflateError::TooLong));
            assert!(out.is_empty() && out.capacity() <= bytes_max + 1, "{}", out.capacity());
        }
        assert_eq!(inflated(agreed, &[&bomb], 64 << 20).map(|out| out.len()), Ok(64 << 20));
    }
}

/// WIRE W38: the message after one that was refused is another connection's.
#[test]
fn a_refused_message_does_no_harm_to_others() {
    let mut tool = Tool::default();
    for bad in [&bomb(1)[..], b"\xff\xff\xff", b"\xf3\x48\xcd\xc9"] {
        let mut context = Context::new(Role::Server, ALONE);
        let _ = context.inflate(bad, 100, &mut tool, &mut Vec::new());
        let mut out = Vec::new();
        context.inflate(b"\xf2\x48\xcd\xc9\xc9\x07\x00", 5, &mut tool, &mut out).unwrap();
        assert_eq!(out, b"Hello");
    }
}

/// WIRE W37.
#[test]
fn what_is_no_compressed_data_is_refused() {
    let many_ends = b"\x03\x00".repeat(65);
    let bad: [&[u8]; 8] = [
        b"\x07",                        // a block of the reserved kind
        b"\xff\xff\xff\xff",            // the same, at greater length
        b"\x00\x05\x00\x00\x00Hello\0", // a length that differs from its complement
        b"Hello, this is not compressed",
        b"\xfd\xff\xff\xff",                 // codes that cannot be
        b"\x02\x02\x00\x00",                 // far back, where nothing is
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x06", // a reserved block behind the end
        &many_ends,
    ];
    for (index, message) in bad.into_iter().enumerate() {
        for agreed in [TAKEOVER, ALONE] {
            let result = inflated(agreed, &[message], 1000);
            assert_eq!(result, Err(InflateError::Malformed), "{index}");
        }
    }
}

/// WIRE W36: one tool, many connections, between fragments too.
#[test]
fn connections_that_share_a_tool_do_not_meet() {
    let mut tool = Tool::default();
    let mut connections = [(); 3].map(|()| (Context::new(Role::Server, ALONE), Vec::new()));
    let text = |index: usize, part: usize| format!("player {index} moved to {part} ").repeat(20);
    for part in 0..5 {
        for (index, (context, wire)) in connections.iter_mut().enumerate() {
            let data = text(index, part);
            wire.extend_from_slice(context.compress(data.as_bytes(), part == 4, &mut tool));
        }
    }
    for (index, (_, wire)) in connections.iter().enumerate() {
        let wanted: String = (0..5).map(|part| text(index, part)).collect();
        let mut client = Context::new(Role::Client, ALONE);
        let mut out = Vec::new();
        client.inflate(wire, wanted.len(), &mut tool, &mut out).unwrap();
        assert_eq!(out, wanted.into_bytes());
    }
}

/// WIRE W39.
#[test]
fn what_is_very_short_goes_plain() {
    let pays = |agreed, length| Context::new(Role::Server, agreed).pays(length);
    for agreed in [ALONE, TAKEOVER] {
        assert!(!pays(agreed, 15) && pays(agreed, 16));
    }
    let smallest = Agreed { server_max_window_bits: WINDOW_BITS_MIN, ..TAKEOVER };
    assert!(!pays(smallest, 1 << 20), "nothing is compressed into the smallest window");
    assert!(Context::new(Role::Client, smallest).pays(16), "its own window is the largest");
}

/// WIRE W31.
#[test]
fn memory_is_made_when_it_is_needed() {
    let mut tool = Tool::default();
    let mut context = Context::new(Role::Server, ALONE);
    context.compress(&[0; 1 << 20], true, &mut tool);
    context.inflate(b"\0", 10, &mut tool, &mut Vec::new()).unwrap();
    assert!(context.deflater.is_none() && context.inflater.is_none());
    context.compress(b"", true, &mut tool);
    assert!(tool.scratch_bytes() <= 64 * 1024, "a long message leaves nothing behind");
    assert!(Mode::Off.terms().is_none() && Mode::default() == Mode::Off);
}

/// Text as games send it, more or less.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let words = select(&["{\"id\":", "player", "17", ",", " ", "x", "\u{e9}", "}", "position"][..]);
    let words = prop::collection::vec(words, 0..400).prop_map(|words| words.concat().into_bytes());
    prop_oneof![words, prop::collection::vec(any::<u8>(), 0..3000)]
}

fn agreed() -> impl Strategy<Value = Agreed> {
    let bits = WINDOW_BITS_MIN..=WINDOW_BITS_MAX;
    (any::<bool>(), any::<bool>(), bits.clone(), bits).prop_map(|(server, client, ours, theirs)| {
        Agreed {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: ours,
            client_max_window_bits: theirs,
        }
    })
}

/// Inflates with a window of exactly so many bits, which no output buffer makes larger.
fn inflate_narrowly(inflater: &mut Decompress, wire: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = wire;
    loop {
        let mut piece = [0; 16];
        let before = (inflater.total_in(), inflater.total_out());
        inflater.decompress(rest, &mut piece, FlushDecompress::Sync).unwrap();
        rest = &rest[(inflater.total_in() - before.0) as usize..];
        let written = (inflater.total_out() - before.1) as usize;
        out.extend_from_slice(&piece[..written]);
        if rest.is_empty() && written < piece.len() {
            return out;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// WIRE W35, W37: both directions, several messages, cut anywhere, under every agreement.
    #[test]
    fn what_is_compressed_inflates(
        agreed in agreed(),
        messages in prop::collection::vec(prop::collection::vec(text(), 1..4), 1..5),
        to_server: bool,
    ) {
        let (sender, receiver) =
            if to_server { (Role::Client, Role::Server) } else { (Role::Server, Role::Client) };
        let (mut sender, mut receiver) =
            (Context::new(sender, agreed), Context::new(receiver, agreed));
        let (mut tool, mut other) = (Tool::default(), Tool::default());
        for fragments in &messages {
            let mut wire = Vec::new();
            for (index, fragment) in fragments.iter().enumerate() {
                let is_last = index + 1 == fragments.len();
                wire.extend_from_slice(sender.compress(fragment, is_last, &mut tool));
            }
            let wanted = fragments.concat();
            let mut out = Vec::new();
            prop_assert_eq!(receiver.inflate(&wire, wanted.len(), &mut other, &mut out), Ok(()));
            prop_assert_eq!(out, wanted);
        }
    }

    /// WIRE W35: no look further back than was agreed on.
    #[test]
    fn the_window_is_kept(
        bits in 9..=WINDOW_BITS_MAX,
        unit in prop::collection::vec(any::<u8>(), 200..1500),
        repeats in 2..40_usize,
    ) {
        let data = unit.repeat(repeats);
        let mut wire = Vec::new();
        deflate(&mut deflater(bits), &data, false, &mut wire);
        let mut inflater = Decompress::new_with_window_bits(false, bits);
        prop_assert_eq!(inflate_narrowly(&mut inflater, &wire), data);
    }

    /// What the fuzzer holds for any bytes.
    #[test]
    fn of_any_bytes(data in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz::inflate(&data);
    }

    /// Bytes that were good before one of them was changed.
    #[test]
    fn of_bytes_that_are_almost_good(
        data in text(),
        at: prop::sample::Index,
        change: u8,
        choices: [u8; 4],
    ) {
        let mut wire = Vec::new();
        deflate(&mut deflater(15), &data, true, &mut wire);
        let index = at.index(wire.len());
        wire[index] ^= change;
        fuzz::inflate(&[&choices[..], &wire].concat());
    }
}
