//! What can be wrong with an answer, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::content::Stamp;

/// Why an answer is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// No answer came.
    Lost,
    /// The request had been answered before.
    Doubled,
    /// The request was never sent, or not on this connection.
    NeverAsked,
    /// The content belongs to another user.
    OtherUser(Stamp),
    /// The content belongs to another request of this user.
    OtherRequest(Stamp),
    /// The content is nothing that was ever sent.
    Altered,
    /// The server said that the handler failed.
    Failed,
    /// The content is that of a repeat although the server had read an earlier sending.
    RanTwice(Stamp),
    /// The content is that of a sending that never left whole.
    RanFragment(Stamp),
    /// Bytes that are no answer at all.
    Unreadable,
    /// The answer came before that to an earlier request, on a protocol that keeps the order.
    Reordered(Stamp),
    /// A push that was awaited did not come in time.
    PushMissed,
    /// A push whose content nobody sent.
    PushAltered,
    /// The answer of HTTP has this status, and another was expected.
    Status(u16),
    /// The answer of HTTP has so many bytes, and another number was expected.
    Length(u64),
}

impl Fault {
    /// Names of the kinds, in the order of [`Fault::kind`].
    pub const KINDS: [&str; 15] = [
        "lost",
        "doubled",
        "never_asked",
        "other_user",
        "other_request",
        "altered",
        "failed",
        "ran_twice",
        "ran_fragment",
        "unreadable",
        "reordered",
        "push_missed",
        "push_altered",
        "status",
        "length",
    ];

    /// Index of the kind in [`Fault::KINDS`].
    pub fn kind(self) -> usize {
        match self {
            Fault::Lost => 0,
            Fault::Doubled => 1,
            Fault::NeverAsked => 2,
            Fault::OtherUser(_) => 3,
            Fault::OtherRequest(_) => 4,
            Fault::Altered => 5,
            Fault::Failed => 6,
            Fault::RanTwice(_) => 7,
            Fault::RanFragment(_) => 8,
            Fault::Unreadable => 9,
            Fault::Reordered(_) => 10,
            Fault::PushMissed => 11,
            Fault::PushAltered => 12,
            Fault::Status(_) => 13,
            Fault::Length(_) => 14,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Lost => f.write_str("was never answered"),
            Fault::Doubled => f.write_str("was answered a second time"),
            Fault::NeverAsked => f.write_str("was answered without having been asked here"),
            Fault::OtherUser(it) => {
                write!(f, "got the answer to request {} of user {}", it.id, it.user)
            }
            Fault::OtherRequest(it) => write!(f, "got the answer to request {}", it.id),
            Fault::Altered => f.write_str("got a content that nobody sent"),
            Fault::Failed => f.write_str("was answered with the error flag"),
            Fault::RanTwice(it) => {
                write!(f, "ran again for its repeat {} though it had run before", it.attempt)
            }
            Fault::RanFragment(it) => {
                write!(f, "ran from sending {}, which never left whole", it.attempt)
            }
            Fault::Unreadable => f.write_str("met bytes that are no answer"),
            Fault::PushMissed => f.write_str("did not get an awaited push in time"),
            Fault::PushAltered => f.write_str("was pushed a content that nobody sent"),
            Fault::Status(status) => write!(f, "was answered with status {status}"),
            Fault::Length(bytes) => write!(f, "got an answer of {bytes} bytes"),
            Fault::Reordered(it) => write!(f, "was answered out of order, with request {}", it.id),
        }
    }
}
