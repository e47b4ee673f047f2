//! Everybody who is connected to the server of a seed.

use std::cell::RefCell;
use std::rc::Rc;

use super::attack::table::TABLE;
use super::attack::{Attacker, Terms};
use super::dial::Addresses;
use super::game::Ledger;
use super::player::{Manners, Player};
use super::settings::{Drawn, Feature};
use super::talker::Talker;
use super::web::Visitor;
use crate::config::PushOverBudget;
use crate::driver::sim::{SimNet, SimRandom};

pub(super) struct Crowd {
    players: Vec<Player>,
    visitors: Vec<Visitor>,
    talkers: Vec<Talker>,
    attackers: Vec<Attacker>,
    pub(super) success: Success,
}

/// What those who have left had come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Success {
    /// Answers that players and visitors got.
    pub(super) answers: u64,
    /// Attaches on another kind of connection than the one before.
    pub(super) moves: u64,
    /// Echoes that talkers got.
    pub(super) echoes: u64,
    /// Times that the server closed on talkers as it had to.
    pub(super) goodbyes: u64,
    /// Attacks that were answered as they must be, by their number in the table.
    pub(super) attacks: [u64; TABLE.len()],
}

impl Default for Success {
    fn default() -> Success {
        Success { answers: 0, moves: 0, echoes: 0, goodbyes: 0, attacks: [0; TABLE.len()] }
    }
}

impl Success {
    pub(super) fn add(&mut self, other: &Success) {
        self.answers += other.answers;
        self.moves += other.moves;
        self.echoes += other.echoes;
        self.goodbyes += other.goodbyes;
        for (total, count) in self.attacks.iter_mut().zip(other.attacks) {
            *total += count;
        }
    }
}

impl Crowd {
    pub(super) fn draw(
        drawn: &Drawn,
        random: &mut SimRandom,
        ledger: &Rc<RefCell<Ledger>>,
    ) -> Crowd {
        let listener = |at: usize| &drawn.listeners[at].0;
        let addresses = Addresses {
            login: listener(0).address,
            msg: listener(1).address,
            gate: listener(2).address,
            http: listener(3).address,
            may_miss: [1, 2, 3].map(|at| listener(at).push_over_budget == PushOverBudget::Drop),
            web_share: drawn.web_share,
            is_crowded: drawn.is_crowded,
            has_proxies: drawn.swarm.has(Feature::Proxies),
        };
        let manners = Manners {
            may_retire: drawn.may_retire,
            may_refuse: drawn.may_refuse,
            logins_max: drawn.logins_max(),
            is_secure: drawn.swarm.has(Feature::Secure),
            hides_reasons: listener(1).uniform_errors,
            is_undisturbed: drawn.is_undisturbed,
        };
        let players = (0..6 + random.index(10)).map(|number| {
            // Two rivals share an account and log each other out.
            let name = if number < 2 { 0 } else { number };
            Player::new(number, format!("player-{name}"), addresses, Rc::clone(ledger), manners)
        });
        let players = players.collect();
        let has = |feature| drawn.swarm.has(feature);
        let visitors = if has(Feature::Visitors) { 1 + random.index(2) } else { 0 };
        let visitors = (0..visitors)
            .map(|number| Visitor::new(number, addresses.http, Rc::clone(ledger)))
            .collect();
        let talkers = if has(Feature::Talkers) { 1 + random.index(2) } else { 0 };
        let talkers = (0..talkers).map(|_| Talker::new(listener(3), ledger)).collect();
        let attackers =
            (0..drawn.attackers).map(|number| Attacker::new(number, Terms::new(drawn), ledger));
        let attackers = attackers.collect();
        Crowd { players, visitors, talkers, attackers, success: Success::default() }
    }

    /// Somebody does something. `calm`: only what leads to contentment.
    pub(super) fn act(&mut self, net: &SimNet, random: &mut SimRandom, calm: bool) {
        let (players, visitors) = (self.players.len(), self.visitors.len());
        let talkers = self.talkers.len();
        let index = random.index(players + visitors + talkers + self.attackers.len());
        if index < players {
            self.players[index].act(net, random, calm);
        } else if index < players + visitors {
            self.visitors[index - players].act(net, random, calm);
        } else if index < players + visitors + talkers {
            self.talkers[index - players - visitors].act(net, random, calm);
        } else {
            self.attackers[index - players - visitors - talkers].act(net, random, calm);
        }
    }

    /// Whether everybody has what he asked for.
    pub(super) fn is_content(&self) -> bool {
        self.players.iter().all(Player::is_content)
            && self.visitors.iter().all(Visitor::is_content)
            && self.talkers.iter().all(Talker::is_content)
            && self.attackers.iter().all(Attacker::is_content)
    }

    /// Those who wait, and for what.
    pub(super) fn describe(&self) -> Vec<String> {
        let players = self.players.iter().filter(|it| !it.is_content()).map(Player::describe);
        let visitors = self.visitors.iter().filter(|it| !it.is_content()).map(Visitor::describe);
        let talkers = self.talkers.iter().filter(|it| !it.is_content()).map(Talker::describe);
        let attackers = self.attackers.iter().filter(|it| !it.is_content()).map(Attacker::describe);
        players.chain(visitors).chain(talkers).chain(attackers).collect()
    }

    /// The rivals leave: they would go on for ever.
    pub(super) fn part_rivals(&mut self) {
        self.players.drain(..2).for_each(Player::leave);
    }

    pub(super) fn leave(&mut self) {
        for player in self.players.drain(..) {
            self.success.answers += player.answers;
            self.success.moves += player.moves;
            player.leave();
        }
        for visitor in self.visitors.drain(..) {
            self.success.answers += visitor.answers;
            visitor.leave();
        }
        for talker in self.talkers.drain(..) {
            self.success.echoes += talker.echoes;
            self.success.goodbyes += talker.goodbyes;
            talker.leave();
        }
        for attacker in self.attackers.drain(..) {
            for (total, count) in self.success.attacks.iter_mut().zip(attacker.met) {
                *total += count;
            }
            attacker.leave();
        }
    }
}
