//! The steps of players.
//!
//! In a closed loop each player has as many *slots* as the plan has `steps`, and each slot is in
//! one place: a request that is not answered, a thought, or a wait for pushes. When a slot is free,
//! it goes to the next step of the script, which all slots of a player share. A player that its
//! stage does not want any more gives its slots back as they become free.
//!
//! In an open loop there are no slots: each arrival goes on to the next request of the script, and
//! begins what stands before it. Where a closed loop follows an open one, what arrived in the open
//! one may still be unanswered; it is counted, so that its end frees no slot.

use super::user::Phase;
use super::{Alarm, Crowd};
use crate::check::Fault;
use crate::random::{Purpose, choice};
use crate::scenario::{Action, Pushes, Range, pick_weighted};

/// Where a player stands in its script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script {
    /// Which of the scenario's bots it is.
    bot: u8,
    /// The step it is at; `u8::MAX` before the first.
    step: u8,
    /// How often that step is still to be taken.
    left: u16,
    /// Slots in use.
    slots: u16,
    /// Open requests that belong to no slot.
    arrived: u32,
    /// Pushes that came and were not awaited yet.
    pushes: u16,
    /// Pushes it waits for; 0: none.
    awaiting: u16,
    /// Waits so far, so that an alarm of an earlier one is told from that of this.
    waits: u32,
    /// Whether a slot waits with it.
    holds_slot: bool,
    /// Whether a connection was lost since the last wait, and with it perhaps what would be awaited
    /// next.
    excused: bool,
}

impl Script {
    pub(super) fn new(bot: u8) -> Script {
        Script {
            bot,
            step: u8::MAX,
            left: 0,
            slots: 0,
            arrived: 0,
            pushes: 0,
            awaiting: 0,
            waits: 0,
            holds_slot: false,
            excused: false,
        }
    }
}

/// What a step comes to.
enum Deed {
    Request(u8),
    AwaitPush(u16, u64),
    Drop,
    Logout,
    Nothing,
}

/// What kind of loop takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Closed,
    Open,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// It is done.
    Done,
    /// It ends with an event.
    Begun,
}

impl Crowd {
    /// Closed loop: a player comes, or comes back; it gets the slots that it does not have.
    pub(super) fn start(&mut self, index: u32, at_ns: u64, now_ns: u64) {
        let steps = u16::try_from(self.plan.steps).unwrap_or(u16::MAX);
        for _ in self.user(index).script.slots..steps {
            self.user(index).script.slots += 1;
            self.take_steps(index, at_ns, now_ns);
        }
    }

    /// A request is done with, whatever its end.
    pub(super) fn end_request(&mut self, index: u32, now_ns: u64) {
        match self.user(index).script.arrived.checked_sub(1) {
            Some(left) => self.user(index).script.arrived = left,
            None => self.proceed(index, now_ns),
        }
    }

    /// Closed loop: the step of a slot is done; the next one follows when it is thought over.
    pub(super) fn proceed(&mut self, index: u32, now_ns: u64) {
        if self.user(index).script.slots == 0 {
            return;
        }
        match self.thought_ns(index) {
            0 => self.take_steps(index, now_ns, now_ns),
            think_ns => self.alarm(now_ns + think_ns, Alarm::Step(index)),
        }
    }

    /// Closed loop: takes steps from `at_ns` on until one has to be waited for.
    pub(super) fn take_steps(&mut self, index: u32, at_ns: u64, now_ns: u64) {
        loop {
            if !self.is_wanted(index, at_ns) {
                self.user(index).script.slots -= 1;
                return;
            }
            if self.take_step(index, Mode::Closed, at_ns, now_ns) == Taken::Begun {
                return;
            }
            let think_ns = self.thought_ns(index);
            if think_ns > 0 {
                return self.alarm(at_ns + think_ns, Alarm::Step(index));
            }
        }
    }

    /// Open loop: a request of a player is due.
    pub(super) fn arrive(&mut self, index: u32, due_ns: u64, now_ns: u64) {
        let open = self.user(index).ledger.open();
        // Every script has a request.
        while self.take_step(index, Mode::Open, due_ns, now_ns) == Taken::Done {}
        // It may have been left out, if too many were open.
        self.user(index).script.arrived += u32::from(self.user(index).ledger.open() > open);
    }

    fn take_step(&mut self, index: u32, mode: Mode, at_ns: u64, now_ns: u64) -> Taken {
        match self.next_deed(index) {
            Deed::Request(kind) => {
                self.add_request(index, kind, at_ns);
                return Taken::Begun;
            }
            Deed::AwaitPush(count, within_ns) => {
                return self.await_push(index, mode, count, now_ns + within_ns);
            }
            Deed::Drop if self.user(index).phase == Phase::Playing => {
                self.end_connection(index, mode, |crowd| crowd.drop_connection(index, now_ns));
            }
            Deed::Logout => self.end_connection(index, mode, |crowd| crowd.log_out(index, now_ns)),
            Deed::Drop | Deed::Nothing => {}
        }
        Taken::Done
    }

    /// A step that ends the connection. In a closed loop nothing is on its way then, so nothing is
    /// lost with it that would be awaited later.
    fn end_connection(&mut self, index: u32, mode: Mode, end: impl FnOnce(&mut Crowd)) {
        let excused = self.user(index).script.excused;
        end(self);
        if mode == Mode::Closed {
            self.user(index).script.excused = excused;
        }
    }

    /// Goes to the next step of a player's script.
    fn next_deed(&mut self, index: u32) -> Deed {
        let script = &mut self.users[index as usize].script;
        let steps = &self.plan.scenario.bots[usize::from(script.bot)].script;
        if script.left == 0 {
            script.step = (usize::from(script.step.wrapping_add(1)) % steps.len()) as u8;
            script.left = steps[usize::from(script.step)].times;
        }
        script.left -= 1;
        match &steps[usize::from(script.step)].action {
            Action::Request(kinds) => Deed::Request(self.kind_of(index, kinds)),
            Action::AwaitPush { count, within_ns } => Deed::AwaitPush(*count, *within_ns),
            Action::Drop => Deed::Drop,
            Action::Logout => Deed::Logout,
            Action::Think => Deed::Nothing,
        }
    }

    fn kind_of(&self, index: u32, kinds: &[(u8, u32)]) -> u8 {
        if let [(only, _)] = kinds {
            return *only;
        }
        let id = self.users[index as usize].ledger.next_id();
        let (seed, number) = (self.plan.options.seed, self.number(index));
        let mut random = choice(seed, number, id.into(), Purpose::Kind);
        kinds[pick_weighted(kinds, |(_, weight)| *weight, &mut random)].0
    }

    /// How long a player thinks about the step that it is at.
    fn thought_ns(&self, index: u32) -> u64 {
        let user = &self.users[index as usize];
        let Some(step) = self.plan.scenario.bots[usize::from(user.script.bot)]
            .script
            .get(usize::from(user.script.step))
        else {
            return 0;
        };
        let Range { least, greatest } = step.think_ns;
        if least == greatest {
            return least;
        }
        let Script { step: place, left, .. } = user.script;
        // The request before, the step, and which time it is.
        let item = u64::from(user.ledger.next_id()) << 24;
        let item = item | (u64::from(place) << 16) | u64::from(left);
        let (seed, number) = (self.plan.options.seed, self.number(index));
        step.think_ns.pick(&mut choice(seed, number, item, Purpose::Think))
    }

    /// Wants so many pushes until `until_ns`; none if it cannot be told how many there should be.
    fn await_push(&mut self, index: u32, mode: Mode, count: u16, until_ns: u64) -> Taken {
        let user = self.user(index);
        let is_attached = user.phase == Phase::Playing;
        let script = &mut user.script;
        if std::mem::take(&mut script.excused) || !is_attached {
            return Taken::Done;
        }
        if script.awaiting > 0 {
            // In an open loop only: nobody waits twice at once.
            return Taken::Done;
        }
        script.waits = script.waits.wrapping_add(1);
        script.awaiting = count;
        let wait = script.waits;
        if self.has_enough_pushes(index) {
            return Taken::Done;
        }
        let holds_slot = mode == Mode::Closed;
        self.user(index).script.holds_slot = holds_slot;
        self.alarm(until_ns, Alarm::PushDue { user: index, wait });
        if holds_slot { Taken::Begun } else { Taken::Done }
    }

    /// Whether a player has the pushes that it waits for; if so, it waits no longer.
    fn has_enough_pushes(&mut self, index: u32) -> bool {
        let script = &mut self.users[index as usize].script;
        if script.pushes < script.awaiting {
            return false;
        }
        self.record.counters.pushes_awaited += u64::from(script.awaiting);
        script.pushes -= script.awaiting;
        script.awaiting = 0;
        true
    }

    /// The server pushed something to a user.
    pub(super) fn on_push(&mut self, index: u32, content: &[u8], now_ns: u64) {
        self.record.counters.pushes += 1;
        let is_known = self.plan.scenario.pushes == Pushes::Any
            || self.plan.contents.recognise(content).is_some();
        if !is_known {
            return self.wrong(index, None, Fault::PushAltered, now_ns);
        }
        let script = &mut self.user(index).script;
        script.pushes = script.pushes.saturating_add(1);
        if script.awaiting > 0 && self.has_enough_pushes(index) {
            self.release_slot(index, now_ns);
        }
    }

    /// The time for awaited pushes is over. They may have arrived and not been looked at yet, if
    /// the generator slept: then the next turn does.
    pub(super) fn on_push_due(&mut self, index: u32, wait: u32, now_ns: u64) {
        if self.awaits_still(index, wait) {
            self.alarm(now_ns + 1, Alarm::PushMissed { user: index, wait });
        }
    }

    fn awaits_still(&self, index: u32, wait: u32) -> bool {
        let script = &self.users[index as usize].script;
        script.awaiting > 0 && script.waits == wait
    }

    /// Awaited pushes have not come in their time.
    pub(super) fn on_push_missed(&mut self, index: u32, wait: u32, now_ns: u64) {
        if !self.awaits_still(index, wait) {
            return;
        }
        let script = &mut self.user(index).script;
        // Those that did come are not awaited again.
        (script.awaiting, script.pushes) = (0, 0);
        self.wrong(index, None, Fault::PushMissed, now_ns);
        self.release_slot(index, now_ns);
    }

    /// The connection is gone, and with it what was pushed meanwhile: nobody is to blame, now or
    /// when it would be awaited.
    pub(super) fn stop_awaiting(&mut self, index: u32, now_ns: u64) {
        let script = &mut self.user(index).script;
        (script.awaiting, script.pushes) = (0, 0);
        let held_slot = std::mem::take(&mut script.holds_slot);
        script.excused = !held_slot;
        if held_slot {
            // Not here: whoever drops a connection has not finished with its user.
            self.alarm(now_ns, Alarm::Resume(index));
        }
    }

    fn release_slot(&mut self, index: u32, now_ns: u64) {
        if std::mem::take(&mut self.user(index).script.holds_slot) {
            self.proceed(index, now_ns);
        }
    }
}
