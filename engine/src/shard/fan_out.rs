//! How a room's members on one shard are told what was broadcast.
//!
//! Each turn goes on with the rooms that have something to tell, a slice of members each and in turn,
//! until so many members were looked at as a turn may cost; the rest waits for the next turn. All that
//! a member costs is to find its output, see that there is room, and append bytes that were made once.

use super::connections::{Life, Role};
use super::core::Core;
use super::counters::Counter;
use super::sessions::Session;
use super::stream::Fill;
use crate::driver::Token;
use crate::mutation::{self, Mutation};
use crate::room::leaf::Walk;
use crate::room::mail::LeafKey;
use crate::room::memberships::MemberKey;

/// Members that one room tells before the next room's turn.
const SLICE: usize = 256;

/// Members whose memory is asked for together before they are told; see `warm`.
const GROUP: usize = 16;

/// A member that is not one, to fill a group with.
const NOBODY: MemberKey = MemberKey::Connection(Token { slot: u32::MAX, generation: u32::MAX });

/// What became of telling one member.
enum Told {
    Yes,
    /// Nobody is there, or it does not fit.
    No,
    /// The member reads too little.
    OverBudget,
}

impl Core {
    /// Goes on telling rooms.
    pub(super) fn fan_out(&mut self) {
        let mut budget = self.rooms.limits.members_a_turn;
        while budget > 0 {
            let Some(key) = self.rooms.busy.pop_front() else { return };
            let (looks, has_more) = self.fan_out_leaf(key, budget.min(SLICE));
            // A room without entries costs something, too.
            budget = budget.saturating_sub(looks.max(1));
            if has_more {
                self.rooms.busy.push_back(key);
            }
        }
    }

    /// Tells members of one room; how many entries were looked at, one for long content as several,
    /// and whether there are more to tell.
    fn fan_out_leaf(&mut self, key: LeafKey, looks_max: usize) -> (usize, bool) {
        let mut looks = 0;
        while let Some(mut walk) = self.begin_walk(key) {
            let is_over = self.tell_members(key, &mut walk, looks_max, &mut looks);
            let Some(leaf) = self.rooms.leaf(key) else { break };
            if !is_over {
                leaf.go_on(walk);
                return (looks, true);
            }
            let memberships = &mut self.rooms.memberships;
            let leaf = self.rooms.leaves[key.index as usize].as_deref_mut();
            let leaf = leaf.expect("it was found above");
            self.rooms.queued_bytes -= walk.broadcast.message.as_bytes().len();
            let has_more = leaf.finish(&walk, |node, place| memberships.move_to(node, place));
            self.note_progress(key);
            if has_more && looks >= looks_max {
                return (looks, true);
            }
        }
        (looks, false)
    }

    fn begin_walk(&mut self, key: LeafKey) -> Option<Box<Walk>> {
        // Taken out meanwhile: who is left out is looked up in the sessions of this shard.
        let mut leaf = self.rooms.leaves.get_mut(key.index as usize)?.take()?;
        let walk = (leaf.key == key)
            .then(|| {
                leaf.walk(|broadcast| {
                    let except = broadcast.except.as_ref();
                    let except = except.filter(|_| !mutation::active(Mutation::TellSender));
                    except.map_or_else(Vec::new, |member| self.members_here(member))
                })
            })
            .flatten();
        self.rooms.leaves[key.index as usize] = Some(leaf);
        walk
    }

    /// Tells members, until all are told or enough were looked at; whether all are told.
    fn tell_members(
        &mut self,
        key: LeafKey,
        walk: &mut Walk,
        looks_max: usize,
        looks: &mut usize,
    ) -> bool {
        let (mut told, mut missed, mut over_budget) = (0, 0, 0);
        let (mut group, weight) = ([NOBODY; GROUP], walk.weight());
        let is_over = loop {
            // The last member of the room may just have been cut off.
            let Some(leaf) = self.rooms.leaf(key) else { break true };
            let left = looks_max.saturating_sub(*looks).div_ceil(weight);
            if left == 0 {
                break false;
            }
            let (found, looked) = leaf.next(walk, &mut group, left);
            *looks += looked * weight;
            for member in &group[..found] {
                self.warm_member(*member);
            }
            for member in &group[..found] {
                if walk.except.contains(member) {
                    continue;
                }
                match self.tell_member(*member, walk) {
                    Told::Yes => told += 1,
                    Told::No => missed += 1,
                    Told::OverBudget => over_budget += 1,
                }
            }
            if found < GROUP && looked < left {
                break true;
            }
        };
        self.counters.add(Counter::BroadcastTold, told);
        self.counters.add(Counter::BroadcastMissed, missed);
        self.counters.add(Counter::BroadcastOverBudget, over_budget);
        is_over
    }

    /// Reads what telling a member reads first, so that a group of them waits for memory together.
    fn warm_member(&self, member: MemberKey) {
        let slot = match member {
            MemberKey::Session(key) => self.sessions.get(key).and_then(Session::connection),
            MemberKey::Connection(token) => Some(token.slot),
        };
        if let Some(slot) = slot {
            std::hint::black_box(self.connections.at(slot).unsent_bytes());
        }
    }

    fn tell_member(&mut self, member: MemberKey, walk: &mut Walk) -> Told {
        match member {
            MemberKey::Session(key) => {
                let session = self.sessions.get(key).filter(|session| session.pushes);
                match session.and_then(Session::connection) {
                    Some(slot) => self.tell_session(slot, walk),
                    None => Told::No,
                }
            }
            MemberKey::Connection(token) => {
                let found = self.connections.get_mut(token);
                match found.filter(|found| found.life == Life::Open).map(|found| &found.role) {
                    Some(Role::Gate(_)) => self.tell_gate(token.slot, walk),
                    Some(Role::WebSocket(_)) => self.tell_socket_member(token.slot, walk),
                    _ => Told::No,
                }
            }
        }
    }

    fn tell_session(&mut self, slot: u32, walk: &mut Walk) -> Told {
        let message = &walk.broadcast.message;
        let connection = self.connections.at(slot);
        if message.as_bytes().len() > connection.content_bytes_max() {
            return Told::No;
        }
        if connection.web.is_none() {
            let Some(bytes) = walk.forms.push(message) else { return Told::No };
            return self.append_told(slot, bytes);
        }
        let encoded = walk.forms.web_push(message, &mut self.web_room.tool);
        if !self.has_room_to_tell(slot, encoded.as_bytes().len()) {
            return Told::OverBudget;
        }
        let web = self.connections.web_and_output(slot);
        let is_told = web.is_some_and(|(web, output)| web.send_encoded(encoded, output));
        if is_told { Told::Yes } else { Told::No }
    }

    fn tell_gate(&mut self, slot: u32, walk: &mut Walk) -> Told {
        match walk.forms.gate(&walk.broadcast.message) {
            Some(bytes) => self.append_told(slot, bytes),
            None => Told::No,
        }
    }

    fn tell_socket_member(&mut self, slot: u32, walk: &mut Walk) -> Told {
        let message = &walk.broadcast.message;
        let Some(web) = &self.connections.at(slot).web else { return Told::No };
        let form = web.form(message.as_bytes().len());
        let encoded = walk.forms.web(message, form, &mut self.web_room.tool);
        if !self.has_room_to_tell(slot, encoded.as_bytes().len()) {
            return Told::OverBudget;
        }
        let web = self.connections.web_and_output(slot);
        let is_told = web.is_some_and(|(web, output)| web.send_encoded(encoded, output));
        // Who waits for room is to know that there is less.
        self.on_socket_sent(slot);
        if is_told { Told::Yes } else { Told::No }
    }

    fn append_told(&mut self, slot: u32, bytes: &[u8]) -> Told {
        if !self.has_room_to_tell(slot, bytes.len()) {
            return Told::OverBudget;
        }
        self.connections.output(slot).extend_from_slice(bytes);
        Told::Yes
    }

    /// Whether a member's output has room, as for a push; what becomes of one that reads too little is
    /// its listener's choice.
    fn has_room_to_tell(&mut self, slot: u32, bytes: usize) -> bool {
        let has_room = self.fill(slot, bytes) == Fill::Within || !self.has_unsent(slot);
        if !has_room {
            self.drop_push(slot);
        }
        has_room
    }
}
