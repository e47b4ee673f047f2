//! Every attack: its name, the hole of the reference that it tries, and the way.
//!
//! The numbers of holes are those of `engine/SECURITY.md`.

use std::fmt::Write;

use super::inside::{Abuse, Forgery};
use super::login::{Line, Trick};
use super::proxy::Said;
use super::secure::Proof;
use super::stall::Place;
use super::web::Frames;

/// One attack.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulation) struct Attack {
    pub(in crate::simulation) name: &'static str,
    /// The hole.
    pub(in crate::simulation) row: u8,
    pub(super) way: Way,
}

/// What is done, and where.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Login(Trick),
    Stall(Place),
    Attach(Forgery),
    Session(Abuse),
    /// What stands between the request line's target and the smuggled request, and the status.
    Http(&'static str, u16),
    /// A foreign page asks for a WebSocket.
    Page,
    Web(Frames),
    /// Somebody whom nobody trusts says for whom he speaks.
    Invented,
    /// A trusted proxy says no sound header.
    Proxy(Said),
    /// An attach of version 2.
    Prove(Proof),
}

const fn login(name: &'static str, row: u8, trick: Trick) -> Attack {
    Attack { name, row, way: Way::Login(trick) }
}

const fn stall(name: &'static str, place: Place) -> Attack {
    Attack { name, row: 13, way: Way::Stall(place) }
}

const fn attach(name: &'static str, row: u8, forgery: Forgery) -> Attack {
    Attack { name, row, way: Way::Attach(forgery) }
}

/// A text for an index, and what strict and compatible listeners answer.
const fn index(name: &'static str, text: &'static str, strict: u16, skynet: u16) -> Attack {
    attach(name, 7, Forgery::Index { text, strict, skynet })
}

const fn session(name: &'static str, row: u8, abuse: Abuse) -> Attack {
    Attack { name, row, way: Way::Session(abuse) }
}

const fn http(name: &'static str, request: &'static str, status: u16) -> Attack {
    Attack { name, row: 17, way: Way::Http(request, status) }
}

const fn web(name: &'static str, row: u8, frames: Frames) -> Attack {
    Attack { name, row, way: Way::Web(frames) }
}

const fn prove(name: &'static str, row: u8, proof: Proof) -> Attack {
    Attack { name, row, way: Way::Prove(proof) }
}

/// A point of X25519 with which every key agrees on the same.
const ZEROS: &str = "v2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Every attack. Which of them an attacker plays is the seed's choice.
pub(in crate::simulation) const TABLE: [Attack; 78] = [
    login("public value 0", 3, Trick::Public(0)),
    login("public value 1", 3, Trick::Public(1)),
    login("public value p - 1", 3, Trick::Public(u64::MAX - 59)),
    login("public value p", 3, Trick::Public(u64::MAX - 58)),
    login("public value 2^64 - 1", 3, Trick::Public(u64::MAX)),
    login("a public value in another spelling", 20, Trick::Spelling),
    login("a public value of 3 bytes", 3, Trick::Key("AAAA")),
    login("no base64 for a public value", 20, Trick::Key("?")),
    login("the proof of another secret", 5, Trick::Proof),
    login("a cipher of no blocks", 4, Trick::Cipher(7)),
    login("a cipher of nothing", 4, Trick::Cipher(0)),
    login("a cipher of random blocks", 4, Trick::Cipher(64)),
    login("a token that is none", 4, Trick::Token(b"garbage")),
    login("a wrong password", 4, Trick::Token(b"cGxheWVyLTA=@c2FtcGxl:d3Jvbmc=")),
    login("a server that there is not", 4, Trick::Server),
    login("a public value without end", 13, Trick::Endless(Line::Key)),
    login("a proof without end", 13, Trick::Endless(Line::Proof)),
    login("a token without end", 13, Trick::Endless(Line::Token)),
    stall("half a line", Place::Line),
    stall("half a frame", Place::Frame),
    stall("half a head", Place::Head),
    stall("not a word to a login", Place::SilentLogin),
    stall("not a word to a session", Place::SilentSession),
    stall("garbage to a login", Place::GarbageLogin),
    stall("garbage to a session", Place::GarbageSession),
    stall("garbage to HTTP", Place::GarbageHttp),
    index("an index in hexadecimal", "0x10", 400, 400),
    index("an index with blanks", " 9 ", 400, 400),
    index("an index with an exponent", "1e308", 400, 400),
    index("an index below zero", "-1", 400, 403),
    index("an index with a point", "9.0", 400, 400),
    index("an index with a plus", "+9", 400, 400),
    index("an index of nothing", "", 400, 400),
    index("an index with a zero in front", "01", 400, 403),
    index("an index of 2^63", "9223372036854775808", 400, 400),
    index("the first index again", "1", 403, 403),
    attach("the same attach again", 8, Forgery::Again),
    attach("a digest of zeros", 6, Forgery::Digest("AAAAAAAAAAA=")),
    attach("a digest of nothing", 6, Forgery::Digest("")),
    attach("a digest in another spelling", 20, Forgery::Spelling),
    attach("nobody's name", 10, Forgery::Stranger),
    attach("another login of the account", 10, Forgery::Subid),
    attach("another server", 10, Forgery::Server),
    attach("a name in another spelling", 20, Forgery::NameSpelling),
    attach("somebody else's name", 6, Forgery::Victim),
    attach("a field too many", 7, Forgery::Extra),
    attach("a frame longer than an attach", 13, Forgery::Oversize),
    attach("an empty frame", 13, Forgery::Empty),
    session("a request too short", 13, Abuse::Short),
    session("requests without reading", 12, Abuse::Flood),
    session("one id three times", 11, Abuse::Repeat),
    http("a length beside chunks", "Content-Length: 4\r\nTransfer-Encoding: chunked", 400),
    http("two lengths", "Content-Length: 0\r\nContent-Length: 44", 400),
    http("a length with a plus", "Content-Length: +0", 400),
    http("a blank before the colon", "Content-Length : 0", 400),
    http("a folded line", "X: y\r\n Content-Length: 9", 400),
    http("an unknown coding", "Transfer-Encoding: gzip", 501),
    http("a line feed alone", "X: y\nContent-Length: 9", 400),
    http("two hosts", "Host: other", 400),
    http("a list of lengths", "Content-Length: 0, 44", 400),
    http("no sound name", "X\0: y", 400),
    Attack { name: "a page of a foreign origin", row: 21, way: Way::Page },
    web("a frame without a mask", 18, Frames::Unmasked),
    web("a code that nobody may send", 18, Frames::BadCode),
    web("reserved bits", 18, Frames::Reserved),
    web("a ping of 126 bytes", 18, Frames::LongPing),
    web("text that is no UTF-8, in two frames", 18, Frames::BadText),
    web("a bomb", 19, Frames::Bomb),
    login("a public value of version 2 that is weak", 3, Trick::Key(ZEROS)),
    login("a public value of version 2 of 3 bytes", 3, Trick::Key("v2:AAAA")),
    Attack { name: "a header of nobody's proxy", row: 16, way: Way::Invented },
    Attack { name: "a proxy without a header", row: 16, way: Way::Proxy(Said::Request) },
    Attack { name: "a proxy with half a signature", row: 16, way: Way::Proxy(Said::Binary) },
    prove("a proof of zeros", 8, Proof::Zeros),
    prove("the proof of an earlier key", 8, Proof::EarlierKey),
    prove("an attach of version 2 again", 8, Proof::Again),
    prove("a proof for nobody", 10, Proof::Stranger),
    prove("an attach of version 1 to a session of version 2", 6, Proof::V1),
];

/// Every attack and how often it was answered as it must be, as a table of Markdown.
pub(in crate::simulation) fn report(met: &[u64; TABLE.len()]) -> String {
    let mut text = String::from("| hole | attack | answered |\n| ---: | --- | ---: |\n");
    for (Attack { name, row, .. }, met) in TABLE.iter().zip(met) {
        writeln!(text, "| {row} | {name} | {met} |").expect("a string");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_has_a_name_of_its_own() {
        for (at, attack) in TABLE.iter().enumerate() {
            assert!((1..=24).contains(&attack.row), "{attack:?}");
            assert!(TABLE[..at].iter().all(|other| other.name != attack.name), "{attack:?}");
        }
    }
}
