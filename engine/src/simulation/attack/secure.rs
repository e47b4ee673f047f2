//! Attaches of version 2 that prove nothing. The attacker has an account of its own, logs in and attaches
//! twice, so that there is a key that once was right, and then forges beside its connection.

use skyring_protocols::crypt::{Secret, base64encode};
use skyring_protocols::login::client::LoginClientOutput;
use skyring_protocols::login::{LoginSecret, SessionKey};
use skyring_protocols::msg::client::{ClientEvent, MsgClient};
use skyring_protocols::msg::username::Username;
use skyring_protocols::msg::{attach, attach_v2};
use skyring_protocols::{Decode, frame};

use super::wire::Wire;
use super::{Progress, Terms};
use crate::driver::sim::{SimClient, SimNet, SimRandom};
use crate::simulation::half::{LoginHalf, nonce};

/// Honest attaches before the forged one.
const ATTACHES: u64 = 2;
/// An index that nobody comes to.
const HIGH: u64 = 4_294_967_294;

/// What is wrong with the attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It proves nothing.
    Zeros,
    /// It proves the key that was right at first.
    EarlierKey,
    /// It is an attach that was accepted before, to the byte.
    Again,
    /// There is no such user.
    Stranger,
    /// It is of version 1, for a secret of zeros.
    V1,
}

impl Proof {
    fn status(self, terms: &Terms) -> u16 {
        match self {
            _ if terms.uniform_errors => 401,
            Proof::Again => 403,
            Proof::Stranger => 404,
            Proof::Zeros | Proof::EarlierKey | Proof::V1 => 401,
        }
    }
}

enum Step {
    LogIn(SimClient, LoginHalf),
    Attach(SimClient, Box<MsgClient>),
    /// The forged attach; whether its proof was sent.
    Forge(Wire, bool),
    Over,
}

pub(super) struct SecureBout {
    proof: Proof,
    uid: Vec<u8>,
    step: Step,
    name: Vec<u8>,
    /// The key of the login, and what the client has now.
    first: Option<SessionKey>,
    secret: Option<LoginSecret>,
    index: u64,
    /// Frames of the last accepted attach: the hello and the proof.
    said: [Vec<u8>; 2],
    /// The attached connection.
    base: Option<SimClient>,
}

impl SecureBout {
    pub(super) fn begin(
        proof: Proof,
        number: usize,
        terms: &Terms,
        net: &SimNet,
        random: &mut SimRandom,
    ) -> SecureBout {
        let uid = format!("forger-{number}").into_bytes();
        let client = LoginHalf::new(&uid, true, random);
        let step = Step::LogIn(net.connect(terms.login), client);
        let (name, said) = (Vec::new(), [const { Vec::new() }; 2]);
        let (first, secret, base) = (None, None, None);
        SecureBout { proof, uid, step, name, first, secret, index: 0, said, base }
    }

    pub(super) fn act(
        &mut self,
        name: &str,
        terms: &Terms,
        net: &SimNet,
        random: &mut SimRandom,
    ) -> Progress {
        let (step, progress) = match std::mem::replace(&mut self.step, Step::Over) {
            Step::LogIn(line, client) => self.log_in(line, client, terms, net, random),
            Step::Attach(line, client) => self.attaching(line, client, terms, net, random),
            Step::Forge(wire, is_proved) => self.forging(name, wire, is_proved, terms, random),
            Step::Over => (Step::Over, Progress::Over),
        };
        self.step = step;
        progress
    }

    /// Nothing has come of it; in a world where nothing goes wrong that may not be.
    fn fail(terms: &Terms, what: &str) -> (Step, Progress) {
        assert!(!terms.is_undisturbed, "a forger's own {what}");
        (Step::Over, Progress::Over)
    }

    fn log_in(
        &mut self,
        line: SimClient,
        mut client: LoginHalf,
        terms: &Terms,
        net: &SimNet,
        random: &mut SimRandom,
    ) -> (Step, Progress) {
        let Some(outcome) = client.look(&line) else {
            return (Step::LogIn(line, client), Progress::Going);
        };
        line.close();
        match outcome {
            LoginClientOutput::Granted { subid } => {
                let (uid, server) = (self.uid.clone(), b"sample".to_vec());
                self.name = Username { uid, server, subid }.format();
                self.secret = client.secret();
                if let Some(LoginSecret::V2(key)) = &self.secret {
                    self.first = Some(key.clone());
                }
                (self.attach(terms, net, random), Progress::Going)
            }
            LoginClientOutput::Refused(code) => {
                let may_be = code == 406 || terms.may_put_off(code);
                assert!(may_be, "a forger's own login got {code}");
                (Step::Over, Progress::Over)
            }
            _ => Self::fail(terms, "login broke"),
        }
    }

    fn attach(&mut self, terms: &Terms, net: &SimNet, random: &mut SimRandom) -> Step {
        let Some(secret) = &self.secret else { return Step::Over };
        let mut client = Box::new(MsgClient::new(self.name.clone(), secret.clone()));
        self.index += 1;
        self.said[0] = client.attach_with(self.index, &nonce(random));
        let line = net.connect(terms.msg);
        let _ = line.write(&self.said[0]);
        Step::Attach(line, client)
    }

    fn attaching(
        &mut self,
        line: SimClient,
        mut client: Box<MsgClient>,
        terms: &Terms,
        net: &SimNet,
        random: &mut SimRandom,
    ) -> (Step, Progress) {
        client.on_bytes(&line.read());
        match client.poll_event() {
            Some(ClientEvent::Challenged(proof)) => {
                let _ = line.write(&proof);
                self.said[1] = proof;
            }
            Some(ClientEvent::Attached) => {
                self.secret = Some(client.secret().clone());
                if let Some(older) = self.base.replace(line) {
                    older.close();
                }
                let is_ready = self.index >= ATTACHES;
                let step =
                    if is_ready { self.forge(terms, net) } else { self.attach(terms, net, random) };
                return (step, Progress::Going);
            }
            Some(other) => {
                line.close();
                return Self::fail(terms, &format!("attach got {other:?}"));
            }
            None if line.end().is_some() => {
                line.close();
                return Self::fail(terms, "attach broke");
            }
            None => {}
        }
        (Step::Attach(line, client), Progress::Going)
    }

    /// The frame with which the forged attach begins.
    fn hello(&self) -> Vec<u8> {
        let line = match self.proof {
            Proof::Again => return self.said[0].clone(),
            Proof::V1 => attach::format(&self.name, HIGH, &Secret::new([0; 8])),
            Proof::Stranger => {
                let (uid, server, subid) = (b"nobody".to_vec(), b"sample".to_vec(), b"1".to_vec());
                attach_v2::hello(&Username { uid, server, subid }.format(), HIGH, &[0; 16])
            }
            Proof::Zeros | Proof::EarlierKey => attach_v2::hello(&self.name, HIGH, &[0; 16]),
        };
        framed(&line)
    }

    fn forge(&self, terms: &Terms, net: &SimNet) -> Step {
        let mut wire = Wire::open(net, terms.msg);
        wire.say(&self.hello());
        // Version 1 knows no challenge.
        Step::Forge(wire, self.proof == Proof::V1)
    }

    /// The answer to a challenge.
    fn prove(&self, challenge: &[u8]) -> Option<Vec<u8>> {
        match self.proof {
            Proof::Again => Some(self.said[1].clone()),
            Proof::EarlierKey => {
                let hello = attach_v2::hello(&self.name, HIGH, &[0; 16]);
                let mut proving = attach_v2::Proving::new(hello);
                Some(framed(&proving.prove(challenge, self.first.as_ref()?)?))
            }
            _ => Some(framed(format!("v2:{}", base64encode(&[0; 32])).as_bytes())),
        }
    }

    fn forging(
        &mut self,
        name: &str,
        mut wire: Wire,
        is_proved: bool,
        terms: &Terms,
        random: &mut SimRandom,
    ) -> (Step, Progress) {
        wire.act(random);
        let mut is_whole = false;
        if let Decode::Done { value, consumed } = frame::decode(&wire.heard) {
            if !is_proved {
                let proof = self.prove(value);
                let heard = value.escape_ascii();
                let proof = proof.unwrap_or_else(|| panic!("{name} was challenged by {heard}"));
                assert!(value.starts_with(b"v2:"), "{name} was answered {heard}");
                wire.heard.drain(..consumed);
                wire.say(&proof);
                return (Step::Forge(wire, true), Progress::Going);
            }
            let is_status = value.starts_with(format!("{} ", self.proof.status(terms)).as_bytes());
            let may_come = is_status && consumed == wire.heard.len();
            assert!(may_come, "{name} was answered {}", wire.heard.escape_ascii());
            is_whole = true;
        }
        let progress = wire.progress(name, is_whole, terms);
        if progress == Progress::Going {
            return (Step::Forge(wire, is_proved), progress);
        }
        wire.leave();
        let end = self.base.as_ref().and_then(SimClient::end);
        assert!(end.is_none() || !terms.is_undisturbed, "{name} cost a connection: {end:?}");
        (Step::Over, progress)
    }

    pub(super) fn leave(self) {
        match self.step {
            Step::LogIn(line, _) | Step::Attach(line, _) => line.close(),
            Step::Forge(wire, _) => wire.leave(),
            Step::Over => {}
        }
        if let Some(line) = self.base {
            line.close();
        }
    }
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::encode(payload, &mut bytes).expect("an attach is short");
    bytes
}
