//! Login conversations: the machine in `protocols` decides, this file moves its bytes, asks the
//! application, and has the user's owner shard register the login.
//!
//! A login that there is no time for is told so and when to come back (WIRE L17): one address or user
//! that logs in too often, and everybody while too many wait for the application. It costs a challenge and
//! a line, no key exchange.
//!
//! The owner shard holds the lock of a uid while the application decides; a second login of the
//! uid is answered 406 meanwhile.

use skyring_protocols::login::SecureOffer;
use skyring_protocols::login::server::{LoginClose, LoginOutput, LoginServer, LoginVerdict};
use skyring_protocols::secure::ExchangeKey;
use skyring_protocols::websocket::Kind;
use zeroize::Zeroizing;

use crate::config::Handshake;
use crate::driver::{ReceiveMode, ShardIndex, Token};
use crate::handler::{AuthenticateError, Credentials, Denied, Identity, Login, Subid};
use crate::identity::ServerIdentity;
use crate::limit::{Rate, RateTable};
use crate::mutation::{self, Mutation};
use crate::shard::connections::{LoginRole, Role};
use crate::shard::core::Core;
use crate::shard::counters::Counter;
use crate::shard::message::{Message, Register};

/// Milliseconds after which the application may have answered some of those who wait.
const BUSY_RETRY_MS: u64 = 1_000;
/// Milliseconds over which those who are refused together are scattered, at least.
const SCATTER_MS_MIN: u64 = 500;

impl Core {
    pub(crate) fn start_login(&mut self, slot: u32) {
        let mut machine = self.login_machine(slot);
        if let Some(refusal) = self.refuse_early(slot) {
            machine.refuse(refusal);
        }
        self.connections.at_mut(slot).role = Role::Login(Box::new(LoginRole { machine }));
        self.receive(slot, ReceiveMode::Stream);
        self.pump_login(slot);
    }

    /// The machine of a fresh connection, which speaks the versions of its listener.
    fn login_machine(&mut self, slot: u32) -> LoginServer {
        let at = self.connections.at(slot).listener;
        let (challenge, private_key) = (self.random(), self.random());
        let settings = &self.listener(at).settings;
        let (compat, handshake) = (settings.compat, settings.handshake);
        let identity = self.listener(at).shared.identity.as_ref().map(ServerIdentity::key);
        match identity.filter(|_| handshake != Handshake::V1) {
            None => LoginServer::new(compat, challenge, private_key),
            Some(identity) => {
                let exchange = ExchangeKey::new(&Zeroizing::new(self.random()));
                let allows_v1 = handshake == Handshake::Both;
                let offer = SecureOffer { identity, exchange, allows_v1 };
                LoginServer::with_offer(compat, challenge, private_key, offer)
            }
        }
    }

    /// Why a login is not even begun, if it is not.
    fn refuse_early(&mut self, slot: u32) -> Option<LoginVerdict> {
        let connection = self.connections.at(slot);
        let (peer, listener) = (connection.peer().ip(), self.listener(connection.listener));
        match listener.shared.admits_login(peer, &listener.rates, self.now_ms) {
            Err(wait_ms) => Some(self.too_often(wait_ms)),
            Ok(()) => self.is_busy().then(|| self.busy()),
        }
    }

    /// Whether so many logins wait for the application that no more may, or memory is short.
    fn is_busy(&self) -> bool {
        self.deciding >= self.deciding_max || self.memory.is_short()
    }

    /// Whether as many users are logged in as may be.
    pub(crate) fn is_full(&self) -> bool {
        self.sessions.len() >= self.sessions_max
    }

    fn busy(&mut self) -> LoginVerdict {
        LoginVerdict::Busy { retry_after_ms: self.scatter(BUSY_RETRY_MS) }
    }

    fn too_often(&mut self, wait_ms: u64) -> LoginVerdict {
        LoginVerdict::TooOften { retry_after_ms: self.scatter(wait_ms) }
    }

    /// So many milliseconds and up to as many more, so that who was refused together does not come
    /// back together.
    fn scatter(&mut self, ms: u64) -> u32 {
        let luck = u64::from_le_bytes(self.random()) % ms.max(SCATTER_MS_MIN);
        ms.saturating_add(luck).try_into().unwrap_or(u32::MAX)
    }

    pub(crate) fn on_login_bytes(&mut self, slot: u32, bytes: &[u8]) {
        if let Role::Login(login) = &mut self.connections.at_mut(slot).role {
            login.machine.on_bytes(bytes);
            self.pump_login(slot);
        }
    }

    /// Takes a line that came as the text of a WebSocket message, which needs no line feed.
    pub(crate) fn on_login_line(&mut self, slot: u32, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if let Role::Login(login) = &mut self.connections.at_mut(slot).role {
            login.machine.on_bytes(line);
            login.machine.on_bytes(b"\n");
            self.pump_login(slot);
        }
    }

    /// Sends a line, given with its line feed; a WebSocket message is one without.
    fn say_line(&mut self, slot: u32, line: &[u8]) {
        if self.connections.at(slot).web.is_none() {
            return self.connections.output(slot).extend_from_slice(line);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        self.web_send(slot, Kind::Text, line);
    }

    /// Does what the machine wants done.
    fn pump_login(&mut self, slot: u32) {
        loop {
            let connection = self.connections.at_mut(slot);
            let peer = connection.peer();
            let Role::Login(login) = &mut connection.role else { return };
            match login.machine.poll_output() {
                None => return,
                Some(LoginOutput::Send(bytes)) => {
                    self.say_line(slot, &bytes);
                }
                Some(LoginOutput::Judge { token }) => {
                    let connection = self.connections.token(slot);
                    self.judge_token(connection, Credentials { token, peer });
                }
                Some(LoginOutput::Close(close)) => {
                    return self.close_login(slot, close);
                }
            }
        }
    }

    /// Asks the application. Its method outlives the connection that it was asked for, so what bounds
    /// the number of those that wait is not the number of connections.
    fn judge_token(&mut self, connection: Token, shown: Credentials) {
        if self.is_busy() {
            let busy = self.busy();
            return self.on_registered(connection, busy);
        }
        match self.dispatch.authenticate(connection, shown) {
            Some(result) => self.on_authenticated(connection, result),
            None => self.deciding += 1,
        }
    }

    fn close_login(&mut self, slot: u32, close: LoginClose) {
        let counter = match close {
            LoginClose::Answered(200) => Counter::LoginGranted,
            LoginClose::Answered(403) => Counter::LoginForbidden,
            LoginClose::Answered(406) => Counter::LoginInProgress,
            LoginClose::Answered(429) => Counter::LoginsTooOften,
            LoginClose::Answered(503) => Counter::LoginsRefused,
            LoginClose::Answered(_) => Counter::LoginUnauthorized,
            LoginClose::LineTooLong => {
                // No line is sent: what was queued before still is.
                return self.finish(slot, Counter::ClosedProtocol);
            }
        };
        self.count(counter);
        let role = std::mem::replace(&mut self.connections.at_mut(slot).role, Role::None);
        let is_v2 = matches!(&role, Role::Login(login) if login.machine.is_v2());
        if is_v2 && close == LoginClose::Answered(200) {
            self.count(Counter::LoginGrantedV2);
        }
        match close {
            // All lines were taken before this verdict.
            LoginClose::Answered(200 | 403 | 406) => {
                self.finish_conversation(slot, Counter::ClosedByServer);
            }
            _ => self.finish(slot, Counter::ClosedByServer),
        }
    }

    pub(crate) fn on_authenticated(
        &mut self,
        token: Token,
        result: Result<Identity, AuthenticateError>,
    ) {
        let index = self.index;
        let Some(connection) = self.connections.get_mut(token) else { return };
        let listener = connection.listener;
        let Role::Login(login) = &mut connection.role else { return };
        let Some(secret) = login.machine.agreed() else { return };
        let identity = match result {
            Ok(identity) => identity,
            Err(AuthenticateError::Denied) => {
                return self.on_registered(token, LoginVerdict::Unauthorized);
            }
            Err(AuthenticateError::Unavailable) => {
                let busy = self.busy();
                return self.on_registered(token, busy);
            }
        };
        let owner = self.router.owner(&identity.uid);
        let register = Box::new(Register {
            connection: token,
            uid: identity.uid,
            server: identity.server,
            secret,
            multilogin: self.listener(listener).settings.multilogin,
            rate: self.listener(listener).rates.user_logins,
        });
        if owner == index || mutation::active(Mutation::RegisterAnywhere) {
            self.register(index, register);
        } else {
            self.post(owner, Message::Register(register));
        }
    }

    /// Decides an authenticated login of a user that this shard owns.
    pub(crate) fn register(&mut self, from: ShardIndex, register: Box<Register>) {
        if self.msg_listener(&register.server).is_none() {
            return self.answer_login(from, register.connection, LoginVerdict::Forbidden);
        }
        if let Err(wait_ms) = self.admit_user(&register.uid, register.rate) {
            let refusal = self.too_often(wait_ms);
            return self.answer_login(from, register.connection, refusal);
        }
        if self.is_busy() || self.is_full() {
            let refusal = self.busy();
            return self.answer_login(from, register.connection, refusal);
        }
        if !register.multilogin && !self.logins.insert(register.uid.clone()) {
            return self.answer_login(from, register.connection, LoginVerdict::InProgress);
        }
        let online = self.sessions.of_uid(&register.uid);
        let login = Login {
            uid: register.uid.clone(),
            server: register.server.clone(),
            secret: register.secret.clone(),
            online: online
                .into_iter()
                .filter_map(|key| Some(self.sessions.get(key)?.user.clone()))
                .collect(),
        };
        self.deciding += 1;
        self.dispatch.login(from, register, login);
    }

    /// Whether a user may log in once more now; milliseconds until that is so.
    fn admit_user(&mut self, uid: &[u8], rate: Option<Rate>) -> Result<(), u64> {
        let Some(rate) = rate else { return Ok(()) };
        if self.user_logins.is_none() {
            let mut word = || u64::from_le_bytes(self.random());
            let key = (word(), word());
            self.user_logins = Some(Box::new(RateTable::new(key)));
        }
        let Some(table) = &mut self.user_logins else { return Ok(()) };
        let who = table.name(uid);
        if mutation::active(Mutation::TakeNoToken) {
            return Ok(());
        }
        if mutation::active(Mutation::TakeTwoTokens) {
            let _ = table.admit(who, rate, self.now_ms);
        }
        table.admit(who, rate, self.now_ms)
    }

    pub(crate) fn on_login_decided(
        &mut self,
        from: ShardIndex,
        register: &Register,
        result: Result<Subid, Denied>,
    ) {
        if !register.multilogin {
            self.logins.remove(&register.uid);
        }
        let verdict = match result {
            // Others were faster.
            Ok(_) if self.is_full() => self.busy(),
            Ok(subid) => {
                let (uid, server) = (&register.uid, &register.server);
                match self.create_session(uid, server, &subid.0, register.secret.clone()) {
                    true => LoginVerdict::Granted { subid: subid.0 },
                    false => LoginVerdict::Forbidden,
                }
            }
            Err(Denied) => LoginVerdict::Forbidden,
        };
        self.answer_login(from, register.connection, verdict);
    }

    fn answer_login(&mut self, to: ShardIndex, connection: Token, verdict: LoginVerdict) {
        if to == self.index {
            self.on_registered(connection, verdict);
        } else {
            self.post(to, Message::Registered(connection, Box::new(verdict)));
        }
    }

    /// The verdict on a login whose connection is here, if it still is.
    pub(crate) fn on_registered(&mut self, token: Token, verdict: LoginVerdict) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        let Role::Login(login) = &mut connection.role else { return };
        login.machine.on_verdict(verdict);
        self.pump_login(token.slot);
    }
}
