//! What the built-in server says, without sockets: logins, attaches, answers, and one way to be
//! wrong. Made of the protocol crate's server halves.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use skyring_protocols::crypt::Secret;
use skyring_protocols::decode::Compat;
use skyring_protocols::login::server::LoginVerdict;
use skyring_protocols::login::token::SampleToken;
use skyring_protocols::msg::attach::{AttachAnswer, AttachLine};
use skyring_protocols::msg::session::{Answer, Session, SessionPolicy, Verdict};
use skyring_protocols::msg::{Flag, Username, request, response};

/// One way to be wrong. Where nothing else is said, it happens once in [`EVERY`] requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None: it does what WIRE.md says.
    None,
    /// The first request that comes so long after the very first one stops the server; right, but
    /// slow. Once.
    Stall {
        /// From the very first request.
        after: Duration,
        /// How long nothing is answered.
        lasts: Duration,
    },
    /// A user gets the content of another.
    SwapUsers,
    /// A user gets the content of its own earlier request.
    SwapRequests,
    /// A request is never answered.
    Lose,
    /// A request is answered twice.
    Double,
    /// A bit of the content is wrong.
    Alter,
    /// The handler fails.
    Fail,
    /// A repeat runs although the answer is stored. Always.
    RunAgain,
    /// It ends the connection instead of running a request.
    Reset,
    /// It knows the answers of a user's earlier logins by their ids. Always.
    Remember,
}

/// A fault happens once in so many requests.
pub const EVERY: u64 = 50;

const POLICY: SessionPolicy = SessionPolicy {
    compat: Compat::Strict,
    replay_duplicates: false,
    expired_number: 128,
    cache_bytes_max: 1 << 20,
    pending_requests_max: 1024,
};

/// Sessions of all users, and what goes wrong with them. The password is `password`.
#[derive(Debug)]
pub struct State {
    fault: Fault,
    first: OnceLock<Instant>,
    stall_end: OnceLock<Instant>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    sessions: HashMap<Vec<u8>, Session>,
    logins: u64,
    requests: u64,
    faults: u64,
    last: Vec<u8>,
    last_of: HashMap<Vec<u8>, Vec<u8>>,
    remembered: HashMap<(Vec<u8>, u32), Vec<u8>>,
}

impl State {
    /// Nobody has logged in.
    pub fn new(fault: Fault) -> State {
        State { fault, first: OnceLock::new(), stall_end: OnceLock::new(), inner: Mutex::default() }
    }

    /// How often the fault has happened so far; a stall does not count.
    pub fn faults(&self) -> u64 {
        self.inner().faults
    }

    /// Judges a login's token; a granted one has a session from now on.
    pub fn judge(&self, token: &[u8], secret: Secret) -> LoginVerdict {
        match SampleToken::parse(token) {
            Some(token) if *token.password == b"password" => {
                let mut inner = self.inner();
                inner.logins += 1;
                let subid = inner.logins.to_string().into_bytes();
                let username =
                    Username { uid: token.user, server: token.server, subid: subid.clone() };
                inner.sessions.insert(username.format(), Session::new(secret));
                LoginVerdict::Granted { subid }
            }
            _ => LoginVerdict::Unauthorized,
        }
    }

    /// Attaches a connection to its user's session.
    pub fn attach(&self, line: &AttachLine<'_>) -> AttachAnswer {
        let mut inner = self.inner();
        match line.username.and_then(|username| inner.sessions.get_mut(username)) {
            Some(session) => session.attach(line, &POLICY).err().unwrap_or(AttachAnswer::Ok),
            None => AttachAnswer::UserNotFound,
        }
    }

    /// Waits for the end of the stall, if it is one or begins one.
    pub fn stall(&self) {
        let Fault::Stall { after, lasts } = self.fault else { return };
        let now = Instant::now();
        if now.duration_since(*self.first.get_or_init(|| now)) >= after {
            let end = *self.stall_end.get_or_init(|| now + lasts);
            thread::sleep(end.saturating_duration_since(now));
        }
    }

    /// The id of a request and the frames that answer it. None: close, also when a newer connection
    /// has taken the user over.
    pub fn request(
        &self,
        username: &[u8],
        attach_index: u64,
        payload: &[u8],
    ) -> Option<(u32, Vec<u8>)> {
        let asked = request::decode(payload).ok()?;
        let mut inner = self.inner();
        let fault = inner.fault_now(self.fault);
        if fault == Fault::Reset {
            return None;
        }
        let content = inner.handle(username, asked.id, asked.content, fault);
        let session = inner.sessions.get_mut(username)?;
        if session.attach_index() != attach_index {
            return None;
        }
        let stored = match session.on_request(asked.id, &POLICY) {
            Verdict::Run(ticket) => {
                let answer = match fault {
                    Fault::Fail => Answer::Failed,
                    _ => Answer::Content(&content),
                };
                session.on_answer(ticket, answer, &POLICY)?
            }
            Verdict::Replay(stored) => stored,
            Verdict::Absorbed | Verdict::Conflict | Verdict::Refused => return None,
        };
        let content = if fault == Fault::RunAgain { &content } else { stored.content };
        Some((asked.id, encoded(content, stored.flag, asked.id, fault)))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encoded(content: &[u8], flag: Flag, id: u32, fault: Fault) -> Vec<u8> {
    let mut out = Vec::new();
    let times = match fault {
        Fault::Lose => 0,
        Fault::Double => 2,
        _ => 1,
    };
    for _ in 0..times {
        response::encode(content, flag, id, &mut out)
            .expect("a content that came in a request fits an answer");
    }
    out
}

impl Inner {
    /// Counts a request, and says what goes wrong with it.
    fn fault_now(&mut self, fault: Fault) -> Fault {
        self.requests += 1;
        let now = match fault {
            Fault::None | Fault::Stall { .. } => false,
            Fault::RunAgain | Fault::Remember => true,
            _ => self.requests.is_multiple_of(EVERY),
        };
        self.faults += u64::from(now);
        if now { fault } else { Fault::None }
    }

    fn handle(&mut self, username: &[u8], id: u32, asked: &[u8], fault: Fault) -> Vec<u8> {
        let mut content = asked.to_vec();
        match fault {
            Fault::SwapUsers => content.clone_from(&self.last),
            Fault::SwapRequests => {
                content = self.last_of.get(username).cloned().unwrap_or(content);
            }
            Fault::Remember => {
                // What is in front of the subid is the same in every login.
                let account = username.split(|byte| *byte == b'#').next().unwrap_or_default();
                content = self.remembered.entry((account.to_vec(), id)).or_insert(content).clone();
            }
            Fault::Alter => {
                if let Some(byte) = content.get_mut(asked.len() / 2) {
                    *byte ^= 1;
                }
            }
            _ => {}
        }
        self.last_of.insert(username.to_vec(), asked.to_vec());
        self.last = asked.to_vec();
        content
    }
}
