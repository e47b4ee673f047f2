//! Gate connections: plain frames for the application, which decides when to read (WIRE G1 to G5).

use std::rc::Rc;

use bytes::Bytes;
use skyring_protocols::frame;

use crate::context::GateConnection;
use crate::handler::Agent;
use crate::shard::command::GateDeed;
use crate::shard::connections::{GateRole, Life, Role};
use crate::shard::core::Core;
use crate::shard::counters::Counter;
use crate::shard::dispatch::guarded;
use crate::shard::stream::Fill;

impl Core {
    pub(crate) fn start_gate(&mut self, slot: u32) {
        let connection = self.connections.at_mut(slot);
        connection.role = Role::Gate(Box::default());
        let peer = connection.peer();
        self.dispatch.events().on_connect(self.gate_name(slot), peer);
    }

    fn gate_name(&self, slot: u32) -> GateConnection {
        GateConnection { shard: self.index, token: self.connections.token(slot) }
    }

    /// The connection named, if it is an open gate connection of this shard.
    fn gate(&mut self, connection: GateConnection) -> Option<(u32, &mut GateRole)> {
        let token = connection.token;
        if connection.shard != self.index {
            return None;
        }
        let found = self.connections.get_mut(token).filter(|found| found.life == Life::Open)?;
        match &mut found.role {
            Role::Gate(gate) => Some((token.slot, gate)),
            _ => None,
        }
    }

    pub(crate) fn do_gate_deed(&mut self, connection: GateConnection, deed: GateDeed) {
        let Some((slot, _)) = self.gate(connection) else { return };
        match deed {
            GateDeed::Open => self.open_gate(connection),
            GateDeed::Send(content) => self.gate_send(slot, &content),
            GateDeed::Close => self.finish(slot, Counter::ClosedByServer),
        }
    }

    pub(crate) fn forward(&mut self, connection: GateConnection, agent: Rc<dyn Agent>) {
        if let Some((_, gate)) = self.gate(connection) {
            gate.agent = Some(agent);
            self.open_gate(connection);
        } else {
            guarded(|| agent.on_disconnect(connection));
        }
    }

    /// Reads a connection from now on, if it is not read yet: its handshake is over.
    fn open_gate(&mut self, connection: GateConnection) {
        let Some((slot, gate)) = self.gate(connection) else { return };
        if !std::mem::replace(&mut gate.opened, true) {
            self.vouch(slot);
            self.set_deadline(slot, self.idle_deadline(slot));
            // What came with the end of the TLS handshake is taken first.
            self.resume_soon(slot);
            self.continue_receiving(connection.token);
        }
    }

    /// Keeps what came in before the application has opened the connection.
    pub(crate) fn hold_for_gate(&mut self, slot: u32, bytes: &[u8]) {
        self.connections.at_mut(slot).paused = true;
        let mut remainder = self.connections.take_remainder(slot);
        remainder.extend_from_slice(bytes);
        self.connections.keep_remainder(slot, remainder);
    }

    fn gate_send(&mut self, slot: u32, content: &[u8]) {
        if self.fill(slot, content.len()) == Fill::Beyond && self.has_unsent(slot) {
            return self.drop_push(slot);
        }
        if frame::encode(content, self.connections.output(slot)).is_err() {
            return self.count(Counter::PushDropped);
        }
        if self.is_over_budget(slot) {
            self.pause(slot);
        }
    }

    /// Takes one frame of an opened gate connection.
    pub(crate) fn on_gate_frame(&mut self, slot: u32, payload: &[u8]) {
        self.count(Counter::GateMessages);
        let content = Bytes::copy_from_slice(payload);
        let name = self.gate_name(slot);
        let Some((_, gate)) = self.gate(name) else { return };
        match gate.agent.clone() {
            Some(agent) => {
                self.side.at_root(|| guarded(|| agent.on_message(name, content)));
            }
            None => self.gate_message(slot, name, content),
        }
        // What the application sent in answer counts against this frame, not the next one.
        self.empty_outbox();
        if self.connections.get_mut(name.token).is_some() && self.is_over_budget(slot) {
            self.pause(slot);
        }
    }

    fn gate_message(&mut self, slot: u32, name: GateConnection, content: Bytes) {
        let bytes = content.len();
        if self.dispatch.message(name, content).is_none() {
            self.count(Counter::HandlerWaited);
            if let Role::Gate(gate) = &mut self.connections.at_mut(slot).role {
                gate.pending += 1;
                gate.pending_bytes += bytes;
            }
        }
    }

    /// A message of so many bytes, whose method waited, is taken.
    pub(crate) fn on_gate_message_taken(&mut self, name: GateConnection, bytes: usize) {
        if let Some((slot, gate)) = self.gate(name) {
            gate.pending -= 1;
            gate.pending_bytes -= bytes;
            let is_last = gate.pending == 0;
            if self.draining && is_last {
                return self.finish(slot, Counter::ClosedByServer);
            }
            self.resume_soon(slot);
        }
    }

    /// A gate connection leaves the application's view.
    pub(crate) fn gate_gone(&mut self, slot: u32, gate: &GateRole) {
        let name = self.gate_name(slot);
        if let Some(agent) = &gate.agent {
            guarded(|| agent.on_disconnect(name));
        }
        self.dispatch.events().on_disconnect(name);
    }
}
