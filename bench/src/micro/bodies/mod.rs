//! What is counted: small functions that do one thing so many times.
//!
//! A body prepares itself, at a cost that does not depend on the number, and then repeats. Inputs
//! and results pass a [`black_box`](std::hint::black_box), so that nothing is computed once for all
//! or not at all. Every body checks what it computed.

mod codecs;
mod crypt;
mod http;
mod login;
mod session;
mod websocket;

/// A content as the floor's requests carry it: with its id behind it a payload of 64 bytes.
const CONTENT: [u8; 60] = [0x5a; 60];

/// One of them.
#[derive(Clone, Copy)]
pub struct Body {
    /// Its name on command lines and in records.
    pub name: &'static str,
    /// What one repetition is, for tables.
    pub what: &'static str,
    /// Fewer and more repetitions: the difference of two runs is what is told.
    pub repetitions: (u32, u32),
    /// Does it so many times.
    pub run: fn(u32),
}

/// Repetitions of what takes less than a thousand instructions. Multiples of 128, so that what the
/// response cache does once in that many answers is in both.
const CHEAP: (u32, u32) = (1_280, 11_520);
/// Of what takes some ten thousand.
const DEAR: (u32, u32) = (128, 1_152);

/// Of what goes through a thousand sessions in turn: 128 for each.
const MANY: (u32, u32) = (1_280, 129_280);

/// Every body, in the order of the reports.
pub const BODIES: &[Body] = &[
    body("frame-decode", "a frame of 64 bytes found in a stream", CHEAP, codecs::frame_decode),
    body("frame-encode", "a payload of 64 bytes framed", CHEAP, codecs::frame_encode),
    body("request-decode", "id and content of a request", CHEAP, codecs::request_decode),
    body("response-encode", "a response of 60 bytes, framed", CHEAP, codecs::response_encode),
    body("attach-parse", "the parts of an attach line and its user", CHEAP, codecs::attach_parse),
    body("base64-encode", "8 bytes to base64", CHEAP, crypt::base64_encode),
    body("base64-decode", "8 bytes from base64, canonical", CHEAP, crypt::base64_decode),
    body("hmac64", "a proof of a login", CHEAP, crypt::hmac64),
    body("hmac-hash", "a proof of an attach line", CHEAP, crypt::hmac_hash),
    body("dh-exchange", "a public value from a private key", DEAR, crypt::dh_exchange),
    body("dh-secret", "the secret from a public value", DEAR, crypt::dh_secret),
    body("des-encode", "a token of 34 bytes encrypted", DEAR, crypt::des_encode),
    body("des-decode", "a token of 34 bytes decrypted", DEAR, crypt::des_decode),
    body("login", "a login, both sides, from challenge to subid", DEAR, login::conversation),
    body("login-server", "the server's side of a login", DEAR, login::server_side),
    body("attach", "an attach line judged by its session", CHEAP, session::attach),
    body("message-first", "the first request of a session and its answer", CHEAP, session::first),
    body(
        "message",
        "frame to frame through one session whose cache is full",
        CHEAP,
        session::steady,
    ),
    body("message-1000", "the same, a thousand sessions in turn", MANY, session::many),
    body("http-request", "an HTTP request of 112 bytes read", CHEAP, http::request),
    body("http-server", "an HTTP request read and answered", CHEAP, http::server),
    body("websocket-1", "a WebSocket message of 64 bytes read and echoed", CHEAP, websocket::one),
    body("websocket-16", "sixteen that came together, echoed together", DEAR, websocket::sixteen),
    body("replay", "a stored answer sent again after an attach", CHEAP, session::replay),
];

const fn body(
    name: &'static str,
    what: &'static str,
    repetitions: (u32, u32),
    run: fn(u32),
) -> Body {
    Body { name, what, repetitions, run }
}

/// The body of this name.
#[must_use]
pub fn from_name(name: &str) -> Option<Body> {
    BODIES.iter().copied().find(|body| body.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body that computes something wrong panics.
    #[test]
    fn every_body_runs() {
        for body in BODIES {
            (body.run)(3);
            let (fewer, more) = body.repetitions;
            assert!(fewer < more && fewer % 128 == 0 && more % 128 == 0, "{}", body.name);
        }
    }

    #[test]
    fn bodies_are_found_by_their_names() {
        for body in BODIES {
            assert_eq!(from_name(body.name).unwrap().what, body.what);
        }
        assert!(from_name("nothing").is_none());
    }
}
