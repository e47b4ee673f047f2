//! When batches leave, what is in them, and what is refused.

use proptest::prelude::*;

use super::*;
use crate::Blame;
use crate::compress::{self, CompressError, DEFLATED, PLAIN};
use crate::deflate::Tool;

/// All payloads that wait.
fn drained(batcher: &mut Batcher) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    loop {
        let mut payload = Vec::new();
        if batcher.poll_output(&mut Tool::default(), &mut payload).is_none() {
            return payloads;
        }
        payloads.push(payload);
    }
}

fn read(payload: &[u8]) -> Result<Vec<Vec<u8>>, BatchError> {
    read_with(payload, &BatchSettings::default())
}

fn read_with(payload: &[u8], settings: &BatchSettings) -> Result<Vec<Vec<u8>>, BatchError> {
    let batch = decode(payload, settings, &mut Tool::default())?;
    Ok(batch.into_iter().map(<[u8]>::to_vec).collect())
}

/// WIRE B4.
#[test]
fn a_batch_is_a_count_and_frames() {
    let mut batcher = Batcher::new(BatchSettings::default());
    for message in ["one", "", "three"] {
        batcher.push(message.as_bytes(), 5).unwrap();
    }
    assert!(drained(&mut batcher).is_empty());
    batcher.flush();
    let wanted = b"\x00\x00\x03\x00\x03one\x00\x00\x00\x05three";
    assert_eq!(drained(&mut batcher), [wanted]);
    assert_eq!(read(wanted).unwrap(), [&b"one"[..], b"", b"three"]);
    batcher.flush();
    assert!(drained(&mut batcher).is_empty(), "there are no empty batches");
}

/// WIRE B6: the hundredth message, without waiting.
#[test]
fn a_full_count_leaves_at_once() {
    let mut batcher = Batcher::new(BatchSettings::default());
    for index in 0..250_u16 {
        batcher.push(&index.to_be_bytes(), 0).unwrap();
        let sent = drained(&mut batcher);
        assert_eq!(sent.len(), usize::from(index % 100 == 99), "{index}");
        for payload in sent {
            let first = index - 99;
            let wanted: Vec<_> = (first..=index).map(|it| it.to_be_bytes().to_vec()).collect();
            assert_eq!(read(&payload).unwrap(), wanted);
        }
    }
    assert_eq!(batcher.waiting(), 50);
}

/// WIRE B6: 100 ms after the first, however many came since.
#[test]
fn the_first_message_waits_longest() {
    let mut batcher = Batcher::new(BatchSettings::default());
    assert_eq!(batcher.due_ms(), None);
    batcher.push(b"first", 1000).unwrap();
    batcher.push(b"second", 1099).unwrap();
    assert_eq!(batcher.due_ms(), Some(1100));
    batcher.on_time(1099);
    assert!(drained(&mut batcher).is_empty());
    batcher.on_time(1100);
    assert_eq!(read(&drained(&mut batcher)[0]).unwrap(), [&b"first"[..], b"second"]);
    assert_eq!(batcher.due_ms(), None);
    batcher.on_time(u64::MAX);
    assert!(drained(&mut batcher).is_empty());
    batcher.push(b"late", u64::MAX).unwrap();
    assert_eq!(batcher.due_ms(), Some(u64::MAX), "the end of time is no overflow");
}

/// WIRE B5, B6: the payload has at most 65,535 bytes, and what does not fit flushes first.
#[test]
fn full_bytes_leave_at_once() {
    let settings = BatchSettings { compression: Compression::off(), ..BatchSettings::default() };
    let mut batcher = Batcher::new(settings);
    // 1 flag, 2 count, 2 length: 30,000 bytes twice leave 5,528 with the length.
    for _ in 0..2 {
        batcher.push(&[1; 30_000], 0).unwrap();
    }
    assert!(drained(&mut batcher).is_empty());
    batcher.push(&[2; 5_527], 7).unwrap();
    let sent = drained(&mut batcher);
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [60_007]);
    assert_eq!(batcher.due_ms(), Some(107), "what flushed the others begins anew");
    batcher.push(&[3; 60_001], 8).unwrap();
    let sent = drained(&mut batcher);
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [65_535], "full to the byte");
    assert_eq!(read(&sent[0]).unwrap(), [vec![2; 5_527], vec![3; 60_001]]);
    assert_eq!((batcher.due_ms(), batcher.waiting()), (None, 0));
}

/// WIRE B5, B6: one push may flush two batches.
#[test]
fn what_fills_a_batch_alone_leaves_at_once_too() {
    let mut batcher = Batcher::new(BatchSettings::default());
    batcher.push(b"small", 0).unwrap();
    batcher.push(&[9; 65_530], 0).unwrap();
    assert_eq!(batcher.push(b"more", 0), Err(PushError::Undrained));
    let sent = drained(&mut batcher);
    assert_eq!(read(&sent[0]).unwrap(), [b"small"]);
    assert_eq!(read(&sent[1]).unwrap(), [vec![9; 65_530]]);
    assert_eq!((sent.len(), sent[1][0]), (2, DEFLATED));
    let bytes = 65_531;
    let refused = batcher.push(&vec![9; bytes], 0);
    assert_eq!(refused, Err(PushError::TooLong { bytes, max: 65_530 }));
    assert_eq!(refused.unwrap_err().blame(), Blame::Caller);
    assert_eq!(batcher.waiting(), 0);
}

/// WIRE B5: over WebSocket a batch may be longer than a frame, its messages may not.
#[test]
fn settings_bound_a_message() {
    let settings = |bytes_max| BatchSettings { bytes_max, ..BatchSettings::default() };
    assert_eq!(settings(1 << 20).message_bytes_max(), Some(65_535));
    assert_eq!(settings(5).message_bytes_max(), Some(0));
    assert_eq!(settings(4).message_bytes_max(), None);
    let refused = Batcher::new(settings(4)).push(b"", 0);
    assert_eq!(refused, Err(PushError::TooLong { bytes: 0, max: 0 }));
    let alone = BatchSettings { messages_max: 0, ..settings(5) };
    let mut batcher = Batcher::new(alone);
    batcher.push(b"", 0).unwrap();
    assert_eq!(drained(&mut batcher), [b"\0\0\x01\0\0"], "no count at all counts as one");
}

/// WIRE B4: messages that are too short to be compressed alone.
#[test]
fn a_batch_is_compressed_as_a_whole() {
    let mut batcher = Batcher::new(BatchSettings::default());
    for index in 0..100 {
        batcher.push(format!("player {index} moved to 17,{index}").as_bytes(), 0).unwrap();
    }
    let mut payload = Vec::new();
    let flushed = batcher.poll_output(&mut Tool::default(), &mut payload).unwrap();
    assert_eq!(payload[0], DEFLATED);
    assert_eq!((flushed.messages, flushed.bytes), (100, payload.len()));
    assert!(flushed.plain_bytes > 2500 && flushed.bytes < 800, "{flushed:?}");
    assert_eq!(read(&payload).unwrap()[99], b"player 99 moved to 17,99");
}

/// WIRE B7.
#[test]
fn what_is_no_batch_is_refused() {
    let good = b"\x00\x00\x02\x00\x03one\x00\x03two";
    assert_eq!(read(good).unwrap(), [b"one", b"two"]);
    for cut in 1..good.len() {
        assert_eq!(read(&good[..cut]), Err(BatchError::Cut), "cut to {cut}");
    }
    assert_eq!(read(&[]), Err(BatchError::Payload(CompressError::Empty)));
    let flag = CompressError::Flag { flag: 2 };
    assert_eq!(read(&[2, 0, 1, 0, 0]), Err(BatchError::Payload(flag)));
    assert_eq!(read(&[PLAIN, 0, 0]), Err(BatchError::Empty));
    let behind = [&good[..], &[0, 0]].concat();
    assert_eq!(read(&behind), Err(BatchError::Trailing { bytes: 2 }));
    let messages = 101;
    let many = [&[0, 0, 101], &[0; 202][..]].concat();
    assert_eq!(read(&many), Err(BatchError::TooMany { messages, max: 100 }));
    assert_eq!(read(&many).unwrap_err().blame(), Blame::Limit);
    assert_eq!(read(&[0, 255, 255]).unwrap_err().blame(), Blame::Limit);
    assert_eq!(BatchError::Cut.blame(), Blame::Peer);
}

/// WIRE B3, B7: however short it is on the wire.
#[test]
fn a_bomb_stops_at_the_bound() {
    let zeros = vec![0; 10 << 20];
    let mut bomb = Vec::new();
    compress::encode(&zeros, &Compression::default(), &mut Tool::default(), &mut bomb);
    let too_long = BatchError::Payload(CompressError::TooLong { max: 65_534 });
    assert_eq!(read(&bomb), Err(too_long));
    assert_eq!(too_long.blame(), Blame::Limit);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// WIRE B4 to B7: what the fuzzer holds for any operations.
    #[test]
    fn of_any_operations(
        front: [u8; 5],
        few in 0..6_u8,
        data in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        fuzz::batch(&[&front[..], &data].concat());
        fuzz::batch(&[&[few, front[1], front[2], 1, 0][..], &data].concat());
    }

    /// Batches that were good before one byte of them was changed.
    #[test]
    fn of_bytes_that_are_almost_good(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..40),
        at: prop::sample::Index,
        change: u8,
    ) {
        let mut batcher = Batcher::new(BatchSettings::default());
        for message in &messages {
            batcher.push(message, 0).unwrap();
        }
        batcher.flush();
        let mut payload = drained(&mut batcher).remove(0);
        prop_assert_eq!(read(&payload).unwrap(), messages);
        let index = at.index(payload.len());
        payload[index] ^= change;
        fuzz::batch(&[&[100, 100, 255, 255, 255][..], &payload].concat());
    }
}
