//! What holds for any payload and any operations: the body of a fuzz target in `protocols/fuzz`.

use super::{BatchSettings, Batcher, PushError, decode};
use crate::compress::Compression;
use crate::deflate::Tool;

/// Reads the bytes as a batch under limits that the first bytes choose; then as messages, times and
/// flushes, against a plain list of what is to come out.
pub fn batch(data: &[u8]) {
    let Some((&[messages, delay, low, high, above], rest)) = data.split_first_chunk() else {
        return;
    };
    let settings = BatchSettings {
        messages_max: messages.into(),
        delay_ms: delay.into(),
        bytes_max: usize::from(u16::from_le_bytes([low, high])),
        compression: Compression { above_bytes: usize::from(above), ..Compression::default() },
    };
    let mut tool = Tool::default();
    if let Ok(batch) = decode(rest, &settings, &mut tool) {
        assert!((1..=usize::from(settings.messages_max).max(1)).contains(&batch.messages().len()));
        let bytes: usize = batch.messages().map(<[u8]>::len).sum();
        assert!(bytes < settings.bytes_max);
        assert_eq!(batch.messages().count(), batch.messages().len());
    }
    operations(rest, settings);
}

/// A batcher, and what a naive one would have done.
struct Run {
    settings: BatchSettings,
    batcher: Batcher,
    tool: Tool,
    now_ms: u64,
    /// When the first of the messages came that have not come out, and those.
    waiting: Vec<(u64, Vec<u8>)>,
}

/// Each byte is an operation; a message has a length and content that follow from it.
fn operations(data: &[u8], settings: BatchSettings) {
    let batcher = Batcher::new(settings);
    let mut run = Run { settings, batcher, tool: Tool::default(), now_ms: 0, waiting: Vec::new() };
    for (index, &byte) in data.iter().enumerate() {
        match byte {
            0..=15 => run.batcher.flush(),
            16..=63 => {
                run.now_ms += u64::from(byte) - 16;
                run.batcher.on_time(run.now_ms);
                let due_ms = run.batcher.due_ms();
                assert!(due_ms.is_none_or(|due_ms| due_ms > run.now_ms), "it was told the time");
            }
            _ => {
                let length = usize::from(byte - 64) * if index % 7 == 0 { 300 } else { 1 };
                run.push(vec![byte.wrapping_add(index as u8); length]);
            }
        }
        run.drain();
        run.check_due();
    }
    run.batcher.flush();
    run.drain();
    assert!(run.waiting.is_empty(), "everything came out");
}

impl Run {
    fn push(&mut self, message: Vec<u8>) {
        let max = self.settings.message_bytes_max();
        match self.batcher.push(&message, self.now_ms) {
            Ok(()) => {
                assert!(max.is_some_and(|max| message.len() <= max));
                self.waiting.push((self.now_ms, message));
            }
            Err(PushError::TooLong { bytes, .. }) => {
                assert_eq!(bytes, message.len());
                assert!(max.is_none_or(|max| bytes > max));
            }
            Err(PushError::Undrained) => panic!("it was drained"),
        }
    }

    /// What comes out is what went in first.
    fn drain(&mut self) {
        let mut payload = Vec::new();
        while let Some(flushed) = self.batcher.poll_output(&mut self.tool, &mut payload) {
            assert!(flushed.bytes == payload.len() && flushed.bytes <= flushed.plain_bytes);
            assert!(flushed.plain_bytes <= self.settings.bytes_max);
            let batch = decode(&payload, &self.settings, &mut self.tool).expect("it was written");
            assert_eq!(batch.messages().len(), usize::from(flushed.messages));
            let sent = self.waiting.drain(..batch.messages().len());
            assert!(batch.messages().eq(sent.as_slice().iter().map(|(_, message)| &message[..])));
            drop(sent);
            payload.clear();
        }
        assert_eq!(self.batcher.waiting(), self.waiting.len());
    }

    /// Nothing waits longer than it may, once the time has been told.
    fn check_due(&self) {
        let first = self.waiting.first().map(|(at_ms, _)| at_ms + self.settings.delay_ms);
        assert_eq!(self.batcher.due_ms(), first);
        let messages_max = usize::from(self.settings.messages_max).max(1);
        assert!(self.batcher.waiting() < messages_max, "a full batch does not wait");
    }
}
