//! Attaches that must be refused, and with what.

use skyring_protocols::Compat;
use skyring_protocols::crypt::{Secret, base64encode, hmac_hash};
use skyring_protocols::frame;
use skyring_protocols::msg::username::Username;

use super::Terms;
use crate::simulation::game::Ledger;

/// What is wrong with the attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulation::attack) enum Forgery {
    /// This text for an index, rightly signed.
    Index { text: &'static str, strict: u16, skynet: u16 },
    /// What was sent before, to the byte.
    Again,
    /// This text for a digest.
    Digest(&'static str),
    /// A digest that is wrong, and its base64 not canonical.
    Spelling,
    /// A name that nobody has.
    Stranger,
    /// Another login of the own account.
    Subid,
    /// The own account at another server.
    Server,
    /// The own name, its base64 not canonical.
    NameSpelling,
    /// The name of somebody who is on line, signed with the own secret.
    Victim,
    /// A field too many.
    Extra,
    /// A frame that is longer than any attach.
    Oversize,
    /// A frame without bytes.
    Empty,
}

/// An index that nobody comes to.
const HIGH: &str = "4294967294";

impl Forgery {
    /// The statuses of which the server answers one. None: it would accept.
    pub(super) fn statuses(self, terms: &Terms) -> Vec<u16> {
        let is_strict = terms.msg_compat == Compat::Strict;
        let statuses = match self {
            Forgery::Index { strict, skynet, .. } => vec![if is_strict { strict } else { skynet }],
            Forgery::Again => vec![403],
            Forgery::Digest(_) => vec![401],
            Forgery::Spelling => vec![if is_strict { 400 } else { 401 }],
            Forgery::Victim => vec![401, 404],
            Forgery::Extra if is_strict => vec![400],
            Forgery::Extra => Vec::new(),
            Forgery::Stranger | Forgery::Subid | Forgery::Server | Forgery::NameSpelling => {
                vec![404]
            }
            Forgery::Oversize | Forgery::Empty => vec![404],
        };
        if terms.uniform_errors && !statuses.is_empty() { vec![401] } else { statuses }
    }

    /// The bytes to send; none if there is nobody to forge.
    pub(super) fn forge(
        self,
        own: &Username,
        secret: &Secret,
        last: u64,
        ledger: &Ledger,
    ) -> Option<Vec<u8>> {
        let name = match self {
            Forgery::Stranger => Username { uid: b"nobody".to_vec(), ..own.clone() }.format(),
            Forgery::Subid => Username { subid: b"another".to_vec(), ..own.clone() }.format(),
            Forgery::Server => Username { server: b"elsewhere".to_vec(), ..own.clone() }.format(),
            Forgery::NameSpelling => [b" ", &own.format()[..]].concat(),
            Forgery::Victim => ledger.attached.keys().find(|name| **name != own.format())?.clone(),
            Forgery::Oversize => return Some(vec![0xff; 300]),
            Forgery::Empty => return Some(vec![0, 0]),
            _ => own.format(),
        };
        let last = last.to_string();
        let index = match self {
            Forgery::Index { text, .. } => text,
            Forgery::Again => &last,
            _ => HIGH,
        };
        let mut line = [&name[..], b":", index.as_bytes()].concat();
        let digest = match self {
            Forgery::Digest(text) => text.to_owned(),
            Forgery::Spelling => "AAAAAAAAAAA".to_owned(),
            _ => base64encode(&hmac_hash(secret.expose(), &line)),
        };
        line.push(b':');
        line.extend(digest.bytes());
        if self == Forgery::Extra {
            line.extend(b":more");
        }
        let mut bytes = Vec::new();
        frame::encode(&line, &mut bytes).expect("a short line");
        Some(bytes)
    }
}
