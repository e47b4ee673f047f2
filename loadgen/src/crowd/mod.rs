//! The users of one shard, as a machine: driver events and the time go in, operations come out.
//!
//! The crowd does no I/O and reads no clock, so a whole run can be played in a test with a made-up
//! network and made-up time. [`crate::worker`] turns it with a real driver.
//!
//! One turn is [`Crowd::advance`] (alarms, what has fallen due, connects, sends), then the driver,
//! then [`Crowd::on_event`] and [`Crowd::on_received`] for what happened. The run's phases come
//! from outside as [`Orders`]: everybody logs in, plays between two instants, and then waits for
//! what is still open until a last instant.
//!
//! Files: `links` connections, `secure` TLS on them, `dial` pacing and failures, `handshake` login and attach,
//! `stages` what changes from stage to stage, `script` the steps of players, `play` requests and
//! answers, `exchange` answers of HTTP, `web` WebSocket, `disturb` drops, churn and storms.
//!
//! Invariant: in a closed loop every player that plays owes exactly `steps` steps of its script
//! (requests not answered, or in thought) from its start until its stage wants it no longer.

mod dial;
mod disturb;
mod exchange;
mod handshake;
mod links;
mod play;
mod script;
mod secure;
mod stages;
mod user;
mod web;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use hdrhistogram::Histogram;
use skyring::driver::{Event, Operation, ReceiveEnd, Token};
use skyring::transport::tls::Workspace;

use self::links::{Links, SendEnd};
use self::user::{Phase, User};
use crate::arrival::{Arrivals, Pacer, SECOND_NS, Schedule};
use crate::check::Fault;
use crate::http::Reader;
use crate::plan::{Plan, Share};
use crate::protocol::Protocol;
use crate::record::{self, Record, Trouble};
use crate::web::{Heard, Kit};

/// How long a second answer to the last request is waited for.
const SETTLE_NS: u64 = SECOND_NS / 20;

/// How long the server may take to close a connection that has served: after the result line of a
/// login, or the last answer. If it closes at once, as ours does, the port is free for us; Skynet's
/// login server never does.
const HANGUP_NS: u64 = SECOND_NS / 10;

/// When the phases of a run begin and end, nanoseconds of the run's clock; `u64::MAX`: not yet
/// known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    /// Requests fall due from here on.
    pub play_start_ns: u64,
    /// Nothing falls due from here on.
    pub play_end_ns: u64,
    /// What is open now is lost.
    pub give_up_ns: u64,
}

impl Orders {
    /// Everybody logs in and waits.
    pub const GATHER: Orders =
        Orders { play_start_ns: u64::MAX, play_end_ns: u64::MAX, give_up_ns: u64::MAX };
}

/// How many users are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attached.
    pub attached: u64,
    /// Given up.
    pub failed: u64,
    /// Requests not answered, sent or not.
    pub open: u64,
}

/// What shall happen at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    /// A user wants to connect.
    Dial(u32),
    /// A user has thought, and takes its next step.
    Step(u32),
    /// A user whose wait for pushes was cut short goes on.
    Resume(u32),
    /// The pushes that a user waits for, for the so many-th time, are late.
    PushDue { user: u32, wait: u32 },
    /// They have not come, as far as everything is concerned that had arrived until then.
    PushMissed { user: u32, wait: u32 },
    /// A connection of a user is lost, if it still has it.
    Lose { user: u32, slot: u32, generation: u32 },
    /// A link that waits for its peer to close has waited long enough.
    Hangup { slot: u32, generation: u32 },
    /// Handshakes that take too long end.
    Sweep,
}

/// The users of one shard. See the module's text.
pub struct Crowd {
    plan: Arc<Plan>,
    shard: u32,
    share: Share,
    users: Vec<User>,
    links: Links,
    alarms: BinaryHeap<Reverse<(u64, Alarm)>>,
    record: Record,
    tally: Tally,
    orders: Orders,
    /// Stages that have begun.
    stages_begun: usize,
    /// Players of this shard that the present stage, a closed loop, has started.
    players_started: u32,
    disbanded: bool,
    /// When the last answer of any kind came.
    heard_ns: u64,
    /// Users with something to send.
    listed: Vec<u32>,
    /// Users that want to connect, in their order.
    queue: VecDeque<u32>,
    handshakes: u32,
    /// Milliseconds that a server has just advised the user to wait who is lost by its refusal.
    advised_ms: u32,
    handshakes_max: u32,
    pacer: Pacer,
    arrivals: Arrivals,
    churn: Schedule,
    scratch: Vec<u8>,
    /// A request as a message.
    message: Vec<u8>,
    /// Reads answers of HTTP; a user has one of its own while it is in the midst of one.
    reader: Option<Box<Reader>>,
    /// Buffers of TLS.
    workspace: Workspace,
    /// What the WebSocket connections share.
    kit: Kit,
    /// What came over one of them.
    messages: Vec<Heard>,
    recent: Histogram<u64>,
    recent_late: Histogram<u64>,
}

impl Crowd {
    /// The users of shard `shard` of a plan, none of them connected.
    pub fn new(plan: Arc<Plan>, shard: u32) -> Crowd {
        let share = plan.shares[shard as usize];
        let shards = plan.shares.len() as u32;
        Crowd {
            shard,
            share,
            users: (0..share.users)
                .map(|index| User::new(plan.bot_of(share.first + index)))
                .collect(),
            links: Links::default(),
            alarms: BinaryHeap::from([Reverse((SECOND_NS, Alarm::Sweep))]),
            record: Record::new(plan.scenario.stages.len(), plan.scenario.requests.len()),
            tally: Tally::default(),
            orders: Orders::GATHER,
            stages_begun: 0,
            players_started: 0,
            disbanded: false,
            heard_ns: 0,
            listed: Vec::new(),
            queue: (0..share.users).collect(),
            handshakes: 0,
            advised_ms: 0,
            handshakes_max: (plan.options.connecting_max / shards).max(1),
            pacer: Pacer::new(plan.options.connects_per_second, u64::from(shards)),
            arrivals: Arrivals::never(),
            churn: Schedule::never(),
            scratch: Vec::new(),
            message: Vec::new(),
            reader: None,
            workspace: Workspace::default(),
            kit: Kit::new(plan.options.seed, shard, plan.options.ws.deflates),
            messages: Vec::new(),
            recent: record::recent_histogram(),
            recent_late: record::recent_histogram(),
            plan,
        }
    }

    /// Does what has become due by `now_ns`.
    pub fn advance(&mut self, now_ns: u64, orders: Orders) {
        self.orders = orders;
        self.begin_stages(now_ns);
        while let Some(Reverse((due_ns, alarm))) = self.alarms.peek().copied() {
            if due_ns > now_ns {
                break;
            }
            self.alarms.pop();
            self.on_alarm(alarm, due_ns, now_ns);
        }
        self.play_stage(now_ns);
        if now_ns >= orders.play_end_ns {
            (self.arrivals, self.churn) = (Arrivals::never(), Schedule::never());
        }
        self.dial(now_ns);
        self.flush(now_ns);
    }

    /// Takes an event of the driver other than `Received`.
    pub fn on_event(&mut self, event: Event, now_ns: u64) {
        match event {
            Event::Connected { tag, result } => self.on_connected(tag, result, now_ns),
            Event::ReceiveEnded { token, reason } => {
                if let Some(index) = self.links.on_receive_ended(token, reason) {
                    if reason == ReceiveEnd::EndOfStream && self.links.is_cut_short(token) {
                        let trouble = Trouble::CutShort(self.step_of(index));
                        return self.on_lost(index, trouble, now_ns);
                    }
                    self.on_ended(index, reason, now_ns);
                }
            }
            Event::Sent { token, buffer, result } => {
                let end = self.links.on_sent(token, buffer, result);
                match end {
                    Some((index, SendEnd::Whole)) => self.on_send_over(index, now_ns),
                    Some((index, SendEnd::Broken(errno))) => {
                        let trouble = Trouble::System(self.step_of(index), errno.0);
                        self.on_lost(index, trouble, now_ns);
                    }
                    None => {}
                }
            }
            Event::Closed { token } => self.links.on_closed(token),
            // The generator neither accepts nor hands over, and a wake needs no more than a turn.
            _ => {}
        }
    }

    /// Takes received bytes; `armed` tells whether the receive goes on.
    pub fn on_received(&mut self, token: Token, bytes: &[u8], armed: bool, now_ns: u64) {
        self.links.on_received(token, armed);
        let Some(index) = self.links.owner(token) else { return };
        if !self.links.is_secured(token) {
            return self.on_bytes(index, bytes, now_ns);
        }
        let mut workspace = std::mem::take(&mut self.workspace);
        match self.links.decrypt(token, bytes, &mut workspace) {
            Ok(handshake) => {
                if let Some(handshake) = handshake {
                    self.on_secured(index, handshake, now_ns);
                }
                if !workspace.plain.is_empty() {
                    self.on_bytes(index, &workspace.plain, now_ns);
                }
            }
            Err(error) => {
                let trouble = Trouble::Tls(self.step_of(index), error.to_string());
                self.on_lost(index, trouble, now_ns);
            }
        }
        self.workspace = workspace;
    }

    /// Takes what a server has said to a user.
    fn on_bytes(&mut self, index: u32, bytes: &[u8], now_ns: u64) {
        let User { phase, token, .. } = *self.user(index);
        match phase {
            _ if self.links.web(token).is_some() => self.on_web_bytes(index, bytes, now_ns),
            Phase::LoggingIn => self.on_login_bytes(index, bytes, now_ns),
            Phase::Playing if self.plan.protocol == Protocol::Http => {
                self.on_answer_bytes(index, bytes, now_ns);
            }
            Phase::Attaching | Phase::Playing => self.on_play_bytes(index, bytes, now_ns),
            _ => {}
        }
    }

    /// The operations to submit, in order.
    pub fn operations(&mut self) -> std::vec::Drain<'_, Operation> {
        self.links.operations.drain(..)
    }

    /// When [`Crowd::advance`] has something to do next; none: nothing but events.
    pub fn next_due_ns(&self) -> Option<u64> {
        let alarm_ns = self.alarms.peek().map(|Reverse((due_ns, _))| *due_ns);
        let connect_ns = self.may_dial().then(|| self.pacer.next_ns());
        let stage_ns = self.next_stage_ns();
        let dues = [self.arrivals.next_ns(), self.churn.next_ns(), self.next_start_ns()];
        let times = [alarm_ns, connect_ns, stage_ns].into_iter().chain(dues);
        times.flatten().min()
    }

    /// Whether everybody is attached or has given up.
    pub fn is_gathered(&self) -> bool {
        self.tally.attached + self.tally.failed == u64::from(self.share.users)
    }

    /// Whether the play has ended, nothing is open any more, everybody is back who left on purpose,
    /// and a second answer to the last request would have come.
    pub fn is_done(&self, now_ns: u64) -> bool {
        let has_ended = now_ns >= self.orders.play_end_ns && self.tally.open == 0;
        let has_settled = now_ns >= self.heard_ns.saturating_add(SETTLE_NS);
        has_ended && has_settled && self.storms_are_over() && self.is_gathered()
    }

    /// Whether the run is over: a shard that is done goes on until all are, because winding up
    /// takes processor time that those who still play would miss.
    pub fn is_over(&self, now_ns: u64) -> bool {
        now_ns >= self.orders.give_up_ns
    }

    /// Closes every connection. Turns go on until [`Crowd::is_disbanded`].
    pub fn disband(&mut self) {
        self.disbanded = true;
        (0..self.share.users).for_each(|index| self.say_goodbye(index));
        self.links.leave_all();
    }

    /// Whether no connection is open.
    pub fn is_disbanded(&self) -> bool {
        self.links.is_empty()
    }

    /// How many users are where.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// What has been seen so far.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Moves the response times and the lateness since the last call over, for a live view.
    pub fn take_recent(&mut self, response: &mut Histogram<u64>, late: &mut Histogram<u64>) {
        for (from, into) in [(&mut self.recent, response), (&mut self.recent_late, late)] {
            if !from.is_empty() {
                into.add(&*from).expect("both are recent histograms");
                from.reset();
            }
        }
    }

    /// Ends the run: what is open now is lost.
    pub fn into_record(mut self) -> Record {
        for (index, user) in std::mem::take(&mut self.users).into_iter().enumerate() {
            self.record.users_asked += u64::from(user.ledger.next_id() > 0);
            for (id, due_ns, has_been_sent) in user.ledger.open_ids() {
                if has_been_sent {
                    self.wrong(index as u32, Some(id), Fault::Lost, due_ns);
                } else {
                    self.record.counters.unsent += 1;
                }
            }
        }
        let stages = &self.plan.scenario.stages;
        self.record.add_up(|index| stages[index].measured);
        self.record.users_attached = self.tally.attached;
        self.record.users_failed = self.tally.failed;
        self.record
    }

    fn on_alarm(&mut self, alarm: Alarm, due_ns: u64, now_ns: u64) {
        match alarm {
            Alarm::Dial(index) => self.queue.push_back(index),
            Alarm::Step(index) => {
                self.note_lateness(due_ns, now_ns);
                self.take_steps(index, due_ns, now_ns);
            }
            Alarm::Resume(index) => self.proceed(index, now_ns),
            Alarm::PushDue { user, wait } => self.on_push_due(user, wait, now_ns),
            Alarm::PushMissed { user, wait } => self.on_push_missed(user, wait, now_ns),
            Alarm::Lose { user, slot, generation } => {
                let token = Token { slot, generation };
                // After the end everybody comes back, so nobody leaves any more.
                if now_ns < self.orders.play_end_ns && self.links.owner(token) == Some(user) {
                    self.drop_connection(user, now_ns);
                }
            }
            Alarm::Hangup { slot, generation } => self.links.leave(Token { slot, generation }),
            Alarm::Sweep => {
                self.sweep(now_ns);
                self.alarm(now_ns + SECOND_NS, Alarm::Sweep);
            }
        }
    }

    fn alarm(&mut self, due_ns: u64, alarm: Alarm) {
        self.alarms.push(Reverse((due_ns, alarm)));
    }

    fn user(&mut self, index: u32) -> &mut User {
        &mut self.users[index as usize]
    }

    fn number(&self, index: u32) -> u32 {
        self.share.first + index
    }
}
