//! What is measured: one message, encoded or decoded or packed or unpacked so many times, by one of
//! the sides that are written in Rust.
//!
//! A body checks everything: that what it reads is what was written, byte for byte and value for
//! value, before it is timed, and in each repetition the length. Times are of the thread, so what
//! else runs on the machine costs caches and nothing else.

use std::hint::black_box;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use skyring_protocols::sproto::{
    FromFields, Limits, Schema, ToFields, Value, decode, encode, pack, unpack,
};

use super::messages::{self, Message, SCHEMA};
use super::protobuf;

/// Who encodes and decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Our types whose strings are bytes of the message.
    Bytes,
    /// Our types whose strings are parts of the message, checked to be text.
    Borrowed,
    /// Our types whose strings are copies.
    Owned,
    /// Our dynamic values, by the schema.
    Value,
    /// Protocol Buffers by prost.
    Prost,
    /// MessagePack by rmp-serde, strings borrowed.
    MessagePackBorrowed,
    /// MessagePack by rmp-serde, strings copied.
    MessagePackOwned,
}

impl Side {
    /// All, in the order of the reports.
    pub const ALL: [Self; 7] = [
        Self::Bytes,
        Self::Borrowed,
        Self::Owned,
        Self::Value,
        Self::Prost,
        Self::MessagePackBorrowed,
        Self::MessagePackOwned,
    ];

    /// As on command lines and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "skyring-bytes",
            Self::Borrowed => "skyring",
            Self::Owned => "skyring-owned",
            Self::Value => "skyring-value",
            Self::Prost => "prost",
            Self::MessagePackBorrowed => "rmp-serde",
            Self::MessagePackOwned => "rmp-serde-owned",
        }
    }

    /// The side of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Whether it does this: only sproto packs, and it does so whatever the values were.
    #[must_use]
    pub fn does(self, operation: Operation) -> bool {
        match operation {
            Operation::Encode | Operation::Decode => true,
            Operation::Pack | Operation::Unpack => self == Self::Borrowed,
        }
    }
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Values to bytes.
    Encode,
    /// Bytes to values.
    Decode,
    /// Zeros taken out of bytes.
    Pack,
    /// And put in again.
    Unpack,
}

impl Operation {
    /// All, in the order of the reports.
    pub const ALL: [Self; 4] = [Self::Encode, Self::Decode, Self::Pack, Self::Unpack];

    /// As on command lines and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::Pack => "pack",
            Self::Unpack => "unpack",
        }
    }

    /// The operation of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// What a body took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Nanoseconds of the processor, for all repetitions.
    pub ran_ns: u64,
    /// Bytes of the message: as it comes out of encoding or packing, or goes into the other two.
    pub bytes: usize,
}

/// The message in sproto's bytes, the same on all sides.
#[must_use]
pub fn encoded(message: Message) -> Vec<u8> {
    let mut out = Vec::new();
    let written = match message {
        Message::Move => encode(&messages::movement(), &Limits::default(), &mut out),
        Message::Chat => encode(&messages::chat::<&str>(), &Limits::default(), &mut out),
        Message::Sheet => encode(&messages::sheet::<&str>(), &Limits::default(), &mut out),
        Message::Update => encode(&messages::update(), &Limits::default(), &mut out),
    };
    written.expect("the messages are small");
    out
}

/// The same bytes packed.
#[must_use]
pub fn packed(message: Message) -> Vec<u8> {
    let mut out = Vec::new();
    pack(&encoded(message), &mut out);
    out
}

/// Runs a body.
///
/// # Panics
/// A side gives something else than it was given: that is what the checks are for.
#[must_use]
pub fn run(side: Side, message: Message, operation: Operation, repetitions: u32) -> Outcome {
    use messages::{chat, movement, sheet, update};
    let work = Work { side, message, operation, repetitions };
    match message {
        Message::Move => work.run::<_, _, _, protobuf::Move>(&movement(), &movement(), movement()),
        Message::Chat => {
            work.run::<_, _, _, protobuf::Chat>(&chat::<&[u8]>(), &chat::<&str>(), chat::<String>())
        }
        Message::Sheet => work.run::<_, _, _, protobuf::Sheet>(
            &sheet::<&[u8]>(),
            &sheet::<&str>(),
            sheet::<String>(),
        ),
        Message::Update => work.run::<_, _, _, protobuf::Update>(&update(), &update(), update()),
    }
}

/// What a body is asked to do.
#[derive(Clone, Copy)]
struct Work {
    side: Side,
    message: Message,
    operation: Operation,
    repetitions: u32,
}

/// A type that sproto and MessagePack take.
trait Typed: ToFields + FromFields<'static> + Serialize + Deserialize<'static> + PartialEq {}

impl<T: ToFields + FromFields<'static> + Serialize + Deserialize<'static> + PartialEq> Typed for T {}

impl Work {
    /// With the message as one of bytes, a borrowing one, an owning one, and one for Protocol
    /// Buffers.
    fn run<R: Typed, B: Typed, O: Typed, P>(self, bytes: &R, borrowed: &B, owned: O) -> Outcome
    where
        P: From<O> + prost::Message + Default + PartialEq,
    {
        match (self.side, self.operation) {
            (_, Operation::Pack | Operation::Unpack) => self.packing(),
            (Side::Bytes, _) => self.sproto(bytes),
            (Side::Borrowed, _) => self.sproto(borrowed),
            (Side::Owned, _) => self.sproto(&owned),
            (Side::Value, _) => self.value(),
            (Side::Prost, _) => self.prost(&P::from(owned)),
            (Side::MessagePackBorrowed, _) => self.message_pack(borrowed),
            (Side::MessagePackOwned, _) => self.message_pack(&owned),
        }
    }

    fn sproto<T: Typed>(self, value: &T) -> Outcome {
        let bytes: &'static [u8] = encoded(self.message).leak();
        let limits = Limits::default();
        self.both(
            bytes,
            |out| encode(black_box(value), &limits, out).expect("it is small"),
            |input| {
                let (read, consumed) = decode::<T>(input, &limits).expect("it was encoded");
                assert_eq!(consumed, bytes.len());
                read
            },
            value,
        )
    }

    fn value(self) -> Outcome {
        let bytes: &'static [u8] = encoded(self.message).leak();
        let limits = Limits::default();
        let schema = Schema::parse(SCHEMA).expect("it is a schema");
        let id = schema.type_id(self.message.type_name()).expect("it has the type");
        let read = |input| {
            let (read, consumed) = schema.decode(id, input, &limits).expect("it was encoded");
            assert_eq!(consumed, bytes.len());
            Value::from(read)
        };
        let value = read(bytes);
        let write = |out: &mut Vec<u8>| {
            schema.encode(id, black_box(&value), &limits, out).expect("it is small");
        };
        self.both(bytes, write, read, &value)
    }

    fn prost<T: prost::Message + Default + PartialEq>(self, value: &T) -> Outcome {
        self.both(
            &value.encode_to_vec(),
            |out| black_box(value).encode(out).expect("there is room"),
            |input| T::decode(input).expect("it was encoded"),
            value,
        )
    }

    fn message_pack<T: Typed>(self, value: &T) -> Outcome {
        let bytes: &'static [u8] = rmp_serde::to_vec(value).expect("these can be encoded").leak();
        self.both(
            bytes,
            |out| rmp_serde::encode::write(out, black_box(value)).expect("there is room"),
            |input| rmp_serde::from_slice::<T>(input).expect("it was encoded"),
            value,
        )
    }

    /// Writing or reading, whichever is asked for; and that either undoes the other.
    fn both<'b, T: PartialEq>(
        self,
        bytes: &'b [u8],
        write: impl Fn(&mut Vec<u8>),
        read: impl Fn(&'b [u8]) -> T,
        value: &T,
    ) -> Outcome {
        let mut out = Vec::with_capacity(bytes.len());
        write(&mut out);
        assert_eq!(out, bytes);
        assert!(read(bytes) == *value, "what was encoded came back as something else");
        let ran_ns = if self.operation == Operation::Encode {
            self.timed(|| {
                out.clear();
                write(&mut out);
                assert_eq!(black_box(&out).len(), bytes.len());
            })
        } else {
            self.timed(|| {
                black_box(&read(black_box(bytes)));
            })
        };
        Outcome { ran_ns, bytes: bytes.len() }
    }

    fn packing(self) -> Outcome {
        let (bytes, packed) = (encoded(self.message), packed(self.message));
        let unpacked_bytes = bytes.len().next_multiple_of(8);
        let mut out = Vec::with_capacity(unpacked_bytes);
        unpack(&packed, unpacked_bytes, &mut out).expect("it was packed");
        assert!(out.starts_with(&bytes) && out.len() == unpacked_bytes);
        let ran_ns = if self.operation == Operation::Pack {
            self.timed(|| {
                out.clear();
                pack(black_box(&bytes), &mut out);
                assert_eq!(black_box(&out).len(), packed.len());
            })
        } else {
            self.timed(|| {
                out.clear();
                unpack(black_box(&packed), unpacked_bytes, &mut out).expect("it was packed");
                assert_eq!(black_box(&out).len(), unpacked_bytes);
            })
        };
        Outcome { ran_ns, bytes: packed.len() }
    }

    /// Nanoseconds that all repetitions take, after some that are not counted.
    fn timed(self, mut once: impl FnMut()) -> u64 {
        for _ in 0..=self.repetitions / 8 {
            once();
        }
        let before = ran();
        for _ in 0..self.repetitions {
            once();
        }
        u64::try_from((ran() - before).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// How long this thread has been on a processor.
fn ran() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every thread has a clock").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body that gets something else back than it gave panics.
    #[test]
    fn every_body_runs() {
        for message in Message::ALL {
            let Outcome { bytes, .. } = run(Side::Owned, message, Operation::Encode, 1);
            assert_eq!(bytes, encoded(message).len());
            for operation in Operation::ALL {
                for side in Side::ALL.into_iter().filter(|side| side.does(operation)) {
                    assert!(run(side, message, operation, 3).bytes > 0);
                }
            }
        }
    }

    #[test]
    fn all_are_found_by_their_names() {
        assert!(Side::ALL.into_iter().all(|it| Side::from_name(it.name()) == Some(it)));
        assert!(Message::ALL.into_iter().all(|it| Message::from_name(it.name()) == Some(it)));
        assert!(Operation::ALL.into_iter().all(|it| Operation::from_name(it.name()) == Some(it)));
        assert_eq!(Side::from_name("nobody"), None);
    }
}
