//! The order of an exchange, as one table (WIRE H1).
//!
//! An exchange is one request and its response. Each has a lane of its own, since they may overlap:
//! an answer may begin, and end, before the request's body is complete. The table does not know
//! which side it plays: [`Event::Request`] is the head of a request, read by one half and written
//! by the other. What is not in the table does not happen: it is the peer's fault or the caller's,
//! and only the machine knows whose.
//!
//! Invariants: a response does not begin before its request, unless that was cut; nothing leaves
//! `Broken` and `Switched`; both lanes are switched or neither is.

use std::fmt;

use super::Reading;
use crate::coverage;

/// How far one message of an exchange has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Its head has not passed.
    Head,
    /// Its head has, its body not all.
    Body,
    /// All of it has.
    Done,
    /// It will never be complete.
    Broken,
    /// There are no more messages: another protocol has the connection.
    Switched,
}

/// Something that passes, in one direction or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The head of the request.
    Request,
    /// A piece of its body.
    RequestData,
    /// Its end, trailers included.
    RequestEnd,
    /// The request was refused or cut off.
    RequestCut,
    /// A response that is not the last (1xx but 101).
    Informational,
    /// The response 101: both lanes become another protocol's.
    Switch,
    /// The head of the final response.
    Response,
    /// A piece of its body.
    ResponseData,
    /// Its end, trailers included.
    ResponseEnd,
    /// The response was refused or cut off.
    ResponseCut,
    /// Another exchange on the same connection.
    Again,
}

/// The two lanes of an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    /// The lane from client to server.
    pub request: Lane,
    /// The lane from server to client.
    pub response: Lane,
}

impl Default for State {
    fn default() -> Self {
        Self::START
    }
}

impl Lane {
    /// What the side that reads this lane has before it.
    pub(super) fn reading(self) -> Reading {
        match self {
            Self::Head => Reading::Head,
            Self::Body => Reading::Body,
            Self::Done => Reading::Done,
            Self::Broken => Reading::Failed,
            Self::Switched => Reading::Switched,
        }
    }
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// The exchange goes on.
    Unfinished,
    /// The answer is complete, the request's body is not: it may be read and thrown away.
    ReadRest,
    /// Another exchange may begin.
    Reuse,
    /// It is to be closed.
    Close,
    /// It belongs to the protocol that was switched to, with all input not yet consumed.
    Upgraded,
}

impl State {
    /// Before the first exchange.
    pub const START: Self = Self::of(Lane::Head, Lane::Head);

    /// Every state that can be reached, in the order of an exchange.
    pub const ALL: [Self; 14] = [
        Self::START,
        Self::of(Lane::Body, Lane::Head),
        Self::of(Lane::Done, Lane::Head),
        Self::of(Lane::Broken, Lane::Head),
        Self::of(Lane::Body, Lane::Body),
        Self::of(Lane::Done, Lane::Body),
        Self::of(Lane::Broken, Lane::Body),
        Self::of(Lane::Body, Lane::Done),
        Self::of(Lane::Done, Lane::Done),
        Self::of(Lane::Broken, Lane::Done),
        Self::of(Lane::Body, Lane::Broken),
        Self::of(Lane::Done, Lane::Broken),
        Self::of(Lane::Broken, Lane::Broken),
        Self::of(Lane::Switched, Lane::Switched),
    ];

    const fn of(request: Lane, response: Lane) -> Self {
        Self { request, response }
    }

    /// The state after the event; none when the event cannot happen here.
    #[must_use]
    pub fn after(self, event: Event) -> Option<Self> {
        use Lane::{Body, Broken, Done, Head, Switched};
        let Self { request, response } = self;
        let (request, response) = match (event, request, response) {
            (Event::Request, Head, Head) => (Body, Head),
            (Event::RequestData, Body, _) => (Body, response),
            (Event::RequestEnd, Body, _) => (Done, response),
            (Event::RequestCut, Head | Body, _) => (Broken, response),

            (Event::Informational, Body | Done, Head) => (request, Head),
            (Event::Switch, Done, Head) => (Switched, Switched),
            (Event::Response, Body | Done | Broken, Head) => (request, Body),
            (Event::ResponseData, _, Body) => (request, Body),
            (Event::ResponseEnd, _, Body) => (request, Done),
            (Event::ResponseCut, Body | Done | Broken, Head | Body) => (request, Broken),

            (Event::Again, Done, Done) => (Head, Head),
            _ => return None,
        };
        Some(Self { request, response })
    }

    /// What becomes of the connection, if both messages allow it to be used again (`reusable`).
    #[must_use]
    pub fn next(self, reusable: bool) -> Next {
        match (self.request, self.response) {
            (Lane::Switched, _) => Next::Upgraded,
            (Lane::Broken, _) | (_, Lane::Broken) => Next::Close,
            (_, Lane::Done) if !reusable => Next::Close,
            (Lane::Done, Lane::Done) => Next::Reuse,
            (Lane::Body, Lane::Done) => Next::ReadRest,
            _ => Next::Unfinished,
        }
    }
}

/// Both lanes, `request/response`.
impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}/{:?}", self.request, self.response)
    }
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 11] = [
        Self::Request,
        Self::RequestData,
        Self::RequestEnd,
        Self::RequestCut,
        Self::Informational,
        Self::Switch,
        Self::Response,
        Self::ResponseData,
        Self::ResponseEnd,
        Self::ResponseCut,
        Self::Again,
    ];
}

coverage::table!(State, Event);

#[cfg(test)]
mod tests {
    use super::*;

    /// WIRE H1.
    #[test]
    fn the_list_of_states_is_what_can_be_reached() {
        let mut reached = vec![State::START];
        let mut index = 0;
        while index < reached.len() {
            for event in Event::ALL {
                if let Some(next) = reached[index].after(event)
                    && !reached.contains(&next)
                {
                    reached.push(next);
                }
            }
            index += 1;
        }
        assert_eq!(reached.len(), State::ALL.len());
        assert!(State::ALL.iter().all(|state| reached.contains(state)));
    }

    /// WIRE H1: a connection is used again only when both messages are complete.
    #[test]
    fn only_a_complete_exchange_has_a_successor() {
        for state in State::ALL {
            let again = state.after(Event::Again).is_some();
            assert_eq!(state.next(true) == Next::Reuse, again, "{state:?}");
            assert_ne!(state.next(false), Next::Reuse, "{state:?}");
        }
    }
}
