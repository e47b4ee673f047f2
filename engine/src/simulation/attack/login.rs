//! Attacks on a login: weak keys, wrong proofs, tokens that are none.

use skyring_protocols::Compat;
use skyring_protocols::crypt::{
    Key64, Padding, base64decode_canonical, base64encode, desencode, dhexchange, dhsecret, hmac64,
};
use skyring_protocols::login::UNREAD_BYTES_MAX;
use skyring_protocols::login::token::SampleToken;

use super::wire::Wire;
use super::{Progress, Terms};
use crate::driver::sim::{SimNet, SimRandom};

/// More than may be unread, without a line feed.
const ENDLESS: [u8; UNREAD_BYTES_MAX + 1] = [b'x'; UNREAD_BYTES_MAX + 1];

/// A line of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Key,
    Proof,
    Token,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trick {
    /// This public value, and a proof that cannot be right.
    Public(u64),
    /// A good public value whose base64 is not canonical, and a proof that cannot be right.
    Spelling,
    /// This text for a public value.
    Key(&'static str),
    /// The proof of another secret.
    Proof,
    /// So many random bytes for an encrypted token.
    Cipher(usize),
    /// This token.
    Token(&'static [u8]),
    /// A good token for a server that there is not.
    Server,
    /// More than may be unread and no line feed, for this line of the client's.
    Endless(Line),
}

impl Trick {
    /// Whether the server sends its public value, and the codes of its result line; none: it closes
    /// without one.
    fn expected(self, terms: &Terms) -> (bool, &'static [u16]) {
        match self {
            Trick::Public(_) | Trick::Spelling => (terms.login_compat == Compat::Skynet, &[401]),
            Trick::Key(_) => (false, &[401]),
            Trick::Proof | Trick::Cipher(_) | Trick::Token(_) => (true, &[401]),
            Trick::Server => (true, &[403]),
            Trick::Endless(line) => (line != Line::Key, &[]),
        }
    }
}

pub(super) struct LoginBout {
    trick: Trick,
    wire: Wire,
    private: Key64,
    /// Lines answered.
    answered: usize,
}

impl LoginBout {
    pub(super) fn begin(
        trick: Trick,
        terms: &Terms,
        net: &SimNet,
        random: &mut SimRandom,
    ) -> LoginBout {
        let private = (random.word() | 2).to_le_bytes();
        LoginBout { trick, wire: Wire::open(net, terms.login), private, answered: 0 }
    }

    pub(super) fn act(&mut self, name: &str, terms: &Terms, random: &mut SimRandom) -> Progress {
        self.wire.act(random);
        let lines: Vec<Vec<u8>> = self
            .wire
            .heard
            .split_inclusive(|byte| *byte == b'\n')
            .filter_map(|line| line.strip_suffix(b"\n"))
            .map(<[u8]>::to_vec)
            .collect();
        let is_whole = self.check(name, &lines, terms);
        let keys = lines.iter().map_while(|line| key(line)).collect::<Vec<_>>();
        if keys.len() > self.answered {
            self.answered += 1;
            match keys[..] {
                [_] => self.send_key(),
                [challenge, public, ..] => self.send_proof(&challenge, &public, random),
                [] => {}
            }
        }
        self.wire.progress(name, is_whole, terms)
    }

    /// Whether all that the server has to say is there.
    fn check(&self, name: &str, lines: &[Vec<u8>], terms: &Terms) -> bool {
        let (has_key, codes) = self.trick.expected(terms);
        let keys = 1 + usize::from(has_key);
        // A server that is busy says so at any point behind its challenge.
        let is_busy = |line: &[u8]| {
            let begins = |code| line.starts_with(format!("{code} ").as_bytes());
            [429, 503].into_iter().any(|code| terms.may_put_off(code) && begins(code))
        };
        if let [challenge, .., last] = lines
            && is_busy(last)
            && lines.len() <= keys + 1
        {
            return key(challenge).is_some();
        }
        for (at, line) in lines.iter().enumerate() {
            let is_code = |code: &u16| line.starts_with(format!("{code} ").as_bytes());
            let may_come = if at < keys {
                key(line).is_some()
            } else {
                at == keys && codes.iter().any(is_code)
            };
            assert!(may_come, "{name} was answered {}", line.escape_ascii());
        }
        lines.len() == keys + usize::from(!codes.is_empty())
    }

    fn send_key(&mut self) {
        let public = || dhexchange(&self.private).expect("it is not zero");
        let mut line = match self.trick {
            Trick::Public(value) => base64encode(&value.to_le_bytes()),
            Trick::Spelling => base64encode(&public()).replace('=', ""),
            Trick::Key(text) => text.to_owned(),
            Trick::Endless(Line::Key) => return self.wire.say(&ENDLESS),
            _ => base64encode(&public()),
        };
        line.push('\n');
        self.wire.say(line.as_bytes());
    }

    fn send_proof(&mut self, challenge: &Key64, public: &Key64, random: &mut SimRandom) {
        if self.trick == Trick::Endless(Line::Proof) {
            return self.wire.say(&ENDLESS);
        }
        let secret = dhsecret(public, &self.private).expect("neither is zero");
        let proof = match self.trick {
            Trick::Public(_) | Trick::Spelling | Trick::Proof => random.word().to_le_bytes(),
            _ => hmac64(challenge, &secret),
        };
        let encrypt = |token: &[u8]| desencode(&secret, token, Padding::Iso7816);
        let cipher = match self.trick {
            Trick::Cipher(bytes) => (0..bytes).map(|_| random.below(256) as u8).collect(),
            Trick::Token(token) => encrypt(token),
            _ => encrypt(&nowhere().format()),
        };
        if self.trick == Trick::Endless(Line::Token) {
            self.wire.say(format!("{}\n", base64encode(&proof)).as_bytes());
            return self.wire.say(&ENDLESS);
        }
        let text = format!("{}\n{}\n", base64encode(&proof), base64encode(&cipher));
        self.wire.say(text.as_bytes());
    }

    pub(super) fn leave(self) {
        self.wire.leave();
    }
}

fn nowhere() -> SampleToken {
    let password = b"password".to_vec().into();
    SampleToken { user: b"attacker".to_vec(), server: b"nowhere".to_vec(), password }
}

/// The value of a line that is one of the server's keys.
fn key(line: &[u8]) -> Option<Key64> {
    base64decode_canonical(line).ok()?.try_into().ok()
}
