//! What a player hears, and checks.

use skyring_protocols::msg::response::Flag;
use skyring_protocols::{Decode, frame};

use super::{Player, Stage};
use crate::driver::sim::SimRandom;
use crate::simulation::line::Line;
use crate::simulation::rooms::{Name, RoomLedger};

impl Player {
    /// Broadcasts of its rooms that it must have heard and has not.
    pub(super) fn unheard(&self) -> Vec<usize> {
        let [by_msg, by_gate, by_http] = self.dialler.addresses.may_miss;
        let (name, may_miss) = match (&self.stage, &self.session) {
            (Stage::Playing(line, _), Some((username, _))) => {
                (Name::User(username.clone()), if line.is_web() { by_http } else { by_msg })
            }
            (Stage::Gate(line, _), _) => (Name::Connection(line.address()), by_gate),
            _ => return Vec::new(),
        };
        if may_miss {
            return Vec::new();
        }
        self.ledger.borrow().rooms.missing(&name, self.attached_at)
    }

    /// Checks one response.
    pub(super) fn take(&mut self, flag: Flag, id: u32, content: &[u8]) {
        if flag == Flag::Push && RoomLedger::is_broadcast(content) {
            let username = &self.session.as_ref().expect("a player has a session").0;
            let name = Name::User(username.clone());
            return self.ledger.borrow_mut().rooms.hear(&name, content);
        }
        if flag == Flag::Push {
            assert_eq!((id, content), (0, &b"hey"[..]), "{}: a strange push", self.name);
            return;
        }
        let text = String::from_utf8_lossy(content).into_owned();
        if self.loose.contains(&id) {
            return;
        }
        let Some(kind) = self.open.remove(&id) else {
            panic!("{}: request {id} answered twice: {text}", self.name);
        };
        if self.manners.may_refuse && flag == Flag::Error && kind != "fail" {
            self.open.insert(id, kind);
            return self.refused.push((id, kind));
        }
        self.answers += 1;
        if kind == "fail" {
            assert_eq!((flag, content.len()), (Flag::Error, 0), "{}: a failure", self.name);
            return;
        }
        let username = &self.session.as_ref().expect("a player has a session").0;
        let ledger = self.ledger.borrow();
        let run = ledger.runs.get(&(username.clone(), id));
        let (runs, reply) = run.expect("an answered request ran");
        assert!(
            *runs == 1 || self.manners.may_retire,
            "{}: request {id} ran {runs} times",
            self.name
        );
        assert_eq!(flag, Flag::Ok, "{}: request {id}", self.name);
        assert_eq!(reply.as_deref(), Some(content), "{}: not what the handler said", self.name);
        let owner = format!("|{}|{}|{id}|", self.number, self.login);
        assert!(text.contains(&owner), "{}: {text} is another's answer", self.name);
    }

    pub(super) fn gate(
        &mut self,
        mut connection: Line,
        mut sent: Vec<u8>,
        random: &mut SimRandom,
        calm: bool,
    ) -> Stage {
        self.unread.extend_from_slice(&connection.read());
        while let Decode::Done { value, consumed } = frame::decode(&self.unread) {
            if RoomLedger::is_broadcast(value) {
                let name = Name::Connection(connection.address());
                self.ledger.borrow_mut().rooms.hear(&name, value);
            } else {
                let echoed = &self.unread[..consumed];
                assert!(sent.starts_with(echoed), "{}: the gate echoes what it got", self.name);
                sent.drain(..consumed);
            }
            self.unread.drain(..consumed);
        }
        if connection.end().is_some() || (!calm && random.chance(1_000)) {
            connection.close();
            return Stage::Out;
        }
        if !calm && random.chance(30_000) && sent.len() < 4_000 {
            let mut bytes = vec![random.below(256) as u8; random.below(600) as usize];
            if random.chance(1 << 14) {
                bytes = [&b"join|"[..], b"leave|", b"shout|"][random.index(3)].to_vec();
                bytes.resize(bytes.len() + random.index(9), b'x');
            }
            let mut framed = Vec::new();
            frame::encode(&bytes, &mut framed).expect("a short frame");
            if connection.write(&framed).is_ok() {
                sent.extend_from_slice(&framed);
            }
        }
        Stage::Gate(connection, sent)
    }
}
