//! What holds for any compressed bytes: the body of a fuzz target in `protocols/fuzz`.

use super::{Agreed, Context, InflateError, Tool};
use crate::websocket::Role;

/// Inflates the bytes as two messages of one connection, with and without takeover, under a bound
/// that the first bytes choose; then compresses them and inflates that.
pub fn inflate(data: &[u8]) {
    let Some((&[low, high, cut, bits], rest)) = data.split_first_chunk() else { return };
    let bytes_max = usize::from(u16::from_le_bytes([low, high]));
    let (first, second) = rest.split_at(usize::from(cut).min(rest.len()));
    let window_bits = 8 + bits % 8;
    let firsts = [false, true].map(|alone| {
        let mut context = Context::new(Role::Server, agreed(alone, window_bits));
        let mut tool = Tool::default();
        let first = bounded(&mut context, &mut tool, first, bytes_max);
        if first.is_ok() {
            let _ = bounded(&mut context, &mut tool, second, bytes_max);
        }
        first
    });
    assert_eq!(firsts[0], firsts[1], "the first message looks into none before it");
    for alone in [false, true] {
        there_and_back(rest, usize::from(cut), agreed(alone, window_bits));
    }
}

fn agreed(alone: bool, window_bits: u8) -> Agreed {
    Agreed {
        server_no_context_takeover: alone,
        client_no_context_takeover: alone,
        server_max_window_bits: window_bits,
        client_max_window_bits: window_bits,
    }
}

fn bounded(
    context: &mut Context,
    tool: &mut Tool,
    data: &[u8],
    bytes_max: usize,
) -> Result<Vec<u8>, InflateError> {
    let mut out = Vec::new();
    let inflated = context.inflate(data, bytes_max, tool, &mut out);
    assert!(out.capacity() <= bytes_max + 1, "memory beyond the bound");
    assert!(out.len() <= bytes_max);
    if inflated.is_err() {
        assert!(out.is_empty(), "a message that is refused leaves nothing");
    }
    inflated.map(|()| out)
}

/// Two messages in fragments of `cut` bytes.
fn there_and_back(data: &[u8], cut: usize, agreed: Agreed) {
    let (mut ours, mut theirs) =
        (Context::new(Role::Client, agreed), Context::new(Role::Server, agreed));
    let mut tool = Tool::default();
    for _ in 0..2 {
        let mut wire = Vec::new();
        for piece in data.chunks(cut.max(1)) {
            wire.extend_from_slice(ours.compress(piece, false, &mut tool));
        }
        wire.extend_from_slice(ours.compress(b"", true, &mut tool));
        let mut out = b"kept".to_vec();
        let inflated = theirs.inflate(&wire, data.len(), &mut tool, &mut out);
        assert_eq!(inflated, Ok(()));
        assert_eq!(out.strip_prefix(b"kept"), Some(data));
        if let Some(less) = data.len().checked_sub(1) {
            let mut fresh = Context::new(Role::Server, agreed);
            let short = fresh.inflate(&wire, less, &mut tool, &mut out);
            // With takeover the second message may look into the first, which this one has not.
            assert!(short.is_err());
        }
    }
}
