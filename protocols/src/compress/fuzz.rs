//! What holds for any payload: the body of a fuzz target in `protocols/fuzz`.

use super::{Compression, decode, encode};
use crate::deflate::Tool;

/// Reads the bytes as a payload under a bound that the first bytes choose; then writes them as
/// content and reads that.
pub fn compress(data: &[u8]) {
    let Some((&[low, high, above, percent], rest)) = data.split_first_chunk() else { return };
    let mut tool = Tool::default();
    let settings = Compression {
        above_bytes: usize::from(above),
        saves_percent: percent,
        content_bytes_max: usize::from(u16::from_le_bytes([low, high])),
    };
    if let Ok(content) = decode(rest, &settings, &mut tool) {
        assert!(content.len() <= settings.content_bytes_max);
        if let std::borrow::Cow::Owned(content) = content {
            assert!(content.capacity() <= settings.content_bytes_max + 1, "beyond the bound");
        }
    }
    let (mut payload, mut again) = (vec![9], Vec::new());
    let flag = encode(rest, &settings, &mut tool, &mut payload);
    assert_eq!(payload[..2], [9, flag], "what was there stays");
    assert!(payload.len() <= rest.len() + 2);
    let unbounded = Compression { content_bytes_max: rest.len(), ..settings };
    let content = decode(&payload[1..], &unbounded, &mut tool).expect("what was written is read");
    assert_eq!(&*content, rest);
    encode(rest, &settings, &mut Tool::default(), &mut again);
    assert_eq!(payload[1..], again, "a tool that was used writes what a fresh one does");
}
