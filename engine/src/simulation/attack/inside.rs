//! An attacker with an account of its own: it forges attaches beside its connection, and abuses that.
//!
//! A refused attach changes nothing: after each the attacker asks for something on the connection that
//! it has, and must get it.

mod forgery;

use std::cell::RefCell;
use std::rc::Rc;

use skyring_protocols::crypt::Secret;
use skyring_protocols::login::client::LoginClientOutput;
use skyring_protocols::msg::client::{ClientEvent, MsgClient};
use skyring_protocols::msg::response::Flag;
use skyring_protocols::msg::username::Username;
use skyring_protocols::{Decode, frame};

pub(super) use self::forgery::Forgery;
use super::wire::Wire;
use super::{Progress, Terms};
use crate::driver::sim::{SimClient, SimNet, SimRandom, StreamEnd};
use crate::simulation::game::{FLOOD, Ledger};
use crate::simulation::half::LoginHalf;

/// Requests of one flood.
const FLOOD_COUNT: usize = 30;
/// Looks that an attacker waits for a close which may not come, because its bytes came apart.
const PATIENCE: u32 = 400;

/// What is done on the attached connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulation::attack) enum Abuse {
    /// A frame that has no room for an id.
    Short,
    /// Many requests, while nothing is read.
    Flood,
    /// The same id twice while its handler runs.
    Repeat,
}

#[derive(Clone, Copy, Debug)]
enum Plan {
    Forge(Forgery),
    Abuse(Abuse),
}

enum Step {
    /// Nothing is under way.
    Idle,
    LogIn(SimClient, LoginHalf),
    Attach(SimClient, Box<MsgClient>),
    /// Attached, and about to do what is planned.
    Strike,
    /// A forged attach, and the statuses one of which it must get.
    Forge(Wire, Vec<u16>),
    /// The attached connection must still answer this request.
    Ask(u32),
    /// Flooded it, so many answers have come; deaf for so many looks.
    Flood {
        from: u32,
        answers: usize,
        deaf: u32,
    },
    /// Waits for the server to close, for so many looks.
    Close {
        id: Option<u32>,
        looks: u32,
    },
}

pub(super) struct Insider {
    uid: Vec<u8>,
    ledger: Rc<RefCell<Ledger>>,
    session: Option<(Username, Secret)>,
    index: u64,
    next_id: u32,
    /// The attached connection.
    base: Option<(SimClient, Box<MsgClient>)>,
    plan: Plan,
    step: Step,
}

impl Insider {
    pub(super) fn new(number: usize, ledger: Rc<RefCell<Ledger>>) -> Insider {
        let uid = format!("attacker-{number}").into_bytes();
        let plan = Plan::Abuse(Abuse::Flood);
        let (session, base, step) = (None, None, Step::Idle);
        Insider { uid, ledger, session, index: 0, next_id: 0, base, plan, step }
    }

    /// Plans a forgery; false where the server would accept it.
    pub(super) fn forge(&mut self, forgery: Forgery, terms: &Terms) -> bool {
        self.plan = Plan::Forge(forgery);
        !forgery.statuses(terms).is_empty()
    }

    pub(super) fn abuse(&mut self, abuse: Abuse) {
        self.plan = Plan::Abuse(abuse);
    }

    pub(super) fn describe(&self) -> String {
        let step = match &self.step {
            Step::Idle => "idle",
            Step::LogIn(..) => "logging in",
            Step::Attach(..) => "attaching",
            Step::Strike => "attached",
            Step::Forge(..) => "forging",
            Step::Ask(_) => "asking",
            Step::Flood { .. } => "flooding",
            Step::Close { .. } => "waiting for the close",
        };
        let base = self.base.as_ref().map(|(line, _)| (line.address(), line.end()));
        format!("{step}, with {base:?} for {:?}", self.plan)
    }

    pub(super) fn leave(self) {
        match self.step {
            Step::LogIn(line, _) | Step::Attach(line, _) => line.close(),
            Step::Forge(wire, _) => wire.leave(),
            _ => {}
        }
        if let Some((line, _)) = self.base {
            line.close();
        }
    }

    pub(super) fn act(
        &mut self,
        name: &str,
        terms: &Terms,
        net: &SimNet,
        random: &mut SimRandom,
    ) -> Progress {
        let (step, progress) = match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Idle => (self.begin(terms, net, random), Progress::Going),
            Step::LogIn(line, client) => self.log_in(line, client, terms),
            Step::Attach(line, client) => self.attaching(line, client, terms),
            Step::Strike => self.strike(terms, net),
            Step::Forge(wire, statuses) => self.forging(name, wire, statuses, terms, random),
            Step::Ask(id) => self.asking(name, id, terms),
            Step::Flood { from, answers, deaf } if deaf > 0 => {
                (Step::Flood { from, answers, deaf: deaf - 1 }, Progress::Going)
            }
            Step::Flood { from, answers, .. } => self.flooding(name, from, answers, terms),
            Step::Close { id, looks } => self.closing(name, id, looks),
        };
        self.step = step;
        progress
    }

    /// Nothing has come of it; in a world where nothing goes wrong that may not be.
    fn fail(terms: &Terms, what: &str) -> (Step, Progress) {
        assert!(!terms.is_undisturbed, "an attacker's own {what}");
        (Step::Idle, Progress::Over)
    }

    fn begin(&mut self, terms: &Terms, net: &SimNet, random: &mut SimRandom) -> Step {
        if self.base.as_ref().is_some_and(|(line, _)| line.end().is_none()) {
            return Step::Strike;
        }
        if let Some((line, _)) = self.base.take() {
            line.close();
        }
        let Some((username, secret)) = &self.session else {
            let client = LoginHalf::new(&self.uid, false, random);
            return Step::LogIn(net.connect(terms.login), client);
        };
        self.index += 1;
        let mut client = Box::new(MsgClient::new(username.format(), secret.clone()));
        let line = net.connect(terms.msg);
        let _ = line.write(&client.attach(self.index));
        Step::Attach(line, client)
    }

    fn log_in(
        &mut self,
        line: SimClient,
        mut client: LoginHalf,
        terms: &Terms,
    ) -> (Step, Progress) {
        let Some(outcome) = client.look(&line) else {
            return (Step::LogIn(line, client), Progress::Going);
        };
        line.close();
        match outcome {
            LoginClientOutput::Granted { subid } => {
                let server = b"sample".to_vec();
                let username = Username { uid: self.uid.clone(), server, subid };
                let secret = client.secret().and_then(|secret| secret.v1().cloned());
                self.session = secret.map(|secret| (username, secret));
                self.index = 0;
                (Step::Idle, Progress::Going)
            }
            LoginClientOutput::Refused(code) => {
                let may_be = code == 406 || terms.may_put_off(code);
                assert!(may_be, "an attacker's own login got {code}");
                (Step::Idle, Progress::Over)
            }
            _ => Self::fail(terms, "login broke"),
        }
    }

    fn attaching(
        &mut self,
        line: SimClient,
        mut client: Box<MsgClient>,
        terms: &Terms,
    ) -> (Step, Progress) {
        client.on_bytes(&line.read());
        match client.poll_event() {
            Some(ClientEvent::Attached) => {
                self.base = Some((line, client));
                (Step::Strike, Progress::Going)
            }
            Some(other) => {
                line.close();
                self.session = None;
                Self::fail(terms, &format!("attach got {other:?}"))
            }
            None if line.end().is_some() => {
                line.close();
                Self::fail(terms, "attach broke")
            }
            None => (Step::Attach(line, client), Progress::Going),
        }
    }

    fn strike(&mut self, terms: &Terms, net: &SimNet) -> (Step, Progress) {
        let plan = self.plan;
        let Plan::Forge(forgery) = plan else { return (self.strike_inside(), Progress::Going) };
        let (username, secret) = self.session.as_ref().expect("it is attached");
        let ledger = self.ledger.borrow();
        let Some(bytes) = forgery.forge(username, secret, self.index, &ledger) else {
            return (Step::Idle, Progress::Over);
        };
        let mut wire = Wire::open(net, terms.msg);
        wire.say(&bytes);
        (Step::Forge(wire, forgery.statuses(terms)), Progress::Going)
    }

    fn forging(
        &mut self,
        name: &str,
        mut wire: Wire,
        statuses: Vec<u16>,
        terms: &Terms,
        random: &mut SimRandom,
    ) -> (Step, Progress) {
        wire.act(random);
        let mut is_whole = false;
        if let Decode::Done { value, consumed } = frame::decode(&wire.heard) {
            let is_status = |status: &u16| value.starts_with(format!("{status} ").as_bytes());
            let may_come = statuses.iter().any(is_status) && consumed == wire.heard.len();
            assert!(may_come, "{name} was answered {}", wire.heard.escape_ascii());
            is_whole = true;
        }
        match wire.progress(name, is_whole, terms) {
            Progress::Going => (Step::Forge(wire, statuses), Progress::Going),
            Progress::Met => {
                wire.leave();
                (self.ask(), Progress::Going)
            }
            Progress::Over => {
                wire.leave();
                (Step::Idle, Progress::Over)
            }
        }
    }

    /// Asks on the attached connection.
    fn ask(&mut self) -> Step {
        let id = self.next_id;
        self.next_id += 1;
        self.request(id, self.content("echo", id).as_bytes());
        Step::Ask(id)
    }

    fn content(&self, kind: &str, id: u32) -> String {
        format!("{kind}|{}|0|{id}|", String::from_utf8_lossy(&self.uid))
    }

    fn request(&mut self, id: u32, content: &[u8]) {
        let Some((line, client)) = &mut self.base else { return };
        let mut bytes = Vec::new();
        client.request(id, content, &mut bytes).expect("a short request");
        // A broken connection shows at the next look.
        let _ = line.write(&bytes);
    }

    /// The next that has come on the attached connection: its own answer, or nothing.
    fn hear(&mut self, name: &str) -> Option<(Flag, u32, Vec<u8>)> {
        let (line, client) = self.base.as_mut()?;
        client.on_bytes(&line.read());
        match client.poll_event()? {
            ClientEvent::Response { flag, id, content } => Some((flag, id, content)),
            other => panic!("{name}: the connection beside it has {other:?}"),
        }
    }

    /// Whether the attached connection has ended, behind everything that came.
    fn base_end(&self) -> Option<StreamEnd> {
        self.base.as_ref().map_or(Some(StreamEnd::Reset), |(line, _)| line.end())
    }

    fn asking(&mut self, name: &str, id: u32, terms: &Terms) -> (Step, Progress) {
        if let Some((flag, its, content)) = self.hear(name) {
            let is_refused = terms.may_refuse && flag == Flag::Error;
            let own = self.content("echo", id);
            let is_own = its == id && (is_refused || content == own.as_bytes());
            let text = content.escape_ascii();
            assert!(is_own, "{name}: an attacker heard a foreign answer to {its}: {text}");
            return (Step::Idle, Progress::Met);
        }
        match self.base_end() {
            None => (Step::Ask(id), Progress::Going),
            Some(end) => Self::fail(terms, &format!("connection ended with {end:?}: {name}")),
        }
    }

    fn strike_inside(&mut self) -> Step {
        let Plan::Abuse(abuse) = self.plan else { return Step::Idle };
        let first = self.next_id;
        match abuse {
            Abuse::Short => {
                if let Some((line, _)) = &self.base {
                    let _ = line.write(&[0, 3, 1, 2, 3]);
                }
                Step::Close { id: None, looks: u32::MAX }
            }
            Abuse::Repeat => {
                self.next_id += 1;
                let content = self.content("clash", first);
                (0..3).for_each(|_| self.request(first, content.as_bytes()));
                Step::Close { id: Some(first), looks: PATIENCE }
            }
            Abuse::Flood => {
                for _ in 0..FLOOD_COUNT {
                    let id = self.next_id;
                    self.next_id += 1;
                    self.request(id, FLOOD);
                }
                Step::Flood { from: first, answers: 0, deaf: 40 }
            }
        }
    }

    fn flooding(
        &mut self,
        name: &str,
        from: u32,
        mut answers: usize,
        terms: &Terms,
    ) -> (Step, Progress) {
        while let Some((flag, id, content)) = self.hear(name) {
            let is_refused = terms.may_refuse && flag == Flag::Error;
            let is_own = (from..from + FLOOD_COUNT as u32).contains(&id)
                && (is_refused || content.iter().all(|byte| *byte == b'f'));
            assert!(is_own, "{name}: an attacker heard a foreign answer to {id}");
            answers += 1;
        }
        assert!(answers <= FLOOD_COUNT, "{name} was answered {answers} times");
        if answers == FLOOD_COUNT {
            return (Step::Idle, Progress::Met);
        }
        match self.base_end() {
            None => (Step::Flood { from, answers, deaf: 0 }, Progress::Going),
            Some(end) => Self::fail(terms, &format!("connection ended with {end:?}: {name}")),
        }
    }

    /// Waits for the end of the attached connection, on which no more than the answer to `id` comes.
    fn closing(&mut self, name: &str, id: Option<u32>, looks: u32) -> (Step, Progress) {
        while let Some((flag, its, _)) = self.hear(name) {
            let is_own = id == Some(its) && flag != Flag::Push;
            assert!(is_own, "{name}: an attacker heard a foreign answer to {its}");
        }
        match self.base_end() {
            None if looks == 0 => (Step::Idle, Progress::Over),
            None => (Step::Close { id, looks: looks.saturating_sub(1) }, Progress::Going),
            Some(StreamEnd::Finished) => (Step::Idle, Progress::Met),
            Some(_) => (Step::Idle, Progress::Over),
        }
    }
}
