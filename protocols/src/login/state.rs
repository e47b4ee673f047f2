//! The order of a login of either version, as one table (WIRE L1, V3).
//!
//! The table describes the conversation, not a side of it: the same row means "may write" to one
//! half and "may read" to the other. What is not in the table does not happen: the client half
//! calls it a broken server, the server half ignores it.
//!
//! Invariants: the conversation only moves forward, `Ended` is left by nothing, and a line moves it
//! only when it is its speaker's turn; only `Refused` and `Cut` may come out of turn.

use crate::coverage;

/// Where a conversation stands, named after the line that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The server is to send its challenge.
    Challenge,
    /// The client is to send its public value.
    ClientKey,
    /// The server is to send its public value.
    ServerKey,
    /// The client is to prove that it has the secret.
    Proof,
    /// The client is to show its token.
    Token,
    /// The server is to judge the token and to answer.
    Verdict,
    /// Nothing more is said.
    Ended,
}

/// What happens in a conversation: a line, or its lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Line 1, from the server.
    Challenge,
    /// Line 2, from the client.
    ClientKey,
    /// Line 3, from the server.
    ServerKey,
    /// Line 3 of version 2, from the server; no proof follows, the token is one (WIRE V3).
    SecureKey,
    /// Line 4, from the client.
    Proof,
    /// Line 5, from the client.
    Token,
    /// Line 6 with code 200, from the server.
    Granted,
    /// Line 6 with another code, from the server. It may replace lines 3 to 5.
    Refused,
    /// One side left, or sent too much.
    Cut,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The side that accepted the connection.
    Server,
    /// The side that opened it.
    Client,
}

impl State {
    /// Every state, in the order of the conversation.
    pub const ALL: [Self; 7] = [
        Self::Challenge,
        Self::ClientKey,
        Self::ServerKey,
        Self::Proof,
        Self::Token,
        Self::Verdict,
        Self::Ended,
    ];

    /// Whose turn it is to speak; nobody's at the end.
    #[must_use]
    pub fn speaker(self) -> Option<Side> {
        match self {
            Self::Challenge | Self::ServerKey | Self::Verdict => Some(Side::Server),
            Self::ClientKey | Self::Proof | Self::Token => Some(Side::Client),
            Self::Ended => None,
        }
    }

    /// The state that an event leads to, or `None` where the table has no such row.
    #[must_use]
    pub fn after(self, event: Event) -> Option<Self> {
        TABLE.iter().find(|row| row.0 == self && row.1 == event).map(|row| row.2)
    }
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 9] = [
        Self::Challenge,
        Self::ClientKey,
        Self::ServerKey,
        Self::SecureKey,
        Self::Proof,
        Self::Token,
        Self::Granted,
        Self::Refused,
        Self::Cut,
    ];
}

/// State, event, next state.
const TABLE: [(State, Event, State); 18] = [
    (State::Challenge, Event::Challenge, State::ClientKey),
    (State::Challenge, Event::Cut, State::Ended),
    (State::ClientKey, Event::ClientKey, State::ServerKey),
    (State::ClientKey, Event::Refused, State::Ended),
    (State::ClientKey, Event::Cut, State::Ended),
    (State::ServerKey, Event::ServerKey, State::Proof),
    (State::ServerKey, Event::SecureKey, State::Token),
    (State::ServerKey, Event::Refused, State::Ended),
    (State::ServerKey, Event::Cut, State::Ended),
    (State::Proof, Event::Proof, State::Token),
    (State::Proof, Event::Refused, State::Ended),
    (State::Proof, Event::Cut, State::Ended),
    (State::Token, Event::Token, State::Verdict),
    (State::Token, Event::Refused, State::Ended),
    (State::Token, Event::Cut, State::Ended),
    (State::Verdict, Event::Granted, State::Ended),
    (State::Verdict, Event::Refused, State::Ended),
    (State::Verdict, Event::Cut, State::Ended),
];

coverage::table!(State, Event);

#[cfg(test)]
mod tests {
    use super::*;

    fn speaker(event: Event) -> Option<Side> {
        match event {
            Event::Challenge | Event::ServerKey | Event::SecureKey | Event::Granted => {
                Some(Side::Server)
            }
            Event::ClientKey | Event::Proof | Event::Token => Some(Side::Client),
            Event::Refused | Event::Cut => None,
        }
    }

    fn position(state: State) -> usize {
        State::ALL.iter().position(|&other| other == state).unwrap()
    }

    #[test]
    fn the_conversation_only_moves_forward_and_ends() {
        for (from, _, to) in TABLE {
            assert!(position(to) > position(from));
        }
        assert!(Event::ALL.iter().all(|&event| State::Ended.after(event).is_none()));
    }

    /// WIRE L1.
    #[test]
    fn lines_come_in_turn() {
        for (from, event, _) in TABLE {
            let speaker = speaker(event);
            assert!(speaker.is_none() || speaker == from.speaker(), "{from:?} {event:?}");
        }
    }

    #[test]
    fn no_row_is_said_twice() {
        for (index, (from, event, to)) in TABLE.into_iter().enumerate() {
            assert_eq!(from.after(event), Some(to));
            assert!(TABLE[..index].iter().all(|row| (row.0, row.1) != (from, event)));
        }
    }
}
