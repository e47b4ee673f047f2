//! A server whose users log in and play.

use std::cell::Cell;

use skyring::context::Target;
use skyring::error::StartError;
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::support::arena::sum;
use crate::support::{LoggedIn, Player, eventually, login};

pub(crate) struct Stage {
    pub(crate) server: Server,
    last_user: Cell<u32>,
}

/// A logged-in user, and the shard that the session is on.
pub(crate) struct Somebody {
    pub(crate) name: String,
    pub(crate) shard: usize,
    login: LoggedIn,
}

impl Stage {
    pub(crate) fn new(server: Result<Server, StartError>) -> Stage {
        Stage { server: server.expect("the server starts"), last_user: Cell::new(0) }
    }

    /// Logs in a user that nobody was before.
    pub(crate) fn somebody(&self) -> Somebody {
        self.last_user.set(self.last_user.get() + 1);
        let name = format!("user{}", self.last_user.get());
        let before = self.sessions();
        let login = self.log_in(&name);
        eventually("it is counted", || self.sessions() != before);
        let mut changed =
            before.iter().zip(self.sessions()).map(|(before, after)| *before != after);
        let shard = changed.position(|is_changed| is_changed).expect("it is somewhere");
        Somebody { name, shard, login }
    }

    /// Logs in two users on shards of their own.
    pub(crate) fn neighbours(&self) -> [Somebody; 2] {
        let one = self.somebody();
        loop {
            let other = self.somebody();
            if other.shard != one.shard {
                return [one, other];
            }
        }
    }

    pub(crate) fn log_in(&self, name: &str) -> LoggedIn {
        login(self.server.addresses()[0], name).expect("a login")
    }

    /// Sessions of each shard.
    fn sessions(&self) -> Vec<u64> {
        let shards = self.server.handle().counters();
        shards.iter().map(|shard| shard.read(Counter::SessionsNow)).collect()
    }

    pub(crate) fn attach(&self, user: &Somebody, index: u64) -> Player {
        Player::attach(self.server.addresses()[1], &user.login, index).expect("an attach")
    }

    /// Ends the session of a user.
    pub(crate) fn kick(&self, user: &Somebody) {
        assert_eq!(self.server.handle().kick(Target::uid(user.name.as_bytes())), 1);
    }

    /// Waits until something has been counted so often.
    pub(crate) fn expect(&self, counter: Counter, count: u64) {
        eventually(counter.name(), || sum(&self.server.handle(), counter) >= count);
    }

    /// The end, once no user is attached; a client's idle connections end with it.
    pub(crate) fn end(self) {
        let handle = self.server.handle();
        eventually("nobody is attached", || sum(&handle, Counter::AttachedNow) == 0);
        handle.drain();
        self.server.join().expect("a clean end");
        assert_eq!(sum(&handle, Counter::ConnectionsNow), 0);
    }
}
