//! The order of frames, as one table (WIRE W8, W12).
//!
//! Each direction has a lane of its own. A message is one frame or several; control frames may
//! stand anywhere; nothing follows a close frame. The table knows no side: both read and write by
//! it. What is not in the table does not happen: it is the peer's fault or the caller's.
//!
//! Invariants: nothing leaves `Closed` and `Broken`; once the peer has closed or is not read any
//! more, a close frame is all that is still sent.

use std::fmt;

use super::head::{Flags, Opcode};
use crate::coverage;

/// How far one direction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// A message may begin.
    Between,
    /// A message has begun, and more frames of it follow.
    Inside,
    /// The close frame has passed.
    Closed,
    /// What came was refused, or the stream ended: incoming only.
    Broken,
}

/// What a frame is to the order of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// A message in one frame.
    Whole,
    /// The first of several.
    First,
    /// One that is neither the first nor the last.
    Middle,
    /// The last of several.
    Last,
    /// A ping or pong.
    Control,
    /// The close frame.
    Close,
}

impl Frame {
    /// What a head means to the order.
    #[inline]
    pub(super) fn of(flags: Flags) -> Self {
        match (flags.opcode, flags.is_last) {
            (Opcode::Text | Opcode::Binary, true) => Self::Whole,
            (Opcode::Text | Opcode::Binary, false) => Self::First,
            (Opcode::Continuation, false) => Self::Middle,
            (Opcode::Continuation, true) => Self::Last,
            (Opcode::Ping | Opcode::Pong, _) => Self::Control,
            (Opcode::Close, _) => Self::Close,
        }
    }
}

/// Something that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A frame from the peer.
    Received(Frame),
    /// A frame to the peer.
    Sent(Frame),
    /// What the peer sent was refused, or its stream ended.
    Broke,
}

/// The two lanes of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    /// The lane from the peer.
    pub incoming: Lane,
    /// The lane to the peer.
    pub outgoing: Lane,
}

impl Lane {
    #[inline]
    const fn after(self, frame: Frame) -> Option<Self> {
        Some(match (self, frame) {
            (Self::Between, Frame::Whole | Frame::Control) => Self::Between,
            (Self::Between, Frame::First) => Self::Inside,
            (Self::Inside, Frame::Middle | Frame::Control) => Self::Inside,
            (Self::Inside, Frame::Last) => Self::Between,
            (Self::Between | Self::Inside, Frame::Close) => Self::Closed,
            _ => return None,
        })
    }

    /// Whether nothing more passes.
    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Broken)
    }
}

impl State {
    /// After the upgrade.
    pub const START: Self = Self::of(Lane::Between, Lane::Between);

    /// Every state.
    pub const ALL: [Self; 12] = [
        Self::START,
        Self::of(Lane::Inside, Lane::Between),
        Self::of(Lane::Closed, Lane::Between),
        Self::of(Lane::Broken, Lane::Between),
        Self::of(Lane::Between, Lane::Inside),
        Self::of(Lane::Inside, Lane::Inside),
        Self::of(Lane::Closed, Lane::Inside),
        Self::of(Lane::Broken, Lane::Inside),
        Self::of(Lane::Between, Lane::Closed),
        Self::of(Lane::Inside, Lane::Closed),
        Self::of(Lane::Closed, Lane::Closed),
        Self::of(Lane::Broken, Lane::Closed),
    ];

    const fn of(incoming: Lane, outgoing: Lane) -> Self {
        Self { incoming, outgoing }
    }

    /// The state after the event; none when the event cannot happen here.
    #[inline]
    #[must_use]
    pub const fn after(self, event: Event) -> Option<Self> {
        let Self { incoming, outgoing } = self;
        match event {
            Event::Received(frame) => match incoming.after(frame) {
                Some(incoming) => Some(Self { incoming, outgoing }),
                None => None,
            },
            Event::Sent(frame) => match outgoing.after(frame) {
                Some(_) if incoming.is_over() && !matches!(frame, Frame::Close) => None,
                Some(outgoing) => Some(Self { incoming, outgoing }),
                None => None,
            },
            Event::Broke if incoming.is_over() => None,
            Event::Broke => Some(Self { incoming: Lane::Broken, outgoing }),
        }
    }
}

/// Both lanes, `incoming/outgoing`.
impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}/{:?}", self.incoming, self.outgoing)
    }
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 13] = [
        Self::Received(Frame::Whole),
        Self::Received(Frame::First),
        Self::Received(Frame::Middle),
        Self::Received(Frame::Last),
        Self::Received(Frame::Control),
        Self::Received(Frame::Close),
        Self::Sent(Frame::Whole),
        Self::Sent(Frame::First),
        Self::Sent(Frame::Middle),
        Self::Sent(Frame::Last),
        Self::Sent(Frame::Control),
        Self::Sent(Frame::Close),
        Self::Broke,
    ];
}

coverage::table!(State, Event);

#[cfg(test)]
mod tests {
    use super::*;

    /// WIRE W12.
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

    /// WIRE W12: each side's close frame is the last that it sends.
    #[test]
    fn nothing_follows_a_close_frame() {
        for state in State::ALL {
            for event in Event::ALL {
                let lane = match event {
                    Event::Received(_) | Event::Broke => state.incoming,
                    Event::Sent(_) => state.outgoing,
                };
                assert!(!lane.is_over() || state.after(event).is_none(), "{state:?} {event:?}");
            }
        }
    }
}
