//! The connections of a client that are open: how many there are to each origin, and those that
//! wait for their next request.
//!
//! **Places.** A connection to an origin takes a [`Place`] before it is dialled and leaves it when
//! it is closed. At most so many places exist an origin; whoever finds none waits in line, and
//! nobody who comes later overtakes him.
//!
//! **Idle connections.** The one used last is used first, so that those beyond the need grow old.
//! The oldest go: at their age, or when there are too many. One that the server has closed, or on
//! which something came that nobody asked for, is closed as soon as that is noticed: the client's
//! keeper is woken by it, and a connection is looked at again before it is used.
//!
//! A connection is dropped after the pool's borrow has ended, whatever dropping it does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::task::{Context as TaskContext, Poll, Waker};

use super::network::Wire;

/// Numbers idle connections and waiting calls by age.
type Number = u64;

/// The open connections of a client.
pub(super) struct Pool {
    limits: PoolLimits,
    state: RefCell<State>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PoolLimits {
    /// Connections that wait for a request, to all origins together.
    pub(super) idle_max: usize,
    /// Milliseconds that one waits at most.
    pub(super) idle_ms_max: u64,
    /// Connections to one origin, in use or idle.
    pub(super) per_origin_max: usize,
    /// Calls that wait in line for one origin.
    pub(super) waiting_max: usize,
}

#[derive(Default)]
struct State {
    origins: BTreeMap<Rc<str>, OriginState>,
    /// The oldest first.
    idle: BTreeMap<Number, Idle>,
    next_number: Number,
    /// Whether somebody looks after idle connections, and how to wake him.
    is_kept: bool,
    keeper: Option<Waker>,
}

#[derive(Default)]
struct OriginState {
    /// Places taken.
    open: usize,
    /// The idle ones among them, the oldest first.
    idle: Vec<Number>,
    /// Calls that wait for a place, the oldest first.
    waiting: BTreeMap<Number, Option<Waker>>,
}

struct Idle {
    link: Link,
    since_ms: u64,
}

/// A right to have a connection to an origin. Outlives the client where a stream does.
pub(super) struct Place {
    pool: Weak<Pool>,
    origin: Rc<str>,
}

/// An open connection between two exchanges.
pub(super) struct Link {
    pub(super) wire: Box<dyn Wire>,
    place: Place,
}

/// What a call gets.
pub(super) enum Taken {
    /// A connection that has served before.
    Used(Link),
    /// Room for a new one.
    Room(Place),
}

/// A call's place in the line of those who wait; it leaves the line when dropped.
pub(super) struct Ticket {
    pool: Rc<Pool>,
    origin: Rc<str>,
    number: Number,
    /// Whether only a new connection will do.
    fresh: bool,
}

impl Link {
    pub(super) fn new(wire: Box<dyn Wire>, place: Place) -> Link {
        Link { wire, place }
    }

    /// The connection, for something that is not HTTP. It counts no more.
    pub(super) fn into_wire(self) -> Box<dyn Wire> {
        self.wire
    }
}

impl Pool {
    pub(super) fn new(limits: PoolLimits) -> Rc<Pool> {
        Rc::new(Pool { limits, state: RefCell::default() })
    }

    /// Stands in line for a connection to an origin; None where the line is too long. `fresh`: one that
    /// has served before will not do.
    pub(super) fn queue(self: &Rc<Pool>, origin: &str, fresh: bool) -> Option<Ticket> {
        let mut state = self.state.borrow_mut();
        let number = state.number();
        let origin: Rc<str> = Rc::from(origin);
        let waiting = &mut state.origins.entry(Rc::clone(&origin)).or_default().waiting;
        if waiting.len() >= self.limits.waiting_max {
            return None;
        }
        waiting.insert(number, None);
        drop(state);
        Some(Ticket { pool: Rc::clone(self), origin, number, fresh })
    }

    /// Keeps a connection for its origin's next request, or closes it if it cannot serve one.
    pub(super) fn put(&self, mut link: Link, now_ms: u64) {
        let mut state = self.state.borrow_mut();
        // The keeper hears of what comes from now on.
        let keeper = state.keeper.as_ref().unwrap_or(Waker::noop());
        let is_quiet = link.wire.poll_read(&mut TaskContext::from_waker(keeper)).is_pending();
        if self.limits.idle_max == 0 || !is_quiet {
            drop(state);
            return drop(link);
        }
        let number = state.number();
        let at =
            state.origins.get_mut(&link.place.origin).expect("an origin with a place is known");
        at.idle.push(number);
        at.wake_first();
        state.idle.insert(number, Idle { link, since_ms: now_ms });
        let surplus = (state.idle.len() > self.limits.idle_max).then(|| state.remove_oldest());
        drop(state);
        drop(surplus);
    }

    /// Closes idle connections that have become old or cannot serve any more; `cx` is woken when one
    /// of the others changes. Answers when the next one will be old.
    pub(super) fn sweep(&self, now_ms: u64, cx: &mut TaskContext<'_>) -> Option<u64> {
        let mut state = self.state.borrow_mut();
        state.keeper = Some(cx.waker().clone());
        let old = |idle: &Idle| idle.since_ms.saturating_add(self.limits.idle_ms_max) <= now_ms;
        let mut gone = Vec::new();
        for (number, idle) in &mut state.idle {
            if old(idle) || idle.link.wire.poll_read(cx).is_ready() {
                gone.push(*number);
            }
        }
        let closed: Vec<_> = gone.into_iter().map(|number| state.remove(number)).collect();
        let oldest = state.idle.first_key_value();
        let next_ms = oldest.map(|(_, idle)| idle.since_ms.saturating_add(self.limits.idle_ms_max));
        if next_ms.is_none() {
            (state.is_kept, state.keeper) = (false, None);
        }
        drop(state);
        drop(closed);
        next_ms
    }

    /// Whether there are idle connections and nobody who sweeps; from then on there is somebody,
    /// until a sweep finds none left.
    pub(super) fn wants_keeper(&self) -> bool {
        let mut state = self.state.borrow_mut();
        !state.idle.is_empty() && !std::mem::replace(&mut state.is_kept, true)
    }

    /// Idle connections and connections, to all origins.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state.borrow();
        (state.idle.len(), state.origins.values().map(|at| at.open).sum())
    }
}

impl Drop for Pool {
    /// The keeper learns that there is nothing to keep any more.
    fn drop(&mut self) {
        if let Some(keeper) = self.state.get_mut().keeper.take() {
            keeper.wake();
        }
    }
}

impl State {
    fn number(&mut self) -> Number {
        self.next_number += 1;
        self.next_number
    }

    /// Takes an idle connection out.
    fn remove(&mut self, number: Number) -> Link {
        let idle = self.idle.remove(&number).expect("an idle connection is listed twice");
        let at = self.origins.get_mut(&idle.link.place.origin);
        at.expect("an origin with a place is known").idle.retain(|other| *other != number);
        idle.link
    }

    fn remove_oldest(&mut self) -> Link {
        let (number, _) = self.idle.first_key_value().expect("there are too many");
        self.remove(*number)
    }

    /// The youngest idle connection to an origin that can serve, if there is one; those that cannot
    /// are put into `gone`.
    fn take_idle(&mut self, origin: &str, oldest_ms: u64, gone: &mut Vec<Link>) -> Option<Link> {
        loop {
            let number = *self.origins.get(origin)?.idle.last()?;
            let old = self.idle[&number].since_ms < oldest_ms;
            let link = self.remove(number);
            if !old && link.wire.is_quiet() {
                return Some(link);
            }
            gone.push(link);
        }
    }
}

impl OriginState {
    fn wake_first(&mut self) {
        if let Some((_, waker)) = self.waiting.iter_mut().next()
            && let Some(waker) = waker.take()
        {
            waker.wake();
        }
    }

    fn is_unused(&self) -> bool {
        self.open == 0 && self.waiting.is_empty()
    }
}

impl Ticket {
    /// A connection, or room for one, once it is this call's turn.
    pub(super) fn poll_take(&self, now_ms: u64, cx: &TaskContext<'_>) -> Poll<Taken> {
        let mut gone = Vec::new();
        let taken = self.take(now_ms, cx, &mut gone);
        // Outside of the borrow: closing them gives their places back.
        drop(gone);
        match taken {
            None => Poll::Pending,
            Some(taken) => Poll::Ready(taken),
        }
    }

    fn take(&self, now_ms: u64, cx: &TaskContext<'_>, gone: &mut Vec<Link>) -> Option<Taken> {
        let limits = &self.pool.limits;
        let mut state = self.pool.state.borrow_mut();
        let at = state.origins.get_mut(&self.origin).expect("somebody waits there");
        if at.waiting.keys().next() != Some(&self.number) {
            at.waiting.insert(self.number, Some(cx.waker().clone()));
            return None;
        }
        if !self.fresh {
            let oldest_ms = (now_ms + 1).saturating_sub(limits.idle_ms_max);
            if let Some(link) = state.take_idle(&self.origin, oldest_ms, gone) {
                return Some(Taken::Used(link));
            }
        }
        let at = state.origins.get_mut(&self.origin).expect("somebody waits there");
        if let (true, Some(oldest)) = (at.open >= limits.per_origin_max, at.idle.first().copied()) {
            gone.push(state.remove(oldest));
        }
        let at = state.origins.get_mut(&self.origin).expect("somebody waits there");
        // Places of connections in `gone` are given back in a moment.
        if at.open < limits.per_origin_max + gone.len() {
            at.open += 1;
            let (pool, origin) = (Rc::downgrade(&self.pool), Rc::clone(&self.origin));
            return Some(Taken::Room(Place { pool, origin }));
        }
        at.waiting.insert(self.number, Some(cx.waker().clone()));
        None
    }
}

impl Drop for Ticket {
    /// Whoever is first in line now looks again, whatever became of this call.
    fn drop(&mut self) {
        let mut state = self.pool.state.borrow_mut();
        let Some(at) = state.origins.get_mut(&self.origin) else { return };
        at.waiting.remove(&self.number);
        at.wake_first();
        if at.is_unused() {
            state.origins.remove(&self.origin);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(pool) = self.pool.upgrade() else { return };
        let mut state = pool.state.borrow_mut();
        let Some(at) = state.origins.get_mut(&self.origin) else { return };
        at.open -= 1;
        at.wake_first();
        if at.is_unused() {
            state.origins.remove(&self.origin);
        }
    }
}
