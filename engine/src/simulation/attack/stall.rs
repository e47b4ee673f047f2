//! Those who never finish what they begin, and those who make no sense.
//!
//! They leave when they are tired of it, unless the server has closed before.

use skyring_protocols::{Compat, Decode, frame};

use super::wire::Wire;
use super::{Progress, Terms};
use crate::driver::sim::{SimNet, SimRandom};

/// Bytes that drip at most: half a line, a head and a frame have more room than that.
const DRIPS_MAX: u32 = 40;
/// Bytes of garbage, at most.
const GARBAGE_BYTES_MAX: u64 = 3_000;
/// What a login says first: a line of 12 symbols, as is each of its keys.
const KEY_BYTES: usize = 13;

/// Where, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Line,
    Frame,
    Head,
    SilentLogin,
    SilentSession,
    GarbageLogin,
    GarbageSession,
    GarbageHttp,
}

pub(super) struct StallBout {
    place: Place,
    wire: Wire,
    drips: u32,
    /// Keys that a login may say before it refuses: garbage can be one, read leniently.
    keys: usize,
    /// The codes with which a login may be told to come back later.
    put_off: Vec<u16>,
}

impl StallBout {
    pub(super) fn begin(
        place: Place,
        terms: &Terms,
        net: &SimNet,
        random: &mut SimRandom,
    ) -> StallBout {
        let to = match place {
            Place::Line | Place::SilentLogin | Place::GarbageLogin => terms.login,
            Place::Frame | Place::SilentSession | Place::GarbageSession => terms.msg,
            Place::Head | Place::GarbageHttp => terms.http,
        };
        let mut wire = Wire::open(net, to);
        match place {
            Place::Frame => wire.say(&[0, 200]),
            Place::Head => wire.say(b"GET /poison/0/0 HTTP/1.1\r\nX: "),
            Place::GarbageLogin | Place::GarbageSession | Place::GarbageHttp => {
                let bytes = random.below(GARBAGE_BYTES_MAX);
                wire.say(&(0..bytes).map(|_| random.below(256) as u8).collect::<Vec<_>>());
            }
            Place::Line | Place::SilentLogin | Place::SilentSession => {}
        }
        let keys = if terms.login_compat == Compat::Skynet { 2 } else { 1 };
        let put_off = [429, 503].into_iter().filter(|code| terms.may_put_off(*code)).collect();
        StallBout { place, wire, drips: 0, keys, put_off }
    }

    pub(super) fn act(&mut self, name: &str, terms: &Terms, random: &mut SimRandom) -> Progress {
        let drips = matches!(self.place, Place::Line | Place::Frame | Place::Head);
        if drips && self.drips < DRIPS_MAX {
            self.drips += 1;
            self.wire.say(b"x");
        }
        self.wire.act(random);
        let heard = &self.wire.heard;
        assert!(self.may_hear(heard), "{name} was answered {}", heard.escape_ascii());
        match self.wire.end() {
            Some(_) if terms.is_faultless => Progress::Met,
            Some(_) => Progress::Over,
            None if random.chance(1_000) => Progress::Over,
            None => Progress::Going,
        }
    }

    /// Whether the server may have said this, or will have when it has said more.
    fn may_hear(&self, heard: &[u8]) -> bool {
        let begins = |text: &[u8]| text.starts_with(heard) || heard.starts_with(text);
        match self.place {
            Place::Line | Place::SilentLogin | Place::GarbageLogin if self.is_busy(heard) => true,
            Place::Line | Place::SilentLogin => heard.len() <= KEY_BYTES,
            Place::Frame | Place::SilentSession => heard.is_empty(),
            Place::Head => begins(b"HTTP/1.1 408 "),
            Place::GarbageLogin => {
                let is_refusal = |keys| {
                    let answer = heard.get(keys * KEY_BYTES..).unwrap_or_default();
                    b"401 Unauthorized\n".starts_with(answer)
                };
                (1..=self.keys).any(is_refusal)
            }
            Place::GarbageSession => match frame::decode(heard) {
                Decode::Done { value, consumed } => {
                    consumed == heard.len() && matches!(&value[..3], b"400" | b"401" | b"404")
                }
                Decode::NeedMore { .. } => true,
            },
            Place::GarbageHttp => begins(b"HTTP/1.1 4"),
        }
    }

    /// Whether a login has begun to hear that there is no time for it.
    fn is_busy(&self, heard: &[u8]) -> bool {
        let answer = heard.get(KEY_BYTES..).unwrap_or_default();
        let begins = |code: &u16| {
            let code = format!("{code} ");
            answer.starts_with(code.as_bytes()) || code.as_bytes().starts_with(answer)
        };
        !answer.is_empty() && self.put_off.iter().any(begins)
    }

    pub(super) fn leave(self) {
        self.wire.leave();
    }
}
