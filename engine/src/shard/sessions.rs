//! The sessions of a shard: who is logged in, found by username and by account.
//!
//! Sessions stand in a slab; both tables hold slab indexes, so that a name is stored once. Peers
//! choose the names, so the tables are hashed under the process's key. The sessions of one account
//! form a chain, oldest first.

use std::rc::Rc;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;
use skyring_protocols::login::LoginSecret;
use skyring_protocols::msg::{attach, session};

use super::command::Target;
use super::weights;
use crate::driver::ListenerIndex;
use crate::handler::User;

const NONE: u32 = u32::MAX;
/// Places of the slab that are looked at for one page.
const PLACES_A_PAGE: usize = 4_096;

/// The name of one session on its shard: a place in the slab and which use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey {
    index: u32,
    generation: u32,
}

/// One login of a user; outlives connections.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) user: User,
    /// The msg listener whose server name it logged in to.
    pub(crate) listener: ListenerIndex,
    /// Whether the application may send frames that answer nothing.
    pub(crate) pushes: bool,
    /// On the list of those whose answers may be given up.
    pub(super) is_noted_offline: bool,
    connection: u32,
    next_of_uid: u32,
    /// Bytes of the requests whose handlers wait.
    pub(crate) pending_bytes: u32,
    pub(crate) state: session::Session,
}

impl Session {
    /// The slot of the attached connection.
    pub(crate) fn connection(&self) -> Option<u32> {
        (self.connection != NONE).then_some(self.connection)
    }

    /// What [`Mutation::ForgetAnswers`](crate::mutation::Mutation::ForgetAnswers) does.
    pub(crate) fn forget_answers(&mut self) {
        self.state.forget();
    }

    pub(crate) fn set_connection(&mut self, slot: Option<u32>) {
        self.connection = slot.unwrap_or(NONE);
    }
}

/// In one cache line, which every message needs.
#[derive(Debug)]
#[repr(align(64))]
struct Place {
    generation: u32,
    session: Option<Session>,
}

#[derive(Debug)]
pub(crate) struct Sessions {
    hasher: SipHasher13,
    places: Vec<Place>,
    free: Vec<u32>,
    by_username: HashTable<u32>,
    /// The first session of every chain.
    by_uid: HashTable<u32>,
    /// What they weigh, without their answers.
    bytes: u64,
}

impl Sessions {
    pub(crate) fn new(key: (u64, u64)) -> Sessions {
        Sessions {
            hasher: SipHasher13::new_with_keys(key.0, key.1),
            places: Vec::new(),
            free: Vec::new(),
            by_username: HashTable::new(),
            by_uid: HashTable::new(),
            bytes: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Bytes of memory that they take up, without their answers.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a session; None when the username is taken.
    pub(crate) fn insert(
        &mut self,
        user: User,
        secret: LoginSecret,
        listener: ListenerIndex,
    ) -> Option<SessionKey> {
        if self.find(user.username()).is_some() {
            return None;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, session: None });
            self.places.len() as u32 - 1
        });
        let (username_hash, uid_hash) =
            (self.hasher.hash(user.username()), self.hasher.hash(user.uid()));
        let head = self.head(user.uid());
        self.bytes += weights::session(&user) as u64;
        let place = &mut self.places[index as usize];
        let key = SessionKey { index, generation: place.generation };
        place.session = Some(Session {
            user,
            listener,
            pushes: false,
            is_noted_offline: false,
            connection: NONE,
            next_of_uid: NONE,
            pending_bytes: 0,
            state: session::Session::new(secret),
        });
        let (places, hasher) = (&self.places, &self.hasher);
        let user_of = |at: &u32| &places[*at as usize].session.as_ref().expect(INDEXED).user;
        self.by_username
            .insert_unique(username_hash, index, |at| hasher.hash(user_of(at).username()));
        match head {
            None => {
                self.by_uid.insert_unique(uid_hash, index, |at| hasher.hash(user_of(at).uid()));
            }
            Some(head) => {
                let last = self.chain(head).last().expect("a chain holds its head");
                self.at_mut(last).next_of_uid = index;
            }
        }
        Some(key)
    }

    /// Takes a session out.
    pub(crate) fn remove(&mut self, key: SessionKey) -> Option<Session> {
        self.get(key)?;
        let index = key.index;
        let (username_hash, uid_hash) = {
            let user = &self.at(index).user;
            (self.hasher.hash(user.username()), self.hasher.hash(user.uid()))
        };
        if let Ok(entry) = self.by_username.find_entry(username_hash, |at| *at == index) {
            entry.remove();
        }
        let next = self.at(index).next_of_uid;
        let head = self.head(self.at(index).user.uid()).expect("a session is chained");
        if head == index {
            if let Ok(mut entry) = self.by_uid.find_entry(uid_hash, |at| *at == index) {
                if next == NONE {
                    entry.remove();
                } else {
                    *entry.get_mut() = next;
                }
            }
        } else {
            let before = self.chain(head).find(|at| self.at(*at).next_of_uid == index);
            self.at_mut(before.expect("a session is chained")).next_of_uid = next;
        }
        let place = &mut self.places[index as usize];
        place.generation = place.generation.wrapping_add(1);
        self.free.push(index);
        if let Some(session) = &mut place.session {
            self.bytes -= weights::session(&session.user) as u64;
            session.state.wipe();
        }
        place.session.take()
    }

    pub(crate) fn get(&self, key: SessionKey) -> Option<&Session> {
        let place = self.places.get(key.index as usize)?;
        place.session.as_ref().filter(|_| place.generation == key.generation)
    }

    pub(crate) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        let place = self.places.get_mut(key.index as usize)?;
        place.session.as_mut().filter(|_| place.generation == key.generation)
    }

    /// The session with this username in wire form, to the byte.
    pub(crate) fn find(&self, username: &[u8]) -> Option<SessionKey> {
        let hash = self.hasher.hash(username);
        let index = *self.by_username.find(hash, |at| self.at(*at).user.username() == username)?;
        Some(self.key(index))
    }

    /// The sessions meant by a target, oldest first.
    pub(crate) fn matching(&self, target: &Target) -> Vec<SessionKey> {
        match target {
            Target::Username(username) => self.find(username).into_iter().collect(),
            Target::Uid(uid) => self.of_uid(uid),
        }
    }

    /// The sessions of an account, oldest first.
    pub(crate) fn of_uid(&self, uid: &[u8]) -> Vec<SessionKey> {
        let head = self.head(uid).into_iter();
        head.flat_map(|head| self.chain(head)).map(|at| self.key(at)).collect()
    }

    /// Up to `max` sessions from a place in the slab on, and the place behind what was looked at, if
    /// there are more places. Looks at no more than [`PLACES_A_PAGE`].
    pub(crate) fn page(&self, from: u32, max: usize) -> (Vec<&Session>, Option<u32>) {
        let (from, mut sessions) = (self.places.len().min(from as usize), Vec::new());
        let mut next = from;
        for place in self.places[from..].iter().take(PLACES_A_PAGE) {
            if sessions.len() == max {
                break;
            }
            sessions.extend(&place.session);
            next += 1;
        }
        (sessions, (next < self.places.len()).then_some(next as u32))
    }

    /// Every session.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionKey, &Session)> {
        let sessions = (0..self.places.len() as u32).map(|at| (at, &self.places[at as usize]));
        sessions.filter_map(|(at, place)| Some((self.key(at), place.session.as_ref()?)))
    }

    fn key(&self, index: u32) -> SessionKey {
        SessionKey { index, generation: self.places[index as usize].generation }
    }

    fn head(&self, uid: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash(uid);
        self.by_uid.find(hash, |at| self.at(*at).user.uid() == uid).copied()
    }

    fn chain(&self, head: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(Some(head), |at| {
            Some(self.at(*at).next_of_uid).filter(|next| *next != NONE)
        })
    }

    fn at(&self, index: u32) -> &Session {
        self.places[index as usize].session.as_ref().expect(INDEXED)
    }

    fn at_mut(&mut self, index: u32) -> &mut Session {
        self.places[index as usize].session.as_mut().expect(INDEXED)
    }
}

const INDEXED: &str = "an index in a table is that of a session";

/// What may stand around the username in one, in a hello of attach v2: `v2:`, two colons, an index of 10 digits and a
/// nonce. That is more than in Skynet's line, of two colons, an index of 20 characters and a proof of 12.
const ATTACH_REST_BYTES: usize = 3 + 2 + 10 + 24;
/// Longest username that an attach can name.
const USERNAME_BYTES_MAX: usize = attach::LINE_BYTES_MAX - ATTACH_REST_BYTES;

/// A user, and its username's wire form, from the three names; None when that is too long for an
/// attach.
pub(crate) fn user(uid: &[u8], server: &Rc<str>, subid: &[u8]) -> Option<User> {
    let names = skyring_protocols::msg::username::Username {
        uid: uid.to_vec(),
        server: server.as_bytes().to_vec(),
        subid: subid.to_vec(),
    };
    let username = names.format();
    (username.len() <= USERNAME_BYTES_MAX).then(|| User::new(&username, uid, server, subid))
}

#[cfg(test)]
mod tests {
    use skyring_protocols::crypt::Secret;
    use skyring_protocols::msg::{AttachHello, attach_v2};

    use super::*;

    fn secret(byte: u8) -> LoginSecret {
        Secret::new([byte; 8]).into()
    }

    fn sessions(names: &[(&str, &str)]) -> (Sessions, Vec<SessionKey>) {
        let mut sessions = Sessions::new((1, 2));
        let server: Rc<str> = Rc::from("s");
        let keys = names
            .iter()
            .map(|(uid, subid)| {
                let user = user(uid.as_bytes(), &server, subid.as_bytes()).expect("a short name");
                sessions.insert(user, secret(7), ListenerIndex(0)).expect("a new name")
            })
            .collect();
        (sessions, keys)
    }

    #[test]
    fn a_session_fills_one_cache_line() {
        assert_eq!(size_of::<Place>(), 64);
    }

    #[test]
    fn a_username_is_taken_once() {
        let (mut sessions, keys) = sessions(&[("u", "1")]);
        let again = user(b"u", &Rc::from("s"), b"1").expect("a short name");
        assert_eq!(sessions.insert(again.clone(), secret(1), ListenerIndex(0)), None);
        assert_eq!(sessions.find(again.username()), Some(keys[0]));
        sessions.remove(keys[0]).expect("it was there");
        assert_eq!(sessions.find(again.username()), None);
        let new = sessions.insert(again, secret(1), ListenerIndex(0));
        assert_ne!(new, Some(keys[0]), "a key names one session for ever");
        assert!(sessions.get(keys[0]).is_none());
    }

    #[test]
    fn a_name_is_as_long_as_an_attach_can_be() {
        let server: Rc<str> = Rc::from("s");
        let longest = (0..).take_while(|bytes| user(&vec![b'u'; *bytes], &server, b"1").is_some());
        let user = user(&vec![b'u'; longest.last().expect("short names do")], &server, b"1");
        let user = user.expect("the longest");
        let hello = attach_v2::hello(user.username(), u32::MAX.into(), &[1; 16]);
        assert!(AttachHello::parse(&hello).is_ok());
        assert!(hello.len() > attach::LINE_BYTES_MAX - 4, "{}", hello.len());
        let line = attach::format(user.username(), u64::MAX, &Secret::new([1; 8]));
        assert!(line.len() <= attach::LINE_BYTES_MAX, "{}", line.len());
    }

    #[test]
    fn the_chain_of_an_account_survives_removal_anywhere() {
        for gone in 0..3 {
            let (mut sessions, keys) = sessions(&[("a", "1"), ("b", "1"), ("a", "2"), ("a", "3")]);
            let chain = [keys[0], keys[2], keys[3]];
            assert_eq!(sessions.of_uid(b"a"), chain);
            sessions.remove(chain[gone]);
            let left: Vec<_> = chain.into_iter().filter(|key| *key != chain[gone]).collect();
            assert_eq!(sessions.of_uid(b"a"), left);
            for key in left {
                sessions.remove(key);
            }
            assert_eq!(sessions.of_uid(b"a"), []);
            assert_eq!(sessions.len(), 1);
        }
    }
}
