//! What must hold after every turn, and in the end.

use std::collections::BTreeMap;

use super::World;
use crate::driver::ShardIndex;
use crate::shard::connections::{Life, Role};
use crate::shard::counters::Counter;
use crate::simulation::{rooms, town};

/// More than any answer of the game costs.
const ANSWER_COST_MAX: u64 = 200;
/// The ways in which a call to a service ends; each is counted by exactly one.
const CALL_ENDS: [Counter; 10] = [
    Counter::ServiceAnswered,
    Counter::ServiceFailed,
    Counter::ServiceUnread,
    Counter::ServiceNone,
    Counter::ServiceInboxFull,
    Counter::ServiceLate,
    Counter::ServiceStopped,
    Counter::ServiceBusy,
    Counter::ServiceTooDeep,
    Counter::ServiceCancelled,
];

impl World {
    /// What must hold after every turn.
    pub(super) fn check(&self, index: ShardIndex) {
        let core = self.places[usize::from(index.0)].shard.core();
        for (key, session) in core.sessions.iter() {
            let user = &session.user;
            assert_eq!(self.site.router.owner(user.uid()), index, "{user:?} is on a foreign shard");
            let settings = &core.listener(session.listener).settings;
            let (count, bytes) = (session.state.answered_count(), session.state.cache_bytes());
            let count_max = 2 * settings.expired_number as usize;
            assert!(count <= count_max, "{user:?} has {count} answers, {count_max} allowed");
            assert!(bytes <= settings.cache_bytes_max, "{user:?} has {bytes} bytes of answers");
            if let Some(slot) = session.connection() {
                let connection = core.connections.at(slot);
                let its = matches!(connection.role, Role::Attached(its) if its == key);
                assert!(its && connection.life == Life::Open, "{user:?} holds a foreign slot");
            }
        }
        let cached = core.counters.read(Counter::CacheBytesNow);
        let cached_max = core.cache_bytes_max.saturating_add(ANSWER_COST_MAX);
        assert!(cached < cached_max, "a shard has {cached} bytes of answers");
        for key in core.meters.keys() {
            assert!(
                core.sessions.get(*key).is_some(),
                "the debts of a session that is gone are kept"
            );
        }
        let slots = core.connections.slots();
        for slot in &slots {
            let connection = core.connections.at(*slot);
            let due_ms = connection.deadline_ms.min(connection.write_deadline_ms());
            let role = &connection.role;
            assert!(core.now_ms <= due_ms, "{role:?} is past its deadline");
            if let (Life::Open, Role::Attached(key)) = (connection.life, &connection.role) {
                let session = core.sessions.get(*key);
                let its = session.is_some_and(|session| session.connection() == Some(*slot));
                assert!(
                    its,
                    "a connection is attached to a session that has another or is not here"
                );
                assert!(!connection.is_newcomer(), "somebody is attached and a stranger");
            }
        }
        assert_eq!(
            (core.connections.len() as usize, core.counters.read(Counter::ConnectionsNow)),
            (slots.len(), slots.len() as u64),
            "connections are counted from accept to close"
        );
        rooms::check(core);
        core.check_memory();
        let violations = &self.ledger.borrow().violations;
        assert!(violations.is_empty(), "the game complains: {violations:?}");
        town::check_shard(core);
        let violations = &self.town.borrow().violations;
        assert!(violations.is_empty(), "the town complains: {violations:?}");
    }

    /// Notes what happens too rarely to be taken for granted. (Nothing but WebSocket travels in a
    /// parcel here: there is no TLS.)
    pub(super) fn watch(&mut self, index: ShardIndex) {
        let core = self.places[usize::from(index.0)].shard.core();
        for slot in core.connections.slots() {
            let connection = core.connections.at(slot);
            if let Role::Departing(departure) = &connection.role {
                let has_left = departure.content.parcel.is_some();
                self.departing_webs[0] += u64::from(has_left);
                self.departing_webs[1] += u64::from(connection.web.is_some());
            }
        }
    }

    /// A call ends once, in one way.
    fn check_the_calls(&self) {
        let ends = CALL_ENDS.iter().fold(0, |sum, end| sum + self.sum(*end));
        assert_eq!(self.sum(Counter::ServiceCalls), ends, "a call ends once, in one way");
    }

    pub(super) fn check_the_end(&self) {
        for (index, place) in self.places.iter().enumerate() {
            let index = ShardIndex(index as u16);
            assert_eq!(place.shard.core().timers.len(), 0, "timers are left");
            town::check_shard_at_the_end(place.shard.core());
            assert_eq!(self.net.in_flight(index), 0, "operations are left");
            assert_eq!(self.net.leases_out(index), 0, "leases are left");
            assert_eq!(self.net.slots_used(index), 0, "descriptors are left");
            assert!(!self.site.boxes.has_unread(index), "messages are left");
        }
        self.town.borrow().check_the_end();
        self.check_the_calls();
        for (_, shared) in &self.site.listeners {
            let left = shared.connections.load(std::sync::atomic::Ordering::Relaxed);
            assert_eq!(left, 0, "connections are counted that are not there");
        }
        rooms::check_the_end(self.places.iter().map(|place| place.shard.core()));
        let ends = Counter::ENDS.iter().fold(0, |sum, end| sum + self.sum(*end));
        assert_eq!(self.sum(Counter::Accepted), ends, "a connection ends once, for one reason");
        let (dialled, ended) = (self.sum(Counter::Dialled), self.sum(Counter::DialledEnded));
        assert_eq!(dialled, ended, "a dialled connection ends once");
        assert_eq!(self.ledger.borrow().errands_now, 0, "errands are left");
        assert_eq!(self.ledger.borrow().attached, BTreeMap::new(), "nobody is attached");
        assert_eq!(self.ledger.borrow().sockets, 0, "WebSockets come and go in pairs");
        assert_eq!(self.ledger.borrow().gates, 0, "gate connections come and go in pairs");
        assert_eq!(self.sum(Counter::AttachedNow), 0, "attached sessions are miscounted");
        let cached = self.places.iter().flat_map(|place| place.shard.core().sessions.iter());
        let cached: usize = cached.map(|(_, session)| session.state.cache_bytes()).sum();
        assert_eq!(self.sum(Counter::CacheBytesNow), cached as u64, "stored bytes are miscounted");
    }
}
