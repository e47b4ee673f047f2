//! The players: clients made of the protocols' client halves, which check what they are told.
//!
//! A player repeats an unanswered request once on every new connection, with another nonce, so that
//! the answer shows which of the two ran.

mod hearing;
mod requests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use skyring_protocols::login::LoginSecret;
use skyring_protocols::login::client::LoginClientOutput;
use skyring_protocols::msg::client::{ClientEvent, MsgClient};
use skyring_protocols::msg::username::Username;

use super::dial::{Addresses, Dialler};
use super::game::Ledger;
use super::half::{LoginHalf, nonce};
use super::line::{Cargo, Line};
use crate::driver::sim::{SimNet, SimRandom};

/// What a player must put up with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    /// The server may have retired an answer, so that a repeat runs again.
    pub(super) may_retire: bool,
    /// It may refuse requests and logins because too many wait.
    pub(super) may_refuse: bool,
    /// It may refuse logins because there were so many in a minute, of one user or of one address.
    pub(super) logins_max: Option<[u32; 2]>,
    /// It speaks version 2, too.
    pub(super) is_secure: bool,
    /// Every refused attach is answered 401.
    pub(super) hides_reasons: bool,
    /// Nobody but itself ends its connections.
    pub(super) is_undisturbed: bool,
}

enum Stage {
    /// Logged out.
    Out,
    LoggingIn(Line, LoginHalf),
    /// Logged in without a connection.
    Away,
    /// An attach; `fresh` says whether its index is new, and it must be refused if not.
    Attaching {
        connection: Line,
        client: Box<MsgClient>,
        fresh: bool,
    },
    Playing(Line, Box<MsgClient>),
    /// Is connected and says nothing.
    Silent(Line),
    /// Talks to the gate; what was sent and not yet echoed.
    Gate(Line, Vec<u8>),
}

pub(super) struct Player {
    name: String,
    number: usize,
    dialler: Dialler,
    stage: Stage,
    session: Option<(Vec<u8>, LoginSecret)>,
    login: u32,
    /// The last attach index used, and the last that was accepted.
    index: u64,
    accepted: u64,
    next_id: u32,
    /// The request sent right behind the attach under way, which is not repeated on this connection.
    early: Option<u32>,
    /// Unanswered requests and their kinds.
    open: BTreeMap<u32, &'static str>,
    ledger: Rc<RefCell<Ledger>>,
    /// Requests that were refused and are to be sent again.
    refused: Vec<(u32, &'static str)>,
    /// Requests whose answers may come or not, and whatever they are.
    loose: BTreeSet<u32>,
    /// Times that it does not read.
    deaf: u64,
    manners: Manners,
    /// It has done something after which the server may close its connection.
    may_close: bool,
    /// It has asked to be logged out, which may take its time.
    said_bye: bool,
    /// When its connection was attached, as the rooms count.
    attached_at: u64,
    /// Part of a frame of the gate.
    unread: Vec<u8>,
    /// Whether the last attach was over WebSocket.
    was_on_web: bool,
    /// Answers taken.
    pub(super) answers: u64,
    /// Attaches on another kind of connection than the one before.
    pub(super) moves: u64,
}

impl Player {
    pub(super) fn new(
        number: usize,
        name: String,
        addresses: Addresses,
        ledger: Rc<RefCell<Ledger>>,
        manners: Manners,
    ) -> Player {
        Player {
            name,
            number,
            dialler: Dialler::new(addresses, number),
            stage: Stage::Out,
            session: None,
            login: 0,
            index: 0,
            accepted: 0,
            next_id: 0,
            early: None,
            open: BTreeMap::new(),
            ledger,
            refused: Vec::new(),
            loose: BTreeSet::new(),
            deaf: 0,
            manners,
            may_close: false,
            said_bye: false,
            attached_at: 0,
            unread: Vec::new(),
            was_on_web: false,
            answers: 0,
            moves: 0,
        }
    }

    /// Nothing is unanswered and no step is half done.
    pub(super) fn is_content(&self) -> bool {
        matches!(self.stage, Stage::Playing(..) | Stage::Gate(..))
            && self.open.is_empty()
            && self.unheard().is_empty()
    }

    /// Where it stands.
    pub(super) fn describe(&self) -> String {
        let (stage, connection) = match &self.stage {
            Stage::Out => ("out", None),
            Stage::LoggingIn(connection, _) => ("logging in", Some(connection)),
            Stage::Away => ("away", None),
            Stage::Attaching { connection, .. } => ("attaching", Some(connection)),
            Stage::Playing(connection, _) => ("playing", Some(connection)),
            Stage::Silent(connection) => ("silent", Some(connection)),
            Stage::Gate(connection, _) => ("at the gate", Some(connection)),
        };
        let end = connection.map(|connection| (connection.address(), connection.end()));
        let (open, unheard) = (&self.open, self.unheard());
        format!("{} {stage} {end:?}, unanswered {open:?}, not heard {unheard:?}", self.name)
    }

    /// One thing, chosen by the seed. `calm`: only what leads to contentment.
    pub(super) fn act(&mut self, net: &SimNet, random: &mut SimRandom, calm: bool) {
        let stage = std::mem::replace(&mut self.stage, Stage::Out);
        self.stage = match stage {
            Stage::Out => self.start(net, random, calm),
            Stage::LoggingIn(connection, client) => self.log_in(connection, client, random, calm),
            Stage::Away => self.attach(net, random, calm),
            Stage::Attaching { connection, client, fresh } => {
                self.attaching(connection, client, fresh, random)
            }
            Stage::Playing(connection, client) => self.play(connection, client, random, calm),
            Stage::Silent(connection) => {
                if calm || connection.end().is_some() || random.chance(1_000) {
                    connection.close();
                    Stage::Out
                } else {
                    Stage::Silent(connection)
                }
            }
            Stage::Gate(connection, sent) => self.gate(connection, sent, random, calm),
        };
    }

    /// Leaves for good.
    pub(super) fn leave(self) {
        match self.stage {
            Stage::LoggingIn(connection, _)
            | Stage::Attaching { connection, .. }
            | Stage::Playing(connection, _)
            | Stage::Silent(connection)
            | Stage::Gate(connection, _) => connection.close(),
            Stage::Out | Stage::Away => {}
        }
    }

    fn start(&mut self, net: &SimNet, random: &mut SimRandom, calm: bool) -> Stage {
        if !calm && random.chance(3_000) {
            let Addresses { login, msg, gate, http, .. } = self.dialler.addresses;
            let to = [login, msg, gate, http][random.index(4)];
            let connection = self.dialler.connect(net, to, random);
            if to == login {
                // Whoever connects there has begun a login.
                let address = connection.address().ip();
                self.ledger.borrow_mut().rates.tries(self.name.as_bytes(), address);
            }
            return Stage::Silent(connection);
        }
        if self.number % 5 == 4 {
            let gate = self.dialler.addresses.gate;
            self.attached_at = 0;
            self.unread.clear();
            return Stage::Gate(self.dialler.connect(net, gate, random), Vec::new());
        }
        let is_v2 = self.manners.is_secure && random.chance(1 << 15);
        let client = LoginHalf::new(self.name.as_bytes(), is_v2, random);
        let connection = self.dialler.reach(net, Cargo::Login, random);
        self.ledger.borrow_mut().rates.tries(self.name.as_bytes(), connection.address().ip());
        Stage::LoggingIn(connection, client)
    }

    fn log_in(
        &mut self,
        mut connection: Line,
        mut client: LoginHalf,
        random: &mut SimRandom,
        calm: bool,
    ) -> Stage {
        if !calm && random.chance(500) {
            connection.reset();
            return Stage::Out;
        }
        client.on_bytes(&connection.read());
        if connection.end().is_some() {
            client.on_disconnect();
        }
        while let Some(output) = client.poll_output() {
            match output {
                // A broken connection shows at the next look.
                LoginClientOutput::Send(bytes) => {
                    let _ = connection.write(&bytes);
                }
                LoginClientOutput::Granted { subid } => {
                    connection.close();
                    let name = Username {
                        uid: self.name.clone().into_bytes(),
                        server: b"sample".to_vec(),
                        subid,
                    };
                    self.session = client.secret().map(|secret| (name.format(), secret));
                    self.login += 1;
                    self.said_bye = false;
                    (self.index, self.accepted, self.next_id) = (0, 0, 0);
                    self.open.clear();
                    self.refused.clear();
                    self.loose.clear();
                    return Stage::Away;
                }
                LoginClientOutput::Refused(code) => {
                    self.check_refusal(code, &connection, client.retry_after_ms());
                    connection.close();
                    return Stage::Out;
                }
                LoginClientOutput::Broken(_) => {
                    connection.close();
                    return Stage::Out;
                }
            }
        }
        Stage::LoggingIn(connection, client)
    }

    /// Checks that a login may be refused so.
    fn check_refusal(&self, code: u16, connection: &Line, retry_after_ms: Option<u32>) {
        match code {
            406 => {}
            503 => assert!(self.manners.may_refuse, "this game refuses nobody"),
            429 => {
                let rates = &self.ledger.borrow().rates;
                let (uid, ip) = (self.name.as_bytes(), connection.address().ip());
                let too_often = rates.have_tried_more(uid, ip, self.manners.logins_max);
                assert!(too_often, "{}: refused within its limits", self.name);
                assert!(retry_after_ms.is_some(), "{}: nobody says when to come back", self.name);
            }
            _ => panic!("this game refuses nobody: {code}"),
        }
    }

    /// Whether this answer says that the login is over.
    fn has_no_session(&self, code: u16, fresh: bool) -> bool {
        if self.manners.hides_reasons { fresh && code == 401 } else { code == 404 }
    }

    fn attach(&mut self, net: &SimNet, random: &mut SimRandom, calm: bool) -> Stage {
        let Some((username, secret)) = self.session.clone() else { return Stage::Out };
        let fresh = calm || self.accepted == 0 || !random.chance(8_000);
        let index = if fresh {
            self.index += 1;
            self.index
        } else {
            1 + random.below(self.accepted)
        };
        let mut client = Box::new(MsgClient::new(username, secret));
        let mut connection = self.dialler.reach(net, Cargo::Session, random);
        let mut frames = client.attach_with(index, &nonce(random));
        self.refused.clear();
        self.early = None;
        let is_v1 = client.secret().v1().is_some();
        if is_v1 && fresh && random.chance(20_000) {
            // A request right behind the attach, before its answer.
            self.early = self.ask(&mut client, random, &mut frames);
        }
        let _ = connection.write(&frames);
        Stage::Attaching { connection, client, fresh }
    }

    fn attaching(
        &mut self,
        mut connection: Line,
        mut client: Box<MsgClient>,
        fresh: bool,
        random: &mut SimRandom,
    ) -> Stage {
        client.on_bytes(&connection.read());
        match client.poll_event() {
            Some(ClientEvent::Attached) => {
                assert!(fresh, "{}: a used attach index was accepted", self.name);
                self.accepted = self.index;
                if let Some((_, secret)) = &mut self.session {
                    secret.clone_from(client.secret());
                }
                self.may_close = false;
                self.attached_at = self.ledger.borrow_mut().rooms.now();
                let was_on_web = std::mem::replace(&mut self.was_on_web, connection.is_web());
                self.moves += u64::from(was_on_web != connection.is_web());
                let mut frames = Vec::new();
                for (id, kind) in self.open.clone() {
                    if self.early != Some(id) {
                        self.send(&mut client, kind, id, random, &mut frames);
                    }
                }
                let _ = connection.write(&frames);
                Stage::Playing(connection, client)
            }
            Some(ClientEvent::Challenged(mut frames)) => {
                if fresh && random.chance(20_000) {
                    // A request right behind the proof, before its answer.
                    self.early = self.ask(&mut client, random, &mut frames);
                }
                let _ = connection.write(&frames);
                Stage::Attaching { connection, client, fresh }
            }
            Some(ClientEvent::Refused(code)) if self.has_no_session(code, fresh) => {
                client.on_disconnect();
                connection.close();
                self.session = None;
                Stage::Out
            }
            Some(ClientEvent::Refused(code)) => {
                let stale = if self.manners.hides_reasons { 401 } else { 403 };
                assert!(code == stale, "{}: an attach got {code}", self.name);
                connection.close();
                Stage::Away
            }
            Some(other) => panic!("{}: {other:?} before the attach was answered", self.name),
            None if connection.end().is_some() => {
                client.on_disconnect();
                connection.close();
                Stage::Away
            }
            None => Stage::Attaching { connection, client, fresh },
        }
    }
}
