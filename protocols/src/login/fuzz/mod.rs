//! What holds for any peer of a login: the bodies of fuzz targets in `protocols/fuzz`.
//!
//! The first bytes choose, the rest is what the peer says. The same functions run as property tests in
//! `protocols/tests/pair/login.rs` with lines that look like those of a login.

mod secure;

use super::server::{LoginClose, LoginOutput, LoginServer, LoginVerdict};
use super::{LoginClient, LoginClientOutput, SampleToken, UNREAD_BYTES_MAX};
use crate::Compat;
use crate::fuzz::draw::Draw;

pub use secure::v2;

const CHALLENGE: [u8; 8] = *b"challeng";
const SERVER_KEY: [u8; 8] = *b"serverky";
const CLIENT_KEY: [u8; 8] = *b"clientky";

/// A login's server half with this peer, whole and in pieces: at most three lines, one question and one
/// close, the last of all; where the bytes are cut changes nothing, but for the limit of unread ones.
pub fn server(data: &[u8]) {
    let mut draw = Draw::new(data);
    let compat = draw.one_of(&[Compat::Strict, Compat::Skynet]);
    let verdict = verdict(&mut draw);
    let piece_bytes = 1 + draw.below(40);
    let said = draw.all();
    let whole = answers(compat, &verdict, &[said]);
    let pieces: Vec<&[u8]> = said.chunks(piece_bytes).collect();
    let cut = answers(compat, &verdict, &pieces);
    for outputs in [&whole, &cut] {
        let lines = outputs.iter().filter(|output| matches!(output, LoginOutput::Send(_)));
        assert!(lines.count() <= 3);
        let asked = outputs.iter().filter(|output| matches!(output, LoginOutput::Judge { .. }));
        assert!(asked.count() <= 1);
        let close = outputs.iter().position(|output| matches!(output, LoginOutput::Close(_)));
        assert!(close.is_none_or(|at| at + 1 == outputs.len()), "the close is the last");
    }
    if said.len() <= UNREAD_BYTES_MAX {
        assert_eq!(whole, cut, "cut elsewhere");
        let too_long = LoginOutput::Close(LoginClose::LineTooLong);
        assert!(!whole.contains(&too_long));
    }
}

fn verdict(draw: &mut Draw<'_>) -> LoginVerdict {
    let retry_after_ms = u32::from(draw.byte()) * 1_000;
    match draw.below(6) {
        0 => LoginVerdict::Granted { subid: draw.bytes(9).to_vec() },
        1 => LoginVerdict::Unauthorized,
        2 => LoginVerdict::Forbidden,
        3 => LoginVerdict::InProgress,
        4 => LoginVerdict::TooOften { retry_after_ms },
        _ => LoginVerdict::Busy { retry_after_ms },
    }
}

fn answers(compat: Compat, verdict: &LoginVerdict, pieces: &[&[u8]]) -> Vec<LoginOutput> {
    let mut server = LoginServer::new(compat, CHALLENGE, SERVER_KEY);
    let mut outputs = Vec::new();
    for piece in std::iter::once(&&[][..]).chain(pieces) {
        server.on_bytes(piece);
        while let Some(output) = server.poll_output() {
            if matches!(output, LoginOutput::Judge { .. }) {
                server.on_verdict(verdict.clone());
            }
            outputs.push(output);
        }
    }
    outputs
}

/// A login's client half with this peer: one outcome at most, nothing behind it, and granted only by a
/// server that has agreed on a secret.
pub fn client(data: &[u8]) {
    let mut draw = Draw::new(data);
    let piece_bytes = 1 + draw.below(40);
    let mut client = LoginClient::new(b"token".to_vec(), CLIENT_KEY);
    let (mut outcomes, mut lines) = (0, 0);
    for piece in draw.all().chunks(piece_bytes) {
        client.on_bytes(piece);
        while let Some(output) = client.poll_output() {
            assert_eq!(outcomes, 0, "nothing comes behind the outcome");
            match output {
                LoginClientOutput::Send(bytes) => {
                    lines += bytes.iter().filter(|byte| **byte == b'\n').count();
                }
                LoginClientOutput::Granted { .. } => {
                    assert!(client.secret().is_some() && lines == 3);
                    outcomes += 1;
                }
                LoginClientOutput::Refused(code) => {
                    assert!(code > 200 && lines > 0);
                    outcomes += 1;
                }
                LoginClientOutput::Broken(_) => outcomes += 1,
            }
        }
    }
    client.on_disconnect();
    outcomes += std::iter::from_fn(|| client.poll_output()).count();
    assert_eq!(outcomes, 1, "a login has one outcome");
    let token = SampleToken::parse(data);
    if let Some(token) = token {
        assert_eq!(SampleToken::parse(&token.format()), Some(token));
    }
}

/// Both halves with each other, over a wire that cuts and may change one byte: an untouched login ends
/// as its verdict says, a touched one in any other way than a panic or two outcomes.
pub fn pair(data: &[u8]) {
    let mut draw = Draw::new(data);
    let compat = draw.one_of(&[Compat::Strict, Compat::Skynet]);
    let verdict = verdict(&mut draw);
    let touched = draw.flag().then(|| (draw.below(120), 1 + draw.below(255) as u8));
    let token = draw.bytes(60).to_vec();
    let mut server = LoginServer::new(compat, CHALLENGE, SERVER_KEY);
    let mut client = LoginClient::new(token.clone(), CLIENT_KEY);
    let mut wire = Wire { draw, touched, count: 0 };
    let mut outcome = None;
    loop {
        let mut is_quiet = true;
        while let Some(output) = server.poll_output() {
            is_quiet = false;
            match output {
                LoginOutput::Send(bytes) => wire.carry(bytes, |piece| client.on_bytes(piece)),
                LoginOutput::Judge { token: shown } => {
                    assert!(touched.is_some() || *shown == token, "another token");
                    server.on_verdict(verdict.clone());
                }
                LoginOutput::Close(_) => client.on_disconnect(),
            }
        }
        while let Some(output) = client.poll_output() {
            is_quiet = false;
            match output {
                LoginClientOutput::Send(bytes) => wire.carry(bytes, |piece| server.on_bytes(piece)),
                end => assert!(outcome.replace(end).is_none(), "two outcomes"),
            }
        }
        if is_quiet {
            break;
        }
    }
    if touched.is_none() {
        let expected = match verdict {
            LoginVerdict::Granted { subid } => LoginClientOutput::Granted { subid },
            refusal => LoginClientOutput::Refused(refusal.code()),
        };
        assert_eq!(outcome, Some(expected));
    }
}

struct Wire<'d> {
    draw: Draw<'d>,
    /// Which byte is changed, and how.
    touched: Option<(usize, u8)>,
    count: usize,
}

impl Wire<'_> {
    fn carry(&mut self, mut bytes: Vec<u8>, mut take: impl FnMut(&[u8])) {
        if let Some((at, mask)) = self.touched
            && let Some(byte) = at.checked_sub(self.count).and_then(|at| bytes.get_mut(at))
        {
            *byte ^= mask;
        }
        self.count += bytes.len();
        let piece_bytes = 1 + self.draw.below(20);
        bytes.chunks(piece_bytes).for_each(&mut take);
    }
}
