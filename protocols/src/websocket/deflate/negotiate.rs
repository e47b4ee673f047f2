//! Agreeing on compression (RFC 7692 section 7.1; WIRE W30 to W34).
//!
//! A client offers, possibly several times; the server takes the first offer that it can keep, or
//! none, and says how. What a side does not understand it does not take: an offer with a parameter
//! that is unknown, repeated or malformed is passed over, and an answer with one ends the
//! connection.

use core::fmt::Write;

use super::{Agreed, Mode, Terms, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use crate::websocket::upgrade::extensions::Extension;

/// The name of the extension.
const NAME: &str = "permessage-deflate";

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The parameters of one offer or answer.
#[derive(Clone, Copy, Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<Bits>,
}

/// What `client_max_window_bits` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bits {
    /// Offers only: as the server likes.
    Any,
    Of(u8),
}

impl Parameters {
    /// None when one is unknown, repeated, or not of its form.
    fn read(extension: &Extension<'_>) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in extension.parameters() {
            let value = value.as_deref();
            let is_new = match name {
                SERVER_NO_CONTEXT_TAKEOVER => flag(&mut read.server_no_context_takeover, value)?,
                CLIENT_NO_CONTEXT_TAKEOVER => flag(&mut read.client_no_context_takeover, value)?,
                SERVER_MAX_WINDOW_BITS => {
                    read.server_max_window_bits.replace(bits(value?)?).is_none()
                }
                CLIENT_MAX_WINDOW_BITS => {
                    let bits = match value {
                        None => Bits::Any,
                        Some(value) => Bits::Of(bits(value)?),
                    };
                    read.client_max_window_bits.replace(bits).is_none()
                }
                _ => return None,
            };
            if !is_new {
                return None;
            }
        }
        Some(read)
    }

    fn write(&self) -> String {
        let mut text = NAME.to_owned();
        let mut add = |name, bits: Option<Bits>| {
            let written = match bits {
                Some(Bits::Of(bits)) => write!(text, "; {name}={bits}"),
                _ => write!(text, "; {name}"),
            };
            written.expect("a string takes any text");
        };
        if self.server_no_context_takeover {
            add(SERVER_NO_CONTEXT_TAKEOVER, None);
        }
        if self.client_no_context_takeover {
            add(CLIENT_NO_CONTEXT_TAKEOVER, None);
        }
        if let Some(bits) = self.server_max_window_bits {
            add(SERVER_MAX_WINDOW_BITS, Some(Bits::Of(bits)));
        }
        if let Some(bits) = self.client_max_window_bits {
            add(CLIENT_MAX_WINDOW_BITS, Some(bits));
        }
        text
    }
}

/// Sets a parameter that has no value; whether it was not set before.
fn flag(flag: &mut bool, value: Option<&str>) -> Option<bool> {
    value.is_none().then(|| !core::mem::replace(flag, true))
}

/// 8 to 15, in decimal digits without a zero in front.
fn bits(value: &str) -> Option<u8> {
    let is_decimal = !value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit());
    let bits = value.parse().ok().filter(|_| is_decimal)?;
    (WINDOW_BITS_MIN..=WINDOW_BITS_MAX).contains(&bits).then_some(bits)
}

fn clamp(bits: u8) -> u8 {
    bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX)
}

/// The server's choice among offers, and how it says so; none if it takes none (WIRE W33).
pub(in crate::websocket) fn accept(
    mode: Mode,
    offers: &[Extension<'_>],
) -> Option<(Agreed, String)> {
    let alone = match mode {
        Mode::Off => return None,
        Mode::Shared => true,
        Mode::Dedicated => false,
    };
    let mut offers = offers.iter().filter(|offer| offer.name() == NAME);
    offers.find_map(|offer| {
        let offered = Parameters::read(offer)?;
        // Nothing is compressed into the smallest window, so the next offer may be better.
        if offered.server_max_window_bits == Some(WINDOW_BITS_MIN) {
            return None;
        }
        let answer = Parameters {
            server_no_context_takeover: alone || offered.server_no_context_takeover,
            client_no_context_takeover: alone || offered.client_no_context_takeover,
            server_max_window_bits: offered.server_max_window_bits,
            client_max_window_bits: offered.client_max_window_bits.filter(|it| *it != Bits::Any),
        };
        Some((agreed(&answer), answer.write()))
    })
}

/// What an answer means.
fn agreed(answer: &Parameters) -> Agreed {
    let client = match answer.client_max_window_bits {
        Some(Bits::Of(bits)) => bits,
        _ => WINDOW_BITS_MAX,
    };
    Agreed {
        server_no_context_takeover: answer.server_no_context_takeover,
        client_no_context_takeover: answer.client_no_context_takeover,
        server_max_window_bits: answer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX),
        client_max_window_bits: client,
    }
}

impl Terms {
    /// The offer as it is sent (WIRE W32).
    pub(in crate::websocket) fn write(&self) -> String {
        let client = self.client_max_window_bits.map(|bits| match clamp(bits) {
            WINDOW_BITS_MAX => Bits::Any,
            bits => Bits::Of(bits),
        });
        let offer = Parameters {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: self.server_max_window_bits.map(clamp),
            client_max_window_bits: client,
        };
        offer.write()
    }

    /// What the server's answer to this offer makes of it; none if it is no answer to it
    /// (WIRE W34).
    fn agree(&self, answer: &Extension<'_>) -> Option<Agreed> {
        let answer = Parameters::read(answer)?;
        if self.server_no_context_takeover && !answer.server_no_context_takeover {
            return None;
        }
        let server_bits = answer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX);
        if server_bits > self.server_max_window_bits.map_or(WINDOW_BITS_MAX, clamp) {
            return None;
        }
        let own_bits = self.client_max_window_bits.map_or(WINDOW_BITS_MAX, clamp);
        let client_bits = match (answer.client_max_window_bits, self.client_max_window_bits) {
            (None, _) => own_bits,
            (Some(Bits::Of(bits)), Some(_)) if bits <= own_bits => bits,
            _ => return None,
        };
        let client_alone = self.client_no_context_takeover || answer.client_no_context_takeover;
        Some(Agreed {
            server_no_context_takeover: answer.server_no_context_takeover,
            client_no_context_takeover: client_alone,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        })
    }
}

/// What the server has agreed to, as its answer says. The outer none: it answers what was not
/// offered, or not as it was offered, and is not to be talked to (WIRE W34).
pub(in crate::websocket) fn check(
    offered: Option<&Terms>,
    answers: &[Extension<'_>],
) -> Option<Option<Agreed>> {
    match (answers, offered) {
        ([], _) => Some(None),
        ([answer], Some(terms)) if answer.name() == NAME => terms.agree(answer).map(Some),
        _ => None,
    }
}
