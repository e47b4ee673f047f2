//! When it pays, what is refused, and bombs.

use std::borrow::Cow;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn encoded(content: &[u8]) -> (u8, Vec<u8>) {
    let mut out = Vec::new();
    let flag = encode(content, &Compression::default(), &mut Tool::default(), &mut out);
    (flag, out)
}

fn decoded(payload: &[u8], content_bytes_max: usize) -> Result<Vec<u8>, CompressError> {
    let settings = Compression { content_bytes_max, ..Compression::default() };
    decode(payload, &settings, &mut Tool::default()).map(Cow::into_owned)
}

/// Bytes that do not compress, the same always.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// WIRE B2.
#[test]
fn up_to_1024_bytes_go_plain() {
    let (flag, payload) = encoded(&[7; 1024]);
    assert_eq!((flag, payload.len()), (PLAIN, 1025));
    assert_eq!(payload[..2], [0, 7]);
    let (flag, payload) = encoded(&[7; 1025]);
    assert_eq!((flag, payload[0]), (DEFLATED, 1));
    assert!(payload.len() < 40);
    assert_eq!(decoded(&payload, 1025).unwrap(), [7; 1025]);
}

/// WIRE B2: noise with so many zeros behind it that about a tenth is saved; the border is exact.
#[test]
fn what_saves_a_tenth_or_less_goes_plain() {
    let mut flags = Vec::new();
    for zeros in 0..600 {
        let content = [noise(3000), vec![0; zeros]].concat();
        let (flag, payload) = encoded(&content);
        let mut whole = Vec::new();
        let never = Compression { saves_percent: 0, ..Compression::default() };
        if encode(&content, &never, &mut Tool::default(), &mut whole) == DEFLATED {
            let saves_enough = (whole.len() - 1) * 10 < content.len() * 9;
            assert_eq!(flag == DEFLATED, saves_enough, "{zeros}");
        }
        assert_eq!(
            payload.len() - 1,
            if flag == DEFLATED { whole.len() - 1 } else { content.len() }
        );
        flags.push(flag);
    }
    assert!(flags.contains(&PLAIN) && flags.contains(&DEFLATED));
    assert_eq!(encoded(&noise(5000)).0, PLAIN);
}

#[test]
fn the_border_is_more_than_so_many_percent() {
    let worth = |saves_percent, bytes| {
        Compression { above_bytes: 0, saves_percent, ..Compression::default() }.worth(bytes)
    };
    assert_eq!(worth(10, 1000), Some(899), "900 saves 10 %, not more");
    assert_eq!(worth(10, 1001), Some(900));
    assert_eq!(worth(0, 1000), Some(999));
    assert_eq!(worth(100, 1000), None, "nothing is shorter than that");
    assert_eq!(worth(255, 1000), None);
    assert_eq!(worth(10, 0), None);
    assert_eq!(Compression::off().worth(usize::MAX), None);
}

/// WIRE B1. The deflated bytes are zlib's for a raw stream, made elsewhere.
#[test]
fn a_payload_is_a_flag_and_a_stream() {
    let stream = [0x4b, 0x4c, 0x4a, 0x4e, 0x49, 0x4d, 0x4b, 0x04, 0x00];
    assert_eq!(decoded(&[&[1], &stream[..]].concat(), 100).as_deref(), Ok(&b"abcdefa"[..]));
    assert_eq!(decoded(b"\0abc", 3).as_deref(), Ok(&b"abc"[..]));
    assert_eq!(decoded(&[0], 0).as_deref(), Ok(&b""[..]));
    assert_eq!(decoded(&[1, 3, 0], 0).as_deref(), Ok(&b""[..]));
}

/// WIRE B1, B3.
#[test]
fn what_is_no_payload_is_refused() {
    let (_, good) = encoded(&[7; 5000]);
    let malformed = Err(CompressError::Malformed);
    assert_eq!(decoded(&[], 100), Err(CompressError::Empty));
    for flag in 2..=255 {
        assert_eq!(decoded(&[flag, 3, 0], 100), Err(CompressError::Flag { flag }));
    }
    for cut in 1..good.len() {
        assert_eq!(decoded(&good[..cut], 5000), malformed, "cut to {cut}");
    }
    assert_eq!(decoded(&[&good[..], &[0]].concat(), 5000), malformed, "a byte behind the end");
    assert_eq!(decoded(&[&good[..], &good[1..]].concat(), 10_000), malformed, "a second stream");
    assert_eq!(decoded(&[1, 7], 100), malformed);
    assert_eq!(CompressError::Malformed.blame(), Blame::Peer);
}

/// WIRE B3.
#[test]
fn a_bomb_stops_at_the_bound() {
    let mut bomb = Vec::new();
    let zeros = vec![0; 64 << 20];
    encode(&zeros, &Compression::default(), &mut Tool::default(), &mut bomb);
    assert!(bomb.len() < 80_000);
    for max in [0, 1, 1000, 1 << 20, (64 << 20) - 1] {
        assert_eq!(decoded(&bomb, max), Err(CompressError::TooLong { max }));
    }
    assert_eq!(decoded(&bomb, 64 << 20).map(|content| content.len()), Ok(64 << 20));
    let max = Compression::default().content_bytes_max;
    let refused = decode(&bomb, &Compression::default(), &mut Tool::default());
    assert_eq!(refused, Err(CompressError::TooLong { max }));
    assert_eq!(refused.unwrap_err().blame(), Blame::Limit);
    assert_eq!(decoded(b"\0four", 3), Err(CompressError::TooLong { max: 3 }));
}

/// Text as games send it, more or less.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let words = select(&["{\"id\":", "player", "17", ",", " ", "x", "\u{e9}", "}", "position"][..]);
    let words = prop::collection::vec(words, 0..800).prop_map(|words| words.concat().into_bytes());
    prop_oneof![words, prop::collection::vec(any::<u8>(), 0..4000)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// WIRE B1 to B3.
    #[test]
    fn content_comes_back(contents in prop::collection::vec(text(), 1..4)) {
        let (mut ours, mut theirs) = (Tool::default(), Tool::default());
        for content in contents {
            let mut payload = Vec::new();
            encode(&content, &Compression::default(), &mut ours, &mut payload);
            prop_assert!(payload.len() <= content.len() + 1);
            let read = decode(&payload, &Compression::default(), &mut theirs);
            prop_assert_eq!(read.as_deref(), Ok(&content[..]));
        }
    }

    /// What the fuzzer holds for any bytes.
    #[test]
    fn of_any_bytes(front: [u8; 4], flag in 0..3_u8, content in text()) {
        fuzz::compress(&[&front[..], &[flag], &content].concat());
    }

    /// Bytes that were good before one of them was changed.
    #[test]
    fn of_bytes_that_are_almost_good(
        front: [u8; 4],
        content in text(),
        at: prop::sample::Index,
        change: u8,
    ) {
        let settings = Compression { above_bytes: 0, saves_percent: 0, ..Compression::default() };
        let mut payload = Vec::new();
        encode(&content, &settings, &mut Tool::default(), &mut payload);
        let index = at.index(payload.len());
        payload[index] ^= change;
        fuzz::compress(&[&front[..], &payload].concat());
    }
}
