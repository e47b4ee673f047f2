//! The life of one message-server connection, as a table (WIRE M8).
//!
//! The client half ([`MsgClient`](super::MsgClient)) is driven by it, and so are the small servers
//! of the tests. A server that serves many connections need not be: it keeps what it must know of
//! one, and that its bytes are those of the table is shown by replaying the same recordings on both.
//!
//! The table does not know which side it plays. A [`Event::Request`] is a frame from client to
//! server, whether it was sent or received; likewise every other event. [`State::after`] gives the
//! next state, or none where the event cannot happen: then either the peer broke the protocol or
//! the caller misused its machine, and only the caller knows which. What a client sends on a
//! connection that is refused or closing is nobody's, hence no event.
//!
//! The sessions behind the connections have no table: [`Session`](super::Session) is one.

use crate::coverage;

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Connected; the client has not yet sent its attach line.
    AwaitAttach,
    /// The attach line is sent, its answer is not. Requests may already follow; they wait.
    Judging,
    /// The answer was 200: requests and responses, in any order.
    Attached,
    /// The answer was another: it is flushed, then the connection closes.
    Refused,
    /// The connection is ending: what is queued is flushed, nothing more is queued.
    Closing,
    /// The transport is gone.
    Closed,
}

/// What can happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The client's first frame, whatever is in it.
    AttachLine,
    /// The server challenges, and the client answers (WIRE V11); once.
    Challenge,
    /// The answer 200.
    Accepted,
    /// Any other answer.
    Denied,
    /// A later frame from the client.
    Request,
    /// A later frame from the server, pushes included.
    Response,
    /// A frame broke the protocol: too short, a conflict, an unknown flag.
    Fault,
    /// The server ends the connection: superseded, logged out, kicked, past a deadline, draining.
    End,
    /// The transport ended, by whichever side.
    Disconnect,
}

impl State {
    /// Every state, in the order of a connection's life.
    pub const ALL: [State; 6] = [
        State::AwaitAttach,
        State::Judging,
        State::Attached,
        State::Refused,
        State::Closing,
        State::Closed,
    ];

    /// The state after the event; none when the event cannot happen here.
    #[must_use]
    pub fn after(self, event: Event) -> Option<State> {
        match (self, event) {
            (Self::Closed, _) => None,
            (_, Event::Disconnect) => Some(Self::Closed),
            (_, Event::End) => Some(Self::Closing),
            (Self::AwaitAttach | Self::Judging | Self::Attached, Event::Fault) => {
                Some(Self::Closing)
            }

            (Self::AwaitAttach, Event::AttachLine) => Some(Self::Judging),

            (Self::Judging, Event::Challenge) => Some(Self::Judging),
            (Self::Judging, Event::Accepted) => Some(Self::Attached),
            (Self::Judging, Event::Denied) => Some(Self::Refused),
            (Self::Judging, Event::Request) => Some(Self::Judging),

            (Self::Attached, Event::Request | Event::Response) => Some(Self::Attached),

            _ => None,
        }
    }

    /// What a frame from the client is in this state; none when it is discarded unread.
    #[must_use]
    pub fn client_frame(self) -> Option<Event> {
        match self {
            Self::AwaitAttach => Some(Event::AttachLine),
            Self::Judging | Self::Attached => Some(Event::Request),
            Self::Refused | Self::Closing | Self::Closed => None,
        }
    }
}

impl Event {
    /// Every event.
    pub const ALL: [Event; 9] = [
        Event::AttachLine,
        Event::Challenge,
        Event::Accepted,
        Event::Denied,
        Event::Request,
        Event::Response,
        Event::Fault,
        Event::End,
        Event::Disconnect,
    ];
}

coverage::table!(State, Event);
