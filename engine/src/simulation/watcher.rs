//! Somebody who follows the news of all users, and what he believes.
//!
//! He knows nobody at first, so the first that he hears of a user may be anything; from then on each
//! news must fit what he believes, and in the end what he believes must be true.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::game::Ledger;
use super::place::Place;
use crate::context::Context;
use crate::driver::ShardIndex;
use crate::presence::{Change, News};
use crate::shard::sessions::Session;

/// What is believed of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    Away,
    Attached,
    Gone,
}

/// What is believed of each user that was heard of, and the shard that told it.
pub(super) type Beliefs = BTreeMap<Vec<u8>, (ShardIndex, Belief)>;

fn after(change: Change) -> Belief {
    match change {
        Change::LoggedIn | Change::Detached => Belief::Away,
        Change::Attached(_) => Belief::Attached,
        Change::LoggedOut(_) => Belief::Gone,
    }
}

fn fits(belief: Belief, change: Change) -> bool {
    match change {
        Change::LoggedIn => belief == Belief::Gone,
        Change::Detached => belief == Belief::Attached,
        Change::Attached(_) | Change::LoggedOut(_) => belief == Belief::Away,
    }
}

/// Follows the news until the server drains.
pub(super) async fn follow(context: Context, ledger: Rc<RefCell<Ledger>>) {
    let feed = context.presence().subscribe();
    while let Some(news) = feed.next().await {
        let mut ledger = ledger.borrow_mut();
        match news {
            News::Missed { shard, .. } => ledger.beliefs.retain(|_, (from, _)| *from != shard),
            News::Of { shard, user, change } => {
                ledger.news += 1;
                let belief = (shard, after(change));
                let before = ledger.beliefs.insert(user.username().to_vec(), belief);
                let is_right = before.is_none_or(|(from, it)| from == shard && fits(it, change));
                ledger.check(is_right, || format!("news {change:?} of {user:?} after {before:?}"));
            }
        }
    }
}

/// Whether what is believed is true, once all news have come.
pub(super) fn check(places: &[Place], ledger: &Ledger) {
    for (username, (shard, belief)) in &ledger.beliefs {
        let core = places[usize::from(shard.0)].shard.core();
        let key = core.sessions.find(username);
        let session = key.and_then(|key| core.sessions.get(key));
        let truth = match session.map(Session::connection) {
            None => Belief::Gone,
            Some(None) => Belief::Away,
            Some(Some(_)) => Belief::Attached,
        };
        let name = String::from_utf8_lossy(username);
        assert_eq!(*belief, truth, "what news said of {name} is not true");
    }
}
