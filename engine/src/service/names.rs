//! Names at their home, and services that are made by a message.
//!
//! The home of a global name is the shard that the name routes to. It knows who has it, and passes
//! messages under it on; so messages of one sender under one name keep their order, as long as the
//! name stays with one service. (Skynet's harbor keeps a copy of all names on every node and
//! forgets none.)

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::address::{Address, Name, Recipient};
use super::content::Content;
use super::context::Services;
use super::fault::{ExitReason, Fault, SpawnError};
use super::letter::{CallId, Letter, Matter};
use super::slab::Key;
use crate::shard::core::Core;

impl Core {
    /// Something about a name whose home this is.
    pub(super) fn keep_names(&mut self, letter: Letter) {
        let Letter { to: Recipient::Name(name), matter, call, trace, .. } = letter else { return };
        match matter {
            Matter::Lookup => {
                let found = self.side.services.table.borrow().names.get(&name).copied();
                let answer = found.ok_or(Fault::NoService).map(Content::value);
                self.give(call, answer);
            }
            Matter::Claim(address) => {
                let claimed = self.claim(&name, address);
                if claimed.is_err() && call.is_none() {
                    let to = Recipient::Address(address);
                    return self.route(Box::new(Letter::new(to, Matter::Expel, trace)));
                }
                self.give(call, Ok(Content::value(claimed)));
            }
            Matter::Release(address) => {
                self.side.services.table.borrow_mut().release(&name, address);
            }
            _ => {}
        }
    }

    fn claim(&mut self, name: &Name, address: Address) -> Result<(), SpawnError> {
        let mut table = self.side.services.table.borrow_mut();
        // Of a service of this shard is known whether it still is there.
        if address.shard == self.index && table.instances.get(address.key).is_none() {
            return Err(SpawnError::Stopped);
        }
        table.claim(name, address)
    }

    /// Starts a service that somebody on another shard wants here.
    pub(super) fn spawn_for(&mut self, letter: Letter) {
        let Letter { matter: Matter::Spawn(_, make), call, .. } = letter else { return };
        let services = Services { side: std::rc::Rc::clone(&self.side) };
        // What the application has to say about its own making is caught there, but not the drop of
        // what is not called.
        let made = catch_unwind(AssertUnwindSafe(|| make(&services)));
        self.give(call, Ok(Content::value(made.unwrap_or(Err(SpawnError::Panicked)))));
    }

    /// Makes the service that a message to a key is for.
    pub(super) fn make_keyed(&mut self, to: &Recipient) -> Result<Key, Fault> {
        let Recipient::Key(key) = to else { return Err(Fault::NoService) };
        let side = std::rc::Rc::clone(&self.side);
        let (settings, make) = {
            let table = side.services.table.borrow();
            let class = table.classes.get(&key.class).ok_or(Fault::NoService)?;
            if class.services.len() >= class.settings.instances_max {
                return Err(Fault::InboxFull);
            }
            (class.settings.clone(), std::rc::Rc::clone(&class.make))
        };
        if key.key.len() > super::Key::BYTES_MAX {
            return Err(Fault::NoService);
        }
        let services = Services { side: std::rc::Rc::clone(&side) };
        let started = services.start(settings, |context| make(context, &key.key));
        let address = started.map_err(|error| match error {
            SpawnError::TooMany { .. } => Fault::InboxFull,
            SpawnError::Stopped => Fault::Stopped,
            _ => Fault::Failed,
        })?;
        let mut table = side.services.table.borrow_mut();
        let class = table.classes.get_mut(&key.class).expect("a class stays");
        class.services.insert(std::sync::Arc::clone(&key.key), address.key);
        let instance = table.instances.get_mut(address.key).expect("it was made just now");
        instance.made_for = Some(key.clone());
        instance.active_ms = self.now_ms;
        drop(table);
        self.expect_idleness();
        Ok(address.key)
    }

    /// Somebody wants to hear of the end of a service.
    pub(super) fn add_watcher(&mut self, service: Key, call: Option<CallId>) {
        let Some(call) = call else { return };
        let mut table = self.side.services.table.borrow_mut();
        let instance = table.instances.get_mut(service).expect("it was found");
        if instance.watchers.len() < super::WATCHERS_MAX {
            instance.watchers.insert(call);
        } else {
            drop(table);
            self.give(Some(call), Ok(Content::value(ExitReason::NotWatched)));
        }
    }
}
