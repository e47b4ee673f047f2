//! What the feeds of a server hear of a shard's users, and what those of this shard hear.
//!
//! A shard with a feed is told, once a turn and in one message, what happened on every other.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::command::{Cursor, Page, Presence, Target};
use super::core::Core;
use super::counters::Counter;
use super::message::Message;
use super::sessions::Session;
use crate::driver::ShardIndex;
use crate::handler::User;
use crate::mutation::{self, Mutation};
use crate::presence::{Change, Channel, News};

/// What has happened on one shard, on its way to another.
#[derive(Debug, Default)]
pub(crate) struct ShardNews {
    /// What the watcher calls its watch.
    watch: u32,
    /// News that found no room before these.
    missed: u64,
    changes: Box<[(Box<[u8]>, Change)]>,
}

/// A shard that has feeds.
struct Watcher {
    /// The number of its watch.
    watch: u32,
    /// News that it has missed and was not told of.
    missed: u64,
}

/// The feeds of a shard, and who has feeds that want to hear of it.
#[derive(Default)]
pub(super) struct PresenceDesk {
    feeds: Vec<Rc<Channel>>,
    /// The number of this shard's watch, its latest; news of an earlier one are for feeds that are gone.
    own_watch: u32,
    /// Shards with feeds. In order: it is walked.
    watchers: BTreeMap<ShardIndex, Watcher>,
    unsent: Vec<(User, Change)>,
    /// Whether some watcher has missed news and was not told.
    owes: bool,
}

impl PresenceDesk {
    /// A shard has feeds, under this number, or has none any more.
    pub(super) fn watch(&mut self, shard: ShardIndex, wanted: Option<u32>) {
        match wanted {
            Some(watch) => _ = self.watchers.insert(shard, Watcher { watch, missed: 0 }),
            None => _ = self.watchers.remove(&shard),
        }
    }

    fn give(&self, news: &News) {
        self.feeds.iter().for_each(|feed| feed.give(news.clone()));
    }

    /// No news will come any more.
    pub(super) fn end(&self) {
        self.feeds.iter().for_each(|feed| feed.end());
    }
}

impl Core {
    pub(super) fn add_feed(&mut self, feed: Rc<Channel>) {
        if self.draining {
            feed.end();
        }
        self.presence.feeds.push(feed);
        if self.presence.feeds.len() == 1 {
            self.have_watched(true);
        }
    }

    pub(super) fn remove_feed(&mut self, feed: &Rc<Channel>) {
        self.presence.feeds.retain(|it| !Rc::ptr_eq(it, feed));
        if self.presence.feeds.is_empty() {
            self.have_watched(false);
        }
    }

    /// Tells every shard whether this one wants to hear of its users.
    fn have_watched(&mut self, wanted: bool) {
        self.send_news();
        self.presence.own_watch = self.presence.own_watch.wrapping_add(u32::from(wanted));
        let wanted = wanted.then_some(self.presence.own_watch);
        self.presence.watch(self.index, wanted);
        let index = self.index;
        for shard in (0..self.router.shards()).map(ShardIndex).filter(|it| *it != index) {
            self.post(shard, Message::Watch(wanted));
        }
    }

    /// Notes what has happened to a user, if anybody wants to know.
    pub(crate) fn tell(&mut self, user: &User, change: Change) {
        let is_lost = mutation::active(Mutation::LoseNews) && change == Change::Detached;
        if !self.presence.watchers.is_empty() && !is_lost {
            self.presence.unsent.push((user.clone(), change));
        }
    }

    /// Sends what was noted. A shard for which too many messages wait misses it, and is told later.
    pub(super) fn send_news(&mut self) {
        if self.presence.unsent.is_empty() && !self.presence.owes {
            return;
        }
        let unsent = std::mem::take(&mut self.presence.unsent);
        self.presence.owes = false;
        for shard in self.presence.watchers.keys().copied().collect::<Vec<_>>() {
            if shard != self.index {
                self.send_news_to(shard, &unsent);
            }
        }
        if self.presence.watchers.contains_key(&self.index) {
            for (user, change) in unsent {
                self.presence.give(&News::Of { shard: self.index, user, change });
            }
        }
    }

    fn send_news_to(&mut self, shard: ShardIndex, news: &[(User, Change)]) {
        let is_crowded = self.mail.is_crowded();
        let Some(watcher) = self.presence.watchers.get_mut(&shard) else { return };
        if is_crowded {
            watcher.missed += news.len() as u64;
            self.presence.owes = true;
            return self.counters.add(Counter::NewsMissed, news.len() as u64);
        }
        let (watch, missed) = (watcher.watch, std::mem::take(&mut watcher.missed));
        if missed > 0 || !news.is_empty() {
            let changes = news.iter().map(|(user, change)| (user.to_bytes(), *change)).collect();
            self.post(shard, Message::News(Box::new(ShardNews { watch, missed, changes })));
        }
    }

    pub(super) fn on_news(&mut self, shard: ShardIndex, news: ShardNews) {
        if news.watch != self.presence.own_watch {
            return;
        }
        if news.missed > 0 {
            self.presence.give(&News::Missed { shard, count: news.missed });
        }
        for (user, change) in news.changes {
            self.presence.give(&News::Of { shard, user: User::from_bytes(&user), change });
        }
    }

    /// The sessions of a target that exist.
    pub(super) fn presence_of(&self, target: &Target) -> Vec<Presence> {
        let keys = self.sessions.matching(target);
        let sessions = keys.iter().filter_map(|key| self.sessions.get(*key));
        sessions.map(|session| self.presence_in(session)).collect()
    }

    fn presence_in(&self, session: &Session) -> Presence {
        Presence {
            username: session.user.username().to_vec(),
            peer: session.connection().map(|slot| self.connections.at(slot).peer()),
        }
    }

    /// Sessions from `cursor` on. What is older than the page is sent before it.
    pub(super) fn page(&mut self, cursor: Cursor, sessions_max: u16) -> Page {
        self.send_news();
        let (sessions, next) = self.sessions.page(cursor.0, usize::from(sessions_max));
        Page {
            sessions: sessions.into_iter().map(|session| self.presence_in(session)).collect(),
            next: next.map(Cursor),
            online: self.sessions.len() as u64,
            attached: self.counters.read(Counter::AttachedNow),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use skyring_protocols::crypt::Secret;

    use super::*;
    use crate::context::Target;
    use crate::driver::sim::SimSettings;
    use crate::handler::LogoutReason;
    use crate::presence::{FEED_NEWS_MAX, Feed};
    use crate::shard::command::Command;
    use crate::simulation::scene::{Props, Scene, spawn};

    fn two_shards() -> Scene {
        let settings = SimSettings { shards: 2, buffers: 64, ..SimSettings::default() };
        Props { settings, ..Props::default() }.start()
    }

    /// What a reader of a feed has heard.
    type Heard = Rc<RefCell<Vec<News>>>;

    fn follow(scene: &mut Scene) -> (Rc<Feed>, Heard) {
        let context = scene.context(0);
        let (feed, heard) = (Rc::new(context.presence().subscribe()), Heard::default());
        let (reader, noted) = (Rc::clone(&feed), Rc::clone(&heard));
        context.spawn(async move {
            while let Some(news) = reader.next().await {
                noted.borrow_mut().push(news);
            }
        });
        scene.pass(50);
        (feed, heard)
    }

    fn changes(heard: &Heard, uid: &[u8]) -> Vec<(u16, Change)> {
        let of = |news: &News| match news {
            News::Of { shard, user, change } if user.uid() == uid => Some((shard.0, *change)),
            _ => None,
        };
        heard.borrow().iter().filter_map(of).collect()
    }

    fn kick(scene: &mut Scene, uid: &[u8]) {
        let (target, reason) = (Target::uid(uid), LogoutReason::Kick);
        scene.command(Command::End { target, reason });
        scene.pass(50);
    }

    #[test]
    fn a_feed_hears_of_the_users_of_every_shard_in_order() {
        let mut scene = two_shards();
        let (_feed, heard) = follow(&mut scene);
        for shard in [0, 1] {
            let uid = scene.uid_number(shard, 0);
            assert!(scene.log_in(&uid));
            let (connection, _client) = scene.attach(&uid, 1);
            let peer = connection.address();
            connection.close();
            scene.pass(50);
            let (again, _client) = scene.attach(&uid, 2);
            kick(&mut scene, &uid);
            let expected = [
                Change::LoggedIn,
                Change::Attached(peer),
                Change::Detached,
                Change::Attached(again.address()),
                Change::Detached,
                Change::LoggedOut(LogoutReason::Kick),
            ];
            assert_eq!(changes(&heard, &uid), expected.map(|change| (shard, change)));
            again.close();
        }
    }

    #[test]
    fn nobody_is_told_once_no_feed_is_left() {
        let mut scene = two_shards();
        let (feed, heard) = (scene.context(0).presence().subscribe(), Heard::default());
        scene.pass(50);
        drop(feed);
        scene.pass(50);
        let uid = scene.uid_number(1, 0);
        assert!(scene.log_in(&uid));
        scene.pass(50);
        assert!(heard.borrow().is_empty());
        for shard in [0, 1] {
            let desk = &scene.core(shard).presence;
            assert!(desk.watchers.is_empty() && desk.unsent.is_empty() && desk.feeds.is_empty());
        }
    }

    /// News that were under way to an earlier feed of its shard, between which and its own some may
    /// be missing.
    #[test]
    fn a_feed_hears_nothing_of_before_its_time() {
        let mut scene = two_shards();
        let earlier = scene.context(0).presence().subscribe();
        scene.pass(50);
        drop(earlier);
        let feed = scene.context(0).presence().subscribe();
        scene.core(0).empty_outbox();
        // The other shard has not heard of it yet.
        let uid = scene.uid_number(1, 0);
        let core = scene.core(1);
        let server =
            core.listeners.iter().find(|it| !it.server.is_empty()).expect("a msg listener");
        let server = Rc::clone(&server.server);
        assert!(core.create_session(&uid, server.as_bytes(), b"1", Secret::new([1; 8]).into()));
        core.send_news();
        scene.pass(50);
        kick(&mut scene, &uid);
        let read = spawn(&scene, |_| async move { feed.next().await });
        scene.pass(50);
        let Some(Some(News::Of { change, .. })) = read.take() else {
            panic!("it has heard nothing")
        };
        assert_eq!(change, Change::LoggedOut(LogoutReason::Kick), "the first that it hears");
    }

    #[test]
    fn every_session_is_on_one_page() {
        let mut scene = two_shards();
        let uids: Vec<_> = (0..2_500).map(|at| scene.uid_number(1, at)).collect();
        assert!(uids.iter().all(|uid| scene.log_in(uid)));
        let (attached, _client) = scene.attach(&uids[7], 1);
        uids[..1_000].iter().step_by(2).for_each(|uid| kick(&mut scene, uid));
        let read = spawn(&scene, |context| async move {
            let (mut cursor, mut found) = (Cursor::default(), Vec::new());
            loop {
                let page = context.presence().page(ShardIndex(1), cursor).await;
                assert_eq!((page.online, page.attached), (2_000, 1));
                found.extend(page.sessions);
                let Some(next) = page.next else { return found };
                cursor = next;
            }
        });
        let counted =
            spawn(&scene, |context| async move { context.presence().count(ShardIndex(1)).await });
        scene.pass(50);
        let found = read.take().expect("it was read to the end");
        let mut names: Vec<_> = found.iter().map(|it| it.username.clone()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), found.len()), (2_000, 2_000));
        assert_eq!(found.iter().filter(|it| it.peer.is_some()).count(), 1);
        let counted = counted.take().flatten().map(|it| (it.online, it.attached));
        assert_eq!(counted, Some((2_000, 1)));
        attached.close();
    }

    #[test]
    fn a_shard_that_there_is_not_has_no_sessions() {
        let mut scene = two_shards();
        let page = spawn(&scene, |context| async move {
            context.presence().page(ShardIndex(2), Cursor::default()).await
        });
        scene.pass(50);
        assert_eq!(page.take(), Some(Page::default()));
    }

    /// Whoever reads a shard that takes no messages for a while does not take that for its end.
    #[test]
    fn a_page_that_is_refused_is_not_the_last() {
        let mut scene = two_shards();
        let core = scene.core(0);
        while !core.mail.is_overfull() {
            core.post(ShardIndex(1), Message::Watch(None));
        }
        let cursor = Cursor(7);
        let asked = scene.context(0).presence().page(ShardIndex(1), cursor);
        let count = scene.context(0).presence().count(ShardIndex(1));
        scene.core(0).empty_outbox();
        let (page, count) = (spawn(&scene, |_| asked), spawn(&scene, |_| count));
        scene.pass(60_000);
        assert_eq!(count.take(), Some(None), "nobody knows how many");
        assert_eq!(page.take(), Some(Page { next: Some(cursor), ..Page::default() }));
        let page =
            spawn(
                &scene,
                |context| async move { context.presence().page(ShardIndex(1), cursor).await },
            );
        scene.pass(50);
        assert_eq!(page.take(), Some(Page::default()), "it is behind the last");
    }

    #[test]
    fn a_reader_who_stays_away_is_told_how_much_he_missed() {
        let mut scene = two_shards();
        let feed = scene.context(0).presence().subscribe();
        scene.pass(50);
        let uid = scene.uid_number(1, 0);
        for _ in 0..FEED_NEWS_MAX / 2 + 5 {
            assert!(scene.log_in(&uid));
            let (target, reason) = (Target::uid(&uid), LogoutReason::Kick);
            scene.command(Command::End { target, reason });
        }
        scene.pass(50);
        let read = spawn(&scene, |_| async move {
            let mut count = 0;
            loop {
                match feed.next().await {
                    Some(News::Missed { shard, count: missed }) => return (count, shard, missed),
                    _ => count += 1,
                }
            }
        });
        scene.pass(50);
        assert_eq!(read.take(), Some((FEED_NEWS_MAX, ShardIndex(1), 10)));
    }

    /// The other shard takes no message for a while: what is not sent is counted, and told later.
    #[test]
    fn news_that_a_crowded_mailbox_refuses_are_told_as_missed() {
        let settings = SimSettings { shards: 2, buffers: 64, ..SimSettings::default() };
        let mut scene = Props { settings, mailbox: 1, ..Props::default() }.start();
        let (_feed, heard) = follow(&mut scene);
        let uid = scene.uid_number(1, 0);
        let core = scene.core(1);
        while !core.mail.is_crowded() {
            core.post(ShardIndex(0), Message::Watch(None));
        }
        core.post(ShardIndex(0), Message::Watch(None)); // A turn makes room for one.
        assert!(scene.log_in(&uid));
        scene.turn(1);
        assert_eq!(scene.count(Counter::NewsMissed), 1);
        scene.pass(60_000);
        let missed = News::Missed { shard: ShardIndex(1), count: 1 };
        assert_eq!(*heard.borrow(), [missed]);
    }

    #[test]
    fn a_feed_ends_with_the_drain() {
        let mut scene = two_shards();
        let feed = scene.context(0).presence().subscribe();
        scene.pass(50);
        scene.core(0).drain(1_000);
        let read = spawn(&scene, |_| async move { feed.next().await });
        scene.pass(50);
        assert_eq!(read.take(), Some(None));
    }
}
