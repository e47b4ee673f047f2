//! Requests and answers of attached users.

use skyring_protocols::decode::Decode;
use skyring_protocols::frame;

use super::user::Phase;
use super::{Alarm, Crowd};
use crate::arrival::Due;
use crate::check::{Answered, Fault, Reply, Sending};
use crate::content::Stamp;
use crate::protocol::Incoming;
use crate::random::{Purpose, Random, choice};
use crate::record::{Step, Trouble};

/// Bytes after which a send is full; what is left goes with the next one.
const SEND_BYTES_MAX: usize = 64 << 10;

/// How long a connection lasts at most when it is to be lost a little after a request.
const LOSE_NS_MAX: u64 = 2_000_000;

/// What becomes of a connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It stays.
    Kept,
    /// It is lost inside the request.
    Cut,
    /// It is lost right behind the request.
    Lost,
    /// It is lost a little later.
    LostLater,
    /// It is lost with the answer, which is taken as not heard.
    Unheard,
}

impl Crowd {
    /// Open loop: takes up every request that has fallen due.
    pub(super) fn issue(&mut self, now_ns: u64) {
        while let Some(Due { due_ns, turn }) = self.arrivals.take(now_ns) {
            if due_ns >= self.orders.play_end_ns {
                return;
            }
            self.note_lateness(due_ns, now_ns);
            self.arrive(turn as u32, due_ns, now_ns);
        }
    }

    /// Notes how late a request is taken up that the clock made due.
    pub(super) fn note_lateness(&mut self, due_ns: u64, now_ns: u64) {
        let late_ns = now_ns.saturating_sub(due_ns);
        self.recent_late.saturating_record(late_ns);
        if let Some(stage) = self.stage_record(due_ns) {
            stage.lateness.saturating_record(late_ns);
        }
    }

    /// Notes a request of a kind that is due; after the end of the play nothing is.
    pub(super) fn add_request(&mut self, index: u32, kind: u8, due_ns: u64) {
        let Some(stage) = self.stage_record(due_ns) else { return };
        stage.due += 1;
        self.record.counters.due += 1;
        if self.tally.open >= self.plan.options.open_max {
            self.record.counters.skipped += 1;
            return;
        }
        self.tally.open += 1;
        let user = self.user(index);
        user.ledger.add(kind, due_ns, user.away);
        self.list(index);
    }

    /// Requests that went down with their connection, on a protocol without repeats.
    pub(super) fn abandon(&mut self, index: u32, count: u32, now_ns: u64) {
        self.tally.open -= u64::from(count);
        self.record.counters.abandoned += u64::from(count);
        (0..count).for_each(|_| self.end_request(index, now_ns));
    }

    /// Puts a user on the list of those with something to send.
    pub(super) fn list(&mut self, index: u32) {
        let user = &mut self.users[index as usize];
        if !user.listed && user.phase == Phase::Playing && user.ledger.has_unsent() {
            user.listed = true;
            self.listed.push(index);
        }
    }

    /// Sends what the listed users have to send.
    pub(super) fn flush(&mut self, now_ns: u64) {
        let mut listed = std::mem::take(&mut self.listed);
        for index in listed.drain(..) {
            self.user(index).listed = false;
            self.send_requests(index, now_ns);
        }
        self.listed = listed;
    }

    fn send_requests(&mut self, index: u32, now_ns: u64) {
        let user = self.user(index);
        let (link, ready) = (user.token, !user.doomed && !user.leaving);
        if user.phase != Phase::Playing || !ready || self.links.is_sending(link) {
            return;
        }
        let mut buffer = self.links.buffer();
        let mut fate = Fate::Kept;
        while buffer.len() < SEND_BYTES_MAX && fate == Fate::Kept {
            let depth = self.plan.depth;
            let Some(sending) = self.user(index).ledger.send_next(now_ns, depth) else { break };
            let from = buffer.len();
            self.encode(index, sending, &mut buffer);
            let mut random = choice(
                self.plan.options.seed,
                self.number(index),
                sending.id.into(),
                Purpose::Fate,
            );
            fate = if sending.repeat { Fate::Kept } else { self.choose_fate(&mut random) };
            if fate == Fate::Cut {
                let frame_bytes = (buffer.len() - from) as u64;
                buffer.truncate(from + 1 + random.below(frame_bytes.saturating_sub(1)) as usize);
                self.cut_messages(link);
            }
            self.suffer(index, fate, &mut random, now_ns);
        }
        self.record.counters.bytes_out += buffer.len() as u64;
        self.links.send_or_keep(link, buffer);
    }

    fn encode(&mut self, index: u32, sending: Sending, buffer: &mut Vec<u8>) {
        let number = self.number(index);
        let stamp = Stamp { user: number, id: sending.id, attempt: sending.attempt };
        let bytes = self.plan.bytes_of(number, sending.id, sending.kind);
        self.scratch.clear();
        if bytes > 0 {
            self.plan.contents.encode(stamp, bytes, &mut self.scratch);
        }
        if !self.encode_message(index, sending, buffer) {
            self.plan.encode(number, sending.kind, sending.id, &self.scratch, buffer);
        }
        let counters = &mut self.record.counters;
        let count = if sending.repeat { &mut counters.repeats } else { &mut counters.requests };
        *count += 1;
    }

    fn choose_fate(&self, random: &mut Random) -> Fate {
        if !random.chance(self.plan.options.drop_ppm) {
            return Fate::Kept;
        }
        // Where there is no cache that must hold the answer, nothing can be repeated for it.
        let must_repeat = self.plan.protocol.has_repeats() && self.plan.cache_holds;
        match random.below(4) {
            0 => Fate::Cut,
            1 => Fate::LostLater,
            2 if must_repeat => Fate::Unheard,
            _ => Fate::Lost,
        }
    }

    fn suffer(&mut self, index: u32, fate: Fate, random: &mut Random, now_ns: u64) {
        let counters = &mut self.record.counters;
        counters.doomed += u64::from(fate != Fate::Kept);
        counters.cuts += u64::from(fate == Fate::Cut);
        let user = &mut self.users[index as usize];
        match fate {
            Fate::Kept => {}
            Fate::Cut => {
                user.ledger.cut_last();
                user.doomed = true;
            }
            Fate::Lost => user.doomed = true,
            Fate::Unheard => user.ledger.leave_unheard(),
            Fate::LostLater => {
                let (slot, generation) = (user.token.slot, user.token.generation);
                let later_ns = now_ns + random.below(LOSE_NS_MAX);
                self.alarm(later_ns, Alarm::Lose { user: index, slot, generation });
            }
        }
    }

    /// The send in flight is over.
    pub(super) fn on_send_over(&mut self, index: u32, now_ns: u64) {
        if self.user(index).doomed {
            self.drop_connection(index, now_ns);
        } else {
            self.list(index);
        }
    }

    /// Bytes on the connection to play on: whole frames are taken, the rest is kept.
    pub(super) fn on_play_bytes(&mut self, index: u32, bytes: &[u8], now_ns: u64) {
        self.record.counters.bytes_in += bytes.len() as u64;
        let user = self.user(index);
        let link = user.token;
        let mut partial = std::mem::take(&mut user.partial).into_vec();
        let input = if partial.is_empty() {
            bytes
        } else {
            partial.extend_from_slice(bytes);
            &partial
        };
        let mut used = 0;
        while let Decode::Done { value, consumed } = frame::decode(&input[used..]) {
            used += consumed;
            self.on_frame(index, value, now_ns);
            if self.links.owner(link) != Some(index) {
                return;
            }
        }
        if used == 0 && !partial.is_empty() {
            self.user(index).partial = partial.into();
        } else if used < input.len() {
            self.user(index).partial = input[used..].into();
        }
    }

    pub(super) fn on_frame(&mut self, index: u32, payload: &[u8], now_ns: u64) {
        if self.user(index).phase == Phase::Attaching {
            return self.on_attach_answer(index, payload, now_ns);
        }
        match self.plan.protocol.decode(payload, &self.plan.contents) {
            Incoming::Answer { id, reply } => self.on_answer(index, id, reply, now_ns),
            Incoming::Echo(stamp) => self.on_echo(index, stamp, now_ns),
            Incoming::Push(content) => self.on_push(index, content, now_ns),
            Incoming::Unreadable(what) => {
                self.wrong(index, None, Fault::Unreadable, now_ns);
                self.on_lost(index, Trouble::Broken(Step::Play, what), now_ns);
            }
        }
    }

    /// An answer of a gate or of HTTP carries no request id, so the content must tell what it answers.
    pub(super) fn on_echo(&mut self, index: u32, stamp: Option<Stamp>, now_ns: u64) {
        let number = self.number(index);
        match stamp {
            Some(stamp) if stamp.user == number => {
                self.check_order(index, stamp, now_ns);
                self.on_answer(index, stamp.id, Reply::Content(Some(stamp)), now_ns);
            }
            Some(stamp) => self.wrong(index, None, Fault::OtherUser(stamp), now_ns),
            None => self.wrong(index, None, Fault::Altered, now_ns),
        }
    }

    /// The echo of a request that is not the first one passes by that.
    pub(super) fn check_order(&mut self, index: u32, stamp: Stamp, now_ns: u64) {
        let first = self.user(index).ledger.first_id();
        if first.is_some_and(|first| first < stamp.id) {
            self.wrong(index, first, Fault::Reordered(stamp), now_ns);
        }
    }

    pub(super) fn on_answer(&mut self, index: u32, id: u32, reply: Reply, now_ns: u64) {
        self.heard_ns = now_ns;
        let (number, cache_holds) = (self.number(index), self.plan.cache_holds);
        let ledger = &mut self.user(index).ledger;
        let open = ledger.open();
        let outcome = ledger.on_answer(number, id, reply, cache_holds);
        let settled = open > ledger.open();
        match outcome {
            Ok(answered) if answered.unheard => {
                self.record.counters.unheard += 1;
                return self.drop_connection(index, now_ns);
            }
            Ok(answered) => self.on_right(index, answered, now_ns),
            Err(Fault::RanTwice(_)) if self.plan.options.skynet => {
                self.record.counters.reruns_allowed += 1;
            }
            Err(fault) => self.wrong(index, Some(id), fault, now_ns),
        }
        if settled {
            self.tally.open -= 1;
            self.end_request(index, now_ns);
        }
        self.list(index);
        self.leave_if_idle(index, now_ns);
    }

    fn on_right(&mut self, index: u32, answered: Answered, now_ns: u64) {
        if !std::mem::replace(&mut self.user(index).answered, true) {
            self.record.users_answered += 1;
        }
        let counters = &mut self.record.counters;
        counters.answers += 1;
        counters.replays += u64::from(answered.repeated);
        counters.repeats_run += u64::from(answered.repeat_ran);
        let measuring = self.is_measured(now_ns) && now_ns < self.orders.play_end_ns;
        self.record.counters.answers_measured += u64::from(measuring);
        if let Some(stage) = self.stage_record(now_ns) {
            stage.answers += 1;
        }
        self.note_times(answered, now_ns);
    }

    fn note_times(&mut self, answered: Answered, now_ns: u64) {
        let response_ns = now_ns.saturating_sub(answered.due_ns);
        self.recent.saturating_record(response_ns);
        let Some(stage) = self.stage_record(answered.due_ns) else { return };
        if answered.disturbed {
            return stage.disturbed.saturating_record(response_ns);
        }
        stage.response.saturating_record(response_ns);
        stage.service.saturating_record(now_ns.saturating_sub(answered.sent_ns));
        if self.is_measured(answered.due_ns)
            && let Some(times) = self.record.requests.get_mut(usize::from(answered.kind))
        {
            times.saturating_record(response_ns);
        }
    }

    /// Counts a wrong answer of a user.
    pub(super) fn wrong(&mut self, index: u32, id: Option<u32>, fault: Fault, now_ns: u64) {
        if let Some(stage) = self.stage_record(now_ns) {
            stage.wrong += 1;
        }
        self.record.wrong(self.number(index), id, fault);
    }

    /// Whether a request that was due then counts in the figures of the whole play.
    fn is_measured(&self, due_ns: u64) -> bool {
        let from_ns = self.plan.scenario.measured_from_ns();
        due_ns >= self.orders.play_start_ns.saturating_add(from_ns)
    }
}
