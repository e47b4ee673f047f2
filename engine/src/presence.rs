//! Who is on line, where, and what changes.
//!
//! Users stand on the shards that their names hash to, so no shard knows all of them. A [`Feed`]
//! hears what happens on every shard from the moment each was told of it; who was there before is
//! read in pages, a shard at a time, as fast as the reader likes. A page is posted behind the news
//! that are older than it, so whoever subscribes first, reads pages then, and takes what came last
//! for each user as the truth, misses nobody.
//!
//! News of one user come in the order of what happened. They leave a shard once a turn, in one
//! message to each shard that has a feed. A feed that is not read fills up: what finds no room is
//! counted, and its reader is told at that place ([`News::Missed`]).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use crate::context::{Context, Deed, Outcome, ShardSide};
use crate::driver::ShardIndex;
use crate::handler::{LogoutReason, User};
use crate::shard::command::{Command, CommandResult};
pub use crate::shard::command::{Cursor, Page, Presence};

/// News that a feed holds for its reader.
pub const FEED_NEWS_MAX: usize = 65_536;
/// Sessions on a page, at most.
pub const PAGE_SESSIONS_MAX: u16 = 1_024;

/// What happened to a user's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It exists.
    LoggedIn,
    /// It has a connection, from this address; an earlier connection is closed.
    Attached(SocketAddr),
    /// Its connection is gone ("afk").
    Detached,
    /// It has ended. Of a connection that it had, [`Change::Detached`] was told before.
    LoggedOut(LogoutReason),
}

/// What a feed says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Something happened to a user.
    Of {
        /// The shard the user is on.
        shard: ShardIndex,
        /// Who.
        user: User,
        /// What.
        change: Change,
    },
    /// So many news of a shard are missing here.
    Missed {
        /// The shard.
        shard: ShardIndex,
        /// How many.
        count: u64,
    },
}

impl News {
    fn missed(&mut self) -> Option<(&mut ShardIndex, &mut u64)> {
        match self {
            News::Missed { shard, count } => Some((shard, count)),
            News::Of { .. } => None,
        }
    }
}

/// The application's way to know who is on line. Made by [`Context::presence`].
#[derive(Clone)]
pub struct Watchtower(Context);

impl Watchtower {
    pub(crate) fn new(context: Context) -> Watchtower {
        Watchtower(context)
    }

    /// Subscribes to what happens to users of all shards.
    pub fn subscribe(&self) -> Feed {
        let side = Rc::clone(self.0.side());
        let channel = Rc::new(Channel::default());
        side.push(Deed::Watch(Rc::clone(&channel)));
        Feed { side, channel }
    }

    /// Up to [`PAGE_SESSIONS_MAX`] sessions of a shard, from `cursor` on; the default is the
    /// beginning. A session that exists all the while is on exactly one page. Any page may be short, or
    /// empty: the last one is that without a next. A shard that there is not has one empty page; one
    /// that takes no messages now has an empty page, too, and the same one next.
    pub fn page(&self, shard: ShardIndex, cursor: Cursor) -> Outcome<Page> {
        let sessions_max = PAGE_SESSIONS_MAX;
        self.0.command(Command::List { shard, cursor, sessions_max }, CommandResult::page)
    }

    /// How many sessions a shard has, and how many of them have a connection; none of a shard that there
    /// is not. None: it takes no messages now.
    pub fn count(&self, shard: ShardIndex) -> Outcome<Option<Count>> {
        let (cursor, sessions_max) = (Cursor::default(), 0);
        self.0.command(Command::List { shard, cursor, sessions_max }, |result| match result {
            CommandResult::Page(page) => {
                Some(Count { online: page.online, attached: page.attached })
            }
            // Who asks for no sessions is refused without a page.
            _ => None,
        })
    }
}

/// Sessions of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many there are.
    pub online: u64,
    /// How many of them have a connection.
    pub attached: u64,
}

/// A subscription; dropping it ends it.
pub struct Feed {
    side: Rc<ShardSide>,
    channel: Rc<Channel>,
}

/// Where news wait for the reader of a feed.
#[derive(Default)]
pub(crate) struct Channel {
    news: RefCell<VecDeque<News>>,
    /// Nothing more will come.
    ended: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Feed {
    /// The next news; None once the server drains and all was read. One task is to wait here at a
    /// time: of two, the later one is woken.
    pub async fn next(&self) -> Option<News> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Feed::next`].
    pub fn poll_next(&self, cx: &mut TaskContext<'_>) -> Poll<Option<News>> {
        let next = self.channel.news.borrow_mut().pop_front();
        if next.is_some() || self.channel.ended.get() {
            return Poll::Ready(next);
        }
        *self.channel.waiting.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.side.push(Deed::Unwatch(Rc::clone(&self.channel)));
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Feed {{ waiting: {} }}", self.channel.news.borrow().len())
    }
}

impl Channel {
    /// Leaves news for the reader. What finds no room is counted behind the rest, once a shard.
    pub(crate) fn give(&self, news: News) {
        if self.ended.get() {
            return;
        }
        let mut waiting = self.news.borrow_mut();
        if waiting.len() < FEED_NEWS_MAX {
            waiting.push_back(news);
        } else {
            let (shard, lost) = match news {
                News::Of { shard, .. } => (shard, 1),
                News::Missed { shard, count } => (shard, count),
            };
            let tail = waiting.iter_mut().rev().map_while(News::missed);
            match tail.into_iter().find(|(from, _)| **from == shard) {
                Some((_, count)) => *count += lost,
                None => waiting.push_back(News::Missed { shard, count: lost }),
            }
        }
        drop(waiting);
        self.wake();
    }

    pub(crate) fn end(&self) {
        self.ended.set(true);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waiting.borrow_mut().take() {
            waker.wake();
        }
    }
}
