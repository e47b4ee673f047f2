//! Connecting: in turn, at the pace asked for, so many handshakes at once; and what follows when a
//! connection fails or is lost.
//!
//! A user that fails waits longer each time, with jitter, and gives up after [`FAILURES_MAX`]
//! failures in a row, unless it had got in and the server may come back (`--relogin`). A lost connection is a failure of its own user only; nothing is lost with it,
//! since what was not answered is repeated on the next one.

use skyring::driver::{Errno, Operation, ReceiveEnd, SocketKind};

use super::user::Phase;
use super::{Alarm, Crowd};
use crate::arrival::SECOND_NS;
use crate::plan::Place;
use crate::random::{Purpose, choice};
use crate::record::{Step, Trouble};

/// Failures in a row after which a user gives up.
const FAILURES_MAX: u8 = 8;

/// The first wait after a failure; it doubles up to the second figure.
const BACKOFF_NS: u64 = SECOND_NS / 50;
const BACKOFF_NS_MAX: u64 = 2 * SECOND_NS;
/// Longest advice of a server that is heeded.
const ADVISED_NS_MAX: u64 = 60 * SECOND_NS;

/// How long the server may leave a connect, a login or an attach unanswered. A connect that ends
/// after that finds its user elsewhere, and is closed.
const HANDSHAKE_NS_MAX: u64 = 15 * SECOND_NS;

/// Why a user is without its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    /// It broke, or the server ended it.
    Lost,
    /// The generator dropped it, so that what waits for the next one says nothing about the server.
    Dropped,
    /// It has served; the server closes it.
    Finished,
}

/// What the end of a receive means.
pub(super) fn trouble_of(step: Step, end: ReceiveEnd) -> Trouble {
    match end {
        ReceiveEnd::Failed(errno) => Trouble::System(step, errno.0),
        _ => Trouble::Ended(step),
    }
}

impl Crowd {
    /// Whether somebody waits to connect and may.
    pub(super) fn may_dial(&self) -> bool {
        !self.queue.is_empty() && self.handshakes < self.handshakes_max
    }

    /// Opens the connections whose turn it is.
    pub(super) fn dial(&mut self, now_ns: u64) {
        while self.may_dial() && self.pacer.take(now_ns) {
            let Some(index) = self.queue.pop_front() else { return };
            if self.user(index).phase == Phase::Waiting {
                self.connect(index, now_ns);
            }
        }
    }

    fn connect(&mut self, index: u32, now_ns: u64) {
        let number = self.number(index);
        let login = self.plan.protocol.has_login() && self.user(index).granted.is_none();
        let user = self.user(index);
        user.phase = if login { Phase::DialLogin } else { Phase::DialPlay };
        user.since_ns = now_ns;
        user.dials = user.dials.wrapping_add(1);
        let destination = self.place_of(index).address;
        let source = self.plan.source_of(number, login);
        self.handshakes += 1;
        self.record.counters.connects += 1;
        self.links.operations.push(Operation::Connect {
            tag: index,
            kind: SocketKind::Stream,
            destination,
            source,
        });
    }

    /// Where the present connection of a user goes, from the connect on.
    pub(super) fn place_of(&self, index: u32) -> &Place {
        let (number, user) = (self.number(index), &self.users[index as usize]);
        match user.phase {
            Phase::DialLogin | Phase::LoggingIn => self.plan.login_of(number, user.dials),
            _ => self.plan.play_of(number, user.dials),
        }
    }

    /// A connect is over.
    pub(super) fn on_connected(&mut self, index: u32, result: Result<u32, Errno>, now_ns: u64) {
        let wanted = self.users.get(index as usize).filter(|_| !self.disbanded);
        let phase = wanted.map(|user| user.phase);
        match (phase, result) {
            (Some(Phase::DialLogin), Ok(slot)) => self.begin_login(index, slot, now_ns),
            (Some(Phase::DialPlay), Ok(slot)) => self.begin_play_link(index, slot, now_ns),
            (Some(Phase::DialLogin | Phase::DialPlay), Err(errno)) => {
                self.record.counters.connects_failed += 1;
                let trouble = Trouble::System(self.step_of(index), errno.0);
                self.on_lost(index, trouble, now_ns);
            }
            (_, Ok(slot)) => self.links.refuse(slot),
            (_, Err(_)) => {}
        }
    }

    /// A connection failed or was lost, not on purpose.
    pub(super) fn on_lost(&mut self, index: u32, trouble: Trouble, now_ns: u64) {
        if self.user(index).phase == Phase::Playing {
            self.record.counters.losses += 1;
        }
        if let Some(stage) = self.stage_record(now_ns) {
            stage.troubles += 1;
        }
        self.record.trouble(trouble);
        self.part(index, Parting::Lost, now_ns);
        self.try_again(index, now_ns);
    }

    /// Takes a user off its connection, whatever its phase, and lets it wait.
    pub(super) fn part(&mut self, index: u32, parting: Parting, now_ns: u64) {
        let has_repeats = self.plan.protocol.has_repeats();
        let on_purpose = parting == Parting::Dropped;
        let user = &mut self.users[index as usize];
        if user.is_shaking_hands() {
            self.handshakes -= 1;
        }
        if user.is_connected() {
            match parting {
                Parting::Finished => self.links.linger(user.token),
                Parting::Lost | Parting::Dropped => self.links.leave(user.token),
            }
        }
        let mut abandoned = 0;
        if user.phase == Phase::Playing {
            self.tally.attached -= 1;
            user.lost_ns = now_ns;
            if has_repeats {
                user.ledger.detach(on_purpose);
            } else {
                abandoned = user.ledger.abandon(on_purpose);
            }
        }
        user.away = on_purpose;
        user.phase = Phase::Waiting;
        (user.doomed, user.leaving) = (false, false);
        (user.partial, user.talk, user.reader) = (Box::default(), None, None);
        self.stop_awaiting(index, now_ns);
        self.abandon(index, abandoned, now_ns);
    }

    fn try_again(&mut self, index: u32, now_ns: u64) {
        let (seed, number) = (self.plan.options.seed, self.number(index));
        let may_come_back = self.plan.options.relogin;
        let user = self.user(index);
        user.failures = user.failures.saturating_add(1);
        let item = (u64::from(user.attach_index) << 8) | u64::from(user.failures);
        let spread = choice(seed, number, item, Purpose::Backoff).below(1000);
        if user.failures > FAILURES_MAX && !(may_come_back && user.has_been_in()) {
            user.phase = Phase::Failed;
            self.tally.failed += 1;
            return;
        }
        let wait_ns = (BACKOFF_NS << user.failures.min(FAILURES_MAX)).min(BACKOFF_NS_MAX);
        // The server's word counts on top, but not for ever.
        let advised_ms = std::mem::take(&mut self.advised_ms);
        let advised_ns = (u64::from(advised_ms) * 1_000_000).min(ADVISED_NS_MAX);
        let wait_ns = advised_ns + wait_ns / 2 + wait_ns * spread / 1000;
        self.alarm(now_ns + wait_ns, Alarm::Dial(index));
    }

    /// Ends the handshakes that the server leaves unanswered.
    pub(super) fn sweep(&mut self, now_ns: u64) {
        if self.handshakes == 0 {
            return;
        }
        for index in 0..self.share.users {
            let user = self.user(index);
            if user.is_shaking_hands() && now_ns.saturating_sub(user.since_ns) > HANDSHAKE_NS_MAX {
                let trouble = Trouble::TimedOut(self.step_of(index));
                self.on_lost(index, trouble, now_ns);
            }
        }
    }

    /// What a user is doing, for reports.
    pub(super) fn step_of(&self, index: u32) -> Step {
        match self.users[index as usize].phase {
            Phase::DialLogin => Step::ConnectLogin,
            Phase::LoggingIn => Step::Login,
            Phase::DialPlay => Step::ConnectPlay,
            Phase::Attaching => Step::Attach,
            Phase::Waiting | Phase::Playing | Phase::Failed => Step::Play,
        }
    }
}
