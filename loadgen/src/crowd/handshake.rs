//! Login and attach: from a fresh connection to a user that may play.
//!
//! With TLS its handshake comes first on every connection. Where the client speaks first, what it
//! says waits for that in the link. With WebSocket the upgrade comes next.

use skyring::driver::Token;
use skyring_protocols::crypt::randomkey;
use skyring_protocols::frame;
use skyring_protocols::login::{
    LoginClient, LoginClientOutput, LoginClientV2, LoginSecret, SampleToken,
};
use skyring_protocols::msg::Username;
use skyring_protocols::msg::attach::{self, AttachAnswer};
use skyring_protocols::msg::attach_v2::{self, Proving};
use skyring_protocols::secure::ExchangeKey;
use skyring_protocols::websocket::Kind;

use super::secure::{Handshake, Secured};
use super::user::{Granted, Login, Phase, Talk};
use super::{Alarm, Crowd, HANGUP_NS};
use crate::random::{Purpose, Random, choice};
use crate::record::{Step, Trouble};

impl Crowd {
    /// The connection to the login server stands.
    pub(super) fn begin_login(&mut self, index: u32, slot: u32, now_ns: u64) {
        let options = &self.plan.options;
        let token = SampleToken {
            user: self.plan.name_of(self.number(index)).into_bytes(),
            server: options.server.clone().into_bytes(),
            password: options.password.clone().into_bytes().into(),
        };
        // Nobody tells the logins of a user apart by their keys, so each may have the same; and a run can be
        // repeated byte for byte. Whoever knows its seed can read what it says: its users are nobody.
        let mut random = choice(options.seed, self.number(index), 0, Purpose::Key);
        let login = match &self.plan.pinned {
            None => {
                let key = randomkey(random.bits().to_le_bytes());
                Login::V1(LoginClient::new(token.format(), key))
            }
            Some(pinned) => {
                let exchange = ExchangeKey::new(&random_bytes(&mut random));
                Login::V2(LoginClientV2::new(token.format(), pinned.clone(), exchange))
            }
        };
        self.user(index).talk = Some(Box::new(Talk::Login(login)));
        self.open(index, slot, Phase::LoggingIn, now_ns);
    }

    /// Takes a connection to a server for a user, who is in this phase now, and begins with TLS and
    /// the upgrade to WebSocket where they are used.
    fn open(&mut self, index: u32, slot: u32, phase: Phase, now_ns: u64) -> Token {
        let link = self.links.open(slot, index);
        let user = &mut self.users[index as usize];
        (user.token, user.phase) = (link, phase);
        let comes_back = user.has_been_in();
        if let Some(secure) = &self.plan.secure {
            let begun = secure.connect(self.place_of(index), comes_back);
            let (links, workspace) = (&mut self.links, &mut self.workspace);
            let begun =
                begun.and_then(|tls| links.secure(link, Secured::new(tls, now_ns), workspace));
            if let Err(error) = begun {
                self.on_lost(index, Trouble::Tls(self.step_of(index), error.to_string()), now_ns);
                return link;
            }
        }
        self.ask_for_upgrade(index, link);
        link
    }

    /// The TLS handshake is done. Where nobody attaches, the user may play.
    pub(super) fn on_secured(&mut self, index: u32, handshake: Handshake, now_ns: u64) {
        let counters = &mut self.record.counters;
        let count =
            if handshake.is_resumed { &mut counters.tls_resumed } else { &mut counters.tls_full };
        *count += 1;
        self.record.times.tls.saturating_record(now_ns.saturating_sub(handshake.since_ns));
        let link = self.user(index).token;
        let is_ready = !self.plan.protocol.has_login() && self.links.web(link).is_none();
        if self.user(index).phase == Phase::Attaching && is_ready {
            self.on_attached(index, now_ns);
        }
    }

    /// The login server said something.
    pub(super) fn on_login_bytes(&mut self, index: u32, bytes: &[u8], now_ns: u64) {
        let Some(mut talk) = self.user(index).talk.take() else { return };
        let Talk::Login(login) = &mut *talk else { return };
        let link = self.user(index).token;
        login.on_bytes(bytes);
        while let Some(output) = login.poll_output() {
            let trouble = match output {
                LoginClientOutput::Send(line) => {
                    self.say_line(link, line);
                    continue;
                }
                LoginClientOutput::Granted { subid } => {
                    let secret = login.secret().expect("a granted login has agreed on it");
                    let granted = Granted { secret, subid: subid.into() };
                    return self.on_granted(index, granted, now_ns);
                }
                LoginClientOutput::Refused(code) => {
                    self.advised_ms = login.retry_after_ms().unwrap_or(0);
                    Trouble::Refused(Step::Login, code)
                }
                LoginClientOutput::Broken(error) => Trouble::Broken(Step::Login, error.to_string()),
            };
            return self.on_lost(index, trouble, now_ns);
        }
        self.user(index).talk = Some(talk);
    }

    /// Logged in: the next connection is to play, before anybody new begins.
    fn on_granted(&mut self, index: u32, granted: Granted, now_ns: u64) {
        let user = &mut self.users[index as usize];
        user.granted = Some(granted);
        user.attach_index = 0;
        user.phase = Phase::Waiting;
        let (link, since_ns) = (user.token, user.since_ns);
        // At a pace the first login is due at its place in it, however long the ones before take.
        let is_first = !user.has_been_in() && user.failures == 0;
        let due_ns = self.pacer.due_ns(u64::from(index)).filter(|_| is_first);
        let since_ns = due_ns.map_or(since_ns, |due_ns| due_ns.min(since_ns));
        self.handshakes -= 1;
        self.record.counters.logins += 1;
        self.record.times.login.saturating_record(now_ns.saturating_sub(since_ns));
        self.say_goodbye(index);
        self.links.linger(link);
        let hangup = Alarm::Hangup { slot: link.slot, generation: link.generation };
        self.alarm(now_ns + HANGUP_NS, hangup);
        self.queue.push_front(index);
    }

    /// The connection to play on stands.
    pub(super) fn begin_play_link(&mut self, index: u32, slot: u32, now_ns: u64) {
        let link = self.open(index, slot, Phase::Attaching, now_ns);
        let (is_web, is_secure) = (self.links.web(link).is_some(), self.plan.secure.is_some());
        match self.plan.protocol.has_login() {
            // It is lost, or the upgrade comes first.
            _ if is_web || self.links.owner(link) != Some(index) => {}
            true => self.attach(index, now_ns),
            false if is_secure => {}
            false => self.on_attached(index, now_ns),
        }
    }

    /// Says who it is that wants to play.
    pub(super) fn attach(&mut self, index: u32, now_ns: u64) {
        let number = self.number(index);
        let name = self.plan.name_of(number);
        let options = &self.plan.options;
        let server = options.server.clone().into_bytes();
        let user = &mut self.users[index as usize];
        let granted = user.granted.as_ref().expect("only who is logged in dials to play");
        let username = Username { uid: name.into_bytes(), server, subid: granted.subid.to_vec() };
        user.attach_index += 1;
        let index_sent = u64::from(user.attach_index);
        let line = match &granted.secret {
            LoginSecret::V1(secret) => attach::format(&username.format(), index_sent, secret),
            LoginSecret::V2(_) => {
                let (seed, item) = (options.seed, u64::from(user.dials));
                let nonce = random_bytes(&mut choice(seed, number, item, Purpose::Key));
                let hello = attach_v2::hello(&username.format(), index_sent, &nonce);
                user.talk = Some(Box::new(Talk::Attach(Proving::new(hello.clone()))));
                hello
            }
        };
        let link = user.token;
        self.say_payload(index, link, &line, now_ns);
    }

    /// Says something of an attach.
    fn say_payload(&mut self, index: u32, link: Token, line: &[u8], now_ns: u64) {
        let mut buffer = self.links.buffer();
        let encoded = match self.links.web(link) {
            Some(web) => {
                web.say(Kind::Binary, line, &mut self.kit, &mut buffer);
                Ok(())
            }
            None => frame::encode(line, &mut buffer),
        };
        match encoded {
            Ok(()) => self.links.send(link, buffer),
            Err(error) => {
                let trouble = Trouble::Broken(Step::Attach, error.to_string());
                self.on_lost(index, trouble, now_ns);
            }
        }
    }

    /// The first frame: whether the user is attached. A refused one logs in anew, since whatever
    /// the server knew of its session, it does not know it now.
    pub(super) fn on_attach_answer(&mut self, index: u32, payload: &[u8], now_ns: u64) {
        let user = &mut self.users[index as usize];
        if let (Some(mut talk), Some(granted)) = (user.talk.take(), &mut user.granted) {
            let Talk::Attach(proving) = &mut *talk else { return };
            let LoginSecret::V2(key) = &granted.secret else { return };
            if let Some(next) = proving.accept(payload, key) {
                granted.secret = next.into();
                return self.on_attached(index, now_ns);
            }
            let proof = if proving.is_proved() { None } else { proving.prove(payload, key) };
            if let Some(proof) = proof {
                let link = user.token;
                user.talk = Some(talk);
                return self.say_payload(index, link, &proof, now_ns);
            }
        } else if payload == AttachAnswer::Ok.payload() {
            return self.on_attached(index, now_ns);
        }
        let code = payload.get(..3).and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
        let trouble = match code {
            Some(200) => {
                let what = "the server does not prove that it knows the session's key";
                Trouble::Broken(Step::Attach, String::from(what))
            }
            Some(code) => Trouble::Refused(Step::Attach, code),
            None => Trouble::Broken(Step::Attach, String::from("the answer is no status")),
        };
        self.forget_session(index);
        self.on_lost(index, trouble, now_ns);
    }

    /// A session that the server does not let its user into any more: the next thing is a login.
    /// Unless a server may forget sessions, what it had read of the requests is not forgiven.
    fn forget_session(&mut self, index: u32) {
        let may_be_gone = self.plan.options.relogin;
        let user = self.user(index);
        user.granted = None;
        if may_be_gone && user.has_been_in() {
            user.ledger.renew();
            self.record.counters.relogins += 1;
        }
    }

    pub(super) fn on_attached(&mut self, index: u32, now_ns: u64) {
        self.note_carrier(index);
        let user = &mut self.users[index as usize];
        user.phase = Phase::Playing;
        (user.failures, user.away) = (0, false);
        let times = &mut self.record.times;
        times.attach.saturating_record(now_ns.saturating_sub(user.since_ns));
        self.record.counters.attaches += 1;
        if user.has_been_in() {
            self.record.counters.reattaches += 1;
            times.reattach.saturating_record(now_ns.saturating_sub(user.lost_ns));
        }
        self.handshakes -= 1;
        self.tally.attached += 1;
        self.on_back(index, now_ns);
        self.list(index);
    }
}

/// Bytes that nobody has to guess.
fn random_bytes<const BYTES: usize>(random: &mut Random) -> [u8; BYTES] {
    std::array::from_fn(|_| random.bits() as u8)
}
