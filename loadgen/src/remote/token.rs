//! The shared token, and how both sides prove that they know it without sending it.
//!
//! The agent greets with 32 random bytes; the coordinator answers with 32 of its own and an
//! HMAC-SHA-1 under the token over its direction and both nonces; the agent checks that and proves
//! itself in the same way in the other direction. The one who connects proves first, so that a
//! stranger learns nothing to guess the token from. Directions differ, so no proof can be sent back
//! to its maker; nonces are fresh, so none can be used again.
//!
//! **What this protects**: an agent from strangers who would use it as a cannon. **What it does
//! not**: the connection is neither encrypted nor authenticated after this exchange. Whoever can
//! read it sees the run; whoever can change it can lead the agent. And a false agent, to which a
//! coordinator was pointed, gets a proof to try guesses on, which a long random token defies; or it
//! passes everything on to a true agent, which it can lead then.
//!
//! A machine without I/O: nonces are arguments. Refused: tokens under [`TOKEN_BYTES_MIN`], other
//! versions of the program, wrong proofs.

use std::fmt;

use serde::{Deserialize, Serialize};
use skyring_protocols::crypt::{hexdecode, hexencode, hmac_sha1};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

/// The shortest token, bytes.
pub const TOKEN_BYTES_MIN: usize = 16;

/// Random bytes that make an exchange unlike any other.
pub type Nonce = [u8; 32];

/// Both sides must be of one version: they make the same plan from the same words.
const VERSION: &str = concat!("skyring-loadgen ", env!("CARGO_PKG_VERSION"), " remote 1");

/// Who proves.
const COORDINATOR: &str = "coordinator";
const AGENT: &str = "agent";

/// Why the other side is not believed, or the token is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Too short to be safe from guessing.
    #[error("a token has at least {TOKEN_BYTES_MIN} bytes, this one {bytes}")]
    Short {
        /// Its bytes.
        bytes: usize,
    },
    /// Another program, or another version of it.
    #[error("the other side is {0:?}, this is {VERSION:?}")]
    Version(String),
    /// A nonce that is not 32 bytes.
    #[error("a nonce that is none")]
    Nonce,
    /// The proof does not belong to this token.
    #[error("wrong token")]
    Wrong,
}

/// A secret that all machines of a run share.
#[derive(Clone)]
pub struct Token(Zeroizing<Vec<u8>>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A token from a text; space around it does not count.
    ///
    /// # Errors
    /// When it is too short.
    pub fn new(text: &[u8]) -> Result<Token, TokenError> {
        let text = text.trim_ascii();
        if text.len() < TOKEN_BYTES_MIN {
            return Err(TokenError::Short { bytes: text.len() });
        }
        Ok(Token(Zeroizing::new(text.to_vec())))
    }

    /// Only the last field varies in length, so no two exchanges hash the same bytes.
    fn proof(&self, agent: &Nonce, coordinator: &Nonce, direction: &str) -> String {
        let text = [agent.as_slice(), coordinator, VERSION.as_bytes(), direction.as_bytes()];
        hexencode(&hmac_sha1(&self.0, &text.concat()))
    }

    fn check(&self, proof: &str, expected: &str) -> Result<(), TokenError> {
        let same = proof.as_bytes().ct_eq(expected.as_bytes());
        if bool::from(same) { Ok(()) } else { Err(TokenError::Wrong) }
    }
}

/// What an agent says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    version: String,
    nonce: String,
}

/// What the coordinator says to that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    version: String,
    nonce: String,
    proof: String,
}

/// What the agent says then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It knows the token too.
    Welcome {
        /// Its proof.
        proof: String,
    },
    /// It does not believe the coordinator.
    Refused,
}

/// The agent's side of one exchange.
#[derive(Debug)]
pub struct AgentSide<'a> {
    token: &'a Token,
    nonce: Nonce,
}

impl<'a> AgentSide<'a> {
    /// Begins, with a nonce never used before.
    pub fn new(token: &'a Token, nonce: Nonce) -> (AgentSide<'a>, Greeting) {
        let greeting = Greeting { version: VERSION.into(), nonce: hexencode(&nonce) };
        (AgentSide { token, nonce }, greeting)
    }

    /// Judges the coordinator; the reply is to be sent.
    ///
    /// # Errors
    /// Why it is not believed; then [`Reply::Refused`] is to be sent.
    pub fn on_claim(self, claim: &Claim) -> Result<Reply, TokenError> {
        let nonce = heard(&claim.version, &claim.nonce)?;
        let expected = self.token.proof(&self.nonce, &nonce, COORDINATOR);
        self.token.check(&claim.proof, &expected)?;
        Ok(Reply::Welcome { proof: self.token.proof(&self.nonce, &nonce, AGENT) })
    }
}

/// The coordinator's side of one exchange, after its claim.
#[derive(Debug)]
pub struct CoordinatorSide<'a> {
    token: &'a Token,
    expected: String,
}

impl<'a> CoordinatorSide<'a> {
    /// Answers a greeting, with a nonce never used before.
    ///
    /// # Errors
    /// When the agent is of another version.
    pub fn on_greeting(
        token: &'a Token,
        greeting: &Greeting,
        nonce: &Nonce,
    ) -> Result<(CoordinatorSide<'a>, Claim), TokenError> {
        let theirs = heard(&greeting.version, &greeting.nonce)?;
        let claim = Claim {
            version: VERSION.into(),
            nonce: hexencode(nonce),
            proof: token.proof(&theirs, nonce, COORDINATOR),
        };
        Ok((CoordinatorSide { token, expected: token.proof(&theirs, nonce, AGENT) }, claim))
    }

    /// Judges the agent.
    ///
    /// # Errors
    /// When it refuses, or does not know the token.
    pub fn on_reply(self, reply: &Reply) -> Result<(), TokenError> {
        match reply {
            Reply::Welcome { proof } => self.token.check(proof, &self.expected),
            Reply::Refused => Err(TokenError::Wrong),
        }
    }
}

fn heard(version: &str, nonce: &str) -> Result<Nonce, TokenError> {
    if version != VERSION {
        return Err(TokenError::Version(version.chars().take(80).collect()));
    }
    let bytes = hexdecode(nonce.as_bytes()).map_err(|_| TokenError::Nonce)?;
    bytes.try_into().map_err(|_| TokenError::Nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[u8] = b"a token of some length";

    fn token(text: &[u8]) -> Token {
        Token::new(text).unwrap()
    }

    #[test]
    fn who_knows_the_token_is_believed_on_both_sides() {
        let (agent, coordinator) = (token(OURS), token(b" a token of some length\n"));
        let (side, greeting) = AgentSide::new(&agent, [1; 32]);
        let (other, claim) =
            CoordinatorSide::on_greeting(&coordinator, &greeting, &[2; 32]).unwrap();
        let reply = side.on_claim(&claim).unwrap();
        assert_eq!(other.on_reply(&reply), Ok(()));
        let said = serde_json::to_string(&(greeting, claim, reply)).unwrap();
        assert!(!said.contains("a token"), "{said}");
    }

    #[test]
    fn who_does_not_know_it_is_refused_on_both_sides() {
        let (ours, theirs) = (token(OURS), token(b"another token as long"));
        let (side, greeting) = AgentSide::new(&ours, [1; 32]);
        let (other, claim) = CoordinatorSide::on_greeting(&theirs, &greeting, &[2; 32]).unwrap();
        assert_eq!(side.on_claim(&claim), Err(TokenError::Wrong));
        assert_eq!(other.on_reply(&Reply::Refused), Err(TokenError::Wrong));
        // An agent that believes everybody still cannot prove itself.
        let (other, _) = CoordinatorSide::on_greeting(&theirs, &greeting, &[2; 32]).unwrap();
        let proof = ours.proof(&[1; 32], &[2; 32], AGENT);
        assert_eq!(other.on_reply(&Reply::Welcome { proof }), Err(TokenError::Wrong));
    }

    #[test]
    fn a_proof_serves_neither_twice_nor_backwards() {
        let ours = token(OURS);
        let (_, greeting) = AgentSide::new(&ours, [1; 32]);
        let (other, claim) = CoordinatorSide::on_greeting(&ours, &greeting, &[2; 32]).unwrap();
        let (later, _) = AgentSide::new(&ours, [3; 32]);
        assert_eq!(later.on_claim(&claim), Err(TokenError::Wrong));
        let reflected = Reply::Welcome { proof: claim.proof };
        assert_eq!(other.on_reply(&reflected), Err(TokenError::Wrong));
    }

    #[test]
    fn nonsense_is_refused_without_a_panic() {
        let ours = token(OURS);
        let (_, greeting) = AgentSide::new(&ours, [1; 32]);
        let (_, claim) = CoordinatorSide::on_greeting(&ours, &greeting, &[2; 32]).unwrap();
        let refused = |change: fn(&mut Claim)| {
            let mut claim = claim.clone();
            change(&mut claim);
            AgentSide::new(&ours, [1; 32]).0.on_claim(&claim).unwrap_err()
        };
        assert_eq!(refused(|it| it.nonce.push_str("00")), TokenError::Nonce);
        assert_eq!(refused(|it| it.nonce.clear()), TokenError::Nonce);
        assert_eq!(refused(|it| it.proof.clear()), TokenError::Wrong);
        assert_eq!(refused(|it| it.proof.push('0')), TokenError::Wrong);
        assert!(matches!(refused(|it| it.version = "x".repeat(999)), TokenError::Version(_)));
        assert_eq!(Token::new(b"short \n").unwrap_err(), TokenError::Short { bytes: 5 });
        assert_eq!(format!("{ours:?}"), "Token");
    }
}
