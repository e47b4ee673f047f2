//! How an input is cut on its way.

/// One byte at a time.
pub(crate) fn bytewise(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.iter().map(|&byte| vec![byte]).collect()
}

/// Pieces of 1 to `piece_bytes_max` bytes, the same for the same seed.
pub(crate) fn random(bytes: &[u8], piece_bytes_max: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut state = seed;
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        // The multiplier of Knuth's MMIX; its upper bits are good enough to cut with.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = 1 + (state >> 33) as usize % piece_bytes_max;
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        pieces.push(piece.to_vec());
        rest = behind;
    }
    pieces
}
