//! Operation tokens: the 64 bits that travel with every submission and come back with its
//! completion.
//!
//! Layout, from the highest bit: kind (8), generation (24), index (32). For operations on a
//! connection the generation and the slot of its [`Token`] fill the two lower fields; for accepts,
//! sends and connects the index is a place in a slab, whose entry holds what else is to be known.
//! For a message from another ring the generation field carries the shard that sent it, for a wake
//! how many wakes of the same shard have failed before it.

use crate::driver::Token;

/// What a completion is the completion of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// An accept; the index is its place in the slab of accepts.
    Accept = 1,
    /// A receive on a token.
    Receive = 2,
    /// A send; the index is its place in the slab of sends.
    Send = 3,
    /// A shut-down on a token.
    ShutDown = 4,
    /// A close on a token.
    Close = 5,
    /// A hand-over of a token, as its sender sees it.
    HandOver = 6,
    /// First step of a connect: the socket moves into a slot. Index in the slab of connects.
    Install = 7,
    /// Second step of a connect. Index in the slab of connects.
    Connect = 8,
    /// Last step of a connect that failed: its slot is freed. Index in the slab of connects.
    Abandon = 9,
    /// The read that waits for wakers of other threads.
    WakerRead = 10,
    /// Posted by another ring: a descriptor is in our table. Generation: its shard. Index: the key.
    Arrived = 11,
    /// Posted by another ring: look up.
    Woken = 12,
    /// A cancel that found nothing to cancel.
    CancelFailed = 13,
    /// A wake that reached nobody. Generation: failures before it. Index: the shard.
    WakeFailed = 14,
    /// A close of an ordinary descriptor that failed.
    ReleaseFailed = 15,
}

impl Kind {
    const ALL: [Kind; 15] = [
        Kind::Accept,
        Kind::Receive,
        Kind::Send,
        Kind::ShutDown,
        Kind::Close,
        Kind::HandOver,
        Kind::Install,
        Kind::Connect,
        Kind::Abandon,
        Kind::WakerRead,
        Kind::Arrived,
        Kind::Woken,
        Kind::CancelFailed,
        Kind::WakeFailed,
        Kind::ReleaseFailed,
    ];

    /// Whether a completion of this kind answers an operation that this ring counts as in flight.
    /// The others are posted by another ring, or only when something has failed.
    pub(super) fn is_counted(self) -> bool {
        (self as u8) < Kind::Arrived as u8
    }
}

/// A kind, a generation and an index, packed as the kernel carries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OperationToken(u64);

impl OperationToken {
    /// Names an operation on a connection.
    pub(super) fn of(kind: Kind, token: Token) -> OperationToken {
        OperationToken::new(kind, token.generation, token.slot)
    }

    /// Names an operation by its index in the slab of its kind.
    pub(super) fn indexed(kind: Kind, index: u32) -> OperationToken {
        OperationToken::new(kind, 0, index)
    }

    /// Packs the three fields; of the generation only the low 24 bits are kept.
    pub(super) fn new(kind: Kind, generation: u32, index: u32) -> OperationToken {
        let generation = generation % Token::GENERATIONS;
        OperationToken((kind as u64) << 56 | u64::from(generation) << 32 | u64::from(index))
    }

    /// What a completion brought back.
    pub(super) fn from_bits(bits: u64) -> OperationToken {
        OperationToken(bits)
    }

    /// What a submission carries.
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// The kind, or none if these bits are not ours.
    pub(super) fn kind(self) -> Option<Kind> {
        let number = (self.0 >> 56) as usize;
        number.checked_sub(1).and_then(|index| Kind::ALL.get(index)).copied()
    }

    /// The middle field.
    pub(super) fn generation(self) -> u32 {
        (self.0 >> 32) as u32 % Token::GENERATIONS
    }

    /// The lowest field.
    pub(super) fn index(self) -> u32 {
        self.0 as u32
    }

    /// The two lower fields as a connection's token.
    pub(super) fn token(self) -> Token {
        Token { slot: self.index(), generation: self.generation() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_round_trip() {
        for kind in Kind::ALL {
            let token = Token { slot: u32::MAX, generation: Token::GENERATIONS - 1 };
            let packed = OperationToken::of(kind, token);
            let back = OperationToken::from_bits(packed.bits());
            assert_eq!(back.kind(), Some(kind));
            assert_eq!(back.token(), token);
        }
    }

    #[test]
    fn a_generation_past_its_range_cannot_change_the_kind() {
        let token = Token { slot: 7, generation: u32::MAX };
        let packed = OperationToken::of(Kind::Receive, token);
        assert_eq!(packed.kind(), Some(Kind::Receive));
        assert_eq!(packed.generation(), Token::GENERATIONS - 1);
        assert_eq!(packed.index(), 7);
    }

    #[test]
    fn foreign_bits_have_no_kind() {
        assert_eq!(OperationToken::from_bits(0).kind(), None);
        assert_eq!(OperationToken::from_bits(u64::MAX).kind(), None);
    }

    #[test]
    fn what_other_rings_post_is_not_counted_as_ours() {
        assert!(Kind::Receive.is_counted());
        assert!(Kind::WakerRead.is_counted());
        assert!(!Kind::Arrived.is_counted());
        assert!(!Kind::CancelFailed.is_counted());
    }
}
